"""Facts about what model versions are not used for any more: a part of the closed set of `events.py`, by its law."""

from dataclasses import dataclass, field

from tunewarden.domain.canonical import LATER
from tunewarden.domain.names import Alias, Digest, ModelId, ProjectId, Role
from tunewarden.domain.removals import RemovalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasClearingAsked:
    """One of two persons wants an alias of a project taken off the model version that it names."""

    alias: Alias
    model: ModelId
    project: ProjectId
    role: Role
    reason: RemovalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasCleared:
    """An alias of a project names nothing any more.

    By somebody else than who asked for it where it was `protected`, by the rules with the digest `registry`.
    """

    alias: Alias
    model: ModelId
    project: ProjectId
    role: Role
    reason: RemovalReason
    protected: bool
    registry: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRetired:
    """No alias names the model version, and none will again; said in this role."""

    model: ModelId
    reason: RemovalReason
    role: Role | None = field(default=None, metadata=LATER)


RegistryEvent = AliasClearingAsked | AliasCleared | ModelRetired
