"""The stored access policy in SQL: a row for each rule, link, group, grant and member, a column for each field of it.

Never as text that is parsed again: a name with a comma in it would shift the fields of a rule. Trusted as all state is;
whoever can write here decides who may do what, until `stored_policies` finds that the digests do not fit. What was
proposed, and by whom it was put in force, is in the log.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Row, Select, Table, insert, select, update

from tunewarden.domain.access import PolicySet, RoleLink, Rule
from tunewarden.domain.groups import Group, Membership
from tunewarden.domain.names import Digest, GroupId, PolicyId, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import Given, Grant, PolicyState, PolicyVersion
from tunewarden.drivers import sql_groups
from tunewarden.drivers.policy_columns import instant_in, instant_of, malformed, text_of
from tunewarden.drivers.sql_engine import first_row
from tunewarden.drivers.sql_schema import (
    POLICY_GROUPS,
    POLICY_HEAD,
    POLICY_LINKS,
    POLICY_RULES,
    POLICY_VERSIONS,
    ROLE_GRANTS,
)
from tunewarden.drivers.sql_shelves import Reads, Writes
from tunewarden.usecases.policy_doors import Head, missing

W = TypeVar("W", PolicyState, Role)


class SqlPolicyShelf:
    """`usecases.policy_doors.PolicyShelf` on the connection of a view or a unit of work."""

    def __init__(self, opened: Reads) -> None:
        self._opened = opened

    def head(self) -> Head | None:
        row = first_row(self._opened.open(), 'SELECT policy, changes, decides FROM policy_head WHERE "only" = 1')
        return None if row is None else Head(policy=row[0], changes=row[1], decides=row[2])

    def versions(self) -> Sequence[PolicyVersion]:
        rows = self._opened.open().execute(select(POLICY_VERSIONS).order_by(POLICY_VERSIONS.c.seq))
        return [_version(row) for row in rows]

    def get(self, key: PolicyId) -> PolicyVersion:
        return _version(self._row(key))

    def said(self, key: PolicyId) -> PolicySet:
        number = self._row(key).seq
        return PolicySet(
            rules=tuple(map(Rule._make, self._lines(POLICY_RULES, number))),
            links=tuple(map(RoleLink._make, self._lines(POLICY_LINKS, number))),
            groups=tuple(name for (name,) in self._lines(POLICY_GROUPS, number)),
        )

    def grants(self) -> Sequence[Grant]:
        return self._granted(select(ROLE_GRANTS))

    def grants_of(self, member: PrincipalId) -> Sequence[Grant]:
        return self._granted(select(ROLE_GRANTS).where(ROLE_GRANTS.c.member == member))

    def group(self, key: GroupId) -> Group:
        return sql_groups.group(self._opened.open(), key)

    def groups(self) -> Sequence[Group]:
        return sql_groups.groups(self._opened.open())

    def memberships(self) -> Sequence[Membership]:
        return sql_groups.memberships(self._opened.open())

    def memberships_of(self, member: PrincipalId) -> Sequence[Membership]:
        return sql_groups.memberships(self._opened.open(), member)

    def given(self) -> Sequence[Given]:
        return [*self.grants(), *self.memberships()]

    def _granted(self, found: Select[Any]) -> Sequence[Grant]:
        return [_grant(row) for row in self._opened.open().execute(found.order_by(ROLE_GRANTS.c.seq))]

    def _row(self, key: PolicyId) -> Row[Any]:
        row = self._opened.open().execute(select(POLICY_VERSIONS).where(POLICY_VERSIONS.c.id == key)).one_or_none()
        if row is None:
            raise missing()
        return row

    def _lines(self, table: Table, number: int) -> Iterable[Row[Any]]:
        columns = [column for column in table.c if column.name not in ("version", "line")]
        return self._opened.open().execute(select(*columns).where(table.c.version == number).order_by(table.c.line))


class SqlPolicyStore(SqlPolicyShelf):
    """`usecases.policy_doors.PolicyStore`."""

    def __init__(self, unit: Writes) -> None:
        super().__init__(unit)
        self._unit = unit

    def add(self, version: PolicyVersion, said: PolicySet) -> None:
        self._unit.changing().execute(insert(POLICY_VERSIONS).values(id=version.id, **_columns(version)))
        number = self._row(version.id).seq
        self._write(POLICY_RULES, number, (rule._asdict() for rule in said.rules))
        self._write(POLICY_LINKS, number, (link._asdict() for link in said.links))
        self._write(POLICY_GROUPS, number, ({"name": group} for group in said.groups))

    def put(self, version: PolicyVersion) -> None:
        self._row(version.id)
        known = update(POLICY_VERSIONS).where(POLICY_VERSIONS.c.id == version.id)
        self._unit.changing().execute(known.values(**_columns(version)))

    def grant(self, grant: Grant) -> None:
        connection = self._unit.changing()
        back = {"revoked_by": grant.revoked_by, "revoked_at": text_of(grant.revoked_at)}
        if grant.revoked_at is not None:
            columns = ROLE_GRANTS.c
            same = (columns.member == grant.member) & (columns.role == grant.role) & (columns.project == grant.project)
            same &= (columns.granted_at == text_of(grant.granted_at)) & columns.revoked_at.is_(None)
            if connection.execute(update(ROLE_GRANTS).where(same).values(**back)).rowcount:
                return
        given = {
            "member": grant.member,
            "role": str(grant.role),
            "project": grant.project,
            "granted_by": grant.granted_by,
            "granted_at": text_of(grant.granted_at),
        }
        connection.execute(insert(ROLE_GRANTS).values(**given, **back))

    def put_group(self, group: Group) -> None:
        sql_groups.put_group(self._unit.changing(), group)

    def admit(self, membership: Membership) -> None:
        sql_groups.admit(self._unit.changing(), membership)

    def decide_by(self, policy: PolicyId, decides: Digest) -> None:
        changes = POLICY_HEAD.c.changes + 1
        connection = self._unit.changing()
        changed = connection.execute(update(POLICY_HEAD).values(policy=policy, decides=decides, changes=changes))
        if changed.rowcount == 0:
            connection.execute(insert(POLICY_HEAD).values(only=1, policy=policy, decides=decides, changes=1))

    def _write(self, table: Table, number: int, lines: Iterable[dict[str, Any]]) -> None:
        rows = [{"version": number, "line": line, **columns} for line, columns in enumerate(lines)]
        if rows:
            self._unit.changing().execute(insert(table), rows)


def _columns(version: PolicyVersion) -> dict[str, str | None]:
    return {
        "digest": version.digest,
        "base": version.base,
        "restores": version.restores,
        "proposed_by": version.proposed_by,
        "proposed_at": text_of(version.proposed_at),
        "report": version.report,
        "state": str(version.state),
        "activated_by": version.activated_by,
        "activated_at": text_of(version.activated_at),
    }


def _version(row: Row[Any]) -> PolicyVersion:
    state = _word(PolicyState, row.state)
    return PolicyVersion(
        id=row.id,
        digest=row.digest,
        base=row.base,
        restores=row.restores,
        proposed_by=row.proposed_by,
        proposed_at=instant_in(row.proposed_at),
        report=row.report,
        state=state,
        activated_by=row.activated_by,
        activated_at=instant_of(row.activated_at),
    )


def _grant(row: Row[Any]) -> Grant:
    return Grant(
        member=PrincipalId(row.member),
        role=_word(Role, row.role),
        project=ProjectId(row.project),
        granted_by=PrincipalId(row.granted_by),
        granted_at=instant_in(row.granted_at),
        revoked_by=None if row.revoked_by is None else PrincipalId(row.revoked_by),
        revoked_at=instant_of(row.revoked_at),
    )


def _word(kind: type[W], text: str) -> W:
    try:
        return kind(text)
    except ValueError:
        raise malformed() from None
