"""One version of the policy, ready to decide by. Never changed once it is made, so threads need no lock.

1. The rules that can be about a question are looked up: its project or every, the thing and all that it is in, the
   action. Where there are none the answer is no, and Casbin is not asked: without rules it matches empty strings.
2. The roles held there are the closure of the links; the conditions that those rules name are looked at, once each.
3. A small Casbin enforcer over those rules judges. Equal roles and conditions have equal answers, which are kept.

All that is kept is bounded, and under names that the policy knows: whoever asks about others leaves nothing behind.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tunewarden.domain.access import ANYONE, EVERY, KINDS, STANDARD_ROLES, Rule
from tunewarden.domain.access_compile import Compiled
from tunewarden.domain.access_explain import Explanation, Reason, reason
from tunewarden.domain.access_predicates import named, outcome
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.names import Action, Digest, Role
from tunewarden.drivers.access_model import AccessModel, Judge
from tunewarden.usecases.ports import Decision, Principal, Resource

_KEPT_JUDGES = 8_192
_KEPT_ANSWERS = 65_536
_KEPT_HOLDINGS = 65_536


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Bucket:
    """The rules that can be about a question, and their judge. Equal to itself only, to be a key."""

    project: str
    things: tuple[str, ...]
    action: str
    rules: Sequence[Rule]
    conditions: tuple[str, ...]
    judge: Judge


class Snapshot:
    """A policy and its model, by their digest. Who asks has the roles of its key or token, and those of its links."""

    def __init__(self, compiled: Compiled, model_text: str) -> None:
        """Raises `Malformed` for a model that is not ours."""
        self._model = AccessModel(model_text)
        self.version = Digest(digest_bytes(f"{digest_bytes(model_text.encode())}{compiled.version}".encode()))
        self._graph = compiled.graph
        index: dict[tuple[str, str, str], list[Rule]] = defaultdict(list)
        for rule in compiled.policy.rules:
            index[rule.project, rule.kind, rule.action].append(rule)
        self._index: Mapping[tuple[str, str, str], Sequence[Rule]] = dict(index)
        self._projects = frozenset({project for project, _, _ in index} | self._graph.projects) - {EVERY}
        self._one = frozenset({kind for _, kind, _ in index if "/" in kind})
        self._bucket = lru_cache(_KEPT_JUDGES)(self._build)
        self._answer = lru_cache(_KEPT_ANSWERS)(self._judged)
        self._held = lru_cache(_KEPT_HOLDINGS)(self._holding)

    def decide(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        """Deny by default. Raises whatever Casbin does; `LiveAccess` makes a no of it."""
        bucket = self._bucket_of(action, resource)
        project = self._known(resource.project)
        if bucket is None:
            outside = self.is_outside(principal, project)
            return Decision(allowed=False, because="no-rule-allows", version=self.version, outside=outside)
        held = self._held_by(principal, project)
        if held is None:
            return self._conflicting  # of a key and links together, and a role of a key is held in every project
        asker = principal.id
        return self._answer(bucket, held, tuple([outcome(name, asker, resource) for name in bucket.conditions]))

    def explain(self, principal: Principal, action: Action, resource: Resource, viewer: Principal) -> Explanation:
        """The decision in full. Only an auditor is shown who holds what and whose work it is."""
        decision = self.decide(principal, action, resource)
        bucket = self._bucket_of(action, resource)
        held = self._held_by(principal, bucket.project) if bucket else None
        facts = _facts(principal, resource, held or frozenset()) if Role.AUDITOR in viewer.roles else None
        told = Reason(
            because=decision.because,
            rule=decision.rule,
            failed=decision.failed,
            who=decision.who,
            unblocks=decision.unblocks,
        )
        return Explanation(
            allowed=decision.allowed,
            version=self.version,
            rule=decision.because if decision.allowed else decision.rule,
            reason=None if decision.allowed else told,
            facts=facts,
        )

    def _bucket_of(self, action: Action, resource: Resource) -> Bucket | None:
        """Asked by names that the policy knows only; all others are in no project and no particular thing."""
        kind = resource.kind
        if kind not in KINDS:
            return None
        things: tuple[str, ...] = (kind,)
        if self._one:
            inside = (f"{kind}/{resource.id}", *resource.parents)
            things = (kind, *[thing for thing in inside if thing in self._one])
        return self._bucket(self._known(resource.project), things, action)

    def _known(self, project: str) -> str:
        """A project that no rule and no link names is like every other one of these."""
        return project if project in self._projects else EVERY

    def is_outside(self, principal: Principal, project: str) -> bool:
        """Whether a principal holds no role in a project, whatever is asked; Casbin has no part in it."""
        known = principal.id if principal.id in self._graph.people and not principal.scoped else None
        return not STANDARD_ROLES & self._graph.held(known, principal.roles, project)

    def _held_by(self, principal: Principal, project: str) -> frozenset[str] | None:
        """None for who holds, over all projects, what nobody may together."""
        known = principal.id if principal.id in self._graph.people and not principal.scoped else None
        return self._held(known, principal.roles, project)

    def _holding(self, member: str | None, roles: frozenset[Role], project: str) -> frozenset[str] | None:
        if self._graph.conflict(member, roles):
            return None
        return self._graph.held(member, roles, project)

    def _build(self, project: str, things: tuple[str, ...], action: Action) -> Bucket | None:
        rules = [
            rule
            for where in dict.fromkeys((project, EVERY))
            for thing in (*things, EVERY)
            for what in (action, EVERY)
            for rule in self._index.get((where, thing, what), ())
        ]
        if not rules:
            return None
        return Bucket(
            project=project,
            things=(*things, EVERY),
            action=action,
            rules=rules,
            conditions=tuple(sorted({name for rule in rules for name in named(rule.condition)})),
            judge=self._model.judge(rules),
        )

    def _judged(self, bucket: Bucket, held: frozenset[str], told: tuple[bool | None, ...]) -> Decision:
        outcomes = dict(zip(bucket.conditions, told, strict=True))
        allowed, decided = bucket.judge(held, bucket.project, bucket.things, bucket.action, outcomes)
        if allowed:
            return Decision(allowed=True, because=decided, version=self.version)
        why = reason(bucket.rules, held, outcomes)
        return Decision(
            allowed=False,
            because=decided or why.because,
            who=why.who,
            version=self.version,
            rule=why.rule,
            failed=why.failed,
            unblocks=why.unblocks,
            outside=not STANDARD_ROLES & held,
        )

    @property
    def _conflicting(self) -> Decision:
        return Decision(
            allowed=False,
            because="roles-conflict",
            who=Role.ADMINISTRATOR,
            version=self.version,
            unblocks=Role.ADMINISTRATOR,
        )


def _facts(principal: Principal, resource: Resource, held: frozenset[str]) -> Mapping[str, str]:
    stated = {
        "asker": principal.id,
        "author": resource.author,
        "project": resource.project,
        "purpose": resource.purpose,
        "purposes": None if resource.purposes is None else ", ".join(sorted(resource.purposes)),
        "gate_green": resource.gate_green,
        "legal_hold": resource.legal_hold,
        "emergency_open": resource.emergency_open,
    }
    told = {name: "not stated" if value is None else str(value) for name, value in stated.items()}
    return {**told, "roles": ", ".join(sorted(held - {ANYONE}))}
