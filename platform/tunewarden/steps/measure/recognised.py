"""What looks like an identifier in texts that a model wrote or a report would show.

The patterns, lists and rules of de-identification look (`steps/deidentify`), in every language that has some, at the
threshold of the default profile; its network does not, so that what is found follows from the text alone. Not known: by
a name that no list has and nothing around it says, nobody is found; and what is found need not be anybody's.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.recognisers import PATTERNS
from tunewarden.steps.deidentify.spans import Span, resolve

THRESHOLD = Decimal("0.40")


def recognised(texts: Sequence[str]) -> list[tuple[Span, ...]]:
    """Identifiers in each text, disjoint and in order. Not safe to be called by several threads at once.

    Raises `Refused` for a text on which a pattern takes too long.
    """
    return [resolve(spans) for spans in _detector().find(texts)] if texts else []


@cache
def _detector() -> Detector:
    profile = Profile(
        name=PolicyName("looking"),
        method=Method.NONE,
        languages=tuple(sorted(PATTERNS)),
        threshold=THRESHOLD,
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal(1)),
        operators={},
        default=Operator.REPLACE,
    )
    return Detector(profile)
