"""What an auditor asks of the access policy: why, what may this one do, who may do that, and who could have, then.

Everybody may ask about themselves. Who the others are is for auditors; whoever else may ask learns how many.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from tunewarden.domain.access import APPROVING, PolicySet
from tunewarden.domain.access_explain import Explanation, Reason
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.events import KeyCreated, KeyRevoked, PrincipalIdentified
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action, PolicyId, PrincipalId, RequestId, Role
from tunewarden.domain.policies import FRESH, Given, PolicyVersion, with_grants, with_hard_denies
from tunewarden.usecases.binding import barrier
from tunewarden.usecases.emergencies import because_of
from tunewarden.usecases.policies import engine
from tunewarden.usecases.policy_questions import EVERYWHERE, asked_at, resource
from tunewarden.usecases.ports import Access, Platform, Principal, Resource, View
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded
from tunewarden.usecases.things import some, thing

_SEEN_BY: Mapping[str, Action] = MappingProxyType(
    {
        "file": Action.READ_FILE,
        "dataset": Action.READ_DATASET,
        "request": Action.READ_REQUEST,
        "review": Action.REVIEW_SAMPLE,
        "model": Action.READ_MODEL,
        "promotion": Action.READ_MODEL,
        "policy": Action.READ_POLICY,
        "emergency": Action.READ_EMERGENCY,
        "project": Action.READ_PROJECT,
    }
)
"""Kind -> the action that shows one of it. All others are not looked up: nobody is told whether one is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """An action that somebody may do to a kind of thing.

    Attributes:
        whose: "own", "other" (of somebody else), "none" (nobody's).
        allowed_by, denied_by: the rules that decided, in all situations that can be told apart.
    """

    action: Action
    kind: str
    whose: tuple[str, ...]
    allowed_by: tuple[str, ...]
    denied_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Able:
    """Who may, or could have.

    Attributes:
        policy: the version that was in force; None for now.
        counts: how many, by their roles by key or token, joined by "+".
        principals: None for a viewer who is not to know.
    """

    policy: PolicyId | None
    counts: Mapping[str, int]
    principals: tuple[PrincipalId, ...] | None


def explain(
    platform: Platform, principal: Principal, whose: PrincipalId | None, action: Action, kind: str, identifier: str
) -> Explanation:
    """Why somebody may or may not do this: the rule, or the nearest one and what it lacks, and who can mend it.

    Of oneself with the key that is used, of others as if they used one that is for all their roles. Raises `NotFound`
    for a thing that is not there, or not for who asks about themselves, and `Refused` for who asks about others and may
    not.
    """
    behind = engine(platform)
    if whose is None or whose == principal.id:
        with platform.view() as view:
            is_named = identifier and kind in _SEEN_BY
            asked_about = thing(view, kind, identifier) if is_named else some(kind, principal)
        about = _in_emergency(platform, principal, action, _visible(platform, principal, asked_about))
        return _explained(platform, behind.explain(principal, action, about, principal), principal, action, about)
    with refusals_recorded(platform, principal, Action.EXPLAIN_ACCESS, "policy"):
        permit(platform, principal, Action.EXPLAIN_ACCESS, Resource(kind="policy"))
        with platform.view() as view:
            asked, about = view.principals.get(whose), thing(view, kind, identifier)
        about = _in_emergency(platform, asked, action, about)
        return _explained(platform, behind.explain(asked, action, about, principal), asked, action, about)


def _explained(platform: Platform, told: Explanation, asked: Principal, action: Action, about: Resource) -> Explanation:
    """The same, or what decides before the policy does: of what key somebody acts with, or that it takes a person."""
    rule = barrier(asked, action, about)
    if not rule:
        return told
    decision = platform.access(asked, action, about)
    why = Reason(because=rule, rule=rule, failed=decision.failed, who=decision.who, unblocks=decision.unblocks)
    return replace(told, allowed=False, rule=rule, reason=why)


def may(platform: Platform, principal: Principal, whose: PrincipalId) -> Sequence[Permission]:
    """What this principal may do now, in every project: everything that the policy in force can tell apart.

    Not asked: rules about one project or one thing, and the key that they use. Raises as `explain` does.
    """
    if whose != principal.id:
        with refusals_recorded(platform, principal, Action.EXPLAIN_ACCESS, "policy"):
            permit(platform, principal, Action.EXPLAIN_ACCESS, Resource(kind="policy"))
    with platform.view() as view:
        head = view.policies.head()
        asked = view.principals.get(whose)
        rules = view.policies.said(head.policy).rules if head else ()
    found: dict[tuple[Action, str], dict[str, list[str]]] = {}
    for question in asked_at(rules, EVERYWHERE):
        about = resource(question.kind, question.situation, EVERYWHERE, asker=whose)
        decision = platform.access(asked, question.action, about)
        told = found.setdefault((question.action, question.kind), {"whose": [], "allowed": [], "denied": []})
        if decision.allowed:
            told["whose"].append(question.situation[0])
        told["allowed" if decision.allowed else "denied"].append(decision.because)
    return [
        Permission(
            action=action,
            kind=kind,
            whose=tuple(dict.fromkeys(told["whose"])),
            allowed_by=tuple(sorted(set(told["allowed"]))),
            denied_by=tuple(sorted({rule for rule in told["denied"] if "/" in rule})),
        )
        for (action, kind), told in found.items()
        if told["whose"]
    ]


def who(platform: Platform, principal: Principal, action: Action, kind: str, identifier: str) -> Able:
    """Who may do this to this thing now, of everybody who has not been revoked. Raises `NotFound` or `Refused`."""
    with refusals_recorded(platform, principal, Action.EXPLAIN_ACCESS, "policy"):
        permit(platform, principal, Action.EXPLAIN_ACCESS, Resource(kind="policy"))
        with platform.view() as view:
            about, everybody = thing(view, kind, identifier), view.principals.all()
        able = [one for one in everybody if not one.revoked and platform.access(one, action, about).allowed]
        return _told(principal, able, None)


def could_have(
    platform: Platform, principal: Principal, action: Action, kind: str, identifier: str, at: datetime
) -> Able:
    """Who could have done this to this thing at an instant: by the version in force then, its grants and groups.

    Principals, and their roles by key or token, are as the log tells it. Who could have approved only by a role that
    the author had given them within 24 hours is left out. Not looked at: whether a key of theirs worked that day, the
    facts of that day (gates, holds), and hard denies that came later, which count. Raises `NotFound` where there was
    no version yet, and `Malformed` for a time to come or a request that was not there.
    """
    with refusals_recorded(platform, principal, Action.EXPLAIN_ACCESS, "policy"):
        permit(platform, principal, Action.EXPLAIN_ACCESS, Resource(kind="policy"))
        behind = engine(platform)
        if at > platform.clock():
            raise Malformed("time_to_come", "What could have been done is asked of a time that is past.", param="at")
        with platform.view() as view:
            about = thing(view, kind, identifier)
            _require_there(view, kind, identifier, at)
            version, said = _in_force(view, at)
            given = _counting(view.policies.given(), action, about.author, at)
            everybody = _known(view, at)
        access = behind.judge(with_hard_denies(with_grants(said, given, at)))
        able = [one for one in everybody if _could(access, one, action, about)]
        return _told(principal, [one.principal for one in able], version.id)


@dataclass(slots=True)
class _Known:
    """Somebody at an instant, and who had made their first key within 24 hours of it."""

    principal: Principal
    made_lately_by: PrincipalId | None


def _could(access: Access, one: _Known, action: Action, about: Resource) -> bool:
    if action in APPROVING:
        if one.principal.kind is PrincipalKind.SERVICE:
            return False
        if one.made_lately_by is not None and one.made_lately_by == about.author:
            return access(replace(one.principal, roles=frozenset()), action, about).allowed
    return access(one.principal, action, about).allowed


def _counting(given: Sequence[Given], action: Action, author: PrincipalId | None, at: datetime) -> Sequence[Given]:
    """All of them, but for an approval those grants and memberships that its author had made too lately."""
    if action not in APPROVING:
        return given
    return [one for one in given if one.granted_by != author or one.granted_at + FRESH <= at]


def _known(view: View, at: datetime) -> Iterable[_Known]:
    """Everybody who was there at an instant, as the log tells it."""
    found: dict[PrincipalId, _Known] = {}
    for entry in view.entries():
        if entry.at > at:
            break
        match entry.event:
            case KeyCreated(principal=who) | PrincipalIdentified(principal=who):
                found[who] = _made(view, entry, who, at)
            case KeyRevoked(principal=who):
                found.pop(who, None)
    return found.values()


def _made(view: View, entry: Entry, who: PrincipalId, at: datetime) -> _Known:
    event, today = entry.event, view.principals.find(who)
    roles: Iterable[Role] = getattr(event, "roles", ())
    is_service = getattr(event, "service", False) or (today is not None and today.kind is PrincipalKind.SERVICE)
    lately = isinstance(event, KeyCreated) and at < entry.at + FRESH
    kind = PrincipalKind.SERVICE if is_service else PrincipalKind.PERSON
    return _Known(
        principal=Principal(id=who, roles=frozenset(roles), kind=kind), made_lately_by=entry.actor if lately else None
    )


def _in_force(view: View, at: datetime) -> tuple[PolicyVersion, PolicySet]:
    then = [one for one in view.policies.versions() if one.activated_at is not None and one.activated_at <= at]
    if not then:
        raise NotFound("policy_not_found", "There was no version of the access policy then.", param="at")
    version = max(then, key=lambda one: one.activated_at or at)
    return version, view.policies.said(version.id)


def _require_there(view: View, kind: str, identifier: str, at: datetime) -> None:
    if kind == "request" and identifier and view.requests.get(RequestId(identifier)).requested_at > at:
        raise Malformed("time_before_request", "The request was not there then.", param="at")


def _in_emergency(platform: Platform, asked: Principal, action: Action, about: Resource) -> Resource:
    """The thing, with the fact that an emergency of theirs is in force, where the action needs one."""
    with platform.view() as view:
        return because_of(platform, asked, action, about, view)[0]


def _visible(platform: Platform, principal: Principal, about: Resource) -> Resource:
    if about.id:
        permit_to_see(platform, principal, _SEEN_BY[about.kind], about)
    return about


def _told(viewer: Principal, able: Sequence[Principal], policy: PolicyId | None) -> Able:
    counts = Counter("+".join(sorted(one.roles)) for one in able)
    names = tuple(sorted(one.id for one in able)) if Role.AUDITOR in viewer.roles else None
    return Able(policy=policy, counts=dict(sorted(counts.items())), principals=names)
