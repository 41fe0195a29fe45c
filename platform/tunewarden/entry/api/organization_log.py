"""Entries of the log as items of `client.admin.organization.audit_logs`.

A type of that contract is given where it means the same; every other entry has a type of ours, "tunewarden." and the
words of its event, and is listed only where it is asked for: clients that check types know no others. The log does not
say whether somebody came with a key or with a browser, so every actor is said to have used a key.
"""

import re
from collections.abc import Callable, Mapping, Set
from types import MappingProxyType
from typing import Any

from tunewarden.domain.access import EVERY
from tunewarden.domain.canonical import to_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import EVENT_TYPES
from tunewarden.domain.names import PrincipalId
from tunewarden.entry.api.organization_schemas import ORGANIZATION, PROJECT, id_of, roles_word, seconds
from tunewarden.entry.api.schemas import Json

OURS = "tunewarden."
ALL = "*"
_ID = "audit_log-"


def type_of(entry: Entry, services: Set[PrincipalId]) -> str:
    """What this item is called. `services` are the principals that are programs."""
    kind = type(entry.event).__name__
    is_service = getattr(entry.event, "service", False) or getattr(entry.event, "principal", None) in services
    if is_service and kind in _OF_SERVICES:
        return _OF_SERVICES[kind]
    return _TYPES.get(kind, _own(kind))


def known_types() -> Set[str]:
    """Every type that an item can have."""
    return {*_TYPES.values(), *_OF_SERVICES.values(), *(_own(kind) for kind in EVENT_TYPES.keys() - _TYPES.keys())}


def is_ours(kind: str) -> bool:
    """Whether the contract does not know the type."""
    return kind.startswith(OURS)


def item(entry: Entry, services: Set[PrincipalId]) -> Json:
    """One item. `entry` (ours) is all that the log holds of it: ids, digests, words and numbers."""
    kind, event = type_of(entry, services), entry.event
    project = getattr(event, "project", None)
    return {
        "id": cursor(entry.index),
        "type": kind,
        "effective_at": seconds(entry.at),
        "actor": _actor(entry.actor, services),
        "project": None if project in (None, EVERY) else {"id": project},
        kind: _DETAILS.get(type(event).__name__, _nothing)(event),
        "entry": {"index": entry.index, "event": type(event).__name__, "fact": to_plain(event)},
    }


def cursor(index: int) -> str:
    """The id of an item."""
    return f"{_ID}{index}"


def index_of(identifier: str) -> int | None:
    """The inverse; None for what is no such id."""
    number = identifier.removeprefix(_ID)
    return int(number) if identifier.startswith(_ID) and re.fullmatch(r"[0-9]{1,15}", number) else None


def names(entry: Entry) -> Set[str]:
    """The ids and words that an entry holds, but who acted."""
    found: set[str] = set()
    todo: list[Any] = [to_plain(entry.event)]
    while todo:
        match todo.pop():
            case str(text):
                found.add(text)
            case dict(members):
                todo.extend(members.values())
            case list(parts):
                todo.extend(parts)
    return found


def _own(kind: str) -> str:
    return OURS + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


def _actor(who: PrincipalId, services: Set[PrincipalId]) -> Json:
    is_program = who in services or not who.startswith("prn-")
    kind = "service_account" if is_program else "user"
    return {"type": "api_key", "api_key": {"type": kind, kind: {"id": who}}}


def _role_assignment(event: Any) -> Json:
    is_group = hasattr(event, "group")
    return {
        "id": id_of(event.role),
        "principal_id": event.group if is_group else event.principal,
        "principal_type": "group" if is_group else "user",
        "resource_id": event.project,
        "resource_type": ORGANIZATION if event.project == EVERY else PROJECT,
    }


def _nothing(_event: Any) -> Json:
    return {}


def _of(member: str) -> Callable[[Any], Json]:
    return lambda event: {"id": getattr(event, member)}


_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "KeyCreated": "user.added",
        "KeyRevoked": "user.deleted",
        "PrincipalIdentified": "user.updated",
        "KeyAdded": "api_key.created",
        "KeyWithdrawn": "api_key.deleted",
        "LoginsRefused": "login.failed",
        "ProjectCreated": "project.created",
        "ProjectRenamed": "project.updated",
        "ProjectArchived": "project.archived",
        "GroupCreated": "group.created",
        "GroupRenamed": "group.updated",
        "GroupDeleted": "group.deleted",
        "MemberAdded": "tenant.group.member.added",
        "MemberRemoved": "tenant.group.member.removed",
        "RoleGranted": "role.assignment.created",
        "RoleRevoked": "role.assignment.deleted",
        "GroupRoleGranted": "role.assignment.created",
        "GroupRoleRevoked": "role.assignment.deleted",
        "PolicyInstalled": "tenant.policy.created",
        "PolicyProposed": "tenant.policy.created",
        "PolicyActivated": "tenant.policy.attached",
    }
)
"""Event -> type of the contract."""

_OF_SERVICES: Mapping[str, str] = MappingProxyType(
    {"KeyCreated": "service_account.created", "KeyRevoked": "service_account.deleted"}
)

_DETAILS: Mapping[str, Callable[[Any], Json]] = MappingProxyType(
    {
        "KeyCreated": lambda event: {"id": event.principal, "data": {"role": roles_word(event.roles)}},
        "KeyRevoked": _of("principal"),
        "PrincipalIdentified": lambda event: {
            "id": event.principal,
            "changes_requested": {"role": roles_word(event.roles)},
        },
        "KeyAdded": lambda event: {"id": event.key, "data": {"scopes": list(event.scope)}},
        "KeyWithdrawn": _of("key"),
        "LoginsRefused": lambda event: {"error_code": event.failure, "error_message": f"{event.count} times"},
        "ProjectCreated": _of("project"),
        "ProjectRenamed": _of("project"),
        "ProjectArchived": _of("project"),
        "GroupCreated": _of("group"),
        "GroupRenamed": _of("group"),
        "GroupDeleted": _of("group"),
        "MemberAdded": lambda event: {"id": event.group, "principal_id": event.principal},
        "MemberRemoved": lambda event: {"id": event.group, "principal_id": event.principal},
        "RoleGranted": _role_assignment,
        "RoleRevoked": _role_assignment,
        "GroupRoleGranted": _role_assignment,
        "GroupRoleRevoked": _role_assignment,
        "PolicyInstalled": _of("policy"),
        "PolicyProposed": _of("policy"),
        "PolicyActivated": _of("policy"),
    }
)
"""Event -> what stands under its type; of all others, what `entry` says."""
