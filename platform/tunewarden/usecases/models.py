"""Model versions, and their promotion to an alias: judged by a gate, proposed by one, approved by another."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

from tunewarden.domain.canonical import decode, encode, from_plain
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.emergency_events import AliasRolledBack
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import AdapterTaken, AliasMoved, ModelRegistered, PromotionApproved, PromotionProposed
from tunewarden.domain.gates import Evidence, Outcome, Verdict, judge
from tunewarden.domain.names import Action, Alias, Digest, ModelId, PromotionId
from tunewarden.domain.overrides import is_green
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion, PromotionState, alias_key
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.counting import role_of, still_may
from tunewarden.usecases.gating import judged, promotion_gate
from tunewarden.usecases.grants import require_counting
from tunewarden.usecases.ports import Decision, Platform, Principal, Receipt, UnitOfWork, View
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded, require_allowed, require_there
from tunewarden.usecases.signing import require_not_withdrawn
from tunewarden.usecases.things import of_model, of_promotion

NOT_ASSESSABLE = "fairness.not_assessable"


def propose(
    platform: Platform, principal: Principal, identifier: ModelId, alias: Alias
) -> tuple[Promotion, Verdict, Receipt]:
    """Ask for `alias` to name a model version. The gate judges first, as it is today.

    A verdict that does not pass is committed with the refused promotion, and then raised as `Refused`. Refused before
    is a model version whose entries lost their bodies, because nobody could be shown how it came to be, and one that
    was trained under a signature that was withdrawn.
    """
    with refusals_recorded(platform, principal, Action.PROPOSE_PROMOTION, "model", identifier):
        require_told(platform, principal, Action.PROPOSE_PROMOTION, identifier, "model")
        with platform.work(principal.id) as work:
            model = work.models.get(identifier)
            permit(platform, principal, Action.PROPOSE_PROMOTION, of_model(model))
            require_active(work, model.project)
            model.require_not_retired()
            platform.policies.registry().require(alias)
            require_not_withdrawn(platform, work, work.requests.get(model.request))
            verdict = judge_today(platform, work, model)
            passed = verdict.outcome is Outcome.PASS
            promotion = Promotion(
                id=PromotionId(platform.new_id("prom")),
                model=identifier,
                alias=alias,
                proposed_by=principal.id,
                verdict=platform.blobs.put_bytes(encode(verdict)),
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
                    project=model.project,
                )
            )
            receipt = work.commit()
        require_pass(platform, verdict)
        return promotion, verdict, receipt


def approve(
    platform: Platform, principal: Principal, identifier: PromotionId, verdict: Digest, unassessed: int = 0
) -> tuple[Promotion, Receipt]:
    """Somebody else approves; the gate is asked once more, because it may have become stricter; the alias moves.

    They sign by name for what nobody can say anything about: `unassessed` groups and comparisons, as many as the
    evidence counts.

    Not on a red gate, which two say: the gate's own rules, and the access policy, which is told what the gate said. It
    is green too where two let pass what it stops (`overrides.is_green`), and still may. Not on a verdict whose document
    is broken either (`Corrupted`), because nobody can have read it.
    """
    with refusals_recorded(platform, principal, Action.APPROVE_PROMOTION, "promotion", identifier):
        with platform.view() as view:
            proposed = view.promotions.get(identifier)
        require_told(platform, principal, Action.APPROVE_PROMOTION, proposed.model, "promotion")
        with platform.work(principal.id) as work:
            promotion = work.promotions.get(identifier)
            model = work.models.get(promotion.model)
            resource = of_promotion(promotion, model)
            counted = require_counting(platform, work, principal, Action.APPROVE_PROMOTION, resource)
            require_active(work, model.project)
            model.require_not_retired()
            platform.policies.registry().require(promotion.alias)
            too_small = not_assessable(evidence_of(platform, model))
            approved = promotion.approve(principal.id, verdict, unassessed=too_small, signed=unassessed)
            verdict_of(platform, promotion)  # of one that is broken this raises
            require_not_withdrawn(platform, work, work.requests.get(model.request))
            today = judge_today(platform, work, model)
            work.record(judged(model.request, today))
            green = _is_green(platform, work, today, promotion, model)
            decision = platform.access(principal, Action.APPROVE_PROMOTION, replace(resource, gate_green=green))
            if green and decision.allowed:
                previous = work.aliases.find(alias_key(promotion.alias, model.project))
                work.promotions.put(approved)
                target = AliasTarget(
                    alias=promotion.alias, model=model.id, promotion=promotion.id, project=model.project
                )
                work.aliases.put(target)
                role = role_of(counted.because)
                work.record(
                    PromotionApproved(
                        promotion=identifier, model=model.id, verdict=verdict, role=role, unassessed=unassessed
                    )
                )
                before = previous.model if previous else None
                if before is not None and before != model.id and named_before(work, promotion.alias, model.id):
                    back = AliasRolledBack(
                        alias=promotion.alias,
                        model=model.id,
                        previous=before,
                        emergency=None,
                        promotion=promotion.id,
                    )
                    work.record(back)
                work.record(
                    AliasMoved(
                        alias=promotion.alias,
                        model=model.id,
                        previous=before,
                        project=model.project,
                    )
                )
            receipt = work.commit()
        if not green:
            require_pass(platform, today)
        require_allowed(Action.APPROVE_PROMOTION, decision)
        return approved, receipt


def take_adapter(
    platform: Platform, principal: Principal, identifier: ModelId, purpose: Purpose | None = None
) -> tuple[BinaryIO, ModelVersion, Receipt]:
    """The weights, for use or for holding against their signature; only while an alias names the model version.

    That they left, and for what, is in the log, durably, before the first byte does. `purpose` may be left out, because
    a model version has one. Raises `NotFound`, `Refused`, also for another purpose than what `inherited` says,
    `Corrupted`.
    """
    model = get(platform, principal, identifier)
    with refusals_recorded(platform, principal, Action.TAKE_ADAPTER, "model", identifier):
        permit(platform, principal, Action.TAKE_ADAPTER, of_model(model))
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
                request = work.requests.get(model.request)
                require_not_withdrawn(platform, work, request)
                stated = request.plan.purpose if purpose is None else purpose
                use = replace(of_model(model), purpose=stated, purposes=inherited(work, request))
                permit(platform, principal, Action.TAKE_ADAPTER, use)
                work.record(AdapterTaken(model=identifier, adapter=model.adapter, purpose=stated))
                receipt = work.commit()
            unless_taken.pop_all()
        return weights, model, receipt


def inherited(shelves: View | UnitOfWork, request: TrainingRequest) -> frozenset[Purpose]:
    """What a model version that came of a request may be used for today (GDPR Art. 5(1)(b)).

    What it was trained for, which is one purpose and was one of its dataset's then (`jobs` sees to that at each step),
    as long as it is one of the dataset's: what may not be done with data may not be done with what was learnt from it.
    """
    return shelves.datasets.get(request.plan.dataset).purposes & {request.plan.purpose}


def purposes(platform: Platform, models: Sequence[ModelVersion]) -> Mapping[ModelId, frozenset[Purpose]]:
    """`inherited`, of each of these."""
    with platform.view() as view:
        return {model.id: inherited(view, view.requests.get(model.request)) for model in models}


def get(platform: Platform, principal: Principal, identifier: ModelId) -> ModelVersion:
    """Raises `NotFound`."""
    with platform.view() as view:
        model = view.models.get(identifier)
    permit_to_see(platform, principal, Action.READ_MODEL, of_model(model))
    return model


def listed(platform: Platform, principal: Principal) -> list[ModelVersion]:
    """Every model version that this principal may see, oldest first."""
    with platform.view() as view:
        found = view.models.all()
    return [one for one in found if platform.access(principal, Action.READ_MODEL, of_model(one)).allowed]


def aliases(platform: Platform, principal: Principal) -> list[AliasTarget]:
    """Every alias that names a model version which this principal may see, and that."""
    with platform.view() as view:
        all_ = view.aliases.all()
        named = [(target, of_model(view.models.get(target.model))) for target in all_ if target.model is not None]
    return [one for one, what in named if platform.access(principal, Action.READ_MODEL, what).allowed]


def promotion(platform: Platform, principal: Principal, identifier: PromotionId) -> tuple[Promotion, Verdict]:
    """A promotion and the verdict it was proposed with. Raises `NotFound`."""
    with platform.view() as view:
        found = view.promotions.get(identifier)
        model = view.models.get(found.model)
    permit_to_see(platform, principal, Action.READ_MODEL, of_model(model), noun="promotion")
    return found, verdict_of(platform, found)


def verdict_of(platform: Platform, promotion: Promotion) -> Verdict:
    """What the gate said when it was proposed, for a reader who may see it. Raises `Corrupted`, and `NotFound`."""
    return from_plain(Verdict, decode(platform.blobs.read(promotion.verdict)))


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


def require_told(platform: Platform, principal: Principal, action: Action, identifier: ModelId, noun: str) -> None:
    """Raise `Refused` of a model version whose entries lost their bodies; nobody could be shown how it came to be."""
    with platform.view() as view:
        model = view.models.find(identifier)
        if not view.dropped_bodies() or model is None:
            return
        require_there(platform, principal, action, of_model(model), noun)
        told = (entry.event for entry in view.entries_naming(identifier))
        if any(isinstance(event, ModelRegistered) and event.model == identifier for event in told):
            return
    raise Refused(
        "lineage_pruned",
        "The entries of this model version lost their bodies when their retention ended.",
        remedy="Train it again; what it is and why it was allowed can no longer be shown.",
        who="requester",
    )


def counted_for_two(
    platform: Platform,
    work: UnitOfWork,
    principal: Principal,
    action: Action,
    promotion: Promotion,
    model: ModelVersion,
) -> Decision:
    """What the access policy says of a promotion where it is asked about as the work of both whose work it is.

    Neither who proposed it nor who asked for the training is allowed what nobody is of their own work. Raises
    `Refused`.
    """
    resource = of_promotion(promotion, model)
    require_counting(platform, work, principal, action, replace(resource, author=model.requested_by))
    return require_counting(platform, work, principal, action, resource)


def _is_green(platform: Platform, work: UnitOfWork, today: Verdict, promotion: Promotion, model: ModelVersion) -> bool:
    """`overrides.is_green`, by those who could let it pass today too."""
    about = of_promotion(promotion, model)
    standing = [
        one for one in promotion.overrides if still_may(platform, work, one.by, one.role, Action.OVERRIDE_GATE, about)
    ]
    return is_green(today, standing, {promotion.proposed_by, model.requested_by})


def named_before(shelves: View | UnitOfWork, alias: Alias, identifier: ModelId) -> bool:
    """Whether the alias ever named this model version, as the log tells it; not where its entries lost their bodies."""
    told = (entry.event for entry in shelves.entries_naming(identifier))
    return any(isinstance(event, AliasMoved) and (event.alias, event.model) == (alias, identifier) for event in told)


def judge_today(platform: Platform, work: UnitOfWork, model: ModelVersion) -> Verdict:
    """What the gate that guards the promotion of this model version says now; to be recorded, whatever it is."""
    gate = promotion_gate(platform, work.requests.get(model.request).plan)
    platform.blobs.put_bytes(encode(gate))
    return judge(gate, model.adapter, evidence_of(platform, model))


def evidence_of(platform: Platform, model: ModelVersion) -> Sequence[Evidence]:
    """What was measured of a model version."""
    return [from_plain(Evidence, decode(platform.blobs.read(digest))) for digest in model.evidence]


def not_assessable(evidence: Sequence[Evidence]) -> int:
    """How many groups and comparisons were too small for anything to be said, as the measuring step counted them.

    The largest figure where several pieces of evidence say it, and 0 if none.
    """
    told = (one for piece in evidence for one in piece.measurements if one.metric == NOT_ASSESSABLE)
    return max((int(one.value) for one in told), default=0)
