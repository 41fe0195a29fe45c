"""Letting pass what a gate stopped: a decision of two persons in two roles, about one verdict, each with a reason.

Pure. What a gate stops for good, nobody lets pass: a `hard` rule, and whatever was not measured or contradicted itself,
because nobody can weigh what they do not know. A rule that says UNKNOWN about a measurement ("too few persons to tell")
is let pass in the same way as one that says FAIL: there is one form for both.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.gates import Finding, Outcome, Verdict
from tunewarden.domain.names import Digest, PrincipalId, Role

DECIDING = frozenset({Role.PRIVACY_OFFICER, Role.APPROVER})
"""Each of these has to decide; `duties.py` lets nobody hold both."""


class OverrideReason(StrEnum):
    """Why somebody lets pass what a gate stopped. A closed set, because it is written into the log."""

    TOO_FEW_PERSONS = "too-few-persons"
    """There are no more people to measure it on; what was found is wide and not bad."""
    NOT_SERVED = "not-served"
    """The model is not used for whom, or for what, the finding is about."""
    WATCHED = "watched-in-use"
    """Where the model is used, a person sees every answer, or somebody counts what the finding is about."""
    BETTER_THAN_NOW = "better-than-now"
    """What the alias names now is worse in this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One person's half of the decision.

    Attributes:
        role: in which the access policy let them decide.
        verdict: digest of the verdict that they saw; for another one it counts nothing.
    """

    by: PrincipalId
    role: Role
    reason: OverrideReason
    verdict: Digest
    at: datetime


def stopping(verdict: Verdict) -> Sequence[Finding]:
    """The findings because of which a verdict does not pass."""
    return [finding for finding in verdict.findings if finding.outcome is not Outcome.PASS]


def final(verdict: Verdict) -> Sequence[Finding]:
    """Those among them that nobody can let pass."""
    return [finding for finding in stopping(verdict) if finding.hard or finding.measured is None]


def are_enough(overrides: Sequence[Override], verdict: Digest, barred: Set[PrincipalId]) -> bool:
    """Whether as many different persons as there are deciding roles, each in another of them, decided on this verdict.

    `barred` decide nothing: who proposed the promotion, and who asked for the training.
    """
    deciding = {one.by: one.role for one in overrides if one.verdict == verdict and one.by not in barred}
    return set(deciding.values()) >= DECIDING


def is_green(verdict: Verdict, overrides: Sequence[Override], barred: Set[PrincipalId]) -> bool:
    """What "green" means wherever an alias is to move: the verdict passes, or all that it stops was let pass by two.

    What is stopped for good is red whoever decided; so is another verdict than the one that was decided on.
    """
    if verdict.outcome is Outcome.PASS:
        return True
    return not final(verdict) and are_enough(overrides, digest_of(verdict), barred)
