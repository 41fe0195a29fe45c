"""The quorum: as many different persons in as many different roles, one of them approving, and nobody counted twice."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, PrincipalId, Role
from tunewarden.domain.quorum import MOST_VOTES, Needed, Quorum, Vote, counting, missing

AT = datetime(2026, 1, 1, tzinfo=UTC)
THIS, THAT = Digest("sha256:" + "0" * 64), Digest("sha256:" + "1" * 64)
AUTHOR = PrincipalId("ann")
PEOPLE = [AUTHOR, *(PrincipalId(name) for name in ("bob", "cleo", "dan", "eve"))]

votes = st.lists(
    st.builds(
        Vote,
        by=st.sampled_from(PEOPLE),
        role=st.sampled_from([Role.APPROVER, Role.STEWARD, Role.PRIVACY_OFFICER]),
        plan=st.sampled_from([THIS, THAT]),
        at=st.just(AT),
        endorses=st.booleans(),
    ),
    max_size=6,
)
wanted = st.tuples(st.integers(1, 3), st.integers(1, 3)).map(lambda two: Needed(persons=max(two), roles=min(two)))


@given(votes, wanted)
def test_a_quorum_is_reached_by_different_persons_in_different_roles_for_this_plan_and_not_by_the_author(
    given_votes: list[Vote], needed: Needed
) -> None:
    counted = counting(given_votes, THIS, AUTHOR)
    persons = {one.by for one in given_votes if one.plan == THIS} - {AUTHOR}
    assert {one.by for one in counted} == persons
    assert len(counted) == len(persons)
    if not missing(needed, counted):
        assert len(persons) >= needed.persons
        assert len({one.role for one in counted}) >= needed.roles
        assert any(not one.endorses for one in counted)


@given(votes, wanted)
def test_what_is_missing_is_what_has_to_come_and_no_less(given_votes: list[Vote], needed: Needed) -> None:
    counted = counting(given_votes, THIS, AUTHOR)
    lacking = missing(needed, counted)
    assert bool(lacking) == (
        len(counted) < needed.persons
        or len({one.role for one in counted}) < needed.roles
        or all(one.endorses for one in counted)
    )
    assert lacking.persons == max(0, needed.persons - len(counted))


def test_the_order_of_votes_of_different_persons_does_not_count() -> None:
    three = [
        Vote(by=PEOPLE[1], role=Role.APPROVER, plan=THIS, at=AT),
        Vote(by=PEOPLE[2], role=Role.STEWARD, plan=THIS, at=AT, endorses=True),
        Vote(by=PEOPLE[3], role=Role.PRIVACY_OFFICER, plan=THIS, at=AT, endorses=True),
    ]
    for order in permutations(three):
        assert not missing(Needed(persons=3, roles=3), counting(order, THIS, AUTHOR))


def test_without_votes_an_approval_is_missing_whatever_the_rule() -> None:
    lacking = missing(Needed(persons=1, roles=1), [])
    assert (lacking.persons, lacking.roles, lacking.approval, bool(lacking)) == (1, 1, True, True)


@pytest.mark.parametrize(("persons", "roles"), [(0, 0), (1, 0), (1, 2), (MOST_VOTES + 1, 1), (-1, -1)])
def test_a_rule_asks_for_at_least_one_person_and_no_more_roles_than_persons(persons: int, roles: int) -> None:
    with pytest.raises(Malformed):
        Needed(persons=persons, roles=roles)


def test_a_rule_says_something_of_every_sensitivity_and_its_digest_is_of_all_it_says() -> None:
    alone = dict.fromkeys(Sensitivity, Needed(persons=1, roles=1))
    with pytest.raises(Malformed):
        Quorum(needed={Sensitivity.PUBLIC: Needed(persons=1, roles=1)})
    stricter = {**alone, Sensitivity.PERSONAL: Needed(persons=2, roles=1)}
    assert Quorum(needed=alone).digest() != Quorum(needed=stricter).digest()
    assert Quorum(needed=alone).digest() == Quorum(needed=dict(reversed(alone.items()))).digest()
