"""Rules about promotion: a passing verdict about that very adapter, proposed by one, approved by another."""

from __future__ import annotations

from decimal import Decimal

from tunewarden_audit.conduct.agreed import role_of
from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken, unmatched, without_role
from tunewarden_audit.conduct.overridden import is_let_pass, was_let_wait
from tunewarden_audit.conduct.placed import project_of
from tunewarden_audit.conduct.told import CLASSIFICATION, Model, Promotion, Told, Verdict

GATES = {CLASSIFICATION: "promotion", "completion": "promotion-completion"}
"""Task -> the gate that guards the promotion of what was trained for it; no gate lets another task's models pass."""


def _promotion(fact: Fact, told: Told) -> Findings:
    match fact.kind:
        case "PromotionProposed":
            yield from _proposed(fact, told)
        case "PromotionApproved":
            yield from _approved(fact, told)
        case "AliasMoved":
            yield from _moved(fact, told)
        case "AdapterTaken":
            yield from _taken(fact, told)
        case "PromiseDisproved":
            yield from _disproved(fact, told)


def _proposed(fact: Fact, told: Told) -> Findings:
    verdict = _verdict(fact, told)
    if verdict is None:
        yield absent(fact, told, "a promotion is proposed and no gate was asked about that adapter")
    elif (verdict.outcome, verdict.digest) != (fact["outcome"], fact["verdict"]):
        yield absent(fact, told, "a promotion is proposed with another verdict than the gate gave")


def _approved(fact: Fact, told: Told) -> Findings:
    promotion = told.promotions.get(fact["promotion"])
    project, role = told.placed.of.get(fact["model"]), role_of(fact)
    if promotion is not None and told.agreed.is_fresh(fact.actor, role, promotion.proposed_by, fact.at, project):
        yield absent(fact, told, "was approved in a role that who proposed had given less than a day before")
    yield from without_role(fact, told, role, project, "was approved")
    if promotion is None:
        yield absent(fact, told, "a promotion is approved that was never proposed")
        return
    if fact.actor == promotion.proposed_by:
        yield broken(fact, "a promotion was approved by who proposed it")
    if (fact["model"], fact["verdict"]) != (promotion.model, promotion.verdict):
        yield broken(fact, "a promotion is approved for another model or verdict than was proposed")
    if told.agreed.is_signed_for and "unassessed" not in fact.members:
        yield broken(fact, "a promotion is approved and nobody signs any more for those of whom nothing is known")
    if promotion.is_approved:
        yield broken(fact, "a promotion is approved for the second time")
    if promotion.outcome != "pass" and not was_let_wait(promotion, told):
        yield absent(fact, told, "a promotion is approved that the gate had refused")
    if fact["model"] in told.disproved:
        yield broken(fact, "a promotion is approved of a model that was shown to leak more than is claimed")
    yield from passes_since(fact, told, promotion.index, "a promotion is approved", promotion)


def passes_since(fact: Fact, told: Told, index: int, what: str, promotion: Promotion | None = None) -> Findings:
    """The gate that guards the promotion of this model version was asked since that entry, and passed.

    Or two let pass what it stops, of this `promotion`.
    """
    verdict = _verdict(fact, told)
    if verdict is None or verdict.index < index:
        yield absent(fact, told, f"{what} and the gate was not asked once more")
    elif verdict.outcome != "pass" and not is_let_pass(promotion, verdict, told):
        yield absent(fact, told, f"{what} although the gate did not pass any more")


def _moved(fact: Fact, told: Told) -> Findings:
    target = fact["alias"], fact["model"]
    if target not in {*told.granted, *told.emergencies.going_back} and not is_foreign(fact, told):
        yield absent(fact, told, "an alias moves without an approved promotion")
    if fact["previous"] != told.placed.aliases.get((fact["alias"], project_of(fact))) and not told.has_gaps(fact.index):
        yield broken(fact, "an alias moves from another model version than it named")


def _taken(fact: Fact, told: Told) -> Findings:
    """The weights leave the house only while an alias names the model version."""
    model = told.models.get(fact["model"])
    if model is None:
        yield absent(fact, told, "weights were taken of a model that was never registered")
    elif model.adapter != fact["adapter"]:
        yield broken(fact, "other weights were taken than the model version has")
    if fact["model"] not in told.placed.aliases.values():
        yield absent(fact, told, "weights were taken of a model that no alias named")
    if model is not None:
        yield from _taken_for(fact, told, model)


def _taken_for(fact: Fact, told: Told, model: Model) -> Findings:
    """For what it was trained for, as long as its dataset may be used for that."""
    request = told.requests.get(model.request)
    dataset = told.datasets.get(request.dataset) if request else None
    trained_for = told.agreed.purposes.get(model.request)
    if fact.members.get("purpose") not in (None, trained_for):
        yield absent(fact, told, "weights were taken for another purpose than the model was trained for")
    if dataset is not None and trained_for not in dataset.purposes:
        yield absent(fact, told, "weights were taken for a purpose that the dataset has no more")


def _disproved(fact: Fact, told: Told) -> Findings:
    """An alarm is about the model version that its request became, and has a reason."""
    model = told.models.get(fact["model"])
    if model is None or model.request != fact["request"]:
        yield absent(fact, told, "a promise is said to be broken of a model that its request did not become")
    if Decimal(fact["shown"]) <= Decimal(fact["claimed"]):
        yield broken(fact, "a promise is said to be broken by no more than it allows")


def _granted(told: Told) -> Findings:
    for promotion in told.granted.values():
        yield unmatched(told, f"entry {promotion.index}: a promotion was approved and its alias never moved")


def is_foreign(fact: Fact, told: Told) -> bool:
    """Whether the entries at hand do not tell of its model: a bundle also holds what replaced its own."""
    return fact["model"] not in told.models and told.has_gaps(fact.index)


def _verdict(fact: Fact, told: Told) -> Verdict | None:
    """The newest about the model's adapter, of the gate of the task that was asked for; None of an unknown task."""
    model = told.models.get(fact["model"])
    request = told.requests.get(model.request) if model else None
    gate = GATES.get(request.task) if request else None
    verdict = request.verdicts.get(gate) if request and gate else None
    return verdict if verdict and model and verdict.about == model.adapter else None


RULES = (
    Rule(
        "promotion",
        "no alias moves, and no weights leave, without a passing verdict and the approval of somebody else",
        frozenset({"PromotionProposed", "PromotionApproved", "AliasMoved", "AdapterTaken", "PromiseDisproved"}),
        _promotion,
        _granted,
    ),
)
