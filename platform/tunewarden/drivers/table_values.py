"""What no value of an uploaded table may be: longer than is read, or no text that UTF-8 can hold."""

from tunewarden.domain.errors import Malformed
from tunewarden.drivers.table_rows import LONGEST_TEXT, LONGEST_VALUE, Part

LONG_ROLES = frozenset({"text", "completion", "rejected"})
"""Parts of a row that may be as long as a text; all others are short values."""


def require_sound(value: str, part: Part, number: int) -> str:
    """The value itself, of row `number`. Raises `Malformed`, without it."""
    longest = LONGEST_TEXT if part.role in LONG_ROLES else LONGEST_VALUE
    if len(value) > longest:
        raise too_long(part, f"The {part.role} of row {number}", longest)
    if "\0" in value or not _encodable(value):
        raise part.malformed(
            "not_utf8",
            f"The {part.role} of row {number} has a character that no text has (zero or half a surrogate pair).",
            "Remove it.",
        )
    return value


def too_long(part: Part, what: str, longest: int) -> Malformed:
    """For something of a row that is longer than `longest` characters."""
    return part.malformed(
        "row_too_long",
        f"{what} is longer than {longest} characters.",
        "Split the record, or leave out what is not to be learnt.",
    )


def _encodable(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
