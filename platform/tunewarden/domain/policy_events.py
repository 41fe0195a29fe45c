"""Facts about the access policy: a part of the closed set of `events.py`, under the same law."""

from dataclasses import dataclass

from tunewarden.domain.names import Digest, PolicyId, PrincipalId, ProjectId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInstalled:
    """There was no version of the access policy, and the files that are shipped became the first one."""

    policy: PolicyId
    digest: Digest
    decides: Digest
    rules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProposed:
    """Somebody wants another version in force than `base`.

    `report` is the digest of the document that says what would change: `gains` and `losses` of sets of roles, each
    counted once with an example; `restores` is the earlier version that it says again.
    """

    policy: PolicyId
    digest: Digest
    base: PolicyId
    report: Digest
    restores: PolicyId | None
    rules: int
    gains: int
    losses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyActivated:
    """Somebody else put exactly this version in force, after this report. `decides`: it with all grants of then."""

    policy: PolicyId
    digest: Digest
    previous: PolicyId
    report: Digest
    decides: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGranted:
    """A principal got a role, in one project or in "*"; `decides` is the digest of policy and grants from here on."""

    principal: PrincipalId
    role: Role
    project: ProjectId
    decides: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRevoked:
    """A grant was taken back."""

    principal: PrincipalId
    role: Role
    project: ProjectId
    decides: Digest


PolicyEvent = PolicyInstalled | PolicyProposed | PolicyActivated | RoleGranted | RoleRevoked
