"""API keys."""

from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers.identity import authenticate, new_token, token_hash
from tunewarden.usecases.ports import KeyRecord, Principal, Views, Work

ANN = Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.REQUESTER}), name="Ann")


def register(work: Work, token: str, *, revoked: bool = False) -> None:
    with work(ANN.id) as unit:
        unit.principals.put(ANN)
        unit.keys.put(KeyRecord(hash=token_hash(token), principal=ANN.id, revoked=revoked))
        event = KeyRevoked(principal=ANN.id) if revoked else KeyCreated(principal=ANN.id, roles=(Role.REQUESTER,))
        unit.record(event)
        unit.commit()


def test_tokens_have_256_random_bits_and_no_two_are_alike() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {len("tw-") + 43}  # 32 bytes in base64url without padding


def test_a_key_names_its_principal(work: Work, view: Views) -> None:
    token = new_token()
    register(work, token)
    assert authenticate(view, token) == ANN


def test_a_key_that_nobody_has_names_nobody(work: Work, view: Views) -> None:
    register(work, new_token())
    for token in (new_token(), "", "tw-", "tw-" + "a" * 43 + "\n", "tw-" + "\udcff" * 43, "Bearer"):
        assert authenticate(view, token) is None


def test_the_stored_hash_is_not_a_key(work: Work, view: Views) -> None:
    token = new_token()
    register(work, token)
    assert authenticate(view, token_hash(token)) is None


def test_a_revoked_key_stops_working(work: Work, view: Views) -> None:
    token = new_token()
    register(work, token)
    register(work, token, revoked=True)
    assert authenticate(view, token) is None
