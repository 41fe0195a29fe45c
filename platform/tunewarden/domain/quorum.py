"""How many persons, in how many roles, have to say yes to a plan before it may be trained.

Pure. Whoever asked is none of them, a person counts once however many roles they have, and a vote is for the digest of
one plan: for another plan it counts nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, PrincipalId, Role

MOST_VOTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """So many different persons beside the requester, who vote in so many different roles."""

    persons: int
    roles: int

    def __post_init__(self) -> None:
        if not 1 <= self.roles <= self.persons <= MOST_VOTES:
            raise Malformed(
                "quorum_out_of_range", f"A quorum is 1 to {MOST_VOTES} persons, in at most as many roles as persons."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """What is needed for data of each sensitivity."""

    needed: Mapping[Sensitivity, Needed]

    def __post_init__(self) -> None:
        if self.needed.keys() != set(Sensitivity):
            raise Malformed("quorum_out_of_range", "A quorum says what is needed for every sensitivity.")

    def digest(self) -> Digest:
        """What entries about votes name."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A yes of one person to the plan with this digest.

    Attributes:
        role: in which the access policy let them.
        endorses: whether it stands beside an approval and never replaces one.
    """

    by: PrincipalId
    role: Role
    plan: Digest
    at: datetime
    endorses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What is missing of a quorum: so many persons, so many roles beside those that voted, and whether an approval."""

    persons: int
    roles: int
    approval: bool

    def __bool__(self) -> bool:
        return self.approval or self.persons > 0 or self.roles > 0


def counting(votes: Sequence[Vote], plan: Digest, author: PrincipalId) -> Sequence[Vote]:
    """The votes that count for this plan: those for it, not the author's, and of each person the first."""
    first: dict[PrincipalId, Vote] = {}
    for vote in votes:
        if vote.plan == plan and vote.by != author:
            first.setdefault(vote.by, vote)
    return list(first.values())


def missing(needed: Needed, counted: Sequence[Vote]) -> Missing:
    """What `counted` votes, each of another person, leave to be wished for."""
    return Missing(
        persons=max(0, needed.persons - len(counted)),
        roles=max(0, needed.roles - len({vote.role for vote in counted})),
        approval=all(vote.endorses for vote in counted),
    )
