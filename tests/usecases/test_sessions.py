"""Who is let in without a key: roles are those of the newest word, and nothing of a session outlives its end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.conftest import ADA, NOW, Stage

from tunewarden.domain.duties import conflicting
from tunewarden.domain.events import PrincipalIdentified
from tunewarden.domain.identities import LoginFailure
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers.memory import FixedClock, MemoryState, memory_views, memory_work
from tunewarden.drivers.memory_sessions import MemorySessions
from tunewarden.usecases import keys, sessions
from tunewarden.usecases.ports import Platform, Principal
from tunewarden.usecases.sessions import DOORKEEPER, Lifetimes, Vouched, admit

WHO = PrincipalId("oidc-" + "a" * 32)
SHORT = Lifetimes(idle=timedelta(minutes=30), whole=timedelta(hours=12))


def word(*roles: Role, minutes: int = 0) -> Vouched:
    at = NOW + timedelta(minutes=minutes)
    return Vouched(principal=WHO, issuer="https://id.example", roles=frozenset(roles), at=at)


def known(stage: Stage, vouched: Vouched) -> Principal:
    found = admit(stage.platform, vouched)
    assert isinstance(found, Principal), found
    return found


def identified(stage: Stage) -> list[tuple[Role, ...]]:
    return [entry.event.roles for entry in stage.entries() if isinstance(entry.event, PrincipalIdentified)]


def test_the_first_login_is_recorded_and_the_next_one_is_not(stage: Stage) -> None:
    first = known(stage, word(Role.REQUESTER))
    assert (first.id, first.roles, first.name) == (WHO, {Role.REQUESTER}, "")
    assert known(stage, word(Role.REQUESTER, minutes=1)).roles == {Role.REQUESTER}
    (entry,) = stage.entries()
    assert entry.actor == DOORKEEPER
    assert identified(stage) == [(Role.REQUESTER,)]
    assert "id.example" not in str(entry)


def test_groups_change_with_the_next_token_and_an_older_one_gives_nothing_back(stage: Stage) -> None:
    known(stage, word(Role.REQUESTER))
    assert known(stage, word(Role.STEWARD, minutes=2)).roles == {Role.STEWARD}
    assert known(stage, word(Role.REQUESTER, minutes=1)).roles == {Role.STEWARD}
    assert known(stage, word(minutes=3)).roles == frozenset()
    assert identified(stage) == [(Role.REQUESTER,), (Role.STEWARD,), ()]


@given(words=st.lists(st.tuples(st.integers(0, 5), st.frozensets(st.sampled_from(Role), max_size=2)), max_size=12))
def test_whatever_comes_in_whatever_order_nobody_gets_more_than_some_word_of_at_least_that_age_said(
    words: list[tuple[int, frozenset[Role]]],
) -> None:
    clock, state = FixedClock(NOW), MemoryState()
    nothing: Any = None
    platform = replace(_EMPTY(nothing), work=memory_work(state, clock), view=memory_views(state), clock=clock)
    heard: dict[int, list[frozenset[Role]]] = {}
    for minutes, roles in words:
        found = admit(platform, word(*roles, minutes=minutes))
        if conflicting(roles):
            assert found is LoginFailure.ROLES_CONFLICT
            continue
        heard.setdefault(minutes, []).append(roles)
        assert isinstance(found, Principal)
        newer = [said for age, several in heard.items() if age >= minutes for said in several]
        assert found.roles in newer
    assert len(state.entries) <= len(words)


def _EMPTY(nothing: Any) -> Platform:  # noqa: N802
    names = "work view access blobs clock claims policies ingest accountant calibrate log envelopes new_id".split()
    return Platform(**dict.fromkeys(names, nothing))


def test_roles_that_nobody_may_hold_together_let_nobody_in_and_change_nothing(stage: Stage) -> None:
    known(stage, word(Role.REQUESTER))
    assert admit(stage.platform, word(Role.REQUESTER, Role.APPROVER, minutes=1)) is LoginFailure.ROLES_CONFLICT
    with stage.platform.view() as view:
        assert view.principals.get(WHO).roles == {Role.REQUESTER}
    assert len(stage.entries()) == 1


def test_who_was_revoked_stays_so_whatever_the_provider_says(stage: Stage) -> None:
    known(stage, word(Role.REQUESTER))
    keys.revoke(stage.platform, ADA, WHO)
    assert admit(stage.platform, word(Role.STEWARD, minutes=9)) is LoginFailure.PRINCIPAL_REVOKED
    assert len(stage.entries()) == 2


def begun(stage: Stage, kept: MemorySessions) -> Callable[[], Principal | None]:
    sessions.begin(stage.platform, kept, known(stage, word(Role.REVIEWER)), "a" * 64, SHORT)
    return lambda: sessions.current(stage.platform, kept, "a" * 64, SHORT)


def test_a_session_ends_when_it_is_not_used_and_in_any_case(stage: Stage) -> None:
    kept = MemorySessions()
    now = begun(stage, kept)
    for _ in range(24):
        stage.clock.advance(timedelta(minutes=29, seconds=59))
        assert now() is not None
        kept.use("a" * 64, stage.clock.now)
    stage.clock.advance(timedelta(minutes=1))
    assert now() is None, "twelve hours are over"
    assert kept.find("a" * 64) is None
    now = begun(stage, kept)
    stage.clock.advance(timedelta(minutes=30))
    assert now() is None


def test_a_session_has_the_roles_that_were_said_last_and_none_once_revoked(stage: Stage) -> None:
    now = begun(stage, MemorySessions())
    known(stage, word(Role.STEWARD, minutes=1))
    principal = now()
    assert principal is not None
    assert principal.roles == {Role.STEWARD}
    keys.revoke(stage.platform, ADA, WHO)
    assert now() is None


def test_a_new_session_sweeps_those_that_are_over(stage: Stage) -> None:
    kept = MemorySessions()
    begun(stage, kept)
    stage.clock.advance(timedelta(hours=1))
    sessions.begin(stage.platform, kept, known(stage, word(Role.REVIEWER)), "b" * 64, SHORT)
    assert (kept.find("a" * 64) is None, kept.find("b" * 64) is None) == (True, False)


@pytest.mark.parametrize("identifier", ["", "c" * 64])
def test_a_session_that_nobody_has_is_nobodys(stage: Stage, identifier: str) -> None:
    begun(stage, kept := MemorySessions())
    assert sessions.current(stage.platform, kept, identifier, SHORT) is None
