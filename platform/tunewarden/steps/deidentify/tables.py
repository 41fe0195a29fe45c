"""Tables inside a text: what the head of a column says, its cells are. Bars, tabs, commas, semicolons or wide gaps par"
"t
the cells.

Not looked at: cells that span lines, quoted commas (a row with more cells than the head is skipped), tables without
a head.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import regex

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.spans import Span

_HEADS: Mapping[EntityType, str] = MappingProxyType(
    {
        EntityType.NAME: (
            "name|full name|patient|patient name|first name|last name|given|given name|surname|family name"
            "|middle name|first"
            "|last|customer name|client|client name|employee|employee name|student|doctor|physician|provider"
            "|contact|member"
            "|nombre|apellido|apellidos|nombre y apellidos|nombre completo|paciente|medico|cliente|titular"
            "|alumno|empleado"
        ),
        EntityType.USERNAME: "username|user|user name|user id|login|handle|usuario|nick|account name",
        EntityType.PLACE: (
            "city|town|state|country|county|place|location|birthplace|place of birth|region|province|hometown"
            "|country of birth"
            "|ciudad|localidad|provincia|pais|municipio|lugar|lugar de nacimiento|estado"
        ),
        EntityType.ADDRESS: "address|street|street address|home address|direccion|domicilio|calle|direccion completa",
        EntityType.POSTCODE: "zip|zip code|zipcode|postcode|postal code|cp|c.p.|codigo postal",
        EntityType.ORGANISATION: (
            "company|employer|hospital|organization|organisation|clinic|school|insurer|bank|facility|university"
            "|institution"
            "|empresa|centro|institucion|aseguradora|banco|colegio|clinica|company name|health center"
        ),
        EntityType.DATE: (
            "date|dob|date of birth|birth date|birthdate|admitted|admission date|discharged|discharge date"
            "|visit date|start date"
            "|end date|date of service|fecha|fecha de nacimiento|nacimiento|fecha de ingreso|ingreso|alta"
            "|fecha de alta"
            "|fecha nac|f. nac"
        ),
        EntityType.PHONE: "phone|telephone|tel|mobile|cell|phone number|contact number|telefono|movil|tfno|tlf",
        EntityType.FAX: "fax|fax number",
        EntityType.EMAIL: "email|e-mail|mail|email address|correo|correo electronico",
        EntityType.SSN: "ssn|social security|social security number|itin",
        EntityType.NATIONAL_ID: (
            "nhs|nhs number|nhs no|national id|dni|nie|nif|dni/nie|documento|nino|curp|rfc|national insurance|id card"
            "|identificacion|cedula"
        ),
        EntityType.PASSPORT: "passport|passport number|passport no|pasaporte",
        EntityType.MEDICAL_RECORD: (
            "mrn|medical record|record|record no|record_no|record number|chart|hospital number|patient id"
            "|patient_id|encounter"
            "|visit id|nhc|historia|historia clinica|n historia|episodio|medical record number|chart no"
            "|id paciente|case"
        ),
        EntityType.HEALTH_PLAN: "member id|policy|policy no|policy number|insurance id|plan id|nass|cip|poliza|group",
        EntityType.ACCOUNT: "account|account no|account number|acct|account_no|cuenta|no cuenta|routing|wallet|loan",
        EntityType.CARD: "card|card number|credit card|card no|cc|tarjeta",
        EntityType.IBAN: "iban",
        EntityType.LICENCE: (
            "license|licence|npi|dea|licence no|license no|license number|colegiado|no colegiado|provider npi"
        ),
        EntityType.VEHICLE: "vin|plate|license plate|licence plate|vehicle|registration|matricula|bastidor|vehiculo",
        EntityType.DEVICE: "serial|serial number|serial no|imei|device|device id|udi|numero de serie|no de serie",
        EntityType.URL: "url|website|web",
        EntityType.IP: "ip|ip address|host",
        EntityType.MAC: "mac|mac address",
        EntityType.OTHER_ID: (
            "id|ref|reference|ref no|employee id|employee_id|employee no|student id|customer id|customer_id"
            "|customer no|order"
            "|order id|ticket|case no|case number|docket|application|claim|badge|referencia|expediente"
            "|no expediente|codigo"
            "|id empleado|pedido|identificador|file no|file"
        ),
        EntityType.AGE: "age|edad|age at visit",
        EntityType.SEX: "sex|gender|sexo|genero|gender identity",
        EntityType.DEMOGRAPHIC: (
            "nationality|citizenship|ethnicity|race|religion|faith|marital status|nacionalidad|etnia|raza"
            "|estado civil|language"
        ),
        EntityType.OCCUPATION: "job|occupation|profession|job title|position|profesion|ocupacion|puesto|trabajo",
    }
)
KIND_OF_HEAD: Mapping[str, EntityType] = MappingProxyType(
    {head: kind for kind, heads in _HEADS.items() for head in heads.split("|")}
)
"""Heads of columns, folded -> what the cells below are."""
_SCORE = 0.7
_LONGEST_HEAD = 30
_PARTERS = (
    regex.compile(r"\t"),
    regex.compile(r"\|"),
    regex.compile(r";"),
    regex.compile(r","),
    regex.compile(r"[ ]{2,}"),
)
_OF_FILES = _PARTERS[2:4]
_RULE = regex.compile(r"[\s|:+=-]+")
_NOTHING = frozenset({"", "-", "--", "none", "null", "n/a", "na", "unknown", "ninguno", "no", "yes", "si", "nan", "?"})
_AGE = regex.compile(r"\d{1,3}\b.{0,8}")
_LINE = regex.compile(r"[^\n]*\n?")

Cell = tuple[int, int]


def no_head(value: str) -> bool:
    """Whether a value is none of the words that stand in the head of a table: that is a neighbour, no value."""
    return folded(value.strip()) not in KIND_OF_HEAD


def find_in_tables(text: str) -> Iterator[Span]:
    """The cells of every column whose head names a kind of identifier."""
    head: Sequence[EntityType | None] = ()
    parter: regex.Pattern[str] | None = None
    for match in _LINE.finditer(text):
        start, end = match.start(), match.start() + len(match.group().rstrip("\r\n"))
        if parter is not None:
            if _RULE.fullmatch(text, start, end):
                continue
            cells = _cells(text, start, end, parter)
            if len(cells) == len(head):
                yield from _column_spans(text, cells, head)
                continue
            if len(cells) > 1 and _head(text, start, end)[0] is None:
                continue
        parter, head = _head(text, start, end)


def _head(text: str, start: int, end: int) -> tuple["regex.Pattern[str] | None", Sequence[EntityType | None]]:
    """How the cells of this line are parted and what their columns hold, if it is the head of a table."""
    if any(character.isdecimal() for character in text[start:end]):
        return None, ()
    for parter in _PARTERS:
        cells = _cells(text, start, end, parter)
        if len(cells) < 2 or any(last - first > _LONGEST_HEAD for first, last in cells):
            continue
        kinds = [
            KIND_OF_HEAD.get(" ".join(folded(text[first:last]).replace("_", " ").split())) for first, last in cells
        ]
        if any(kinds) and not _is_key_and_value(kinds, parter):
            return parter, kinds
    return None, ()


def _is_key_and_value(kinds: Sequence[EntityType | None], parter: "regex.Pattern[str]") -> bool:
    """Whether two cells, of which the first alone is a known word, are a form's line and not a head."""
    return len(kinds) == 2 and kinds[1] is None and parter not in _OF_FILES


def _cells(text: str, start: int, end: int, parter: "regex.Pattern[str]") -> list[Cell]:
    """The cells of a line without the blanks and quotes around them; the bars at its ends part nothing."""
    cells, position = [], start
    for match in parter.finditer(text, start, end):
        cells.append(_trimmed(text, position, match.start()))
        position = match.end()
    cells.append(_trimmed(text, position, end))
    if parter is _PARTERS[1] and len(cells) > 1:
        cells = cells[1 if cells[0][0] == cells[0][1] else 0 : -1 if cells[-1][0] == cells[-1][1] else None]
    return cells


def _trimmed(text: str, start: int, end: int) -> Cell:
    while start < end and text[start] in " \t\"'*`":
        start += 1
    while end > start and text[end - 1] in " \t\"'*`":
        end -= 1
    return start, end


def _column_spans(text: str, cells: Sequence[Cell], head: Sequence[EntityType | None]) -> Iterator[Span]:
    for (start, end), kind in zip(cells, head, strict=True):
        value = folded(text[start:end])
        if kind is None or value in _NOTHING or value in KIND_OF_HEAD:
            continue
        if kind is EntityType.AGE and not _AGE.fullmatch(text, start, end):
            continue
        yield Span(start=start, end=end, entity=kind, score=_SCORE)
