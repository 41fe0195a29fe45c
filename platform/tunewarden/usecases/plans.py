"""Making the plan that somebody else approves: everything that changes the model or its guarantee, fixed beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from functools import partial
from math import ceil, sqrt

from tunewarden.domain.canaries import canaries_for
from tunewarden.domain.canonical import decode, digest_bytes, encode, from_plain
from tunewarden.domain.datasets import Dataset, DatasetVersion, Purpose
from tunewarden.domain.deidentification import Profile, claimed_method
from tunewarden.domain.demands import demanded, require_agreement_claimed, require_purpose, require_transformed
from tunewarden.domain.errors import Conflict, Malformed, Refused
from tunewarden.domain.fairness import GroupMetric
from tunewarden.domain.gates import Gate
from tunewarden.domain.mitigations import Mitigation
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.domain.owners import rows_of_several_persons
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import NoiseForm, Plan, Precision, Recipe, Task
from tunewarden.usecases.curving import declared_curve
from tunewarden.usecases.declaring import declared_fairness, require_twins_allowed
from tunewarden.usecases.measuring import metrics_mechanism
from tunewarden.usecases.ports import Platform

DEFAULT_PROFILE = PolicyName("default")
DEFAULT_EPOCHS = 6
DEFAULT_LEARNING_RATE = Recipe().learning_rate
_FEWEST_PERSONS = 20
_TRAINING_SHARE = Decimal("0.8")  # four persons in five; the others are measured on (steps/records.py)
_MOST_EPOCHS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a requester asks for.

    Attributes:
        training_file: a dataset id, or the id of an upload whose bytes are a version of a registered dataset.
        epsilon, delta: for one person, whatever the unit; delta None means the dataset's.
        epochs: how often each unit is expected to take part.
        expected_units: persons in an update, or records where they are the unit; None lets the platform choose.
        unit, rows_per_person, precision, noise: what `policies/training.toml` allows of them.
        canaries: made-up persons; None lets the platform choose.
        task: what is to be learnt; None means what the columns of the dataset say.
        fairness: smaller tolerances between groups than the policy's, or ones that it has not.
        mitigation, twins: as in `domain.training.Plan`.
        curve: shares of the persons to train on once more, for a learning curve; empty where none is wanted.
        dataset: which one `training_file` has to lead to; empty where who asks does not say.
        protected: columns that have to be among the dataset's protected ones; all of those are compared in any case.
        expected: digest of the plan that this has to become; None where who asks does not say.
    """

    training_file: str
    base_model: PolicyName
    purpose: str
    epsilon: Decimal
    delta: Decimal | None = None
    profile: PolicyName = DEFAULT_PROFILE
    epochs: int = DEFAULT_EPOCHS
    expected_units: int | None = None
    learning_rate: Decimal = DEFAULT_LEARNING_RATE
    suffix: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    unit: PrivacyUnit = PrivacyUnit.PERSON
    rows_per_person: int = 1
    precision: Precision = Precision.FLOAT32
    noise: NoiseForm = NoiseForm.GAUSSIAN
    canaries: int | None = None
    task: Task | None = None
    fairness: Mapping[GroupMetric, Decimal] = field(default_factory=dict)
    mitigation: Mitigation | None = None
    twins: bool = False
    curve: tuple[Decimal, ...] = ()
    dataset: str = ""
    protected: frozenset[str] = frozenset()
    expected: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A plan, and the documents whose digests it names with its own, none of which is stored yet."""

    plan: Plan
    documents: tuple[bytes, ...]


def purpose_of(text: str) -> Purpose:
    """Raises `Malformed` for a word that names none; the word is not repeated."""
    try:
        return Purpose(text)
    except ValueError:
        known = ", ".join(sorted(Purpose))
        raise Malformed("purpose_unknown", f"A purpose is one of: {known}.", param="governance.purpose") from None


def plan_for(platform: Platform, ask: Ask, dataset: Dataset, version: DatasetVersion, purpose: Purpose) -> Plan:
    """The plan for what is asked; it and everything that it names are stored as documents.

    Raises as `drafted` does, and `Conflict` where another plan is expected.
    """
    made = drafted(platform, ask, dataset, version, purpose)
    require_expected(ask, made.plan)
    for document in made.documents:
        platform.blobs.put_bytes(document)
    return made.plan


def drafted(platform: Platform, ask: Ask, dataset: Dataset, version: DatasetVersion, purpose: Purpose) -> Drafted:
    """The plan for what is asked. The same question, of the same state and policies, has the same plan.

    Its mechanism is the one that is accounted and the one that the training carries out: nothing is stated twice.
    Raises `Refused` or `Malformed`.
    """
    _require_protected(ask.protected, dataset)
    delta = _delta(ask.delta, dataset, version)
    if not (ask.epsilon.is_finite() and ask.epsilon > 0):
        raise Malformed(
            "epsilon_out_of_range", "Epsilon must be a positive number.", param="governance.privacy.epsilon"
        )
    base_model = platform.policies.base_model(ask.base_model)
    platform.policies.training().require(ask.unit, ask.rows_per_person, ask.precision, ask.noise)
    _require_unit(ask.unit, version)
    task, fit = _task(ask.task, dataset), platform.policies.base_fit(ask.base_model)
    fit.require(task)
    if ask.mitigation is not None:
        ask.mitigation.require_classes(len(version.labels))
    if ask.twins:
        require_twins_allowed(platform.policies.training(), dataset, task, ask.unit)
    template = _template(ask, version)
    gate, profile = platform.policies.gate(platform.training_gate), platform.policies.profile(ask.profile)
    _require_profile(gate, profile, purpose)
    units, mechanism = _expected_units(ask, version), platform.calibrate(template, ask.epsilon, delta)
    fairness, rests_on = declared_fairness(platform, dataset, task, ask.fairness)
    plan = Plan(
        base_model=base_model,
        dataset=dataset.id,
        dataset_version=version.digest,
        profile=digest_bytes(profile),
        training_gate=gate.digest(),
        purpose=purpose,
        recipe=Recipe(
            lora_targets=fit.lora_targets,
            max_tokens=fit.max_tokens,
            lower_case=fit.lower_case,
            task=task,
            expected_units=units,
            learning_rate=ask.learning_rate,
            rows_per_person=ask.rows_per_person,
            precision=ask.precision,
            noise=ask.noise,
            canaries=_canaries(ask.canaries, version.persons),
        ),
        mechanism=mechanism,
        epsilon=ask.epsilon,
        delta=delta,
        collator=platform.collator,
        metrics=metrics_mechanism(platform.calibrate, dataset, ask.epsilon, delta, len(ask.curve)),
        fairness=fairness,
        mitigation=ask.mitigation,
        twins=ask.twins,
        curve=declared_curve(
            platform.accountant, ask.curve, mechanism, delta, units, partial(_fewest_units, ask, version)
        ),
    )
    return Drafted(plan=plan, documents=(*rests_on, profile, encode(gate), encode(plan)))


def _require_protected(asked: frozenset[str], dataset: Dataset) -> None:
    unknown = asked - frozenset(dataset.columns.protected)
    if unknown:
        raise Malformed(
            "attribute_not_protected",
            f"Of the attributes to protect, {len(unknown)} are no protected columns of the dataset, "
            f"which has {len(dataset.columns.protected)}.",
            remedy="Name columns that the dataset was registered with as protected, or ask for such a dataset.",
            who="steward",
            param="protected_attributes",
        )


def require_expected(ask: Ask, plan: Plan) -> None:
    """Raise `Conflict` where who asks expects another plan."""
    if ask.expected not in {None, plan.digest()}:
        raise Conflict(
            "plan_differs",
            f"This would become the plan {plan.digest()}, which is not the expected one: what is asked, the data or "
            "the policies are others than then.",
            remedy="Have it planned once more (POST /v1/plans), and expect the digest of what you then read.",
            param="expected_plan",
        )


def _task(asked: Task | None, dataset: Dataset) -> Task:
    task = Task.CLASSIFICATION if dataset.columns.completion is None else Task.COMPLETION
    if asked not in {None, task}:
        raise Malformed(
            "task_not_of_dataset",
            f"The columns of the dataset are for the task '{task}'.",
            remedy="Ask for that task or for none, or for a dataset with other columns.",
            param="governance.task",
        )
    return task


def _require_unit(unit: PrivacyUnit, version: DatasetVersion) -> None:
    if unit is PrivacyUnit.PERSON and version.shared_rows:
        raise rows_of_several_persons(version.shared_rows)


def _template(ask: Ask, version: DatasetVersion) -> Mechanism:
    """The mechanism before its noise is found. The number of updates is fixed here, and never looks at the data."""
    if not 1 <= ask.epochs <= _MOST_EPOCHS:
        raise Malformed("epochs_out_of_range", f"Epochs must be 1 to {_MOST_EPOCHS}.", param="hyperparameters.n_epochs")
    share = Decimal(_expected_units(ask, version)) / units_to_train_on(ask, version)
    rate = min(Decimal(1), share.quantize(Decimal("0.0001"), ROUND_CEILING))
    return Mechanism(
        unit=ask.unit,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=rate,
        noise_multiplier=Decimal(1),
        updates=ceil(ask.epochs / rate),
        contributions=1 if ask.unit is PrivacyUnit.PERSON else ask.rows_per_person,
    )


def units_to_train_on(ask: Ask, version: DatasetVersion, part: Decimal = Decimal(1)) -> int:
    """About how many units there are to train on in a part of the persons: persons, or the records kept of them."""
    persons = _TRAINING_SHARE * part
    if ask.unit is PrivacyUnit.PERSON:
        return int(version.persons * persons)
    # A row of several persons stays only where all of them are trained on, in the part; most such rows have two.
    shared = Decimal(version.shared_rows) / version.rows
    share = persons * (1 - shared + shared * persons)
    return int(min(version.rows, version.persons * ask.rows_per_person) * share)


def _fewest_units(ask: Ask, version: DatasetVersion, part: Decimal) -> int:
    """How many of them there are at least, but in one part of 30,000.

    Who is in a part, and who is held out, is as by the toss of a coin for each person: four standard deviations below
    what is expected. Erased persons, and those without budget left, are not foreseen.
    """
    about, each = units_to_train_on(ask, version, part), 1 if ask.unit is PrivacyUnit.PERSON else ask.rows_per_person
    return int(about - 4 * sqrt(each * about * (1 - _TRAINING_SHARE * part)))


def _expected_units(ask: Ask, version: DatasetVersion) -> int:
    if version.persons < _FEWEST_PERSONS:
        raise Refused(
            "dataset_too_small",
            f"The dataset has {version.persons} persons; a private training needs at least {_FEWEST_PERSONS}.",
            remedy="Add records of more persons.",
            who="steward",
        )
    training = units_to_train_on(ask, version)
    units = min(256, training // 6) if ask.expected_units is None else ask.expected_units
    if not 1 <= units <= training:
        raise Refused(
            "dataset_too_small",
            f"The plan expects {units} {ask.unit}s in an update; {training} {ask.unit}s are there to train on.",
            remedy="Ask for a smaller batch size, or add records of more persons.",
            param="hyperparameters.batch_size",
        )
    return units


def _canaries(asked: int | None, persons: int) -> int:
    """As many as are asked for, up to what the platform would choose: more would hurt the model."""
    most = canaries_for(persons)
    if asked is not None and not 0 <= asked <= most:
        raise Malformed(
            "canaries_out_of_range",
            f"With {persons} persons there may be 0 to {most} canaries.",
            param="governance.privacy.canaries",
        )
    return most if asked is None else asked


def _require_profile(gate: Gate, profile: bytes, purpose: Purpose) -> None:
    require_purpose(claimed_method(decode(profile)), purpose)
    if demanded(gate):
        parsed = from_plain(Profile, decode(profile))
        require_agreement_claimed(parsed, gate)
        require_transformed(parsed, gate)


def _delta(asked: Decimal | None, dataset: Dataset, version: DatasetVersion) -> Decimal:
    delta = dataset.budget.delta if asked is None else asked
    if not (delta.is_finite() and 0 < delta <= dataset.budget.delta):
        raise Malformed(
            "delta_out_of_range",
            f"Delta must be above 0 and at most the dataset's, {dataset.budget.delta}.",
            param="governance.privacy.delta",
        )
    if delta * version.persons >= 1:
        raise Refused(
            "delta_too_large",
            f"With {version.persons} persons, delta must be below 1/{version.persons}: "
            "otherwise publishing one person's records whole would count as private.",
            remedy="Ask for a smaller delta.",
            param="governance.privacy.delta",
        )
    return delta
