"""The lineage of a model version, folded from log entries alone: it cannot say what the log does not.

Every statement of the report is an entry, so every statement has an index that an auditor can check.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.events import (
    ActionRefused,
    AliasMoved,
    BudgetCharged,
    BudgetReserved,
    BudgetSettled,
    DatasetRegistered,
    DatasetRetired,
    DatasetVersionAdded,
    Entry,
    Event,
    GateJudged,
    KeyCreated,
    ModelRegistered,
    PromotionApproved,
    PromotionProposed,
    RequestApproved,
    RequestEnded,
    RequestSubmitted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.names import DatasetId, Digest, ModelId, PrincipalId, PromotionId, RequestId

Entries = Callable[[], Iterable[Entry]]
"""Begins reading the log from its start; it is read twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageReport:
    """What was trained, on what, for whom and why; who allowed it; what it cost; what was refused on the way.

    Each field holds entries in log order. Fields that must hold exactly one are checked by `fold`.
    """

    model: Entry
    request: Entry
    dataset: Entry
    version: Entry
    approvals: tuple[Entry, ...]
    budget: tuple[Entry, ...]
    steps: tuple[Entry, ...]
    verdicts: tuple[Entry, ...]
    ended: tuple[Entry, ...]
    promotions: tuple[Entry, ...]
    aliases: tuple[Entry, ...]
    refusals: tuple[Entry, ...]
    principals: tuple[Entry, ...]

    def entries(self) -> tuple[Entry, ...]:
        """Every entry the report rests on, once, in log order."""
        found: dict[int, Entry] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            for entry in value if isinstance(value, tuple) else (value,):
                found[entry.index] = entry
        return tuple(found[index] for index in sorted(found))


def fold(entries: Entries, model: ModelId) -> LineageReport:
    """The report on `model`. Raises `NotFound` if the log has no such model, `Corrupted` if its story has a hole."""
    trunk = _trunk(entries(), model)
    branches: dict[str, list[Entry]] = {name: [] for name in _BRANCHES}
    keys: list[tuple[PrincipalId, Entry]] = []
    for entry in entries():
        branch = _branch(entry.event, trunk)
        if branch is not None:
            branches[branch].append(entry)
        elif isinstance(entry.event, KeyCreated):
            keys.append((entry.event.principal, entry))
    told = (trunk.model, trunk.request, trunk.dataset, trunk.version, *(e for kept in branches.values() for e in kept))
    actors = {entry.actor for entry in told}
    return LineageReport(
        model=trunk.model,
        request=trunk.request,
        dataset=trunk.dataset,
        version=trunk.version,
        approvals=tuple(branches["approvals"]),
        budget=tuple(branches["budget"]),
        steps=tuple(branches["steps"]),
        verdicts=tuple(branches["verdicts"]),
        ended=tuple(branches["ended"]),
        promotions=tuple(branches["promotions"]),
        aliases=tuple(branches["aliases"]),
        refusals=tuple(branches["refusals"]),
        principals=tuple(entry for principal, entry in keys if principal in actors),
    )


def documents(report: LineageReport) -> tuple[Digest, ...]:
    """The digests of every document that the report's entries name and that an auditor reads beside them.

    Not the records: neither an upload nor a de-identified text is ever part of a report.
    """
    named: list[Digest] = []
    for entry in report.entries():
        match entry.event:
            case RequestSubmitted(plan=plan, profile=profile, training_gate=gate):
                named += [plan, profile, gate]
            case GateJudged(gate_digest=gate):
                named.append(gate)
            case PromotionProposed(verdict=verdict) | PromotionApproved(verdict=verdict):
                named.append(verdict)
            case StepFinished(evidence=evidence, details=details):
                named += [evidence] if details is None else [evidence, details]
            case _:
                pass
    return tuple(dict.fromkeys(named))


_BRANCHES = ("approvals", "budget", "steps", "verdicts", "ended", "promotions", "aliases", "refusals")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trunk:
    """The four entries that every report stands on, and the ids by which the others are found."""

    model: Entry
    request: Entry
    dataset: Entry
    version: Entry
    model_id: ModelId
    request_id: RequestId
    dataset_id: DatasetId
    promotion_ids: frozenset[PromotionId]

    def touched_by(self, resource: str) -> bool:
        """Whether `resource` is part of this story."""
        return resource in (self.model_id, self.request_id, self.dataset_id) or resource in self.promotion_ids


def _trunk(entries: Iterable[Entry], model: ModelId) -> _Trunk:
    registered: tuple[RequestId, Entry] | None = None
    requests: dict[RequestId, tuple[RequestSubmitted, Entry]] = {}
    datasets: dict[DatasetId, Entry] = {}
    versions: dict[tuple[DatasetId, Digest], Entry] = {}
    promotions: set[PromotionId] = set()
    for entry in entries:
        match entry.event:
            case ModelRegistered() as event if event.model == model:
                registered = (event.request, entry)
            case RequestSubmitted() as event:
                requests[event.request] = (event, entry)
            case DatasetRegistered() as event:
                datasets[event.dataset] = entry
            case DatasetVersionAdded() as event:
                versions.setdefault((event.dataset, event.version), entry)
            case PromotionProposed() as event if event.model == model:
                promotions.add(event.promotion)
            case _:
                pass
    if registered is None:
        raise NotFound("model_not_found", "The log has no model version with this id.")
    try:
        submitted, request = requests[registered[0]]
        return _Trunk(
            model=registered[1],
            request=request,
            dataset=datasets[submitted.dataset],
            version=versions[submitted.dataset, submitted.dataset_version],
            model_id=model,
            request_id=submitted.request,
            dataset_id=submitted.dataset,
            promotion_ids=frozenset(promotions),
        )
    except KeyError:
        raise Corrupted("lineage_broken", "The log names a model without its request, dataset or version.") from None


def _branch(event: Event, trunk: _Trunk) -> str | None:
    match event:
        case RequestApproved(request=request) if request == trunk.request_id:
            return "approvals"
        case BudgetReserved(request=request) | BudgetCharged(request=request) | BudgetSettled(request=request):
            return "budget" if request == trunk.request_id else None
        case StepStarted(request=request) | StepFinished(request=request) | StepFailed(request=request):
            return "steps" if request == trunk.request_id else None
        case GateJudged(request=request) if request == trunk.request_id:
            return "verdicts"
        case RequestEnded(request=request) if request == trunk.request_id:
            return "ended"
        case DatasetRetired(dataset=dataset) if dataset == trunk.dataset_id:
            return "ended"
        case PromotionProposed(model=model) | PromotionApproved(model=model) if model == trunk.model_id:
            return "promotions"
        case AliasMoved(model=model, previous=previous) if trunk.model_id in (model, previous):
            return "aliases"
        case ActionRefused(resource=resource) if trunk.touched_by(resource):
            return "refusals"
    return None
