"""Patterns of English: written dates, ages, sex, and numbers in words."""

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.patterns import LABEL_END, Pattern, Start, phrase
from tunewarden.steps.deidentify.word_lists import words_of

_SURE_MONTHS = (
    "january jan february feb april apr june jun july jul august aug september sept sep october oct november nov"
    " december dec"
).split()
_MONTHS = [*_SURE_MONTHS, "march", "mar", "may"]
_SURE_MONTH = rf"(?:{'|'.join(_SURE_MONTHS)}){LABEL_END}(?:\.(?=[ ]?['\d]))?"
_MONTH = rf"(?:{'|'.join(_MONTHS)}){LABEL_END}(?:\.(?=[ ]?['\d]))?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:(?:19|20)\d\d|'\d\d)(?![\d%])"
_SHORT_YEAR = r"(?:(?:19|20)\d\d|'?\d\d)(?![\d%:]|[ ]?(?:mg|ml|years?|am|pm)\b)"
_NTH = (
    r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth"
    r"|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
    r"|(?:twenty|thirty)[- ](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth))\b"
)
_ONE = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TEEN = r"(?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)"
_TENS = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
_UNDER_HUNDRED = rf"(?:{_TENS}(?:[- ]{_ONE}\b)?|{_TEEN}|{_ONE})"
_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"
).split()
_SPOKEN_YEAR = (
    rf"(?:(?:nineteen|twenty)[- ](?:(?:oh|o)[- ]{_ONE}|{_TENS}(?:[- ]{_ONE})?|{_TEEN})"
    rf"|two thousand(?: and)?(?: {_UNDER_HUNDRED})?)\b"
)
_TO = r"\s*(?:-|to|and|&|/|through|until)\s*"
_COMMA = r"[,\s./-]{0,3}"
_VERB = (
    r"(?!\s+(?:have|has|be|been|not|also|need|require|want|take|use|cause|see|come|get|return|resume|lead|include)\b)"
)

# Months and years are fewer than the little words before them, so these are tried at the former and look back.
_WHEN, _ = phrase(
    "on|in|since|until|till|by|before|after|from|to|during|of|last|next|this|early|mid|late|around|about|and|or|through"
    "|between|dated"
)
_BEFORE_YEAR, _ = phrase(
    "on|in|since|until|till|by|before|after|from|to|during|of|last|early|mid|late|around|about|and|or|through|between|dated"
    "|born|year|died|summer|winter|spring|autumn|fall|" + "|".join(_MONTHS)
)
_SEEN, _ = phrase(
    "on|since|until|till|by|before|after|from|between|dated|date|dos|admitted|discharged|seen|visit|visited|born|dob|due"
    "|expires|expiry|exp|effective|through|was|day"
)
_YEAR_BEHIND = rf"(?<={_BEFORE_YEAR}\s+(?:in\s+|the\s+year\s+)?)"
_ITS_YEAR = (
    r"(?:19|20)\d\d(?:s\b|[-/](?:(?:19|20)\d\d|\d\d))?(?![\d%]|[.,]\d|[-/:]\w|[ ]?(?:mg|mcg|ml|g|kg|cc|units?|cal"
    r"|kcal|steps|calories|patients|people|euros?|dollars)\b)"
)

DATES = (
    Pattern(
        entity=EntityType.DATE,
        score=0.65,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?<![\d/.-]){_DAY}(?:{_TO}{_DAY})?[\s./-]{{0,2}}(?:(?:day\s+)?of\s+)?{_SURE_MONTH}(?:{_COMMA}"
        rf"(?:of\s+)?{_YEAR}|[\s./-]{_SHORT_YEAR})?",
    ),
    Pattern(  # march and may are verbs as well
        entity=EntityType.DATE,
        score=0.65,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?<![\d/.-]){_DAY}(?:{_TO}{_DAY})?(?:(?<=[a-z])\s*|\s*(?:day\s+)?of\s+|[./-]|\s*(?=(?-i:Ma[ry])))"
        rf"(?:march|mar|may){LABEL_END}\.?{_VERB}(?:{_COMMA}(?:of\s+)?{_YEAR}|[\s./-]{_SHORT_YEAR})?",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.65,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?<![\d/.-]){_DAY}(?:{_TO}{_DAY})?\s*(?:march|mar|may){LABEL_END}"
        rf"(?:{_COMMA}{_YEAR}|(?=\s*(?:[.,;:)\]\n]|$|(?:and|at|to|until|in|for|with|was|we|i|he|she|they|the)\b)))",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.65,
        start=Start.WORD,
        words=frozenset(_MONTHS),
        regex=rf"(?<!\p{{L}}){_MONTH}[\s-]{{0,2}}(?:the\s+)?{_DAY}(?![\d%/:]|\.\d|[ ]?(?:mg|ml|years?|times"
        rf"|weeks?|days?|months?)\b)"
        rf"(?:{_TO}(?:{_MONTH}\s*)?{_DAY}(?![\d/]))?(?:,?[\s-]*(?:of\s+)?(?:{_YEAR}|(?<=-)\d\d\b))?",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.65,
        start=Start.WORD,
        words=frozenset(_MONTHS),
        regex=rf"(?<!\p{{L}}){_MONTH}(?:,?\s*(?:of\s+)?|\s*[/-]\s*){_YEAR}",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.6,
        start=Start.WORD,
        words=frozenset(_MONTHS),
        regex=rf"(?<!\p{{L}}){_MONTH}\s+(?:the\s+)?{_NTH}(?:,?\s+{_SPOKEN_YEAR}|,?\s*{_YEAR})?",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.6,
        start=Start.WORD,
        words=words_of(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
            " fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth twenty thirty"
        ),
        regex=rf"(?<!\p{{L}}){_NTH}(?:\s+(?:day\s+)?of)?\s+{_MONTH}(?:,?\s+{_SPOKEN_YEAR}|,?\s*{_YEAR})?",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        start=Start.WORD,
        words=frozenset(_MONTHS) - {"mar"},
        regex=rf"(?<={_WHEN}\s+(?:(?:early|late|mid|last|this|next)[\s-]+)?)(?:{_SURE_MONTH}|(?-i:March|May)\b"
        rf"(?!\s+\p{{Lu}}))",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        start=Start.WORD,
        words=words_of("early late mid summer winter spring autumn fall"),
        regex=r"(?<!\p{L})(?:early|late|mid|summer|winter|spring|autumn|fall)(?:\s+of)?[\s-]+(?:19|20)\d\d(?!"
        r"[\d%]|[.,]\d|[-/:]\w)",
    ),
    Pattern(  # a year that is one by what stands before it; not an amount
        entity=EntityType.DATE,
        score=0.5,
        start=Start.NUMBER,
        run=(4, 4),
        regex=rf"(?=19|20){_YEAR_BEHIND}{_ITS_YEAR}",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        start=Start.WORD,
        words=words_of("summer winter spring autumn fall"),
        regex=rf"{_YEAR_BEHIND}(?:summer|winter|spring|autumn|fall)\s+(?:of\s+)?{_ITS_YEAR}",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?:0?[1-9]|[12]\d|3[01])[/-](?:0?[1-9]|[12]\d|3[01])(?![/\d%-]|\.\d|\s*(?:scale|pain))"
        rf"(?<={_SEEN}\s*:?\s*(?:on\s+)?\d{{1,2}}[/-]\d{{1,2}})",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.6,
        start=Start.WORD,
        words=words_of("exp expires expiry expiration expiring valid"),
        regex=r"(?<!\p{L})(?:exp|expir\p{L}+|valid)\b\.?\s*(?:date|thru|through|until|on)?\s*:?\s*(?<v>(?:0[1-9]"
        r"|1[0-2])\s?/\s?(?:\d{4}|\d\d))(?!\d)",
    ),
)

_YEARS_OLD = (
    r"(?:[\s-]*(?:y\.?[\s/]?o\.?\b|y/?o[mf]?\b|yow?[mfw]\b|yr?s?[mf]\b|yrs?\.?[\s-]*(?:old|o)\b|years?"
    r"[\s-]*(?:old|of[\s-]age)\b"
    r"|y\.?o\.?[mf]?\b|yr\.?[\s/-](?:m|f|male|female)\b|y(?=[,;.)\s]+(?:m|f|male|female)\b)))"
)
_MONTHS_OLD = r"(?:months?|mos?|weeks?|wks?|days?|hours?)"
_MARK = r"(?-i:[MF])"
_AT_START = r"(?<![\d.,/$:-])(?<=^|[\n.;:(,|]\s{0,3}|\b(?:a|an|the|this|pt|patient|is|of|hpi|cc|old)\s)"

AGES = (
    Pattern(  # "50Female", "101F c/o"
        entity=EntityType.AGE,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 3),
        regex=r"(?<![\d.,/$-])\d{1,3}(?=\s?(?:fe)?male\b|(?-i:[MF])[ ]c/o)",
    ),
    Pattern(  # "Ada Cole, 45, of Leeds"
        entity=EntityType.AGE,
        score=0.5,
        start=Start.NUMBER,
        run=(1, 3),
        regex=r"(?<=\p{L},\s)(?:1[01]\d|[1-9]\d?)(?=,\s(?:of|a|an|the|who|single|married|separated|engaged|widowed|divorced|retired|was|from|has|is|had|de|que)\b)",
    ),
    Pattern(  # "his wife Ada (45)"
        entity=EntityType.AGE,
        score=0.35,
        start=Start.NUMBER,
        run=(1, 3),
        regex=r"(?<=\p{L}{2}\s\()(?:1[01]\d|[1-9]\d?)(?=\))",
        context=words_of(
            "wife husband son daughter brother sister mother father uncle aunt partner friend cousin neighbour neighbor"
            " spouse child kids children mom dad grandmother grandfather nephew niece roommate"
        ),
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.5,
        start=Start.WORD,
        words=words_of("i he she im"),
        regex=rf"(?<!\p{{L}})(?:i'?m|i\s+am|he'?s|she'?s|he\s+is|she\s+is)\s+(?:only\s+|now\s+|just\s+)?(?<v>1"
        rf"[01]\d|[1-9]\d|{_UNDER_HUNDRED})(?=\s*(?:[.,;?!\n]|$|(?:and|now|years|yeah|alright|okay|but"
        rf"|almost)\b))",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 3),
        regex=rf"(?<![\d.,/$-])(?<v>1[0-2]\d|\d{{1,2}}(?:\.5)?(?:\s?(?:-|to|or)\s?\d{{1,3}})?){_YEARS_OLD}",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 3),
        regex=rf"(?<![\d.,/$-])\d{{1,3}}[\s-]*{_MONTHS_OLD}[\s-]*(?:old\b|of\s+age\b|o\b)",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 2),
        regex=r"(?<![\d.,/$-])(?<v>\d{1,2}\s?mo[mf])\b",
    ),
    Pattern(  # "45M", "45 F", "45/M"
        entity=EntityType.AGE,
        score=0.6,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"{_AT_START}(?<v>\d{{1,2}})[ ]?/?[ ]?{_MARK}(?=[\s,;.)]+(?:with|who|w/|c/o|pt|patient|presents?"
        rf"|presenting|here|s/p|h/o|hx|admitted|came|\()|[,;.)]|\s*$)",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.8,
        start=Start.WORD,
        words=words_of("age aged ages dob"),
        regex=r"(?<!\p{L})ages?d?\b[\"'*]*\s*(?:\([^()\n]{1,12}\))?\s*(?:is|was|of|about|around|:|=|\||,)?\s*"
        r"[\"'*]*\s*(?<v>1[0-2]\d|\d{1,2}(?:\s*(?:-|to)\s*\d{1,2})?)(?![\d%/]|\.\d|,\d)",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.6,
        start=Start.WORD,
        words=words_of("turned turning turns over under am is was"),
        regex=r"(?<!\p{L})(?:(?:just\s+)?turn(?:ed|ing|s)|i\s?am|am|is|was)\s+(?:just\s+|only\s+|now\s+"
        r"|already\s+)?(?<v>1[0-2]\d|[1-9]\d?)(?=\s+years?\b(?!\s+(?:ago|later|after|since|of\s+(?!age)))"
        r"|\s+(?:now|when|at the time)\b|\s*(?:,\s*)?(?:and|with)\s+(?:live|lives|single|married)\b)",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.6,
        start=Start.WORD,
        words=words_of("turned turning turns"),
        regex=rf"(?<!\p{{L}})turn(?:ed|ing|s)\s+(?<v>1[0-2]\d|[1-9]\d|{_UNDER_HUNDRED}\b)(?!\s*(?:degrees|times|%"
        rf"|/|\d|years?\s+ago))",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.6,
        start=Start.WORD,
        words=words_of("his her their my early mid late"),
        regex=r"(?<!\p{L})(?:his|her|their|my|early|mid|late)(?:[\s-]+(?:early|mid|late))?[\s-]+(?<v>[1-9]0'?s\b|"
        r"(?:teens|twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties)\b)",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.75,
        start=Start.WORD,
        words=frozenset(_NUMBER_WORDS),
        regex=rf"(?<!\p{{L}})(?<v>(?:(?:one|a)\s+hundred(?:\s+and)?\s+)?{_UNDER_HUNDRED})[\s-]+years?[\s-]+(?:old"
        rf"|of[\s-]age)\b",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.75,
        start=Start.WORD,
        words=frozenset(_NUMBER_WORDS),
        regex=rf"(?<!\p{{L}}){_UNDER_HUNDRED}[\s-]+{_MONTHS_OLD}[\s-]+(?:old|of[\s-]age)\b",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.7,
        start=Start.WORD,
        words=words_of("aged age"),
        regex=rf"(?<!\p{{L}})aged?\s+(?:of\s+)?(?<v>{_UNDER_HUNDRED})\b(?!\s+(?:hour|minute))",
    ),
)

_SHORT_OLD = r"[\s-]*(?:y\.?[\s/]?o\.?|yrs?\.?[\s-]*old|yrs?|y)"
SEXES = (
    Pattern(
        entity=EntityType.SEX,
        score=0.8,
        start=Start.WORD,
        words=words_of("sex gender"),
        regex=r"(?<!\p{L})(?:sex|gender)\b(?:\s+(?:at\s+birth|identity))?[\"'*]*\s*(?:\(m/f\)\s*)?(?:is|:|=|\||,"
        r"|-)?\s*[\"'*]*\s*(?<v>male|female|man|woman|m|f|non-?binary|transgender|trans\s(?:male|female|man"
        r"|woman)|other|intersex)\b",
    ),
    Pattern(  # "45 yo F", "45 y/o male"
        entity=EntityType.SEX,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 3),
        regex=rf"(?<![\d.,/$-])\d{{1,3}}{_SHORT_OLD}[\s,/-]*(?:(?!(?:with|and|who|the|in|on|at|from)\b)\p{{L}}"
        rf"[\p{{L}}-]{{1,15}}\s+){{0,2}}(?<v>male|female|{_MARK})\b",
    ),
    Pattern(
        entity=EntityType.SEX,
        score=0.6,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"{_AT_START}\d{{1,2}}[ ]?/?[ ]?(?<v>{_MARK})(?=[\s,;.)]+(?:with|who|w/|c/o|pt|patient|presents?"
        rf"|presenting|here|s/p|h/o|hx|admitted|came|\()|[,;.)]|\s*$)",
    ),
    Pattern(
        entity=EntityType.SEX,
        score=0.7,
        start=Start.NUMBER,
        run=(1, 3),
        regex=r"(?<![\d.,/$-])\d{1,3}\s?(?:(?:yo?w?|y/o/?|yr?|mo)(?<v>[mf])|(?<v>(?:fe)?male))\b",
    ),
    Pattern(  # "Ada Cole, F, born"
        entity=EntityType.SEX,
        score=0.5,
        start=Start.WORD,
        words=words_of("male female m f"),
        regex=r"(?<=\p{L}[.]?,\s)(?:male|female|(?-i:[MF]))(?=,\s)",
    ),
    Pattern(  # behind a date of birth
        entity=EntityType.SEX,
        score=0.6,
        start=Start.WORD,
        words=words_of("dob born birth"),
        regex=r"(?<!\p{L})(?:dob|born|birth)\b:?[^\n;]{4,24}\d{2},\s*(?<v>male|female|(?-i:[MF]))\b",
    ),
)

_DIGIT_WORDS = words_of("zero oh one two three four five six seven eight nine double triple")
SPOKEN = (
    Pattern(  # a number dictated digit by digit
        entity=EntityType.PHONE,
        score=0.6,
        start=Start.WORD,
        words=_DIGIT_WORDS,
        regex=rf"(?<!\p{{L}})(?:{'|'.join(sorted(_DIGIT_WORDS))})(?:[\s,-]{{1,3}}(?:"
        rf"{'|'.join(sorted(_DIGIT_WORDS))}|\d)\b){{6,20}}+",
    ),
)

ENGLISH = (*DATES, *AGES, *SEXES, *SPOKEN)
