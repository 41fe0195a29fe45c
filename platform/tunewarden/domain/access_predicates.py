"""The conditions that a rule can name: a closed table of pure functions. A policy cannot run anything.

What a condition looks at comes from the server, never from the caller. A fact that is None has not been stated: an
allow rule that needs it does not apply, and a deny rule about what is wrong waits until something is known. So a use
case states a fact as soon as it knows it, and asks again where it learns it later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import PrincipalId, Role

ALWAYS = "always"


class Thing(Protocol):
    """What an action is about, as conditions see it; `usecases.ports.Resource` is one."""

    @property
    def author(self) -> PrincipalId | None:
        """Who asked for it or owns it."""

    @property
    def purpose(self) -> Purpose | None:
        """What it is to be used for now."""

    @property
    def purposes(self) -> frozenset[Purpose] | None:
        """What it may be used for; of a model, what all its datasets may."""

    @property
    def gate_green(self) -> bool | None:
        """Whether the verdict of its gate, today, is a pass. Unknown evidence is no pass."""

    @property
    def legal_hold(self) -> bool | None:
        """Whether a hold keeps it."""

    @property
    def emergency_open(self) -> bool | None:
        """Whether who asks has an emergency in force, by the clock of this very decision."""


class NotStated(Exception):
    """A condition needs a fact that the server has stated in part only, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """One condition.

    Attributes:
        holds: of who asks and the thing; may raise, and then an allow rule does not apply and a deny rule does.
        fails: why not, for a person; follows "because".
        mends: the role that can make it come out otherwise; empty where only somebody else can do the action.
    """

    holds: Callable[[PrincipalId, Thing], bool]
    fails: str
    mends: Role | None = None


def _fits(_asker: PrincipalId, thing: Thing) -> bool:
    if thing.purpose is None or thing.purposes is None:
        raise NotStated
    return thing.purpose in thing.purposes


def _differs(asker: PrincipalId, thing: Thing) -> bool:
    if thing.purpose is None and thing.purposes is None:
        return False
    return not _fits(asker, thing)


def _green(_asker: PrincipalId, thing: Thing) -> bool:
    if thing.gate_green is None:
        raise NotStated
    return thing.gate_green


def _in_emergency(_asker: PrincipalId, thing: Thing) -> bool:
    if thing.emergency_open is None:
        raise NotStated
    return thing.emergency_open


PREDICATES: Mapping[str, Predicate] = MappingProxyType(
    {
        ALWAYS: Predicate(holds=lambda _asker, _thing: True, fails="nothing"),
        "own": Predicate(
            holds=lambda asker, thing: thing.author is not None and thing.author == asker,
            fails="it is about one's own work",
        ),
        "other": Predicate(
            holds=lambda asker, thing: thing.author is not None and thing.author != asker,
            fails="it is about the work of somebody else",
        ),
        "purpose-fits": Predicate(holds=_fits, fails="of the purpose", mends=Role.STEWARD),
        "purpose-differs": Predicate(holds=_differs, fails="of the purpose", mends=Role.STEWARD),
        "gate-green": Predicate(holds=_green, fails="of the verdict of the gate", mends=Role.REQUESTER),
        "gate-red": Predicate(
            holds=lambda _asker, thing: thing.gate_green is False,
            fails="of the verdict of the gate",
            mends=Role.REQUESTER,
        ),
        "legal-hold": Predicate(
            holds=lambda _asker, thing: thing.legal_hold is True,
            fails="of a legal hold",
            mends=Role.PRIVACY_OFFICER,
        ),
        "emergency-open": Predicate(
            holds=_in_emergency, fails="no emergency of theirs is in force", mends=Role.BREAK_GLASS
        ),
    }
)
OPPOSITES = frozenset(
    {
        frozenset({"own", "other"}),
        frozenset({"purpose-fits", "purpose-differs"}),
        frozenset({"gate-green", "gate-red"}),
    }
)
"""No thing is both."""

Outcomes = Mapping[str, bool | None]
"""Condition -> whether it holds; None where it raised."""


@lru_cache(maxsize=1024)
def named(condition: str) -> tuple[str, ...]:
    """The predicates that a condition is made of."""
    return tuple(condition.split("+"))


def is_condition(text: str) -> bool:
    """Whether every name is known and stands once, and `always` stands alone."""
    names = named(text)
    return (
        set(names) <= PREDICATES.keys()
        and len(set(names)) == len(names)
        and (ALWAYS not in names or names == (ALWAYS,))
    )


def outcome(name: str, asker: PrincipalId, thing: Thing) -> bool | None:
    """Whether this predicate holds; None where it cannot say. Only True and False count as answers."""
    try:
        found = PREDICATES[name].holds(asker, thing)
    except Exception:
        return None
    return found if isinstance(found, bool) else None


def failing(condition: str, effect: str, outcomes: Outcomes) -> Sequence[str]:
    """The predicates that keep a rule from applying. What cannot be said keeps an allow rule from it, no deny rule."""
    unknown = effect == "deny"
    return [name for name in named(condition) if not _taken(outcomes[name], unknown=unknown)]


def applies(condition: str, effect: str, outcomes: Outcomes) -> bool:
    """Whether all predicates of a rule hold. The `holds` of the access model."""
    return not failing(condition, effect, outcomes)


def _taken(found: bool | None, *, unknown: bool) -> bool:
    return unknown if found is None else found
