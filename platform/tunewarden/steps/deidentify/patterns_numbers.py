"""Patterns that need no words of any language: numeric dates, coordinates, postcodes, codes by form or checksum."""

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify import checksums
from tunewarden.steps.deidentify.patterns import NO_DATE, Pattern, Start
from tunewarden.steps.deidentify.word_lists import words_of

_TIME = r"(?:T|[ ,]+)(?:[01]?\d|2[0-3])(?::|h)[0-5]\d(?::[0-5]\d(?:[.,]\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_ROMAN = r"(?-i:(?:XI{0,2}|I?X|I{1,3}|IV|VI{0,3}))"
_UNIT = r"(?![ ]?(?:mg|mcg|ml|mm|cm|kg|mmhg|dl|%))"

DATES = (
    Pattern(
        entity=EntityType.DATE,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 2),
        regex=r"(?<![\d./-])\d{1,2}\s?(?<same>[./-])\s?\d{1,2}\s?(?P=same)\s?(?:\d{4}|'?\d{2})"
        r"(?![\d/-]|\.\d)"
        r"(?:T\d\d:\d\d(?::\d\d)?Z?)?",
        valid=lambda text: _day_month_year(text),
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.7,
        start=Start.NUMBER,
        run=(4, 4),
        regex=rf"(?<![\d./-])(?:1[89]|20)\d\d(?<same>[./-]){_MONTH}(?P=same){_DAY}(?!\d|[./-]\d)"
        rf"(?:T\d\d:?\d\d(?::?\d\d(?:[.,]\d{{1,9}})?)?(?:Z|[+-]\d\d:?\d\d)?)?",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        start=Start.NUMBER,
        run=(4, 4),
        regex=r"(?<![\d./-])(?:19|20)\d\d[-/](?:0[1-9]|1[0-2])(?![\d/%-]|\.\d)",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.55,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?<![\d./-]){_MONTH}\s?[/-]\s?(?:19|20)\d\d(?![\d/%-]|\.\d)" + _UNIT,
    ),
    Pattern(  # 17-VI-2016
        entity=EntityType.DATE,
        score=0.6,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?<![\d./-]){_DAY}\s?(?<same>[./-])\s?{_ROMAN}\s?(?P=same)\s?(?:\d{{4}}|\d\d)(?!\d)",
    ),
    Pattern(  # 20160617 and 20160617T1030
        entity=EntityType.DATE,
        score=0.5,
        start=Start.NUMBER,
        run=(8, 8),
        regex=r"(?<![\d.,/-])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:T\d{4,6}Z?)?(?![\d/-]|[.,]\d)",
    ),
)


def _day_month_year(text: str) -> bool:
    """Whether one of the first two can be a month and the other a day."""
    first, second = (int(part) for part in text.replace("/", " ").replace(".", " ").replace("-", " ").split()[:2])
    return 1 <= min(first, second) <= 12 and 1 <= max(first, second) <= 31


_COORDINATE = (
    r"\d{1,3}(?:°|\s?º|\s?deg)\s?(?:\d{1,2}(?:\.\d+)?\s?['m]\s?)?(?:\d{1,2}(?:\.\d+)?\s?(?:\"|''|″|s)\s?)?[NSEWO]\b"
)
PLACES = (
    Pattern(
        entity=EntityType.COORDINATES,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 2),
        regex=r"(?<![\d.,])[1-8]?\d\.\d{3,12}°?(?:\s?[NS]\b)?\s?[,;/ ]\s?-?(?:1[0-7]\d|\d{1,2})\.\d{3,12}°?(?:\s?"
        r"[EWO]\b)?(?![\d.]?\d)",
    ),
    Pattern(
        entity=EntityType.COORDINATES,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 3),
        regex=rf"(?<![\d.,]){_COORDINATE}(?:[\s,;/]{{0,3}}{_COORDINATE})?",
    ),
    Pattern(  # United Kingdom
        entity=EntityType.POSTCODE,
        score=0.6,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d-])(?-i:(?:GIR[ ]?0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d"
        r"[ABEHMNPRVWXY])[ ]?\d[ABD-HJLNP-UW-Z]{2}))(?![\p{L}\d])",
    ),
    Pattern(  # Canada
        entity=EntityType.POSTCODE,
        score=0.6,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d-])(?!T\dN)(?-i:[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d)(?!"
        r"[\p{L}\d])",
    ),
    Pattern(  # the Netherlands
        entity=EntityType.POSTCODE,
        score=0.45,
        start=Start.NUMBER,
        run=(4, 4),
        regex=r"(?<![\d.,/-])[1-9]\d{3}[ ](?-i:[A-Z]{2})(?=[ ,]{1,2}(?-i:\p{Lu}\p{Ll}))",
    ),
    Pattern(  # five digits before a town: Spain, Germany, France, Italy
        entity=EntityType.POSTCODE,
        score=0.5,
        start=Start.NUMBER,
        run=(5, 5),
        regex=r"(?<=[,;.(\n-]\s{0,3}|\d[A-Zºª]?\s|\b[A-Z]\s|s/n\s)\d{5}(?=[ ,.-]{1,4}(?-i:\p{Lu}\p{Ll}{2}))(?!"
        r"[ ]\p{L}+\s*:)",
    ),
)

NUMBERS = (
    Pattern(
        entity=EntityType.CARD,
        score=0.85,
        start=Start.NUMBER,
        run=(3, 19),
        regex=r"(?<![\d.,-])(?:[2-6]\d{3}(?:[ .-]{0,3}\d{4}){2}[ .-]{0,3}\d{1,4}(?:[ .-]?\d{3})?|3\d{3}"
        r"[ .-]{0,3}\d{6}[ .-]{0,3}\d{4,5}|[2-6]\d{11,18})(?![\d]|[.,-]\d)",
        valid=checksums.luhn,
    ),
    Pattern(  # sixteen in fours, mistyped or made up
        entity=EntityType.CARD,
        score=0.5,
        start=Start.NUMBER,
        run=(4, 4),
        regex=r"(?<![\d.,-])\d{4}(?<same>[ -])\d{4}(?P=same)\d{4}(?P=same)\d{4}(?!\d|[.,-]\d)",
    ),
    Pattern(  # masked but for the last four
        entity=EntityType.CARD,
        score=0.5,
        start=Start.ANYWHERE,
        needs=("xxxx", "****"),
        regex=r"(?<![\w*])(?:(?:x{4}|\*{4})[ -]?){1,3}\d{4}(?!\d)",
    ),
    Pattern(
        entity=EntityType.IBAN,
        score=0.95,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d])[A-Z]{2}\d{2}(?:[\s.-]?[A-Z\d]{4}){2,7}(?:[\s.-]?[A-Z\d]{1,3})?(?![\p{L}\d])",
        valid=checksums.iban,
    ),
    Pattern(  # the form of one in a country that has them, mistyped or made up
        entity=EntityType.IBAN,
        score=0.55,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d])(?-i:AD|AT|BE|BG|CH|CY|CZ|DE|DK|EE|ES|FI|FR|GB|GR|HR|HU|IE|IS|IT|LI|LT|LU|LV|MC|MT"
        r"|NL|NO|PL|PT|RO|SE|SI|SK|SM|TR)\d{2}(?:[\s-]?[A-Z\d]{4}){3,7}(?:[ -]?\d{1,3}(?!\p{L}))?(?!"
        r"[\p{L}\d])",
    ),
    Pattern(
        entity=EntityType.VEHICLE,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 17),
        regex=r"(?<![\p{L}\d-])(?=\d*[A-Z])[A-HJ-NPR-Z\d]{11}[A-HJ-NPR-Z\d]{2}\d{4}(?![\p{L}\d])",
    ),
    Pattern(
        entity=EntityType.VEHICLE,
        score=0.7,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d-])(?=[A-Z\d]*\d[A-Z\d]*\d)[A-HJ-NPR-Z\d]{13}\d{4}(?![\p{L}\d])",
    ),
    Pattern(
        entity=EntityType.OTHER_ID,
        score=0.8,
        start=Start.ANYWHERE,
        needs=("-",),
        regex=r"(?<![\w-])[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}(?![\w-])",
    ),
    Pattern(  # a digest or token in hexadecimal digits
        entity=EntityType.OTHER_ID,
        score=0.6,
        start=Start.ANYWHERE,
        regex=r"(?<![\p{L}\d])(?=[a-f]{0,31}\d)(?:0x)?[\da-f]{32,128}+(?![\p{L}\d])",
    ),
    Pattern(  # wallets: Bitcoin, Ethereum
        entity=EntityType.ACCOUNT,
        score=0.7,
        start=Start.ANYWHERE,
        needs=("1", "3"),
        regex=r"(?<![\p{L}\d])(?-i:bc1[ac-hj-np-z02-9]{11,71}|[13](?=[a-km-zA-HJ-NP-Z1-9]{0,20}[a-z])(?="
        r"[a-km-zA-HJ-NP-Z1-9]{0,24}[A-Z])[a-km-zA-HJ-NP-Z1-9]{25,34})(?![\p{L}\d])",
    ),
    Pattern(
        entity=EntityType.ACCOUNT,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 1),
        regex=r"(?<![\p{L}\d])0x[\da-f]{40}(?![\p{L}\d])",
    ),
    Pattern(  # lines of a machine-readable travel document
        entity=EntityType.PASSPORT,
        score=0.9,
        start=Start.ANYWHERE,
        needs=("<<",),
        regex=r"(?<![A-Z\d<])(?-i:[A-Z\d<]{28,44})(?![A-Z\d<])",
        valid=lambda text: "<<" in text,
    ),
    Pattern(  # an application to a court: 18403/91
        entity=EntityType.OTHER_ID,
        score=0.65,
        start=Start.NUMBER,
        run=(4, 6),
        regex=r"(?<![\d.,/-])\d{4,6}/\d{2}(?![\d/%]|[.,-]\d|[ ]?(?:mg|ml|mmhg))(?!\s*(?:mg|ml))",
    ),
    Pattern(
        entity=EntityType.PHOTOGRAPH,
        score=0.7,
        start=Start.ANYWHERE,
        needs=(".jp", ".png", ".heic", ".tif", ".bmp", ".gif", ".dcm", ".raw", ".mp4", ".mov", ".avi", ".webp"),
        regex=r"(?<![\p{L}\d_.-])[\p{L}\d_-][\p{L}\d_()-]{0,80}\.(?:jpe?g|png|heic|tiff?|bmp|gif|dcm|raw|mp4|mov"
        r"|avi|webp)(?![\p{L}\d])",
    ),
    Pattern(
        entity=EntityType.PHOTOGRAPH,
        score=0.7,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d])IMG[-_ ]?\d{3,8}(?![\p{L}\d])",
    ),
    Pattern(
        entity=EntityType.PHOTOGRAPH,
        score=0.7,
        start=Start.WORD,
        words=words_of("img dsc dscn pxl foto photo face portrait headshot selfie image imagen"),
        regex=r"(?<![\p{L}\d])(?:(?:IMG|DSCN?|PXL)_?\d[\d_]{2,20}|(?:foto|photo|face|portrait|headshot|selfie"
        r"|image|imagen)[-_]\d{2,10})(?![\p{L}\d])",
    ),
    Pattern(  # a long number is somebody's, whoever issued it
        entity=EntityType.OTHER_ID,
        score=0.45,
        start=Start.NUMBER,
        run=(7, 10_000),
        regex=r"(?<![\d.])\d{7,}+(?!\.\d)",
    ),
    Pattern(
        entity=EntityType.OTHER_ID,
        score=0.45,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d])\p{L}{1,5}[-_/]?\d{5,}+[A-Z]?(?![\p{L}\d])",
    ),
    Pattern(  # groups of letters and digits that are more than a size or a dose
        entity=EntityType.OTHER_ID,
        score=0.45,
        start=Start.CODE,
        regex=rf"(?<![\p{{L}}\d]){NO_DATE}(?=(?:[\p{{L}}-]{{0,10}}\d){{4}})(?-i:[A-Z]{{1,6}}(?:[-_/]"
        rf"[A-Z\d]{{1,12}}){{1,5}})(?![\p{{L}}\d])",
    ),
    Pattern(
        entity=EntityType.OTHER_ID,
        score=0.42,
        start=Start.NUMBER,
        run=(1, 8),
        regex=r"(?<![\p{L}\d.,/-])(?=(?:[A-Z-]{0,6}\d){5})(?-i:\d{1,8}[A-Z]{1,4}[-/]?\d{2,10}[A-Z]{0,2})(?!"
        r"[\p{L}\d/-]|\.\d)",
    ),
    Pattern(  # the file of a German court: 42 Js 782/01
        entity=EntityType.OTHER_ID,
        score=0.6,
        start=Start.NUMBER,
        run=(1, 3),
        regex=r"(?<![\d.,/-])\d{1,3}[ ](?-i:[A-Z][A-Za-z]{0,3})[ ]\d{1,6}/\d{2}(?!\d)",
    ),
    Pattern(  # 25-CV-29161, cr-1995-57104
        entity=EntityType.OTHER_ID,
        score=0.5,
        start=Start.NUMBER,
        run=(1, 4),
        regex=r"(?<![\p{L}\d.,/-])\d{1,4}-[a-z]{1,4}-\d{3,8}(?![\p{L}\d-])",
    ),
    Pattern(
        entity=EntityType.OTHER_ID,
        score=0.45,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d-])[a-z]{1,4}-\d{2,8}-\d{3,8}(?![\p{L}\d-])",
    ),
    Pattern(  # Ireland
        entity=EntityType.POSTCODE,
        score=0.5,
        start=Start.CODE,
        regex=r"(?<![\p{L}\d-])(?-i:[AC-FHKNPRTV-Y]\d[\dW][ ]?(?=[A-Z\d]{0,3}\d)[AC-FHKNPRTV-Y\d]{4})(?![\p{L}\d])",
    ),
    Pattern(  # 123-4567-89
        entity=EntityType.OTHER_ID,
        score=0.45,
        start=Start.NUMBER,
        run=(2, 8),
        regex=rf"(?<![\d.,/-]){NO_DATE}\d{{2,8}}(?:-\d{{2,8}}){{1,4}}(?:-\p{{L}})?(?![\d/%-]|[.,]\d)",
        valid=lambda text: sum(character.isdecimal() for character in text) >= 7,
    ),
    Pattern(
        entity=EntityType.OTHER_ID,
        score=0.25,
        start=Start.NUMBER,
        run=(5, 6),
        regex=r"(?<![\d.,/-])\d{5,6}+(?![\d,%/]|\.\d)",
    ),
)

LANGUAGE_FREE = (*DATES, *PLACES, *NUMBERS)
