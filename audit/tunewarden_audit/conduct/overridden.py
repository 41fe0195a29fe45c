"""Rules about letting pass what a gate stopped: two persons in two roles, of nobody's own work, on one verdict."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken, without_role
from tunewarden_audit.conduct.told import Promotion, Told, Verdict
from tunewarden_audit.conduct.wished import DECIDING


def was_let_wait(promotion: Promotion, told: Told) -> bool:
    """Whether two decided that it waits for approval, although the gate had refused it; whatever became of them."""
    barred = {promotion.proposed_by, _asked_by(promotion.model, told)}
    return {role for who, role in promotion.overrides.items() if who not in barred} >= DECIDING


def is_let_pass(promotion: Promotion | None, verdict: Verdict | None, told: Told) -> bool:
    """Whether two who still may let pass what this verdict stops, and it is the one that they decided on."""
    if promotion is None or verdict is None or verdict.is_final or verdict.digest != promotion.verdict:
        return False
    barred, project = {promotion.proposed_by, _asked_by(promotion.model, told)}, told.placed.of.get(promotion.model)
    standing = {
        role
        for who, role in promotion.overrides.items()
        if who not in barred and not told.agreed.was_taken(who, role, project)
    }
    return standing >= DECIDING


def _overridden(fact: Fact, told: Told) -> Findings:
    promotion = told.promotions.get(fact["promotion"])
    if promotion is None:
        yield absent(fact, told, "a promotion was let pass that was never proposed")
        return
    if (fact["model"], fact["verdict"]) != (promotion.model, promotion.verdict):
        yield broken(fact, "a promotion was let pass for another model or verdict than was proposed")
    if promotion.outcome == "pass" or promotion.is_approved:
        yield broken(fact, "a promotion was let pass that the gate had not stopped, or that was approved before")
    yield from _person(fact, told, promotion)
    yield from _verdict(fact, told)


def _person(fact: Fact, told: Told, promotion: Promotion) -> Findings:
    """Not whose work it is, once, and in one of the two roles, each of which decides once."""
    project = told.placed.of.get(promotion.model)
    for whose in {promotion.proposed_by, _asked_by(promotion.model, told)} - {None}:
        if fact.actor == whose:
            yield broken(fact, "what the gate stopped was let pass by who proposed it or asked for the training")
        elif whose is not None and told.agreed.is_fresh(fact.actor, fact["role"], whose, fact.at, project):
            yield absent(fact, told, "was let pass in a role that whose work it is had given less than a day before")
    yield from without_role(fact, told, fact["role"], project, "was let pass")
    if fact["role"] not in DECIDING:
        yield broken(fact, "what the gate stopped was let pass in a role that does not decide it")
    if fact.actor in promotion.overrides or fact["role"] in promotion.overrides.values():
        yield broken(fact, "what the gate stopped was let pass a second time by one person, or in one role")


def _verdict(fact: Fact, told: Told) -> Findings:
    """It is the newest about that adapter, and stops nothing for good."""
    model = told.models.get(fact["model"])
    request = told.requests.get(model.request) if model else None
    if model is None or request is None:
        yield absent(fact, told, "a promotion was let pass of a model that was never registered")
        return
    about = [one for one in request.verdicts.values() if one.about == model.adapter]
    newest = max(about, key=lambda one: one.index, default=None)
    if newest is None or newest.digest != fact["verdict"]:
        yield absent(fact, told, "a promotion was let pass on another verdict than the newest")
    elif newest.is_final:
        yield broken(fact, "a promotion was let pass that a hard rule stops, or the want of a measurement")


def _asked_by(model: str, told: Told) -> str | None:
    """Who asked for the training that a model version came of."""
    made = told.models.get(model)
    request = told.requests.get(made.request) if made else None
    return request.asked_by if request else None


RULES = (
    Rule(
        "overrides",
        "what a gate stopped is let pass by an approver and a privacy officer, on that verdict, and by no hard rule",
        frozenset({"GateOverridden"}),
        _overridden,
    ),
)
