"""What a policy comes to: every question that its conditions can tell apart, asked for every permitted set of roles.

Finite, because a condition is one of a closed table and a person may hold few sets of roles; so what holds for all of
these questions holds for all questions about one project and no particular thing. Not covered: links (their members
hold sets of roles that are among these, because a set with a conflict is refused), and rules about one project or one
thing, which have to be asked about there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, product
from types import MappingProxyType

from tunewarden.domain.access import APPROVING, DATA_READING, EVERY, KINDS, PURPOSE_BOUND, READING, Effect, Rule
from tunewarden.domain.access_predicates import named
from tunewarden.domain.break_glass import OPENED_BY_IT
from tunewarden.domain.duties import conflicting
from tunewarden.domain.names import Action, Role

_OPEN = "emergency-open"
WORDS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "author": ("own", "other", "none"),
        "purpose": ("", "purpose-fits", "purpose-differs"),
        "gate": ("", "gate-green", "gate-red"),
        "hold": ("", "legal-hold"),
        "emergency": ("", _OPEN),
    }
)
"""What can be told apart of a thing: whose it is, and what the server stated. The empty word: not stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May somebody do this to such a thing? `situation` has one word of each of `WORDS`, without the empty ones."""

    action: Action
    kind: str
    situation: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.action} of a {self.kind}, {'+'.join(self.situation)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """Something that no policy may allow: `forbids` a set of roles the answer yes."""

    claim: str
    forbids: Callable[[frozenset[Role], Question], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A property that a policy breaks, with one example."""

    claim: str
    roles: frozenset[Role]
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A set of roles that gains or loses an action, with one example. No smaller set gains or loses it."""

    roles: frozenset[Role]
    action: Action
    gains: bool
    example: Question


Decide = Callable[[frozenset[Role], Question], bool]

_OF_THEIR_OWN = frozenset({Action.OPEN_EMERGENCY, Action.CLOSE_EMERGENCY, Action.READ_EMERGENCY})
PROPERTIES = (
    Property(
        claim="nobody approves their own work",
        forbids=lambda _roles, asked: asked.action in APPROVING and "own" in asked.situation,
    ),
    Property(
        claim="nothing is read for another purpose",
        forbids=lambda _roles, asked: asked.action in PURPOSE_BOUND and "purpose-differs" in asked.situation,
    ),
    Property(
        claim="nothing is promoted on a red gate",
        forbids=lambda _roles, asked: (
            asked.action in {Action.APPROVE_PROMOTION, Action.ROLL_BACK_MODEL} and "gate-red" in asked.situation
        ),
    ),
    Property(
        claim="nobody rolls a model back alone without an emergency",
        forbids=lambda _roles, asked: asked.action is Action.ROLL_BACK_MODEL and _OPEN not in asked.situation,
    ),
    Property(
        claim="whoever breaks the glass does nothing but what an emergency is for",
        forbids=lambda roles, asked: roles == {Role.BREAK_GLASS} and asked.action not in OPENED_BY_IT | _OF_THEIR_OWN,
    ),
    Property(
        claim="whoever may break the glass does nothing before they do",
        forbids=lambda roles, asked: (
            roles == {Role.BREAK_GLASS} and asked.action in OPENED_BY_IT and _OPEN not in asked.situation
        ),
    ),
    Property(
        claim="an auditor changes nothing",
        forbids=lambda roles, asked: Role.AUDITOR in roles and asked.action not in READING,
    ),
    Property(
        claim="an administrator reads no data",
        forbids=lambda roles, asked: roles == {Role.ADMINISTRATOR} and asked.action in DATA_READING,
    ),
    Property(
        claim="a worker decides nothing",
        forbids=lambda roles, asked: (
            Role.WORKER in roles
            and asked.action not in {Action.ADVANCE_JOB, Action.CARRY_OUT_ERASURE, Action.EXPIRE_FILE}
        ),
    ),
)


def role_sets() -> Sequence[frozenset[Role]]:
    """Every set of roles that one principal may hold, small ones first."""
    sets = chain.from_iterable(combinations(Role, size) for size in range(1, len(Role) + 1))
    return [frozenset(roles) for roles in sets if not conflicting(frozenset(roles))]


def questions(rules: Iterable[Rule] | None = None) -> Sequence[Question]:
    """All of them: actions, kinds and situations.

    With `rules`, only of what an allow among them is about: whatever else is asked, their answer is no. In an emergency
    only of what it is for, and of what a rule among them makes it for: of nothing else is it stated that there is one.
    """
    rules = None if rules is None else tuple(rules)
    about: Iterable[tuple[Action, str]] = product(Action, sorted(KINDS))
    opened = {*OPENED_BY_IT, *(rule.action for rule in rules or () if _OPEN in named(rule.condition))}
    if rules is not None:
        allowing = {(rule.action, rule.kind.partition("/")[0]) for rule in rules if rule.effect == Effect.ALLOW}
        about = sorted((Action(action), kind) for action, kind in allowing)
    situations = [tuple(word for word in words if word) for words in product(*WORDS.values())]
    return [
        Question(action=action, kind=kind, situation=situation)
        for (action, kind), situation in product(about, situations)
        if _OPEN not in situation or not opened.isdisjoint({action, EVERY})
    ]


def violations(
    decide: Decide, sets: Iterable[frozenset[Role]], asked: Sequence[Question]
) -> tuple[int, Sequence[Violation]]:
    """How many decisions were made, and the first example of each property that is broken."""
    found: dict[str, Violation] = {}
    count = 0
    for roles in sets:
        for question in asked:
            count += 1
            if decide(roles, question):
                for broken in _broken(roles, question):
                    found.setdefault(broken, Violation(claim=broken, roles=roles, question=question))
    return count, list(found.values())


def changes(before: Decide, after: Decide, sets: Iterable[frozenset[Role]], asked: Sequence[Question]) -> list[Change]:
    """Who gains and who loses what, one example each. Of sets that change alike, the smallest are named."""
    found: list[Change] = []
    for roles in sorted(sets, key=len):
        told = {(change.action, change.gains) for change in found if change.roles < roles}
        for question in asked:
            gains = after(roles, question)
            if gains != before(roles, question) and (question.action, gains) not in told:
                told.add((question.action, gains))
                found.append(Change(roles=roles, action=question.action, gains=gains, example=question))
    return found


def _broken(roles: frozenset[Role], question: Question) -> Iterator[str]:
    return (one.claim for one in PROPERTIES if one.forbids(roles, question))
