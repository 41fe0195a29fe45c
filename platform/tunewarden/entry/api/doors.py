"""Letting in: who somebody is by what they brought, and what happens where nobody can tell."""

from dataclasses import dataclass
from typing import NoReturn

from fastapi import Request

from tunewarden.domain.errors import Refused
from tunewarden.domain.identities import KeyKind, LoginFailure
from tunewarden.drivers.identity import identify, is_token, token_hash
from tunewarden.entry.api.errors import FailsTooOften, NotAuthenticated, TooMany
from tunewarden.entry.api.failures import Failures
from tunewarden.entry.api.limits import Buckets
from tunewarden.entry.api.live import Live
from tunewarden.entry.api.once import Once
from tunewarden.entry.api.uses import Uses
from tunewarden.entry.identities import Identities, lifetimes
from tunewarden.entry.settings import Settings
from tunewarden.usecases import sessions
from tunewarden.usecases.ports import Platform, Principal
from tunewarden.usecases.sessions import Vouched
from tunewarden.usecases.webhooks import WebhookDoor


@dataclass(frozen=True, slots=True)
class Doors:
    """What the api needs to let people in, and to count those it does not."""

    platform: Platform
    settings: Settings
    identities: Identities
    requests: Buckets
    failed: Buckets
    failures: Failures
    key_uses: Uses
    session_uses: Uses
    live: Live
    once: Once | None = None
    webhooks: WebhookDoor | None = None

    def by_credential(self, request: Request, credential: str, door: KeyKind) -> Principal:
        """Whoever brought this API key, which has to be of the kind that the route is for, or this token.

        Raises as `refuse` does, `TooMany`, and `Unavailable`.
        """
        if not is_token(credential) and "." in credential and self.identities.provider is not None:
            return self.vouched_for(request, self.identities.provider.verify_bearer(credential))
        found = identify(self.platform.view, credential, self.platform.clock())
        if isinstance(found, LoginFailure):
            self.refuse(request, found)
        if found.key.kind is not None and found.key.kind != door:
            self.refuse(request, LoginFailure.KEY_OF_ANOTHER_KIND)
        self.key_uses.note(found.key.hash, self.platform.clock())
        return self.within_limit(found.principal)

    def vouched_for(self, request: Request, found: Vouched | LoginFailure) -> Principal:
        """The principal that the identity provider vouches for. Raises as `by_credential` does."""
        principal = found if isinstance(found, LoginFailure) else sessions.admit(self.platform, found)
        if isinstance(principal, LoginFailure):
            self.refuse(request, principal)
        return self.within_limit(principal)

    def by_session(self, token: str) -> Principal | None:
        """Whose session this is; None for one that nobody has or that is over. Raises `TooMany`."""
        identifier = token_hash(token)
        found = sessions.current(self.platform, self.identities.sessions, identifier, lifetimes(self.settings))
        if found is None:
            return None
        self.session_uses.note(identifier, self.platform.clock())
        return self.within_limit(found)

    def within_limit(self, principal: Principal) -> Principal:
        """The same. Raises `TooMany` for one who asks too often."""
        seconds = self.requests.take(principal.id)
        if seconds:
            raise TooMany(seconds)
        return principal

    def refuse(self, request: Request, failure: LoginFailure) -> NoReturn:
        """Count it, and raise `NotAuthenticated`, which says no reason; `FailsTooOften` where an address does.

        What works goes on working from that address: behind a proxy everybody has the same one. Where it was proven who
        asks, `Refused` says what is wrong.
        """
        self.failures.note(failure)
        seconds = self.failed.take(_peer(request))
        if seconds:
            raise FailsTooOften(seconds)
        match failure:
            case LoginFailure.ROLES_CONFLICT:
                raise Refused(
                    "roles_conflict",
                    "Your groups come to roles that one person may not hold together.",
                    remedy="Leave one of the groups.",
                    who="administrator of the identity provider",
                )
            case LoginFailure.KEY_OF_ANOTHER_KIND:
                raise Refused(
                    "key_of_another_kind",
                    "Admin keys (tw-admin-...) open the routes of the administration, and nothing else.",
                    remedy="Use a key of the other kind.",
                    who="administrator",
                )
        raise NotAuthenticated

    def close(self) -> None:
        """Write down what is only in memory."""
        self.failures.close()
        self.key_uses.close()
        self.session_uses.close()
        if self.once is not None:
            self.once.close()


def doors(
    platform: Platform,
    settings: Settings,
    identities: Identities,
    live: Live,
    *,
    once: Once | None = None,
    webhooks: WebhookDoor | None = None,
) -> Doors:
    """As the settings say."""
    return Doors(
        platform=platform,
        settings=settings,
        identities=identities,
        requests=Buckets(settings.requests_per_minute),
        failed=Buckets(settings.failed_logins_per_minute),
        failures=Failures(platform.work),
        key_uses=Uses(identities.key_uses.use),
        session_uses=Uses(identities.sessions.use),
        live=live,
        once=once,
        webhooks=webhooks,
    )


def _peer(request: Request) -> str:
    """The address at the other end of the connection. What a header says it is could be anything."""
    return "" if request.client is None else request.client.host
