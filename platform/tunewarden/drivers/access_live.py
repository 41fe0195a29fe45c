"""Which version of the policy is decided by, and for how long without asking the store.

Trusted: where the policy is stored. An enforcer that reloads answers wrongly meanwhile, so none ever does: a new
version is made beside the one in use, and put in its place by one assignment. Not checked: that a version is newer
than the one before it; the store has one, and what it has is read.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Protocol

from tunewarden.domain.access import LOW_RISK
from tunewarden.domain.access_explain import Explanation
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.names import Action, Digest, Role
from tunewarden.drivers.access_files import Stored
from tunewarden.drivers.access_snapshot import Snapshot
from tunewarden.usecases.ports import Decision, Principal, Resource

POLL_SECONDS = 1.0
STALE_SECONDS = 2.0
_PATIENCE_SECONDS = 0.5

Alarm = Callable[[str, str], None]
"""(what happened: "error", "faulty" or "unreadable"; the code or the type of the error). Never text of a caller."""


class PolicyStore(Protocol):
    """Where the policy is. `drivers.access_files.PolicyFiles` is one."""

    def stamp(self) -> str:
        """Another one once the policy changed; cheap. Raises `Malformed` where it cannot say."""

    def read(self) -> Stored:
        """The policy. Raises `Malformed` for one with a fault, with every fault."""


class LiveAccess:
    """Decides what a principal may do; `usecases.ports.Access`.

    Compares its version with the stored one at most every second. A stored one that cannot be read or has a fault is
    not taken, and the old one stays; but after two seconds nothing of high risk is allowed by it, because a permission
    may have been taken back.
    """

    def __init__(
        self,
        store: PolicyStore,
        *,
        alarm: Alarm = lambda _what, _code: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `Malformed` for a policy that is missing or has a fault: there is no decision before the first."""
        self._store, self._alarm, self._clock = store, alarm, clock
        self._checking = Lock()
        self._refused = ""
        self._looked = self._confirmed = clock()
        self._take(store.read())

    def __call__(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        """Deny by default, and with the reason "error" when anything goes wrong. `who` names the roles that could."""
        try:
            snapshot, stale = self._current()
            decision = snapshot.decide(principal, action, resource)
        except Exception as error:
            # Whatever Casbin stumbles over, the answer is no.
            self._alarm("error", type(error).__name__)
            outside = self._is_outside(principal, resource)
            return Decision(allowed=False, because="error", who=Role.ADMINISTRATOR, outside=outside)
        if not stale:
            return decision
        if decision.allowed and action not in LOW_RISK:
            return Decision(
                allowed=False,
                because="policy-not-fresh",
                who=Role.ADMINISTRATOR,
                version=decision.version,
                unblocks=Role.ADMINISTRATOR,
                stale=True,
            )
        return replace(decision, stale=True)

    @property
    def version(self) -> Digest:
        """Of what is decided by now: digest of the model and of all rules and links."""
        return self._snapshot.version

    @property
    def stamp(self) -> str | None:
        """As the store said it when it was last looked at; None where that failed, or what was there was not taken."""
        return self._stamp if self._confirmed >= self._looked else None

    def is_fresh(self) -> bool:
        """Whether what is decided by could be compared with what is stored within the last two seconds."""
        return not self._current()[1]

    def explain(self, principal: Principal, action: Action, resource: Resource, viewer: Principal) -> Explanation:
        """A decision in full, as `viewer` may see it. Raises what the decision does."""
        return self._current()[0].explain(principal, action, resource, viewer)

    def at_least(self, version: Digest) -> None:
        """Before the next decision, see what is stored now, unless `version` is what is decided by already.

        For who was told the version of a change, by another process, and must not be answered by an older one.
        """
        if version != self._snapshot.version:
            with self._checking:
                self._look()

    def has(self, is_there: Callable[[str], bool]) -> bool:
        """Whether this is so of the stamp of what is decided by, after a look at the store where it was not."""
        if not is_there(self._stamp):
            with self._checking:
                if not is_there(self._stamp):
                    self._look()
        return is_there(self._stamp)

    def _is_outside(self, principal: Principal, resource: Resource) -> bool:
        """What is said of it where no decision was made: nobody without a role there learns that the thing is there."""
        try:
            return self._snapshot.is_outside(principal, resource.project)
        except Exception:
            return True

    def _current(self) -> tuple[Snapshot, bool]:
        """What to decide by, and whether the store could not be asked for too long."""
        age = self._clock() - self._looked
        if age >= POLL_SECONDS and self._checking.acquire(timeout=_PATIENCE_SECONDS if age >= STALE_SECONDS else 0):
            try:
                if self._clock() - self._looked >= POLL_SECONDS:
                    self._look()
            finally:
                self._checking.release()
        return self._snapshot, self._clock() - self._confirmed > STALE_SECONDS

    def _look(self) -> None:
        """Compare with the store, and take what is new. The time counts from before it was asked."""
        now = self._clock()
        try:
            stamp = self._store.stamp()
        except TunewardenError as error:
            self._alarm("unreadable", error.code)
        else:
            if stamp == self._stamp or (stamp != self._refused and self._read(stamp)):
                self._refused, self._confirmed = "", now
        finally:
            self._looked = now

    def _read(self, stamp: str) -> bool:
        """Whether what is stored now was taken. What was refused is not read, and told, a second time."""
        try:
            self._take(self._store.read())
        except TunewardenError as error:
            self._refused = stamp
            self._alarm("faulty", error.code)
            return False
        return True

    def _take(self, stored: Stored) -> None:
        snapshot = Snapshot(stored.compiled, stored.model)
        self._snapshot = snapshot  # the one assignment: from here on everybody decides by it
        self._stamp = stored.stamp  # after it, so that whoever waits for a stamp is not answered by what was before
