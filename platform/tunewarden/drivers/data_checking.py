"""Checking a table before it is uploaded: every row is read as registration would read it, and counted.

The kind of the file is told by its first bytes and nothing else. Rows go by one at a time; see `data_survey` for what
is kept of them. Raises `Malformed` as registration does, with the row and the part at fault and never a value; a blank
text, label or completion, which registration refuses too, is counted, so that all of them are known at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import BinaryIO

from tunewarden.domain.data_report import DataReport, Form
from tunewarden.domain.errors import Malformed
from tunewarden.drivers.conversations import (
    COMPLETION,
    INPUT,
    NOT_PREFERRED,
    PREFERRED,
    PROMPT,
    is_conversation,
    is_pair,
)
from tunewarden.drivers.data_survey import CountTokens, DataSurvey
from tunewarden.drivers.parquet_bounds import open_parquet
from tunewarden.drivers.table_faults import MOST_ROWS, empty, not_what_named, too_many_rows
from tunewarden.drivers.table_owners import owners_of
from tunewarden.drivers.table_rows import READERS, Part, csv_records, json_object, kind_of, lines
from tunewarden.drivers.table_values import require_sound

_FIRST_ROWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The columns that somebody named; None: found by the name that the form gives them, or not there."""

    text: str | None = None
    label: str | None = None
    completion: str | None = None
    person: str | None = None
    separator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found.

    Attributes:
        report: the statistics.
        blank_rows: how many rows have a blank part that registration refuses.
        first_blank: the first five of them, from 1.
    """

    report: DataReport
    blank_rows: int
    first_blank: tuple[int, ...]


_FORMS: Mapping[Form, Mapping[str, str]] = MappingProxyType(
    {
        Form.CONVERSATIONS: {"text": PROMPT, "completion": COMPLETION},
        Form.PREFERENCES: {"text": INPUT, "completion": PREFERRED, "rejected": NOT_PREFERRED},
        Form.COMPLETIONS: {"text": "prompt", "completion": "completion"},
        Form.CLASSES: {"text": "text", "label": "label"},
    }
)
_FLAT_PAIRS = MappingProxyType({"text": "prompt", "completion": "chosen", "rejected": "rejected"})

SeeAlso = Callable[[str, str], None]
"""(first person of a row, its text with what is learnt to follow): whatever else is to be counted in passing."""

Opened = Callable[[], BinaryIO]
"""The file from its beginning, to be closed by whoever asks."""


def check_table(
    opened: Opened, named: Named, count_tokens: CountTokens | None = None, see_also: SeeAlso | None = None
) -> Checked:
    """Read a table to its end. Raises `Malformed`."""
    with opened() as stream:
        head = stream.read(4096)
    if not head:
        raise empty()
    kind = kind_of(head)
    if kind not in READERS:
        raise not_what_named("is neither CSV, nor JSONL, nor Parquet by its first bytes")
    with opened() as stream:
        form, roles = _parts(_columns(kind, stream), named)
    parts = [Part(role=role, column=column) for role, column in roles.items()]
    checking = _Checking(parts=parts, separator=named.separator, survey=DataSurvey(count_tokens), see_also=see_also)
    with opened() as stream:
        for number, row in enumerate(READERS[kind](stream, parts), start=1):
            if number > MOST_ROWS:
                raise too_many_rows()
            checking.see(row, number)
    return checking.checked(form)


def _columns(kind: str, stream: BinaryIO) -> Sequence[str]:
    """The names of the columns, of JSONL those of the first object."""
    match kind:
        case "parquet":
            names: list[str] = open_parquet(stream).schema_arrow.names
            return names
        case "csv":
            return next((header for _, header in csv_records(stream)), ())
    first = next((line for line in lines(stream) if not line.isspace()), None)
    if first is None:
        raise empty()
    record = json_object(first, 1)
    more = (PROMPT, COMPLETION) if is_conversation(record) else ()
    return [*record, *more, *((INPUT, PREFERRED, NOT_PREFERRED) if is_pair(record) else ())]


def _parts(columns: Sequence[str], named: Named) -> tuple[Form, dict[str, str]]:
    """The form of the rows, and role -> column in the order in which they are read."""
    given = {role: getattr(named, role) for role in ("text", "label", "completion") if getattr(named, role) is not None}
    if given:
        form, roles = _as_named(given)
    else:
        form, roles = _recognised(frozenset(columns))
    return form, {**roles, **({} if named.person is None else {"person": named.person})}


def _as_named(given: Mapping[str, str]) -> tuple[Form, dict[str, str]]:
    if set(given) == {"text", "label"}:
        return Form.CLASSES, dict(given)
    if set(given) == {"text", "completion"}:
        return (Form.CONVERSATIONS if given["completion"] == COMPLETION else Form.COMPLETIONS), dict(given)
    raise Malformed(
        "label_or_completion",
        "Columns were named, but not the text and either the label or the completion.",
        remedy="Name the column of the text and that of what is learnt, or none of them.",
        param="columns",
    )


def _recognised(columns: frozenset[str]) -> tuple[Form, dict[str, str]]:
    if columns >= set(_FLAT_PAIRS.values()):
        return Form.PREFERENCES, dict(_FLAT_PAIRS)
    for form, roles in _FORMS.items():
        if columns >= set(roles.values()):
            return form, dict(roles)
    raise Malformed(
        "form_unknown",
        "The columns are not those of a known form: messages; prompt and completion; text and label; or preferences.",
        remedy="Name the column of the text and that of the label or of the completion.",
        param="columns",
    )


@dataclass(slots=True, kw_only=True)
class _Checking:
    parts: Sequence[Part]
    separator: str | None
    survey: DataSurvey
    see_also: SeeAlso | None
    rows: int = 0
    blank_rows: int = 0
    first_blank: list[int] = field(default_factory=list)

    def see(self, row: Sequence[str | None], number: int) -> None:
        """Take one row in. Raises `Malformed`."""
        self.rows = number
        values = {
            part.role: require_sound(value or "", part, number) for part, value in zip(self.parts, row, strict=True)
        }
        is_blank = not all(value.strip() for value in values.values())
        owners = self._owners(values.get("person"), number)
        if self.see_also is not None:
            self.see_also(owners[0], "\n".join(values[role] for role in ("text", "completion") if role in values))
        self.survey.see(
            text=values["text"],
            label=values.get("label"),
            completion=values.get("completion"),
            owners=owners,
            is_blank=is_blank,
        )
        if is_blank:
            self.blank_rows += 1
            self.first_blank += [number] * (len(self.first_blank) < _FIRST_ROWS)

    def checked(self, form: Form) -> Checked:
        """What was found. Raises `Malformed` where there was no row."""
        if not self.rows:
            raise empty()
        report = self.survey.report(form, len(self.parts))
        return Checked(report=report, blank_rows=self.blank_rows, first_blank=tuple(self.first_blank))

    def _owners(self, person: str | None, number: int) -> tuple[str, ...]:
        if person is None:
            return (f"row-{number}",)
        part = next(_of_person(self.parts))
        if not person.strip():
            raise part.malformed("person_missing", f"Row {number} has no person.", "Complete the row or leave it out.")
        return owners_of(person, self.separator, number, part.malformed)


def _of_person(parts: Sequence[Part]) -> Iterator[Part]:
    return (part for part in parts if part.role == "person")
