"""What a request may be made of, looked at before anything else reads it: its head, and a body of JSON.

A body has to be JSON (RFC 8259) in UTF-8, and where readers of JSON disagree it has to be what all of them read alike
(I-JSON, RFC 7493): no name twice in an object, no half of a surrogate pair, no number beyond the largest double. What
is too large for its place is refused there, by name. The zero character, which PostgreSQL cannot store, stands in
nothing that is asked here. A refusal says what is wrong, and nothing that was sent.

The server has bounds of its own before these: h11 answers 400 to a head of more than 64 KiB and to whatever is no
HTTP/1.1, and closes the connection.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from tunewarden.domain.errors import Malformed

MOST_HEADERS = 100
LARGEST_HEADERS = 32 * 1024  # bytes, names and values together
LONGEST_QUERY = 8 * 1024  # bytes, as they were sent
LONGEST_PATH = 2 * 1024
DEEPEST = 32  # arrays and objects inside each other
_MOST_DIGITS = 308  # of an integer, its sign included; the largest double has 309

# Nobody is known yet when a body is looked at, and it may be nothing but brackets or escapes: no step of ours each.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_SOUND = re.compile(
    r"(?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u(?:[dD][89a-fA-F]|0000)).)*+",
    re.DOTALL,
)
_ZERO = "\\u0000"


def head_too_large(path: bytes, query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, str, str] | None:
    """Status, code and words of the refusal of a head that is too large; None where it is not."""
    if len(path) > LONGEST_PATH or len(query) > LONGEST_QUERY:
        return 414, "target_too_long", f"A path has at most {LONGEST_PATH} bytes and a query {LONGEST_QUERY}."
    sizes = [len(name) + len(value) for name, value in headers]
    if len(sizes) > MOST_HEADERS or sum(sizes) > LARGEST_HEADERS:
        words = f"A request has at most {MOST_HEADERS} headers, of {LARGEST_HEADERS} bytes together."
        return 431, "headers_too_large", words
    return None


def require_no_zero(sent: bytes) -> None:
    """Raise `Malformed` for a zero character in a query or in the fields of a form (`%00`)."""
    if b"%00" in sent or b"\0" in sent:
        raise _zero()


def require_json(body: bytes) -> None:
    """Raise `Malformed` for a body that is not JSON, or not within the bounds."""
    if _is_too_deep(body):
        raise Malformed("json_too_deep", f"The body has more than {DEEPEST} arrays and objects inside each other.")
    try:
        text = body.decode("utf-8-sig")
        _READER.decode(text)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise Malformed("invalid_request", "The body: is not JSON.") from None
    sound = _SOUND.match(text)
    end = 0 if sound is None else sound.end()
    if text.startswith(_ZERO, end):
        raise _zero()
    if end < len(text):
        raise Malformed("surrogate_alone", "A text in the body has half of a surrogate pair, which is no character.")


def _is_too_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    bare = _STRING.sub(b"", body).translate(_AS_ARRAYS, _NO_BRACKETS)
    for _ in range(DEEPEST):
        bare = bare.replace(b"[]", b"")  # what is innermost
    return b"[]" in bare or bare.count(b"[") > DEEPEST  # else, if something is left, brackets without partners: no JSON


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Malformed("name_twice", "An object in the body has the same name twice.")
    return members


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise _too_large()
    return int(text)


def _float(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise _too_large()
    return number


def _constant(_: str) -> NoReturn:
    raise Malformed("invalid_request", "The body: is not JSON, which has no NaN and no infinity.")


def _too_large() -> Malformed:
    return Malformed("number_out_of_range", "A number in the body is too large.")


def _zero() -> Malformed:
    return Malformed("zero_character", "A zero character (U+0000) stands in what was sent.")


_READER = json.JSONDecoder(object_pairs_hook=_members, parse_int=_integer, parse_float=_float, parse_constant=_constant)
