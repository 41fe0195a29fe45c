"""Facts about who is let in: a part of the closed set of `events.py`, under the same law.

None holds a name, an address or anything that was sent. Who an identity provider vouches for is an opaque id.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tunewarden.domain.canonical import LATER
from tunewarden.domain.identities import KeyId, KeyKind, LoginFailure
from tunewarden.domain.names import Digest, PrincipalId, ProjectId, RequestId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAdded:
    """A principal who is there already got a further API key.

    `scope` is for which of the principal's roles at most, empty for all of them; `request` the one training request it
    is bound to; `expires` the instant from which it no longer works; `project` the one in which it opens anything. None
    where there is no such limit.
    """

    principal: PrincipalId
    key: KeyId
    kind: KeyKind
    scope: tuple[Role, ...]
    request: RequestId | None
    expires: datetime | None
    project: ProjectId | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWithdrawn:
    """One key of a principal works until `until` and no longer; others of theirs are as they were."""

    principal: PrincipalId
    key: KeyId
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalIdentified:
    """Somebody whom an identity provider vouches for came for the first time, or with other roles than before.

    `issuer` is the digest of the provider's URL. The id is a hash of the URL and of who they are to the provider. A
    `service` is a program, which counts as nobody where persons have to agree.
    """

    principal: PrincipalId
    issuer: Digest
    roles: tuple[Role, ...]
    service: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginsRefused:
    """So many were not let in for one reason since the last such entry; at most one a minute, reason and process."""

    failure: LoginFailure
    count: int
