"""Who is let in without an API key: whom an identity provider vouches for, and browsers that came with such a one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.duties import conflicting
from tunewarden.domain.events import PrincipalIdentified
from tunewarden.domain.identities import LoginFailure, PrincipalKind
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.usecases.ports import Platform, Principal

DOORKEEPER = PrincipalId("api")
"""Who records whom it let in and how many it did not: the api itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What an identity provider said of somebody, verified.

    Attributes:
        principal: an opaque id made from the provider and from who they are to it.
        issuer: the provider's URL.
        roles: what their groups stand for here.
        at: when it was said.
        kind: a service where the provider vouches for a program.
    """

    principal: PrincipalId
    issuer: str
    roles: frozenset[Role]
    at: datetime
    kind: PrincipalKind = PrincipalKind.PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that somebody logged in with.

    Attributes:
        id: SHA-256 of what the browser keeps, 64 hex digits.
        begun_at, used_at: the second is kept to the minute.
    """

    id: str
    principal: PrincipalId
    begun_at: datetime
    used_at: datetime


class Sessions(Protocol):
    """The sessions that go on. Not audited: who logged in first, and with which roles, is."""

    def begin(self, session: Session) -> None:
        """Keep it."""

    def find(self, identifier: str) -> Session | None:
        """None where there is none."""

    def use(self, identifier: str, now: datetime) -> None:
        """It is used; nothing happens to one that has ended."""

    def end(self, identifier: str) -> None:
        """It is over, for good."""

    def sweep(self, begun_before: datetime, used_before: datetime) -> None:
        """Forget those that began or were used last before these."""


class KeyUses(Protocol):
    """When each API key was used last. Not audited, and not exact: to the minute."""

    def use(self, key: str, now: datetime) -> None:
        """The key that is stored under this hash is used."""

    def all(self) -> Mapping[str, datetime]:
        """By the hash under which the key is stored; only of keys that were used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """For how long a session goes on without being used, and at most."""

    idle: timedelta
    whole: timedelta


def admit(platform: Platform, vouched: Vouched) -> Principal | LoginFailure:
    """The principal that an identity provider vouches for, with the roles of the newest word about them.

    Their coming for the first time, and with other roles than before, is recorded. A word that is older than one heard
    already changes nothing: whoever left a group keeps no right by keeping a token. Roles that one person may not hold
    together let nobody in, and change nothing either.
    """
    if conflicting(vouched.roles):
        return LoginFailure.ROLES_CONFLICT
    with platform.view() as view:
        known = view.principals.find(vouched.principal)
    if _says_nothing_new(known, vouched):
        return _as_principal(known)
    with platform.work(DOORKEEPER) as work:
        known = work.principals.find(vouched.principal)  # another request may have been faster
        if _says_nothing_new(known, vouched):
            return _as_principal(known)
        before = known or Principal(id=vouched.principal, roles=frozenset())
        made = replace(before, roles=vouched.roles, as_of=vouched.at, kind=vouched.kind)
        work.principals.put(made)
        work.record(
            PrincipalIdentified(
                principal=made.id,
                issuer=digest_bytes(vouched.issuer.encode()),
                roles=tuple(sorted(made.roles)),
                service=made.kind is PrincipalKind.SERVICE,
            )
        )
        work.commit()
    return _as_principal(made)


def current(platform: Platform, sessions: Sessions, identifier: str, lifetimes: Lifetimes) -> Principal | None:
    """Whose session this is; None for one that nobody has, that is over, or whose principal was revoked."""
    session, now = sessions.find(identifier), platform.clock()
    if session is None:
        return None
    if now >= session.begun_at + lifetimes.whole or now >= session.used_at + lifetimes.idle:
        sessions.end(identifier)
        return None
    with platform.view() as view:
        found = view.principals.find(session.principal)
    return None if found is None or found.revoked else found


def begin(platform: Platform, sessions: Sessions, principal: Principal, identifier: str, lifetimes: Lifetimes) -> None:
    """A session of its own for whoever has just logged in; those that are over are forgotten."""
    now = platform.clock()
    sessions.sweep(begun_before=now - lifetimes.whole, used_before=now - lifetimes.idle)
    sessions.begin(Session(id=identifier, principal=principal.id, begun_at=now, used_at=now))


def _says_nothing_new(known: Principal | None, vouched: Vouched) -> bool:
    if known is None:
        return False
    is_same = (known.roles, known.kind) == (vouched.roles, vouched.kind)
    return is_same or known.revoked or (known.as_of is not None and vouched.at <= known.as_of)


def _as_principal(known: Principal | None) -> Principal | LoginFailure:
    return LoginFailure.PRINCIPAL_REVOKED if known is None or known.revoked else known
