"""Random policies and requests, and plain Casbin as the slow reference: its own enforcer, loader and role manager.

Conditions are written once more here, apart from the platform's. Outside of what is compared are the traps that
`test_access_traps.py` lists: links more than ten deep, policies without a rule, names that are no ids.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import casbin

from tunewarden.domain.access import ANYONE, EVERY, PolicySet, RoleLink, Rule
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.usecases.ports import Principal, Resource

KEY_ROLES = (Role.STEWARD, Role.REVIEWER, Role.REQUESTER, Role.ADMINISTRATOR)
"""Those that one may hold together, so that no random set is refused for its duties."""
GROUPS = ("g1", "g2", "g3", "g4")
PROJECTS = ("p1", "p2")
ACTIONS = (Action.READ_DATASET, Action.SUBMIT_REQUEST, Action.APPROVE_PROMOTION)
KINDS = ("dataset", "request", "promotion")
CONDITIONS = (
    *("always", "own", "other", "purpose-fits", "purpose-differs", "gate-green", "gate-red", "legal-hold"),
    *("other+gate-green", "own+purpose-fits", "other+legal-hold", "gate-red+purpose-differs"),
)
PRINCIPALS = tuple(PrincipalId(f"prn-{number}") for number in range(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A policy, and what the principals' own keys say of their roles."""

    policy: PolicySet
    keys: Mapping[PrincipalId, frozenset[Role]]


def worlds(seed: int, count: int) -> Iterator[tuple[World, Random]]:
    for number in range(count):
        dice = Random(f"{seed}/{number}")
        links = {link for _ in range(dice.randrange(8)) if (link := _link(dice)) is not None}
        rules = {rule.id: rule for rule in (_rule(dice) for _ in range(dice.randrange(1, 20)))}
        yield (
            World(
                policy=PolicySet(rules=tuple(rules.values()), links=tuple(sorted(links)), groups=GROUPS),
                keys={one: frozenset(dice.sample(KEY_ROLES, dice.randrange(4))) for one in PRINCIPALS},
            ),
            dice,
        )


def _link(dice: Random) -> RoleLink | None:
    """Upwards only, so that no set has a circle."""
    order = (*PRINCIPALS, *GROUPS, *KEY_ROLES)
    below, above = sorted(dice.sample(range(len(order)), 2))
    if above < len(PRINCIPALS):
        return None
    return RoleLink(order[below], order[above], dice.choice((EVERY, *PROJECTS)))


def _rule(dice: Random) -> Rule:
    one_thing = f"{dice.choice(KINDS)}/{dice.choice(('a', 'b'))}"
    where = dice.choice((EVERY, EVERY, *PROJECTS))
    kind = one_thing if dice.random() < 0.25 else dice.choice(KINDS)
    if dice.random() < 0.75:
        return Rule(dice.choice(KEY_ROLES), dice.choice(ACTIONS), kind, dice.choice(CONDITIONS), "allow", where)
    return Rule(
        dice.choice((*KEY_ROLES, *GROUPS, ANYONE)),
        dice.choice((*ACTIONS, EVERY)),
        dice.choice((kind, kind, EVERY)),
        dice.choice(CONDITIONS),
        "deny",
        where,
    )


def request(dice: Random, world: World) -> tuple[Principal, Action, Resource]:
    """Mostly of something that a rule is about."""
    who = dice.choice((*PRINCIPALS, PrincipalId("prn-unknown")))
    rule = dice.choice(world.policy.rules)
    near = dice.random() < 0.8
    return (
        Principal(id=who, roles=world.keys.get(who, frozenset())),
        Action(rule.action) if near and rule.action != EVERY else dice.choice(ACTIONS),
        Resource(
            kind=rule.kind.partition("/")[0] if near and rule.kind != EVERY else dice.choice(KINDS),
            id=dice.choice(("a", "b", "c", "")),
            author=dice.choice((None, who, PrincipalId("prn-other"))),
            project=dice.choice((EVERY, *PROJECTS, "p-unknown")),
            parents=dice.choice(((), ("dataset/a",), ("dataset/b", "request/a"))),
            purpose=dice.choice((None, Purpose.CARE, Purpose.RESEARCH)),
            purposes=dice.choice((None, frozenset({Purpose.CARE}))),
            gate_green=dice.choice((None, True, False)),
            legal_hold=dice.choice((None, True, False)),
        ),
    )


class Reference:
    """Plain Casbin over the same model, rules and links, asked for each decision anew."""

    def __init__(self, model: str, world: World) -> None:
        self._enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=model), enable_log=False)
        self._enforcer.logger.setLevel(logging.CRITICAL + 1)
        self._enforcer.add_function("holds", _holds)
        self._enforcer.add_policies([list(rule) for rule in world.policy.rules])
        links = set()
        for project in (EVERY, *PROJECTS, "p-unknown"):
            links |= {(one.member, one.role, project) for one in world.policy.links if one.project in {EVERY, project}}
            links |= {(one, role, project) for one, roles in world.keys.items() for role in roles}
            links |= {(one, ANYONE, project) for one in (*PRINCIPALS, "prn-unknown")}
        self._enforcer.add_grouping_policies([list(link) for link in sorted(links)])

    def allows(self, principal: Principal, action: Action, thing: Resource) -> bool:
        things = [thing.kind, f"{thing.kind}/{thing.id}", *thing.parents, EVERY]
        env = {"asker": principal.id, "thing": thing}
        return self._enforcer.enforce(principal.id, thing.project, things, action, env) is True


def _holds(condition: str, effect: str, env: Mapping[str, Any]) -> bool:
    asker, thing = env["asker"], env["thing"]
    half = (thing.purpose is None) != (thing.purposes is None)
    unsure = effect == "deny"
    fits: bool | None = None if thing.purpose is None or half else thing.purpose in thing.purposes
    told = {
        "always": True,
        "own": thing.author == asker,
        "other": thing.author not in {None, asker},
        "purpose-fits": unsure if fits is None else fits,
        "purpose-differs": (unsure if half else False) if fits is None else not fits,
        "gate-green": unsure if thing.gate_green is None else thing.gate_green,
        "gate-red": thing.gate_green is False,
        "legal-hold": thing.legal_hold is True,
    }
    return all(told[name] for name in condition.split("+"))
