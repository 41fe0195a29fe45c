"""`usecases.ports.Enrolments` over a `MemoryState`."""

from collections.abc import Iterable

from tunewarden.domain.cohorts import CohortId, under_way
from tunewarden.domain.errors import Conflict
from tunewarden.domain.names import Digest
from tunewarden.drivers.memory import MemoryState
from tunewarden.drivers.memory_cohorts import PutDown
from tunewarden.drivers.memory_tree import leaf_hash, root
from tunewarden.usecases.ports import Roll

_NOBODY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing


class MemoryEnrolments:
    """Nothing is durable."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def put_down(self, cohort: CohortId, members: Iterable[bytes]) -> Roll:
        """In place of what was put down under this id before."""
        self.strike(cohort)
        mine = self._state.rolls[cohort] = PutDown()
        for member in members:
            if self._state.rolls.get(cohort) is not mine:
                raise under_way()
            mine[member] = False
        leaves = [leaf_hash(member) for member in sorted(mine)]
        digest = f"sha256:{root(leaves).hex()}" if leaves else _NOBODY
        return Roll(root=Digest(digest), persons=len(leaves), number=mine.number)

    def left_out(self, cohort: CohortId) -> frozenset[bytes]:
        """Who was."""
        if cohort not in self._state.rolls:
            raise under_way()
        return frozenset(member for member, left_out in self._state.rolls[cohort].items() if left_out)

    def strike(self, cohort: CohortId) -> None:
        """Raises `Conflict` for a cohort that was admitted."""
        if cohort in self._state.shelves["cohort"]:
            raise Conflict("cohort_admitted", "Persons who were admitted stay where they are.")
        self._state.rolls.pop(cohort, None)
