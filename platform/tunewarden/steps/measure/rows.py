"""The de-identified records as the measures need them: columns of the held-out side, little of the training side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tunewarden.domain.errors import PlanMismatch, Refused, Unavailable
from tunewarden.domain.training import Task
from tunewarden.steps.measure.intervals import Booleans, Integers
from tunewarden.steps.records import (
    CleanRecord,
    Manifest,
    Side,
    held_out,
    prompt_and_completion,
    read_budgets,
    read_protected,
    read_records,
    side,
)
from tunewarden.usecases.attribute_doors import Read, Whose
from tunewarden.usecases.ports import Admit, Attempt, Blobs


@dataclass(slots=True, kw_only=True)
class Rows:
    """Records as columns, in file order.

    Attributes:
        completions: what follows the texts; the texts are prompts then. Empty where classes are learnt.
        protected: empty for rows of the training side.
        shared: whether a row is of further persons too; empty where none is.
    """

    texts: list[str] = field(default_factory=list)
    completions: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    persons: list[str] = field(default_factory=list)
    protected: list[Mapping[str, str]] = field(default_factory=list)
    shared: list[bool] = field(default_factory=list)

    def add(self, record: CleanRecord) -> None:
        """Append one record."""
        if record.completion is None:
            self.texts.append(record.text)
        else:
            prompt, completion = prompt_and_completion(record)
            self.texts.append(prompt)
            self.completions.append(completion)
        self.labels.append(record.label)
        self.persons.append(record.person)
        self.shared.append(bool(record.others))

    def require_task(self, task: Task) -> None:
        """Raise `PlanMismatch` where some of these records are not what `task` learns from."""
        if len(self.completions) != (len(self.texts) if task is Task.COMPLETION else 0):
            raise PlanMismatch(
                "records_of_another_task",
                f"The plan is for the task '{task}', and the de-identified records are not.",
                remedy="Ask again; the task follows from the columns of the dataset.",
            )

    def only(self, kept: Booleans) -> "Rows":
        """Those of the rows for which `kept`, bool[rows], is true."""
        some = np.flatnonzero(kept)
        return Rows(
            texts=[self.texts[row] for row in some],
            completions=[self.completions[row] for row in some] if self.completions else [],
            labels=[self.labels[row] for row in some],
            persons=[self.persons[row] for row in some],
            protected=[self.protected[row] for row in some] if self.protected else [],
            shared=[self.shared[row] for row in some] if self.shared else [],
        )

    def whole_texts(self) -> list[str]:
        """Each row as it was written: where there are completions, the prompt, a line feed and the completion."""
        if not self.completions:
            return self.texts
        return [f"{prompt}\n{after}" for prompt, after in zip(self.texts, self.completions, strict=True)]

    def label_array(self) -> Integers:
        """int64[rows]."""
        return np.asarray(self.labels, dtype=np.int64)

    def person_array(self) -> Integers:
        """int64[rows]: the rank of the person's pseudonym, which tells persons apart."""
        return np.unique(np.asarray(self.persons), return_inverse=True)[1].astype(np.int64)

    def alone(self) -> Booleans:
        """bool[rows]: whether a row is of one person only."""
        return ~np.asarray(self.shared or [False] * len(self.texts), dtype=np.bool_)

    def attributes(self) -> dict[str, list[str]]:
        """Protected attribute -> value of every row; a row that lacks one is in the group without a name."""
        names = sorted({name for row in self.protected for name in row})
        return {name: [row.get(name, "") for row in self.protected] for name in names}

    def one_text_each(self, persons: int) -> list[str]:
        """The first text of each of so many persons, at most.

        Taken in the order of pseudonyms, which are keyed hashes: these are any persons.
        """
        first: dict[str, str] = {}
        for person, text in zip(self.persons, self.texts, strict=True):
            if text.strip():
                first.setdefault(person, text)
        return [first[person] for person in sorted(first)[:persons]]


def read_held_out(
    blobs: Blobs,
    manifest: Manifest,
    left_out: frozenset[str] = frozenset(),
    *,
    alone: bool = False,
    attributes: Read | None = None,
) -> tuple[Rows, frozenset[str]]:
    """The held-out rows with their protected attributes, and the pseudonyms of everybody who is not held out.

    Rows with somebody in `left_out` are passed over and, where `alone`, those of several persons: of private figures
    each person may move only what is that person's. Others count for the first of their persons. Attributes that lie
    apart are read by `attributes`, once, those of these rows and no others; none are where it is None. In a release of
    before they lie beside the texts. Raises `NotFound`, `Corrupted`, and what `attributes` does.
    """
    measured, others, found = Rows(), set[str](), list[Whose]()
    for place, record in enumerate(read_records(blobs, manifest)):
        whose = side(record)
        if whose is Side.TRAINING:
            others.add(record.person)
        elif whose is Side.HELD_OUT and left_out.isdisjoint(record.persons) and not (alone and record.others):
            measured.add(record)
            found.append(Whose(record=place, persons=record.persons))
    if manifest.protected is not None:
        measured.protected = _beside(blobs, manifest, found)
    else:
        measured.protected = [{} for _ in found] if attributes is None else list(attributes(found))
    return measured, frozenset(others)


def attributes_of(attempt: Attempt, manifest: Manifest) -> Read | None:
    """How to read the protected attributes of this release; None where there are none, or none that lie apart.

    Raises `Unavailable` where there are and the attempt has no door to them: without them groups would look equal.
    """
    if manifest.protected is not None or not attempt.protected:
        return None
    if attempt.attributes is None:
        raise Unavailable(
            "attributes_not_readable", "Nobody handed over a way to the protected attributes.", who="administrator"
        )
    return attempt.attributes


def _beside(blobs: Blobs, manifest: Manifest, found: Sequence[Whose]) -> list[Mapping[str, str]]:
    """Those of `found` in a release of before. All are read, because that is what checks their root."""
    wanted = {whose.record for whose in found}
    return [row for place, row in enumerate(read_protected(blobs, manifest)) if place in wanted]


def require_both_sides(measured: Rows, others: frozenset[str]) -> None:
    """Raise `Refused` where one of the two sides is empty; where counts are private, nobody may be told so."""
    if not measured.texts or not others:
        raise Refused(
            "held_out_empty",
            f"{len(set(measured.persons))} persons are held out and {len(others)} are not; neither may be 0.",
            remedy="Use a dataset of more persons: one in five is held out.",
            who="steward",
        )


def admitted(blobs: Blobs, manifest: Manifest, admit: Admit) -> frozenset[str]:
    """Have the held-out persons admitted, so that noisy figures about them may be charged; who has to be left out.

    Those are pseudonyms in this dataset. Raises what `admit` raises, `NotFound` or `Corrupted`. Does nothing for a
    manifest of before, which does not say who persons are in other datasets.
    """
    if manifest.budget is None:
        return frozenset()
    known = {bytes.fromhex(row.budget): row.person for row in read_budgets(blobs, manifest) if held_out(row.person)}
    return frozenset(known[budget] for budget in admit(known))


def read_persons(blobs: Blobs, manifest: Manifest, persons: frozenset[str]) -> Rows:
    """All rows of these persons, who are not held out, that were trained on; without protected attributes."""
    rows = Rows()
    for record in read_records(blobs, manifest):
        if record.person in persons and side(record) is Side.TRAINING:
            rows.add(record)
    return rows
