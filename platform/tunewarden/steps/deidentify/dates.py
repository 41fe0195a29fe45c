"""Dates moved by a whole number of days that is the person's own, in the form in which they were written.

The offset is an HMAC of the person's data key: 1 to 365 days, back or forth, never 0, and not to be found from the
record. Whole dates keep their intervals exactly. A day without a year moves as in a year of 365 days, a month as its
fifteenth, a year as its first of July, so intervals between these are kept to about half their own length. Dates that
cannot be read are not moved but replaced by their type; so are dates that would leave the years 1 to 9999.
"""

import hmac
from datetime import date, timedelta

import regex

from tunewarden.steps.deidentify.revealing import subkey

_FARTHEST = 365
_MONTHS = {
    "en": ("january february march april may june july august september october november december").split(),
    "es": ("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre").split(),
}
_WEEKDAYS = {
    "en": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    "es": ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
}
_NUMBER = {name[:3]: number for names in _MONTHS.values() for number, name in enumerate(names, start=1)} | {"set": 9}
_ENGLISH = {form for name in _MONTHS["en"] for form in (name, name[:3])}
_ONLY_SPANISH = {form for name in (*_MONTHS["es"], "setiembre") for form in (name, name[:3])} - _ENGLISH
_NO_YEAR = 2001  # of 365 days
_PIVOT = 30  # of two digits: up to here they are of this century

_WORD_MONTH = "|".join(
    [*_MONTHS["en"], *_MONTHS["es"], "setiembre"]
    + [f"{name[:3]}\\.?" for names in _MONTHS.values() for name in names]
    + ["sept\\.?"]
)
_WORD_DAY = "|".join([*_WEEKDAYS["en"], *_WEEKDAYS["es"], "miercoles", "sabado"])
_MON = rf"(?P<mon>{_WORD_MONTH})(?!\p{{L}})"
_D, _M = r"(?P<d>0?[1-9]|[12]\d|3[01])", r"(?P<m>0?[1-9]|1[0-2])"
_NTH = r"(?P<nth>st|nd|rd|th|º|ro)?"
_Y = r"(?P<y>(?:1[5-9]|20|21)\d\d|'?\d\d)"
_LONG_Y = r"(?P<y>(?:1[5-9]|20|21)\d\d)"
_OF = r"[\s,./-]*(?:(?:of|de|del|día|the)\s+)*"
_TIME = (
    r"(?:[T ,]+(?:at\s+|a las\s+)?\d{1,2}[:.h]\d\d(?:[:.]\d\d(?:\.\d+)?)?\s?(?:[ap]\.?m\.?|Z|h|hrs?|[+-]\d\d:?\d\d)?)?"
)
_WEEK = rf"(?:(?P<wd>{_WORD_DAY})\.?[\s,]+(?:the\s+|día\s+)?)?"
_FORMS = [
    regex.compile(rf"{_WEEK}(?:the\s+|el\s+)?{form}{_TIME}", regex.IGNORECASE)
    for form in (
        rf"{_LONG_Y}[-./]{_M}[-./]{_D}",
        rf"(?P<a>\d{{1,2}})(?P<sep>[-./ ])(?P<b>\d{{1,2}})(?P=sep){_Y}",
        rf"{_D}{_NTH}{_OF}{_MON}{_OF}{_Y}",
        rf"{_MON}\s*{_D}{_NTH}[\s,./-]+(?:of\s+)?{_Y}",
        rf"{_D}{_NTH}{_OF}{_MON}",
        rf"{_MON}\s*{_D}{_NTH}",
        rf"{_MON}{_OF}{_Y}",
        r"(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})",
        rf"{_M}[-/]{_LONG_Y}",
        rf"{_LONG_Y}[-/]{_M}",
        _LONG_Y,
        _MON,
    )
]


def offset(key: bytes) -> int:
    """Days that this person's dates move: -365 to -1 or 1 to 365."""
    number = int.from_bytes(hmac.digest(subkey(key, "dates"), b"offset", "sha256")[:8])
    days = number // 2 % _FARTHEST + 1
    return days if number % 2 else -days


def shift(value: str, days: int, *, day_first: bool) -> str | None:
    """`value`, one date, moved by `days`, written as it was; None where it is no date that can be moved.

    `day_first` decides what 3/4/2019 is; where only the other order is a date, it is that one, and full stops between
    digits always mean the day first.
    """
    read = _read(value, day_first=day_first)
    if read is None:
        return None
    match, when = read
    try:
        moved = when + timedelta(days=days)
    except OverflowError:
        return None
    return _rewritten(value, match, moved, day_first=day_first)


def year(value: str) -> str | None:
    """The year of a date in four digits; None where it has none that can be read."""
    if regex.fullmatch(r"(?:1[5-9]|20|21)\d\d", value):
        return value
    read = _read(value, day_first=False)
    if read is None or read[0].groupdict().get("y") is None:
        return None
    return str(read[1].year)


def _read(value: str, *, day_first: bool) -> "tuple[regex.Match[str], date] | None":
    for form in _FORMS:
        match = form.fullmatch(value.strip() if value.strip() == value else "")
        if match is not None and (when := _date(match, day_first=day_first)) is not None:
            return match, when
    return None


def _date(match: "regex.Match[str]", *, day_first: bool) -> date | None:
    found = match.groupdict()
    month_known = bool(found.get("mon") or found.get("m") or found.get("a"))
    day = int(found["d"]) if found.get("d") else 15 if month_known else 1
    month = _month(found["mon"]) if found.get("mon") else int(found["m"]) if found.get("m") else 7
    if found.get("a"):
        first, second = int(found["a"]), int(found["b"])
        day, month = (first, second) if _day_stands_first(match, day_first=day_first) else (second, first)
    try:
        return date(_full_year(found["y"]) if found.get("y") else _NO_YEAR, month, day)
    except ValueError:
        return None


def _day_stands_first(match: "regex.Match[str]", *, day_first: bool) -> bool:
    """Of two numbers: as the caller says, unless only the other order can be a date; before a full stop always."""
    first, second = int(match["a"]), int(match["b"])
    return first > 12 or (second <= 12 and (day_first or match["sep"] == "."))


def _full_year(text: str) -> int:
    digits = int(text.removeprefix("'"))
    if len(text.removeprefix("'")) == 4:
        return digits
    return digits + (2000 if digits <= _PIVOT else 1900)


def _month(word: str) -> int:
    """1 to 12, by the first three letters: no two months of the two languages share them and mean different ones.

    0, which is no month, for a word that only looks like one.
    """
    return _NUMBER.get(word.casefold()[:3], 0)


def _rewritten(value: str, match: "regex.Match[str]", new: date, *, day_first: bool) -> str:
    """`value` with each part of the date exchanged where it stood."""
    changes: list[tuple[int, int, str]] = []

    def put(group: str, text: str) -> None:
        if match.groupdict().get(group):
            changes.append((*match.span(group), text))

    put("d", _as_wide(match, "d", new.day))
    put("m", _as_wide(match, "m", new.month))
    if match.groupdict().get("a"):
        first_is_day = _day_stands_first(match, day_first=day_first)
        first, second = (new.day, new.month) if first_is_day else (new.month, new.day)
        put("a", _as_wide(match, "a", first))
        put("b", _as_wide(match, "b", second))
    put("mon", _like(match.groupdict().get("mon") or "", new.month))
    put("nth", _ordinal(match.groupdict().get("nth") or "", new.day))
    put("wd", _weekday(match.groupdict().get("wd") or "", new))
    if match.groupdict().get("y"):
        short = len(match["y"].removeprefix("'")) == 2
        text = f"{new.year % 100:02}" if short else f"{new.year:04}"
        put("y", "'" + text if match["y"].startswith("'") else text)
    for start, end, text in sorted(changes, reverse=True):
        value = value[:start] + text + value[end:]
    return value


def _as_wide(match: "regex.Match[str]", group: str, number: int) -> str:
    """Two digits stay two digits beside other digits; beside a word they do where the first was a 0."""
    old: str = match.groupdict().get(group) or ""
    numeric = not match.groupdict().get("mon")
    return f"{number:02}" if old.startswith("0") or (numeric and len(old) == 2) else str(number)


def _like(word: str, month: int) -> str:
    """The month in the language, length and case of `word`."""
    plain = word.casefold().rstrip(".")
    spanish = plain in _ONLY_SPANISH
    name = _MONTHS["es" if spanish else "en"][month - 1]
    if plain not in {*_MONTHS["en"], *_MONTHS["es"], "setiembre"}:
        name = name[:3]
    name = name.upper() if word.isupper() else name.capitalize() if word[:1].isupper() else name
    return name + ("." if word.endswith(".") else "")


def _ordinal(old: str, day: int) -> str:
    if old.lower() not in {"st", "nd", "rd", "th"}:
        return old
    new = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return new.upper() if old.isupper() else new


def _weekday(old: str, when: date) -> str:
    spanish = old.lower().replace("miercoles", "miércoles").replace("sabado", "sábado") in _WEEKDAYS["es"]
    name = _WEEKDAYS["es" if spanish else "en"][when.weekday()]
    return name.upper() if old.isupper() else name.capitalize() if old[:1].isupper() else name
