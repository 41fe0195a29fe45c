"""Separation of duties."""

from itertools import combinations

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.duties import conflicting
from tunewarden.domain.names import Role

ROLE_SETS = st.frozensets(st.sampled_from(Role))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Role.REQUESTER, Role.APPROVER),
        (Role.ADMINISTRATOR, Role.APPROVER),
        (Role.ADMINISTRATOR, Role.PRIVACY_OFFICER),
        (Role.APPROVER, Role.PRIVACY_OFFICER),
        *((Role.AUDITOR, role) for role in Role if role is not Role.AUDITOR),
        *((Role.WORKER, role) for role in Role if role is not Role.WORKER),
    ],
)
def test_these_two_roles_are_not_for_one_principal(one: Role, other: Role) -> None:
    assert conflicting(frozenset({one, other})) == {one, other}


def test_every_role_alone_and_the_harmless_pairs_are_fine() -> None:
    for role in Role:
        assert not conflicting(frozenset({role}))
    fine = [pair for pair in combinations(sorted(Role), 2) if not conflicting(frozenset(pair))]
    assert fine == [
        (Role.ADMINISTRATOR, Role.REQUESTER),
        (Role.ADMINISTRATOR, Role.REVIEWER),
        (Role.ADMINISTRATOR, Role.STEWARD),
        (Role.APPROVER, Role.REVIEWER),
        (Role.APPROVER, Role.STEWARD),
        (Role.BREAK_GLASS, Role.REQUESTER),
        (Role.BREAK_GLASS, Role.REVIEWER),
        (Role.BREAK_GLASS, Role.STEWARD),
        (Role.PRIVACY_OFFICER, Role.REQUESTER),
        (Role.PRIVACY_OFFICER, Role.REVIEWER),
        (Role.PRIVACY_OFFICER, Role.STEWARD),
        (Role.REQUESTER, Role.REVIEWER),
        (Role.REQUESTER, Role.STEWARD),
        (Role.REVIEWER, Role.STEWARD),
    ]


@given(roles=ROLE_SETS, more=ROLE_SETS)
def test_more_roles_never_end_a_conflict(roles: frozenset[Role], more: frozenset[Role]) -> None:
    found = conflicting(roles)
    assert found <= roles
    assert len(found) in {0, 2}
    if found:
        assert conflicting(roles | more)
