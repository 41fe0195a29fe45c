"""Canonical JSON: RFC 8785 for objects, arrays, strings, integers, booleans and null; nothing else.

Written apart from the platform's encoder on purpose: two implementations that agree are evidence, one is not.
Fractions are refused (they go as decimal strings), and so are integers beyond 2**53 - 1, which other readers round.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

LARGEST_INTEGER = 2**53 - 1  # RFC 7493 section 2.2
DEEPEST = 64


class NotCanonical(ValueError):
    """The value has no canonical form, or the bytes are not it. The message never quotes the content."""


def encode(value: object) -> bytes:
    """The one UTF-8 encoding. Raises NotCanonical for floats, large integers, half surrogate pairs and deep nesting."""
    try:
        return _text(value, 0).encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical("a string holds half of a surrogate pair") from None


def decode(data: bytes) -> Any:
    """The value of canonical bytes; raises NotCanonical for any other bytes, even where they mean the same value."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except NotCanonical:
        raise
    except UnicodeDecodeError:
        raise NotCanonical("the bytes are not UTF-8") from None
    except RecursionError:
        raise NotCanonical(f"nested deeper than {DEEPEST} levels") from None
    except ValueError:
        raise NotCanonical("the bytes are not JSON") from None
    if encode(value) != data:
        raise NotCanonical("the bytes are JSON, but not in canonical form (RFC 8785)")
    return value


def _text(value: object, depth: int) -> str:
    if depth > DEEPEST:
        raise NotCanonical(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise NotCanonical("an integer is larger than 2**53 - 1; write it as a decimal string")
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_text(item, depth + 1) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(_members(value, depth + 1)) + "}"
    raise NotCanonical(f"{type(value).__name__} has no canonical form; write numbers with fractions as decimal strings")


def _members(value: dict[Any, object], depth: int) -> list[str]:
    if not all(isinstance(name, str) for name in value):
        raise NotCanonical("the name of an object's member is not a string")
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))  # RFC 8785 section 3.2.3
    return [f"{_string(name)}:{_text(value[name], depth)}" for name in names]


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # escapes exactly what RFC 8785 section 3.2.2.2 escapes


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCanonical("an object has the same member twice")
    return members


def _refuse_number(_: str) -> NoReturn:
    raise NotCanonical("a number is not an integer")
