"""What is trained on: the de-identified rows of the training persons, as numbers. Protected attributes never enter."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.owners import kept_rows
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan, Task
from tunewarden.steps.records import CleanRecord, Manifest, held_out, read_budgets, read_manifest, read_records
from tunewarden.steps.train.texts import Tokens, tokenize
from tunewarden.usecases.ports import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows, those of one person beside each other.

    Attributes:
        tokens: their texts.
        labels: their classes, int64[rows].
        starts: int64[persons + 1]; the rows of person i are starts[i] to starts[i + 1] - 1.
        completions: int64[rows], the place among a row's own tokens where what is to be learnt begins: after the first
            token and before the last one's end. None where classes are learnt.
    """

    tokens: Tokens
    labels: NDArray[np.int64]
    starts: NDArray[np.int64]
    completions: NDArray[np.int64] | None = None

    @property
    def persons(self) -> int:
        """How many."""
        return len(self.starts) - 1

    def of(self, person: int) -> NDArray[np.int64]:
        """The indices of that person's rows; at least one."""
        return np.arange(self.starts[person], self.starts[person + 1])

    def size_bytes(self) -> int:
        """What the arrays take in memory."""
        return self.tokens.ids.nbytes + self.tokens.starts.nbytes + self.labels.nbytes + self.starts.nbytes


def members(blobs: Blobs, clean: Digest) -> Iterator[bytes] | None:
    """The budget pseudonyms (32 bytes) of the persons that are not held out, streamed; None in a release of before."""
    manifest = read_manifest(blobs, clean)
    if manifest.budget is None:
        return None
    return (bytes.fromhex(row.budget) for row in read_budgets(blobs, manifest) if not held_out(row.person))


def read_rows(
    blobs: Blobs,
    clean: Digest,
    plan: Plan,
    tokenizer: PreTrainedTokenizerBase,
    left_out: frozenset[bytes] = frozenset(),
) -> Rows:
    """The rows of the persons that are not held out, tokenised; `clean` is what the de-identify step made.

    `left_out` are budget pseudonyms of persons who have no budget left: as if they were not there.
    Raises `PlanMismatch` where that was made from other records or under another profile than the plan says, and
    `Refused` for completions, which are not released yet.
    """
    if plan.recipe.task is not Task.CLASSIFICATION:
        raise Refused(
            "completions_not_released",
            "De-identified records hold a text and its class, but no completion to learn from.",
            remedy="Ask for the task 'classification'.",
            param="hyperparameters.task",
        )
    manifest = read_manifest(blobs, clean)
    if (manifest.source, manifest.profile) != (plan.dataset_version, plan.profile):
        raise PlanMismatch(
            "records_of_another_plan",
            "The de-identified records come from other records or another profile than the plan names.",
        )
    without = _persons(blobs, manifest, left_out)
    by_person: dict[str, list[CleanRecord]] = {}
    for record in read_records(blobs, manifest):
        if not (held_out(record.person) or record.person in without):
            by_person.setdefault(record.person, []).append(record)
    records = _kept([record for theirs in by_person.values() for record in theirs], plan)
    each = Counter(record.person for record in records)  # in the order of the records
    return Rows(
        tokens=tokenize(tokenizer, [record.text for record in records], plan.recipe),
        labels=np.array([record.label for record in records], dtype=np.int64),
        starts=np.concatenate(([0], np.cumsum(list(each.values()), dtype=np.int64))),
    )


def _kept(records: list[CleanRecord], plan: Plan) -> list[CleanRecord]:
    """Where the record is the unit, of each person the first few; what is accounted knows of no more."""
    if plan.mechanism.unit is PrivacyUnit.PERSON:
        return records
    return [records[row] for row in kept_rows(([one.person] for one in records), plan.mechanism.contributions)]


def _persons(blobs: Blobs, manifest: Manifest, left_out: frozenset[bytes]) -> frozenset[str]:
    if not left_out:
        return frozenset()
    return frozenset(row.person for row in read_budgets(blobs, manifest) if bytes.fromhex(row.budget) in left_out)


def require_enough(rows: Rows, plan: Plan, classes: int) -> None:
    """Raise `Refused` where the plan cannot be kept with these rows. Nothing has been charged yet."""
    unit = plan.mechanism.unit
    units = rows.persons if unit is PrivacyUnit.PERSON else len(rows.labels)
    if units < plan.recipe.expected_units:
        raise Refused(
            "too_few_persons",
            f"{units} {unit}s to train on; the plan expects {plan.recipe.expected_units} in every update.",
            remedy="Add records of more persons, or ask for a smaller batch size.",
            who="steward",
            param="hyperparameters.batch_size",
        )
    if plan.delta * rows.persons >= 1:
        raise Refused(
            "delta_too_large",
            f"Delta {plan.delta} would allow publishing one of {rows.persons} persons; it must be below 1 in so many.",
            remedy="Ask for a delta well below one over the number of persons.",
            param="governance.privacy.delta",
        )
    if rows.completions is None:
        _require_classes(rows, classes)
    elif (rows.completions < 1).any() or (rows.completions >= rows.tokens.lengths()).any():
        raise Corrupted("completion_out_of_range", "A completion does not begin within its row, behind a token.")


def _require_classes(rows: Rows, classes: int) -> None:
    if rows.labels.min() < 0 or rows.labels.max() >= classes:
        raise Corrupted("label_out_of_range", f"A record has a label outside the {classes} classes of its dataset.")
    missing = classes - len(np.unique(rows.labels))
    if classes < 2 or missing:
        raise Refused(
            "class_without_rows",
            f"{classes} classes, and {missing} of them without any row to train on; at least two with rows are needed.",
            remedy="Add records of every class, or register the dataset with fewer classes.",
            who="steward",
        )
