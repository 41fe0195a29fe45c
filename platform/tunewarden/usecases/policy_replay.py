"""What another policy would have said to what the log holds: refusals that it would allow, deeds that it would refuse.

Asked with the roles that whoever acted has today by their keys, together with those that were granted to them then, and
about things as they are today, of which the log and the state know the author. Not asked: what the facts of that day
were (purpose, gate, legal hold), and entries whose body is gone or whose thing is not known any more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tunewarden.domain import events as facts
from tunewarden.domain.access import EVERY
from tunewarden.domain.access_kinds import KIND_OF
from tunewarden.domain.emergency_events import (
    AliasRolledBack,
    EmergencyClosed,
    EmergencyConfirmed,
    EmergencyOpened,
    EmergencyReviewed,
    EmergencyUsed,
    RequestResumed,
    RequestSuspended,
)
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import NotFound
from tunewarden.domain.file_events import FileDeleted, FileTaken
from tunewarden.domain.group_events import MemberAdded, MemberRemoved
from tunewarden.domain.groups import Membership
from tunewarden.domain.holding import ways
from tunewarden.domain.names import EVERYWHERE, Action, PrincipalId, Role
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.policies import Given
from tunewarden.domain.policy_events import PolicyActivated, PolicyProposed, RoleGranted, RoleRevoked
from tunewarden.domain.project_events import ProjectArchived, ProjectCreated, ProjectRenamed
from tunewarden.domain.registry_events import AliasCleared, AliasClearingAsked, ModelRetired
from tunewarden.domain.training import State
from tunewarden.domain.webhook_events import WebhookChanged, WebhookCreated, WebhookDeleted, WebhookSecretRotated
from tunewarden.usecases.ports import Access, Principal, Resource, View
from tunewarden.usecases.things import thing

_MOST_NAMED = 20
_ACCESS = "access_denied"
A = Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Attributes:
    since: of which entries on.
    refusals, deeds: how many of the log's were asked about again.
    allowed, refused: how many of the refusals the other policy allows, and of the deeds it refuses, where the one in
        force decides otherwise.
    examples: indices of the first of these entries.
    """

    since: datetime
    refusals: int
    deeds: int
    allowed: int
    refused: int
    examples: tuple[int, ...]


@dataclass(slots=True)
class _Count:
    asked: int = 0
    changed: int = 0
    named: list[int] = field(default_factory=list)

    def add(self, index: int, *, changes: bool) -> None:
        self.asked += 1
        if changes:
            self.changed += 1
            if len(self.named) < _MOST_NAMED:
                self.named.append(index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Who asked for what, of an entry."""

    principal: PrincipalId
    action: Action
    resource: Resource
    was_refused: bool


def replay(view: View, before: Access, after: Access, since: datetime) -> Replay:
    """Ask both policies about every entry since then."""
    refusals, deeds, roles = _Count(), _Count(), _Roles(view)
    for entry in _entries_since(view, since):
        asked = asked_in(view, entry)
        principal = None if asked is None else roles.of(asked.principal, entry.at, asked.resource.project)
        if asked is None or principal is None:
            continue
        was, would = (one(principal, asked.action, asked.resource).allowed for one in (before, after))
        count = refusals if asked.was_refused else deeds
        count.add(entry.index, changes=was != would and would == asked.was_refused)
    return Replay(
        since=since,
        refusals=refusals.asked,
        deeds=deeds.asked,
        allowed=refusals.changed,
        refused=deeds.changed,
        examples=tuple(sorted((*refusals.named, *deeds.named))),
    )


def asked_in(view: View, entry: Entry) -> Replayed | None:
    """None for an entry that is no deed of somebody whom the policy decides about, or about what is gone."""
    event = entry.event
    try:
        if isinstance(event, facts.ActionRefused):
            if event.code != _ACCESS:
                return None
            about = thing(view, KIND_OF[event.action], event.resource if "-" in event.resource else "")
            return Replayed(principal=entry.actor, action=event.action, resource=about, was_refused=True)
        if isinstance(event, AliasRolledBack) and event.emergency is not None:
            back = replace(thing(view, "model", event.model), emergency_open=True)
            return Replayed(principal=entry.actor, action=A.ROLL_BACK_MODEL, resource=back, was_refused=False)
        if type(event) not in _DEEDS:
            return None
        action, find = _DEEDS[type(event)]
        action = A.CANCEL_REQUEST if getattr(event, "state", None) is State.CANCELLED else action
        return Replayed(principal=entry.actor, action=action, resource=find(view, entry), was_refused=False)
    except NotFound:
        return None


class _Roles:
    """Who acts, with which roles."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._given: dict[str, list[Given]] = {}
        for one in view.policies.given():
            self._given.setdefault(one.member, []).append(one)

    def of(self, who: PrincipalId, at: datetime, project: str) -> Principal | None:
        """With those granted for where the thing is; None for the platform itself."""
        known = self._view.principals.find(who)
        if known is None:
            return None
        return Principal(id=who, roles=known.roles | granted(who, self._of(who), at, project))

    def _of(self, who: PrincipalId) -> Sequence[Given]:
        own = self._given.get(who, [])
        groups = {one.group for one in own if isinstance(one, Membership)}
        return [*own, *(one for group in groups for one in self._given.get(group, ()))]


def granted(who: PrincipalId, given: Iterable[Given], at: datetime, project: str = EVERY) -> frozenset[Role]:
    """The roles in a project, those in every one among them, that these give to somebody at an instant."""
    return frozenset(way.role for way in ways(who, given, at) if way.project in (EVERY, project))


def _entries_since(view: View, since: datetime) -> Iterator[Entry]:
    """The entries of the log from an instant on, found by halving: dates go forward with the index."""
    low, high = 0, 1
    while (found := next(iter(view.entries(high)), None)) is not None and found.at < since:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        found = next(iter(view.entries(middle)), None)
        if found is None or found.at >= since:
            high = middle
        else:
            low = middle + 1
    return (entry for entry in view.entries(low) if entry.at >= since)


Find = Callable[[View, Entry], Resource]


def _any(kind: str) -> Find:
    return lambda _view, _entry: Resource(kind=kind)


def _mine(kind: str) -> Find:
    return lambda _view, entry: Resource(
        kind=kind, author=entry.actor, project=getattr(entry.event, "project", EVERYWHERE)
    )


def _of(kind: str, member: str) -> Find:
    def find(view: View, entry: Entry) -> Resource:
        event: Any = entry.event
        return thing(view, kind, getattr(event, member))

    return find


def _in_emergency(kind: str, member: str) -> Find:
    """Of what is done in an emergency, and where it took none, without one."""

    def find(view: View, entry: Entry) -> Resource:
        event: Any = entry.event
        about = thing(view, kind, getattr(event, member))
        return about if event.emergency is None else replace(about, emergency_open=True)

    return find


def _pruned(view: View, entry: Entry) -> Resource:
    event: Any = entry.event
    proposed = next(
        (one.actor for one in view.entries_naming(event.prune) if isinstance(one.event, facts.PruneProposed)), None
    )
    return Resource(kind="log", id=event.prune, author=proposed)


_DEEDS: Mapping[type, tuple[Action, Find]] = MappingProxyType(
    {
        facts.FileUploaded: (A.UPLOAD_FILE, _mine("file")),
        FileTaken: (A.TAKE_FILE, _of("file", "file")),
        FileDeleted: (A.DELETE_FILE, _of("file", "file")),
        facts.DatasetRegistered: (A.REGISTER_DATASET, _mine("dataset")),
        facts.DatasetVersionAdded: (A.REGISTER_DATASET, _of("dataset", "dataset")),
        facts.PurposesChanged: (A.SET_PURPOSES, _of("dataset", "dataset")),
        facts.DatasetRetired: (A.RETIRE_DATASET, _of("dataset", "dataset")),
        facts.RequestSubmitted: (A.SUBMIT_REQUEST, _mine("request")),
        facts.RequestApproved: (A.APPROVE_REQUEST, _of("request", "request")),
        facts.RequestEndorsed: (A.ENDORSE_REQUEST, _of("request", "request")),
        facts.RequestEnded: (A.APPROVE_REQUEST, _of("request", "request")),
        facts.PromotionProposed: (A.PROPOSE_PROMOTION, _of("model", "model")),
        facts.PromotionApproved: (A.APPROVE_PROMOTION, _of("promotion", "promotion")),
        AliasClearingAsked: (A.CLEAR_ALIAS, _of("model", "model")),
        AliasCleared: (A.CLEAR_ALIAS, _of("model", "model")),
        ModelRetired: (A.RETIRE_MODEL, _of("model", "model")),
        GateOverridden: (A.OVERRIDE_GATE, _of("promotion", "promotion")),
        facts.AdapterTaken: (A.TAKE_ADAPTER, _of("model", "model")),
        facts.ReviewAnswered: (A.REVIEW_SAMPLE, _of("review", "review")),
        facts.PersonTraced: (A.TRACE_PERSON, _of("dataset", "dataset")),
        facts.ErasureAsked: (A.ERASE_PERSON, _of("dataset", "dataset")),
        facts.HoldPlaced: (A.PLACE_HOLD, _any("log")),
        facts.HoldReleased: (A.RELEASE_HOLD, _any("log")),
        facts.PruneProposed: (A.PROPOSE_PRUNE, _any("log")),
        facts.PruneStarted: (A.APPROVE_PRUNE, _pruned),
        facts.KeyCreated: (A.CREATE_KEY, _any("key")),
        facts.KeyRevoked: (A.REVOKE_KEY, _any("key")),
        ProjectCreated: (A.MANAGE_PROJECT, _any("project")),
        ProjectRenamed: (A.MANAGE_PROJECT, _of("project", "project")),
        ProjectArchived: (A.MANAGE_PROJECT, _of("project", "project")),
        WebhookCreated: (A.MANAGE_WEBHOOKS, _mine("webhook")),
        WebhookChanged: (A.MANAGE_WEBHOOKS, _of("webhook", "webhook")),
        WebhookSecretRotated: (A.MANAGE_WEBHOOKS, _of("webhook", "webhook")),
        WebhookDeleted: (A.MANAGE_WEBHOOKS, _of("webhook", "webhook")),
        PolicyProposed: (A.PROPOSE_POLICY, _any("policy")),
        PolicyActivated: (A.ACTIVATE_POLICY, _of("policy", "policy")),
        RoleGranted: (A.GRANT_ROLE, _of("grant", "principal")),
        RoleRevoked: (A.REVOKE_ROLE, _of("grant", "principal")),
        EmergencyOpened: (A.OPEN_EMERGENCY, _of("emergency", "emergency")),
        EmergencyConfirmed: (A.CONFIRM_EMERGENCY, _of("emergency", "emergency")),
        EmergencyClosed: (A.CLOSE_EMERGENCY, _of("emergency", "emergency")),
        EmergencyReviewed: (A.REVIEW_EMERGENCY, _of("emergency", "emergency")),
        EmergencyUsed: (A.READ_LINEAGE, _in_emergency("model", "model")),
        RequestSuspended: (A.SUSPEND_REQUEST, _in_emergency("request", "request")),
        RequestResumed: (A.RESUME_REQUEST, _of("request", "request")),
        MemberAdded: (A.GRANT_ROLE, _of("grant", "principal")),
        MemberRemoved: (A.REVOKE_ROLE, _of("grant", "principal")),
    }
)
"""What was done -> the action that was asked for, and about what."""
