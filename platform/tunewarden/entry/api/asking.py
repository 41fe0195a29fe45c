"""What is asked for, wherever in a body it stands: in `governance`, beside it, or in `plan`, which is a plan file.

The OpenAI client sends what it does not know by `extra_body`, so each of the three is one argument of a program. None
of them wins in silence: what is said twice has to be the same, and numbers are the same whatever they are written as.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, policy_name
from tunewarden.entry.api.caller import decimal
from tunewarden.entry.api.job_schemas import AskedIn, JobIn, hyperparameters_in
from tunewarden.entry.api.mitigation_schemas import mitigation_of
from tunewarden.entry.api.schemas import GovernanceIn, GovernancePartIn, Json, Number, PrivacyIn, Word
from tunewarden.usecases import requests

_PLACES = ("plan", "governance")
_GOVERNANCE = frozenset(GovernancePartIn.model_fields)
_OUTERMOST = frozenset(AskedIn.model_fields)


class Promise(PrivacyIn):
    """With what has to be said in it."""

    epsilon: Number


class Governed(GovernanceIn):
    """With what has to be said in it."""

    purpose: Word
    privacy: Promise


class Gathered(JobIn):
    """A request in which everything stands in one place, and nothing is missing that nobody can guess."""

    model: Word
    training_file: Word
    governance: Governed


def asked(body: JobIn) -> requests.Ask:
    """What to ask for. Raises `Malformed` for what is missing, differs, or is not carried out here."""
    return ask_of(gathered(body))


def gathered(body: JobIn) -> Gathered:
    """The same with everything in one place: ours in `governance`, and no plan file.

    Raises `Malformed` where something is said twice and differs, and where what nobody can guess is missing.
    """
    said = {name: value for name, value in body.model_dump(exclude_unset=True).items() if name not in _PLACES}
    for place in (body.plan, body.governance):
        if place is not None:
            said = _together(said, place.model_dump(exclude_unset=True), "")
    if said.get("training_file") is None:
        said["training_file"] = said.get("dataset")
    _require(said, "model", "model")
    _require(said, "training_file", "training_file")
    _require(said, "purpose", "governance.purpose")
    _require(said.get("privacy") or {}, "epsilon", "governance.privacy.epsilon")
    ours = {name: value for name, value in said.items() if name in _GOVERNANCE}
    others = {name: value for name, value in said.items() if name not in _GOVERNANCE}
    return Gathered.model_validate({**others, "governance": ours})


def plan_file(body: Gathered, digest: Digest | None) -> Json:
    """What makes exactly this plan again, or nothing: to be kept as a file, and sent as a body or as its `plan`."""
    said = body.model_dump(mode="json", exclude_unset=True)
    governance: Json = said.pop("governance")
    kept = {name: value for name, value in {**said, **governance}.items() if name in _OUTERMOST and value is not None}
    kept["hyperparameters"] = hyperparameters_in(body).model_dump(mode="json")
    return {**kept, "expected_plan": digest} if digest else kept


def ask_of(body: Gathered) -> requests.Ask:
    """Raises `Malformed` for numbers that are none, and for what is not carried out here."""
    hyperparameters, ours = hyperparameters_in(body), body.governance
    privacy, rate = ours.privacy, hyperparameters.learning_rate_multiplier
    return requests.Ask(
        training_file=body.training_file,
        base_model=policy_name(body.model),
        purpose=ours.purpose,
        epsilon=decimal(privacy.epsilon, "governance.privacy.epsilon"),
        delta=None if privacy.delta is None else decimal(privacy.delta, "governance.privacy.delta"),
        profile=policy_name(ours.deidentification_profile),
        epochs=requests.DEFAULT_EPOCHS if hyperparameters.n_epochs == "auto" else hyperparameters.n_epochs,
        expected_units=None if hyperparameters.batch_size == "auto" else hyperparameters.batch_size,
        learning_rate=requests.DEFAULT_LEARNING_RATE * (Decimal(1) if rate == "auto" else Decimal(str(rate))),
        unit=privacy.unit,
        rows_per_person=privacy.rows_per_person,
        precision=privacy.precision,
        noise=privacy.noise,
        task=ours.task,
        canaries=None if privacy.canaries == "auto" else privacy.canaries,
        suffix=body.suffix or "",
        metadata=body.metadata or {},
        fairness={
            metric: decimal(at_most, "governance.fairness.tolerances")
            for metric, at_most in ours.fairness.tolerances.items()
        },
        mitigation=mitigation_of(ours.mitigation),
        twins=ours.twins,
        curve=tuple(decimal(share, "governance.learning_curve") for share in ours.learning_curve),
        dataset=ours.dataset or "",
        protected=frozenset(ours.protected_attributes),
        expected=None if body.expected_plan is None else Digest(body.expected_plan),
    )


def _require(said: Mapping[str, Any], name: str, param: str) -> None:
    if said.get(name) is None:
        raise Malformed("invalid_request", f"{param} is required.", param=param)


def _together(one: Json, other: Json, inside: str) -> Json:
    """Both; members of objects one by one. Raises `Malformed` for what is in both and differs."""
    merged = dict(one)
    for name, value in other.items():
        if name not in merged or merged[name] is None:
            merged[name] = value
        elif name in _OBJECTS and isinstance(value, dict) and isinstance(merged[name], dict):
            merged[name] = _together(merged[name], value, f"{name}.")
        elif value is not None and not _are_same(name, value, merged[name]):
            place = f"{inside}{name}"
            raise Malformed(
                "parameters_differ",
                f"{place} is said in two places, and differs.",
                remedy="Say it in one place: in `governance`, beside it, or in `plan`.",
                param=place,
            )
    return merged


_OBJECTS = frozenset({"privacy", "hyperparameters"})
"""Whose members may stand in several places. Maps of names that are the caller's own are taken whole."""


_NUMBERS = frozenset({"epsilon", "delta", "fairness", "mitigation", "learning_curve"})
"""Whose numbers may be written as texts."""


def _are_same(name: str, one: object, other: object) -> bool:
    return one == other or (name in _NUMBERS and list(_plain(one)) == list(_plain(other)))


def _plain(value: object) -> Iterator[object]:
    """What a value says, however its numbers are written."""
    if isinstance(value, dict):
        for name in sorted(value):
            yield name
            yield from _plain(value[name])
        yield "}"
    elif isinstance(value, list):
        for item in value:
            yield from _plain(item)
        yield "]"
    elif isinstance(value, bool) or value is None:
        yield repr(value)
    else:
        yield _number(str(value))


def _number(text: str) -> object:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text
