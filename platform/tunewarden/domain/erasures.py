"""Erasures: a person of a dataset is to be left out of everything that is made from now on (GDPR Art. 17).

What one does: the person's data keys are destroyed, so that their raw rows cannot be read by anybody, reversible
pseudonyms of theirs cannot be turned back, and surrogates of theirs never come out the same again; and every later
release leaves their records out. What it does not reach is in `usecases/erasures.py`.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from tunewarden.domain.canonical import LATER
from tunewarden.domain.errors import IllegalTransition
from tunewarden.domain.names import DatasetId, ErasureId, PrincipalId


class ErasureState(StrEnum):
    """How far an erasure has come; whatever is not waiting stays as it is."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One person's erasure from one dataset.

    Attributes:
        sealed: the person, encrypted, while it waits; None afterwards, so that no list of erased persons grows here.
        keys: how many data keys that releases are made with were destroyed; 0 while it waits.
        raw: how many keys of raw rows were.
        because: code of the reason why it was refused; empty otherwise.
    """

    id: ErasureId
    dataset: DatasetId
    asked_by: PrincipalId
    asked_at: datetime
    sealed: str | None = field(repr=False)
    state: ErasureState = ErasureState.WAITING
    keys: int = 0
    ended_at: datetime | None = None
    because: str = ""
    raw: int = field(default=0, metadata=LATER)

    @property
    def is_waiting(self) -> bool:
        """Whether it has still to be carried out."""
        return self.state is ErasureState.WAITING

    def done(self, keys: int, at: datetime, raw: int = 0) -> "Erasure":
        """Carried out; raises `IllegalTransition` for one that ended before."""
        return replace(self._ended(ErasureState.DONE, at), keys=keys, raw=raw)

    def refused(self, because: str, at: datetime) -> "Erasure":
        """Not carried out, for this reason; raises `IllegalTransition` for one that ended before."""
        return replace(self._ended(ErasureState.REFUSED, at), because=because)

    def _ended(self, state: ErasureState, at: datetime) -> "Erasure":
        if not self.is_waiting:
            raise IllegalTransition("illegal_transition", f"An erasure that is {self.state} cannot become {state}.")
        return replace(self, state=state, sealed=None, ended_at=at)
