"""What guards a promotion guards going back in an emergency too; one person does not undo what two decided."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.conftest import ADA, ANN, BOB, OTTO, PIA, Stage
from tests.usecases.test_emergencies import CAST, GAIL, events, found_by_the_auditor, named, opened, promoted, told
from tests.usecases.test_jobs import approved
from tests.usecases.test_voting import stored

from tunewarden.domain.emergency_events import AliasRolledBack
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import ActionRefused, KeyCreated, ModelRegistered, PruneFinished
from tunewarden.domain.names import Alias, Digest, ModelId, PrincipalId, ProjectId, PruneId, Role
from tunewarden.domain.projects import Project
from tunewarden.domain.removals import RemovalReason
from tunewarden.usecases import removals, rollbacks, suspending
from tunewarden.usecases.ports import Principal

__all__ = ["told"]
PRODUCTION = Alias.PRODUCTION


def refused(stage: Stage, model: ModelId, who: Principal = GAIL) -> str:
    """With which code it does not go back to this one."""
    with pytest.raises(Refused) as caught:
        rollbacks.roll_back(stage.platform, who, model, PRODUCTION)
    assert events(stage, ActionRefused)[-1].code == caught.value.code
    assert all(event.emergency is None for event in events(stage, AliasRolledBack))
    return caught.value.code


def test_one_person_does_not_put_back_what_two_took_off_and_two_do(told: Stage) -> None:
    for one in CAST:
        stored(told, one)
    first = promoted(told)
    for who in (BOB, PIA):
        removals.clear(told.platform, who, first, PRODUCTION, RemovalReason.HARMFUL)
    second = promoted(told)
    opened(told)
    assert refused(told, first) == "taken_off_before"
    named(told, first)
    named(told, second)
    rollbacks.roll_back(told.platform, GAIL, first, PRODUCTION)
    assert found_by_the_auditor(told) == []


def _unlisted(stage: Stage, _model: ModelId) -> None:
    del stage.policies.aliases[PRODUCTION]


def _untold(stage: Stage, model: ModelId) -> None:
    [made] = [
        entry.index
        for entry in stage.entries()
        if isinstance(entry.event, ModelRegistered) and entry.event.model == model
    ]
    with stage.platform.work(OTTO.id) as work:
        work.drop_bodies(PruneId("prune-1"), [made])
        work.record(PruneFinished(prune=PruneId("prune-1"), entries=1, indices=Digest("sha256:" + "a" * 64)))
        work.commit()


@pytest.mark.parametrize(("spoil", "code"), [(_unlisted, "alias_unknown"), (_untold, "lineage_pruned")])
def test_what_would_stop_its_promotion_stops_it_in_an_emergency(
    told: Stage, spoil: Callable[[Stage, ModelId], None], code: str
) -> None:
    first, _ = promoted(told), promoted(told)
    opened(told)
    spoil(told, first)
    assert refused(told, first) == code


def test_in_an_archived_project_nothing_goes_back(told: Stage) -> None:
    """By rows that stand as if all of it had been in a project that was archived since."""
    first, _ = promoted(told), promoted(told)
    opened(told)
    north = ProjectId("proj-" + "0" * 32)
    made = Project(id=north, name="north", created_by=ADA.id, created_at=told.clock())
    with told.platform.work(ADA.id) as work:
        work.projects.put(made.archived(ADA.id, told.clock()))
        work.models.put(replace(work.models.get(first), project=north))
        work.record(KeyCreated(principal=PrincipalId("prn-x"), roles=()))
        work.commit()
    assert refused(told, first) == "project_archived"


def test_a_role_that_whose_model_it_is_gave_just_now_puts_nothing_back(told: Stage) -> None:
    first, _ = promoted(told), promoted(told)
    gus = Principal(id=PrincipalId("prn-gus"), roles=frozenset({Role.BREAK_GLASS}))
    with told.platform.work(ANN.id) as work:
        work.record(KeyCreated(principal=gus.id, roles=(Role.BREAK_GLASS,)))
        work.commit()
    opened(told, gus)
    assert refused(told, first, gus) == "role_too_fresh"


def test_somebody_who_has_the_role_from_who_asked_since_an_hour_does_not_resume_it(told: Stage) -> None:
    request = approved(told)
    suspending.suspend(told.platform, PIA, request.id)
    new = Principal(id=PrincipalId("prn-new"), roles=frozenset({Role.APPROVER}))
    with told.platform.work(ANN.id) as work:
        work.record(KeyCreated(principal=new.id, roles=(Role.APPROVER,)))
        work.commit()
    with pytest.raises(Refused) as caught:
        suspending.resume(told.platform, new, request.id)
    assert caught.value.code == "role_too_fresh"
