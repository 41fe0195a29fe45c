"""Who did what and when, and what was refused on the way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    ActionRefused,
    AdapterTaken,
    AliasMoved,
    BudgetReserved,
    BudgetSettled,
    CohortAdmitted,
    DatasetRegistered,
    DatasetRetired,
    DatasetVersionAdded,
    ErasureAsked,
    Event,
    GateJudged,
    HoldPlaced,
    HoldReleased,
    KeyRevoked,
    ModelRegistered,
    PersonErased,
    PromiseDisproved,
    PromotionApproved,
    PromotionProposed,
    PurposesChanged,
    ReportAttested,
    RequestApproved,
    RequestEnded,
    RequestEndorsed,
    RequestSubmitted,
    ReviewAnswered,
    ReviewClosed,
    ReviewOpened,
    SignatureWithdrawn,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.gates import Outcome
from tunewarden.domain.key_events import VersionDestroyed
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.names import ModelId
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.training import State
from tunewarden.domain.vote_events import QuorumInForce, VoteLapsed
from tunewarden.entry.report import attribute_words, emergency_words, override_words, removal_words, words
from tunewarden.entry.report.attribute_words import told_of_attributes
from tunewarden.entry.report.emergency_words import told_of
from tunewarden.entry.report.facts import Name, Said, introduced, of, only
from tunewarden.entry.report.figures import count, duration, exact, instant, listed, short
from tunewarden.entry.report.removal_words import told_of_removal


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """A principal of this story: an id and roles, never a name. `revoked` says since when their keys do not work."""

    name: Name
    roles: str
    roles_log: tuple[int, ...]
    revoked: Said | None
    did: str
    did_log: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A line of the time line; `refused` also covers what failed or has no outcome."""

    at: str
    who: Name
    what: str
    log: tuple[int, ...]
    refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was asked, what was decided, by which rule, and who can change it."""

    at: str
    who: Name
    asked: str
    about: Name
    why: str
    code: str
    rule: str
    change: str
    log: tuple[int, ...]


def participants(report: LineageReport) -> tuple[Participant, ...]:
    """Every principal that acted, in the order of their first act."""
    acts: dict[str, list[tuple[str, int]]] = {}
    for entry in report.entries():
        act = _ACTS.get(type(entry.event), "")
        if act:
            acts.setdefault(entry.actor, []).append((act, entry.index))
    found = []
    for actor, done in acts.items():
        made = [(entry.index, event.roles) for entry, event in introduced(report) if event.principal == actor]
        roles = listed(words.spaced(role) for role in sorted({role for _, held in made for role in held}))
        found.append(
            Participant(
                name=Name(actor),
                roles=roles if made else "not stated in the log",
                roles_log=tuple(index for index, _ in made),
                revoked=_revoked(report, actor),
                did=listed(dict.fromkeys(act for act, _ in done)),
                did_log=tuple(index for _, index in done),
            )
        )
    return tuple(found)


def _revoked(report: LineageReport, actor: str) -> Said | None:
    ends = [entry for entry, event in of(report.principals, KeyRevoked) if event.principal == actor]
    return Said(f"keys revoked at {instant(ends[-1].at)}", (ends[-1].index,)) if ends else None


def moments(report: LineageReport) -> tuple[Moment, ...]:
    """The time line, in log order. Charges are left out: the privacy section counts them."""
    model = only(report.model, ModelRegistered).model
    return tuple(
        moment
        for entry in report.entries()
        for moment in (_of_step(entry, report) if entry in report.steps else _of_other(entry, model))
    )


def refusals(report: LineageReport) -> tuple[Refusal, ...]:
    """Every refusal about the dataset, the request or the model version, in log order."""
    return tuple(
        Refusal(
            at=instant(entry.at),
            who=Name(entry.actor),
            asked=words.ACTIONS[event.action],
            about=Name(event.resource),
            why=words.reason(event.code, event.rule).why,
            code=event.code,
            rule=event.rule,
            change=words.reason(event.code, event.rule).who,
            log=(entry.index,),
        )
        for entry, event in of(report.refusals, ActionRefused)
    )


def _of_step(entry: Entry, report: LineageReport) -> Iterator[Moment]:
    """One line for each attempt: where it ended, or where it began if the log has no end."""
    match entry.event:
        case StepStarted(attempt=attempt, step=step):
            finished = {event.attempt for _, event in of(report.steps, StepFinished)}
            if attempt not in finished | {event.attempt for _, event in of(report.steps, StepFailed)}:
                what = f"{words.STEPS[step]} began (attempt {attempt}); the log has no outcome of it"
                yield _moment(entry, what, (entry.index,), refused=True)
        case StepFinished(attempt=attempt, step=step):
            log, took = _since(entry, report, attempt)
            yield _moment(entry, f"{words.STEPS[step]} finished (attempt {attempt}){took}", log)
        case StepFailed(attempt=attempt, step=step, code=code):
            log, took = _since(entry, report, attempt)
            yield _moment(entry, f"{words.STEPS[step]} failed (attempt {attempt}, {code}){took}", log, refused=True)


def _since(end: Entry, report: LineageReport, attempt: int) -> tuple[tuple[int, ...], str]:
    """The entries of an attempt and how long it took."""
    begun = [entry for entry, event in of(report.steps, StepStarted) if event.attempt == attempt]
    took = "".join(f", after {duration(end.at - entry.at)}" for entry in begun)
    return (*(entry.index for entry in begun), end.index), took


def _of_other(entry: Entry, model: ModelId) -> Iterator[Moment]:
    what = _about_data(entry.event) or _about_request(entry.event) or _about_model(entry.event, model)
    what = what or told_of(entry.event, model) or told_of_removal(entry.event) or told_of_attributes(entry.event)
    if what:
        yield _moment(entry, what, (entry.index,), refused=_says_no(entry.event))


def _moment(entry: Entry, what: str, log: tuple[int, ...], *, refused: bool = False) -> Moment:
    return Moment(at=instant(entry.at), who=Name(entry.actor), what=what, log=log, refused=refused)


def _says_no(event: Event) -> bool:
    match event:
        case ActionRefused() | DatasetRetired() | PromiseDisproved() | GateOverridden():
            return True
        case event if type(event) in {**emergency_words.ACTS, **removal_words.ACTS}:
            return True
        case GateJudged(outcome=outcome) | PromotionProposed(outcome=outcome):
            return outcome is not Outcome.PASS
        case RequestEnded(state=state):
            return state is not State.MEASURED
    return False


def _about_data(event: Event) -> str:
    match event:
        case DatasetRegistered(purposes=purposes, held_out=held_out):
            stated = "" if held_out is HeldOut.PRIVATE else f", and stated that its held-out side is {held_out}"
            return f"Registered the dataset for {listed(words.spaced(purpose) for purpose in purposes)}{stated}"
        case DatasetVersionAdded(rows=rows, persons=persons):
            return f"Added the records: {count(rows, 'row')} of {count(persons, 'person')}"
        case PurposesChanged(purposes=purposes):
            return f"Set what the dataset may be used for: {listed(words.spaced(purpose) for purpose in purposes)}"
        case DatasetRetired():
            return "Retired the dataset"
        case VersionDestroyed():
            return "Destroyed the key of the records and of every clean version made from them"
        case ErasureAsked():
            return "Asked that a person be erased from the dataset"
        case PersonErased(keys=0):
            return "Erased a person of whom no release of the dataset had been made, or who had been erased before"
        case PersonErased():
            return "Erased a person from the dataset: what was made of it before still holds them"
    return _about_budget(event)


def _about_budget(event: Event) -> str:
    match event:
        case BudgetReserved(epsilon=epsilon, delta=delta):
            return f"Reserved epsilon {exact(epsilon)} at delta {exact(delta)} of the dataset's budget"
        case CohortAdmitted(what=what, persons=persons, left_out=left_out):
            some = f"; left {left_out:,} out who had no budget left" if left_out else ""
            return f"Admitted {count(persons, 'person')} to what is charged for {words.SPENDS[what]}{some}"
        case BudgetSettled(charged=charged, returned=returned):
            return f"Settled: {count(charged, 'update')} charged, {returned:,} given back"
    return ""


def _about_request(event: Event) -> str:
    match event:
        case RequestSubmitted(purpose=purpose):
            return f"Asked for this training, for {words.spaced(purpose)}"
        case RequestApproved():
            return "Approved exactly this plan"
        case RequestEndorsed(role=role):
            return f"Endorsed exactly this plan, as {words.spaced(role)}"
        case QuorumInForce():
            return "Put another rule in force of how many have to agree to a plan"
        case VoteLapsed():
            return "Found that somebody who had agreed may not any more: their vote lapsed"
        case RequestEnded(state=state, because=because):
            return words.STATES.get(state, f"The request ended: {state}") + (f" ({because})" if because else "")
        case ReviewOpened() | ReviewClosed() | ReportAttested() | SignatureWithdrawn():
            return _said_by_people(event)
        case GateJudged(gate=gate, outcome=outcome):
            return f"The gate \u201c{gate}\u201d said {words.OUTCOMES[outcome]}"
        case ActionRefused(action=action, code=code):
            return f"Asked {words.ACTIONS[action]}: refused ({code})"
    return ""


def _said_by_people(event: ReviewOpened | ReviewClosed | ReportAttested | SignatureWithdrawn) -> str:
    match event:
        case ReviewOpened(documents=documents, seeds=seeds, failed_before=failed):
            before = f"; {count(failed, 'sample')} of these data had not passed before" if failed else ""
            return f"Drew {documents:,} of the released records and {count(seeds, 'seeded one')} to be read{before}"
        case ReviewClosed(leaks=leaks, documents=documents, found=found, seeds=seeds):
            return f"Read to the end: {leaks:,} of {documents:,} records leak, {found:,} of {seeds:,} seeds were found"
        case ReportAttested(method=method, expires=expires):
            until = "" if expires is None else f", until {expires.isoformat()}"
            return f"Signed the report that claims {words.spaced(method)}{until}"
        case SignatureWithdrawn(because=because, signatures=signatures):
            what = "the signature" if signatures == 1 else f"all {count(signatures, 'signature')}"
            return f"Withdrew {what} about the released records: {words.spaced(because)}"


def _about_model(event: Event, model: ModelId) -> str:
    match event:
        case ModelRegistered():
            return "Registered the model version"
        case PromotionProposed(alias=alias):
            return f"Proposed the model version for the alias {alias}"
        case PromotionApproved(unassessed=unassessed) if unassessed:
            small = count(unassessed, "group or comparison", "groups and comparisons")
            return f"Approved the promotion, and signed for {small} with too few persons"
        case PromotionApproved():
            return "Approved the promotion"
        case GateOverridden():
            return override_words.told(event)
        case AliasMoved(alias=alias, model=named) if named != model:
            return f"The alias {alias} moved on to another model version, {short(named)}"
        case AliasMoved(alias=alias, previous=previous):
            before = "it named none before" if previous is None else f"before, {short(previous)}"
            return f"The alias {alias} names this model version; {before}"
        case AdapterTaken(purpose=purpose):
            return "Took the weights away" + (f", for {words.spaced(purpose)}" if purpose else "")
        case PromiseDisproved(claimed=claimed, shown=shown):
            return f"Alarm: made-up persons show an epsilon of {exact(shown)} or more, and {exact(claimed)} is claimed"
    return ""


_ACTS: Mapping[type[Event], str] = {
    DatasetRegistered: "registered the dataset",
    DatasetVersionAdded: "added the records",
    DatasetRetired: "retired the dataset",
    PurposesChanged: "set the dataset's purposes",
    VersionDestroyed: "destroyed the records' key",
    ErasureAsked: "asked that a person be erased",
    PersonErased: "erased a person",
    RequestSubmitted: "asked for the training",
    RequestApproved: "approved the plan",
    RequestEndorsed: "endorsed the plan",
    StepFinished: "carried out the job",
    StepFailed: "carried out the job",
    ReviewAnswered: "read a sample",
    ReportAttested: "signed the report",
    SignatureWithdrawn: "withdrew the signature",
    PromotionProposed: "proposed the promotion",
    PromotionApproved: "approved the promotion",
    GateOverridden: "let pass what the gate stopped",
    AdapterTaken: "took the weights away",
    HoldPlaced: "placed a legal hold",
    **emergency_words.ACTS,
    **removal_words.ACTS,
    **attribute_words.ACTS,
    HoldReleased: "released a legal hold",
    ActionRefused: "was refused",
}
