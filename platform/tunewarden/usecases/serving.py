"""What did an alias name on a day, and what did it name before and after? Answered by the log, and not by the table.

But for now: there the table says what it names, and the log since when.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tunewarden.domain.errors import Malformed
from tunewarden.domain.events import AliasMoved
from tunewarden.domain.names import Action, Alias
from tunewarden.domain.registry import AliasTarget, alias_key
from tunewarden.domain.registry_events import AliasCleared
from tunewarden.domain.removals import Clearing
from tunewarden.domain.serving import Stretch, stretches
from tunewarden.usecases import models
from tunewarden.usecases.ports import Platform, Principal, Resource
from tunewarden.usecases.refusals import not_found, permit_to_see
from tunewarden.usecases.things import of_model, some


def history(platform: Platform, principal: Principal, alias: Alias) -> Sequence[Stretch]:
    """What an alias named, where this principal acts, as far as they may see it; oldest first.

    Of what is in a project, with a key of that project or acting in it; `principal.place` says where that is.
    """
    seen = _told(platform, principal, alias) if _may_see_any(platform, principal) else ()
    return [stretch for stretch, model in seen if platform.access(principal, Action.READ_MODEL, model).allowed]


def now(platform: Platform, principal: Principal, alias: Alias) -> tuple[Stretch, Clearing | None]:
    """What it names, and who wants it taken off, where that counts. Raises `NotFound` where it names nothing for them.

    Also where the entry that moved it lost its body.
    """
    with platform.view() as view:
        target = view.aliases.find(alias_key(alias, principal.place))
        if target is None or target.model is None:
            raise not_found("alias")
        model = of_model(view.models.get(target.model))
        permit_to_see(platform, principal, Action.READ_MODEL, model, noun="alias")
        told = stretches(view.entries_naming(target.model)).get((alias, principal.place), ())
    if not told or (told[-1].model, told[-1].until) != (target.model, None):
        raise not_found("alias")
    asked = target.clearing
    return told[-1], asked if asked is not None and asked.counts(platform.clock()) else None


def targets(platform: Platform, principal: Principal) -> Sequence[AliasTarget]:
    """What every alias names now, as far as they may see it; who wants one taken off only where that still counts."""
    now = platform.clock()
    return [
        one if one.clearing is None or one.clearing.counts(now) else replace(one, clearing=None)
        for one in models.aliases(platform, principal)
    ]


def served(platform: Platform, principal: Principal, alias: Alias, at: datetime) -> Stretch:
    """What it named at that instant. Raises `NotFound` where that was nothing for them, `Malformed` for the future."""
    if at > platform.clock():
        raise Malformed(
            "at_in_the_future",
            "What an alias named can be told of a time that has passed, to the end of a whole day.",
            remedy="For today, give an instant instead of a date, or leave it out.",
            param="at",
        )
    if not _may_see_any(platform, principal):
        permit_to_see(platform, principal, Action.READ_MODEL, some("model", principal), noun="alias")
        raise not_found("alias")
    for stretch, model in reversed(_told(platform, principal, alias)):
        if stretch.covers(at):
            permit_to_see(platform, principal, Action.READ_MODEL, model, noun="alias")
            return stretch
    raise not_found("alias")


def _may_see_any(platform: Platform, principal: Principal) -> bool:
    """Asked before the whole log is read: whether there is a model version here that they may see."""
    with platform.view() as view:
        here = [of_model(model) for model in view.models.all() if model.project == principal.place]
    return any(platform.access(principal, Action.READ_MODEL, model).allowed for model in here)


def _told(platform: Platform, principal: Principal, alias: Alias) -> Sequence[tuple[Stretch, Resource]]:
    """With the model version as the access policy sees it."""
    with platform.view() as view:
        told = {entry.index: entry for kind in _TELLING for entry in view.entries_naming(kind)}
        found = stretches(told[index] for index in sorted(told)).get((alias, principal.place), ())
        return [(stretch, of_model(view.models.get(stretch.model))) for stretch in found]


_TELLING = (AliasMoved.__name__, AliasCleared.__name__)
