"""What is put into requests to see where it comes out: words with a period, each for one place, found by any part.

A word is six letters over and over, so whatever twelve letters of it come out, in capitals or not, in base64 or
hexadecimal, say which place they were put into. What has to look like an id or a digest is six hexadecimal digits over
and over, and found by any eighteen. Such a run comes by chance less than once in 10**15 characters.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_LETTERS = "bcdfghjkmnprstvwxz"
_TIMES = 4
_PERIOD = 6
_WORD = re.compile(f"q[{_LETTERS}]{{5}}")
_DIGITS = re.compile("f[0-9]{5}")
_HEX = re.compile("71(?:6[2-9a-f]|7[0-9a]){5}")
_LONG = re.compile(rb"[A-Za-z0-9+/_-]{20,}")
_BASE64 = re.compile(rb"(.{8})\1")
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_LIKE_ID = re.compile(r"((?:[a-z_]+-)?(?:sha256:)?)([0-9a-f]{16,})")


@dataclass(slots=True)
class Planted:
    """What was put where."""

    _places: dict[str, str] = field(default_factory=dict)
    _digests: dict[bytes, str] = field(default_factory=dict)

    def word(self, place: str) -> str:
        """Letters alone, 24 of them."""
        period = "q" + _in_base(len(self._places), _LETTERS, 5)
        self._places[period] = place
        return self._noted(place, period * _TIMES)

    def text(self, place: str) -> str:
        """A word within what a careless page, header or log would stumble on."""
        word = self.word(place)
        return self._noted(place, f'{word} "<b>{word}</b>" & 7%\\n')

    def like(self, value: object, place: str) -> str:
        """Something of the same form as an id or a digest; a word for anything else."""
        found = _LIKE_ID.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return self.word(place)
        period = "f" + _in_base(len(self._places), "0123456789", 5)
        self._places[period] = place
        digits = (period * len(found[2]))[: len(found[2])]
        return self._noted(place, found[1] + digits)

    def found_in(self, data: bytes) -> set[str]:
        """The places whose words stand in `data`, or the SHA-256 of one, which can be guessed."""
        lower = data.decode("utf-8", "replace").lower()
        runs = [
            *(match[0] for match in _WORD.finditer(lower) if _run(lower, match.start(), _PERIOD) >= 12),
            *(match[0] for match in _DIGITS.finditer(lower) if _run(lower, match.start(), _PERIOD) >= 18),
            *(_from_hex(match[0]) for match in _HEX.finditer(lower) if _run(lower, match.start(), 2 * _PERIOD) >= 24),
        ]
        hashes = []
        for long in _LONG.findall(data):
            runs += [plain for match in _BASE64.finditer(long) for plain in _from_base64(match[1])]
            hashes += [self._digests[one] for one in _SHA256.findall(long) if one in self._digests]
        return {self._places[run] for run in runs if run in self._places} | {*hashes}

    def _noted(self, place: str, text: str) -> str:
        self._digests[hashlib.sha256(text.encode()).hexdigest().encode()] = place
        return text


def _in_base(number: int, digits: str, length: int) -> str:
    made = ""
    for _ in range(length):
        number, digit = divmod(number, len(digits))
        made += digits[digit]
    assert number == 0, "too many words"
    return made


def _run(text: str, start: int, period: int) -> int:
    """How many characters around `start` come again after `period`, the last of them included."""
    first, end = start, start + period
    while first > 0 and text[first - 1] == text[first - 1 + period]:
        first -= 1
    while end < len(text) and text[end] == text[end - period]:
        end += 1
    return end - first


def _from_hex(digits: str) -> str:
    return bytes.fromhex(digits).decode("ascii")


def _from_base64(run: bytes) -> Iterator[str]:
    """What eight characters over and over may say, wherever they were cut; from its `q` on."""
    for start in range(4):
        turn = run[start:] + run[:start]
        try:
            plain = base64.b64decode(turn.replace(b"-", b"+").replace(b"_", b"/"), validate=True)
        except binascii.Error:
            continue
        text = plain.decode("latin-1").lower()
        yield text[text.find("q") :] + text[: text.find("q")]
