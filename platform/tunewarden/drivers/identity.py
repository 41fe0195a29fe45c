"""API keys and sessions: making what their bearers keep, and finding whose it is.

Of a token only its SHA-256 is stored. A plain hash suffices, where a password would need a slow one: a token has 256
random bits, so nobody can try them all, however fast the hash. Looking the hash up in an index may take longer the more
of it fits, but an attacker cannot choose the hash of what they send, so that time tells them nothing about a token.
What we compare ourselves is compared in constant time.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from tunewarden.domain.identities import KeyKind, LoginFailure, acting_roles
from tunewarden.domain.tokens import PREFIXES, TOKEN, is_admin_token as is_admin_token, is_token as is_token
from tunewarden.usecases.keys import works
from tunewarden.usecases.ports import KeyRecord, Principal, Views

_SIGNING_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whoever brought a key that works: as whom they act with it, and the key."""

    principal: Principal
    key: KeyRecord


def new_token(kind: KeyKind = KeyKind.PROJECT) -> str:
    """A fresh API key: the prefix of its kind and 256 random bits in base64url. Shown once and stored nowhere."""
    return PREFIXES[kind] + secrets.token_urlsafe(32)


def new_session_token() -> str:
    """What a browser keeps of a session: 256 random bits in base64url, stored nowhere else."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256, 64 hex digits."""
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


def holds_token(text: str) -> bool:
    """Whether something that looks like an API key, or a webhook's signing secret, stands anywhere in this."""
    return TOKEN.search(text) is not None or _SIGNING_SECRET.search(text) is not None


def identify(view: Views, token: str, now: datetime) -> Bearer | LoginFailure:
    """Whose key this is and as whom they act with it, or why it opens nothing."""
    if not is_token(token):
        return LoginFailure.KEY_UNKNOWN
    digest = token_hash(token)
    with view() as shelves:
        key = shelves.keys.find(digest)
        if key is None or not hmac.compare_digest(key.hash, digest):
            return LoginFailure.KEY_UNKNOWN
        if not works(key, now):
            return LoginFailure.KEY_REVOKED if key.revoked else LoginFailure.KEY_EXPIRED
        holder = shelves.principals.find(key.principal)
    if holder is None or holder.revoked:
        return LoginFailure.PRINCIPAL_REVOKED
    roles = acting_roles(holder.roles, key.kind, key.scope)
    scoped = key.scope is not None or key.kind is KeyKind.ADMIN
    acting = replace(holder, roles=roles, bound_to=key.request, scoped=scoped, within=key.project)
    return Bearer(principal=acting, key=key)


def form_token(session_token: str) -> str:
    """What every form of a session has to bring (against forged requests): who has only one of them has not the other.

    HMAC-SHA256 of a fixed word under the session's token, 64 hex digits.
    """
    return hmac.new(session_token.encode("utf-8"), b"tunewarden form", hashlib.sha256).hexdigest()


def is_form_token(session_token: str, given: str) -> bool:
    """Whether a form brought the right one; in constant time."""
    return hmac.compare_digest(form_token(session_token).encode(), given.encode("utf-8", "replace"))
