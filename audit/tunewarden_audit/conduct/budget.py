"""Rules about the privacy budget: promised, then spent, paid before it is run, never above the limit, settled."""

from __future__ import annotations

from tunewarden_audit.conduct.admission import STEP_OF
from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Finding, Findings, Rule, absent, broken, unmatched
from tunewarden_audit.conduct.ledger import METRICS, TRAINING, Sides, promises
from tunewarden_audit.conduct.told import Dataset, Request, Told
from tunewarden_audit.recipe import Grade

TOLERANCE = 1.001
"""Two programs with floating point agree this far, as a ratio; the platform rounds up to four decimals."""
_ROUNDING = 0.0001

KINDS = frozenset({"BudgetReserved", "BudgetCharged", "BudgetSettled"})


def _budget(fact: Fact, told: Told) -> Findings:
    """Updates are promised once, charged one after the other while training is under way, and never again."""
    request = told.requests.get(fact["request"])
    if request is None:
        yield absent(fact, told, "its request was never submitted")
        return
    if fact["dataset"] != request.dataset:
        yield broken(fact, "speaks of another dataset than its request")
    if request.settled is not None or request.ended is not None:
        yield broken(fact, "comes after its request was settled or had ended")
    if fact.kind == "BudgetReserved":
        yield from _promised_once(fact, request)
        return
    account = request.accounts.get(fact.members.get("what", TRAINING))
    if account is None:
        yield absent(fact, told, "nothing was ever promised to its request")
    if fact.kind == "BudgetCharged":
        before = account.charged if account else 0
        if fact["updates"] < 1 or fact["charged"] != before + fact["updates"]:
            yield absent(fact, told, "the charged updates do not add up")
        intent = told.intents.get((fact["request"], fact["attempt"]))
        if intent is None or intent.what != STEP_OF.get(fact.members.get("what", TRAINING)):
            yield absent(fact, told, "updates are charged while no training is under way")


def _promised_once(fact: Fact, request: Request) -> Findings:
    if request.accounts:
        yield broken(fact, "a second promise to one request")
    promised = promises(fact)[TRAINING]
    if promised.updates % (1 + promised.parts):
        yield broken(fact, "the updates are not as many for each part of the learning curve as for the model")


def _settlement(fact: Fact, told: Told) -> Findings:
    """What never ran is given back, exactly, before a request ends; what ran was charged."""
    request = told.requests.get(fact["request"])
    if request is None:
        return
    if fact.kind == "RequestEnded":
        if request.settled is None:
            yield absent(fact, told, "a request ends whose reservation was not settled")
        if request.ended is not None:
            yield broken(fact, "a request ends for the second time")
    elif fact.kind == "StepFinished":
        ran = fact["counts"].get("updates", 0) if fact["step"] == "train" else 0
        if type(ran) is not int or ran > _of(request, TRAINING)[0]:
            yield absent(fact, told, "more updates were run than charged")
        if fact["step"] == "train":
            yield from _curve(fact, told, request)
    else:
        figures = (fact.members.get("metrics_charged", 0), fact.members.get("metrics_returned", 0))
        stated = ((fact["charged"], fact["returned"]), figures)
        if stated != (_of(request, TRAINING), _of(request, METRICS)):
            yield absent(fact, told, "what is charged and given back is not what was promised and charged")


def _curve(fact: Fact, told: Told, request: Request) -> Findings:
    """A learning curve is trained where one was promised, whole, and only once all of it has been charged."""
    account, said = request.accounts.get(TRAINING), fact["counts"].get("curve_updates", 0)
    if account is None or not account.promised.parts:
        if said:
            yield absent(fact, told, "a learning curve was trained that was never promised")
        return
    promised, parts = account.promised.updates, account.promised.parts
    if said != promised // (1 + parts) * parts:
        yield broken(fact, "a learning curve was promised, and not as many updates of it were made")
    if account.charged < promised:
        yield absent(fact, told, "a learning curve was trained, and less was charged than was promised for it")


def _of(request: Request, what: str) -> tuple[int, int]:
    """Updates charged, and left of the promise."""
    account = request.accounts.get(what)
    return (account.charged, account.left) if account else (0, 0)


def _open(told: Told) -> Findings:
    for request in told.requests.values():
        if request.settled is not None and request.ended is None:
            yield unmatched(told, f"entry {request.settled}: a reservation was settled and its request never ended")


def _limit(fact: Fact, told: Told) -> Findings:
    """Computed again from the mechanisms: no promise and no charge leads above the dataset's limit."""
    dataset, request = told.datasets.get(fact["dataset"]), told.requests.get(fact["request"])
    if dataset is None or not 0 < dataset.delta < 1:
        yield absent(fact, told, "its dataset was never registered, so there is no limit to compare with")
        return
    if fact.kind == "BudgetReserved":
        yield from _promise(fact, dataset)
    elif fact.kind == "BudgetCharged" and request is not None:
        what, after = fact.members.get("what", TRAINING), dataset.spent.copy()
        if what not in request.accounts:
            return
        if not after.add(what, request.accounts[what].promised, fact["updates"]):
            yield _unaccountable(fact)
        elif after.epsilon(dataset.delta) > dataset.epsilon_limit * TOLERANCE:
            yield broken(fact, "a charge leads above the dataset's limit")
    elif fact.kind == "BudgetSettled":
        yield from _claimed(fact, dataset)


def _promise(fact: Fact, dataset: Dataset) -> Findings:
    alone, committed = Sides(apart=dataset.is_apart), dataset.spent.copy()
    for what, promised in promises(fact).items():
        if not (alone.add(what, promised, promised.updates) and committed.add(what, promised, promised.updates)):
            yield _unaccountable(fact)
            return
    delta = float(fact["delta"])
    if not 0 < delta <= dataset.delta or alone.epsilon(delta) > float(fact["epsilon"]) * TOLERANCE:
        yield broken(fact, "the mechanism does not keep the epsilon and delta that were promised")
    for other in dataset.promised.values():  # what is charged to others is in it already
        for what, account in other.accounts.items():
            committed.add(what, account.promised, account.left)
    if committed.epsilon(dataset.delta) > dataset.epsilon_limit * TOLERANCE:
        yield broken(fact, "a promise leads above the dataset's limit")


def _claimed(fact: Fact, dataset: Dataset) -> Findings:
    claimed, computed = float(fact["epsilon_spent"]), dataset.spent.epsilon(dataset.delta)
    if claimed > dataset.epsilon_limit * TOLERANCE:
        yield broken(fact, "the dataset's epsilon is above its limit")
    if claimed * TOLERANCE + _ROUNDING < computed:
        yield broken(fact, "the epsilon that is said to be spent is less than the charged mechanisms give")


def _unaccountable(fact: Fact) -> Finding:
    return Finding(Grade.INCOMPLETE, f"entry {fact.index}: a mechanism for which this accountant has no formula")


RULES = (
    Rule("budget", "updates are promised once, and charged while training is under way", KINDS, _budget),
    Rule("limit", "no promise and no charge leads above a dataset's limit, computed again", KINDS, _limit),
    Rule(
        "settlement",
        "what never ran is given back before a request ends, and no more ran than was charged",
        frozenset({"BudgetSettled", "RequestEnded", "StepFinished"}),
        _settlement,
        _open,
    ),
)
