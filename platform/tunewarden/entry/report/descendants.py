"""The page of reverse lineage: which requests and model versions came of a dataset version, each with its entries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tunewarden.domain.descent import Descendant, Use
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    ActionRefused,
    AliasMoved,
    BudgetCharged,
    DatasetRegistered,
    DatasetRetired,
    DatasetVersionAdded,
    ModelRegistered,
    RequestApproved,
    RequestEnded,
    RequestEndorsed,
    RequestSubmitted,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.training import State
from tunewarden.entry.report import words
from tunewarden.entry.report.cited import cited
from tunewarden.entry.report.facts import Fact, Name, Said, indices, of
from tunewarden.entry.report.figures import instant
from tunewarden.entry.report.render import environment
from tunewarden.usecases.tracing import VersionStory

_WAITING: Mapping[State, str] = {
    State.AWAITING_APPROVAL: "Waits for approval",
    State.APPROVED: "Approved; the worker de-identifies next",
    State.IN_REVIEW: "De-identified; waits for people to read a sample or to sign the report",
    State.DEIDENTIFIED: "De-identified; the worker trains next",
    State.TRAINED: "Trained; the worker measures next",
}
_USES: Mapping[Use, str] = {
    Use.NOT_READ: "No step has begun to read the records",
    Use.READ: "A step read the records; nothing was charged for training",
    Use.TRAINED_OR_MEASURED: "Trained on or measured on the records",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who did something, and when."""

    who: Name
    at: str
    log: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A request on the dataset version; `model` is None where no model version came of it."""

    request: Name
    purpose: str
    asked: Act
    approved: tuple[Act, ...]
    state: Said
    use: Said
    model: Name | None
    model_log: tuple[int, ...]
    aliases: tuple[Said, ...]


def render_descendants(told: VersionStory, *, reader: PrincipalId, origin: str) -> str:
    """What became of a dataset version, on paper and screen, as `reader` may see it. Proves nothing by itself."""
    descent = told.trace.descent
    rows = tuple(_row(one, told.entries) for one in descent.descendants)
    return (
        environment()
        .get_template("descendants.html")
        .render(
            origin=origin,
            size=f"{descent.size:,}",
            reader=Name(reader),
            dataset=Name(told.dataset),
            version=Name(told.version),
            retired=bool(of(told.entries.values(), DatasetRetired)),
            facts_of=tuple(_facts(told)),
            rows=rows,
            asked_log=tuple(index for row in rows for index in row.asked.log),
            learned=[
                row.use.log[0]
                for row, one in zip(rows, descent.descendants, strict=True)
                if one.use is Use.TRAINED_OR_MEASURED
            ],
            models=[row for row in rows if row.model is not None],
            named=[row for row in rows if row.aliases],
            refused=tuple(_refusals(descent.refusals)),
            refused_log=indices(descent.refusals),
            withheld=told.trace.withheld,
            without_body=told.trace.without_body,
            cited=cited(told.entries.values()),
        )
    )


def _facts(told: VersionStory) -> Iterator[Fact]:
    """What the dataset version is, as far as the log still tells it."""
    entries = told.entries.values()
    registered = indices(entry for entry, _ in of(entries, DatasetRegistered))
    added = of(entries, DatasetVersionAdded)
    log = indices(entry for entry, _ in added[:1])
    yield Fact("Dataset", Name(told.dataset), registered or log)
    yield Fact("Version", Name(told.version), log)
    for _, event in added[:1]:
        yield Fact("Rows", f"{event.rows:,}", log)
        yield Fact("Persons", f"{event.persons:,}", log)
    for place, (entry, _) in enumerate(added):
        again = " again" if place else ""
        yield Fact(f"Added{again}", instant(entry.at), (entry.index,))
        yield Fact(f"Added{again} by", Name(entry.actor), (entry.index,))
    retired = of(entries, DatasetRetired)
    for entry, _ in retired:
        yield Fact("Dataset retired", instant(entry.at), (entry.index,))
        yield Fact("Retired by", Name(entry.actor), (entry.index,))
    if not added:
        yield Fact("Added", "not told any more: the entry has no body")
    if registered and not retired:
        yield Fact("Dataset retired", "no", registered)


def _row(one: Descendant, entries: Mapping[int, Entry]) -> Row:
    own = [entries[index] for index in one.log]
    approvals = [entry for entry, _ in of(own, RequestApproved)]
    made = indices(entry for entry, _ in of(own, ModelRegistered))
    return Row(
        request=Name(one.request),
        purpose=words.spaced(one.purpose),
        asked=_act(own[0]),
        approved=tuple(_act(entry) for entry in approvals),
        state=_state(one, own),
        use=_use(one, own, entries),
        model=None if one.model is None else Name(one.model),
        model_log=made,
        aliases=tuple(
            Said(f"{event.alias} since {instant(entry.at)}", (entry.index,)) for entry, event in of(own, AliasMoved)
        ),
    )


def _act(entry: Entry) -> Act:
    return Act(who=Name(entry.actor), at=instant(entry.at), log=(entry.index,))


def _state(one: Descendant, own: list[Entry]) -> Said:
    """Where the request stands, with the last entry that moved it, and why where it ended without a model version."""
    moved = [
        entry
        for entry in own
        if isinstance(entry.event, RequestSubmitted | RequestApproved | RequestEndorsed | StepFinished | RequestEnded)
    ]
    why = next(
        (words.REASONS[event.because].why for _, event in of(own, RequestEnded) if event.because in words.REASONS), ""
    )
    said = _WAITING.get(one.state) or words.STATES[one.state]
    return Said(f"{said}. {why}".rstrip(), (moved[-1].index,))


def _use(one: Descendant, own: list[Entry], entries: Mapping[int, Entry]) -> Said:
    """How far it went with the records; a charge is enough, because it is paid before its result exists."""
    match one.use:
        case Use.NOT_READ:
            log = indices(own[-1:])
        case Use.READ:
            log = indices(entry for entry in own if isinstance(entry.event, StepStarted | StepFinished))
        case Use.TRAINED_OR_MEASURED:
            charged = (entry for entry, event in of(entries.values(), BudgetCharged) if event.request == one.request)
            log = indices(charged) or indices(entry for entry, _ in of(own, StepFinished))[-1:]
    return Said(f"{_USES[one.use]}.", log)


def _refusals(refused: tuple[Entry, ...]) -> Iterator[tuple[Name, str, Said]]:
    """Who asked, when, and why not; the code and rule that decided, and which role can change it."""
    for entry, event in of(refused, ActionRefused):
        reason = words.reason(event.code, event.rule)
        rule = f", {event.rule}" if event.rule else ""
        yield (
            Name(entry.actor),
            instant(entry.at),
            Said(f"{reason.why} ({event.code}{rule}) Who can change it: {reason.who}.", (entry.index,)),
        )
