"""Whether a policy set may be decided by. One fault refuses the whole set, and every fault is named.

A fault in one rule of an access policy can undo another one (a deny rule with a spelling mistake is an allow), so
nothing is ever taken of a set that is not right everywhere. No message repeats what a rule or a link says.
"""

import gc
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import CycleError
from operator import itemgetter

from tunewarden.domain.access import (
    ANYONE,
    EVERY,
    HARD_DENIES,
    KINDS,
    STANDARD_ROLES,
    Effect,
    PolicySet,
    RoleLink,
    Rule,
    is_id,
)
from tunewarden.domain.access_predicates import ALWAYS, OPPOSITES, PREDICATES, is_condition, named
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, Digest, Role

_MOST_NAMED = 20
_PRINCIPAL = "prn-"
_ACTIONS = frozenset(Action)
_EFFECTS = frozenset(Effect)
_NOT_ID = "is not an id: up to 64 of a-z, 0-9, '.', '_' and '-', and a letter or digit first"
_NOT_MEMBER = f"the member {_NOT_ID}, and not '{ANYONE}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong, and where: "line 3", "link 7", "group 1", "the file"."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A rule that changes no decision, by its id, and why not."""

    rule: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A set without a fault; `version` is its digest. Only `compiled` makes one."""

    policy: PolicySet
    version: Digest
    graph: RoleGraph


def compiled(policy: PolicySet, *, demanded: Collection[Rule] = HARD_DENIES) -> Compiled:
    """The set, checked. Raises `Malformed` with every fault."""
    with _no_collection():
        graph = RoleGraph(policy.links, policy.groups)
        require_none(faults(policy, graph=graph, demanded=demanded))
        return Compiled(policy=policy, version=policy.digest(), graph=graph)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the collector of garbage, which goes through all rules of a large set again and again and finds nothing.

    Two threads at once do no harm: the one that found it on turns it on again.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def require_none(found: Sequence[Fault]) -> None:
    """Raise `Malformed` if there is any fault."""
    if not found:
        return
    more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    raise Malformed(
        "access_policy_malformed",
        f"The access policy cannot be used, {'; '.join(str(fault) for fault in found[:_MOST_NAMED])}{more}.",
        remedy="Mend it; nothing is decided by a policy with a fault.",
        who=Role.ADMINISTRATOR,
    )


def faults(
    policy: PolicySet,
    *,
    graph: RoleGraph,
    demanded: Collection[Rule] = HARD_DENIES,
    rule_at: Sequence[int] | None = None,
    rule_word: str = "rule",
) -> Sequence[Fault]:
    """Everything that is wrong with a set.

    Args:
        demanded: the rules that it has to hold.
        rule_at, rule_word: how the place of each rule is called; "rule" and its number, from 1, if not said.
    """
    places = [f"{rule_word} {number}" for number in rule_at] if rule_at else None

    def where(index: int) -> str:
        return places[index] if places else f"{rule_word} {index + 1}"

    found = [Fault(where=where(index), what=what) for index, what in _rule_faults(policy.rules, graph.groups)]
    found += [Fault(where=f"link {index + 1}", what=what) for index, what in _link_faults(policy.links, graph.groups)]
    found += [Fault(where=f"group {index + 1}", what=what) for index, what in _group_faults(policy.groups)]
    if not found:
        found += _whole_faults(policy, graph, demanded)
    return found


def _rule_faults(rules: Sequence[Rule], groups: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Column by column: what is fine for one rule with a word is fine for all, and most sets have nothing else."""
    roles = {word: _role_fault(word, groups) for word in {rule.role for rule in rules}}
    actions = {
        word: _word_fault("action", word, _ACTIONS | {EVERY}, _ACTIONS) for word in {rule.action for rule in rules}
    }
    kinds = {word: _kind_fault(word) for word in {rule.kind for rule in rules}}
    conditions = {word: _condition_fault(word) for word in {rule.condition for rule in rules}}
    effects = {word: _word_fault("effect", word, _EFFECTS, _EFFECTS) for word in {rule.effect for rule in rules}}
    projects = {word: _project_fault(word) for word in {rule.project for rule in rules}}
    allows = {
        (rule.role, rule.action, rule.kind): _allow_fault(rule, groups) for rule in rules if rule.effect != Effect.DENY
    }
    if not any(any(column.values()) for column in (roles, actions, kinds, conditions, effects, projects, allows)):
        return
    for index, (role, action, kind, condition, effect, project) in enumerate(rules):
        told = (
            roles[role],
            actions[action],
            kinds[kind],
            conditions[condition],
            effects[effect],
            projects[project],
            allows.get((role, action, kind), "") if effect != Effect.DENY else "",
        )
        if any(told):
            yield index, next(what for what in told if what)


def _word_fault(column: str, word: str, words: Set[str], known: Set[str]) -> str:
    return "" if word in words else _unknown(column, known)


def _role_fault(role: str, groups: frozenset[str]) -> str:
    return "" if role in STANDARD_ROLES or role == ANYONE or role in groups else _unknown("role", {*Role, ANYONE})


def _kind_fault(kind: str) -> str:
    general, slash, one = kind.partition("/")
    if kind == EVERY or (general in KINDS and (not slash or is_id(one))):
        return ""
    return _unknown("kind", KINDS)


def _condition_fault(condition: str) -> str:
    if not is_condition(condition):
        return _unknown("condition", PREDICATES) + ", or several of them joined by '+'"
    if any(pair <= set(named(condition)) for pair in OPPOSITES):
        return "the condition can never hold"
    return ""


def _project_fault(project: str) -> str:
    return "" if project == EVERY or is_id(project) else f"the project {_NOT_ID}"


def _allow_fault(rule: Rule, groups: frozenset[str]) -> str:
    if rule.role == ANYONE:
        return "what everybody is allowed is not for a line of the policy to say"
    if rule.role in groups:
        return "only a role is allowed something; a group holds roles"
    if EVERY in {rule.action, rule.kind}:
        return f"an allow names its {'action' if rule.action == EVERY else 'kind'}"
    return ""


def _unknown(column: str, words: Iterable[str]) -> str:
    return f"the {column} is not one of {', '.join(sorted(words))}"


def _link_faults(links: Sequence[RoleLink], groups: frozenset[str]) -> Iterator[tuple[int, str]]:
    """As for rules: a link is looked at by itself only where some word is wrong, or somebody holds themselves."""
    members = {word: "" if is_id(word) and word != ANYONE else _NOT_MEMBER for word in {link.member for link in links}}
    roles = {word: _target_fault(word, groups) for word in {link.role for link in links}}
    projects = {word: _project_fault(word) for word in {link.project for link in links}}
    words_are_fine = not any(any(column.values()) for column in (members, roles, projects))
    if words_are_fine and all(member != role for member, role, _ in links):
        return
    for index, (member, role, project) in enumerate(links):
        what = members[member] or roles[role] or projects[project]
        if what or member == role:
            yield index, what or "somebody holds themselves"


def _target_fault(role: str, groups: frozenset[str]) -> str:
    return "" if role in STANDARD_ROLES or role in groups else "it leads to no role and to none of the groups"


def _group_faults(groups: Sequence[str]) -> Iterator[tuple[int, str]]:
    for index, group in enumerate(groups):
        if not is_id(group):
            yield index, f"the name {_NOT_ID}"
        elif group == ANYONE or group in STANDARD_ROLES or group.startswith(_PRINCIPAL):
            yield index, "it has the name of a role or of a principal"


def _whole_faults(policy: PolicySet, graph: RoleGraph, demanded: Collection[Rule]) -> Sequence[Fault]:
    if not policy.rules:
        return [Fault(where="the file", what="there is no line")]
    missing = sorted(frozenset(demanded).difference(policy.rules))
    found = []
    if _two_are_alike(policy.rules):
        found.append(Fault(where="the file", what="two lines have the same role, action and condition"))
    if len(set(policy.links)) != len(policy.links):
        found.append(Fault(where="the links", what="a link stands twice"))
    found += [Fault(where="the file", what=f"the hard deny {rule.id} is missing") for rule in missing]
    return found + list(_duty_faults(policy.links, graph))


def _two_are_alike(rules: Sequence[Rule]) -> bool:
    """Whether two have one id. They cannot, where all differ in role, action, condition or project."""
    if len(set(map(itemgetter(0, 1, 3, 5), rules))) == len(rules):
        return False
    return len({rule.id for rule in rules}) != len(rules)


def _duty_faults(links: Sequence[RoleLink], graph: RoleGraph) -> Iterator[Fault]:
    try:
        conflicts = graph.conflicts()
    except CycleError as error:
        in_cycle = set(error.args[1])
        numbers = [str(index + 1) for index, link in enumerate(links) if {link.member, link.role} <= in_cycle]
        yield Fault(where=f"links {', '.join(numbers[:_MOST_NAMED])}", what="they lead in a circle")
        return
    if not conflicts:
        return
    for index, link in enumerate(links):
        if link.member in conflicts:
            pair = " and ".join(sorted(conflicts[link.member]))
            yield Fault(where=f"link {index + 1}", what=f"with it one member holds {pair}, which nobody may together")


def remarks(rules: Sequence[Rule]) -> Sequence[Remark]:
    """Those of a faultless set that change no decision: a wider one says the same, or a deny rule takes all of it."""
    wider: Mapping[tuple[str, str, str], list[Rule]] = defaultdict(list)
    for rule in rules:
        wider[rule.project, rule.kind, rule.action].append(rule)
    found = []
    for rule in rules:
        over = next((other for other in _over(rule, wider) if other is not rule and _covers(other, rule)), None)
        if over is not None:
            same = over.effect == rule.effect
            found.append(Remark(rule=rule.id, what=f"{'says no more than' if same else 'is undone by'} {over.id}"))
    return found


def _over(rule: Rule, rules: Mapping[tuple[str, str, str], Sequence[Rule]]) -> Iterator[Rule]:
    for project in dict.fromkeys((rule.project, EVERY)):
        for kind in dict.fromkeys((rule.kind, rule.kind.partition("/")[0], EVERY)):
            for action in dict.fromkeys((rule.action, EVERY)):
                yield from rules.get((project, kind, action), ())


def _covers(wider: Rule, rule: Rule) -> bool:
    """Whether `wider` says the same, or denies, wherever `rule` applies."""
    if wider.effect != rule.effect and wider.effect != Effect.DENY:
        return False
    if wider.role not in {rule.role, ANYONE}:
        return False
    return set(named(wider.condition)) - {ALWAYS} <= set(named(rule.condition))
