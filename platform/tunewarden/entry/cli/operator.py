"""What somebody with a shell on the machine may do without an API key."""

from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.usecases import keys
from tunewarden.usecases.ports import Platform, Principal, Receipt

OPERATOR = Principal(id=PrincipalId("operator"), roles=frozenset({Role.ADMINISTRATOR}), name="operator")
"""Who can read the key files anyway. Recorded as itself, so the log shows which keys were made at the machine."""


def create_key(platform: Platform, name: str, roles: frozenset[Role]) -> tuple[Principal, str]:
    """A new principal and its token, which is nowhere else."""
    token = new_token()
    principal, _ = keys.create(platform, OPERATOR, name=name, roles=roles, token_hash=token_hash(token))
    return principal, token


def revoke_keys(platform: Platform, principal: PrincipalId) -> Receipt:
    """Every key of the principal stops working. Raises `NotFound`."""
    return keys.revoke(platform, OPERATOR, principal)
