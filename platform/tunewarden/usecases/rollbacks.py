"""Putting an alias back to a model version that it named before, by one person, because of an emergency.

Without one it is a promotion like any other (`models.propose`, `models.approve`), by two; the log says of both that the
alias went back.
"""

from dataclasses import replace

from tunewarden.domain.emergency_events import AliasRolledBack
from tunewarden.domain.errors import IllegalTransition, Refused
from tunewarden.domain.events import AliasMoved
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Action, Alias, ModelId, PromotionId
from tunewarden.domain.registry import AliasTarget, ModelVersion, PromotionState, alias_key
from tunewarden.domain.registry_events import AliasCleared
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.emergencies import because_of
from tunewarden.usecases.erasures import persons_erased
from tunewarden.usecases.gating import judged
from tunewarden.usecases.grants import require_counting
from tunewarden.usecases.models import inherited, judge_today, named_before, require_pass, require_told
from tunewarden.usecases.ports import Platform, Principal, Receipt, UnitOfWork
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import refusals_recorded, require_allowed
from tunewarden.usecases.signing import require_not_withdrawn
from tunewarden.usecases.things import of_model


def roll_back(
    platform: Platform, principal: Principal, identifier: ModelId, alias: Alias
) -> tuple[AliasTarget, Receipt]:
    """In one move, with its entries. Nothing that guards a promotion is left out but the second person.

    The gate is asked as it is today, and a verdict that does not pass is committed and then raised. Raises `Refused`
    too for a model version that the alias never named or was taken off, whose dataset may not be used any more, under a
    signature that was withdrawn, or that learnt from somebody who was erased since; in an archived project, for an
    alias that is not in the registry any more, and for a role that they had from whose work it is less than a day
    before; `IllegalTransition`; `NotFound`.
    """
    with refusals_recorded(platform, principal, Action.ROLL_BACK_MODEL, "model", identifier):
        require_told(platform, principal, Action.ROLL_BACK_MODEL, identifier, "model")
        with platform.work(principal.id) as work:
            model = work.models.get(identifier)
            request = work.requests.get(model.request)
            use = replace(of_model(model), purpose=request.plan.purpose, purposes=inherited(work, request))
            resource, emergency = because_of(platform, principal, Action.ROLL_BACK_MODEL, use, work)
            require_counting(platform, work, principal, Action.ROLL_BACK_MODEL, resource)
            require_active(work, model.project)
            platform.policies.registry().require(alias)
            now = work.aliases.find(alias_key(alias, model.project))
            if now is None or now.model is None or now.model == identifier:
                raise IllegalTransition("alias_names_it", "The alias names this model version already, or none.")
            promotion = _promotion(work, model, alias)
            _require_not_taken_off(work, model, alias)
            model.require_not_retired()
            _require_fit(platform, work, request)
            today = judge_today(platform, work, model)
            work.record(judged(model.request, today))
            passed = today.outcome is Outcome.PASS
            decision = platform.access(principal, Action.ROLL_BACK_MODEL, replace(resource, gate_green=passed))
            back = replace(now, model=identifier, promotion=promotion, clearing=None)
            if passed and decision.allowed:
                work.aliases.put(back)
                work.record(
                    AliasRolledBack(
                        alias=alias, model=identifier, previous=now.model, emergency=emergency, promotion=None
                    )
                )
                work.record(AliasMoved(alias=alias, model=identifier, previous=now.model, project=model.project))
            receipt = work.commit()
        require_pass(platform, today)
        require_allowed(Action.ROLL_BACK_MODEL, decision)
        return back, receipt


def _promotion(work: UnitOfWork, model: ModelVersion, alias: Alias) -> PromotionId:
    """The last by which the alias came to name it; the log has to say that it did."""
    approved = [
        one.id
        for one in work.promotions.all()
        if (one.model, one.alias, one.state) == (model.id, alias, PromotionState.APPROVED)
    ]
    if not approved or not named_before(work, alias, model.id):
        raise Refused(
            "not_served_before",
            "An alias goes back only to a model version that it named before.",
            remedy="Propose its promotion.",
            who="approver",
        )
    return approved[-1]


def _require_not_taken_off(work: UnitOfWork, model: ModelVersion, alias: Alias) -> None:
    """Raise `Refused` where people took the alias off it since it last named it: one person does not undo that."""
    told = (entry.event for entry in work.entries_naming(model.id))
    about = [
        event
        for event in told
        if isinstance(event, AliasMoved | AliasCleared) and (event.alias, event.model) == (alias, model.id)
    ]
    if about and isinstance(about[-1], AliasCleared):
        raise Refused(
            "taken_off_before",
            "The alias was taken off this model version, which nobody undoes alone.",
            remedy="Propose its promotion, or go back to another one.",
            who="approver",
        )


def _require_fit(platform: Platform, work: UnitOfWork, request: TrainingRequest) -> None:
    """Raise `Refused` where nothing may be served any more that came of this request."""
    dataset = work.datasets.get(request.plan.dataset)
    dataset.require_usable_for(request.plan.purpose, platform.clock().date())
    require_not_withdrawn(platform, work, request)
    if persons_erased(work, dataset.id) != request.erased_before:
        raise Refused(
            "learned_from_the_erased",
            "A person whose records the model version learnt from was erased since.",
            remedy="Suspend what is wrong, and have a version trained without the person.",
            who="approver",
        )
