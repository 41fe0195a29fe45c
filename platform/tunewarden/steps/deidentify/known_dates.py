"""A date that is known, in the other forms in which people write it: numeric in any order, or in words."""

from collections.abc import Iterator
from datetime import date

import regex

_MONTHS = (
    ("january jan", "enero ene"),
    ("february feb", "febrero feb"),
    ("march mar", "marzo mar"),
    ("april apr", "abril abr"),
    ("may", "mayo may"),
    ("june jun", "junio jun"),
    ("july jul", "julio jul"),
    ("august aug", "agosto ago"),
    ("september sept sep", "septiembre setiembre sept sep"),
    ("october oct", "octubre oct"),
    ("november nov", "noviembre nov"),
    ("december dec", "diciembre dic"),
)
_NUMBER_OF = {word: number for number, pair in enumerate(_MONTHS, 1) for words in pair for word in words.split()}
_PARTS = regex.compile(r"\d+|\p{L}+")
_CENTURY_TURN = 30  # two digits below it are of this century


def readings(value: str) -> frozenset[date]:
    """The dates that `value` may mean: both, where day and month could change places. None without a year."""
    parts = [part.lower() for part in _PARTS.findall(value.split("T")[0].replace("\u00ba", ""))]
    if len(parts) == 1 and parts[0].isdecimal() and len(parts[0]) == 8:
        parts = [parts[0][:4], parts[0][4:6], parts[0][6:]]
    months = [_NUMBER_OF[part] for part in parts if part in _NUMBER_OF]
    numbers = [part for part in parts if part.isdecimal()][: 3 - len(months)]
    if months and len(numbers) == 2:
        first, second = numbers
        orders = [(first, months[0], second), (second, months[0], first)]
    elif len(numbers) == 3:
        first, second, third = numbers
        orders = [(third, first, second), (third, second, first)] if len(first) != 4 else [(first, second, third)]
    else:
        return frozenset()
    return frozenset(made for year, month, day in orders if (made := _date(year, month, day)) is not None)


def date_forms(value: str) -> Iterator[tuple[str, str]]:
    """(what a text must contain, regex on folded text) for each date that `value` may mean."""
    for day in readings(value):
        year = rf"(?:{day.year}|'?{day.year % 100:02})"
        mm, dd = rf"0?{day.month}", rf"0?{day.day}"
        nth = rf"{dd}(?:st|nd|rd|th|o|er)?"
        names = "|".join(word for words in _MONTHS[day.month - 1] for word in words.split())
        gap = r"[\s.,/-]{0,3}"
        sep = r"\s?[./-]\s?"
        yield (
            f"{day.year % 100:02}",
            rf"{dd}{sep}{mm}{sep}{year}|{mm}{sep}{dd}{sep}{year}|{day.year}{sep}{mm}{sep}{dd}|{day.year}"
            rf"{day.month:02}{day.day:02}",
        )
        yield (
            str(day.day),
            rf"{nth}{gap}(?:(?:of|de)\s+)?(?:{names})\b(?:{gap}(?:(?:of|del?)\s+)?{year})?|(?:{names})\.?"
            rf"{gap}(?:the\s+)?{nth}(?:{gap}{year})?",
        )


def _date(year: str, month: str | int, day: str) -> date | None:
    if len(year) not in {2, 4} or len(day) > 2:
        return None
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < _CENTURY_TURN else 1900
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None
