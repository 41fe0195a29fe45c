"""What measuring asks of a model, whatever its task; `classes.py` and `completions.py` answer for theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from transformers import PreTrainedTokenizerBase

from tunewarden.domain.names import Digest
from tunewarden.domain.privacy import Mechanism
from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.audit import Audit
from tunewarden.steps.measure.documents import CompletionDetails, Details, Noisy
from tunewarden.steps.measure.extraction import Extraction
from tunewarden.steps.measure.generalisation import Generalisation, Previous, Told
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.learning_curve import LearningCurve
from tunewarden.steps.measure.privacy import Membership
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.self_check import SelfCheck
from tunewarden.steps.measure.tables import ExactTable
from tunewarden.steps.train.canaries import Canary
from tunewarden.steps.train.model import TextModel
from tunewarden.usecases.ports import Attempt

A = TypeVar("A")
"""What a model says to rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given(Generic[A]):
    """What is measured on, and how.

    Attributes:
        measured: held-out rows; of those of them that the task cannot use there are `left_out`.
        noise: of the noisy figures, which are paid; None where exact ones may leave.
        promoted: what the version promoted last says to the rows; None where figures are noisy or there is none.
        examples: rows of the training side, whose records are public; None where they are not.
        canaries: of the training, if it had any.
    """

    attempt: Attempt
    measured: Rows
    left_out: int
    noise: Mechanism | None
    promoted: A | None = None
    examples: Rows | None = None
    canaries: Sequence[Canary] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What is found in the same way for every task; see `documents.Details`."""

    adapter: Digest
    membership: Membership | None
    libraries: Mapping[str, str]
    noisy: Noisy | None
    audit: Audit | None
    self_check: SelfCheck
    extraction: Extraction | None
    generalisation: Generalisation
    curve: LearningCurve | None


class Asked(Protocol[A]):
    """A model with its tokenizer, and what is to be found out about it."""

    @property
    def model(self) -> TextModel: ...

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase: ...

    @property
    def recipe(self) -> Recipe: ...

    def usable(self, rows: Rows) -> Rows:
        """The rows that the model can be asked about."""
        ...

    def ask(self, rows: Rows) -> A:
        """What the model says to `rows`, each as if it were alone."""
        ...

    def losses(self, rows: Rows, said: A) -> Floats:
        """The mean loss of each person in `rows`: float64[persons]. They must not leave."""
        ...

    def told(self, rows: Rows, said: A) -> Told:
        """The same, row by row, with the share that is right."""
        ...

    def previous(self, adapter: Digest, rows: Rows, promoted: A, after: A) -> Previous:
        """How much better than the version promoted last, which has `adapter`, on the same rows. Figures are exact."""
        ...

    def overall(self, rows: Rows, other: A, after: A) -> ExactTable:
        """The persons, by whether the model that said `other` is right and whether this one is. It must not leave."""
        ...

    def document(self, given: Given[A], before: A, after: A, common: Common) -> Details | CompletionDetails:
        """What was found, from what the untrained model said to the rows that are measured on, and the trained one."""
        ...
