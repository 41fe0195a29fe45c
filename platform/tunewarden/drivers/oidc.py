"""An identity provider (OpenID Connect): tokens verified, and the code flow with PKCE for browsers.

Sources: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3.7; Discovery 1.0, section 4; RFC 7519 (JWT), RFC 8725 (its
best practices), RFC 7636 (PKCE, S256 only), RFC 9207 (issuer in the answer). joserfc checks signatures; what is signed
with, by whom, for whom and when is asked here.

Trusted: the provider of the configured issuer, for who somebody is and for their groups. Not asked: whether it took a
token back meanwhile; that takes effect when the token expires.
"""

import hashlib
import hmac
import json
import math
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from joserfc import jwk, jwt
from joserfc.errors import BadSignatureError, JoseError

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.identities import LoginFailure, PrincipalKind
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers.oidc_web import Web, unavailable
from tunewarden.usecases.ports import Clock
from tunewarden.usecases.sessions import Vouched

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519", "EdDSA"})
"""What can be allowed. Never `none`, and no HS: the provider's public keys must not serve as a shared secret."""

LONGEST_TOKEN = 16 * 1024  # characters
SKEW = timedelta(seconds=60)
_REFETCH_SECONDS = 60.0
_FRESH_SECONDS = 3600.0
_SHORTEST_RSA = 256  # bytes: NIST SP 800-131A
_LONGEST_WORD = 255  # characters of a subject (OpenID Connect Core, section 2) and of a key id
_MOST_GROUPS = 1000

Key = jwk.RSAKey | jwk.ECKey | jwk.OKPKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How this platform is known to the provider.

    Attributes:
        issuer: the provider's URL, exactly as its tokens state it.
        audience: for whom bearer tokens have to be; empty where none are accepted.
        algorithms: of `ALGORITHMS`, those allowed.
        group_claim: the member of a token that lists groups.
        groups: name of a group -> what its members may be.
        client_id, client_secret, redirect_uri: for browsers; the first is empty where none can log in.
    """

    issuer: str
    algorithms: frozenset[str]
    group_claim: str
    groups: Mapping[str, frozenset[Role]]
    audience: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    redirect_uri: str = ""


class Provider:
    """The provider of one issuer, as seen from here. Safe to use from several threads."""

    def __init__(
        self, registration: Registration, web: Web, clock: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ours, self._web, self._clock, self._monotonic = registration, web, clock, monotonic
        self._lock = Lock()
        self._metadata: Mapping[str, object] = {}
        self._keys: Mapping[str, tuple[Key, str | None]] = {}
        self._fetched_at = self._tried_at = -math.inf

    def verify_bearer(self, token: str) -> Vouched | LoginFailure:
        """Whom an access token is about, or why it counts for nothing. Raises `Unavailable`."""
        if not self._ours.audience:
            return LoginFailure.TOKEN_AUDIENCE
        claims = self._verified(token, self._ours.audience)
        return claims if isinstance(claims, LoginFailure) else self._vouched(claims)

    def login_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where a browser goes to log in. Raises `Unavailable`."""
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._ours.client_id,
            "redirect_uri": self._ours.redirect_uri,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def redeem(self, code: str, *, verifier: str, nonce: str) -> Vouched | LoginFailure:
        """Whom a browser's code is about: the code is exchanged for an ID token, which is verified."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._ours.redirect_uri,
            "client_id": self._ours.client_id,
            "code_verifier": verifier,
        }
        secret = self._ours.client_secret
        client = (self._ours.client_id, secret) if secret else None
        answer = self._web.post(self._endpoint("token_endpoint"), form, client)
        token = None if answer is None else answer.get("id_token")
        if not isinstance(token, str):
            return LoginFailure.LOGIN_CODE
        claims = self._verified(token, self._ours.client_id)
        if isinstance(claims, LoginFailure):
            return claims
        given = claims.get("nonce")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
            return LoginFailure.TOKEN_NONCE
        return self._vouched(claims)

    def is_from(self, issuer: str | None) -> bool:
        """Whether an answer that a browser brings may be this provider's (RFC 9207); one that says nothing may."""
        return issuer is None or issuer == self._ours.issuer

    def _verified(self, token: str, audience: str) -> Mapping[str, Any] | LoginFailure:
        """The claims of a token, after every check but that of a nonce.

        1. Its form: small enough, with a header.
        2. An allowed algorithm, a key of the provider's that is meant for it.
        3. The signature.
        4. Issuer and audience are the configured ones.
        5. It is in force, within `SKEW`; `nbf` counts where it is there, `iat`, `exp` and `sub` have to be.
        """
        header = _header(token)  # 1
        if header is None:
            return LoginFailure.TOKEN_MALFORMED
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._ours.algorithms:  # 2
            return LoginFailure.TOKEN_ALGORITHM
        found = self._key(header.get("kid"))
        if found is None:
            return LoginFailure.TOKEN_KEY_UNKNOWN
        key, meant_for = found
        if meant_for is not None and meant_for != algorithm:
            return LoginFailure.TOKEN_ALGORITHM
        try:
            claims = jwt.decode(token, key, algorithms=[algorithm]).claims  # 3
        except BadSignatureError:
            return LoginFailure.TOKEN_SIGNATURE
        except (JoseError, ValueError, TypeError, RecursionError):
            return LoginFailure.TOKEN_MALFORMED
        if claims.get("iss") != self._ours.issuer:  # 4
            return LoginFailure.TOKEN_ISSUER
        if not _is_for(claims, audience):
            return LoginFailure.TOKEN_AUDIENCE
        return self._in_force(claims) or claims  # 5

    def _in_force(self, claims: Mapping[str, Any]) -> LoginFailure | None:
        times = {name: _instant(claims[name]) for name in ("iat", "exp", "nbf") if name in claims}
        subject = claims.get("sub")
        if not {"iat", "exp"} <= times.keys() or None in times.values():
            return LoginFailure.TOKEN_MALFORMED
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_WORD:
            return LoginFailure.TOKEN_MALFORMED
        now = self._clock()
        at = {name: found for name, found in times.items() if found is not None}
        if now >= at["exp"] + SKEW:
            return LoginFailure.TOKEN_EXPIRED
        if at["iat"] > now + SKEW or at.get("nbf", now) > now + SKEW:
            return LoginFailure.TOKEN_NOT_YET
        return None

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched | LoginFailure:
        """What the claims say. A token about the client that asked for it is a program's (RFC 9068, 2.2).

        Not seen: a program to which the provider gives a subject of its own, as if it were a person.
        """
        clients = [claims.get(name) for name in ("client_id", "azp")]
        groups, said_at = claims.get(self._ours.group_claim, []), _instant(claims["iat"])
        if not isinstance(groups, list) or len(groups) > _MOST_GROUPS or said_at is None:
            return LoginFailure.TOKEN_MALFORMED
        roles = [self._ours.groups.get(group, frozenset()) for group in groups if isinstance(group, str)]
        return Vouched(
            principal=principal_id(self._ours.issuer, claims["sub"]),
            issuer=self._ours.issuer,
            roles=frozenset[Role]().union(*roles),
            at=said_at,
            kind=PrincipalKind.SERVICE if claims["sub"] in clients else PrincipalKind.PERSON,
        )

    def _key(self, identifier: object) -> tuple[Key, str | None] | None:
        """A key of the provider's, and the algorithm it is meant for.

        Keys are asked for anew after an hour, and where one is not known, at most once a minute: providers change them.
        """
        if not isinstance(identifier, str) or not 0 < len(identifier) <= _LONGEST_WORD:
            return None
        with self._lock:
            now = self._monotonic()
            is_stale = now - self._fetched_at >= _FRESH_SECONDS
            if is_stale or identifier not in self._keys:
                self._refetch(now, is_needed=is_stale)
            return self._keys.get(identifier)

    def _endpoint(self, name: str) -> str:
        with self._lock:
            now = self._monotonic()
            if now - self._fetched_at >= _FRESH_SECONDS:
                self._refetch(now, is_needed=True)
            found = self._metadata.get(name)
        if not isinstance(found, str):
            raise unavailable(f"its discovery document has no {name}")
        return found

    def _refetch(self, now: float, *, is_needed: bool) -> None:
        """Discovery and keys, at most once a minute. Raises `Unavailable` where they are needed and cannot be had."""
        if now - self._tried_at < _REFETCH_SECONDS:
            if is_needed:
                raise unavailable("it did not answer a moment ago")
            return
        self._tried_at = now
        try:
            metadata = self._web.get(self._ours.issuer.rstrip("/") + "/.well-known/openid-configuration")
            place = metadata.get("jwks_uri")
            if metadata.get("issuer") != self._ours.issuer or not isinstance(place, str):
                raise unavailable("its discovery document is about another issuer, or has no keys")
            keys = _keys(self._web.get(place))
        except Unavailable:
            if is_needed:
                raise
            return
        self._metadata, self._keys, self._fetched_at = metadata, keys, now


def principal_id(issuer: str, subject: str) -> PrincipalId:
    """The opaque id of who a subject of an issuer is; the same for the same two, for ever.

    A hash, not a secret: who knows a subject can tell which id is theirs.
    """
    return PrincipalId("oidc-" + hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()[:32])


def _header(token: str) -> Mapping[str, object] | None:
    """The protected header of a compact JWS; None for anything else. What it asks for beyond that, joserfc refuses."""
    if len(token) > LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        return None
    try:
        header = json.loads(_decoded(token.partition(".")[0]))
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None


def _is_for(claims: Mapping[str, Any], audience: str) -> bool:
    """RFC 7519, 4.1.3; where a token is for several, whoever asked for it (`azp`) has to be named and be us."""
    named = claims.get("aud")
    several = named if isinstance(named, list) else [named]
    if audience not in several:
        return False
    return len(several) == 1 or claims.get("azp") == audience


def _instant(value: object) -> datetime | None:
    """A NumericDate (RFC 7519, section 2), of this age."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _keys(document: Mapping[str, object]) -> Mapping[str, tuple[Key, str | None]]:
    """The public keys of a JWK set (RFC 7517) that sign, by id; what we cannot use is passed over."""
    listed = document.get("keys")
    found: dict[str, tuple[Key, str | None]] = {}
    for one in listed if isinstance(listed, list) else []:
        key = _key_of(one) if isinstance(one, dict) else None
        if key is not None:
            found[one["kid"]] = (key, one.get("alg"))
    return found


def _key_of(one: Mapping[str, Any]) -> Key | None:
    if not isinstance(one.get("kid"), str) or one.get("use", "sig") != "sig":
        return None
    try:
        if one.get("kty") == "RSA" and len(_decoded(one["n"])) >= _SHORTEST_RSA:
            return jwk.RSAKey.import_key({"kty": "RSA", "n": one["n"], "e": one["e"]})
        if one.get("kty") == "EC":
            return jwk.ECKey.import_key({name: one[name] for name in ("kty", "crv", "x", "y")})
        if one.get("kty") == "OKP":
            return jwk.OKPKey.import_key({name: one[name] for name in ("kty", "crv", "x")})
    except (JoseError, ValueError, KeyError, TypeError):
        pass
    return None


def _decoded(text: str) -> bytes:
    """Base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def allowed_algorithms(names: Collection[str]) -> frozenset[str]:
    """Those of `ALGORITHMS` that are named; raises `ValueError` for another one, and for none."""
    chosen = frozenset(names)
    if not chosen or not chosen <= ALGORITHMS:
        raise ValueError(f"algorithms are of {', '.join(sorted(ALGORITHMS))}")
    return chosen
