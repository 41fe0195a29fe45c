"""The document behind the measurements of an adapter, one form for each task, as canonical JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest
from tunewarden.domain.privacy import Mechanism
from tunewarden.steps.measure.audit import Audit
from tunewarden.steps.measure.completion_utility import CompletionUtility
from tunewarden.steps.measure.counterfactuals import Counterfactuals
from tunewarden.steps.measure.explanation import Explanation
from tunewarden.steps.measure.extraction import WRITES_NOTHING, Extraction
from tunewarden.steps.measure.fairness import Fairness
from tunewarden.steps.measure.generalisation import Generalisation
from tunewarden.steps.measure.generations import Generations
from tunewarden.steps.measure.intervals import exactly
from tunewarden.steps.measure.learning_curve import LearningCurve
from tunewarden.steps.measure.mitigated import Mitigated
from tunewarden.steps.measure.privacy import Membership
from tunewarden.steps.measure.quality import Quality
from tunewarden.steps.measure.question_bias import QuestionBias
from tunewarden.steps.measure.scrutiny import Scrutiny
from tunewarden.steps.measure.self_check import SelfCheck
from tunewarden.steps.measure.twins import Twins
from tunewarden.steps.measure.utility import Utility
from tunewarden.steps.measure.writing import FewShot, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Noisy:
    """That the figures about held-out persons are noisy, and what they cost one of those.

    Attributes:
        mechanism: everything that was released in all attempts, each release an update.
        epsilon, delta: of that, for one person.
    """

    mechanism: Mechanism
    epsilon: Decimal
    delta: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Of a model that tells classes, which are indices into the dataset version's labels.

    Attributes:
        adapter: what was measured.
        explanation: None where fewer than two held-out persons have a text.
        membership: the attack on the persons trained on, or on canaries; None where there are none to attack.
        libraries: name -> version.
        noisy: None where the figures are exact.
        audit: by the canaries of the training; None where it had none.
        self_check: whether the adapter is what was trained.
        extraction: of secrets planted in the training; a classifier writes none.
        quality, generalisation, scrutiny: None in documents of before.
        curve: None where the plan declares no learning curve.
        mitigated: what was tried against gaps; None where nothing is to be mended, or exact figures may not leave.
        twins: what privacy costs whom; None where the plan does not ask, or too few persons are held out.
        twins_left_out: the code of why twins that the plan asks for were not trained; None where that is not so.
    """

    adapter: Digest
    utility: Utility
    fairness: Fairness
    explanation: Explanation | None
    membership: Membership | None
    libraries: Mapping[str, str]
    noisy: Noisy | None = field(default=None, metadata=LATER)
    audit: Audit | None = field(default=None, metadata=LATER)
    self_check: SelfCheck | None = field(default=None, metadata=LATER)
    extraction: Extraction = field(default=WRITES_NOTHING, metadata=LATER)
    quality: Quality | None = field(default=None, metadata=LATER)
    generalisation: Generalisation | None = field(default=None, metadata=LATER)
    scrutiny: Scrutiny | None = field(default=None, metadata=LATER)
    curve: LearningCurve | None = field(default=None, metadata=LATER)
    mitigated: Mitigated | None = field(default=None, metadata=LATER)
    twins: Twins | None = field(default=None, metadata=LATER)
    twins_left_out: str | None = field(default=None, metadata=LATER)

    def measurements(self) -> Iterator[Measurement]:
        """What gates may judge."""
        yield from self.utility.measurements()
        yield from self.fairness.measurements()
        for part in (self.explanation, self.membership, self.audit, self.self_check, self.extraction):
            if part is not None:
                yield from part.measurements()
        for more in (self.quality, self.generalisation, self.scrutiny, self.curve, self.twins):
            if more is not None:
                yield from more.measurements()
        yield from _cost(self.noisy, self.utility.persons)

    def counts(self) -> dict[str, int]:
        """For the log. Where figures are noisy, so is the number of persons, and that of records is not told."""
        counted = _counts(self.utility.rows, self.utility.persons, self.fairness, self.membership)
        counted |= {} if self.twins is None else {"twins": 2, "twin_persons": self.twins.trained}
        return counted | {"explained": self.explanation.persons if self.explanation else 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionDetails:
    """Of a model that completes texts.

    Attributes:
        completions: utility. The other members are as in `Details`.
        left_out: held-out rows with nothing to complete; None where figures are noisy.
        extraction: None where no secret was planted: then nothing is known.
        not_measured: so that a reader sees that it was not; "explanation" in documents of before.
        explanation, scrutiny: of how completions come about; None in documents of before.
        written: None where figures are noisy. few_shot: None too where records are not public, or are without room.
        generations: None where none were sampled.
        counterfactuals, questions: None where the plan declares nothing of what is written.
    """

    adapter: Digest
    completions: CompletionUtility
    left_out: int | None
    fairness: Fairness
    membership: Membership | None
    libraries: Mapping[str, str]
    noisy: Noisy | None
    audit: Audit | None
    self_check: SelfCheck
    extraction: Extraction | None
    not_measured: tuple[str, ...] = ()
    generalisation: Generalisation | None = field(default=None, metadata=LATER)
    written: Written | None = field(default=None, metadata=LATER)
    few_shot: FewShot | None = field(default=None, metadata=LATER)
    generations: Generations | None = field(default=None, metadata=LATER)
    explanation: Explanation | None = field(default=None, metadata=LATER)
    scrutiny: Scrutiny | None = field(default=None, metadata=LATER)
    curve: LearningCurve | None = field(default=None, metadata=LATER)
    counterfactuals: Counterfactuals | None = field(default=None, metadata=LATER)
    questions: QuestionBias | None = field(default=None, metadata=LATER)

    def measurements(self) -> Iterator[Measurement]:
        """What gates may judge."""
        yield from self.completions.measurements()
        yield from self.fairness.measurements()
        for part in (self.explanation, self.membership, self.audit, self.self_check, self.extraction):
            if part is not None:
                yield from part.measurements()
        for more in (self.generalisation, self.written, self.few_shot, self.generations, self.scrutiny, self.curve):
            if more is not None:
                yield from more.measurements()
        for told in (self.counterfactuals, self.questions):
            if told is not None:
                yield from told.measurements()
        yield from _cost(self.noisy, self.completions.persons)

    def counts(self) -> dict[str, int]:
        """As those of `Details`."""
        counted = _counts(self.completions.rows, self.completions.persons, self.fairness, self.membership)
        counted |= {"explained": self.explanation.persons if self.explanation else 0}
        return counted if self.left_out is None else counted | {"left_out": self.left_out}


def _cost(noisy: Noisy | None, persons: int) -> Iterator[Measurement]:
    if noisy is not None:
        yield exactly("privacy.metrics_epsilon", noisy.epsilon, persons)


def _counts(rows: int | None, persons: int, fairness: Fairness, membership: Membership | None) -> dict[str, int]:
    return ({} if rows is None else {"records": rows}) | {
        "persons": persons,
        "groups": len(fairness.assessed),
        "small_groups": len(fairness.not_assessable),
        "attacked": membership.trained if membership else 0,
    }
