"""Towns behind their postcodes, institutions by their kind, and places, jobs and peoples behind a label."""

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.patterns import Pattern, Start, labelled, phrase
from tunewarden.steps.deidentify.patterns_addresses import TOWN
from tunewarden.steps.deidentify.tables import no_head

_LINE = (
    r"(?<v>(?-i:\p{Lu})[\p{L}\p{M}'./() -]{1,60}?)(?=\s*(?:[,;|\"\n(]|\.(?:\s|$)|$|\s{2}|\s(?:CP|C\.P|Fecha"
    r"|Sexo|Edad|NHC|Tel|Zip)\b))"
)
_COLON = r"[\"'*_]{0,3}\s*[:=|]\s*[\"'*_]{0,3}"
_POST_TOWN = rf"(?:[.,]?\s*(?:[([-]\s*)?(?-i:[A-Z]{{1,2}}-)?\d{{4,5}}(?!\d)\s*-?\s*{TOWN})"
_KIND_EN = (
    r"(?:Hospital|Clinic|Medical Cent(?:er|re)|Health Cent(?:er|re)|Infirmary|University|College|High School"
    r"|Elementary School|Bank|Foundation|Institute|Inc|LLC|Ltd|GmbH|Corp|Corporation|& Co|PLC)"
)
_KIND_ES, _KIND_ES_WORDS = phrase(
    "hospital|hospitales|clinica|centro de salud|centro medico|complejo hospitalario|complejo asistencial|ambulatorio"
    "|universidad|residencia|instituto|fundacion|consultorio|policlinica|sanatorio|colegio|cap|hospital universitario"
    "|hospital clinico|complexo hospitalario|facultad de medicina|centro|consorcio|corporacio|parc"
)
_NOT_ONE = r"(?!(?i:(?:de\s+)?d[ií]a|course|day|stay|admission|discharge|bed|number|name|record|visit|unit)\b)"
ORGANISATIONS = (
    Pattern(
        entity=EntityType.ORGANISATION,
        score=0.5,
        start=Start.WORD,
        words=_KIND_ES_WORDS,
        regex=rf"(?=(?-i:\p{{Lu}})){_KIND_ES}(?-i:[ ]\"?{_NOT_ONE}(?:(?:de|del|la|las|los|el|y|e|i|San|Santa"
        rf"|Nuestra)[ ]){{0,3}}(?:Dr\.?[ ])?\p{{Lu}}[\p{{L}}\p{{M}}'-]{{1,30}}+)(?-i:[ ](?:(?:de|del|la|las"
        rf"|los|el|y|e|i)[ ]){{0,3}}(?:Dr\.?[ ])?\p{{Lu}}[\p{{L}}\p{{M}}'-]{{1,30}}+){{0,6}}",
    ),
    Pattern(
        entity=EntityType.ORGANISATION,
        score=0.5,
        start=Start.ANYWHERE,
        needs=(
            " hospital",
            " clinic",
            " center",
            " centre",
            " university",
            " college",
            " school",
            " bank",
            " inc",
            " llc",
            *(" ltd", " gmbh", " corp", " & co", " plc", " infirmary", " foundation", " institute"),
        ),
        regex=rf"(?<![\p{{L}}\d])(?-i:\p{{Lu}}[\p{{L}}\p{{M}}'&-]{{0,30}}+(?:,?[ ](?:(?:of|and|the|de|for|&)"
        rf"[ ]){{0,2}}\p{{Lu}}[\p{{L}}\p{{M}}'&-]{{0,30}}+){{0,4}}?,?[ ]{_KIND_EN}\b)",
    ),
)
TOWNS = (
    Pattern(  # behind its postcode
        entity=EntityType.PLACE,
        score=0.5,
        start=Start.NUMBER,
        run=(5, 5),
        regex=rf"(?<=[,;.(\n-]\s{{0,3}}|\d[A-Zºª]?\s|\b[A-Z]\s|s/n\s|(?-i:\p{{Lu}}\p{{Ll}}{{2,20}})\s)\d{{5}}"
        rf"[ ,.-]{{1,4}}(?<v>{TOWN})(?![ ]?\p{{L}}*:)",
    ),
    Pattern(  # a street that is known by the postcode and town behind it
        entity=EntityType.ADDRESS,
        score=0.6,
        start=Start.ANYWHERE,
        regex=rf"(?<![\p{{L}}\d])(?-i:\p{{Lu}})[\p{{L}}\p{{M}}'-]{{1,30}}+\.?(?:[ ](?:(?:de|del|la|las|los|el|y)"
        rf"[ ]){{0,3}}(?-i:\p{{Lu}})[\p{{L}}\p{{M}}'.-]{{1,30}}+){{0,5}}(?:,?[ ](?:n[ºo°]?\.?"
        rf"[ ]?)?\d{{1,4}}(?!\d)|,[ ]s/n|,[ ]km\.?[ ]?\d{{1,4}}(?:\.\d{{3}})?)(?:[ ,.ºª-]{{1,3}}"
        rf"[\p{{L}}\d]{{1,4}}\b){{0,4}}(?={_POST_TOWN})",
    ),
)

LABELLED_PLACES = (
    labelled(
        EntityType.PLACE,
        "city|town|state|county|country|place of birth|birthplace|village|province|hometown"
        "|country of birth|city of birth|district|location|residence|region|birth place|localidad"
        "|localidad/ provincia|localidad/provincia|provincia|ciudad|municipio|poblacion|pais"
        "|lugar de nacimiento|pais de nacimiento|procedencia|comunidad autonoma|natural de|lugar|estado",
        between=_COLON,
        valid=no_head,
        value=_LINE,
        score=0.75,
    ),
    labelled(
        EntityType.PLACE,
        "natural de|procedente de|originario de|originaria de|residente en|vecino de|vecina de|nacido en"
        "|nacida en|vive en|reside en|viajo a|afincado en",
        between=r"\s+(?:la\s+(?:ciudad|provincia|localidad)\s+de\s+)?",
        value=rf"(?<v>{TOWN}(?:\s*\({TOWN}\))?)",
        score=0.5,
    ),
    labelled(
        EntityType.ORGANISATION,
        "hospital|clinic|facility|employer|company|school|organization|organisation|institution|centro"
        "|centro de salud|centro sanitario|institucion|empresa|hospital de referencia|bank|insurer"
        "|university|organisation name|company name|employer name|centro de trabajo|colegio|aseguradora",
        between=_COLON,
        valid=no_head,
        value=_LINE.replace("[\\p{L}\\p{M}'./() -]", "[\\p{L}\\p{M}\\d'&./() -]"),
        score=0.6,
    ),
    labelled(
        EntityType.DEMOGRAPHIC,
        "nationality|ethnicity|race|religion|marital status|citizenship|mother tongue|nacionalidad|etnia"
        "|raza|estado civil|lengua materna",
        between=_COLON,
        valid=no_head,
        value=_LINE,
        score=0.75,
    ),
    labelled(
        EntityType.OCCUPATION,
        "occupation|profession|job|job title|position|profesion|ocupacion|puesto",
        between=_COLON,
        valid=no_head,
        value=_LINE,
        score=0.75,
    ),
)

PLACES = (*TOWNS, *ORGANISATIONS, *LABELLED_PLACES)
