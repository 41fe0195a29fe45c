"""Model versions, and their promotion to an alias: judged by a gate, proposed by one, approved by another."""

from contextlib import ExitStack
from typing import BinaryIO

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import AdapterTaken, AliasMoved, ModelRegistered, PromotionApproved, PromotionProposed
from tunewarden.domain.gates import Evidence, Outcome, Verdict, judge
from tunewarden.domain.names import Action, Alias, Digest, ModelId, PolicyName, PromotionId
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion, PromotionState
from tunewarden.usecases.gating import judged
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.signing import require_not_withdrawn

PROMOTION_GATE = PolicyName("promotion")


def propose(
    platform: Platform, principal: Principal, identifier: ModelId, alias: Alias
) -> tuple[Promotion, Verdict, Receipt]:
    """Ask for `alias` to name a model version. The gate judges first, as it is today.

    A verdict that does not pass is committed with the refused promotion, and then raised as `Refused`. Refused before
    is a model version whose entries lost their bodies, because nobody could be shown how it came to be, and one that
    was trained under a signature that was withdrawn.
    """
    with refusals_recorded(platform, principal, Action.PROPOSE_PROMOTION, "model", identifier):
        _require_told(platform, identifier)
        with platform.work(principal.id) as work:
            model = work.models.get(identifier)
            permit(platform, principal, Action.PROPOSE_PROMOTION, _resource(model))
            require_not_withdrawn(platform, work, work.requests.get(model.request))
            verdict = _judge(platform, model)
            passed = verdict.outcome is Outcome.PASS
            promotion = Promotion(
                id=PromotionId(platform.new_id("prom")),
                model=identifier,
                alias=alias,
                proposed_by=principal.id,
                verdict=platform.blobs.put_bytes(encode(to_plain(verdict))),
                state=PromotionState.AWAITING_APPROVAL if passed else PromotionState.REFUSED,
            )
            work.promotions.put(promotion)
            work.record(judged(model.request, verdict))
            work.record(
                PromotionProposed(
                    promotion=promotion.id,
                    model=identifier,
                    alias=alias,
                    verdict=promotion.verdict,
                    outcome=verdict.outcome,
                )
            )
            receipt = work.commit()
        require_pass(platform, verdict)
        return promotion, verdict, receipt


def approve(
    platform: Platform, principal: Principal, identifier: PromotionId, verdict: Digest
) -> tuple[Promotion, Receipt]:
    """Somebody else approves; the gate is asked once more, because it may have become stricter; the alias moves."""
    with refusals_recorded(platform, principal, Action.APPROVE_PROMOTION, "promotion", identifier):
        with platform.view() as view:
            _require_told(platform, view.promotions.get(identifier).model)
        with platform.work(principal.id) as work:
            promotion = work.promotions.get(identifier)
            model = work.models.get(promotion.model)
            resource = Resource(kind="promotion", id=identifier, author=promotion.proposed_by)
            permit(platform, principal, Action.APPROVE_PROMOTION, resource)
            approved = promotion.approve(principal.id, verdict)
            require_not_withdrawn(platform, work, work.requests.get(model.request))
            today = _judge(platform, model)
            work.record(judged(model.request, today))
            if today.outcome is Outcome.PASS:
                previous = work.aliases.find(promotion.alias)
                work.promotions.put(approved)
                work.aliases.put(AliasTarget(alias=promotion.alias, model=model.id, promotion=promotion.id))
                work.record(PromotionApproved(promotion=identifier, model=model.id, verdict=verdict))
                work.record(
                    AliasMoved(alias=promotion.alias, model=model.id, previous=previous.model if previous else None)
                )
            receipt = work.commit()
        require_pass(platform, today)
        return approved, receipt


def take_adapter(
    platform: Platform, principal: Principal, identifier: ModelId
) -> tuple[BinaryIO, ModelVersion, Receipt]:
    """The weights, for use or for holding against their signature; only while an alias names the model version.

    That they left is in the log, durably, before the first byte does. Raises `NotFound`, `Refused`, `Corrupted`.
    """
    model = get(platform, principal, identifier)
    with refusals_recorded(platform, principal, Action.TAKE_ADAPTER, "model", identifier):
        permit(platform, principal, Action.TAKE_ADAPTER, _resource(model))
        with ExitStack() as unless_taken:
            weights = unless_taken.enter_context(platform.blobs.open(model.adapter))
            with platform.work(principal.id) as work:
                if identifier not in {target.model for target in work.aliases.all()}:
                    raise Refused(
                        "not_promoted",
                        "No alias names this model version, so nobody may use it.",
                        remedy="Propose its promotion.",
                        who="approver",
                    )
                require_not_withdrawn(platform, work, work.requests.get(model.request))
                work.record(AdapterTaken(model=identifier, adapter=model.adapter))
                receipt = work.commit()
            unless_taken.pop_all()
        return weights, model, receipt


def get(platform: Platform, principal: Principal, identifier: ModelId) -> ModelVersion:
    """Raises `NotFound`."""
    with platform.view() as view:
        model = view.models.get(identifier)
    permit_to_see(platform, principal, Action.READ_MODEL, _resource(model))
    return model


def listed(platform: Platform, principal: Principal) -> list[ModelVersion]:
    """Every model version that this principal may see, oldest first."""
    with platform.view() as view:
        found = view.models.all()
    return [one for one in found if platform.access(principal, Action.READ_MODEL, _resource(one)).allowed]


def aliases(platform: Platform, principal: Principal) -> list[AliasTarget]:
    """Every alias and the model version it names."""
    permit_to_see(platform, principal, Action.READ_MODEL, Resource(kind="model"))
    with platform.view() as view:
        return list(view.aliases.all())


def promotion(platform: Platform, principal: Principal, identifier: PromotionId) -> tuple[Promotion, Verdict]:
    """A promotion and the verdict it was proposed with. Raises `NotFound`."""
    with platform.view() as view:
        found = view.promotions.get(identifier)
        model = view.models.get(found.model)
    permit_to_see(platform, principal, Action.READ_MODEL, _resource(model))
    return found, from_plain(Verdict, decode(platform.blobs.read(found.verdict)))


def require_pass(platform: Platform, verdict: Verdict) -> None:
    """Raise `Refused` naming every rule that does not hold, with the gate's own remedy."""
    bad = [finding for finding in verdict.findings if finding.outcome is not Outcome.PASS]
    if not bad:
        return
    remedies = {rule.metric: rule.remedy for rule in platform.policies.gate(verdict.gate).rules}
    raise Refused(
        "gate_not_passed",
        f"The gate '{verdict.gate}' says {verdict.outcome}: "
        + "; ".join(f"{finding.metric} {finding.outcome} (limit {finding.limit})" for finding in bad)
        + ".",
        remedy=remedies.get(bad[0].metric, ""),
        who="requester",
        rule=bad[0].metric,
    )


def _require_told(platform: Platform, identifier: ModelId) -> None:
    with platform.view() as view:
        if not view.dropped_bodies() or view.models.find(identifier) is None:
            return
        told = (entry.event for entry in view.entries_naming(identifier))
        if any(isinstance(event, ModelRegistered) and event.model == identifier for event in told):
            return
    raise Refused(
        "lineage_pruned",
        "The entries of this model version lost their bodies when their retention ended.",
        remedy="Train it again; what it is and why it was allowed can no longer be shown.",
        who="requester",
    )


def _judge(platform: Platform, model: ModelVersion) -> Verdict:
    gate = platform.policies.gate(PROMOTION_GATE)
    platform.blobs.put_bytes(encode(to_plain(gate)))
    evidence = [from_plain(Evidence, decode(platform.blobs.read(digest))) for digest in model.evidence]
    return judge(gate, model.adapter, evidence)


def _resource(model: ModelVersion) -> Resource:
    return Resource(kind="model", id=model.id, author=model.requested_by)
