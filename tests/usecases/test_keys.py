"""Keys: made for no more than their principal is, replaced, taken away one by one, listed without secrets."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st
from tests.conftest import ADA, ANN, OTTO, Stage

from tunewarden.domain.errors import IllegalTransition, Malformed, NotFound, Refused
from tunewarden.domain.events import ActionRefused, KeyAdded, KeyCreated, KeyRevoked, KeyWithdrawn
from tunewarden.domain.identities import KeyId, KeyKind, PrincipalKind, acting_roles, require_scope
from tunewarden.domain.names import RequestId, Role
from tunewarden.usecases import keys
from tunewarden.usecases.keys import NewKey
from tunewarden.usecases.ports import KeyRecord, Principal

ROLES = st.frozensets(st.sampled_from(Role))
REQUESTER = frozenset({Role.REQUESTER})
HASHES = {KeyKind.PROJECT: "1" * 64, KeyKind.ADMIN: "2" * 64}


def made(stage: Stage, key: NewKey | None = None, roles: frozenset[Role] = REQUESTER) -> tuple[Principal, KeyRecord]:
    return keys.create(stage.platform, ADA, name="Ann", roles=roles, key=key or NewKey(hash="a" * 64))[:2]


def stored(stage: Stage, which: KeyRecord) -> KeyRecord:
    with stage.platform.view() as view:
        return view.keys.get(which.hash)


@given(held=ROLES, kind=st.sampled_from([None, *KeyKind]), scope=st.none() | ROLES)
def test_no_key_is_for_more_than_its_principal_is(
    held: frozenset[Role], kind: KeyKind | None, scope: frozenset[Role] | None
) -> None:
    roles = acting_roles(held, kind, scope)
    assert roles <= held
    assert scope is None or roles <= scope
    assert kind is not KeyKind.PROJECT or Role.ADMINISTRATOR not in roles
    assert kind is not KeyKind.ADMIN or roles <= {Role.ADMINISTRATOR}


@given(held=ROLES, scope=st.none() | ROLES)
def test_the_two_kinds_share_out_what_a_principal_is(held: frozenset[Role], scope: frozenset[Role] | None) -> None:
    parts = [acting_roles(held, kind, scope) for kind in KeyKind]
    assert parts[0] | parts[1] == acting_roles(held, None, scope)
    assert not parts[0] & parts[1]


@given(held=ROLES, kind=st.sampled_from(KeyKind), scope=st.none() | ROLES)
def test_a_key_that_may_be_made_is_for_something(
    held: frozenset[Role], kind: KeyKind, scope: frozenset[Role] | None
) -> None:
    try:
        require_scope(held, kind, scope, None)
    except Refused:
        assert not acting_roles(held, kind, scope) or not (scope or frozenset()) <= held
    else:
        assert acting_roles(held, kind, scope)


def test_what_is_made_is_recorded_by_an_id_and_never_by_its_hash(stage: Stage) -> None:
    expires = stage.clock.now + timedelta(days=1)
    principal, key = made(stage, NewKey(hash="a" * 64, expires=expires))
    event = stage.entries()[-1].event
    assert event == KeyCreated(
        principal=principal.id, roles=(Role.REQUESTER,), key=key.id, kind=KeyKind.PROJECT, expires=expires
    )
    assert "a" * 16 not in str(event)
    assert stored(stage, key).created == stage.clock.now


def test_a_further_key_may_be_for_less_and_never_for_more(stage: Stage) -> None:
    principal, _ = made(stage, roles=frozenset({Role.REQUESTER, Role.STEWARD}))
    key = NewKey(hash="b" * 64, scope=REQUESTER)
    _, further, _ = keys.add(stage.platform, ADA, principal.id, key)
    assert stage.entries()[-1].event == KeyAdded(
        principal=principal.id,
        key=further.id,
        kind=KeyKind.PROJECT,
        scope=(Role.REQUESTER,),
        request=None,
        expires=None,
    )
    with pytest.raises(Refused) as refused:
        keys.add(stage.platform, ADA, principal.id, replace(key, hash="c" * 64, scope=frozenset({Role.AUDITOR})))
    assert refused.value.code == "scope_exceeds_roles"
    last = stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert (last.code, last.resource) == ("scope_exceeds_roles", principal.id)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (NewKey(hash="b" * 64, kind=KeyKind.ADMIN), "key_for_nothing"),
        (NewKey(hash="b" * 64, kind=KeyKind.ADMIN, request=RequestId("req-1")), "admin_key_bound"),
    ],
)
def test_a_key_for_nothing_is_not_made(stage: Stage, key: NewKey, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        made(stage, key)
    assert refused.value.code == code
    with stage.platform.view() as view:
        assert view.principals.all() == []


def test_a_key_is_bound_to_a_request_that_is_there_and_ends_in_the_future(stage: Stage) -> None:
    with pytest.raises(NotFound):
        made(stage, NewKey(hash="b" * 64, request=RequestId("req-" + "0" * 32)))
    with pytest.raises(Malformed) as refused:
        made(stage, NewKey(hash="b" * 64, expires=stage.clock.now))
    assert refused.value.code == "key_expired_already"


def test_a_replaced_key_stops_at_once_or_after_the_overlap(stage: Stage) -> None:
    _, key = made(stage, NewKey(hash="a" * 64, scope=REQUESTER))
    new, _ = keys.rotate(stage.platform, ADA, key.id, HASHES, expires=None, overlap=timedelta(hours=1))
    until = stage.clock.now + timedelta(hours=1)
    old = stored(stage, key)
    assert (old.expires, old.revoked) == (until, False)
    assert (new.hash, new.scope, new.kind) == (HASHES[KeyKind.PROJECT], REQUESTER, KeyKind.PROJECT)
    assert stage.entries()[-1].event == KeyWithdrawn(principal=key.principal, key=key.id, until=until)
    keys.rotate(stage.platform, ADA, new.id, {KeyKind.PROJECT: "3" * 64, KeyKind.ADMIN: "4" * 64}, expires=None)
    assert not keys.works(stored(stage, new), stage.clock.now)
    with pytest.raises(IllegalTransition):
        keys.rotate(stage.platform, ADA, new.id, HASHES, expires=None)


def test_an_overlap_never_makes_a_key_last_longer(stage: Stage) -> None:
    soon = stage.clock.now + timedelta(minutes=1)
    _, key = made(stage, NewKey(hash="a" * 64, expires=soon))
    keys.rotate(stage.platform, ADA, key.id, HASHES, expires=None, overlap=timedelta(hours=1))
    assert stored(stage, key).expires == soon
    with pytest.raises(Malformed):
        keys.rotate(stage.platform, ADA, key.id, HASHES, expires=None, overlap=timedelta(days=8))


def test_a_key_from_before_keys_had_a_kind_is_replaced_by_one_that_its_roles_need(stage: Stage) -> None:
    with stage.platform.work(ADA.id) as work:
        work.principals.put(ADA)
        work.keys.put(KeyRecord(hash="a" * 64, principal=ADA.id))
        work.record(KeyRevoked(principal=ANN.id))  # any entry: state never changes without one
        work.commit()
    with stage.platform.view() as view:
        which = view.keys.all()[0].id
    new, _ = keys.rotate(stage.platform, ADA, which, HASHES, expires=None)
    assert (new.kind, new.hash) == (KeyKind.ADMIN, HASHES[KeyKind.ADMIN])


def test_one_key_is_taken_away_and_the_others_go_on(stage: Stage) -> None:
    principal, first = made(stage)
    _, second, _ = keys.add(stage.platform, ADA, principal.id, NewKey(hash="b" * 64))
    keys.withdraw(stage.platform, ADA, first.id)
    assert [keys.works(stored(stage, key), stage.clock.now) for key in (first, second)] == [False, True]
    with pytest.raises(NotFound):
        keys.withdraw(stage.platform, ADA, KeyId("key-" + "0" * 32))


def test_a_revoked_principal_gets_no_further_key(stage: Stage) -> None:
    principal, key = made(stage)
    keys.revoke(stage.platform, ADA, principal.id)
    with pytest.raises(Refused):
        keys.add(stage.platform, ADA, principal.id, NewKey(hash="b" * 64))
    with pytest.raises(IllegalTransition):
        keys.rotate(stage.platform, ADA, key.id, HASHES, expires=None)


def test_a_service_is_made_as_one(stage: Stage) -> None:
    key = NewKey(hash="a" * 64)
    principal, _, _ = keys.create(stage.platform, ADA, name="", roles=REQUESTER, key=key, kind=PrincipalKind.SERVICE)
    with stage.platform.view() as view:
        assert view.principals.get(principal.id).kind is PrincipalKind.SERVICE


def test_only_an_administrator_lists_keys(stage: Stage) -> None:
    principal, key = made(stage)
    assert keys.listed(stage.platform, ADA) == [(stored(stage, key), principal)]
    for other in (ANN, OTTO):
        with pytest.raises(Refused):
            keys.listed(stage.platform, other)
