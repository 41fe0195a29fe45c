"""What is trained on: the de-identified rows of the training persons, as numbers. Protected attributes never enter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan
from tunewarden.steps.records import CleanRecord, held_out, read_manifest, read_records
from tunewarden.steps.train.texts import Tokens, tokenize
from tunewarden.usecases.ports import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows, those of one person beside each other.

    Attributes:
        tokens: their texts.
        labels: their classes, int64[rows].
        starts: int64[persons + 1]; the rows of person i are starts[i] to starts[i + 1] - 1.
    """

    tokens: Tokens
    labels: NDArray[np.int64]
    starts: NDArray[np.int64]

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


def read_rows(blobs: Blobs, clean: Digest, plan: Plan, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """The rows of the persons that are not held out, tokenised; `clean` is what the de-identify step made.

    Raises `PlanMismatch` where that was made from other records or under another profile than the plan says.
    """
    manifest = read_manifest(blobs, clean)
    if (manifest.source, manifest.profile) != (plan.dataset_version, plan.profile):
        raise PlanMismatch(
            "records_of_another_plan",
            "The de-identified records come from other records or another profile than the plan names.",
        )
    by_person: dict[str, list[CleanRecord]] = {}
    for record in read_records(blobs, manifest):
        if not held_out(record.person):
            by_person.setdefault(record.person, []).append(record)
    records = [record for theirs in by_person.values() for record in theirs]
    return Rows(
        tokens=tokenize(tokenizer, [record.text for record in records], plan.recipe),
        labels=np.array([record.label for record in records], dtype=np.int64),
        starts=np.concatenate(([0], np.cumsum([len(theirs) for theirs in by_person.values()], dtype=np.int64))),
    )


def require_enough(rows: Rows, plan: Plan, classes: int) -> None:
    """Raise `Refused` where the plan cannot be kept with these rows. Nothing has been charged yet."""
    if rows.persons < plan.recipe.expected_units:
        raise Refused(
            "too_few_persons",
            f"{rows.persons} persons to train on; the plan expects {plan.recipe.expected_units} in every update.",
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
