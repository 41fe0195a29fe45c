"""What somebody wants and somebody else has to approve, as far as the log has told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DECIDING = frozenset({"approver", "privacy-officer"})
"""Each of these has to let pass what the gate stopped, by another person."""


@dataclass(slots=True)
class Promotion:
    """The wish to move an alias."""

    proposed_by: str
    index: int
    model: str
    alias: str
    verdict: str
    outcome: str
    is_approved: bool = False
    overrides: dict[str, str] = field(default_factory=dict)  # who let it pass -> in which role


@dataclass(slots=True)
class Pruning:
    """The wish to drop bodies."""

    proposed_by: str
    indices: str
    is_started: bool = False


def is_final(findings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a verdict stops something that nobody lets pass: by a hard rule, or for want of a measurement."""
    stopping = [one for one in findings if isinstance(one, dict) and one.get("outcome") != "pass"]
    return any(one.get("hard", False) is not False or one.get("measured") is None for one in stopping)
