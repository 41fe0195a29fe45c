"""Patterns of Spanish: written dates, ages, sex, and numbers in words."""

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.patterns import LABEL_END, Pattern, Start, phrase
from tunewarden.steps.deidentify.word_lists import words_of

_MONTHS = (
    "enero ene febrero feb marzo mar abril abr mayo may junio jun julio jul agosto ago septiembre setiembre sept sep"
    " octubre oct noviembre nov diciembre dic"
).split()
_LONG_MONTHS = [month for month in _MONTHS if len(month) > 4]
_MONTH = rf"(?:{'|'.join(_MONTHS)}){LABEL_END}(?:\.(?=[ ]?(?:del?|\d)))?"
_LONG_MONTH = rf"(?:{'|'.join(_LONG_MONTHS)}){LABEL_END}"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:[ºo°]|er)?"
_YEAR = r"(?:(?:19|20)\d\d|'\d\d)(?![\d%])"
_ONE = r"(?:un[oa]?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve)"
_TENS = r"(?:treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa)"
_TEEN = (
    r"(?:diez|once|doce|trece|catorce|quince|diecis[eé]is|diecisiete|dieciocho|diecinueve|veinte|veinti[uú]n[oa]?"
    r"|veintid[oó]s|veintitr[eé]s|veinticuatro|veinticinco|veintis[eé]is|veintisiete|veintiocho|veintinueve)"
)
_UNDER_HUNDRED = rf"(?:{_TENS}(?:\s+y\s+{_ONE})?|{_TEEN}|{_ONE})"
_NUMBER_WORDS = (
    "un uno una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete"
    " dieciocho diecinueve veinte veintiun veintiuno veintiuna veintidos veintitres veinticuatro veinticinco veintiseis"
    " veintisiete veintiocho veintinueve treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento primero"
).split()
_SPOKEN_YEAR = rf"(?:mil\s+novecientos\s+{_UNDER_HUNDRED}|dos\s+mil(?:\s+{_UNDER_HUNDRED})?)\b"
_OF_YEAR = rf"(?:,?\s*(?:del?\s+)?(?:a[ñn]o\s+)?(?:{_YEAR}|{_SPOKEN_YEAR}))"
_TO = r"\s*(?:-|al?|y|e|/|hasta)\s*(?:el\s+)?"
_ANY_DAY = rf"(?:{_DAY}|primero|{_UNDER_HUNDRED})"

# Months and years are fewer than the little words before them, so these are tried at the former and look back.
_WHEN, _ = phrase(
    "en|desde|hasta|de|del|durante|a|antes|despues|entre|y|hacia|mes|finales|principios|mediados|comienzos|pasado|proximo"
)
_BEFORE_YEAR, _ = phrase(
    "en|desde|hasta|del|de|durante|entre|y|hacia|ano|anos|nacido|nacida|verano|invierno|primavera|otono|a|el|"
    + "|".join(_LONG_MONTHS)
)
_SEEN, _ = phrase(
    "el|dia|desde|hasta|fecha|ingreso|alta|visto|vista|nacido|nacida|el dia|cita del|cita el|con fecha|fecha de alta"
)
_YEAR_BEHIND = rf"(?<={_BEFORE_YEAR}\s+(?:el\s+)?(?:de\s+)?)"
_ITS_YEAR = (
    r"(?:19|20)\d\d(?:[-/](?:(?:19|20)\d\d|\d\d))?(?![\d%]|[.,]\d|[-/:]\w|[ ]?(?:mg|mcg|ml|g|gr|kg|cc|u\.?i"
    r"|unidades|cal|kcal|pacientes|casos|personas|euros|metros|x|leucocitos|cel)\b)"
)

DATES = (
    Pattern(
        entity=EntityType.DATE,
        score=0.65,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?<![\d/.,-]){_DAY}(?:{_TO}{_DAY})?[\s./-]*(?:de\s+)?{_MONTH}(?:{_OF_YEAR}|[\s./-](?:(?:19"
        rf"|20)\d\d|\d\d)(?![\d%:]|[ ]?(?:mg|ml)\b))?",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.6,
        start=Start.WORD,
        words=frozenset(_NUMBER_WORDS),
        regex=rf"(?<!\p{{L}}){_ANY_DAY}\s+de\s+{_LONG_MONTH}{_OF_YEAR}?",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.65,
        start=Start.WORD,
        words=frozenset(_MONTHS),
        regex=rf"(?<!\p{{L}}){_MONTH}(?:{_OF_YEAR}|\s*[/-]\s*(?:(?:19|20)\d\d|\d\d)(?![\d%])|\s+'?\d\d(?!"
        rf"[\d%:/.,]\d|[\d%:/]|\s*(?:mg|ml|a[ñn]os|pacientes)))",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        start=Start.WORD,
        words=frozenset(_LONG_MONTHS),
        regex=rf"(?<={_WHEN}\s+(?:el\s+)?(?:mes\s+de\s+)?(?:pasado\s+)?){_LONG_MONTH}",
    ),
    Pattern(
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
        words=words_of("finales principios mediados comienzos inicios ano"),
        regex=rf"{_YEAR_BEHIND}(?:(?:finales|principios|mediados|comienzos|inicios)\s+del?\s+(?:a[ñn]o\s+)?"
        rf"|a[ñn]o\s+){_ITS_YEAR}",
    ),
    Pattern(
        entity=EntityType.DATE,
        score=0.5,
        start=Start.NUMBER,
        run=(1, 2),
        regex=rf"(?:0?[1-9]|[12]\d|3[01])[/-](?:0?[1-9]|1[0-2])(?![/\d%-]|\.\d)"
        rf"(?<={_SEEN}\s*:?\s*\d{{1,2}}[/-]\d{{1,2}})",
    ),
)

_UNIT = r"(?:a[ñn]os?|meses|mes|semanas?|d[ií]as?|horas?)"
_DURATION = (
    r"(?!\s+(?:de\s+(?:evoluci[oó]n|duraci[oó]n|seguimiento|tratamiento|tiempo|antig[uü]edad|historia"
    r"|espera|plazo|vida\s+media"
    r"|ingreso|evolutiva|hospitalizaci[oó]n|estancia|intervalo|supervivencia|curso|terapia|antibi)|despu"
    r"[eé]s|antes|m[aá]s\s+tarde"
    r"|previ|atr[aá]s|postoperatori|tras|consecutiv|seguid))"
)
_AGES = r"\d{1,3}(?:[.,]5)?(?:\s*(?:,|y|o|a|e|-)\s*\d{1,3}(?:[.,]5)?){0,4}"
_NO_SPAN = (
    r"(?<!(?:plazo|per[ií]odo|evoluci[oó]n|seguimiento|tratamiento|padecimiento|historia|cuadro|cl[ií]nica|m[aá]s"
    r"|antig[uü]edad|duraci[oó]n|supervivencia|intervalo|media|m[ií]nimo|m[aá]ximo|cabo|espacio|estancia|tiempo)\s+)"
)
_WHO = (
    "varon hombre mujer paciente pacientes nino nina lactante bebe joven anciano anciana senor senora adolescente"
    " neonato varones mujeres masculino femenino femenina hijo hija escolar adulto adulta chico chica recien madre"
    " padre hermano hermana primigesta gestante embarazada"
)
_WHOM, _WHOM_WORDS = phrase(_WHO.replace(" ", "|"))

AGES = (
    Pattern(
        entity=EntityType.AGE,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 3),
        regex=rf"(?<![\d.,/-]){_AGES}(?:\s+y\s+medio)?\s*{_UNIT}(?:\s+y\s+(?:medio|\d{{1,2}}\s+(?:meses|d"
        rf"[ií]as)))?\s+(?:de\s+edad|cumplidos)\b",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.75,
        start=Start.WORD,
        words=_WHOM_WORDS,
        regex=rf"{_WHOM}(?:,?\s+(?:\p{{L}}[\p{{L}}.-]{{0,20}}+|\(\w{{1,12}}\)),?){{0,4}}?,?\s+(?:de|con|tiene"
        rf"|y)\s+(?<v>(?:{_AGES}|{_UNDER_HUNDRED})\s*{_UNIT}(?:\s+y\s+(?:medio|\d{{1,2}}\s+(?:meses|d"
        rf"[ií]as)))?)(?!\p{{L}}){_DURATION}",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.7,
        start=Start.WORD,
        words=_WHOM_WORDS,
        regex=rf"{_WHOM}\s*[,(]?\s*(?<v>\d{{1,3}}\s*a[ñn]os?)(?!\p{{L}}){_DURATION}",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.5,
        start=Start.WORD,
        words=words_of("de tiene tengo tenia cumplio cumple cumplir con a los"),
        regex=rf"(?<!\p{{L}})(?:{_NO_SPAN}de|tengo|tiene|ten[ií]a|cumpli[oó]|cumple|cumplir|a\s+los|los|con)\s+"
        rf"(?<v>(?:{_AGES}|{_UNDER_HUNDRED})\s*a[ñn]os?)(?!\p{{L}}){_DURATION}(?!\s+de\s+(?:la|el|los|haber"
        rf"|su|un|una|\p{{L}}+[aei]r)\b)",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.8,
        start=Start.WORD,
        words=words_of("edad edades"),
        regex=rf"(?<!\p{{L}})edad\b[\"'*]*\s*(?:\([^()\n]{{1,12}}\))?\s*(?:de|es|actual|:|=|\||,|-)?\s*:?"
        rf"[\"'*]*\s*(?<v>\d{{1,3}}(?:[.,]5)?(?!\s*(?:mm|%|kg|cm|m\b))(?:\s*{_UNIT}\b(?:\s+y\s+(?:medio"
        rf"|\d{{1,2}}\s+(?:meses|d[ií]as)))?|\s*a\b)?)(?![\d%/])",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.75,
        start=Start.WORD,
        words=frozenset(_NUMBER_WORDS),
        regex=rf"(?<!\p{{L}})(?:ciento\s+)?{_UNDER_HUNDRED}\s+{_UNIT}\s+de\s+edad\b",
    ),
    Pattern(
        entity=EntityType.AGE,
        score=0.7,
        start=Start.WORD,
        words=words_of("decada sexta septima octava"),
        regex=r"(?<!\p{L})(?:sexta|s[eé]ptima|octava|novena)\s+d[eé]cada(?=\s+de\s+(?:la|su)\s+vida)",
    ),
)

_SEX_WORD = r"(?:se[ñn]ora?|var[oó]n|hombre|mujer|ni[ñn][oa]|masculin[oa]|femenin[oa]|macho|hembra)"
SEXES = (
    Pattern(
        entity=EntityType.SEX,
        score=0.8,
        start=Start.WORD,
        words=words_of("sexo genero"),
        regex=rf"(?<!\p{{L}})(?:sexo|g[eé]nero)\b[\"'*]*\s*(?:es|:|=|\||,|-)?\s*[\"'*]*\s*(?<v>{_SEX_WORD}|[HMVF]"
        rf"|otro|no\s+binario)\b",
    ),
    Pattern(
        entity=EntityType.SEX,
        score=0.7,
        start=Start.WORD,
        words=words_of("varon hombre mujer nino nina masculino masculina femenino femenina macho hembra senor senora"),
        regex=rf"(?<!\p{{L}}){_SEX_WORD}\b(?=(?:,?\s+(?:\p{{L}}[\p{{L}}.-]{{0,20}}+"
        rf"|\(\w{{1,12}}\)),?){{0,4}}?,?\s+de\s+(?:\d{{1,3}}|{_UNDER_HUNDRED})\s*{_UNIT}(?!\p{{L}})"
        rf"{_DURATION}|\s*[,(]?\s*\d{{1,3}}\s*a[ñn]os|\s+de\s+(?:origen|raza|etnia|nacionalidad)\b)",
    ),
    Pattern(
        entity=EntityType.SEX,
        score=0.6,
        start=Start.WORD,
        words=words_of("paciente pcte pac"),
        regex=rf"(?<!\p{{L}})(?:paciente|pcte|pac)\b\.?,?\s+(?:de\s+sexo\s+)?(?<v>{_SEX_WORD})\b",
    ),
    Pattern(
        entity=EntityType.SEX,
        score=0.6,
        start=Start.WORD,
        words=words_of("anos"),
        regex=rf"(?<!\p{{L}})a[ñn]os\b(?:\s+de\s+edad)?,?\s+(?:de\s+)?(?<v>{_SEX_WORD}|(?-i:[HMVF])(?=[,.;)]|\s*$))\b",
    ),
)

PEOPLES = (
    Pattern(  # "Ada Coll, 44 años, acude"
        entity=EntityType.AGE,
        score=0.6,
        start=Start.NUMBER,
        run=(1, 3),
        regex=r"(?<=,\s)\d{1,3}\s*a[ñn]os(?=\s*,)",
    ),
    Pattern(
        entity=EntityType.DEMOGRAPHIC,
        score=0.6,
        start=Start.WORD,
        words=words_of("nacionalidad raza etnia"),
        regex=r"(?<!\p{L})(?:nacionalidad|raza|etnia)\s*:?\s+(?<v>\p{L}{4,20})\b",
    ),
)

_DIGIT_WORDS = words_of("cero uno una dos tres cuatro cinco seis siete ocho nueve")
SPOKEN = (
    Pattern(
        entity=EntityType.PHONE,
        score=0.6,
        start=Start.WORD,
        words=_DIGIT_WORDS,
        regex=rf"(?<!\p{{L}})(?:{'|'.join(sorted(_DIGIT_WORDS))})(?:[\s,-]{{1,3}}(?:"
        rf"{'|'.join(sorted(_DIGIT_WORDS))}|\d)\b){{6,20}}+",
    ),
)

SPANISH = (*DATES, *AGES, *SEXES, *PEOPLES, *SPOKEN)
