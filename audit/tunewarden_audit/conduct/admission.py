"""Rules about persons: whose budget is charged is settled before it is, and nobody loses more than one person may."""

from __future__ import annotations

from collections.abc import Iterable

from tunewarden_audit.accountant import Spending
from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Finding, Findings, Rule, absent, broken
from tunewarden_audit.conduct.ledger import TRAINING, Account, cohort_of, combinations, spend
from tunewarden_audit.conduct.told import Request, Told
from tunewarden_audit.recipe import Grade

TOLERANCE = 1.001
STEP_OF = {"training": "train", "metrics": "measure"}


def _admission(fact: Fact, told: Told) -> Findings:
    request = told.requests.get(fact["request"])
    if request is None:
        yield absent(fact, told, "its request was never submitted")
        return
    if fact.kind == "CohortAdmitted":
        yield from _admitted(fact, told, request)
        return
    what = fact.members.get("what", TRAINING)
    account, admission = request.accounts.get(what), told.persons.admitted.get(cohort_of(fact))
    if admission is None:
        if request.is_by_person:
            yield absent(fact, told, "updates are charged before it is settled whose budget they are charged to")
    elif account is not None and account.charged + fact["updates"] > account.promised.updates:
        sets = told.persons.holding(cohort_of(fact))
        more = account.charged + fact["updates"] - account.promised.updates
        yield from _within(fact, told, sets, admission.epsilon, admission.delta, more)


def _admitted(fact: Fact, told: Told, request: Request) -> Findings:
    account = request.accounts.get(fact["what"])
    if account is None:
        yield absent(fact, told, "persons are admitted to what was never promised")
        return
    if cohort_of(fact) in told.persons.admitted:
        yield broken(fact, "persons are admitted for the second time")
    if account.charged:
        yield broken(fact, "persons are admitted after their budget was charged")
    if fact["dataset"] != request.dataset:
        yield broken(fact, "speaks of another dataset than its request")
    intent = told.intents.get((fact["request"], fact["attempt"]))
    if intent is None or intent.what != STEP_OF.get(fact["what"]):
        yield absent(fact, told, "persons are admitted while the step that needs them is not under way")
    if fact.digest_of("delta", "epsilon", "namespace", "over") != fact["limit"]:
        yield broken(fact, "the limit for one person is not the one that its digest names")
    yield from _own_limit(fact, told)
    named = tuple(combinations(fact))
    if len(named) != len(fact["beside"]):
        yield broken(fact, "names a set of other cohorts that cannot be read")
    sets = [combination | {cohort_of(fact)} for combination in (*named, frozenset[str]())]
    yield from _within(fact, told, sets, float(fact["epsilon"]), float(fact["delta"]), 0)


def _own_limit(fact: Fact, told: Told) -> Findings:
    """The namespace is the dataset's; where that names none, so is the limit."""
    dataset = told.datasets.get(fact["dataset"])
    if dataset is None:
        yield absent(fact, told, "its dataset was never registered")
    elif fact["namespace"] != dataset.namespace:
        yield broken(fact, "persons are known by another namespace than their dataset's")
    elif dataset.namespace is None and (float(fact["epsilon"]), float(fact["delta"])) != dataset.limit:
        yield broken(fact, "the limit for one person is not that of the dataset")


def _within(
    fact: Fact, told: Told, sets: Iterable[frozenset[str]], epsilon: float, delta: float, more: int
) -> Findings:
    """Computed again: of every set of cohorts that holds a person, what is charged and promised is within the limit.

    `more` updates of the cohort at hand come on top. Cohorts that are not at hand are left out of the sum.
    """
    for cohorts in sets:
        spent = Spending()
        for cohort in sorted(cohorts):
            account = _account(told, cohort)
            if account is None:  # another request's, which a bundle does not tell of
                if not told.has_gaps(fact.index):
                    yield broken(fact, "names a cohort that nothing was ever promised to")
                continue
            updates = account.charged + account.left + (more if cohort == cohort_of(fact) else 0)
            if not spend(spent, account.promised, updates):
                because = "a mechanism for which this accountant has no formula"
                yield Finding(Grade.INCOMPLETE, f"entry {fact.index}: {because}")
                break
        else:
            if not 0 < delta < 1 or spent.epsilon(delta) > epsilon * TOLERANCE:
                yield broken(fact, "a person would lose more than one person may")


def _account(told: Told, cohort: str) -> Account | None:
    name, _, what = cohort.rpartition(".")
    request = told.requests.get(name)
    return None if request is None else request.accounts.get(what)


RULES = (
    Rule(
        "admission",
        "persons are admitted before they are charged, and none loses more than one person may, computed again",
        frozenset({"CohortAdmitted", "BudgetCharged"}),
        _admission,
    ),
)
