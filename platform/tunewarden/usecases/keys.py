"""Principals and their API keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tunewarden.domain.duties import conflicting
from tunewarden.domain.errors import IllegalTransition, Malformed, NotFound, Refused
from tunewarden.domain.events import KeyAdded, KeyCreated, KeyRevoked, KeyWithdrawn
from tunewarden.domain.identities import KeyId, KeyKind, PrincipalKind, require_scope
from tunewarden.domain.names import EVERYWHERE, Action, PrincipalId, ProjectId, RequestId, Role
from tunewarden.domain.projects import require_one_project
from tunewarden.usecases.ports import KeyRecord, Platform, Principal, Receipt, Resource, UnitOfWork
from tunewarden.usecases.projects import require_active
from tunewarden.usecases.refusals import not_found, permit, refusals_recorded

LONGEST_OVERLAP = timedelta(days=7)
"""For so long at most a key that was replaced goes on working beside the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that is to be made, of which only the hash is known here; the rest as in `KeyRecord`."""

    hash: str
    kind: KeyKind = KeyKind.PROJECT
    scope: frozenset[Role] | None = None
    request: RequestId | None = None
    expires: datetime | None = None
    project: ProjectId | None = None
    name: str = ""


def create(
    platform: Platform,
    principal: Principal,
    *,
    name: str,
    roles: frozenset[Role],
    key: NewKey,
    kind: PrincipalKind = PrincipalKind.PERSON,
) -> tuple[Principal, KeyRecord, Receipt]:
    """A new principal with one key, of which only the hash is stored.

    Raises `Refused` where the roles may not be held by one person (separation of duty), where the key would be for
    more than these, is over already, or is of an archived project. With a key of a project they have their roles there;
    with a further key of none, everywhere.
    """
    with refusals_recorded(platform, principal, Action.CREATE_KEY, "key"):
        permit(platform, principal, Action.CREATE_KEY, Resource(kind="key"))
        if not roles:
            raise Malformed("roles_missing", "A principal needs at least one role.", param="roles")
        _require_compatible(roles)
        made = Principal(id=PrincipalId(platform.new_id("prn")), roles=roles, name=name, kind=kind)
        with platform.work(principal.id) as work:
            _require_possible(work, roles, key, platform.clock())
            stored = _record(platform, made.id, key)
            work.principals.put(made)
            work.keys.put(stored)
            work.record(
                KeyCreated(
                    principal=made.id,
                    roles=tuple(sorted(roles)),
                    key=stored.id,
                    kind=key.kind,
                    scope=_scope(key),
                    request=key.request,
                    expires=key.expires,
                    service=kind is PrincipalKind.SERVICE,
                    project=key.project,
                )
            )
            return made, stored, work.commit()


def add(
    platform: Platform, principal: Principal, whose: PrincipalId, key: NewKey
) -> tuple[Principal, KeyRecord, Receipt]:
    """A further key of a principal who is there already. Raises `NotFound`, and as `create` does."""
    with (
        refusals_recorded(platform, principal, Action.CREATE_KEY, "key", whose),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.CREATE_KEY, Resource(kind="key", id=whose))
        holder = _active(work.principals.get(whose))
        _require_possible(work, holder.roles, key, platform.clock())
        stored = _record(platform, holder.id, key)
        work.keys.put(stored)
        work.record(_added(stored, key))
        return holder, stored, work.commit()


def rotate(
    platform: Platform,
    principal: Principal,
    which: KeyId,
    hashes: Mapping[KeyKind, str],
    *,
    expires: datetime | None,
    overlap: timedelta = timedelta(0),
) -> tuple[KeyRecord, Receipt]:
    """A key like `which` in its place, which goes on working for `overlap` so that its bearer can change over.

    A key from before keys had a kind is followed by one of the kind that its principal's roles need: `hashes` has the
    hash of a new token of each kind, and the other one is for nothing. Raises `NotFound`,
    `IllegalTransition` for one that no longer works, and `Malformed` for an overlap of more than `LONGEST_OVERLAP`.
    """
    with (
        refusals_recorded(platform, principal, Action.CREATE_KEY, "key"),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.CREATE_KEY, Resource(kind="key"))
        permit(platform, principal, Action.REVOKE_KEY, Resource(kind="key"))
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise Malformed(
                "overlap_too_long",
                f"A replaced key goes on for {LONGEST_OVERLAP.days} days at most.",
                param="overlap_minutes",
            )
        now = platform.clock()
        old = _working(work, which, now)
        holder = _active(work.principals.get(old.principal))
        kind = old.kind or kind_for(holder.roles)
        key = NewKey(
            hash=hashes[kind],
            kind=kind,
            scope=old.scope,
            request=old.request,
            expires=expires,
            project=old.project,
            name=old.name,
        )
        _require_possible(work, holder.roles, key, now)
        stored = _record(platform, holder.id, key)
        until = now + overlap if old.expires is None else min(now + overlap, old.expires)
        work.keys.put(stored)
        work.keys.put(replace(old, expires=until, revoked=not overlap))
        work.record(_added(stored, key))
        work.record(KeyWithdrawn(principal=holder.id, key=which, until=until))
        return stored, work.commit()


def withdraw(platform: Platform, principal: Principal, which: KeyId) -> tuple[KeyRecord, Receipt]:
    """One key stops working; other ones of its principal do not. Raises `NotFound`, and as `rotate` does."""
    with (
        refusals_recorded(platform, principal, Action.REVOKE_KEY, "key"),
        platform.work(principal.id) as work,
    ):
        permit(platform, principal, Action.REVOKE_KEY, Resource(kind="key"))
        withdrawn = replace(_working(work, which, platform.clock()), revoked=True)
        work.keys.put(withdrawn)
        work.record(KeyWithdrawn(principal=withdrawn.principal, key=which, until=platform.clock()))
        return withdrawn, work.commit()


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


def listed(platform: Platform, principal: Principal) -> Sequence[tuple[KeyRecord, Principal]]:
    """Every key with its principal, oldest first."""
    with refusals_recorded(platform, principal, Action.LIST_KEYS, "key"):
        permit(platform, principal, Action.LIST_KEYS, Resource(kind="key"))
    with platform.view() as view:
        holders = {one.id: one for one in view.principals.all()}
        return [(key, holders[key.principal]) for key in view.keys.all()]


def kind_for(roles: frozenset[Role]) -> KeyKind:
    """The kind of key that somebody with these roles needs, where nobody said."""
    return KeyKind.ADMIN if roles == {Role.ADMINISTRATOR} else KeyKind.PROJECT


def works(key: KeyRecord, now: datetime) -> bool:
    """Whether a key is neither revoked nor over."""
    return not key.revoked and (key.expires is None or now < key.expires)


def _require_compatible(roles: frozenset[Role]) -> None:
    conflict = conflicting(roles)
    if conflict:
        raise Refused(
            "roles_conflict",
            f"One person may not be {' and '.join(sorted(conflict))}.",
            remedy="Give the roles to two people.",
            who="administrator",
            param="roles",
        )


def _require_possible(work: UnitOfWork, roles: frozenset[Role], key: NewKey, now: datetime) -> None:
    require_scope(roles, key.kind, key.scope, key.request)
    if key.expires is not None and key.expires <= now:
        raise Malformed("key_expired_already", "A new key cannot have expired already.", param="expires_in_days")
    if key.project is not None:
        _require_project(work, key.kind, key.project)
    if key.request is not None:
        bound = work.requests.get(key.request)
        if key.project is not None:
            require_one_project(key.project, bound.project, param="request")


def _require_project(work: UnitOfWork, kind: KeyKind, project: ProjectId) -> None:
    if kind is KeyKind.ADMIN:
        raise Malformed("admin_key_in_project", "An admin key is for the whole platform.", param="project")
    if project == EVERYWHERE:
        raise not_found("project")
    require_active(work, project)


def _record(platform: Platform, whose: PrincipalId, key: NewKey) -> KeyRecord:
    return KeyRecord(
        hash=key.hash,
        principal=whose,
        kind=key.kind,
        scope=key.scope,
        request=key.request,
        created=platform.clock(),
        expires=key.expires,
        project=key.project,
        name=key.name,
    )


def _added(stored: KeyRecord, key: NewKey) -> KeyAdded:
    return KeyAdded(
        principal=stored.principal,
        key=stored.id,
        kind=key.kind,
        scope=_scope(key),
        request=key.request,
        expires=key.expires,
        project=key.project,
    )


def _scope(key: NewKey) -> tuple[Role, ...]:
    return tuple(sorted(key.scope or ()))


def _working(work: UnitOfWork, which: KeyId, now: datetime) -> KeyRecord:
    found = next((key for key in work.keys.all() if key.id == which), None)
    if found is None:
        raise NotFound("key_not_found", "There is no such key for you.")
    if not works(found, now):
        raise IllegalTransition("key_over", "The key does not work any more.", remedy="Make a new one.")
    return found


def _active(holder: Principal) -> Principal:
    if holder.revoked:
        raise Refused(
            "principal_is_revoked",
            "The principal was revoked.",
            remedy="Make a new principal.",
            who=Role.ADMINISTRATOR,
        )
    return holder
