"""Lineage the other way: what became of the versions of a dataset, folded from log entries alone.

Whether one person of a version was trained on or held out to measure with is decided by a keyed pseudonym, so nothing
here can say it: a request that was trained may have done either with anybody.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from enum import StrEnum

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    ActionRefused,
    AliasMoved,
    BudgetCharged,
    DatasetVersionAdded,
    GateJudged,
    ModelRegistered,
    RequestApproved,
    RequestEnded,
    RequestEndorsed,
    RequestSubmitted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Action, Alias, DatasetId, Digest, ModelId, PrincipalId, ProjectId, RequestId, Role
from tunewarden.domain.quorum import Needed, Vote, counting, missing
from tunewarden.domain.registry_events import AliasCleared
from tunewarden.domain.training import STATE_AFTER, State, StepName
from tunewarden.domain.vote_events import VoteLapsed


class Use(StrEnum):
    """How far a request went with the records: not at all; read by a step; or learned from, in part or whole."""

    NOT_READ = "not-read"
    READ = "read"
    TRAINED_OR_MEASURED = "trained-on-or-measured-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descendant:
    """A training request on a dataset version, and what came of it.

    Attributes:
        adapter: what training made; None where it made nothing.
        model: the model version that was registered; None where none was.
        aliases: those that name it now, sorted.
        log: the entries that say so, without those about the budget.
    """

    version: Digest
    request: RequestId
    requested_by: PrincipalId
    plan: Digest
    purpose: Purpose
    state: State
    use: Use
    adapter: Digest | None
    model: ModelId | None
    aliases: tuple[Alias, ...]
    log: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """What became of some versions of a dataset.

    Attributes:
        added: the entries that added these versions.
        descendants: every request on one of them, in log order; running and refused ones too.
        refusals: requests to train on the dataset that were refused at the door, whichever version they meant.
        size: how many entries the log had.
    """

    added: tuple[Entry, ...]
    descendants: tuple[Descendant, ...]
    refusals: tuple[Entry, ...]
    size: int


@dataclass(slots=True)
class _Growing:
    submitted: RequestSubmitted
    requested_by: PrincipalId
    log: list[int]
    votes: list[Vote] = field(default_factory=list)
    state: State = State.AWAITING_APPROVAL
    use: Use = Use.NOT_READ
    adapter: Digest | None = None
    model: ModelId | None = None


@dataclass(slots=True)
class _Found:
    added: list[Entry] = field(default_factory=list)
    requests: dict[RequestId, _Growing] = field(default_factory=dict)
    refusals: list[Entry] = field(default_factory=list)
    aliases: dict[tuple[Alias, ProjectId], tuple[ModelId, int]] = field(default_factory=dict)


def descend(entries: Iterable[Entry], dataset: DatasetId, versions: Set[Digest]) -> Descent:
    """What became of `versions`, from one reading of the log; keeps one line for each request on them."""
    found, size = _Found(), 0
    for entry in entries:
        size = entry.index + 1
        match entry.event:
            case DatasetVersionAdded() as event if event.dataset == dataset and event.version in versions:
                found.added.append(entry)
            case RequestSubmitted() as event if event.dataset == dataset and event.dataset_version in versions:
                found.requests[event.request] = _Growing(event, entry.actor, [entry.index])
            case ActionRefused(action=Action.SUBMIT_REQUEST, resource=resource) if resource == dataset:
                found.refusals.append(entry)
            case AliasMoved(alias=alias, model=model, project=project):
                found.aliases[alias, project] = (model, entry.index)
            case AliasCleared(alias=alias, project=project):
                found.aliases.pop((alias, project), None)
            case event:
                grown = found.requests.get(getattr(event, "request", RequestId("")))
                if grown is not None:
                    _grow(grown, entry)
    return Descent(
        added=tuple(found.added),
        descendants=tuple(_descendant(request, grown, found) for request, grown in found.requests.items()),
        refusals=tuple(found.refusals),
        size=size,
    )


def _grow(grown: _Growing, entry: Entry) -> None:
    match entry.event:
        case RequestApproved() | RequestEndorsed() | VoteLapsed() as vote:
            grown.state = _voted(grown, entry, vote)
        case BudgetCharged():  # paid before its result exists, so an adapter may have learned even if none is left
            grown.use = Use.TRAINED_OR_MEASURED
            return
        case StepStarted():
            grown.use = Use.READ if grown.use is Use.NOT_READ else grown.use
        case StepFinished(step=step, output=output):
            grown.state = STATE_AFTER[step]
            grown.use = Use.READ if grown.use is Use.NOT_READ else grown.use
            if step is StepName.TRAIN:
                grown.use, grown.adapter = Use.TRAINED_OR_MEASURED, output
        case GateJudged(outcome=outcome) if (after := _judged(grown.state, outcome)) is not grown.state:
            grown.state = after
        case RequestEnded(state=state):
            grown.state = state
        case ModelRegistered(model=model, adapter=adapter):
            grown.model, grown.adapter = model, adapter
        case StepFailed():
            pass
        case _:
            return
    grown.log.append(entry.index)


def _voted(grown: _Growing, entry: Entry, vote: RequestApproved | RequestEndorsed | VoteLapsed) -> State:
    """The state after one vote more, or less: nobody is asked for more votes than the newest one says."""
    if isinstance(vote, VoteLapsed):
        grown.votes[:] = [one for one in grown.votes if one.by != vote.principal]
        return grown.state
    role, endorses = vote.role or Role.APPROVER, isinstance(vote, RequestEndorsed)
    grown.votes.append(Vote(by=entry.actor, role=role, plan=vote.plan, at=entry.at, endorses=endorses))
    counted = counting(grown.votes, grown.submitted.plan, grown.requested_by)
    lacking = missing(Needed(persons=vote.persons, roles=vote.roles), counted)
    return grown.state if lacking else State.APPROVED


def _judged(state: State, outcome: Outcome) -> State:
    """The state after the training gate was asked; where that ended the request, the next entry says so."""
    if state is State.DEIDENTIFIED and outcome is Outcome.UNKNOWN:
        return State.IN_REVIEW
    return State.DEIDENTIFIED if state is State.IN_REVIEW and outcome is Outcome.PASS else state


def _descendant(request: RequestId, grown: _Growing, found: _Found) -> Descendant:
    named = {alias: index for (alias, _), (model, index) in found.aliases.items() if model == grown.model}
    return Descendant(
        version=grown.submitted.dataset_version,
        request=request,
        requested_by=grown.requested_by,
        plan=grown.submitted.plan,
        purpose=grown.submitted.purpose,
        state=grown.state,
        use=grown.use,
        adapter=grown.adapter,
        model=grown.model,
        aliases=tuple(sorted(named)),
        log=tuple(sorted({*grown.log, *named.values()})),
    )
