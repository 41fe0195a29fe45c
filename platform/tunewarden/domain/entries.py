"""An entry of the audit log: a fact, who did it and when; and the canonical bytes that the log hashes."""

from dataclasses import dataclass
from datetime import datetime

from tunewarden.domain.canonical import decode, encode, from_plain, instant_text
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import EVENT_TYPES, Event
from tunewarden.domain.names import PrincipalId

_VERSION = 1
LARGEST_ENTRY = 65_535  # bytes; the uint16 of C2SP tlog-tiles entry bundles


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact at an index of the log, with who did it and when (server time)."""

    index: int
    at: datetime
    actor: PrincipalId
    event: Event


def entry_bytes(event: Event, *, actor: PrincipalId, at: datetime) -> bytes:
    """The canonical bytes of an entry, which the log hashes. Its index is its position, so it is not inside."""
    kind = type(event).__name__
    body = {"actor": actor, "at": instant_text(at), "fact": event, "type": kind, "v": _VERSION}
    data = encode(body)
    if len(data) > LARGEST_ENTRY:
        raise Corrupted("entry_too_large", f"A {kind} of {len(data)} bytes is larger than an entry may be.")
    return data


def read_entry(index: int, data: bytes) -> Entry:
    """The inverse of `entry_bytes`; raises `Corrupted` for anything that this version cannot read exactly."""
    body = decode(data)
    if not isinstance(body, dict) or body.keys() != {"actor", "at", "fact", "type", "v"} or body["v"] != _VERSION:
        raise Corrupted("entry_malformed", f"Entry {index} does not have the form of version {_VERSION}.")
    kind = EVENT_TYPES.get(str(body["type"]))
    if kind is None:
        raise Corrupted("entry_unknown", f"Entry {index} is of a type that this version does not know.")
    actor, at = PrincipalId(str(body["actor"])), datetime.fromisoformat(str(body["at"]))
    return Entry(index=index, at=at, actor=actor, event=from_plain(kind, body["fact"]))
