"""Patterns of ways to reach a person that need no words of a language: network addresses and telephone numbers."""

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify import checksums
from tunewarden.steps.deidentify.patterns import Pattern, Start
from tunewarden.steps.deidentify.word_lists import words_of

_EXTENSION = r"(?:[ ,]{0,2}(?:x|ext\.?|extension|extensi[oó]n)[ :.#]{0,2}\d{1,6})?"
_NO_MORE = r"(?![\d%]|[./,-]\d|[ ]?(?:mg|ml|mcg|mmhg|kg|cm)\b)"
_TOPS = (
    "com|org|net|edu|gov|io|info|biz|es|uk|de|fr|eu|mx|ar|health|app|dev|ca|au|nl|ch|pl|se|dk|ie|nz|br|cl|pe|jp|cn"
    "|kr|ru|tr|za|pt"
)

REACH = (
    Pattern(
        entity=EntityType.EMAIL,
        score=0.95,
        start=Start.ANYWHERE,
        needs=("@",),
        regex=r"(?<![\p{L}\d._%+'-])[\p{L}\d._%+'-]{1,64}+@(?:[\p{L}\d_-]{1,63}+(?:\.[\p{L}\d-]{1,63}+){0,8}+|\["
        r"[\d.:a-f]{3,45}\])",
    ),
    Pattern(
        entity=EntityType.USERNAME,
        score=0.6,
        start=Start.ANYWHERE,
        needs=("@",),
        regex=r"(?<![\p{L}\d._%+@/'-])@\p{L}[\p{L}\d_.]{1,30}(?<![.])(?![\p{L}\d_@])",
    ),
    Pattern(
        entity=EntityType.URL,
        score=0.9,
        start=Start.ANYWHERE,
        needs=("://", "www."),
        regex=r"(?<![\p{L}\d])(?:[a-z][a-z\d+.-]{1,20}://|www\d?\.)[^\s<>\"\[\]|]{0,2000}[^\s<>\"\[\]|.,;:!?)']",
    ),
    Pattern(
        entity=EntityType.URL,
        score=0.5,
        start=Start.ANYWHERE,
        needs=tuple(f".{top}" for top in _TOPS.split("|")),
        regex=rf"(?<![\p{{L}}\d@._-])(?:[\p{{L}}\d-]{{1,63}}\.){{1,5}}(?:{_TOPS})"
        r"(?![\p{L}\d@-]|\.\p{L})(?::\d{2,5})?(?:[/?#](?:[^\s<>\"\[\]|]{0,2000}[^\s<>\"\[\]|.,;:!?)'])?)?",
    ),
    Pattern(
        entity=EntityType.IP,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 3),
        regex=r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d]|\.\d)(?:/\d{1,2})?(?::\d{2,5})?",
        valid=lambda text: checksums.ip_address(text.split("/")[0].split(":")[0]),
    ),
    Pattern(
        entity=EntityType.IP,
        score=0.8,
        start=Start.ANYWHERE,
        needs=(":",),
        regex=r"(?<![\w:.])(?:[\da-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[\da-f]{0,4})(?:%\w{1,16})?(?![\w:])",
        valid=checksums.ip_address,
    ),
    Pattern(
        entity=EntityType.MAC,
        score=0.8,
        start=Start.ANYWHERE,
        needs=(":", "-", "."),
        regex=r"(?<![\w:.-])(?:[\da-f]{2}([:-])(?:[\da-f]{2}\1){4}[\da-f]{2}|[\da-f]{4}\.[\da-f]{4}\.[\da-f]{4})"
        r"(?![\w:-]|\.\w)",
    ),
    Pattern(  # North America: area code, exchange, line
        entity=EntityType.PHONE,
        score=0.65,
        start=Start.NUMBER,
        run=(1, 10),
        regex=rf"(?<![\d.,+/-])(?:(?:001|1)[ .-]?)?(?:[2-9]\d\d[ .-]{{1,3}}|[2-9]\d\d/)[2-9]\d\d"
        rf"[ .-]{{1,3}}\d{{4}}{_EXTENSION}{_NO_MORE}",
    ),
    Pattern(
        entity=EntityType.PHONE,
        score=0.65,
        start=Start.ANYWHERE,
        needs=("(",),
        regex=rf"(?<!\d)(?:\+?\d{{1,3}}[ .-]?)?\(\d{{2,5}}\)[ .-]{{0,3}}\d{{2,4}}(?:[ .-]{{0,2}}\d{{2,4}}){{1,3}}"
        rf"{_EXTENSION}{_NO_MORE}",
    ),
    Pattern(
        entity=EntityType.PHONE,
        score=0.7,
        start=Start.ANYWHERE,
        needs=("+",),
        regex=rf"(?<![\d+])\+\d{{1,3}}(?:[ \n./-]{{0,2}}\(?0?\d{{1,5}}\)?){{1,6}}{_EXTENSION}(?<=\d){_NO_MORE}",
        valid=lambda text: 8 <= sum(character.isdecimal() for character in text) <= 21,
    ),
    Pattern(  # 0044 20 7946 0958
        entity=EntityType.PHONE,
        score=0.65,
        start=Start.NUMBER,
        run=(4, 16),
        regex=rf"(?<![\d.,/-])00[1-9]\d{{1,2}}(?:[ .-]?\d{{1,5}}){{2,5}}{_NO_MORE}",
        valid=lambda text: 10 <= sum(character.isdecimal() for character in text) <= 17,
    ),
    Pattern(  # Spain: nine digits, 6 to 9 first, in groups
        entity=EntityType.PHONE,
        score=0.6,
        start=Start.NUMBER,
        run=(2, 9),
        regex=rf"(?<![\d.,/-])(?:34[ .-])?(?:[6-9]\d\d(?<same>[ .-])\d{{3}}(?P=same)\d{{3}}"
        rf"|[6-9]\d\d(?<same>[ .-])\d\d(?P=same)\d\d(?P=same)\d\d"
        rf"|[89]\d(?<same>[ .-])\d{{3}}(?P=same)\d\d(?P=same)\d\d|[6-9]\d\d[ .-]\d{{6}}){_NO_MORE}",
    ),
    Pattern(  # Mexico: 55 1234 5678
        entity=EntityType.PHONE,
        score=0.5,
        start=Start.NUMBER,
        run=(2, 3),
        regex=rf"(?<![\d.,/+-])[1-9]\d{{1,2}}(?<same>[ -])\d{{3,4}}(?P=same)\d{{4}}{_NO_MORE}",
    ),
    Pattern(  # Europe inland: a nought, then groups
        entity=EntityType.PHONE,
        score=0.6,
        start=Start.NUMBER,
        run=(2, 6),
        regex=rf"(?<![\d.,/+-])0[1-9]\d{{0,4}}(?:[ ./-]{{1,3}}\d{{2,8}}){{1,4}}{_NO_MORE}",
        valid=lambda text: 9 <= sum(character.isdecimal() for character in text) <= 12,
    ),
    Pattern(  # undivided, by what it begins with
        entity=EntityType.PHONE,
        score=0.5,
        start=Start.NUMBER,
        run=(9, 11),
        regex=r"(?<![\d.,/-])(?:[67]\d{8}|9[1-8]\d{7}|07\d{9}|0[1-9]\d{8}|1?[2-9]\d\d[2-9]\d{6})(?![\d/]|[,.-]\d)",
    ),
    Pattern(  # seven digits are a number only beside a word for it
        entity=EntityType.PHONE,
        score=0.3,
        start=Start.NUMBER,
        run=(3, 3),
        regex=rf"(?<![\d.,/-])[2-9]\d\d[ -]\d{{4}}{_EXTENSION}{_NO_MORE}",
        context=words_of(
            "call called phone tel telephone cell mobile number reach reached dial pager ext home work office fax"
            " contact telefono llamar movil line"
        ),
        context_after=True,
    ),
)
