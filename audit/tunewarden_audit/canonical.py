"""Canonical JSON: RFC 8785 for objects, arrays, strings, integers, booleans and null; nothing else.

Written apart from the platform's encoder on purpose: two implementations that agree are evidence, one is not.
Fractions are refused (they go as decimal strings), and so are integers beyond 2**53 - 1, which other readers round.
`encode_json` is the whole of RFC 8785, fractions included, for comparing with other programs: no entry is made with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NoReturn

LARGEST_INTEGER = 2**53 - 1  # RFC 7493 section 2.2
DEEPEST = 64
LONGEST = 16 * 1024 * 1024  # bytes: what is read takes up to forty times as much memory


class NotCanonical(ValueError):
    """The value has no canonical form, or the bytes are not it. The message never quotes the content."""


def encode(value: object) -> bytes:
    """The one UTF-8 encoding. Raises NotCanonical for floats, large integers, half surrogate pairs and deep nesting."""
    return _bytes(value, _refuse_fraction)


def encode_json(value: object) -> bytes:
    """As `encode`, with fractions in ECMAScript's notation (RFC 8785 section 3.2.2.3). Raises NotCanonical."""
    return _bytes(value, _fraction)


def decode(data: bytes) -> Any:
    """The value of canonical bytes; raises NotCanonical for any other bytes, even where they mean the same value."""
    value = read(data)
    if encode(value) != data:
        raise NotCanonical("the bytes are JSON, but not in canonical form (RFC 8785)")
    return value


def read(data: bytes) -> Any:
    """The value of JSON that others wrote, however spaced and ordered; raises NotCanonical where it is ambiguous.

    That is: a member that is there twice, a number that is not an integer, bytes that are not UTF-8.
    """
    if len(data) > LONGEST:
        raise NotCanonical(f"longer than {LONGEST:,} bytes")
    try:
        return json.loads(
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


def _bytes(value: object, fraction: Callable[[float], str]) -> bytes:
    try:
        return _text(value, 0, fraction).encode("utf-8")
    except UnicodeEncodeError:
        raise NotCanonical("a string holds half of a surrogate pair") from None


def _text(value: object, depth: int, fraction: Callable[[float], str]) -> str:
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
    if isinstance(value, float):
        return fraction(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_text(item, depth + 1, fraction) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(_members(value, depth + 1, fraction)) + "}"
    raise NotCanonical(f"{type(value).__name__} has no canonical form")


def _refuse_fraction(_: float) -> NoReturn:
    raise NotCanonical("float has no canonical form; write numbers with fractions as decimal strings")


def _fraction(value: float) -> str:
    """ECMA-262 Number::toString; Python's repr has the same shortest digits, and only places the point otherwise."""
    if not math.isfinite(value):
        raise NotCanonical("a number is not finite")
    if value == 0:
        return "0"
    sign, figures, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, figures))
    point = len(digits) + int(exponent)  # digits before the decimal point
    if 0 < point <= 21:
        whole, rest = digits[:point].ljust(point, "0"), digits[point:]
        text = f"{whole}.{rest}" if rest else whole
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        rest = f".{digits[1:]}" if digits[1:] else ""
        text = f"{digits[0]}{rest}e{point - 1:+d}"
    return f"-{text}" if sign else text


def _members(value: dict[Any, object], depth: int, fraction: Callable[[float], str]) -> list[str]:
    if not all(isinstance(name, str) for name in value):
        raise NotCanonical("the name of an object's member is not a string")
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))  # RFC 8785 section 3.2.3
    return [f"{_string(name)}:{_text(value[name], depth, fraction)}" for name in names]


def _string(value: str) -> str:
    return encode_basestring(value)  # escapes exactly what RFC 8785 section 3.2.2.2 escapes


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCanonical("an object has the same member twice")
    return members


def _refuse_number(_: str) -> NoReturn:
    raise NotCanonical("a number is not an integer")
