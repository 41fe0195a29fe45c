"""Training requests: the plan that is approved, the states it passes through, and nothing that changes speed only.

A plan binds everything that changes the model or its guarantee; its digest is what a second person approves. Compute
(workers, micro-batch size, placement) may differ between attempts and is not in it. Seeds are in neither: the
randomness of sampling and noise comes from the operating system and is never stored.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from tunewarden.domain.canaries import MOST_CANARIES
from tunewarden.domain.canonical import LATER, digest_of_frozen
from tunewarden.domain.curve import LearningCurve
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, Refused
from tunewarden.domain.fairness import FairnessDeclaration
from tunewarden.domain.mitigations import Mitigation
from tunewarden.domain.names import (
    EVERYWHERE,
    DatasetId,
    Digest,
    ModelId,
    PolicyName,
    PrincipalId,
    ProjectId,
    RequestId,
)
from tunewarden.domain.privacy import Mechanism, PrivacyUnit
from tunewarden.domain.quorum import Needed, Vote, counting, missing


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """A base model of the allowlist. `digest` is of its safetensors weights file and is checked on load."""

    name: PolicyName
    digest: Digest


# Beyond these, numbers of float32 vanish or overflow, and the noise would have been paid for in vain.
_LEAST_RATE, _LEAST_CLIP = Decimal("0.0000001"), Decimal("0.0001")


class Task(StrEnum):
    """What is learnt: the class of a text, or how a text goes on after its beginning."""

    CLASSIFICATION = "classification"
    COMPLETION = "completion"


class Precision(StrEnum):
    """What the model computes in. Norms, sums and noise are of float32 or wider in any case."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class NoiseForm(StrEnum):
    """How the noise is drawn: float64 normal values, four summed over two; or on a grid of integers."""

    GAUSSIAN = "gaussian"
    DISCRETE_GAUSSIAN = "discrete-gaussian"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the adapter is trained: LoRA on the named linear layers, AdamW on the noisy mean of clipped gradients.

    Attributes:
        lora_rank, lora_alpha: as in Hu et al., arXiv 2106.09685.
        lora_targets: names of the linear layers that get an adapter.
        max_tokens: longer texts are cut, and the cut ones are counted in the evidence.
        lower_case: whether texts are lower-cased before tokenising.
        learning_rate: of AdamW, without weight decay.
        clip: the norm that one privacy unit's gradient is clipped to.
        expected_units: expected number of units in an update; the public constant that the sum is divided by.
        rows_per_person: at most so many rows of one person, drawn afresh, take part in an update; one costs least.
            Where the privacy unit is the record, at most so many rows of one person are trained on at all.
        task, precision, noise: what is learnt, computed in, and added.
        canaries: made-up persons, each put among the training persons or not by the toss of a coin; who can tell from
            the model which they were shows that it leaks.
    """

    lora_rank: int = 8
    lora_alpha: int = 16
    lora_targets: tuple[str, ...] = ("query", "value")
    max_tokens: int = 64
    lower_case: bool = True
    learning_rate: Decimal = Decimal("0.005")
    clip: Decimal = Decimal("0.5")
    expected_units: int = 128
    rows_per_person: int = 1
    task: Task = field(default=Task.CLASSIFICATION, metadata=LATER)
    precision: Precision = field(default=Precision.FLOAT32, metadata=LATER)
    noise: NoiseForm = field(default=NoiseForm.GAUSSIAN, metadata=LATER)
    canaries: int = field(default=0, metadata=LATER)

    def __post_init__(self) -> None:
        counts = [self.lora_rank, self.lora_alpha, self.max_tokens, self.expected_units, self.rows_per_person]
        if self.task is Task.COMPLETION:  # a token to go on from, and one to write
            counts.append(self.max_tokens - 1)
        if min(counts) < 1 or self.max_tokens > 8192 or self.lora_rank > 512:
            raise Malformed("recipe_out_of_range", "A count of the recipe is out of range.", param="hyperparameters")
        for name, number, least, most in (
            ("learning rate", self.learning_rate, _LEAST_RATE, Decimal(1)),
            ("clip", self.clip, _LEAST_CLIP, 1 / _LEAST_CLIP),
        ):
            if not (number.is_finite() and least <= number <= most):
                raise Malformed(
                    "recipe_out_of_range", f"The {name} must be {least} to {most:f}.", param="hyperparameters"
                )
        if not 0 <= self.canaries <= MOST_CANARIES:
            raise Malformed("recipe_out_of_range", f"There are 0 to {MOST_CANARIES} canaries.", param="canaries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that changes the model or its guarantee.

    Attributes:
        profile: digest of the de-identification profile.
        training_gate: digest of the gate that guards training.
        epsilon, delta: what `mechanism` was calibrated to, for one person, whatever the privacy unit.
        collator: digest of the code that turns records into batches; None in plans of before.
        metrics: of the noisy figures about persons held out of training, one update for each release; None where exact
            ones may leave, and in plans of before.
        fairness: what is going to be compared between groups; None in plans of before, whose models nobody can clear.
        mitigation: what training does about unfairness; None where nothing.
        twins: whether a pair of models, one without clipping and noise, is trained on held-out persons for comparison.
        curve: trainings on parts of the persons beside this one; None where none is declared, and in plans of before.
    """

    base_model: BaseModel
    dataset: DatasetId
    dataset_version: Digest
    profile: Digest
    training_gate: Digest
    purpose: Purpose
    recipe: Recipe
    mechanism: Mechanism
    epsilon: Decimal
    delta: Decimal
    collator: Digest | None = field(default=None, metadata=LATER)
    metrics: Mechanism | None = field(default=None, metadata=LATER)
    fairness: FairnessDeclaration | None = field(default=None, metadata=LATER)
    mitigation: Mitigation | None = field(default=None, metadata=LATER)
    twins: bool = field(default=False, metadata=LATER)
    curve: LearningCurve | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        several = self.mechanism.unit is PrivacyUnit.RECORD
        if several and self.mechanism.contributions != self.recipe.rows_per_person:
            raise Malformed(
                "contributions_out_of_range", "As many records of a person are accounted as take part, no others."
            )
        if self.mitigation is not None:
            self._require_mitigated(self.mitigation)

    def _require_mitigated(self, mitigation: Mitigation) -> None:
        if mitigation.swaps and self.mechanism.unit is PrivacyUnit.RECORD:
            raise Malformed(
                "copies_of_records",
                "A copy of a record would be a further record of its person, which nothing accounts for.",
                remedy="Ask for the person as the privacy unit, or for no swaps.",
                param="governance.mitigation.swaps",
            )
        if mitigation.weights and self.recipe.task is Task.COMPLETION:
            mitigation.require_classes(0)

    def digest(self) -> Digest:
        """What an approval binds to."""
        return digest_of_frozen(self)

    @property
    def parts(self) -> tuple[Decimal, ...]:
        """The shares of the persons that are trained on once more, for the learning curve."""
        return () if self.curve is None else self.curve.shares

    @property
    def promised(self) -> Mechanism:
        """Everything that is run on the persons trained on: the model's updates, and as many for each part."""
        return self.mechanism.times(self.mechanism.updates * (1 + len(self.parts)))

    @property
    def promised_epsilon(self) -> Decimal:
        """Of that; the model's own is `epsilon`."""
        return self.epsilon if self.curve is None else self.curve.epsilon


class StepName(StrEnum):
    """The steps of the pipeline, in order."""

    DEIDENTIFY = "deidentify"
    TRAIN = "train"
    MEASURE = "measure"


class State(StrEnum):
    """Where a training request stands."""

    AWAITING_APPROVAL = "awaiting-approval"
    APPROVED = "approved"
    IN_REVIEW = "in-review"
    DEIDENTIFIED = "deidentified"
    TRAINED = "trained"
    MEASURED = "measured"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    FAILED = "failed"


NEXT: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.AWAITING_APPROVAL: frozenset({State.APPROVED, State.REJECTED, State.CANCELLED}),
        State.APPROVED: frozenset({State.DEIDENTIFIED, State.IN_REVIEW, State.BLOCKED, State.CANCELLED, State.FAILED}),
        State.IN_REVIEW: frozenset({State.DEIDENTIFIED, State.BLOCKED, State.CANCELLED, State.FAILED}),
        # Back to people: what they said before may be withdrawn until training is done.
        State.DEIDENTIFIED: frozenset({State.TRAINED, State.IN_REVIEW, State.BLOCKED, State.CANCELLED, State.FAILED}),
        State.TRAINED: frozenset({State.MEASURED, State.CANCELLED, State.FAILED}),
        State.MEASURED: frozenset(),
        State.REJECTED: frozenset(),
        State.BLOCKED: frozenset(),
        State.CANCELLED: frozenset(),
        State.FAILED: frozenset(),
    }
)
"""The state machine is this table; a state without successors is terminal and its reservation is settled."""

STEP_FROM: Mapping[State, StepName] = MappingProxyType(
    {
        State.APPROVED: StepName.DEIDENTIFY,
        State.DEIDENTIFIED: StepName.TRAIN,
        State.TRAINED: StepName.MEASURE,
    }
)
"""Which step carries a request on from a state; states that are missing here wait for a person, or are terminal."""

UNTRAINED = frozenset({State.AWAITING_APPROVAL, State.APPROVED, State.REJECTED})
"""Where a request stands that was never trained on: none of them comes after the state from which it is trained."""

STATE_AFTER: Mapping[StepName, State] = MappingProxyType(
    {StepName.DEIDENTIFY: State.DEIDENTIFIED, StepName.TRAIN: State.TRAINED, StepName.MEASURE: State.MEASURED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What is asked, by whom, who approved it, and how far it is.

    Attributes:
        outputs: step -> digest of what it made.
        evidence: step -> digest of its evidence.
        attempt: how many attempts of steps were started.
        erased_before: how many persons of the dataset had been erased when its records were last read.
        ended_because: code of the error or gate that ended it, or the reason of who rejected it; empty otherwise.
        model: the model version it became; None before it is measured.
        by_person: whether nothing may be charged before the persons were admitted; false in requests of before.
        approved_by: the first who approved, once all have agreed that have to; None before.
        votes: who agreed so far, oldest first; empty in requests of before.
        project: of its dataset.
        suspended: whether no step of it begins, or goes on, until somebody resumes it.
        training_file, suffix, metadata: the caller's own words, stored for the caller and never logged.
    """

    id: RequestId
    plan: Plan
    requested_by: PrincipalId
    requested_at: datetime
    state: State = State.AWAITING_APPROVAL
    approved_by: PrincipalId | None = None
    outputs: Mapping[StepName, Digest] = field(default_factory=dict)
    evidence: Mapping[StepName, Digest] = field(default_factory=dict)
    attempt: int = 0
    ended_at: datetime | None = None
    ended_because: str = ""
    model: ModelId | None = None
    training_file: str = ""
    suffix: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    erased_before: int = 0
    by_person: bool = False
    votes: tuple[Vote, ...] = field(default=(), metadata=LATER)
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)
    suspended: bool = field(default=False, metadata=LATER)

    @property
    def terminal(self) -> bool:
        """Whether nothing can follow."""
        return not NEXT[self.state]

    @property
    def next_step(self) -> StepName | None:
        """The step that could begin now; None where it waits for a person, is suspended, or is over."""
        return None if self.suspended else STEP_FROM.get(self.state)

    def suspend(self) -> "TrainingRequest":
        """This request, going no further; its state and its reservation stay. Raises `IllegalTransition`."""
        if self.terminal or self.suspended:
            raise IllegalTransition("illegal_transition", "A request that is over, or suspended, is not suspended.")
        return replace(self, suspended=True)

    def resume(self) -> "TrainingRequest":
        """This request, going on where it was. Raises `IllegalTransition` for one that is over or not suspended."""
        if self.terminal or not self.suspended:
            raise IllegalTransition("illegal_transition", "Only a request that is suspended can be resumed.")
        return replace(self, suspended=False)

    def require_going(self) -> None:
        """Raise `Conflict` where it is suspended: what runs ends here, and is tried again once it was resumed."""
        if self.suspended:
            raise Conflict(
                "request_suspended",
                "The request is suspended.",
                remedy="Have it resumed.",
                who="approver, privacy-officer",
            )

    def to(self, state: State) -> "TrainingRequest":
        """This request in `state`; raises `IllegalTransition` where `NEXT` has no such arrow."""
        if state not in NEXT[self.state]:
            raise IllegalTransition("illegal_transition", f"A request that is {self.state} cannot become {state}.")
        return replace(self, state=state)

    def ended(self, state: State, at: datetime, because: str = "") -> "TrainingRequest":
        """This request in a terminal `state`, with the time and the code of the reason."""
        return replace(self.to(state), ended_at=at, ended_because=because)

    def voted(self, vote: Vote, needed: Needed, lapsed: Set[PrincipalId] = frozenset()) -> "TrainingRequest":
        """With one vote more; approved where nothing is missing any more. Votes of `lapsed` count no more, for good.

        Raises `IllegalTransition`, `Refused` for a vote of the requester or for another plan, and `Conflict` for a
        second one of the same person.
        """
        if self.state is not State.AWAITING_APPROVAL:
            raise IllegalTransition("illegal_transition", f"A request that is {self.state} cannot be approved.")
        if vote.by == self.requested_by:
            raise Refused(
                "own_request", "Who asked cannot approve.", remedy="Somebody else has to approve.", who="approver"
            )
        if vote.plan != self.plan.digest():
            raise Refused(
                "plan_changed",
                "The approval names another plan than the one that is waiting.",
                remedy="Review the plan as it is now and approve its digest.",
                who="approver",
                param="plan",
            )
        counted = [one for one in self.counted if one.by not in lapsed]
        if any(one.by == vote.by for one in counted):
            raise Conflict("voted_before", "A person counts once, in however many roles.", remedy="Ask somebody else.")
        votes = (*counted, vote)
        if missing(needed, votes):
            return replace(self, votes=votes)
        approval = next(one for one in votes if not one.endorses)
        return replace(self.to(State.APPROVED), votes=votes, approved_by=approval.by)

    @property
    def counted(self) -> Sequence[Vote]:
        """The votes that count for the plan as it is."""
        return counting(self.votes, self.plan.digest(), self.requested_by)

    def done(self, step: StepName, output: Digest, evidence: Digest) -> "TrainingRequest":
        """This request after `step`."""
        return replace(
            self.to(STATE_AFTER[step]),
            outputs={**self.outputs, step: output},
            evidence={**self.evidence, step: evidence},
        )
