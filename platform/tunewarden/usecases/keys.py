"""Principals and their API keys."""

from dataclasses import replace

from tunewarden.domain.duties import conflicting
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.usecases.ports import KeyRecord, Platform, Principal, Receipt, Resource
from tunewarden.usecases.refusals import permit, refusals_recorded


def create(
    platform: Platform,
    principal: Principal,
    *,
    name: str,
    roles: frozenset[Role],
    token_hash: str,
) -> tuple[Principal, Receipt]:
    """A new principal with one key, of which only the hash is stored.

    Raises `Refused` where the roles may not be held by one person (separation of duty).
    """
    with refusals_recorded(platform, principal, Action.CREATE_KEY, "key"):
        permit(platform, principal, Action.CREATE_KEY, Resource(kind="key"))
        if not roles:
            raise Malformed("roles_missing", "A principal needs at least one role.", param="roles")
        conflict = conflicting(roles)
        if conflict:
            raise Refused(
                "roles_conflict",
                f"One person may not be {' and '.join(sorted(conflict))}.",
                remedy="Give the roles to two people.",
                who="administrator",
                param="roles",
            )
        made = Principal(id=PrincipalId(platform.new_id("prn")), roles=roles, name=name)
        with platform.work(principal.id) as work:
            work.principals.put(made)
            work.keys.put(KeyRecord(hash=token_hash, principal=made.id))
            work.record(KeyCreated(principal=made.id, roles=tuple(sorted(roles))))
            return made, work.commit()


def revoke(platform: Platform, principal: Principal, whose: PrincipalId) -> Receipt:
    """Every key of that principal stops working, and what is under way for them changes nothing any more."""
    with (
        refusals_recorded(platform, principal, Action.REVOKE_KEY, "key", whose),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.REVOKE_KEY, Resource(kind="key", id=whose))
        work.principals.put(replace(work.principals.get(whose), revoked=True))
        for key in work.keys.all():
            if key.principal == whose:
                work.keys.put(replace(key, revoked=True))
        work.record(KeyRevoked(principal=whose))
        return work.commit()
