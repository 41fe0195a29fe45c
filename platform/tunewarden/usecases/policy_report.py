"""What another access policy would change: the document that a second person reads before it comes into force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tunewarden.domain.access import EVERY, PolicySet, RoleLink
from tunewarden.domain.access_analysis import Change, Question, Violation, changes, role_sets, violations
from tunewarden.domain.access_compile import remarks
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.names import Action, Digest, PolicyId, Role
from tunewarden.usecases.policy_questions import EVERYWHERE, Place, asked_at, decide_by, differing, places
from tunewarden.usecases.policy_replay import Replay, replay
from tunewarden.usecases.ports import Access, Engine, View

LOOKED_BACK = timedelta(days=90)
MOST_DECISIONS = 2_000_000
"""Asked of one proposal, about half a minute; one whose places differ too much to be asked about is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A set of roles that gains or loses an action, with one example; no smaller set does."""

    roles: frozenset[Role]
    action: Action
    gains: bool
    kind: str
    situation: tuple[str, ...]
    project: str
    thing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What would change.

    Attributes:
        digest: of what is proposed; base: the version that it is compared with.
        rules, decisions: how many it has, and how many questions it was asked.
        shifts: who gains and who loses what.
        links_added, links_removed: members of groups and roles, which the questions do not cover.
        remarks: ids of rules that change no decision, with why.
        replay: of the log.
    """

    digest: Digest
    base: PolicyId
    rules: int
    decisions: int
    shifts: tuple[Shift, ...]
    links_added: tuple[str, ...]
    links_removed: tuple[str, ...]
    remarks: tuple[str, ...]
    replay: Replay

    def count(self, *, gains: bool) -> int:
        """How many sets of roles gain, or lose, an action."""
        return sum(shift.gains is gains for shift in self.shifts)


def what_if(engine: Engine, view: View, base: PolicyId, before: PolicySet, after: PolicySet, now: datetime) -> WhatIf:
    """Compile, ask and compare. Nothing is kept.

    Raises `Malformed` for a policy with a fault, with every fault, and `Refused` for one by which somebody may what no
    policy may allow, or nobody could change it any more.
    """
    # 1. It may be decided by at all, and so may what it is compared with.
    was, would = engine.judge(before), engine.judge(after)
    # 2. It allows nobody what no policy may, anywhere, and somebody can put another one in its place.
    both = tuple(dict.fromkeys((*before.rules, *after.rules)))
    about = {where: asked_at(both, where) for where in places(before.rules, after.rules)}
    count = _require_sound(would, about)
    _require_changeable(would)
    # 3. Who gains, who loses.
    shifts: list[Shift] = []
    for where, asked in about.items():
        found = changes(decide_by(was, where), decide_by(would, where), role_sets(), differing(before, after, asked))
        shifts += [_shift(one, where) for one in found]
    return WhatIf(
        digest=after.digest(),
        base=base,
        rules=len(after.rules),
        decisions=count,
        shifts=tuple(_once(shifts)),
        links_added=_beyond(after.links, before.links),
        links_removed=_beyond(before.links, after.links),
        remarks=tuple(f"{one.rule} {one.what}" for one in remarks(after.rules)),
        # 4. What it would have said to what was asked for.
        replay=replay(view, was, would, now - LOOKED_BACK),
    )


def _require_sound(would: Access, about: Mapping[Place, Sequence[Question]]) -> int:
    if sum(map(len, about.values())) * len(role_sets()) > MOST_DECISIONS:
        raise Malformed(
            "policy_too_varied",
            f"It says something else in so many places that it would take more than {MOST_DECISIONS} questions.",
            remedy="Let projects have the same rules, or say them for every project.",
            who=Role.ADMINISTRATOR,
        )
    count = 0
    for where, asked in about.items():
        made, broken = violations(decide_by(would, where), role_sets(), asked)
        count += made
        if broken:
            raise _unsound(broken)
    return count


def _unsound(broken: Sequence[Violation]) -> Refused:
    told = (f"not so: {one.claim} ({' + '.join(sorted(one.roles))} may: {one.question})" for one in broken)
    return Refused(
        "policy_unsound",
        f"By this policy somebody may what no policy may allow: {'; '.join(told)}.",
        remedy="Take out the rule that allows it.",
        who=Role.ADMINISTRATOR,
        rule="policy-unsound",
    )


def _require_changeable(would: Access) -> None:
    decide = decide_by(would, EVERYWHERE)
    for action in (Action.PROPOSE_POLICY, Action.ACTIVATE_POLICY):
        asked = Question(action=action, kind="policy", situation=("other",))
        if not any(decide(roles, asked) for roles in role_sets()):
            raise Refused(
                "policy_locks_out",
                f"By this policy nobody could {action} any more, so it could never be changed.",
                remedy="Leave the rule in that allows it.",
                who=Role.ADMINISTRATOR,
                rule="policy-locks-out",
            )


def _once(shifts: Sequence[Shift]) -> Sequence[Shift]:
    """What changes everywhere is not told again for each project and thing."""
    everywhere = {(one.roles, one.action, one.gains) for one in shifts if (one.project, one.thing) == (EVERY, "")}
    return [
        one
        for one in shifts
        if (one.project, one.thing) == (EVERY, "") or (one.roles, one.action, one.gains) not in everywhere
    ]


def _shift(change: Change, where: Place) -> Shift:
    return Shift(
        roles=change.roles,
        action=change.action,
        gains=change.gains,
        kind=change.example.kind,
        situation=change.example.situation,
        project=where.project,
        thing=where.thing,
    )


def _beyond(links: Sequence[RoleLink], others: Sequence[RoleLink]) -> tuple[str, ...]:
    return tuple(" ".join(link) for link in sorted(set(links).difference(others)))
