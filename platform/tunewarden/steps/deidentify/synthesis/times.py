"""Made-up dates and ages, in digits and in words."""

from random import Random

MONTHS = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "es": [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
}
_UNITS = {
    "en": [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ],
    "es": [
        "cero",
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "diez",
        "once",
        "doce",
        "trece",
        "catorce",
        "quince",
        "dieciséis",
        "diecisiete",
        "dieciocho",
        "diecinueve",
        "veinte",
        "veintiuno",
        "veintidós",
        "veintitrés",
        "veinticuatro",
        "veinticinco",
        "veintiséis",
        "veintisiete",
        "veintiocho",
        "veintinueve",
    ],
}
_TENS = {
    "en": ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
    "es": ["veinte", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"],
}
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
_SEASONS = {
    "en": ("spring", "summer", "autumn", "winter", "early", "late", "mid"),
    "es": ("principios de", "finales de"),
}


def in_words(number: int, language: str) -> str:
    """0 to 9,999 as it is said."""
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        head = (
            f"{'' if thousands == 1 else in_words(thousands, 'es') + ' '}mil"
            if language == "es"
            else f"{in_words(thousands, 'en')} thousand"
        )
        return f"{head} {in_words(rest, language)}" if rest else head
    if number >= 100:
        return _hundreds(number, language)
    if number < len(_UNITS[language]):
        return _UNITS[language][number]
    tens, unit = divmod(number, 10)
    word = _TENS[language][tens - 2]
    if not unit:
        return word
    return f"{word} y {_UNITS['es'][unit]}" if language == "es" else f"{word}-{_UNITS['en'][unit]}"


def year_in_words(year: int, language: str) -> str:
    """`nineteen eighty-two`, `mil novecientos ochenta y dos`."""
    if language == "es" or 2000 <= year < 2010:
        return in_words(year, language)
    century, rest = divmod(year, 100)
    said = "hundred" if not rest else in_words(rest, "en") if rest > 9 else f"oh {in_words(rest, 'en')}"
    return f"{in_words(century, 'en')} {said}"


def date(chance: Random, language: str, first: int = 1990, last: int = 2026) -> str:
    """A day, or less exactly a month or a year, in one of the forms in use."""
    pick = chance.random()
    if pick < 0.72:
        return day(chance, language, first, last)
    if pick < 0.84:
        return month(chance, language, first, last)
    if pick < 0.94:
        return _without_year(chance, language)
    return str(chance.randint(first, last))


def day(chance: Random, language: str, first: int = 1990, last: int = 2026) -> str:
    """A day with its year."""
    number, number_of_month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(first, last)
    name = MONTHS[language][number_of_month - 1]
    numeric = [
        f"{year}-{number_of_month:02}-{number:02}",
        f"{number:02}.{number_of_month:02}.{year}",
        f"{number}-{name[:3]}-{year}",
    ]
    if language == "es":
        written = [f"{number} de {name} de {year}", f"{number} de {name} del {year}", f"{number} {name[:3]} {year}"]
        numeric += [f"{number:02}/{number_of_month:02}/{year}", f"{number}/{number_of_month}/{year % 100:02}"] * 3
        numeric += [f"{number:02}-{number_of_month:02}-{year}", f"{number}-{number_of_month}-{year}"]
    else:
        name = name[:3] if chance.random() < 0.25 else name
        written = [f"{name} {number}, {year}", f"{number} {name} {year}", f"{name} {_nth(number)}, {year}"]
        written += [f"{number} {name}, {year}", f"{_nth(number)} {name} {year}", f"{_nth(number)} of {name} {year}"]
        numeric += [f"{number_of_month:02}/{number:02}/{year}", f"{number_of_month}/{number}/{year % 100:02}"] * 2
        numeric += [f"{number_of_month}-{number}-{year % 100:02}", f"{number:02}/{number_of_month:02}/{year}"]
    return chance.choice(written if chance.random() < 0.5 else numeric)


def month(chance: Random, language: str, first: int = 1990, last: int = 2026) -> str:
    """A month or a season of a year."""
    name, year = chance.choice(MONTHS[language]), chance.randint(first, last)
    if language == "es":
        return chance.choice(
            (f"{name} de {year}", f"{name} del {year}", f"{chance.choice(_SEASONS['es'])} {year}", f"{name} {year}")
        )
    return chance.choice(
        (
            f"{name} {year}",
            f"{name} {year}",
            f"{name[:3]} {year}",
            f"{name} of {year}",
            f"{chance.choice(_SEASONS['en'])} {year}",
            f"{chance.randint(1, 12):02}/{year}",
        )
    )


def spoken(chance: Random, language: str, first: int = 1930, last: int = 2026) -> str:
    """A day as it is said, in lower case."""
    number, name, year = chance.randint(1, 20), chance.choice(MONTHS[language]).lower(), chance.randint(first, last)
    said = year_in_words(year, language).replace("-", " ")
    if language == "es":
        return f"{in_words(number, 'es')} de {name} de {said if chance.random() < 0.6 else year}"
    ordinal = _ORDINALS[number - 1]
    return chance.choice(
        (
            f"{name} {ordinal} {said}",
            f"{ordinal} of {name} {said}",
            f"{name} {_nth(number)} {year}",
            f"{name} {ordinal}",
        )
    )


def age(chance: Random) -> int:
    """Whole years."""
    return chance.choices((chance.randint(1, 17), chance.randint(18, 64), chance.randint(65, 103)), (15, 55, 30))[0]


def young(chance: Random, language: str) -> str:
    """The age of a small child, with its unit."""
    count = chance.randint(2, 23)
    if language == "es":
        return f"{count} {chance.choice(('meses', 'semanas', 'días'))}"
    return chance.choice(
        (
            f"{count}-{chance.choice(('month', 'week', 'day'))}-old",
            f"{count} {chance.choice(('months', 'weeks', 'days'))} old",
            f"{count}-mo-old",
        )
    )


def _without_year(chance: Random, language: str) -> str:
    number, place = chance.randint(1, 28), chance.randint(1, 12)
    name = MONTHS[language][place - 1]
    if language == "es":
        return chance.choice((f"{number} de {name}", f"{number}/{place}", f"{number:02}-{place:02}"))
    return chance.choice(
        (
            f"{name} {number}",
            f"{number} {name}",
            f"{place}/{number}",
            f"{name} {_nth(number)}",
            f"the {_nth(number)} of {name}".removeprefix("the "),
            f"{name[:3]} {number}",
        )
    )


def _hundreds(number: int, language: str) -> str:
    hundreds, rest = divmod(number, 100)
    if language == "es":
        irregular = {1: "ciento" if rest else "cien", 5: "quinientos", 7: "setecientos", 9: "novecientos"}
        head = irregular.get(hundreds, f"{_UNITS['es'][hundreds]}cientos")
    else:
        head = f"{_UNITS['en'][hundreds]} hundred"
    return f"{head} {in_words(rest, language)}" if rest else head


def _nth(number: int) -> str:
    if 11 <= number % 100 <= 13:
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"
