"""What gates said of training requests, as the log has it; and the gates themselves, as the policy files are today."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.errors import NotFound, Unavailable
from tunewarden.domain.events import GateJudged
from tunewarden.domain.gates import Bound, Finding, Gate, Outcome, Rule
from tunewarden.domain.names import Action, Digest, PolicyName, RequestId
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.gating import PROMOTION_GATES
from tunewarden.usecases.ports import Platform, Principal, Resource, View
from tunewarden.usecases.refusals import permit_to_see

TRAINING, PROMOTION = "training", "promotion"
"""What a gate guards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The last word of one gate about a request.

    Attributes:
        name, outcome, index: None where it was not asked yet; `index` is that of the entry.
        findings: each with the rule it is about, from the gate with this digest; None where that cannot be read.
    """

    guards: str
    digest: Digest
    name: PolicyName | None = None
    outcome: Outcome | None = None
    index: int | None = None
    findings: tuple[tuple[Finding, Rule | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A gate of today, and what it guards."""

    guards: str
    gate: Gate


def judgements(platform: Platform, requests: Sequence[TrainingRequest]) -> Mapping[RequestId, Sequence[Judgement]]:
    """Of each of these, for a reader who may see them: the gate before training first, then those before promotion.

    Raises `Corrupted` where a gate is not what its digest says.
    """
    asked = {one.id for one in requests if one.attempt}
    said: dict[RequestId, dict[PolicyName, tuple[int, GateJudged]]] = {one.id: {} for one in requests}
    with platform.view() as view:
        for index, event in _told(view, asked):
            said[event.request][event.gate] = index, event
    rules = {event.gate_digest for each in said.values() for _, event in each.values()}
    gates = {digest: _rules(platform, digest) for digest in rules}
    return {one.id: _of(one, said[one.id].values(), gates) for one in requests}


def _told(view: View, asked: Set[RequestId]) -> Iterator[tuple[int, GateJudged]]:
    """Every judgement of these, oldest first. The log is searched once, however many they are."""
    if not asked:
        return
    name = next(iter(asked)) if len(asked) == 1 else GateJudged.__name__
    for entry in view.entries_naming(name):
        if isinstance(entry.event, GateJudged) and entry.event.request in asked:
            yield entry.index, entry.event


def _rules(platform: Platform, digest: Digest) -> Mapping[tuple[str, Bound], Rule]:
    """Of the gate with this digest; nothing where it is not kept any more, or not to be read at this moment."""
    try:
        gate = from_plain(Gate, decode(platform.blobs.read(digest)))
    except (NotFound, Unavailable):
        return {}
    return {(rule.metric, rule.bound): rule for rule in gate.rules}


def _of(
    request: TrainingRequest,
    said: Iterable[tuple[int, GateJudged]],
    gates: Mapping[Digest, Mapping[tuple[str, Bound], Rule]],
) -> Sequence[Judgement]:
    before = request.plan.training_gate
    found = [
        Judgement(
            guards=TRAINING if event.gate_digest == before else PROMOTION,
            digest=event.gate_digest,
            name=event.gate,
            outcome=event.outcome,
            index=index,
            findings=tuple((one, gates[event.gate_digest].get((one.metric, one.bound))) for one in event.findings),
        )
        for index, event in said
    ]
    if not any(one.guards == TRAINING for one in found):
        found.append(Judgement(guards=TRAINING, digest=before))
    return sorted(found, key=lambda one: (one.guards != TRAINING, one.index or 0))


def guards(platform: Platform, principal: Principal) -> Sequence[Guard]:
    """Every gate of today. Raises `NotFound` for who may not read gates, which is recorded."""
    permit_to_see(platform, principal, Action.READ_GATE, Resource(kind="policy"), noun="gate")
    return _guards(platform)


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
