"""Common Event Format, version 0 (ArcSight, "Implementing ArcSight Common Event Format").

`CEF:0|vendor|product|version|event class id|name|severity|extension`. In the header `\\` and `|` are escaped, in
extension values `\\`, `=` and line ends. Custom strings hold at most 4,000 characters: a longer fact is given as its
digest. `externalId` holds at most 40, too few for an id with an origin in it: it is unique together with `cs1`.
"""

import re

from tunewarden.domain.canonical import digest_bytes, encode
from tunewarden.entry.siem.events import Exported, Gravity

_LONGEST = 4_000
_SEVERITY = {Gravity.INFORMATIONAL: 3, Gravity.NOTICE: 5, Gravity.WARNING: 7, Gravity.CRITICAL: 10}  # of 0 to 10
_VERSION = "1"
MEDIA_TYPE = "text/plain; charset=utf-8"


def render(event: Exported) -> str:
    """One line."""
    header = ("CEF:0", "Tunewarden", "tunewarden", _VERSION, event.type, _words(event.type))
    fact = encode(event.fact)
    extension = {
        "rt": str(int(event.at.timestamp() * 1000)),
        "externalId": event.place,
        "suid": event.actor,
        "cs1Label": "logOrigin",
        "cs1": event.origin,
        "cs2Label": "leafHash",
        "cs2": event.leaf_hash,
        "cs3Label": "fact",
        "cs3": fact.decode() if len(fact) <= _LONGEST else digest_bytes(fact),
        **({"cn1Label": "logIndex", "cn1": str(event.index)} if event.index is not None else {}),
        **_outcome(event),
    }
    pairs = " ".join(f"{key}={_value(value)}" for key, value in extension.items() if value)
    return "|".join([*map(_header, header), str(_SEVERITY[event.gravity]), pairs])


def _outcome(event: Exported) -> dict[str, str]:
    if event.type != "ActionRefused":
        return {}
    return {"act": str(event.fact["action"]), "outcome": "failure", "reason": str(event.fact["code"])}


def _words(name: str) -> str:
    """`RequestSubmitted` -> `Request submitted`."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f" {found[1].lower()}", name)


def _header(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text.replace("\\", "\\\\").replace("|", "\\|"))


def _value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r", "\\r").replace("\n", "\\n")
