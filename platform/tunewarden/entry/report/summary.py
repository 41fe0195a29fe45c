"""The report in canonical JSON, for programs; `lineage.json` of the bundle."""

from collections.abc import Iterable, Mapping

from tunewarden.domain.canonical import Plain, decimal_text, decode, from_plain, instant_text, to_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    ActionRefused,
    AdapterTaken,
    AliasMoved,
    DatasetRegistered,
    DatasetVersionAdded,
    GateJudged,
    KeyRevoked,
    ModelRegistered,
    PromiseDisproved,
    PromotionApproved,
    PromotionProposed,
    PurposesChanged,
    ReportAttested,
    RequestApproved,
    RequestEndorsed,
    RequestSubmitted,
    ReviewClosed,
    ReviewOpened,
    SignatureWithdrawn,
    SigningKeyRotated,
    StepFailed,
    StepFinished,
)
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.registry_events import AliasCleared, ModelRetired
from tunewarden.domain.training import Plan
from tunewarden.domain.vote_events import VoteLapsed
from tunewarden.entry.report.facts import of, only
from tunewarden.entry.report.privacy import spending
from tunewarden.usecases.reports import Lineage


def summary(lineage: Lineage, *, size: int) -> Plain:
    """What the report says, from the entries alone; every item names the `index` of its entry.

    `entries` are the sorted indices of all entries that the report rests on; `size` is that of the tree head; `as_of`
    names the instant and the size of the log then, where an earlier time was asked for. Numbers that are not whole are
    decimal strings, times are RFC 3339 in UTC. Raises `Corrupted` for a plan that is not what its digest says.
    """
    report = lineage.report
    asked, made = only(report.request, RequestSubmitted), only(report.model, ModelRegistered)
    plan = from_plain(Plan, decode(lineage.documents[asked.plan]))
    return {
        "size": size,
        "as_of": None if lineage.as_of is None else {"at": instant_text(lineage.as_of), "size": lineage.report.size},
        "entries": [entry.index for entry in report.entries()],
        "model": made.model,
        "adapter": made.adapter,
        "request": asked.request,
        "plan": asked.plan,
        "purpose": asked.purpose.value,
        "base_model": {"name": asked.base_model, "digest": asked.base_digest},
        "profile": asked.profile,
        "requested": _signed(report.request),
        "approvals": [_signed(entry) | {"plan": event.plan} for entry, event in of(report.approvals, RequestApproved)],
        "endorsements": [
            _signed(entry) | {"plan": event.plan, "role": event.role.value}
            for entry, event in of(report.approvals, RequestEndorsed)
        ],
        "lapsed": [
            _signed(entry) | {"plan": event.plan, "principal": event.principal}
            for entry, event in of(report.approvals, VoteLapsed)
        ],
        **_data(report),
        "purposes_set": [
            _signed(entry) | {"purposes": [purpose.value for purpose in event.purposes]}
            for entry, event in of(report.purposes, PurposesChanged)
        ],
        "privacy": _privacy(report, plan),
        "steps": list(_steps(report)),
        "reviews": list(_reviews(report)),
        "attestations": [
            _signed(entry)
            | {
                "about": event.about,
                "report": event.report,
                "method": event.method.value,
                "knowledge": None if event.knowledge is None else event.knowledge.value,
                "expires": None if event.expires is None else event.expires.isoformat(),
            }
            for entry, event in of(report.reviews, ReportAttested)
        ],
        "withdrawals": [
            _signed(entry) | {"about": event.about, "because": event.because.value, "signatures": event.signatures}
            for entry, event in of(report.reviews, SignatureWithdrawn)
        ],
        "gates": [
            _signed(entry)
            | {
                "gate": event.gate,
                "digest": event.gate_digest,
                "about": event.about,
                "outcome": event.outcome.value,
                "findings": to_plain(event.findings),
            }
            for entry, event in of(report.verdicts, GateJudged)
        ],
        "promotions": list(_promotions(report)),
        "aliases": [
            _signed(entry) | {"alias": event.alias, "model": event.model, "previous": event.previous}
            for entry, event in of(report.aliases, AliasMoved)
        ],
        "aliases_taken_off": [
            _signed(entry) | {"alias": event.alias, "reason": event.reason.value, "protected": event.protected}
            for entry, event in of(report.aliases, AliasCleared)
        ],
        "retired": [
            _signed(entry) | {"reason": event.reason.value} for entry, event in of(report.aliases, ModelRetired)
        ],
        "refusals": [
            _signed(entry)
            | {"action": event.action.value, "resource": event.resource, "code": event.code, "rule": event.rule}
            for entry, event in of(report.refusals, ActionRefused)
        ],
        "revoked": [
            _signed(entry) | {"principal": event.principal} for entry, event in of(report.principals, KeyRevoked)
        ],
        "log_keys": [
            _signed(entry) | {"old": event.old_key, "new": event.new_key}
            for entry, event in of(report.keys, SigningKeyRotated)
        ],
        "taken": [
            _signed(entry)
            | {"adapter": event.adapter, "purpose": None if event.purpose is None else event.purpose.value}
            for entry, event in of(report.taken, AdapterTaken)
        ],
        "interventions": [
            _signed(entry) | {"kind": type(entry.event).__name__} | _members(entry) for entry in report.interventions
        ],
        "attributes": [
            _signed(entry) | {"kind": type(entry.event).__name__} | _members(entry) for entry in report.attributes
        ],
        "holds": [_signed(entry) | {"kind": type(entry.event).__name__} for entry in report.holds],
        "alarms": [
            _signed(entry)
            | {
                "claimed": decimal_text(event.claimed),
                "shown": decimal_text(event.shown),
                "delta": decimal_text(event.delta),
            }
            for entry, event in of(report.alarms, PromiseDisproved)
        ],
    }


def _members(entry: Entry) -> dict[str, Plain]:
    """What an event says, as it stands in the log."""
    told = to_plain(entry.event)
    return dict(told) if isinstance(told, Mapping) else {}


def _signed(entry: Entry) -> dict[str, Plain]:
    """Where an entry stands, who did it and when."""
    return {"index": entry.index, "actor": entry.actor, "at": instant_text(entry.at)}


def _reviews(report: LineageReport) -> Iterable[Plain]:
    """Samples that were read, or are being read: each with its entries, those of the answers included."""
    closed = {event.review: (entry, event) for entry, event in of(report.reviews, ReviewClosed)}
    for entry, event in of(report.reviews, ReviewOpened):
        end = closed.get(event.review)
        yield _signed(entry) | {
            "review": event.review,
            "about": event.about,
            "sample": event.sample,
            "documents": event.documents,
            "seeds": event.seeds,
            "failed_before": event.failed_before,
            "closed": None
            if end is None
            else _signed(end[0]) | {"leaks": end[1].leaks, "found": end[1].found, "evidence": end[1].evidence},
        }


def _data(report: LineageReport) -> Mapping[str, Plain]:
    dataset, version = only(report.dataset, DatasetRegistered), only(report.version, DatasetVersionAdded)
    return {
        "dataset": dataset.dataset,
        "dataset_registered": _signed(report.dataset)
        | {
            "purposes": [purpose.value for purpose in dataset.purposes],
            "lawful_basis": dataset.lawful_basis.value,
            "sensitivity": dataset.sensitivity.value,
            "retain_until": dataset.retain_until.isoformat(),
        },
        "dataset_version": version.version,
        "dataset_version_added": _signed(report.version)
        | {"rows": version.rows, "persons": version.persons, "source": version.source},
    }


def _privacy(report: LineageReport, plan: Plan) -> Mapping[str, Plain]:
    found = spending(report, plan)
    return {
        "unit": found.planned.unit.value,
        "epsilon": decimal_text(found.epsilon),
        "delta": decimal_text(found.delta),
        "mechanism": to_plain(found.planned),
        "updates_charged": found.charged,
        "updates_returned": found.returned,
        "within_plan": found.as_promised,
        "dataset_epsilon_spent": None if found.spent is None else decimal_text(found.spent),
        "dataset_epsilon_limit": decimal_text(found.limit),
        "dataset_delta": decimal_text(found.limit_delta),
        "indices": sorted({entry.index for entry in report.budget}),
    }


def _steps(report: LineageReport) -> Iterable[Plain]:
    for entry in report.steps:
        match entry.event:
            case StepFinished(step=step, attempt=attempt) as event:
                yield _signed(entry) | {
                    "step": step.value,
                    "attempt": attempt,
                    "output": event.output,
                    "evidence": event.evidence,
                    "details": event.details,
                    "counts": to_plain(event.counts),
                }
            case StepFailed(step=step, attempt=attempt, code=code):
                yield _signed(entry) | {"step": step.value, "attempt": attempt, "code": code}
            case _:
                pass


def _promotions(report: LineageReport) -> Iterable[Plain]:
    approved = {event.promotion: entry for entry, event in of(report.promotions, PromotionApproved)}
    for entry, event in of(report.promotions, PromotionProposed):
        consent = approved.get(event.promotion)
        yield _signed(entry) | {
            "promotion": event.promotion,
            "alias": event.alias,
            "outcome": event.outcome.value,
            "verdict": event.verdict,
            "approved": None if consent is None else _signed(consent),
            "overridden": [
                _signed(half) | {"role": said.role.value, "reason": said.reason.value}
                for half, said in of(report.promotions, GateOverridden)
                if said.promotion == event.promotion
            ],
        }
