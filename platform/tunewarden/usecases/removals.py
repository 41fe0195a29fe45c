"""Taking an alias off what it names, and retiring a model version for good.

Both only take something back, so one person may, and no gate is asked: what nobody may use does no harm. It takes two
where others rely on what goes away: for a protected alias (`policies/registry.toml`). A model version that an alias
names is not retired, so what is protected cannot be lost by that way either; to the one who retires what nothing names,
it costs a training.
"""

from dataclasses import replace

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Conflict, IllegalTransition
from tunewarden.domain.names import Action, Alias, ModelId
from tunewarden.domain.registry import AliasTarget, ModelVersion, alias_key
from tunewarden.domain.registry_events import AliasCleared, AliasClearingAsked, ModelRetired
from tunewarden.domain.removals import Clearing, RemovalReason
from tunewarden.usecases.counting import role_of, still_may
from tunewarden.usecases.grants import require_counting
from tunewarden.usecases.ports import Platform, Principal, Receipt, UnitOfWork
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.things import of_model


def clear(
    platform: Platform, principal: Principal, identifier: ModelId, alias: Alias, reason: RemovalReason
) -> tuple[AliasTarget, Receipt]:
    """The alias names nothing any more; a protected one where somebody else wanted the same within the last 24 hours.

    Raises `IllegalTransition` where the alias names another version or none, `Conflict` for who asked before,
    `Refused` also for a role that they had from who asked less than a day before, and `NotFound`.
    """
    action = Action.CLEAR_ALIAS
    with (
        refusals_recorded(platform, principal, action, "model", identifier),
        platform.work(principal.id) as work,
    ):
        model = work.models.get(identifier)
        decision = permit(platform, principal, action, of_model(model))
        target = work.aliases.find(alias_key(alias, model.project))
        if target is None or target.model != identifier:
            raise IllegalTransition("alias_not_there", "The alias does not name this model version.")
        rules, asked = platform.policies.registry(), _asked(platform, work, target, model)
        protected = rules.is_protected(alias)
        if protected and asked is not None:
            if asked.by == principal.id:
                raise Conflict("asked_before", "You asked for it before; somebody else has to.")
            about = replace(of_model(model), author=asked.by)
            decision = require_counting(platform, work, principal, action, about)
        role = role_of(decision.because)
        if protected and asked is None:
            wish = Clearing(by=principal.id, role=role, reason=reason, at=platform.clock())
            after = replace(target, clearing=wish)
            work.record(
                AliasClearingAsked(alias=alias, model=identifier, project=model.project, role=role, reason=reason)
            )
        else:
            after = replace(target, model=None, clearing=None)
            work.record(
                AliasCleared(
                    alias=alias,
                    model=identifier,
                    project=model.project,
                    role=role,
                    reason=reason,
                    protected=protected,
                    registry=platform.blobs.put_bytes(encode(rules)),
                )
            )
        work.aliases.put(after)
        return after, work.commit()


def retire(
    platform: Platform, principal: Principal, identifier: ModelId, reason: RemovalReason
) -> tuple[ModelVersion, Receipt]:
    """No alias will ever name the model version again, so nobody can take its weights.

    Raises `IllegalTransition` while an alias names it or after it was retired, `Refused` and `NotFound`.
    """
    with (
        refusals_recorded(platform, principal, Action.RETIRE_MODEL, "model", identifier),
        platform.work(principal.id) as work,
    ):
        model = work.models.get(identifier)
        decision = permit(platform, principal, Action.RETIRE_MODEL, of_model(model))
        if model.retired is not None:
            raise IllegalTransition("model_retired_before", "The model version was retired before.")
        if any(target.model == identifier for target in work.aliases.all()):
            raise IllegalTransition("alias_names_it", "An alias names the model version; take it off first.")
        retired = replace(model, retired=reason)
        work.models.put(retired)
        work.record(ModelRetired(model=identifier, reason=reason, role=role_of(decision.because)))
        return retired, work.commit()


def _asked(platform: Platform, work: UnitOfWork, target: AliasTarget, model: ModelVersion) -> Clearing | None:
    """Who wants it taken off, as long as it counts and they still may."""
    asked = target.clearing
    if asked is None or not asked.counts(platform.clock()):
        return None
    return asked if still_may(platform, work, asked.by, asked.role, Action.CLEAR_ALIAS, of_model(model)) else None
