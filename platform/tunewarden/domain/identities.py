"""Who acts, and by which kind of key: closed vocabularies, and what a key lets its principal be.

Nothing here reads a token. Drivers say whose one is; these rules say what its bearer may be taken for.
"""

import hashlib
from collections.abc import Set
from enum import StrEnum
from typing import NewType

from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.names import RequestId, Role

KeyId = NewType("KeyId", str)
"""`key-` and 32 hexadecimal digits; says which key is meant, and nothing that would help to make it."""


class PrincipalKind(StrEnum):
    """What a principal is. Only a person counts as one where several have to agree."""

    PERSON = "person"
    SERVICE = "service"


class KeyKind(StrEnum):
    """Which doors a key opens: those of the administration, or all the others."""

    PROJECT = "project"
    ADMIN = "admin"


class LoginFailure(StrEnum):
    """Why somebody was not let in. Written into the log; nothing that was sent ever is."""

    KEY_UNKNOWN = "key-unknown"
    KEY_REVOKED = "key-revoked"
    KEY_EXPIRED = "key-expired"
    KEY_OF_ANOTHER_KIND = "key-of-another-kind"
    PRINCIPAL_REVOKED = "principal-revoked"
    TOKEN_MALFORMED = "token-malformed"  # noqa: S105  a word, not a token
    TOKEN_ALGORITHM = "token-algorithm"  # noqa: S105
    TOKEN_SIGNATURE = "token-signature"  # noqa: S105
    TOKEN_KEY_UNKNOWN = "token-key-unknown"  # noqa: S105
    TOKEN_ISSUER = "token-issuer"  # noqa: S105
    TOKEN_AUDIENCE = "token-audience"  # noqa: S105
    TOKEN_EXPIRED = "token-expired"  # noqa: S105
    TOKEN_NOT_YET = "token-not-yet"  # noqa: S105
    TOKEN_NONCE = "token-nonce"  # noqa: S105
    ROLES_CONFLICT = "roles-conflict"
    LOGIN_STATE = "login-state"
    LOGIN_CODE = "login-code"
    SESSION_FORGED = "session-forged"


def key_id(token_hash: str) -> KeyId:
    """The id of the key that is stored under this hash, 64 hex digits; a hash of it, so that the log helps nobody."""
    return KeyId("key-" + hashlib.sha256(b"tunewarden key id\n" + token_hash.encode("ascii")).hexdigest()[:32])


def acting_roles(held: Set[Role], kind: KeyKind | None, scope: Set[Role] | None) -> frozenset[Role]:
    """As what a principal who holds these roles acts with a key: never more than they hold today.

    An admin key is for the administrator in somebody, a project key for everything else in them. A key from before
    keys had a kind (None) is for both; one without a scope (None) is for all of it.
    """
    roles = frozenset(held if scope is None else held & scope)
    match kind:
        case KeyKind.ADMIN:
            return roles & {Role.ADMINISTRATOR}
        case KeyKind.PROJECT:
            return roles - {Role.ADMINISTRATOR}
    return roles


def require_scope(held: Set[Role], kind: KeyKind, scope: Set[Role] | None, request: RequestId | None) -> None:
    """Raise where a new key would be for more than its principal is, or for nothing at all."""
    if scope is not None and not scope <= held:
        raise Refused(
            "scope_exceeds_roles",
            "A key may not be for a role that its principal does not have.",
            remedy="Leave the role out of the key.",
            who=Role.ADMINISTRATOR,
            param="scope",
        )
    if kind is KeyKind.ADMIN and request is not None:
        raise Malformed("admin_key_bound", "An admin key has no training request to be bound to.", param="request")
    if not acting_roles(held, kind, scope):
        raise Malformed(
            "key_for_nothing",
            "An admin key is for the administrator role alone, a project key for every other role; nothing is left.",
            remedy="Choose the other kind of key, or other roles.",
            param="kind",
        )
