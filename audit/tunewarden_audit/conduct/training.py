"""Rules about training: for a fitting purpose, approved by somebody else, behind a gate, step after step."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from tunewarden_audit.conduct.agreed import needed, quorum_of, role_of
from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken, without_role
from tunewarden_audit.conduct.told import Dataset, Request, Told

STEP_BEFORE = {"deidentify": None, "train": "deidentify", "measure": "train"}


def _purpose(fact: Fact, told: Told) -> Findings:
    """Data serve only purposes they were registered for, in the time they may be kept."""
    if fact.kind == "DatasetVersionAdded":
        # A bundle does not tell of uploads, so this can be asked of a whole log only.
        if told.files.get(fact["file"]) != fact["source"] and not told.has_gaps(fact.index):
            yield broken(fact, "a dataset version is of a file that was never uploaded")
        return
    if fact.kind == "PurposesChanged":
        if fact["dataset"] not in told.datasets:
            yield absent(fact, told, "its dataset was never registered")
        return
    request = told.requests.get(fact["request"])
    name = fact["dataset"] if fact.kind == "RequestSubmitted" else request.dataset if request else None
    dataset = told.datasets.get(name) if name is not None else None
    if dataset is None:
        yield absent(fact, told, "its dataset was never registered")
        return
    if fact.kind == "RequestSubmitted":
        if fact["purpose"] not in dataset.purposes:
            yield absent(fact, told, "asks for a purpose that the dataset was not registered for")
        if fact["dataset_version"] not in dataset.versions:
            yield absent(fact, told, "asks for a dataset version that was never added")
    elif told.agreed.purposes.get(fact["request"]) not in dataset.purposes:
        yield absent(fact, told, "is for a purpose that the dataset has no more")
    yield from _usable(fact, dataset)


def _usable(fact: Fact, dataset: Dataset) -> Findings:
    if dataset.is_retired:
        yield broken(fact, "uses a dataset that was retired before")
    if dataset.retain_until is None or fact.at.date() > dataset.retain_until:
        yield broken(fact, "uses a dataset after the day until which it may be kept")


def _approval(fact: Fact, told: Told) -> Findings:
    """No step without the approval of exactly this plan by somebody else."""
    if fact.kind == "QuorumInForce":
        yield from _quorum(fact)
        return
    request = told.requests.get(fact["request"])
    if request is None:
        yield absent(fact, told, "its request was never submitted")
    elif fact.kind == "VoteLapsed":
        if fact["principal"] not in told.agreed.votes.get(fact["request"], ()):
            yield absent(fact, told, "a vote lapses that was not given, or that had lapsed before")
    elif fact.kind in VOTES:
        yield from _vote(fact, told, request)
    else:
        if request.approved is None:
            some = "too few had agreed to" if told.agreed.votes.get(fact["request"]) else "nobody had approved"
            yield absent(fact, told, f"a step begins that {some}")
        if request.ended is not None:
            yield broken(fact, "a step begins although its request had ended")


def _vote(fact: Fact, told: Told, request: Request) -> Findings:
    """Of somebody else, once, for this plan, in a role that is not fresh from who asked, by one rule for all."""
    if fact.actor == request.asked_by:
        yield broken(fact, "was approved by who asked for it")
    if fact["plan"] != request.plan:
        yield broken(fact, "approves another plan than the one that was asked for")
    if request.approved is not None or request.ended is not None:
        yield broken(fact, "approves what was approved or had ended before")
    elif fact.actor in told.agreed.votes.get(fact["request"], ()):
        yield broken(fact, "somebody agrees a second time")
    project = told.placed.of.get(fact["request"])
    if told.agreed.is_fresh(fact.actor, role_of(fact), request.asked_by, fact.at, project):
        yield absent(fact, told, "was approved in a role that who asked had given less than a day before")
    yield from without_role(fact, told, role_of(fact), project, "was approved")
    yield from _counted(fact, told, request.dataset)


def _counted(fact: Fact, told: Told, dataset: str) -> Findings:
    """A vote counts by the rule in force, with the numbers that it has for the sensitivity of the data."""
    rule, in_force = fact.members.get("quorum"), told.agreed.quorum
    if not 1 <= needed(fact)[1] <= needed(fact)[0]:
        yield broken(fact, "nobody would have to agree, or in more roles than persons")
    if rule != (in_force.digest if in_force else None):
        yield absent(fact, told, "is counted by a rule that was not in force")
    elif (
        in_force is not None
        and dataset in told.agreed.sensitivities
        and in_force.needed.get(told.agreed.sensitivities[dataset]) != needed(fact)
    ):
        yield broken(fact, "asks for another number of persons or roles than the rule in force does")


def _quorum(fact: Fact) -> Findings:
    """A rule comes in force as the platform started with it, and is what its digest says."""
    if fact.actor != "operator":
        yield broken(fact, "somebody else than the platform says how many have to agree")
    if quorum_of(fact) is None:
        yield broken(fact, "how many have to agree is not what its own digest says, or nobody")


def _gate(fact: Fact, told: Told) -> Findings:
    """No training unless the gate that the plan names passed what training is given."""
    request = told.requests.get(fact["request"])
    if request is None or fact["step"] != "train":
        return
    judged = [one for one in request.verdicts.values() if one.gate_digest == request.training_gate]
    if not judged:
        yield absent(fact, told, "training begins before its gate was asked")
    elif judged[-1].outcome != "pass":
        yield absent(fact, told, "training begins although its gate did not pass")
    elif judged[-1].about != fact["given"]:
        yield broken(fact, "training is given something else than its gate judged")


def _verdicts(fact: Fact, _: Told) -> Findings:
    """A verdict is what its own findings give: the far end of each interval, missing evidence is no pass."""
    findings = fact["findings"]
    outcomes = {_finding(one) for one in findings}
    if not findings or None in outcomes:
        yield broken(fact, "a finding of a verdict is not what its own measurement and limit give")
        return
    expected = "pass" if outcomes == {"pass"} else "fail" if "fail" in outcomes else "unknown"
    if fact["outcome"] != expected:
        yield broken(fact, f"a verdict says {'pass' if expected != 'pass' else 'no pass'} and its findings do not")


def _finding(finding: Any) -> str | None:
    """The outcome of one rule, computed again; None where that is not what stands there."""
    try:
        measured, limit = finding["measured"], Decimal(finding["limit"])
        otherwise = finding.get("otherwise", "fail")  # "unknown" of a rule about how much is known
        if otherwise not in ("fail", "unknown"):
            return None
        if measured is None:
            expected = "unknown"
        elif finding["bound"] == "at-most":
            expected = "pass" if Decimal(measured["high"]) <= limit else otherwise
        elif finding["bound"] == "at-least":
            expected = "pass" if Decimal(measured["low"]) >= limit else otherwise
        else:
            return None
        return expected if finding["outcome"] == expected else None
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return None


def _outputs(fact: Fact, told: Told) -> Findings:
    """What a step is given is what the one before made, and every output has one attempt that made it."""
    request = told.requests.get(fact["request"])
    if request is None:
        return
    match fact.kind:
        case "StepStarted":
            yield from _given(fact, told, request)
        case "StepFinished":
            yield from _made(fact, told, request)
        case "ModelRegistered":
            if (fact["adapter"], fact["plan"]) != (request.outputs.get("train"), request.plan):
                yield absent(fact, told, "a model is not what the training of its request made, from its plan")
            if "measure" not in request.outputs:
                yield absent(fact, told, "a model is registered that was not measured")


def _given(fact: Fact, told: Told, request: Request) -> Findings:
    if fact["attempt"] != request.attempt + 1:
        yield absent(fact, told, "attempts are not numbered one after the other")
    if fact["step"] not in STEP_BEFORE:
        yield broken(fact, "a step begins that the house does not have")
        return
    if fact["step"] in request.outputs:
        yield broken(fact, "a step begins that was done before")
    before = STEP_BEFORE[fact["step"]]
    expected = request.version if before is None else request.outputs.get(before)
    if expected is None:
        yield absent(fact, told, "a step begins before the one that it follows was done")
    elif fact["given"] != expected:
        yield broken(fact, "a step is given something else than the one before made")


def _made(fact: Fact, told: Told, request: Request) -> Findings:
    intent = told.intents.get((fact["request"], fact["attempt"]))
    if intent is None or intent.what != fact["step"]:
        yield absent(fact, told, "a step was done that was not begun")
    if fact["step"] in request.outputs:
        yield broken(fact, "two attempts made the output of one step")
    # Noise makes every training another: two with one output means that one of them did not happen.
    if fact["step"] == "train" and told.trained.get(fact["output"], fact["request"]) != fact["request"]:
        yield broken(fact, "the output of a training is that of another request's training")


STEPS = frozenset({"StepStarted"})
VOTES = frozenset({"RequestApproved", "RequestEndorsed"})
RULES = (
    Rule(
        "purpose",
        "data serve only purposes they were registered for, in the time they may be kept",
        VOTES | {"DatasetVersionAdded", "PurposesChanged", "RequestSubmitted", "StepStarted", "BudgetCharged"},
        _purpose,
    ),
    Rule(
        "approval",
        "no step begins before as many others have agreed to that plan as have to, one of them approving it",
        VOTES | STEPS | {"QuorumInForce", "VoteLapsed"},
        _approval,
    ),
    Rule("verdicts", "every verdict is what its findings give", frozenset({"GateJudged"}), _verdicts),
    Rule("gate", "no training begins that its gate did not let pass", STEPS, _gate),
    Rule(
        "outputs",
        "every output has one step that made it, from what the step before made",
        frozenset({"StepStarted", "StepFinished", "ModelRegistered"}),
        _outputs,
    ),
)
