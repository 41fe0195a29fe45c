"""The one encoding that is hashed: RFC 8785 (JCS) over strings, integers, booleans, null, arrays and objects.

Floating-point numbers are refused: their canonical form is the trap of RFC 8785 section 3.2.2.3, and no rule here
needs one. Decimals travel as strings, instants as RFC 3339 text in UTC. `to_plain` and `from_plain` turn frozen
dataclasses into such values and back, strictly: an unknown or a missing field is an error. How a type is turned is
worked out once, when its first value comes: most of a request's work is reading and writing what is stored.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, TypeVar, cast

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import Digest

Plain = str | int | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]

_LARGEST_INTEGER = 2**53 - 1  # RFC 8785 appendix D: beyond it, readers that use doubles disagree
T = TypeVar("T")

LATER: Mapping[str, bool] = types.MappingProxyType({"later": True})
"""`field(default=..., metadata=LATER)`: a field that came after the first values were hashed. It is left out of the
plain value where it has its default, so that what was hashed before keeps its digest."""


def encode(thing: object) -> bytes:
    """Return the canonical UTF-8 bytes of a plain value, or of what `to_plain` makes one of.

    Raises `TypeError` for floats, `ValueError` for huge integers, `RecursionError` for some hundred levels of nesting.
    """
    return _text(thing).encode("utf-8")


def decode(data: bytes) -> Plain:
    """Parse canonical bytes. Raises `Corrupted` for others, and for more nesting than the parser goes along with.

    This refuses duplicate names, floats, other spacing, another member order and text that is not UTF-8. Not checked:
    whether `encode` goes along with the nesting; no form of ours is as deep, and `from_plain` refuses what has none.
    """
    # What is read again as it was written had its members in order, each once: in ASCII, sorting says which that is,
    # and elsewhere they are looked at one by one.
    read, write = (_READER, _WRITER) if data.isascii() else (_READER_IN_ORDER, _WRITER_AS_READ)
    try:
        value = cast(Plain, read.decode(data.decode("utf-8")))
        if write.encode(value).encode("utf-8") == data:
            return value
    except (ValueError, TypeError, RecursionError):
        pass
    raise Corrupted("not_canonical", "Stored JSON is not in canonical form (RFC 8785).")


def digest_bytes(data: bytes) -> Digest:
    """Return the SHA-256 digest of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_of(thing: object) -> Digest:
    """Return the digest of the canonical bytes of a dataclass or plain value."""
    return digest_bytes(encode(thing))


_MOST_REMEMBERED = 512
_remembered: dict[int, tuple[object, Digest]] = {}


def digest_of_frozen(thing: object) -> Digest:
    """The same of a dataclass in which nothing can ever change; remembered for this very object.

    Not by what it is equal to: equal things may be written differently.
    """
    known = _remembered.get(id(thing))
    if known is not None and known[0] is thing:  # held here, so no other object has its address
        return known[1]
    digest = digest_of(thing)
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[id(thing)] = (thing, digest)
    return digest


def to_plain(thing: object) -> Plain:
    """Turn dataclasses, enums, decimals, dates and collections into plain values; raises `TypeError` for others."""
    kind: Any = type(thing)
    return _writer(kind)(thing)


def from_plain(kind: type[T], value: Plain) -> T:
    """The inverse of `to_plain` for a dataclass `kind`. Raises `Corrupted` if `value` does not fit it exactly."""
    form: Any = kind
    try:
        return cast(T, _reader(form)(value))
    except (ValueError, TypeError, KeyError, InvalidOperation) as error:
        raise Corrupted("record_malformed", f"A stored {kind.__name__} does not have the expected form.") from error


def decimal_text(number: Decimal) -> str:
    """The one text of a finite decimal: no exponent, no trailing zeros. Raises `ValueError` for NaN and infinity."""
    if not number.is_finite():
        raise ValueError("only finite decimals have a canonical form")
    text = format(number.normalize(), "f")
    return "0" if text in {"-0", "0"} else text


def instant_text(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds. Raises `ValueError` for a time without a zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _names(members: Mapping[str, object]) -> list[str]:
    names = sorted(members)
    if not "".join(names).isascii():
        # RFC 8785 section 3.2.3: the order is that of UTF-16 code units, which for ASCII is that of code points.
        names.sort(key=lambda name: name.encode("utf-16-be"))
    return names


def _exact(number: int) -> int:
    if abs(number) > _LARGEST_INTEGER:
        raise ValueError("integers beyond 2**53 - 1 travel as strings")
    return number


def _members_in_order(pairs: list[tuple[str, Plain]]) -> dict[str, Plain]:
    members = dict(pairs)
    if [name for name, _ in pairs] != _names(members):
        raise ValueError("a name stands there twice, or the names are out of order")
    return members


def _no_number(_: str) -> typing.NoReturn:
    raise ValueError("floating-point numbers have no canonical form")


# RFC 8785 section 3.2.2.2: nothing is escaped that need not be.
_quoted = json.encoder.encode_basestring
_FORM: dict[str, Any] = {"ensure_ascii": False, "check_circular": False, "separators": (",", ":")}
_NUMBERS: dict[str, Any] = {
    "parse_float": _no_number,
    "parse_constant": _no_number,
    "parse_int": lambda text: _exact(int(text)),
}
_WRITER, _READER = json.JSONEncoder(**_FORM, sort_keys=True), json.JSONDecoder(**_NUMBERS)
_WRITER_AS_READ = json.JSONEncoder(**_FORM)
_READER_IN_ORDER = json.JSONDecoder(**_NUMBERS, object_pairs_hook=_members_in_order)


def _text(thing: object) -> str:
    kind: Any = type(thing)
    return _texter(kind)(thing)


@cache
def _texter(kind: type) -> Callable[[Any], str]:
    """What writes values of exactly this type: the canonical text of what `_writer` makes of them."""
    if issubclass(kind, Enum):
        return lambda one: _text(one.value)
    if issubclass(kind, str):
        return _quoted
    if kind is bool or kind is types.NoneType:
        return {True: "true", False: "false", None: "null"}.__getitem__
    if issubclass(kind, int):
        return lambda number: int.__repr__(_exact(number))
    if issubclass(kind, tuple | list):
        return lambda items: f"[{','.join([_text(item) for item in items])}]"
    if dataclasses.is_dataclass(kind):
        return _fields_texter(kind)
    if issubclass(kind, Mapping):
        return _members_text
    plain = _writer(cast(Any, kind))
    return lambda one: _text(plain(one))


def _members_text(members: Mapping[Any, Any]) -> str:
    values = {str(to_plain(name)): value for name, value in members.items()}
    return f"{{{','.join([f'{_quoted(name)}:{_text(values[name])}' for name in _names(values)])}}}"


def _fields_texter(kind: Any) -> Callable[[Any], str]:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    form = [(name, f"{_quoted(name)}:", _came_later(fields[name]), fields[name].default) for name in _names(fields)]

    def text(thing: Any) -> str:
        members = []
        for name, opening, came_later, default in form:
            value = getattr(thing, name)
            if not (came_later and value == default):
                members.append(opening + _text(value))
        return f"{{{','.join(members)}}}"

    return text


@cache
def _writer(kind: type) -> Callable[[Any], Plain]:
    """What turns values of exactly this type into plain ones."""
    if issubclass(kind, Enum):
        return lambda one: to_plain(one.value)
    if issubclass(kind, str | int | types.NoneType):
        return lambda one: cast(Plain, one)
    if issubclass(kind, Decimal):
        return decimal_text
    if issubclass(kind, datetime):
        return instant_text
    if issubclass(kind, date):
        return date.isoformat
    if issubclass(kind, tuple | list):
        return lambda items: [to_plain(item) for item in items]
    if issubclass(kind, frozenset):
        return lambda items: sorted(cast(list[str], [to_plain(item) for item in items]))
    if issubclass(kind, Mapping):
        return lambda members: {str(to_plain(key)): to_plain(value) for key, value in members.items()}
    if dataclasses.is_dataclass(kind):
        return _fields_writer(kind)
    raise TypeError(f"{kind.__name__} has no canonical form")


def _fields_writer(kind: Any) -> Callable[[Any], Plain]:
    fields = dataclasses.fields(kind)

    def write(thing: Any) -> Plain:
        values = [(field, getattr(thing, field.name)) for field in fields]
        return {
            field.name: to_plain(value)
            for field, value in values
            if not (_came_later(field) and value == field.default)
        }

    return write


def _came_later(field: Any) -> bool:
    """See `LATER`."""
    return bool(field.metadata.get("later"))


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What reads values of this type, and raises `ValueError`, `TypeError` or `KeyError` for others."""
    if isinstance(kind, typing.NewType):
        return _reader(kind.__supertype__)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        return _optional_reader(arguments)
    if origin is tuple or origin is frozenset:
        return _items_reader(origin, _reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(_reader(arguments[0]), _reader(arguments[1]))
    if dataclasses.is_dataclass(kind):
        return _dataclass_reader(kind)
    if issubclass(kind, date):
        from_text = datetime.fromisoformat if issubclass(kind, datetime) else date.fromisoformat
        return lambda value: from_text(_string(value))
    if issubclass(kind, Enum):
        members = {one.value: one for one in kind}
        return lambda value: members[_string(value)]
    if issubclass(kind, Decimal) or (kind is not str and issubclass(kind, str)):  # or a word of its own form
        return lambda value: kind(_string(value))
    return _expecting(kind)


def _optional_reader(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    (kind,) = (kind for kind in kinds if kind is not types.NoneType)
    read, may_be_none = _reader(kind), types.NoneType in kinds
    return lambda value: None if value is None and may_be_none else read(value)


def _items_reader(origin: Callable[[Any], Any], read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: origin([read(item) for item in _array(value)])


def _mapping_reader(read_key: Callable[[Any], Any], read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: {read_key(key): read(item) for key, item in _object(value).items()}


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        members = _object(value)
        required, readers = _form(kind)
        if not required <= members.keys() <= readers.keys():
            raise ValueError(f"fields of {kind.__name__} do not match")
        return kind(**{name: readers[name](member) for name, member in members.items()})

    return read


@cache
def _form(kind: type) -> tuple[frozenset[str], dict[str, Callable[[Any], Any]]]:
    """Which fields have to be there, and how each is read."""
    fields, hints = dataclasses.fields(cast(Any, kind)), typing.get_type_hints(kind)
    required = [field.name for field in fields if field.default is field.default_factory is dataclasses.MISSING]
    return frozenset(required), {field.name: _reader(hints[field.name]) for field in fields}


def _expecting(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
        return value

    return read


_string, _object, _array = _expecting(str), _expecting(dict), _expecting(list)
