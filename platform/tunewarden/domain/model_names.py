"""What a model version is called in the OpenAI contract: `ft:<base>:<organisation>:<suffix>:<id>`.

Its id alone decides which one is meant; what stands before it is for people. No name has a slash, because proxies and
older clients send one in a path as it is.
"""

import re

from tunewarden.domain.names import ModelId, PolicyName

ORGANISATION = "tunewarden"
LONGEST_SUFFIX = 64
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


def model_name(base: PolicyName, suffix: str, model: ModelId) -> str:
    """The name; of a suffix from before there were rules for it, what may stand in a name."""
    return f"ft:{base}:{ORGANISATION}:{_UNFIT.sub('', suffix)}:{model}"


def model_in(text: str) -> ModelId:
    """The id that a name ends with; an id is its own name. Not checked: whether there is such a model version."""
    before, colon, identifier = text.rpartition(":")
    return ModelId(identifier if colon and before.startswith("ft:") else text)
