"""The questions of `domain.access_analysis`, put to a policy: everywhere where its rules can tell something apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import Any

from tunewarden.domain.access import EVERY, Effect, PolicySet, Rule
from tunewarden.domain.access_analysis import Decide, Question, questions
from tunewarden.domain.access_kinds import KIND_OF
from tunewarden.domain.access_predicates import ALWAYS
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.usecases.ports import Access, Principal, Resource

ME, SOMEBODY = PrincipalId("prn-me"), PrincipalId("prn-somebody")
_ALLOWED = frozenset({Purpose.RESEARCH})
_FACTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "own": {"author": ME},
        "other": {"author": SOMEBODY},
        "none": {"author": None},
        "purpose-fits": {"purpose": Purpose.RESEARCH, "purposes": _ALLOWED},
        "purpose-differs": {"purpose": Purpose.MARKETING, "purposes": _ALLOWED},
        "gate-green": {"gate_green": True},
        "gate-red": {"gate_green": False},
        "legal-hold": {"legal_hold": True},
        "emergency-open": {"emergency_open": True},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a question is asked: in a project, or `EVERY`; of one thing as `kind/id` and what is in it, or of none."""

    project: str = EVERY
    thing: str = ""


EVERYWHERE = Place()
"""In every project, of no particular thing."""


def resource(kind: str, situation: Sequence[str], where: Place = EVERYWHERE, asker: PrincipalId = ME) -> Resource:
    """A thing in this situation, as seen by `asker`. Raises `KeyError` for a word that is none of the analysis's."""
    made = Resource(kind=kind, id="x", project=where.project, parents=(where.thing,) if where.thing else ())
    for word in situation:
        made = replace(made, **_FACTS[word])
    return replace(made, author=asker) if made.author == ME else made


def decide_by(access: Access, where: Place = EVERYWHERE) -> Decide:
    """Answers of a policy at a place; things are made once each."""
    things: dict[tuple[str, tuple[str, ...]], Resource] = {}

    def decide(roles: frozenset[Role], question: Question) -> bool:
        key = question.kind, question.situation
        if key not in things:
            things[key] = resource(*key, where)
        return access(Principal(id=ME, roles=roles), question.action, things[key]).allowed

    return decide


def asked_at(rules: Sequence[Rule], where: Place) -> Sequence[Question]:
    """Every question whose answer a rule of this very place can change; in a thing there may be things of any kind."""
    if where == EVERYWHERE:
        return questions(rules)
    here = [rule for rule in rules if place_of(rule) == where]
    about = {rule.action for rule in here if rule.effect == Effect.ALLOW}
    for rule in here:
        if rule.effect == Effect.DENY:
            about |= set(KIND_OF) if rule.action == EVERY else {rule.action}
    asked = ((action, KIND_OF[Action(action)]) for action in sorted(about))
    return questions(Rule(Role.AUDITOR, action, kind, ALWAYS, Effect.ALLOW) for action, kind in asked)


def differing(before: PolicySet, after: PolicySet, asked: Sequence[Question]) -> Sequence[Question]:
    """Those among `asked` that the two may answer differently: a rule that only one of them has can be about them.

    All of them, where links or groups differ: whoever asks may hold another role then.
    """
    if (before.links, before.groups) != (after.links, after.groups):
        return asked
    # Of one thing as of every kind: in it there may be things of any kind.
    about = {(rule.action, EVERY if "/" in rule.kind else rule.kind) for rule in {*before.rules} ^ {*after.rules}}
    return [one for one in asked if not about.isdisjoint(product((one.action, EVERY), (one.kind, EVERY)))]


def place_of(rule: Rule) -> Place:
    """Where a rule says something that it says nowhere else."""
    return Place(project=rule.project, thing=rule.kind if "/" in rule.kind else "")


def places(*policies: Sequence[Rule]) -> Sequence[Place]:
    """Where to ask about these policies, so that nothing is left out that one of them allows.

    A rule applies where it says, and elsewhere only together with more deny rules; so the places of rules are enough
    to find what somebody may. Of places about which every policy says the same under another name, one is named:
    names decide nothing.
    """
    seen: dict[object, Place] = {}
    told = [_by_name(rules) for rules in policies]
    for where in sorted({place_of(rule) for rules in policies for rule in rules} | {EVERYWHERE}):
        seen.setdefault(tuple(_pattern(names, where) for names in told), where)
    return list(seen.values())


Named = Mapping[str, Sequence[Rule]]


def _by_name(rules: Sequence[Rule]) -> Named:
    """Rules by the project, and by the thing, that they name."""
    found: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        if rule.project != EVERY:
            found[f"project {rule.project}"].append(rule)
        if "/" in rule.kind:
            found[f"thing {rule.kind}"].append(rule)
    return found


def _pattern(names: Named, where: Place) -> object:
    """All that a policy says about a place and not about every place, without the names."""
    in_project = names.get(f"project {where.project}", ())
    of_thing = names.get(f"thing {where.thing}", ())
    masked = {
        (*rule[:2], _mask(rule.kind), *rule[3:5], rule.project != EVERY)
        for rule in (*in_project, *of_thing)
        if rule.project in (where.project, EVERY) and ("/" not in rule.kind or rule.kind == where.thing)
    }
    return where.project != EVERY, _mask(where.thing), frozenset(masked)


def _mask(thing: str) -> str:
    kind, slash, _ = thing.partition("/")
    return kind + slash
