"""API keys: whose one is, as whom its bearer acts, and why one opens nothing."""

import hmac
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.drivers.examples import NOW

from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.identities import KeyKind, LoginFailure, key_id
from tunewarden.domain.names import PrincipalId, RequestId, Role
from tunewarden.drivers.identity import Bearer, form_token, identify, is_form_token, is_token, new_token, token_hash
from tunewarden.usecases.ports import KeyRecord, Principal, Views, Work

ANN = Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.REQUESTER, Role.ADMINISTRATOR}), name="Ann")


def register(work: Work, token: str, holder: Principal = ANN, **changes: Any) -> None:
    with work(ANN.id) as unit:
        unit.principals.put(holder)
        unit.keys.put(replace(KeyRecord(hash=token_hash(token), principal=ANN.id), **changes))
        unit.record(KeyCreated(principal=ANN.id, roles=(Role.REQUESTER,)))
        unit.commit()


def acting(view: Views, token: str) -> Principal:
    found = identify(view, token, NOW)
    assert isinstance(found, Bearer), found
    return found.principal


@pytest.mark.parametrize("kind", KeyKind)
def test_tokens_have_256_random_bits_and_no_two_are_alike(kind: KeyKind) -> None:
    tokens = {new_token(kind) for _ in range(1000)}
    prefix = {KeyKind.PROJECT: "tw-", KeyKind.ADMIN: "tw-admin-"}[kind]
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {len(prefix) + 43}  # 32 bytes in base64url without padding
    assert all(token.startswith(prefix) and is_token(token) for token in tokens)


def test_a_key_from_before_keys_had_a_kind_is_for_all_that_its_principal_is(work: Work, view: Views) -> None:
    token = new_token()
    register(work, token)
    assert acting(view, token) == ANN


def test_a_project_key_is_never_for_the_administrator_and_an_admin_key_for_nothing_else(
    work: Work, view: Views
) -> None:
    project, admin = new_token(), new_token(KeyKind.ADMIN)
    register(work, project, kind=KeyKind.PROJECT)
    register(work, admin, kind=KeyKind.ADMIN)
    assert acting(view, project).roles == {Role.REQUESTER}
    assert acting(view, admin).roles == {Role.ADMINISTRATOR}


def test_a_scoped_key_is_never_for_more_than_its_principal_is_today(work: Work, view: Views) -> None:
    token = new_token()
    register(work, token, scope=frozenset({Role.REQUESTER, Role.STEWARD}))
    assert acting(view, token).roles == {Role.REQUESTER}
    register(work, token, replace(ANN, roles=frozenset({Role.AUDITOR})), scope=frozenset({Role.REQUESTER}))
    assert acting(view, token).roles == frozenset()


def test_who_has_a_key_for_one_request_is_bound_to_it(work: Work, view: Views) -> None:
    token = new_token()
    register(work, token, request=RequestId("req-1"))
    assert acting(view, token).bound_to == "req-1"


def test_a_key_that_nobody_has_names_nobody(work: Work, view: Views) -> None:
    register(work, new_token())
    for token in (new_token(), new_token(KeyKind.ADMIN), "", "tw-", "tw-" + "a" * 43 + "\n", "tw-" + "\udcff" * 43):
        assert identify(view, token, NOW) is LoginFailure.KEY_UNKNOWN


def test_the_stored_hash_is_not_a_key_and_its_id_is_neither(work: Work, view: Views) -> None:
    token = new_token()
    register(work, token)
    for text in (token_hash(token), key_id(token_hash(token))):
        assert identify(view, text, NOW) is LoginFailure.KEY_UNKNOWN


def test_a_key_that_was_revoked_or_has_expired_or_whose_principal_was_revoked_stops_working(
    work: Work, view: Views
) -> None:
    token = new_token()
    register(work, token, expires=NOW + timedelta(milliseconds=1))
    assert acting(view, token) == ANN
    register(work, token, expires=NOW)
    assert identify(view, token, NOW) is LoginFailure.KEY_EXPIRED
    register(work, token, revoked=True)
    assert identify(view, token, NOW) is LoginFailure.KEY_REVOKED
    register(work, token)
    with work(PrincipalId("operator")) as unit:
        unit.principals.put(replace(ANN, revoked=True))
        unit.record(KeyRevoked(principal=ANN.id))
        unit.commit()
    assert identify(view, token, NOW) is LoginFailure.PRINCIPAL_REVOKED


def test_the_id_of_a_key_is_always_the_same_and_says_nothing_of_what_is_stored() -> None:
    digest = token_hash(new_token())
    assert key_id(digest) == key_id(digest) != key_id(token_hash(new_token()))
    assert not any(part in digest for part in (key_id(digest)[4:12], key_id(digest)[-8:]))


def test_what_a_form_brings_is_compared_in_constant_time_and_belongs_to_one_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That `hmac.compare_digest` takes as long for any two of one length is the standard library's promise."""
    compared, equal = list[bool](), hmac.compare_digest

    def watching(left: Any, right: Any) -> bool:
        compared.append(equal(left, right))
        return compared[-1]

    monkeypatch.setattr("tunewarden.drivers.identity.hmac.compare_digest", watching)
    assert is_form_token("one", form_token("one"))
    assert not is_form_token("one", form_token("two"))
    assert not is_form_token("one", "\udcff")
    assert compared == [True, False, False]
