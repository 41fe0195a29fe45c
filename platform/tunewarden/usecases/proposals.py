"""Promotions as their readers are told of them: one with the rules it was judged by, and many in a list."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain, decode, digest_of, from_plain
from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.events import GateJudged
from tunewarden.domain.gates import Evidence, Gate, Verdict
from tunewarden.domain.names import Action, Digest, PromotionId
from tunewarden.domain.registry import Promotion
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.usecases import models
from tunewarden.usecases.gating import verdict_in
from tunewarden.usecases.ports import Platform, Principal
from tunewarden.usecases.things import of_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Unassessed:
    """Of whom nobody can say anything, which whoever approves signs for.

    Attributes:
        count: how many groups and comparisons, as the evidence of the model version counts them.
        details: the document of the measuring step that says which; None where nothing is counted, or it has none.
    """

    count: int
    details: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A promotion as its reader has to see it to decide.

    Attributes:
        verdict: what the gate said when it was proposed, which is what is decided on.
        gate: the rules it was judged by then.
        is_own: whether the reader proposed it, or asked for the training.
    """

    promotion: Promotion
    verdict: Verdict
    gate: Gate
    unassessed: Unassessed
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A promotion as a list tells it: what the gate said when it was proposed, and whom nobody can say anything of.

    Attributes:
        verdict: that of the log where its document is broken; None where the log has it no more either.
        fault: code of the error where the document of either is broken, and nobody decides; `unassessed` may say
            nothing then. Empty else.
    """

    promotion: Promotion
    verdict: Verdict | None
    unassessed: Unassessed
    fault: str = ""


def listed(platform: Platform, principal: Principal) -> Sequence[Promotion]:
    """Every promotion that this principal may see, oldest first, however it ended."""
    with platform.view() as view:
        found = view.promotions.all()
        about = {one.model: of_model(view.models.get(one.model)) for one in found}
    seen = {model for model, what in about.items() if platform.access(principal, Action.READ_MODEL, what).allowed}
    return [one for one in found if one.model in seen]


def proposal(platform: Platform, principal: Principal, identifier: PromotionId) -> Proposal:
    """One of them, with the rules. Raises `NotFound`, and `Corrupted` for a document that is not what it was."""
    promotion, verdict = models.promotion(platform, principal, identifier)
    with platform.view() as view:
        requested_by = view.models.get(promotion.model).requested_by
    return Proposal(
        promotion=promotion,
        verdict=verdict,
        gate=from_plain(Gate, decode(platform.blobs.read(verdict.gate_digest))),
        unassessed=unassessed(platform, promotion),
        is_own=principal.id in {promotion.proposed_by, requested_by},
    )


def unassessed(platform: Platform, promotion: Promotion) -> Unassessed:
    """As it is today, which is as it was measured: evidence never changes. For a reader who may see the promotion."""
    with platform.view() as view:
        model = view.models.get(promotion.model)
    return _counted(platform, models.evidence_of(platform, model))


def told(platform: Platform, promotions: Sequence[Promotion]) -> Sequence[Told]:
    """What each of these says, for a reader who may see them: a broken document is told in its row, and hides no other.

    Every document is read once, and of the evidence only that of the measuring step, which counts who is not assessed.
    """
    with platform.view() as view:
        made_by = {one.model: view.requests.get(view.models.get(one.model).request) for one in promotions}
    alike = {one.verdict: one for one in promotions}
    verdicts = {digest: _said(platform, one, made_by[one.model]) for digest, one in alike.items()}
    measured = {model: request.evidence[StepName.MEASURE] for model, request in made_by.items()}
    counted = {digest: _measured(platform, digest) for digest in set(measured.values())}
    rows = [(one, *verdicts[one.verdict], *counted[measured[one.model]]) for one in promotions]
    return [
        Told(promotion=one, verdict=verdict, unassessed=unassessed, fault=fault or other)
        for one, verdict, fault, unassessed, other in rows
    ]


def _said(platform: Platform, promotion: Promotion, request: TrainingRequest) -> tuple[Verdict | None, str]:
    """The verdict; where its document is broken, that of the log with this digest, and the code of the fault.

    The log may have it no more: bodies of its entries are dropped when they were kept for long enough.
    """
    try:
        return models.verdict_of(platform, promotion), ""
    except (Corrupted, NotFound) as broken:
        with platform.view() as view:
            entries = view.entries_about([request.id], GateJudged)
            found = [verdict_in(entry.event) for entry in entries if isinstance(entry.event, GateJudged)]
        return next((one for one in found if digest_of(one) == promotion.verdict), None), broken.code


def _measured(platform: Platform, digest: Digest) -> tuple[Unassessed, str]:
    """Who is not assessed, by the evidence at this digest; nobody, and the code of the fault, where it is broken."""
    try:
        return _counted(platform, [from_plain(Evidence, decode(platform.blobs.read(digest)))]), ""
    except (Corrupted, NotFound) as broken:
        return Unassessed(count=0, details=None), broken.code


def _counted(platform: Platform, evidence: Sequence[Evidence]) -> Unassessed:
    count = models.not_assessable(evidence)
    counting = (one.details for one in evidence if count and models.not_assessable([one]) == count)
    details = next((digest for digest in counting if digest is not None), None)
    return Unassessed(count=count, details=None if details is None else decode(platform.blobs.read(details)))
