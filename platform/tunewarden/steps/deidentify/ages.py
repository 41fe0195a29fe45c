"""Ages in digits or words, English and Spanish: top-coded (45 CFR 164.514(b)(2)(i)(C)) or in bands of five years."""

import regex

_OLDEST = 89
_BAND = 5
_BANDED = regex.compile(r"\D*(?P<band>90\+|(?P<low>\d{1,2})-(?P<high>\d{1,2}))\D*")
_DIGITS = regex.compile(r"\d{1,3}")
_SHORT = regex.compile(r"month|week|day|mo\b|mes|semana|d[ií]a|hour|hora", regex.IGNORECASE)
_WORDS = {
    **{word: number for number, word in enumerate(
        (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
    ).split())},
    **{word: 10 * tens for tens, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2)},
    **{word: number for number, word in enumerate(
        (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco "
    "veintiséis veintisiete veintiocho veintinueve"
    ).split())},
    **{word: 10 * tens for tens, word in enumerate(
        ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"], start=3)},
    "hundred": 100, "cien": 100, "ciento": 100, "un": 1, "una": 1, "a": 1,
}  # fmt: skip
_UNITS = {
    **dict.fromkeys(("mon", "mo", "mes"), "month"),
    **dict.fromkeys(("wee", "sem"), "week"),
    **dict.fromkeys(("day", "dia", "día"), "day"),
    **dict.fromkeys(("hou", "hor"), "hour"),
}
_FILL = frozenset({"and", "y", "years", "year", "old", "años", "año", "de", "edad", "aged", "age", "yo", "yr", "yrs"})


def top_code(value: str) -> str | None:
    """`value` with an age over 89 years made `90+`; None where no age can be read."""
    if _is_banded(value):
        return value
    years = _years(value)
    if years is None:
        return None
    return value if years <= _OLDEST else _written(value, "90+")


def band(value: str) -> str | None:
    """`value` with the age made the five years that it lies in (`45-49`), `90+` over 89; None where none can be read.

    Ages in months, weeks and days are `0-4 years`, whatever their number.
    """
    if _is_banded(value):
        return value
    years = _years(value)
    if years is None:
        return None
    if _SHORT.search(value) and years <= _OLDEST:
        return "0-4 años" if regex.search(r"mes|seman|d[ií]a|hora", value, regex.IGNORECASE) else "0-4 years"
    low = years // _BAND * _BAND
    return _written(value, "90+" if years > _OLDEST else f"{low}-{low + _BAND - 1}")


def compared(value: str) -> str:
    """An age by which two persons can be compared: `45`, `6 month`, `45-49`, `90+`, whatever was written around it.

    What cannot be read stays, in small letters. Bands and top codes of it are those of `value`.
    """
    low = " ".join(value.lower().split())
    banded = _BANDED.fullmatch(low)
    if banded is not None and _is_banded(low):
        return str(banded["band"])
    years = _years(low)
    if years is None:
        return low
    short = _SHORT.search(low)
    return f"{years} {_UNITS[short[0][:3]]}" if short else str(years)


def _is_banded(value: str) -> bool:
    """Whether `value` is what `band` writes; any other range of ages, such as 91-92, is not."""
    match = _BANDED.fullmatch(value)
    if match is None or match["low"] is None:
        return match is not None
    low, high = int(match["low"]), int(match["high"])
    return low % _BAND == 0 and high == low + _BAND - 1 <= _OLDEST


def _written(value: str, age: str) -> str:
    """The age where its digits stood; nothing of what was written in words stays but the unit."""
    if _DIGITS.search(value):
        return str(_DIGITS.sub(age, value, count=1))
    units = regex.search(r"(?:years?|años?).*", value, regex.IGNORECASE)
    return f"{age} {units[0]}" if units else age


def _years(value: str) -> int | None:
    """The one number in `value`, in completed units; None for none, for several, and for words that are none."""
    numbers = _DIGITS.findall(value)
    if numbers:
        return int(numbers[0]) if len(numbers) == 1 and int(numbers[0]) <= 130 else None
    total, seen = 0, False
    for word in regex.findall(r"\p{L}+", value.lower()):
        if word in _WORDS:
            total, seen = total + _WORDS[word], True
        elif word not in _FILL and not _SHORT.match(word):
            return None
    return total if seen and total <= 130 else None
