"""By which rule votes count: one at a time for all processes, told by the log, and looked up for who may vote only."""

from dataclasses import replace
from typing import Any

import pytest
from tests.conftest import ANN, BOB, EVE, PIA, Stage
from tests.usecases.test_jobs import events
from tests.usecases.test_voting import CY, approve, endorse, house as house, submitted

from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.errors import Conflict, NotFound
from tunewarden.domain.events import RequestApproved
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.quorum import Needed, Quorum
from tunewarden.domain.vote_events import QuorumInForce
from tunewarden.usecases import counting, requests, voting
from tunewarden.usecases.ports import UnitOfWork


def test_the_log_says_by_which_rule_votes_count_before_the_first_and_whenever_it_changes(house: Stage) -> None:
    request, first = submitted(house), house.policies.quorum()
    approve(house, BOB, request)
    approve(house, CY, request)
    house.policies.needed = {**house.policies.needed, Sensitivity.SPECIAL_CATEGORY: Needed(persons=3, roles=2)}
    endorse(house, PIA, request)
    told = [entry for entry in house.entries() if isinstance(entry.event, QuorumInForce)]
    second = house.policies.quorum()
    assert [(entry.actor, entry.event) for entry in told] == [
        ("operator", QuorumInForce(quorum=rule.digest(), needed=rule.needed)) for rule in (first, second)
    ]
    kinds = [type(entry.event) for entry in house.entries()]
    assert kinds.index(QuorumInForce) < kinds.index(RequestApproved)


def test_a_process_whose_rule_is_not_in_force_takes_no_votes_and_does_not_put_it_in_force(house: Stage) -> None:
    request, ours = submitted(house), house.policies.quorum()
    starts, house.policies.restart = house.policies.restart, lambda _: None
    other = Quorum(needed={**ours.needed, Sensitivity.SPECIAL_CATEGORY: Needed(persons=1, roles=1)})
    starts(other)
    for way, who in ((approve, BOB), (endorse, PIA)):
        with pytest.raises(Conflict) as caught:
            way(house, who, request)
        assert caught.value.code == "quorum_changed"
    with pytest.raises(NotFound):
        approve(house, EVE, request)
    assert [one.quorum for one in events(house, QuorumInForce)] == [ours.digest(), other.digest()]
    starts(ours)
    assert len(approve(house, BOB, request).votes) == 1


def test_a_rule_that_another_process_starts_with_at_this_moment_counts(house: Stage) -> None:
    request, ours = submitted(house), house.policies.quorum()
    other = Quorum(needed={**ours.needed, Sensitivity.SPECIAL_CATEGORY: Needed(persons=1, roles=1)})
    begins = house.platform.work

    def meanwhile(who: PrincipalId) -> UnitOfWork:
        """Between looking and voting."""
        counting.put_in_force(begins, house.platform.view, other)
        return begins(who)

    house.platform = replace(house.platform, work=meanwhile)
    with pytest.raises(Conflict):
        endorse(house, PIA, request)
    assert requests.get(house.platform, ANN, request.id).votes == ()


def test_nothing_is_looked_up_in_the_log_for_who_may_not_vote(house: Stage) -> None:
    request, view = submitted(house), house.platform.view

    class Shut:
        """A view in which nobody looks through the log."""

        def __init__(self) -> None:
            self._view = view()

        def __enter__(self) -> Any:
            self._seen = self._view.__enter__()
            return self

        def __exit__(self, *_: object) -> None:
            self._view.__exit__(None, None, None)

        def __getattr__(self, name: str) -> Any:
            assert name not in {"entries", "entries_naming", "size"}
            return getattr(self._seen, name)

    house.policies.restart = lambda _: None
    house.platform = replace(house.platform, view=Shut)
    for way in (approve, endorse):
        with pytest.raises(NotFound):
            way(house, EVE, request)
    with pytest.raises(NotFound):
        voting.standing(house.platform, EVE, request.id)
