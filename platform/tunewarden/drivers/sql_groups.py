"""Groups that roles are granted to, and who is in which, in SQL: a part of `sql_policies.py`, a row for each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from tunewarden.domain.groups import Group, Membership, missing_group
from tunewarden.domain.names import GroupId, PrincipalId
from tunewarden.drivers.policy_columns import instant_in, instant_of, text_of
from tunewarden.drivers.sql_schema import GROUP_MEMBERS, GROUPS


def group(connection: Connection, key: GroupId) -> Group:
    """Raises `NotFound`."""
    row = connection.execute(select(GROUPS).where(GROUPS.c.id == key)).one_or_none()
    if row is None:
        raise missing_group()
    return _group(row)


def groups(connection: Connection) -> Sequence[Group]:
    """Oldest first."""
    return [_group(row) for row in connection.execute(select(GROUPS).order_by(GROUPS.c.seq))]


def put_group(connection: Connection, group: Group) -> None:
    """Add or replace."""
    columns = {
        "name": group.name,
        "created_by": group.created_by,
        "created_at": text_of(group.created_at),
        "deleted_by": group.deleted_by,
        "deleted_at": text_of(group.deleted_at),
    }
    replaced = connection.execute(update(GROUPS).where(GROUPS.c.id == group.id).values(**columns))
    if replaced.rowcount == 0:
        connection.execute(insert(GROUPS).values(id=group.id, **columns))


def memberships(connection: Connection, member: PrincipalId | None = None) -> Sequence[Membership]:
    """Oldest first; of one principal, or of everybody."""
    found: Select[Any] = select(GROUP_MEMBERS).order_by(GROUP_MEMBERS.c.seq)
    if member is not None:
        found = found.where(GROUP_MEMBERS.c.member == member)
    return [_membership(row) for row in connection.execute(found)]


def admit(connection: Connection, one: Membership) -> None:
    """Add one, or end the one that is the same but for its end."""
    back = {"revoked_by": one.revoked_by, "revoked_at": text_of(one.revoked_at)}
    if one.revoked_at is not None:
        columns = GROUP_MEMBERS.c
        same = (columns.member == one.member) & (columns.in_group == one.group)
        same &= (columns.granted_at == text_of(one.granted_at)) & columns.revoked_at.is_(None)
        if connection.execute(update(GROUP_MEMBERS).where(same).values(**back)).rowcount:
            return
    given = {
        "member": one.member,
        "in_group": one.group,
        "granted_by": one.granted_by,
        "granted_at": text_of(one.granted_at),
    }
    connection.execute(insert(GROUP_MEMBERS).values(**given, **back))


def _group(row: Row[Any]) -> Group:
    return Group(
        id=GroupId(row.id),
        name=row.name,
        created_by=PrincipalId(row.created_by),
        created_at=instant_in(row.created_at),
        deleted_by=None if row.deleted_by is None else PrincipalId(row.deleted_by),
        deleted_at=instant_of(row.deleted_at),
    )


def _membership(row: Row[Any]) -> Membership:
    return Membership(
        member=PrincipalId(row.member),
        group=GroupId(row.in_group),
        granted_by=PrincipalId(row.granted_by),
        granted_at=instant_in(row.granted_at),
        revoked_by=None if row.revoked_by is None else PrincipalId(row.revoked_by),
        revoked_at=instant_of(row.revoked_at),
    )
