"""Training requests in the words of the OpenAI contract: what of it is asked for, and how ours are told in it."""

from decimal import Decimal
from math import floor
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field, StringConstraints

from tunewarden.domain.errors import Malformed
from tunewarden.domain.model_names import ORGANISATION, model_name
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.entry.api.numbers import Whole
from tunewarden.entry.api.schemas import (
    DigestText,
    GovernanceIn,
    GovernancePartIn,
    HyperparametersIn,
    Json,
    Lenient,
    Strict,
    Word,
    place_out,
)
from tunewarden.usecases.plans import DEFAULT_LEARNING_RATE

_MOST_PAIRS = 16


class SupervisedIn(Lenient):
    hyperparameters: HyperparametersIn = HyperparametersIn()


class PreferencesIn(HyperparametersIn):
    beta: Annotated[float, Field(gt=0, le=2)] | Literal["auto"] = "auto"


class DpoIn(Lenient):
    hyperparameters: PreferencesIn = PreferencesIn()


class MethodIn(Lenient):
    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: SupervisedIn = SupervisedIn()
    dpo: DpoIn | None = None


class AskedIn(GovernancePartIn):
    """All that may be asked for. `model`, and `training_file` or `dataset`, have to be said somewhere.

    `expected_plan` is the digest of the plan that this has to become; otherwise nothing is asked for.
    """

    model: Word | None = None
    training_file: Word | None = None
    hyperparameters: HyperparametersIn | None = None
    suffix: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9._-]*$")] | None = None
    expected_plan: DigestText | None = None
    metadata: (
        dict[
            Annotated[str, StringConstraints(max_length=64)],
            Annotated[str, StringConstraints(max_length=512)],
        ]
        | None
    ) = Field(default=None, max_length=_MOST_PAIRS)


class PlanFileIn(AskedIn, Strict):
    """A plan file: what is asked for, kept as JSON. Unknown members are refused."""


class JobIn(AskedIn, Lenient):
    """A request for a fine-tune. What is ours stands in `governance`, beside it, or in `plan`; not twice differently.

    `seed` is read and not used: sampling and noise that somebody could repeat would protect nobody.
    """

    governance: GovernanceIn | None = None
    plan: PlanFileIn | None = None
    validation_file: Word | None = None
    method: MethodIn | None = None
    seed: Whole | None = None
    integrations: list[dict[str, Any]] | None = Field(default=None, max_length=8)


def hyperparameters_in(body: JobIn) -> HyperparametersIn:
    """What is asked of the training. Raises `Malformed` for what the contract knows and nobody carries out here."""
    if body.validation_file is not None:
        raise Malformed(
            "validation_file_not_used",
            "The persons to measure on are held out of the dataset itself, so that none of them is trained on.",
            remedy="Leave validation_file out.",
            param="validation_file",
        )
    if body.integrations:
        raise Malformed(
            "integrations_not_used",
            "Nothing about a training is sent to another service.",
            remedy="Leave integrations out; read the events and the evidence here.",
            param="integrations",
        )
    if body.method is None:
        return body.hyperparameters or HyperparametersIn()
    if body.method.type != "supervised":
        raise Malformed(
            "method_not_trained",
            "Only supervised fine-tuning is carried out here so far.",
            remedy="Ask for the method 'supervised'.",
            param="method.type",
        )
    return _agreed(body, body.method.supervised)


def _agreed(body: JobIn, supervised: SupervisedIn) -> HyperparametersIn:
    """Where both places name hyperparameters they have to be the same: neither wins in silence."""
    if body.hyperparameters is None:
        return supervised.hyperparameters
    if "hyperparameters" in supervised.model_fields_set and supervised.hyperparameters != body.hyperparameters:
        raise Malformed(
            "hyperparameters_differ",
            "The hyperparameters of the method are others than those beside it.",
            remedy="Name them in one place.",
            param="hyperparameters",
        )
    return body.hyperparameters


def status_of(request: TrainingRequest) -> str:
    """The contract's word for where a request stands; `paused` is a word of the service that its types lack."""
    if request.suspended and not request.terminal:
        return "paused"
    match request.state:
        case State.AWAITING_APPROVAL:
            return "queued"
        case State.APPROVED:
            return "validating_files" if request.attempt else "queued"
        case State.IN_REVIEW:
            return "validating_files"
        case State.DEIDENTIFIED | State.TRAINED:
            return "running"
        case State.MEASURED:
            return "succeeded"
        case State.CANCELLED:
            return "cancelled"
        case State.REJECTED | State.BLOCKED | State.FAILED:
            return "failed"


def error_out(request: TrainingRequest) -> Json | None:
    """Why it failed: that somebody said no, that a gate did, or the code of the error."""
    if status_of(request) != "failed":
        return None
    said = {State.REJECTED: "approval_denied", State.BLOCKED: "gate_failed"}
    code = said.get(request.state, request.ended_because)
    message = f"The request is {request.state}" + (f" ({request.ended_because})." if request.ended_because else ".")
    return {"code": code, "message": message, "param": None}


def hyperparameters_out(request: TrainingRequest) -> Json:
    """What the plan makes of what was asked; epochs as the number of updates has them."""
    plan = request.plan
    return {
        "n_epochs": floor(plan.mechanism.updates * plan.mechanism.sampling_rate),
        "batch_size": plan.recipe.expected_units,
        "learning_rate_multiplier": float(plan.recipe.learning_rate / DEFAULT_LEARNING_RATE),
    }


def is_wanted(request: TrainingRequest, metadata: dict[str, str] | None) -> bool:
    """Whether its metadata has all of these pairs; with None, whether it has none at all."""
    if metadata is None:
        return not request.metadata
    return all(request.metadata.get(key) == value for key, value in metadata.items())


def metadata_wanted(request: Request) -> dict[str, str] | None:
    """The pairs of `metadata[key]=value` in a query; None for `metadata=null`. Raises `Malformed` for too many."""
    named = request.query_params.multi_items()
    pairs = {key[9:-1]: value for key, value in named if key.startswith("metadata[") and key.endswith("]")}
    if len(pairs) > _MOST_PAIRS:
        raise Malformed("metadata_too_long", f"At most {_MOST_PAIRS} pairs can be looked for.", param="metadata")
    if not pairs and ("metadata", "null") in named:
        return None
    return pairs


def privacy_out(request: TrainingRequest, updates_charged: int, epsilon_spent: Decimal) -> Json:
    """What is promised to each person and what of it is spent, in short; `budget` is told where it is asked for.

    Every epsilon is one person's at `delta`, with all their records, and of all that is run. `mechanism` is what is
    accounted, and is what is run.
    """
    plan = request.plan
    return {
        "unit": plan.mechanism.unit,
        "epsilon": str(plan.promised_epsilon),
        "epsilon_spent": str(epsilon_spent),
        "delta": str(plan.delta),
        "updates": plan.promised.updates,
        "updates_charged": updates_charged,
        "mechanism": {
            "relation": plan.mechanism.relation,
            "sampling_rate": str(plan.mechanism.sampling_rate),
            "noise_multiplier": str(plan.mechanism.noise_multiplier),
            "contributions": plan.mechanism.contributions,
            "noise": plan.recipe.noise,
        },
        "budget": None,
    }


def job_out(
    request: TrainingRequest, *, updates_charged: int, epsilon_spent: Decimal, epsilon_of_one_record: Decimal | None
) -> Json:
    """The OpenAI `fine_tuning.job` object; `governance` says what its status cannot.

    Every epsilon in it is a person's, and of all that is run: a learning curve beside the model counts, as it does in
    the updates. Where a record is the unit, the smaller one of a record alone stands beside it.
    """
    plan = request.plan
    return {
        "id": request.id,
        "object": "fine_tuning.job",
        "created_at": int(request.requested_at.timestamp()),
        "finished_at": int(request.ended_at.timestamp()) if request.ended_at else None,
        "model": plan.base_model.name,
        "fine_tuned_model": None
        if request.model is None
        else model_name(plan.base_model.name, request.suffix, request.model),
        "organization_id": ORGANISATION,
        "status": status_of(request),
        "training_file": request.training_file,
        "validation_file": None,
        "result_files": [],
        "seed": 0,  # the contract wants a number; no seed reaches sampling or noise
        "trained_tokens": None,
        "estimated_finish": None,
        "integrations": [],
        "hyperparameters": hyperparameters_out(request),
        "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters_out(request)}},
        "metadata": dict(request.metadata) or None,
        "error": error_out(request),
        "governance": {
            "state": request.state,
            "ended_because": request.ended_because or None,
            "model": request.model,
            "suspended": request.suspended,
            "project": place_out(request.project),
            "plan": plan.digest(),
            "purpose": plan.purpose,
            "task": plan.recipe.task,
            "dataset": plan.dataset,
            "dataset_version": plan.dataset_version,
            "deidentification_profile": plan.profile,
            "requested_by": request.requested_by,
            "approved_by": request.approved_by,
            "attempt": request.attempt,
            "privacy": {
                "unit": plan.mechanism.unit,
                "relation": plan.mechanism.relation,
                "records_per_person": plan.recipe.rows_per_person,
                "clip": str(plan.recipe.clip),
                "precision": plan.recipe.precision,
                "noise": plan.recipe.noise,
                "canaries": plan.recipe.canaries,
                "epsilon": str(plan.promised_epsilon),
                "epsilon_of_one_record": None if epsilon_of_one_record is None else str(epsilon_of_one_record),
                "delta": str(plan.delta),
                "noise_multiplier": str(plan.mechanism.noise_multiplier),
                "sampling_rate": str(plan.mechanism.sampling_rate),
                "updates": plan.promised.updates,
                "updates_charged": updates_charged,
                "epsilon_spent": str(epsilon_spent),
            },
        },
    }
