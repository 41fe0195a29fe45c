"""Why the platform said no: one hierarchy, five kinds, each with a code, a reason, a remedy and who can apply it.

`Refused` (a rule says no; its sub-kind `Malformed` says that the input itself is at fault, so nobody has to grant
anything, and `Unseen` never reaches anybody), `NotFound` (also for "exists, but not yours"), `Conflict` (somebody was
faster), `Unavailable` (something outside is down) and `Corrupted` (stored bytes are not what their digest says:
somebody must look).
`entry/api/errors.py` maps them to HTTP, once.

No message ever holds text from a record: codes, counts, column positions and digests only.
"""

from __future__ import annotations


class TunewardenError(Exception):
    """What every error of the platform has.

    Attributes:
        code: what happened, one snake_case word that programs may rely on.
        reason: what was got and what was expected, for a person.
        remedy: how to mend it.
        who: the role that can; empty where the caller can.
        param: the input that is at fault, as a dotted path; empty where none is.
        rule: the line of the access policy or the metric of the gate that decided; empty where the code says it all.
    """

    def __init__(
        self, code: str, reason: str, *, remedy: str = "", who: str = "", param: str = "", rule: str = ""
    ) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
        self.remedy, self.who, self.param, self.rule = remedy, who, param, rule

    def __str__(self) -> str:
        parts = (self.reason, self.remedy, f"Who can: {self.who}." if self.who else "")
        return " ".join(part for part in parts if part)


class Refused(TunewardenError):
    """A rule says no: access, purpose, budget, gate or state."""


class Malformed(Refused):
    """The input itself cannot be used; the caller can mend it without anybody's permission."""


class Unseen(Refused):
    """Who asks holds no role where the thing is. Recorded as refused, and then told as not found: as if it were not.

    Attributes:
        noun: the word for such a thing, as `NotFound` for one that is nowhere says it.
    """

    def __init__(self, code: str, reason: str, *, noun: str = "thing", rule: str = "") -> None:
        super().__init__(code, reason, rule=rule)
        self.noun = noun


class NotFound(TunewardenError):
    """There is no such thing for this caller; a thing that exists but is not the caller's is not found either."""


class Conflict(TunewardenError):
    """Something changed meanwhile; asking again with what is true now may work."""


class Unavailable(TunewardenError):
    """Something outside the platform did not answer."""


class Corrupted(TunewardenError):
    """Stored bytes differ from their digest, or a record contradicts itself. Fails closed and wakes somebody."""


class InFlight(Conflict):
    """The same request is being answered at this moment. Asking again soon gets its answer."""


class IllegalTransition(Refused):
    """A training request cannot go from its state to the one asked for."""


class BudgetExceeded(Refused):
    """The privacy budget does not allow what was asked."""


class PlanMismatch(Refused):
    """What was found belongs to another plan than the approved one. Never adopted, never warned about only."""


class UnrecordedChange(Corrupted):
    """State would change without an entry in the log; the unit of work refuses to commit."""
