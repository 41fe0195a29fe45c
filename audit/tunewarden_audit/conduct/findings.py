"""What a rule finds, and what a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.told import Told
from tunewarden_audit.recipe import Grade


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a rule has to say: CONSISTENT where it is only named, and not held against anybody."""

    grade: Grade
    because: str


Findings = Iterator[Finding]


def broken(fact: Fact, because: str) -> Finding:
    """The entries at hand show that a rule was broken."""
    return Finding(Grade.BROKEN, f"entry {fact.index}: {because}")


def absent(fact: Fact, told: Told, because: str) -> Finding:
    """What should have come before this entry did not; it may be among entries that are not at hand."""
    if told.has_gaps(fact.index):
        return Finding(Grade.INCOMPLETE, f"entry {fact.index}: {because}, as far as the entries at hand show")
    return broken(fact, because)


def without_role(fact: Fact, told: Told, role: str, project: str | None, what: str) -> Findings:
    """Who acts was given a role, and has it no more, or not where it counts: in `project`, None where it is unknown."""
    if told.agreed.was_taken(fact.actor, role, project):
        yield absent(fact, told, f"{what} in a role that had been taken back, or is held in other projects only")
    elif told.agreed.may_be_linked(fact.actor, role, project):
        because = f"{what} in a role that had been taken back, unless a version of the access policy gives it"
        yield Finding(Grade.INCOMPLETE, f"entry {fact.index}: {because}")


def unmatched(told: Told, because: str) -> Finding:
    """What should have followed did not, by the end of what is at hand."""
    if told.has_gaps(told.next_index):
        return Finding(Grade.INCOMPLETE, f"{because}, as far as the entries at hand show")
    return Finding(Grade.BROKEN, because)


def nothing(_: Told) -> Findings:
    """A rule that has nothing to say at the end."""
    return iter(())


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the house.

    Attributes:
        claim: what is so when nothing is found.
        judge: says what is wrong with an entry of one of `kinds`, given what was told before it.
        conclude: says what is wrong when all entries were read.
    """

    name: str
    claim: str
    kinds: frozenset[str]
    judge: Callable[[Fact, Told], Findings]
    conclude: Callable[[Told], Findings] = nothing
