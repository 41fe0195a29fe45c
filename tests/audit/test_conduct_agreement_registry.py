"""What people try with gates that stop them, with aliases and with model versions: the log of it breaks no rule."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

from tests.audit.test_conduct_agreement import OPERATOR, Act, blamed, judged, new_stage
from tests.conftest import ANN, BOB, OTTO, PIA, Stage, measured
from tests.usecases.test_jobs import CY, finished
from tests.usecases.test_voting import stored

from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.names import Alias
from tunewarden.domain.overrides import OverrideReason
from tunewarden.domain.removals import RemovalReason
from tunewarden.domain.training import StepName
from tunewarden.usecases import keys, models, removals
from tunewarden.usecases.overriding import override

WHO = (BOB, CY, PIA, PIA, ANN)


def house() -> Stage:
    """Where whoever decides is known, with a model version that the gate stops and one that it does not."""
    made = new_stage()
    for one in (ANN, BOB, CY, PIA):
        stored(made, one)
    for accuracy in ("0.6", "0.9"):
        made.steps[StepName.MEASURE].measurements = (measured("utility.accuracy", accuracy),)
        finished(made)
    return made


def _propose(made: Stage, dice: Random) -> None:
    model = dice.choice(models.listed(made.platform, OTTO))
    models.propose(
        made.platform, dice.choice((ANN, ANN, BOB)), model.id, dice.choice((Alias.STAGING, Alias.PRODUCTION))
    )


def _approve(made: Stage, dice: Random) -> None:
    with made.platform.view() as view:
        promotion = dice.choice(view.promotions.all()[-3:])
    models.approve(made.platform, dice.choice((BOB, CY, CY, PIA)), promotion.id, promotion.verdict)


def _wait(made: Stage, _dice: Random) -> None:
    made.clock.advance(timedelta(hours=13))


def _override(made: Stage, dice: Random) -> None:
    with made.platform.view() as view:
        promotion = dice.choice(view.promotions.all()[-3:])
    override(made.platform, dice.choice(WHO), promotion.id, promotion.verdict, dice.choice(list(OverrideReason)))


def _turn(made: Stage, dice: Random) -> None:
    """The gate is another one, or what it was before; one of the three lets the poor model version pass."""
    gate = made.policies.gates["promotion"]
    limit = dice.choice([Decimal("0.7"), Decimal("0.7"), Decimal("0.71"), Decimal("0.5")])
    made.policies.gates["promotion"] = replace(gate, rules=(replace(gate.rules[0], limit=limit),))


def _clear(made: Stage, dice: Random) -> None:
    with made.platform.view() as view:
        named = dice.choice([one for one in view.aliases.all() if one.model is not None])
    assert named.model is not None
    removals.clear(made.platform, dice.choice(WHO), named.model, named.alias, dice.choice(list(RemovalReason)))


def _retire_model(made: Stage, dice: Random) -> None:
    model = dice.choice(models.listed(made.platform, OTTO))
    removals.retire(made.platform, dice.choice(WHO), model.id, RemovalReason.REPLACED)


def _revoke(made: Stage, dice: Random) -> None:
    keys.revoke(made.platform, OPERATOR, dice.choice((BOB, CY, PIA)).id)


ACTS: Mapping[Act, int] = {
    _propose: 12,
    _approve: 24,
    _override: 40,
    _turn: 6,
    _clear: 10,
    _wait: 8,
    _retire_model: 1,
    _revoke: 1,
}


def test_whatever_people_try_the_log_of_the_platform_breaks_no_rule() -> None:
    seen, let_pass = set[str](), 0
    for seed in range(3):
        made, dice = house(), Random(seed)
        for act in dice.choices(list(ACTS), list(ACTS.values()), k=120):
            with suppress(TunewardenError, IndexError):
                act(made, dice)
        entries = made.entries()
        assert blamed(judged(entries)) == {}, seed
        seen |= {type(entry.event).__name__ for entry in entries}
        with made.platform.view() as view:
            let_pass += sum(1 for one in view.promotions.all() if one.overrides and one.approved_by)
    assert {"AliasClearingAsked", "AliasCleared", "ModelRetired", "AliasMoved", "KeyRevoked"} <= seen, "it got that far"
    assert let_pass > 0
