"""How a plan that nobody has asked for yet travels over the API."""

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.datasets import DatasetVersion
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.gates import Gate
from tunewarden.domain.training import Plan
from tunewarden.entry.api.errors import status_of
from tunewarden.entry.api.gate_schemas import gate_out
from tunewarden.entry.api.schemas import Json
from tunewarden.usecases.previewing import Cost, Preview


def plan_out(plan: Plan) -> Json:
    """Our `plan` object: what is approved, and the bytes whose SHA-256 is its digest (RFC 8785)."""
    plain = to_plain(plan)
    return {"object": "plan", "digest": plan.digest(), "plan": plain, "canonical": encode(plain).decode()}


def preview_out(found: Preview, file: Json) -> Json:
    """The same of a plan that was not asked for, with what it means and what is in its way; `file` makes it again."""
    nothing = {"object": "plan", "digest": None, "plan": None, "canonical": None}
    return {
        **(nothing if found.plan is None else plan_out(found.plan)),
        "accepted": not found.refused,
        "refused": [refusal_out(no) for no in found.refused],
        "dataset": found.dataset.id,
        "dataset_version": found.version.digest,
        "privacy": None if found.plan is None else _privacy_out(found.plan, found.cost),
        "training": None if found.plan is None else _training_out(found.plan, found.version, found.units),
        "budget": _budget_out(found.cost),
        "approvals": {
            "persons": found.needed.persons,
            "roles": found.needed.roles,
            "approving": list(found.approving),
            "endorsing": list(found.endorsing),
        },
        "gates": [gate_out(gate, guards) for guards, gate in _gates(found)],
        "file": file,
    }


def refusal_out(no: TunewardenError) -> Json:
    """What a request would be answered with."""
    return {
        "code": no.code,
        "status": status_of(no),
        "message": no.reason,
        "remedy": no.remedy or None,
        "who_can": no.who or None,
        "param": no.param or None,
    }


def _privacy_out(plan: Plan, cost: Cost) -> Json:
    mechanism = plan.promised
    return {
        "unit": mechanism.unit,
        "relation": mechanism.relation,
        "records_per_person": plan.recipe.rows_per_person,
        "epsilon": str(plan.promised_epsilon),
        "epsilon_of_one_record": None if cost.of_one_record is None else str(cost.of_one_record),
        "delta": str(plan.delta),
        "noise_multiplier": str(mechanism.noise_multiplier),
        "sampling_rate": str(mechanism.sampling_rate),
        "updates": mechanism.updates,
        "releases_of_figures": 0 if plan.metrics is None else plan.metrics.updates,
    }


def _training_out(plan: Plan, version: DatasetVersion, units: int | None) -> Json:
    return {
        "persons": version.persons,
        "rows": version.rows,
        "units_to_train_on": units or 0,
        "units_in_an_update": plan.recipe.expected_units,
        "updates_of_the_model": plan.mechanism.updates,
        "updates": plan.promised.updates,
    }


def _budget_out(cost: Cost) -> Json:
    return {
        "limit": str(cost.limit),
        "delta": str(cost.delta),
        "left": str(cost.left),
        "left_after": None if cost.left_after is None else str(cost.left_after),
    }


def _gates(found: Preview) -> list[tuple[str, Gate]]:
    named = {"training": found.training_gate, "promotion": found.promotion_gate}
    return [(guards, gate) for guards, gate in named.items() if gate is not None]
