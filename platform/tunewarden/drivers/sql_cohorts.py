"""Who is in which cohort, in SQL: 32 bytes a person and cohort, found both ways by an index.

Members are put down in small transactions of their own before a unit of work decides about them, so that the writers of
the log never wait for a million rows. They count for nobody until the cohort itself is stored, which the deciding unit
of work does; a crash before that leaves rows that the next attempt replaces.

The database is trusted with this as with all state: who owns it can take a person out of a cohort, and give that person
new budget. The Merkle root in the log convicts them; nothing here looks for it.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Select, String, Table, cast, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from tunewarden.domain.cohorts import CohortId, Combination, under_way
from tunewarden.domain.errors import Conflict
from tunewarden.domain.names import Digest
from tunewarden.drivers.sql_engine import is_postgres, reading
from tunewarden.drivers.sql_schema import ENROLMENTS, ROLLS, STATE
from tunewarden.usecases.ports import Roll
from tunewarden_audit.merkle import Frontier, leaf_hash

_NUMBERS = 2**31  # of rolls, as many as a column of PostgreSQL has
_AT_ONCE = 5_000  # rows of one transaction: about 50 ms, for which other writers wait
_MINE, _THEIRS = ENROLMENTS.alias("mine"), ENROLMENTS.alias("theirs")


class SqlEnrolments:
    """`usecases.ports.Enrolments` over SQLite and PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._reading = engine, reading(engine)

    def put_down(self, cohort: CohortId, members: Iterable[bytes]) -> Roll:
        """In batches, each durable; in place of what was put down under this id before.

        Another attempt that begins meanwhile takes the place of this one, which then raises `Conflict`, and so does the
        unit of work that was to decide by its roll.
        """
        self.strike(cohort)
        # Drawn and not counted: SQLite gives the number of a roll that was struck to the next one.
        roll = secrets.randbelow(_NUMBERS)
        with self._engine.begin() as connection:
            if not connection.execute(_unless_there(connection, ROLLS), {"seq": roll, "id": cohort}).rowcount:
                raise under_way()
        rest = iter(members)
        while some := list(islice(rest, _AT_ONCE)):
            rows = [{"member": member, "roll": roll, "left_out": False} for member in some]
            with self._engine.begin() as connection:
                _roll(connection, cohort, roll)  # whoever strikes it has the same lock
                connection.execute(_unless_there(connection, ENROLMENTS), rows)
        with self._reading.connect() as connection:
            return _read(_members(connection, roll), roll)

    def left_out(self, cohort: CohortId) -> frozenset[bytes]:
        """Who was."""
        with self._reading.connect() as connection:
            mine = select(ENROLMENTS.c.member).where(ENROLMENTS.c.roll == _roll(connection, cohort))
            return frozenset(map(bytes, connection.scalars(mine.where(ENROLMENTS.c.left_out))))

    def strike(self, cohort: CohortId) -> None:
        """In batches too. Raises `Conflict` for a cohort that was admitted."""
        with self._engine.begin() as connection:
            if connection.scalar(select(STATE["cohort"].c.id).where(STATE["cohort"].c.id == cohort)) is not None:
                raise Conflict("cohort_admitted", "Persons who were admitted stay where they are.")
            roll = connection.scalar(select(ROLLS.c.seq).where(ROLLS.c.id == cohort))
            connection.execute(delete(ROLLS).where(ROLLS.c.id == cohort))
        some = select(ENROLMENTS.c.member).where(ENROLMENTS.c.roll == roll).limit(_AT_ONCE)
        theirs = delete(ENROLMENTS).where(ENROLMENTS.c.roll == roll, ENROLMENTS.c.member.in_(some))
        while roll is not None:
            with self._engine.begin() as connection:
                if not connection.execute(theirs).rowcount:
                    return


def combinations(connection: Connection, cohort: CohortId, wanted: int | None) -> Mapping[Combination, int]:
    """As `UnitOfWork.combinations`."""
    roll = _roll(connection, cohort, wanted)
    mine = select(func.count()).where(ENROLMENTS.c.roll == roll, ~ENROLMENTS.c.left_out)
    alone = connection.scalar(mine) or 0
    counted: dict[Combination, int] = {}
    for combination, _, count in _counted(connection, roll):
        counted[combination] = counted.get(combination, 0) + count
        alone -= count
    return {**counted, frozenset(): alone} if alone else counted


def leave_out(connection: Connection, cohort: CohortId, over: Set[Combination]) -> int:
    """As `UnitOfWork.leave_out`."""
    roll = _roll(connection, cohort)
    texts = [text for combination, text, _ in _counted(connection, roll) if combination in over]
    grouped = _grouped(roll).subquery()
    theirs = select(grouped.c.member).where(grouped.c.rolls.in_(texts))
    mine = update(ENROLMENTS).where(ENROLMENTS.c.roll == roll, ENROLMENTS.c.member.in_(theirs))
    return connection.execute(mine.values(left_out=True)).rowcount


def _counted(connection: Connection, roll: int) -> list[tuple[Combination, str, int]]:
    """Of the persons of a roll who are in others: how many in which, and how the database writes these down."""
    grouped = _grouped(roll).subquery()
    rows = connection.execute(select(grouped.c.rolls, func.count()).group_by(grouped.c.rolls)).all()
    names = {str(seq): CohortId(name) for seq, name in connection.execute(select(ROLLS.c.seq, ROLLS.c.id))}
    return [(frozenset(names[number] for number in text.split(",")), text, count) for text, count in rows]


def _grouped(roll: int) -> Select[Any]:
    """Each person of a roll, with the numbers of the other ones that were admitted."""
    admitted = select(ROLLS.c.seq).join(STATE["cohort"], STATE["cohort"].c.id == ROLLS.c.id)
    both = (
        select(_MINE.c.member, _THEIRS.c.roll)
        .join(_THEIRS, _THEIRS.c.member == _MINE.c.member)
        .where(_MINE.c.roll == roll, ~_MINE.c.left_out, _THEIRS.c.roll != roll, ~_THEIRS.c.left_out)
        .where(_THEIRS.c.roll.in_(admitted))
        .order_by(_MINE.c.member, _THEIRS.c.roll)
        .subquery()
    )
    rolls = func.aggregate_strings(cast(both.c.roll, String), ",").label("rolls")
    return select(both.c.member, rolls).group_by(both.c.member)


def _roll(connection: Connection, cohort: CohortId, wanted: int | None = None) -> int:
    number: int | None = connection.scalar(select(ROLLS.c.seq).where(ROLLS.c.id == cohort))
    if number is None or wanted not in (None, number):
        raise under_way()
    return number


def _unless_there(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    return (postgresql.insert if is_postgres(connection) else sqlite.insert)(table).on_conflict_do_nothing()


def _members(connection: Connection, roll: int) -> Iterator[bytes]:
    mine = select(ENROLMENTS.c.member).where(ENROLMENTS.c.roll == roll).order_by(ENROLMENTS.c.member)
    yield from map(bytes, connection.scalars(mine.execution_options(yield_per=_AT_ONCE)))


def _read(members: Iterator[bytes], number: int) -> Roll:
    tree = Frontier().extend(map(leaf_hash, members))
    return Roll(root=Digest(f"sha256:{tree.root().hex()}"), persons=tree.size, number=number)
