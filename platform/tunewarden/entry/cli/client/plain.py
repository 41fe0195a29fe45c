"""Text from elsewhere on a terminal: whatever the platform, a file or its name says moves no cursor."""

import unicodedata

_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, formats (those that turn the direction of writing among them), halves of pairs, ends of lines."""


def plain(text: object) -> str:
    """One line that shows what it holds: each character that would not be shown stands there as its escape."""
    return "".join(_shown(letter) for letter in str(text))


def _shown(letter: str) -> str:
    if letter.isascii() and letter.isprintable():
        return letter
    if unicodedata.category(letter) in _NOT_SHOWN:
        return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
    return letter
