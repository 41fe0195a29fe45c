"""Taking an alias off a model version, and retiring one for good: what only takes something back, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tunewarden.domain.errors import Refused
from tunewarden.domain.names import Alias, PrincipalId, Role

COUNTS_FOR = timedelta(hours=24)
"""For so long somebody else may do what one person asked for: after that, they may not want it any more."""


class RemovalReason(StrEnum):
    """Why a model version is not to be used any more. A closed set, because it is written into the log."""

    REPLACED = "replaced"
    HARMFUL = "harmful"
    DATA_WITHDRAWN = "data-withdrawn"
    """What it learnt from may not be used any more."""
    NOT_NEEDED = "not-needed"
    NOT_WHAT_IT_SAYS = "not-what-it-says"
    """Its evidence, or its plan, turned out to be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """One of two persons wants a protected alias taken off what it names; gone when the alias moves, or a day later."""

    by: PrincipalId
    role: Role
    reason: RemovalReason
    at: datetime

    def counts(self, now: datetime) -> bool:
        """Whether the second person may still do it."""
        return now < self.at + COUNTS_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasRules:
    """Which aliases there are (`policies/registry.toml`).

    Attributes:
        protected: every alias -> whether it takes two persons to take it off. To move one it takes two in any case.
    """

    protected: Mapping[Alias, bool]

    def require(self, alias: Alias) -> None:
        """Raise `Refused` for a name that nobody reviewed."""
        if alias not in self.protected:
            raise Refused(
                "alias_unknown",
                f"There is no such alias; there are: {', '.join(sorted(self.protected))}.",
                remedy="Name one of them, or have another one reviewed and added (policies/registry.toml).",
                who=Role.ADMINISTRATOR,
                param="alias",
            )

    def is_protected(self, alias: Alias) -> bool:
        """One that is not there any more is protected: it was there when it was given."""
        return self.protected.get(alias, True)
