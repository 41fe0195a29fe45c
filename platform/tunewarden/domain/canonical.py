"""The one encoding that is hashed: RFC 8785 (JCS) over strings, integers, booleans, null, arrays and objects.

Floating-point numbers are refused: their canonical form is the trap of RFC 8785 section 3.2.2.3, and no rule here
needs one. Decimals travel as strings, instants as RFC 3339 text in UTC. `to_plain` and `from_plain` turn frozen
dataclasses into such values and back, strictly: an unknown or a missing field is an error.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import Digest

Plain = str | int | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]

_LARGEST_INTEGER = 2**53 - 1  # RFC 8785 appendix D: beyond it, readers that use doubles disagree
# RFC 8785 section 3.2.2.2: nothing is escaped that need not be. It writes members in the order in which it finds them.
_WRITER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))
T = TypeVar("T")

LATER: Mapping[str, bool] = types.MappingProxyType({"later": True})
"""`field(default=..., metadata=LATER)`: a field that came after the first values were hashed. It is left out of the
plain value where it has its default, so that what was hashed before keeps its digest."""


def encode(value: Plain) -> bytes:
    """Return the canonical UTF-8 bytes of `value`. Raises `TypeError` for floats, `ValueError` for huge integers."""
    return _WRITER.encode(_ordered(value)).encode("utf-8")


def decode(data: bytes) -> Plain:
    """Parse canonical bytes. Raises `Corrupted` unless re-encoding gives exactly the same bytes.

    This refuses duplicate names, floats, other spacing, another member order and text that is not UTF-8.
    """
    try:
        value = cast(Plain, json.loads(data.decode("utf-8")))
        if encode(value) == data:
            return value
    except (ValueError, TypeError, RecursionError):
        pass
    raise Corrupted("not_canonical", "Stored JSON is not in canonical form (RFC 8785).")


def digest_bytes(data: bytes) -> Digest:
    """Return the SHA-256 digest of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_of(thing: object) -> Digest:
    """Return the digest of the canonical bytes of a dataclass or plain value."""
    return digest_bytes(encode(to_plain(thing)))


def to_plain(thing: object) -> Plain:
    """Turn dataclasses, enums, decimals, dates and collections into plain values; raises `TypeError` for others."""
    match thing:
        case Enum():
            return to_plain(thing.value)
        case None | str() | bool() | int():
            return thing
        case Decimal():
            return decimal_text(thing)
        case datetime():
            return instant_text(thing)
        case date():
            return thing.isoformat()
        case tuple() | list():
            return [to_plain(item) for item in thing]
        case frozenset():
            return sorted(cast(list[str], [to_plain(item) for item in thing]))
        case Mapping():
            return {str(to_plain(key)): to_plain(value) for key, value in thing.items()}
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {name: to_plain(value) for name, value in _members(thing)}
    raise TypeError(f"{type(thing).__name__} has no canonical form")


def from_plain(kind: type[T], value: Plain) -> T:
    """The inverse of `to_plain` for a dataclass `kind`. Raises `Corrupted` if `value` does not fit it exactly."""
    try:
        return cast(T, _read(kind, value))
    except (ValueError, TypeError, KeyError, InvalidOperation) as error:
        raise Corrupted("record_malformed", f"A stored {kind.__name__} does not have the expected form.") from error


def decimal_text(number: Decimal) -> str:
    """The one text of a finite decimal: no exponent, no trailing zeros. Raises `ValueError` for NaN and infinity."""
    if not number.is_finite():
        raise ValueError("only finite decimals have a canonical form")
    text = format(number.normalize(), "f")
    return "0" if text in {"-0", "0"} else text


def _members(thing: Any) -> Iterator[tuple[str, object]]:
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if not (field.metadata.get("later") and value == field.default):
            yield field.name, value


def instant_text(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds. Raises `ValueError` for a time without a zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ordered(value: Plain) -> Plain:
    """The same value with all members in canonical order; raises as `encode` does."""
    match value:
        case None | bool() | str():
            return value
        case int():
            if abs(value) > _LARGEST_INTEGER:
                raise ValueError("integers beyond 2**53 - 1 travel as strings")
            return value
        case dict() | Mapping():
            return {name: _ordered(value[name]) for name in _names(value)}
        case list() | tuple():
            return [_ordered(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _names(members: Mapping[str, Plain]) -> list[str]:
    names = sorted(members)
    if not "".join(names).isascii():
        # RFC 8785 section 3.2.3: the order is that of UTF-16 code units, which for ASCII is that of code points.
        names.sort(key=lambda name: name.encode("utf-16-be"))
    return names


def _read(kind: Any, value: Any) -> Any:
    if isinstance(kind, typing.NewType):
        return _read(kind.__supertype__, value)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        return _read_union(arguments, value)
    if origin is tuple:
        return tuple(_read(arguments[0], item) for item in _expect(list, value))
    if origin is frozenset:
        return frozenset(_read(arguments[0], item) for item in _expect(list, value))
    if origin is not None and issubclass(origin, Mapping):
        return {_read(arguments[0], key): _read(arguments[1], item) for key, item in _expect(dict, value).items()}
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(cast(type, kind), _expect(dict, value))
    if issubclass(kind, datetime):
        return datetime.fromisoformat(_expect(str, value))
    if issubclass(kind, date | Decimal | Enum):
        text = _expect(str, value)
        return date.fromisoformat(text) if kind is date else kind(text)
    if kind is not str and issubclass(kind, str):  # a word with a form of its own
        return kind(_expect(str, value))
    return _expect(kind, value)


def _read_union(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not types.NoneType)
    return _read(kind, value)


def _read_dataclass(kind: type, members: dict[str, Any]) -> Any:
    hints = _hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    required = {name for name, field in fields.items() if field.default is field.default_factory is dataclasses.MISSING}
    if not required <= members.keys() <= fields.keys():
        raise ValueError(f"fields of {kind.__name__} do not match")
    return kind(**{name: _read(hints[name], member) for name, member in members.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _expect(kind: type[T], value: Any) -> T:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
