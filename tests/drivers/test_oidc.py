"""Tokens of an identity provider: what is accepted, and every way in which a forged or a foreign one is not.

The provider here is a key of ours and two documents; tests/entry/api/test_real_provider.py asks a real one.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, strategies as st
from joserfc import jwk, jwt
from tests.conftest import NOW

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.identities import LoginFailure
from tunewarden.domain.names import Role
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.oidc import LONGEST_TOKEN, Provider, Registration, allowed_algorithms, principal_id
from tunewarden.usecases.sessions import Vouched

ISSUER = "https://id.example"
SIGNERS = {
    "RS256": jwk.RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": jwk.ECKey.generate_key("P-256", {"kid": "ec"}),
    "Ed25519": jwk.OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
OURS = Registration(
    issuer=ISSUER,
    audience="tunewarden",
    algorithms=frozenset({"RS256", "ES256", "Ed25519"}),
    group_claim="groups",
    groups={"askers": frozenset({Role.REQUESTER}), "keepers": frozenset({Role.STEWARD})},
    client_id="pages",
    redirect_uri="https://house.example/login/callback",
)
SECONDS = int(NOW.timestamp())
CLAIMS = {"iss": ISSUER, "aud": "tunewarden", "sub": "ann", "iat": SECONDS, "exp": SECONDS + 300, "groups": ["askers"]}


def public(key: Any, **members: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.kid, "use": "sig", **members}


@dataclass(slots=True)
class Shelf:
    """The two documents, and the answer to a code; counts what is asked of it."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [public(key) for key in SIGNERS.values()])
    metadata: dict[str, Any] = field(default_factory=dict)
    answer: Mapping[str, object] | None = None
    forms: list[tuple[Mapping[str, str], tuple[str, str] | None]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False

    def get(self, url: str) -> Mapping[str, object]:
        self.asked.append(url)
        if self.is_down:
            raise Unavailable("identity_provider_unavailable", "It is down.")
        if url == f"{ISSUER}/.well-known/openid-configuration":
            places = {name: f"{ISSUER}/{name}" for name in ("jwks_uri", "authorization_endpoint", "token_endpoint")}
            return {"issuer": ISSUER, **places, **self.metadata}
        assert url == f"{ISSUER}/jwks_uri"
        return {"keys": self.keys}

    def post(self, url: str, form: Mapping[str, str], client: tuple[str, str] | None) -> Mapping[str, object] | None:
        assert url == f"{ISSUER}/token_endpoint"
        self.forms.append((form, client))
        return self.answer


@dataclass(slots=True)
class House:
    shelf: Shelf = field(default_factory=Shelf)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    seconds: float = 0.0
    ours: Registration = OURS
    provider: Provider = field(init=False)

    def __post_init__(self) -> None:
        self.provider = Provider(self.ours, self.shelf, self.clock, lambda: self.seconds)

    def says(self, token: str) -> Vouched | LoginFailure:
        return self.provider.verify_bearer(token)


def token(algorithm: str = "RS256", header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    key = SIGNERS[algorithm]
    whole = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode({"alg": algorithm, "kid": key.kid, **(header or {})}, whole, key, algorithms=[algorithm])


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", SIGNERS)
def test_a_token_of_the_provider_for_us_says_who_somebody_is_and_what_their_groups_stand_for(algorithm: str) -> None:
    said = House().says(token(algorithm, groups=["askers", "keepers", "others"]))
    assert said == Vouched(
        principal=principal_id(ISSUER, "ann"), issuer=ISSUER, roles=frozenset({Role.REQUESTER, Role.STEWARD}), at=NOW
    )


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_the_older_name_of_ed25519_is_accepted_where_it_is_allowed() -> None:
    house = House(ours=replace(OURS, algorithms=frozenset({"EdDSA"})))
    key = SIGNERS["Ed25519"]
    assert isinstance(house.says(jwt.encode({"alg": "EdDSA", "kid": "ed"}, CLAIMS, key, algorithms=["EdDSA"])), Vouched)


def test_who_somebody_is_depends_on_the_issuer_too_and_is_an_id_that_may_stand_in_the_log() -> None:
    made = {principal_id(issuer, sub) for issuer, sub in [("a", "bc"), ("ab", "c"), ("a", "b"), ('a","b', "c")]}
    assert len(made) == 4
    assert all(len(one) == 37 and one.startswith("oidc-") and one.isascii() for one in made)


# --- the attack list -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, 7, ["RS256"], {"RS256": 1}])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_a_token_that_says_it_needs_no_signature_is_refused(name: object, signature: str) -> None:
    forged = f"{part({'alg': name, 'kid': 'rsa'})}.{part(CLAIMS)}.{signature}"
    assert House().says(forged) is LoginFailure.TOKEN_ALGORITHM


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_the_public_key_does_not_serve_as_a_shared_secret(algorithm: str) -> None:
    """Key confusion (RFC 8725, 2.1): signed with HMAC under the public key, as PEM and as the JWK's text."""
    for secret in (SIGNERS["RS256"].as_pem(private=False), json.dumps(public(SIGNERS["RS256"])).encode()):
        signed = f"{part({'alg': algorithm, 'kid': 'rsa'})}.{part(CLAIMS)}"
        mac = hmac.new(secret, signed.encode(), getattr(hashlib, "sha" + algorithm[2:])).digest()
        forged = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        assert House().says(forged) is LoginFailure.TOKEN_ALGORITHM


def test_no_hs_and_no_none_can_be_allowed_at_all() -> None:
    for name in ("HS256", "none", "", "RS1"):
        with pytest.raises(ValueError, match="algorithms are of"):
            allowed_algorithms([name])
    with pytest.raises(ValueError, match="algorithms are of"):
        allowed_algorithms([])


def test_a_key_signs_in_no_other_algorithm_than_its_own() -> None:
    forged = f"{part({'alg': 'ES256', 'kid': 'rsa'})}.{token().partition('.')[2]}"
    assert House().says(forged) is LoginFailure.TOKEN_MALFORMED
    shelf = Shelf(keys=[public(SIGNERS["RS256"], alg="PS256")])
    assert House(shelf=shelf).says(token()) is LoginFailure.TOKEN_ALGORITHM


def test_a_shared_secret_and_a_key_for_encryption_in_the_key_set_sign_nothing() -> None:
    secret = {"kty": "oct", "k": part("x" * 40), "kid": "rsa", "use": "sig"}
    for keys in ([secret], [public(SIGNERS["RS256"], use="enc")]):
        assert House(shelf=Shelf(keys=keys)).says(token()) is LoginFailure.TOKEN_KEY_UNKNOWN


def test_a_short_key_and_one_that_is_broken_are_passed_over() -> None:
    modulus = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n  # noqa: S505  short on purpose
    written = base64.urlsafe_b64encode(modulus.to_bytes(128)).rstrip(b"=").decode()
    short = {"kty": "RSA", "n": written, "e": "AQAB", "kid": "rsa"}
    broken: list[Any] = [short, {"kty": "EC", "kid": "rsa"}, {"kid": 7}, "text", {"kty": "RSA", "kid": "rsa", "n": 5}]
    shelf = Shelf(keys=[*broken, public(SIGNERS["ES256"])])
    assert House(shelf=shelf).says(token()) is LoginFailure.TOKEN_KEY_UNKNOWN
    assert isinstance(House(shelf=shelf).says(token("ES256")), Vouched)


@pytest.mark.parametrize("member", ["jwk", "jku", "x5c", "x5u"])
def test_a_key_that_a_token_brings_along_is_not_used(member: str) -> None:
    mine = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
    header = {"alg": "RS256", "kid": "rsa"}
    signature = jwt.encode(header, CLAIMS, mine, algorithms=["RS256"]).rpartition(".")[2]
    brought = {"jwk": public(mine), "x5c": ["AA"]}.get(member, "https://evil.example/keys")
    house = House()
    assert house.says(f"{part({**header, member: brought})}.{part(CLAIMS)}.{signature}") in {
        LoginFailure.TOKEN_SIGNATURE,
        LoginFailure.TOKEN_MALFORMED,
    }
    assert not [url for url in house.shelf.asked if not url.startswith(ISSUER)]


def test_a_token_that_was_altered_is_refused() -> None:
    header, _, signature = token().split(".")
    assert House().says(f"{header}.{part({**CLAIMS, 'sub': 'eve'})}.{signature}") is LoginFailure.TOKEN_SIGNATURE


def test_a_key_of_somebody_else_signs_nothing() -> None:
    other = jwk.RSAKey.generate_key(2048)
    forged = jwt.encode({"alg": "RS256", "kid": "rsa"}, CLAIMS, other, algorithms=["RS256"])
    assert House().says(forged) is LoginFailure.TOKEN_SIGNATURE


@pytest.mark.parametrize(
    "audience", ["other", ["other"], None, [], "", ["tunewarden", "other"], 7, {"tunewarden": True}, "tunewarden "]
)
def test_a_token_for_somebody_else_is_refused(audience: object) -> None:
    assert House().says(token(aud=audience)) is LoginFailure.TOKEN_AUDIENCE


def test_a_token_for_several_needs_us_as_the_one_that_asked_for_it() -> None:
    assert isinstance(House().says(token(aud=["tunewarden", "other"], azp="tunewarden")), Vouched)
    assert House().says(token(aud=["tunewarden", "other"], azp="other")) is LoginFailure.TOKEN_AUDIENCE


@pytest.mark.parametrize("issuer", ["https://evil.example", ISSUER + "/", ISSUER.upper(), None, [ISSUER]])
def test_a_token_of_another_issuer_is_refused(issuer: object) -> None:
    assert House().says(token(iss=issuer)) is LoginFailure.TOKEN_ISSUER


def test_a_token_is_in_force_from_its_beginning_to_its_end_give_or_take_a_minute() -> None:
    for seconds, expected in ((359, None), (360, LoginFailure.TOKEN_EXPIRED), (9999, LoginFailure.TOKEN_EXPIRED)):
        house = House()
        house.clock.advance(timedelta(seconds=seconds))
        said = house.says(token())
        assert said is expected or (expected is None and isinstance(said, Vouched))
    for claim in ("iat", "nbf"):
        assert isinstance(House().says(token(**{claim: SECONDS + 60})), Vouched)
        assert House().says(token(**{claim: SECONDS + 61})) is LoginFailure.TOKEN_NOT_YET


@pytest.mark.parametrize("claim", ["iat", "exp", "sub"])
@pytest.mark.parametrize("value", [None, "", "1", True, [], float("nan"), -1, 2**80])
def test_a_token_without_a_claim_that_is_needed_or_with_a_strange_one_is_refused(claim: str, value: object) -> None:
    if claim == "sub" and value == "1":
        return
    header, payload, key = {"alg": "RS256", "kid": "rsa"}, {**CLAIMS, claim: value}, SIGNERS["RS256"]
    if value is None:
        del payload[claim]
    assert House().says(jwt.encode(header, payload, key, algorithms=["RS256"])) is LoginFailure.TOKEN_MALFORMED


@pytest.mark.parametrize("groups", ["askers", {"askers": True}, 7, ["x"] * 1001])
def test_groups_that_are_no_list_let_nobody_in(groups: object) -> None:
    assert House().says(token(groups=groups)) is LoginFailure.TOKEN_MALFORMED


def test_a_token_about_the_client_that_asked_for_it_is_a_programs() -> None:
    for claims, kind in (({}, "person"), ({"client_id": "ann"}, "service"), ({"azp": "ann"}, "service")):
        said = House().says(token(**{"client_id": "pages", **claims}))
        assert isinstance(said, Vouched)
        assert said.kind == kind


def test_no_groups_and_unknown_ones_stand_for_nothing() -> None:
    for groups in (None, [], ["administrator", "Askers", 7]):
        said = House().says(token(groups=groups))
        assert isinstance(said, Vouched)
        assert said.roles == frozenset()


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"b64": False}])
def test_a_header_that_asks_for_more_than_we_know_is_refused(header: Mapping[str, Any]) -> None:
    signature = token().rpartition(".")[2]
    forged = f"{part({'alg': 'RS256', 'kid': 'rsa', **header})}.{part(CLAIMS)}.{signature}"
    assert House().says(forged) is LoginFailure.TOKEN_MALFORMED


@given(text=st.text(max_size=200) | st.lists(st.text(max_size=20), min_size=3, max_size=3).map(".".join))
def test_no_text_at_all_is_a_token_or_breaks_anything(text: str) -> None:
    assert isinstance(House().says(text), LoginFailure)


def test_a_token_that_is_too_long_is_not_even_looked_at() -> None:
    house = House()
    assert house.says(token(padding="x" * LONGEST_TOKEN)) is LoginFailure.TOKEN_MALFORMED
    assert house.shelf.asked == []


def test_a_deep_token_is_refused_and_nothing_breaks() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 9000).rstrip(b"=").decode()
    assert House().says(f"{deep}.{part(CLAIMS)}.AA") is LoginFailure.TOKEN_MALFORMED


# --- keys change -----------------------------------------------------------------------------------------------------


def test_an_unknown_key_is_looked_for_at_most_once_a_minute() -> None:
    house = House()
    assert isinstance(house.says(token()), Vouched)
    house.shelf.asked.clear()
    for number in range(50):
        assert house.says(token(header={"kid": f"unknown-{number}"})) is LoginFailure.TOKEN_KEY_UNKNOWN
    assert house.shelf.asked == []
    house.seconds = 60
    for number in range(50):
        assert house.says(token(header={"kid": f"unknown-{number}"})) is LoginFailure.TOKEN_KEY_UNKNOWN
    assert len(house.shelf.asked) == 2, "discovery and keys, once"


def test_a_new_key_is_found_and_one_that_was_taken_away_stops_counting() -> None:
    house = House()
    house.shelf.keys = [public(SIGNERS["RS256"])]
    assert isinstance(house.says(token()), Vouched)
    house.shelf.keys = [public(SIGNERS["ES256"])]
    house.seconds = 61
    assert isinstance(house.says(token("ES256")), Vouched)
    assert house.says(token()) is LoginFailure.TOKEN_KEY_UNKNOWN


def test_keys_older_than_an_hour_are_not_believed_without_asking() -> None:
    house = House()
    assert isinstance(house.says(token()), Vouched)
    house.shelf.is_down, house.seconds = True, 3599
    assert isinstance(house.says(token()), Vouched)
    house.seconds = 3600
    for _ in range(2):
        with pytest.raises(Unavailable):
            house.says(token())
    assert house.shelf.asked.count(f"{ISSUER}/.well-known/openid-configuration") == 2, "asked once, not twice"


def test_a_provider_that_is_down_does_not_end_what_is_known() -> None:
    house = House()
    assert isinstance(house.says(token()), Vouched)
    house.shelf.is_down, house.seconds = True, 100
    assert house.says(token(header={"kid": "other"})) is LoginFailure.TOKEN_KEY_UNKNOWN
    assert isinstance(house.says(token()), Vouched)


@pytest.mark.parametrize("wrong", [{"issuer": "https://evil.example"}, {"issuer": None}, {"jwks_uri": None}])
def test_a_discovery_document_about_somebody_else_is_of_no_use(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        House(shelf=Shelf(metadata=wrong)).says(token())


def test_nothing_is_asked_of_the_provider_before_there_is_a_token_to_check() -> None:
    house = House()
    house.says("not.a.token")
    assert house.shelf.asked == []


def test_without_an_audience_no_token_counts() -> None:
    assert House(ours=replace(OURS, audience="")).says(token(aud="")) is LoginFailure.TOKEN_AUDIENCE


# --- the code flow ---------------------------------------------------------------------------------------------------


def test_a_browser_is_sent_with_a_challenge_and_the_code_is_redeemed_with_what_it_is_the_hash_of() -> None:
    house = House(ours=replace(OURS, client_secret="s€cret"))
    query = parse_qs(urlsplit(house.provider.login_url(state="s", nonce="n", verifier="v" * 43)).query)
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).rstrip(b"=").decode()
    assert (query["code_challenge"], query["code_challenge_method"]) == ([digest], ["S256"])
    assert (query["state"], query["nonce"], query["response_type"]) == (["s"], ["n"], ["code"])
    house.shelf.answer = {"id_token": token(aud="pages", nonce="n")}
    assert isinstance(house.provider.redeem("code", verifier="v" * 43, nonce="n"), Vouched)
    ((form, client),) = house.shelf.forms
    assert (form["code_verifier"], form["redirect_uri"]) == ("v" * 43, OURS.redirect_uri)
    assert client == ("pages", "s€cret")
    assert "s€cret" not in repr(house.ours)


@pytest.mark.parametrize("nonce", ["other", None, "", 7, ["n"]])
def test_a_token_that_was_made_for_another_login_is_refused(nonce: object) -> None:
    house = House()
    house.shelf.answer = {"id_token": token(aud="pages", nonce=nonce)}
    assert house.provider.redeem("code", verifier="v", nonce="n") is LoginFailure.TOKEN_NONCE


def test_a_token_for_programs_logs_no_browser_in_and_the_other_way_round() -> None:
    house = House()
    house.shelf.answer = {"id_token": token(nonce="n")}
    assert house.provider.redeem("code", verifier="v", nonce="n") is LoginFailure.TOKEN_AUDIENCE
    assert house.says(token(aud="pages", nonce="n")) is LoginFailure.TOKEN_AUDIENCE


@pytest.mark.parametrize("answer", [None, {}, {"id_token": 7}, {"access_token": "x"}])
def test_a_code_that_the_provider_does_not_take_logs_nobody_in(answer: Any) -> None:
    house = House()
    house.shelf.answer = answer
    assert house.provider.redeem("code", verifier="v", nonce="n") is LoginFailure.LOGIN_CODE


def test_an_answer_that_names_another_issuer_is_not_this_providers() -> None:
    assert [House().provider.is_from(issuer) for issuer in (None, ISSUER, "https://evil.example", "")] == [
        True,
        True,
        False,
        False,
    ]
