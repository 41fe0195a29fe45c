"""Uploaded tables become records: checked, their labels numbered, their protected attributes banded.

The file is read twice, row by row: first to see what is in it, then to write it. What is kept meanwhile is the count
of each label, the values of numeric protected columns (8 bytes each) and a hash of each person (for counting them).
Records pass straight into the encrypted blob; nothing is written down in plain.
"""

import hashlib
import math
import re
import statistics
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tunewarden.domain.canonical import Plain, encode
from tunewarden.domain.data_report import DataReport, Form
from tunewarden.domain.datasets import Columns
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest
from tunewarden.drivers.conversations import CHAT_COLUMNS
from tunewarden.drivers.data_survey import DataSurvey
from tunewarden.drivers.table_faults import MOST_ROWS, empty, too_many_rows
from tunewarden.drivers.table_owners import owners_of
from tunewarden.drivers.table_rows import LONGEST_TEXT, Part, Reader, Row, reader_for
from tunewarden.drivers.table_values import require_sound, too_long
from tunewarden.usecases.lines import stream_of
from tunewarden.usecases.ports import Blobs, Ingested

_MOST_LABELS = 100
_MOST_GROUPS = 20
_FEWEST_TO_BAND = 9  # a numeric column with fewer values is a code (1 male, 2 female) and stays as it is
_OTHER = "other"
_UNKNOWN = "unknown"
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_AGE = re.compile(r"(?<![a-z])age(?![a-z])")

Band = Callable[[str], str]
"""A value of a protected column ("" where it is not known) -> the group it counts to."""


def ingest(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
    """Read an upload as records; `usecases.ports.Ingest`.

    Raises `Malformed` with the number of the row and the part of the column at fault. Not checked: whether the person
    column really identifies persons, and whether the texts are free of identifiers (that is a step's work).
    """
    if columns.positive == _OTHER:
        raise Malformed(
            "positive_reserved",
            f"'{_OTHER}' is what the rows without the positive label are called.",
            remedy="Give the positive label another name in the file.",
            param="columns.positive",
        )
    wanted = _wanted(columns)
    with blobs.open(digest) as stream:
        reader = reader_for(filename, stream.read(4096))
    survey = _Survey(wanted=wanted, columns=columns)
    for row in _rows(blobs, digest, reader, wanted, columns.separator):
        survey.see(row)
    labels = survey.labels()
    bands = survey.bands()
    records = (_record(row, columns, labels, bands) for row in _rows(blobs, digest, reader, wanted, columns.separator))
    return Ingested(
        records=blobs.put(stream_of(map(encode, records))),
        rows=survey.rows,
        persons=survey.persons,
        labels=labels,
        shared_rows=survey.shared_rows,
        report=survey.report(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A row without faults. `number` counts from 1; what is missing of `protected` and `known` is "".

    Where completions are learnt, `label` is "" and `text` as `usecases.ports.Ingested` states it.
    """

    number: int
    text: str
    completion: int | None
    label: str
    owners: tuple[str, ...]
    protected: tuple[str, ...]
    known: tuple[str, ...]


def _wanted(columns: Columns) -> list[Part]:
    named = (("label", columns.label), ("completion", columns.completion), ("person", columns.person))
    parts = [Part(role="text", column=columns.text)]
    parts += [Part(role=role, column=column) for role, column in named if column is not None]
    parts += [Part(role=f"protected[{place}]", column=name) for place, name in enumerate(columns.protected)]
    return parts + [Part(role=f"known[{place}]", column=known.column) for place, known in enumerate(columns.known)]


def _rows(
    blobs: Blobs, digest: Digest, reader: Reader, wanted: Sequence[Part], separator: str | None
) -> Iterator[_Checked]:
    with blobs.open(digest) as stream:
        for number, row in enumerate(reader(stream, wanted), start=1):
            if number > MOST_ROWS:
                raise too_many_rows()
            yield _checked(row, wanted, separator, number)


def _checked(row: Row, wanted: Sequence[Part], separator: str | None, number: int) -> _Checked:
    parts: dict[str, list[str]] = {}
    owners: tuple[str, ...] = (f"row-{number}",)
    for given, part in zip(row, wanted, strict=True):
        value = _sound(given, part, number)
        parts.setdefault(part.role.partition("[")[0], []).append(value)
        if part.role == "person":
            owners = owners_of(value, separator, number, part.malformed)
    text, completion = parts["text"][0], None
    if "completion" in parts:
        completion = len(text) + 1
        text = f"{text}\n{parts['completion'][0]}"
        if len(text) > LONGEST_TEXT:
            raise too_long(wanted[0], f"The text of row {number} with its completion", LONGEST_TEXT)
    return _Checked(
        number=number,
        text=text,
        completion=completion,
        label=parts["label"][0] if "label" in parts else "",
        owners=owners,
        protected=tuple(parts.get("protected", ())),
        known=tuple(parts.get("known", ())),
    )


def _sound(value: str | None, part: Part, number: int) -> str:
    if value is None or not value.strip():
        if part.role in {"text", "label", "completion", "person"}:
            raise part.malformed(
                f"{part.role}_missing", f"Row {number} has no {part.role}.", "Complete the row or leave it out."
            )
        return ""
    return require_sound(value, part, number)


@dataclass(slots=True, kw_only=True)
class _Survey:
    """What the first pass learns."""

    wanted: Sequence[Part]
    columns: Columns
    rows: int = 0
    shared_rows: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    first_row: dict[str, int] = field(default_factory=dict)
    people: set[bytes] = field(default_factory=set)
    groups: list["_Groups"] = field(init=False)
    told: DataSurvey = field(default_factory=DataSurvey)

    def __post_init__(self) -> None:
        self.groups = [_Groups(part=part) for part in self.wanted if part.role.startswith("protected")]

    def see(self, row: _Checked) -> None:
        """Take one row into account. Raises `Malformed` for one label or group too many."""
        self.rows += 1
        self.shared_rows += len(row.owners) > 1
        if self.columns.person is not None:
            self.people.update(hashlib.blake2b(owner.encode(), digest_size=16).digest() for owner in row.owners)
        for groups, value in zip(self.groups, row.protected, strict=True):
            groups.see(value)
        label = None if self.columns.label is None else self._see_label(row)
        prompt, completion = row.text, None
        if row.completion is not None:
            prompt, completion = row.text[: row.completion - 1], row.text[row.completion :]
        self.told.see(text=prompt, owners=row.owners, label=label, completion=completion)

    def _see_label(self, row: _Checked) -> str:
        label = _class_of(row.label, self.columns.positive)
        self.seen[label] += 1
        self.first_row.setdefault(label, row.number)
        if len(self.seen) > _MOST_LABELS:
            raise self._label_fault(
                "too_many_labels", f"Up to row {row.number} there are more than {_MOST_LABELS} labels."
            )
        return label

    @property
    def persons(self) -> int:
        """How many there are; without a person column, every row is another one."""
        return self.rows if self.columns.person is None else len(self.people)

    def labels(self) -> tuple[str, ...]:
        """The classes, sorted; none where completions are learnt. Raises `Malformed` where nothing could be learnt."""
        if not self.rows:
            raise empty()
        if self.columns.label is None:
            return ()
        if self.columns.positive is not None and self.columns.positive not in self.seen:
            raise Malformed(
                "positive_absent",
                "No row has the label that was named as the positive one.",
                remedy="Name a label exactly as the file has it.",
                param="columns.positive",
            )
        if len(self.seen) < 2:
            raise self._label_fault("label_single", "Every row has the same label, so there is nothing to tell apart.")
        once = [label for label, count in self.seen.items() if count == 1]
        if once:
            where = ", ".join(str(self.first_row[label]) for label in once[:5])
            raise self._label_fault("label_seen_once", f"{len(once)} labels are seen only once (rows {where}).")
        return tuple(sorted(self.seen))

    def report(self) -> DataReport:
        """What may be told of the file; of at least one row."""
        return self.told.report(_form(self.columns), len(self.wanted))

    def bands(self) -> list[Band]:
        """For each protected column, how its values are grouped. Raises `Malformed` for more than 20 groups."""
        return [groups.band() for groups in self.groups]

    def _label_fault(self, code: str, reason: str) -> Malformed:
        return next(part for part in self.wanted if part.role == "label").malformed(
            code, reason, "Name another label column, a positive label, or add rows of the rare labels."
        )


@dataclass(slots=True, kw_only=True)
class _Groups:
    """The values of one protected column: as numbers as long as all are, as words as long as there are few."""

    part: Part
    numbers: "array[float] | None" = field(default_factory=lambda: array("d"))
    words: set[str] = field(default_factory=set)

    def see(self, value: str) -> None:
        """Take one value into account."""
        if not value:
            return
        if len(self.words) <= _MOST_GROUPS:
            self.words.add(value)
        if self.numbers is None:
            return
        if _NUMBER.fullmatch(value.strip()) and math.isfinite(float(value)):
            self.numbers.append(float(value))
        else:
            self.numbers = None

    def band(self) -> Band:
        """How its values are grouped. Raises `Malformed` for more than 20 groups."""
        if self.numbers and _names_an_age(self.part.column):
            return _banded(_age_band)
        if self.numbers and len(self.words) >= _FEWEST_TO_BAND:
            return _banded(_quartiles(self.numbers))
        if len(self.words) > _MOST_GROUPS:
            raise self.part.malformed(
                "protected_too_many_groups",
                f"The column of {self.part.role} has more than {_MOST_GROUPS} different values.",
                "Group its values, or name another column.",
            )
        return lambda value: value or _UNKNOWN


def _form(columns: Columns) -> Form:
    if columns.completion is None:
        return Form.CLASSES
    return Form.CONVERSATIONS if columns.completion in CHAT_COLUMNS else Form.COMPLETIONS


def _banded(band: Callable[[float], str]) -> Band:
    return lambda value: band(float(value)) if value else _UNKNOWN


def _names_an_age(column: str) -> bool:
    """Whether "age" is one of the words of the name: Age_Fix and PatientAge are ages, Wage and Village are not."""
    return _AGE.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower()) is not None


def _age_band(years: float) -> str:
    """Bands of completed years. NEISS codes ages under two years as 200 + months: they are out of range."""
    if not 0 <= years < 121:
        return "out of range"
    bands = ("0-17", "18-39", "40-64", "65-120")
    return bands[sum(years >= begin for begin in (18, 40, 65))]


def _quartiles(numbers: Sequence[float]) -> Callable[[float], str]:
    """Bands between the quartiles, fewer where quartiles coincide."""
    cuts = sorted(set(statistics.quantiles(numbers, n=4, method="inclusive"))) if len(numbers) > 1 else [numbers[0]]
    names = [f"at most {cuts[0]:.6g}"]
    names += [f"above {low:.6g} to {high:.6g}" for low, high in pairwise(cuts)]
    names += [f"above {cuts[-1]:.6g}"]
    return lambda number: names[bisect_left(cuts, number)]


def _class_of(label: str, positive: str | None) -> str:
    return label if positive is None or label == positive else _OTHER


def _record(row: _Checked, columns: Columns, labels: Sequence[str], bands: Sequence[Band]) -> dict[str, Plain]:
    groups = zip(columns.protected, bands, row.protected, strict=True)
    first, *others = row.owners
    further: dict[str, Plain] = {}
    if columns.known:
        further["known"] = _known(row, columns)
    if others:
        further["others"] = others
    if row.completion is not None:
        further["completion"] = row.completion
    return {
        **further,
        "label": 0 if columns.label is None else labels.index(_class_of(row.label, columns.positive)),
        "person": first,
        "protected": {name: band(value) for name, band, value in groups},
        "text": row.text,
    }


def _known(row: _Checked, columns: Columns) -> dict[str, Plain]:
    """What the row says about its person, by kind of identifier; what it does not say is left out."""
    values: dict[str, list[Plain]] = {}
    for column, value in zip(columns.known, row.known, strict=True):
        if value:
            values.setdefault(column.entity, []).append(value)
    return {kind: list(several) for kind, several in values.items()}
