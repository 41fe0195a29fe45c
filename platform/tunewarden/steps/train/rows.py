"""What is trained on: the de-identified rows of the training persons, as numbers. Protected attributes never enter."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.owners import kept_rows, rows_of_several_persons
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan, Task
from tunewarden.steps.records import (
    CleanRecord,
    Manifest,
    Side,
    held_out,
    prompt_and_completion,
    read_budgets,
    read_manifest,
    read_records,
    side,
)
from tunewarden.steps.swapping import exchanged
from tunewarden.steps.train.texts import Tokens, completable, tokenize, tokenize_pairs
from tunewarden.usecases.ports import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows, those of one person beside each other.

    A row of several persons lies with those of its first one; there are such rows only where the unit is the record.

    Attributes:
        tokens: their texts.
        labels: their classes, int64[rows].
        starts: int64[persons + 1]; the rows of person i are starts[i] to starts[i + 1] - 1.
        completions: int64[rows], the place among a row's own tokens where what is to be learnt begins: after the first
            token and before the last one's end. None where classes are learnt.
        others: how many persons have rows here without being the first person of any.
        unlearnable: rows that were left out because nothing of their completion, or of what it follows, was left.
        class_weights: of each class, 1 at most; empty where all rows count alike.
        copies: how many rows say the same of another person; each lies with those of the person whose row it copies.
        truncated_copies: how many of these were longer than the recipe allows.
    """

    tokens: Tokens
    labels: NDArray[np.int64]
    starts: NDArray[np.int64]
    completions: NDArray[np.int64] | None = None
    others: int = 0
    unlearnable: int = 0
    class_weights: tuple[float, ...] = ()
    copies: int = 0
    truncated_copies: int = 0

    @property
    def originals(self) -> int:
        """How many rows are no copies. How many copies there are tells of the texts, so it is stated nowhere."""
        return len(self.labels) - self.copies

    @property
    def truncated(self) -> int:
        """How many of these were longer than the recipe allows."""
        return self.tokens.truncated - self.truncated_copies

    @property
    def persons(self) -> int:
        """How many are the first person of a row."""
        return len(self.starts) - 1

    @property
    def everybody(self) -> int:
        """How many persons the rows belong to."""
        return self.persons + self.others

    def of(self, person: int) -> NDArray[np.int64]:
        """The indices of that person's rows; at least one."""
        return np.arange(self.starts[person], self.starts[person + 1])

    def weights(self, persons: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """What the clipped gradient of each of `persons`, the rows of each, is multiplied by: float64[persons], 0 to 1.

        The mean over their rows of the weights of the rows' classes: from what is theirs alone, and no more than 1, so
        it makes nobody's contribution longer.
        """
        if not self.class_weights:
            return np.ones(len(persons))
        of_class = np.asarray(self.class_weights, dtype=np.float64)
        return np.array([of_class[self.labels[rows]].mean() for rows in persons], dtype=np.float64)

    def size_bytes(self) -> int:
        """What the arrays take in memory."""
        arrays = (self.tokens.ids, self.tokens.starts, self.labels, self.starts, self.completions)
        return sum(array.nbytes for array in arrays if array is not None)


def members(blobs: Blobs, clean: Digest) -> Iterator[bytes] | None:
    """The budget pseudonyms (32 bytes) of the persons that are not held out, streamed; None in a release of before.

    Those too who have no row but such as they share with somebody held out: they are charged for nothing.
    """
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
    among: Callable[[CleanRecord], bool] = lambda _: True,
) -> Rows:
    """The rows none of whose persons is held out, tokenised; `clean` is what the de-identify step made.

    `left_out` are budget pseudonyms of persons who have no budget left: no row of theirs is read, whoever shares it.
    Of all that would be trained on, only those `among` it are.
    Raises `PlanMismatch` where that was made from other records or under another profile than the plan says, or holds
    no completions where they are to be learnt or the other way round, and `Refused` for rows of several persons where
    the unit is the person: nobody's gradients could be told from the other's.
    """
    manifest = read_manifest(blobs, clean)
    if (manifest.source, manifest.profile) != (plan.dataset_version, plan.profile):
        raise PlanMismatch(
            "records_of_another_plan",
            "The de-identified records come from other records or another profile than the plan names.",
        )
    without = _persons(blobs, manifest, left_out)
    found = [
        record
        for record in read_records(blobs, manifest)
        if side(record) is Side.TRAINING and without.isdisjoint(record.persons)
    ]
    _require_task(found, plan.recipe.task)
    _require_owners(found, plan.mechanism.unit)
    some = found if plan.recipe.task is Task.CLASSIFICATION else _learnable(found, tokenizer, plan)
    kept = [record for record in _kept(some, plan) if among(record)]
    copies = _copies(kept, tokenizer, plan)
    records = _beside([*kept, *copies])
    each = Counter(record.person for record in records)  # in the order of the records
    tokens, completions = _tokens(records, tokenizer, plan)
    return Rows(
        tokens=tokens,
        labels=np.array([record.label for record in records], dtype=np.int64),
        starts=np.concatenate(([0], np.cumsum(list(each.values()), dtype=np.int64))),
        completions=completions,
        others=len({person for record in records for person in record.others} - each.keys()),
        unlearnable=len(found) - len(some),
        class_weights=class_weights(plan),
        copies=len(copies),
        truncated_copies=_tokens(copies, tokenizer, plan)[0].truncated,
    )


def class_weights(plan: Plan) -> tuple[float, ...]:
    """Those that the plan declares; empty where it declares none."""
    return () if plan.mitigation is None else tuple(float(weight) for weight in plan.mitigation.weights)


def _copies(records: Sequence[CleanRecord], tokenizer: PreTrainedTokenizerBase, plan: Plan) -> list[CleanRecord]:
    """The records once more with a protected term exchanged, for each kind that the plan names and each that holds one.

    Of the same person, so that whatever is drawn of it is drawn and clipped with that person's other rows.
    """
    if plan.mitigation is None:
        return []
    found = [copy for swap in plan.mitigation.swaps for record in records if (copy := exchanged(record, swap))]
    return found if plan.recipe.task is Task.CLASSIFICATION else _learnable(found, tokenizer, plan)


def _require_task(records: Sequence[CleanRecord], task: Task) -> None:
    completes = task is Task.COMPLETION
    if any((record.completion is not None) != completes for record in records):
        raise PlanMismatch(
            "records_of_another_task",
            f"The plan is for the task '{task}', and the de-identified records are not.",
            remedy="Ask again; the task follows from the columns of the dataset.",
        )


def _require_owners(records: Sequence[CleanRecord], unit: PrivacyUnit) -> None:
    shared = sum(bool(record.others) for record in records)
    if shared and unit is PrivacyUnit.PERSON:
        raise rows_of_several_persons(shared)


def _learnable(records: Sequence[CleanRecord], tokenizer: PreTrainedTokenizerBase, plan: Plan) -> list[CleanRecord]:
    """Those that something can be learnt from, each judged by itself."""
    fit = completable(tokenizer, *_pairs(records), plan.recipe)
    return [record for record, fits in zip(records, fit, strict=True) if fits]


def _kept(records: list[CleanRecord], plan: Plan) -> list[CleanRecord]:
    """Where the record is the unit, of everybody the first few; what is accounted knows of no more."""
    if plan.mechanism.unit is PrivacyUnit.PERSON:
        return records
    return [records[row] for row in kept_rows((one.persons for one in records), plan.mechanism.contributions)]


def _beside(records: list[CleanRecord]) -> list[CleanRecord]:
    by_person: dict[str, list[CleanRecord]] = {}
    for record in records:
        by_person.setdefault(record.person, []).append(record)
    return [record for theirs in by_person.values() for record in theirs]


def _tokens(
    records: Sequence[CleanRecord], tokenizer: PreTrainedTokenizerBase, plan: Plan
) -> tuple[Tokens, NDArray[np.int64] | None]:
    if plan.recipe.task is Task.CLASSIFICATION:
        return tokenize(tokenizer, [record.text for record in records], plan.recipe), None
    return tokenize_pairs(tokenizer, *_pairs(records), plan.recipe)


def _pairs(records: Sequence[CleanRecord]) -> tuple[list[str], list[str]]:
    pairs = [prompt_and_completion(record) for record in records]
    return [prompt for prompt, _ in pairs], [completion for _, completion in pairs]


def _persons(blobs: Blobs, manifest: Manifest, left_out: frozenset[bytes]) -> frozenset[str]:
    if not left_out:
        return frozenset()
    return frozenset(row.person for row in read_budgets(blobs, manifest) if bytes.fromhex(row.budget) in left_out)


def units_of(rows: Rows, unit: PrivacyUnit) -> int:
    """How many persons there are, or rows where the record is the unit."""
    return rows.everybody if unit is PrivacyUnit.PERSON else len(rows.labels)


def require_enough(rows: Rows, plan: Plan, classes: int) -> None:
    """Raise `Refused` where the plan cannot be kept with these rows. Nothing has been charged yet."""
    unit = plan.mechanism.unit
    units = units_of(rows, unit)
    if units < plan.recipe.expected_units:
        raise Refused(
            "too_few_persons",
            f"{units} {unit}s to train on; the plan expects {plan.recipe.expected_units} in every update.",
            remedy="Add records of more persons, or ask for a smaller batch size.",
            who="steward",
            param="hyperparameters.batch_size",
        )
    if plan.delta * rows.everybody >= 1:
        raise Refused(
            "delta_too_large",
            f"Delta {plan.delta} would allow publishing one of {rows.everybody} persons: it must be below 1 in those.",
            remedy="Ask for a delta well below one over the number of persons.",
            param="governance.privacy.delta",
        )
    if plan.mitigation is not None:
        plan.mitigation.require_classes(classes)
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
