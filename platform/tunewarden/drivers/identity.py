"""API keys: making them, and finding whose they are.

Of a token only its SHA-256 is stored. A plain hash suffices, where a password would need a slow one: a token has 256
random bits, so nobody can try them all, however fast the hash. Looking the hash up in an index may take longer the more
of it fits, but an attacker cannot choose the hash of what they send, so that time tells them nothing about a token.
"""

import hashlib
import re
import secrets

from tunewarden.usecases.ports import Principal, Views

_TOKEN = re.compile(r"tw-[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """A fresh API key: `tw-` and 256 random bits in base64url. It is shown once and stored nowhere."""
    return "tw-" + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256, 64 hex digits."""
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


def authenticate(view: Views, token: str) -> Principal | None:
    """Whose key this is; None for a key that nobody has or that was revoked."""
    if not _TOKEN.fullmatch(token):
        return None
    with view() as now:
        key = now.keys.find(token_hash(token))
        return None if key is None or key.revoked else now.principals.find(key.principal)
