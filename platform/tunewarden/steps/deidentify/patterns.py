"""The patterns of written identifiers that Presidio has no recogniser for, or a weaker one: a table to read downward.

A pattern marks the identifier itself with the group `v` where it needs a label to be sure ("MRN 0012345"); the label
stays readable. Quantifiers that meet long texts are possessive, so that matching time grows with the length and not
with its square. Scores: 0.8 sure by form or label, 0.6 by form, 0.45 likely, 0.25 only worth a second look.
"""

from dataclasses import dataclass

from tunewarden.domain.deidentification import EntityType


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One way to write one kind of identifier; `regex` is in the syntax of the module `regex`, case is ignored."""

    entity: EntityType
    regex: str
    score: float


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b(?:\.(?=\s*['\d]))?"
)
_MONTH_OR_MAY = rf"(?:{_MONTH}|may\b)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_ORDINAL = r"(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)"
_YEAR = r"(?:(?:19|20)\d\d|'\d\d)"
_IS = r"(?:\s*(?:numbers?|num|no\b|nr|ids?\b|code|\#))*+\.?\s*(?:is\b|was\b|[:=\#-])?\s*+"
_NO_DATE = r"(?!\d{1,4}([-/.])\d{1,2}\1\d{1,4}\b)"
_CODE = rf"{_NO_DATE}(?<v>(?=(?:[^\s\d]*+\d){{3}})[\p{{L}}\d]++(?:[-/.]?[\p{{L}}\d]++)*+(?:[ ]\d{{2,4}}\b){{0,3}})"
_STATE = (
    r"(?:A[KLRSZ]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]"
    r"|UT|V[AIT]|W[AIVY])"
)
# After U.S. Postal Service Publication 28, appendix C1; the ones that are clinical words too are left out.
_STREET = (
    r"(?:alley|avenue|ave|boulevard|blvd|bypass|circle|cir|court|ct|cove|crescent|crossing|drive|dr|expressway"
    r"|expy|extensions?|estates?|freeway|fwy|gardens?|gateway|glens?|greens?|groves?|heights|hts|highway|hwy|hills?"
    r"|hollow|inlet|islands?|isle|junctions?|keys?|knolls?|lakes?|landing|lane|ln|locks?|lodge|loop|manors?|meadows?|mews"
    r"|mills?|mission|motorway|mountains?|orchard|oval|overpass|parks?|parkway|pkwy|pass|path|pike|pines?|place|pl"
    r"|plains?|plaza|points?|ports?|prairie|ranch|ridges?|river|roads?|rd|route|row|run|shoals?|shores?|skyway"
    r"|springs?|square|sq|stations?|stravenue|stream|streets?|st|summit|terrace|ter|throughway|trace|track|trafficway"
    r"|trail|trl|tunnel|turnpike|tpke|underpass|unions?|valleys?|via|viaduct|views?|villages?|ville|vista|walks?|ways?"
    r"|wells?|branch|bridge|brooks?|burgs?|camp|canyon|cape|causeway|centers?|cliffs?|club|common|corners?|course|creek"
    r"|crest|curve|dale|dam|divide|falls?|ferry|fields?|flats?|fords?|forest|forges?|forks?|fort|harbors?|haven|mall"
    r"|mount|neck|radial|ramp|rapids?|rest|spurs?|bend|bluffs?|bottom|beach|bayou|annex|arcade)"
)
_STREET_SURE = (
    r"(?:avenue|ave|boulevard|blvd|circle|court|drive|expressway|freeway|highway|hwy|lane|ln|parkway|pkwy|road|rd|street"
    r"|st|terrace|turnpike|trail|(?:way|place)(?=\s*[.,;\n]|$))"
)
_UNIT = r"(?:,?\s+(?:apt|apartment|suite|ste|unit|room|rm|floor|fl|\#)\.?\s*\#?[\p{L}\d-]{1,6})?"
_ZIP = r"\d{5}(?:-\d{4})?"
_PLACE = rf"(?:,?\s+(?-i:\p{{Lu}}[\p{{L}}'.-]+(?:[ ]\p{{Lu}}[\p{{L}}'.-]+){{0,3}}),\s*{_STATE}\b(?:\s+{_ZIP})?)?"
_NOT_PROSE = (
    r"(?!(?:the|a|an|in|on|at|of|to|by|was|with|and|from|his|her|y/?o\w?|y[eo]a?rs?|days?|wks?|weeks?|hrs?|hours?|mins?"
    r"|doses?|mg|ml|mm|cm|sutures?)\b)"
)

PATTERNS: tuple[Pattern, ...] = (
    # Dates: Presidio knows numeric ones; written ones match no default pattern of it.
    Pattern(entity=EntityType.DATE, score=0.6, regex=rf"\b{_DAY}[\s./-]*(?:of\s+)?{_MONTH}(?:[,\s./-]*{_YEAR}\b)?"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=rf"\b{_ORDINAL}\s*of\s+{_MONTH_OR_MAY}"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=rf"\b{_DAY}[\s./-]*(?:of\s+)?may[,\s./-]*{_YEAR}\b"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=rf"\b(?:on|since|until|dated?)\s+(?<v>{_DAY}\s+may)\b"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=rf"\b{_DAY}\s+may(?=[.,;)]|$)"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=rf"\b{_MONTH_OR_MAY}\s*{_DAY}\b(?!/\d)(?:,?\s*{_YEAR}\b)?"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=rf"\b{_MONTH_OR_MAY}[,\s/-]*{_YEAR}\b"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=r"(?<![\d./-])\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?![\d/-])"),
    Pattern(entity=EntityType.DATE, score=0.6, regex=r"(?<!\d)(?:19|20)\d\d([./-])\d{1,2}\1\d{1,2}(?!\d)"),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        regex=r"\b(?:on|since|until|dated?|dos|admitted|seen)\s+(?<v>(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01]))(?![/\d%])",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.8,
        regex=r"\b(?:dob|d\.o\.b\.|born|birth\s?date|date\s+of\s+birth)\s*(?:is|on|:)?\s*(?<v>\d[\d./-]{5,9})(?!\d)",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.8,
        regex=r"(?<![\d.])(?<v>9\d|1[0-2]\d)(?=[\s-]*(?:y\.?/?\s?o|y(?:ea)?rs?\b|yr?[mf]\b))",
    ),
    Pattern(entity=EntityType.AGE, score=0.8, regex=r"\bage[ds]?\s*(?:is|:)?\s*(?<v>9\d|1[0-2]\d)\b(?!\s*%)"),
    # Ways to reach a person.
    Pattern(
        entity=EntityType.EMAIL,
        score=0.9,
        regex=r"(?<![\p{L}\d._%+'-])[\p{L}\d._%+'-]++@[\p{L}\d-]++(?:\.[\p{L}\d-]++)++",
    ),
    Pattern(entity=EntityType.URL, score=0.9, regex=r"\b(?:(?:https?|ftp)://|www\.)[^\s<>\"\[\]]*[^\s<>\"\[\].,;:!?)]"),
    Pattern(
        entity=EntityType.URL,
        score=0.5,
        regex=r"(?<![\p{L}\d@.-])[\p{L}\d-]++(?:\.[\p{L}\d-]++)*?\.(?:com|org|net|edu|gov|io|info|biz)\b(?:/(?:[^\s<>\"\[\]]*[^\s<>\"\[\].,;:!?)])?)?",
    ),
    Pattern(
        entity=EntityType.FAX, score=0.8, regex=rf"\b(?:fax|facsimile){_IS}(?<v>[+(]?\d[\d().\s-]{{5,18}}\d)(?!\d)"
    ),
    Pattern(
        entity=EntityType.PHONE,
        score=0.7,
        regex=r"\b(?:tel|telephone|phone|ph|cell|mobile|call(?:ed|back)?|contact|reach(?:ed|able)?|pager)\b"
        r"(?:\s+(?:no|number|is|at|on|back|him|her|them))*[\s.:\#]*"
        r"(?<v>[+(]?\d[\d().\s-]{5,18}\d(?:\s*(?:x|ext\.?)\s*\d{1,6})?)(?!\d)",
    ),
    Pattern(
        entity=EntityType.PHONE,
        score=0.6,
        regex=r"(?<![\d.-])(?:(?:\+|00)?1[\s.-]?|\+?1?)(?:\([2-9]\d\d\)|[2-9]\d\d)[\s.-]?\d{3}[\s.-]\d{4}"
        r"(?:\s*(?:x|ext\.?)\s*\d{1,6})?(?!\d)",
    ),
    Pattern(entity=EntityType.PHONE, score=0.6, regex=r"(?<!\d)\+\d{1,3}(?:[\s.-]?\(?\d{1,4}\)?){2,5}\d(?!\d)"),
    # Where a person lives.
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.8,
        regex=rf"(?<![\d/.-])\d{{1,6}}[a-c]?\s+(?:[nsew]\.?\s+)?(?-i:(?:\p{{Lu}}\p{{Ll}}[\p{{L}}'.-]*+\s+){{1,4}})"
        rf"(?-i:(?=\p{{Lu}})(?i:{_STREET}))\b\.?{_UNIT}{_PLACE}",
    ),
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.75,
        regex=rf"(?<![\d/.-])\d{{1,6}}\s+(?:{_NOT_PROSE}[\p{{L}}\d'.-]++\s+){{1,3}}?{_STREET_SURE}\b\.?{_UNIT}{_PLACE}",
    ),
    Pattern(  # whatever the street is called: a state and a postcode end it
        entity=EntityType.ADDRESS,
        score=0.8,
        regex=rf"(?<![\d/.-])\d{{1,6}}\s+(?:{_NOT_PROSE}[\p{{L}}\d'.-]++\s+){{0,3}}{_NOT_PROSE}[\p{{L}}\d'.-]++{_UNIT},\s*"
        rf"[\p{{L}}'.-]++(?:[ ][\p{{L}}'.-]++){{0,3}},\s*{_STATE}\s+{_ZIP}\b",
    ),
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.8,
        regex=rf"\b(?:address|lives\s+at|living\s+at|resides\s+at|residing\s+at)\s*:?\s*"
        rf"(?<v>\d{{1,6}}\s+(?:[\p{{L}}\d'-]++\s+){{0,3}}[\p{{L}}\d'-]++{_UNIT}{_PLACE})",
    ),
    Pattern(entity=EntityType.ADDRESS, score=0.8, regex=rf"\bp\.?\s?o\.?\s*box\s*\#?\s*\d[\d-]*{_PLACE}"),
    Pattern(entity=EntityType.POSTCODE, score=0.7, regex=rf"\b(?-i:{_STATE})\s+(?<v>\d{{5}}(?:-\d{{4}})?)\b"),
    Pattern(
        entity=EntityType.POSTCODE, score=0.8, regex=rf"\b(?:zip|zip\s*code|postcode){_IS}(?<v>\d{{5}}(?:-\d{{4}})?)\b"
    ),
    # Numbers that somebody issued: sure by their label.
    Pattern(
        entity=EntityType.SSN,
        score=0.8,
        regex=rf"\b(?:ssn|ss|social\s+security){_IS}(?<v>\d{{3}}[-. ]?\d{{2}}[-. ]?\d{{4}})(?!\d)",
    ),
    Pattern(
        entity=EntityType.MEDICAL_RECORD,
        score=0.8,
        regex=rf"\b(?:mrn|mr\s?\#|med(?:ical)?\.?\s+rec(?:ord)?s?|chart|record|encounter|visit|accession|csn|fin|har){_IS}{_CODE}",
    ),
    Pattern(
        entity=EntityType.HEALTH_PLAN,
        score=0.8,
        regex=rf"\b(?:member|subscriber|beneficiary|policy(?:\s?holder)?|medicare|medicaid|health\s+plan|plan|insurance"
        rf"|group|mbi|hicn){_IS}{_CODE}",
    ),
    Pattern(
        entity=EntityType.ACCOUNT, score=0.8, regex=rf"\b(?:account|acct|a/c|billing|invoice|guarantor){_IS}{_CODE}"
    ),
    Pattern(
        entity=EntityType.LICENCE,
        score=0.8,
        regex=rf"\b(?:licen[cs]e|lic|dl|dea|npi|certificate|permit){_IS}{_CODE}",
    ),
    Pattern(entity=EntityType.VEHICLE, score=0.8, regex=rf"\b(?:vin|(?:licen[cs]e\s+)?plate|registration){_IS}{_CODE}"),
    Pattern(
        entity=EntityType.VEHICLE, score=0.6, regex=r"\b(?=[A-Z\d]*\d[A-Z\d]*\d)(?=\d*[A-Z])[A-HJ-NPR-Z\d]{11}\d{6}\b"
    ),
    Pattern(
        entity=EntityType.DEVICE, score=0.8, regex=rf"\b(?:serial|s/n|sn|imei|udi|device|implant|lot|model){_IS}{_CODE}"
    ),
    Pattern(
        entity=EntityType.OTHER_ID,
        score=0.6,
        regex=rf"\b(?:id|identifier|passport|badge|employee|student|case|claim|reference|ref|order|specimen|study){_IS}{_CODE}",
    ),
    Pattern(entity=EntityType.OTHER_ID, score=0.8, regex=r"\b[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}\b"),
    Pattern(entity=EntityType.OTHER_ID, score=0.45, regex=r"(?<![\d.,])\d{7,}(?![\d,]|\.\d)"),
    Pattern(entity=EntityType.OTHER_ID, score=0.45, regex=r"\b\p{L}{1,4}-?\d{5,}\b"),
    Pattern(entity=EntityType.OTHER_ID, score=0.25, regex=r"(?<![\d.,/-])\d{5,6}(?![\d,%/]|\.\d)"),
)
