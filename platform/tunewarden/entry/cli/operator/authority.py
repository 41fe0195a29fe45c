"""What somebody with a shell on the machine may do without an API key."""

from collections.abc import Sequence
from datetime import timedelta

from tunewarden.domain.identities import KeyId, KeyKind, PrincipalKind
from tunewarden.domain.names import PrincipalId, ProjectId, RequestId, Role
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.usecases import keys
from tunewarden.usecases.ports import KeyRecord, Platform, Principal, Receipt

OPERATOR = Principal(id=PrincipalId("operator"), roles=frozenset({Role.ADMINISTRATOR}), name="operator")
"""Who can read the key files anyway. Recorded as itself, so the log shows which keys were made at the machine."""


def create_key(
    platform: Platform,
    name: str,
    roles: frozenset[Role],
    *,
    kind: KeyKind | None = None,
    scope: frozenset[Role] = frozenset(),
    days: int | None = None,
    request: RequestId | None = None,
    being: PrincipalKind = PrincipalKind.PERSON,
    project: ProjectId | None = None,
) -> tuple[Principal, str]:
    """A new principal and its token, which is nowhere else. `days` is for how many it works; None for always.

    With a scope the key is for these of the roles only.
    """
    token, key = _new(platform, kind or keys.kind_for(scope or roles), scope, days, request, project)
    principal, _, _ = keys.create(platform, OPERATOR, name=name, roles=roles, key=key, kind=being)
    return principal, token


def add_key(
    platform: Platform,
    whose: PrincipalId,
    *,
    kind: KeyKind | None = None,
    scope: frozenset[Role] = frozenset(),
    days: int | None = None,
    request: RequestId | None = None,
    project: ProjectId | None = None,
) -> str:
    """A further token of a principal. Raises `NotFound`."""
    token, key = _new(platform, kind or keys.kind_for(scope), scope, days, request, project)
    keys.add(platform, OPERATOR, whose, key)
    return token


def _new(
    platform: Platform,
    kind: KeyKind,
    scope: frozenset[Role],
    days: int | None,
    request: RequestId | None,
    project: ProjectId | None,
) -> tuple[str, keys.NewKey]:
    token = new_token(kind)
    expires = None if days is None else platform.clock() + timedelta(days=days)
    return token, keys.NewKey(
        hash=token_hash(token), kind=kind, scope=scope or None, request=request, expires=expires, project=project
    )


def rotate_key(platform: Platform, which: KeyId, days: int, overlap: timedelta) -> tuple[KeyRecord, str]:
    """A key in another one's place, and its token. Raises as `usecases.keys.rotate` does."""
    tokens = {kind: new_token(kind) for kind in KeyKind}
    hashes = {kind: token_hash(token) for kind, token in tokens.items()}
    expires = platform.clock() + timedelta(days=days)
    made, _ = keys.rotate(platform, OPERATOR, which, hashes, expires=expires, overlap=overlap)
    return made, tokens[made.kind or KeyKind.PROJECT]


def revoke_keys(platform: Platform, principal: PrincipalId) -> Receipt:
    """Every key of the principal stops working. Raises `NotFound`."""
    return keys.revoke(platform, OPERATOR, principal)


def withdraw_key(platform: Platform, which: KeyId) -> Receipt:
    """One key stops working. Raises `NotFound`."""
    return keys.withdraw(platform, OPERATOR, which)[1]


def list_keys(platform: Platform) -> Sequence[tuple[KeyRecord, Principal]]:
    """Every key with its principal, oldest first."""
    return keys.listed(platform, OPERATOR)
