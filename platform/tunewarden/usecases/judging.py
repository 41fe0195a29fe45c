"""What gates said of training requests, as the log has it; and the gates themselves, as the policy files are today.

What a gate said of a request is a part of the request, and shown with it to whoever may read that: each rule that was
asked, what was measured, why the rule is there and what helps. The gates as they are, with how many texts a review
takes and how many of them are made up, take an action of their own (read-gate), wherever they are shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.errors import Corrupted, NotFound, Unavailable
from tunewarden.domain.events import GateJudged
from tunewarden.domain.gates import Bound, Finding, Gate, Outcome, Rule
from tunewarden.domain.names import Action, Digest, PolicyName, ProjectId, RequestId
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.gating import PROMOTION_GATES
from tunewarden.usecases.ports import Platform, Principal, Resource
from tunewarden.usecases.refusals import permit_to_see
from tunewarden.usecases.things import some

TRAINING, PROMOTION = "training", "promotion"
"""What a gate guards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The last word of one gate about a request.

    Attributes:
        name, outcome, index: None where it was not asked yet; `index` is that of the entry.
        findings: each with the rule it is about, from the gate with this digest; None where that cannot be read.
        fault: code of the error where the stored gate is not what its digest says; somebody has to look. Empty else.
    """

    guards: str
    digest: Digest
    name: PolicyName | None = None
    outcome: Outcome | None = None
    index: int | None = None
    findings: tuple[tuple[Finding, Rule | None], ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is kept of a gate of then: its rules, as far as they can be read, or the fault of its document."""

    rules: Mapping[tuple[str, Bound], Rule] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A gate of today, and what it guards."""

    guards: str
    gate: Gate


def judgements(platform: Platform, requests: Sequence[TrainingRequest]) -> Mapping[RequestId, Sequence[Judgement]]:
    """Of each of these, for a reader who may see them: the gate before training first, then those before promotion.

    However many they are, the log is asked once, and for no more than was said of them. What a gate said stands in the
    log: where its document is broken, that is told beside it, and hides no other request.
    """
    begun = [one.id for one in requests if one.attempt]
    said: dict[RequestId, dict[PolicyName, tuple[int, GateJudged]]] = {one.id: {} for one in requests}
    with platform.view() as view:
        for entry in view.entries_about(begun, GateJudged) if begun else ():
            if isinstance(entry.event, GateJudged):
                said[entry.event.request][entry.event.gate] = entry.index, entry.event
    digests = {event.gate_digest for each in said.values() for _, event in each.values()}
    gates = {digest: _kept(platform, digest) for digest in digests}
    return {one.id: _of(one, said[one.id].values(), gates) for one in requests}


def _kept(platform: Platform, digest: Digest) -> _Kept:
    """Of the gate with this digest; nothing where it is not kept any more, or not to be read at this moment."""
    try:
        gate = from_plain(Gate, decode(platform.blobs.read(digest)))
    except (NotFound, Unavailable):
        return _Kept()
    except Corrupted as broken:
        return _Kept(fault=broken.code)
    return _Kept(rules={(rule.metric, rule.bound): rule for rule in gate.rules})


def _of(
    request: TrainingRequest,
    said: Iterable[tuple[int, GateJudged]],
    gates: Mapping[Digest, _Kept],
) -> Sequence[Judgement]:
    before = request.plan.training_gate
    found = [
        Judgement(
            guards=TRAINING if event.gate_digest == before else PROMOTION,
            digest=event.gate_digest,
            name=event.gate,
            outcome=event.outcome,
            index=index,
            findings=tuple((one, kept.rules.get((one.metric, one.bound))) for one in event.findings),
            fault=kept.fault,
        )
        for index, event in said
        for kept in [gates[event.gate_digest]]
    ]
    if not any(one.guards == TRAINING for one in found):
        found.append(Judgement(guards=TRAINING, digest=before))
    return sorted(found, key=lambda one: (one.guards != TRAINING, one.index or 0))


def guards(platform: Platform, principal: Principal) -> Sequence[Guard]:
    """Every gate of today. Raises `NotFound` for who may read gates nowhere, which is recorded."""
    permit_to_see(platform, principal, Action.READ_GATE, _where_read(platform, principal), noun="gate")
    return _guards(platform)


def may_read_gates(platform: Platform, principal: Principal, project: ProjectId) -> bool:
    """Whether this principal is shown the gates as they are, where what they guard is in a project. Not recorded."""
    return platform.access(principal, Action.READ_GATE, Resource(kind="policy", project=project)).allowed


def _where_read(platform: Platform, principal: Principal) -> Resource:
    """Where this principal acts, or else a project where they may read gates: these are the same in every one."""
    here = some("policy", principal)
    with platform.view() as view:
        places = [here, *(replace(here, project=one.id) for one in view.projects.all())]
    return next((one for one in places if platform.access(principal, Action.READ_GATE, one).allowed), here)


def guard(platform: Platform, principal: Principal, name: PolicyName) -> Guard:
    """The gate with this name, where it guards anything. Raises `NotFound`."""
    found = [one for one in guards(platform, principal) if one.gate.name == name]
    if not found:
        raise NotFound("gate_not_found", "There is no such gate for you.")
    return found[0]


def _guards(platform: Platform) -> Sequence[Guard]:
    named = {platform.training_gate: TRAINING, **dict.fromkeys(PROMOTION_GATES.values(), PROMOTION)}
    return [Guard(guards=what, gate=gate) for name, what in named.items() if (gate := _there(platform, name))]


def _there(platform: Platform, name: PolicyName) -> Gate | None:
    try:
        return platform.policies.gate(name)
    except NotFound:
        return None
