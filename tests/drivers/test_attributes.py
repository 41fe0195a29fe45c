"""Protected attributes apart: alike in memory, in SQLite and in PostgreSQL, and of no use without both keys."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import Engine, func, select
from tests.conftest import FixedClock

from tunewarden.domain.attribute_events import AttributesDestroyed
from tunewarden.domain.errors import Conflict, Corrupted
from tunewarden.domain.names import DatasetId, PrincipalId, RequestId
from tunewarden.drivers.attributes import AttributeRows, Row, SealedAttributes, _digest
from tunewarden.drivers.memory import MemoryState, memory_work
from tunewarden.drivers.memory_attributes import MemoryAttributeRows
from tunewarden.drivers.memory_vault import MemoryVault
from tunewarden.drivers.scopes import DataKeys
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_attributes import SqlAttributeRows
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_schema import ATTRIBUTES
from tunewarden.drivers.vault import SqlVault
from tunewarden.usecases.attribute_doors import Line, Whose, table_key
from tunewarden.usecases.ports import Work

DATASET, REQUEST, OTHER = DatasetId("ds-1"), RequestId("ftjob-1"), RequestId("ftjob-2")
KEY = table_key(REQUEST)
PEOPLE = [f"{number:064x}" for number in range(5)]
LINES = [
    Line(whose=Whose(record=3 * place, persons=(person,)), protected={"sex": "fm"[place % 2], "age": "18-39"})
    for place, person in enumerate(PEOPLE)
]
SHARED = Line(whose=Whose(record=100, persons=(PEOPLE[0], PEOPLE[4])), protected={"sex": "unknown", "age": ""})


@dataclass(frozen=True, kw_only=True)
class Table:
    attributes: SealedAttributes
    rows: AttributeRows
    vault: DataKeys
    work: Work
    engine: Engine | None = None

    def stored(self, key: str = KEY) -> list[Row]:
        return list(self.rows.all(DATASET, key))

    def read(self, table: str, *lines: Line, request: RequestId = REQUEST) -> Sequence[object]:
        return self.attributes.read(DATASET, request, table, [line.whose for line in lines])  # type: ignore[arg-type]

    def forget(self, name: str) -> bool:
        with self.work(PrincipalId("worker")) as work:
            done = work.forget(DATASET, name)
            work.record(AttributesDestroyed(request=REQUEST, dataset=DATASET))
            work.commit()
        return done


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def table(request: pytest.FixtureRequest, clock: FixedClock) -> Iterator[Table]:
    if request.param == "memory":
        state = MemoryState()
        kept, held = MemoryAttributeRows(state), MemoryVault(state)
        held.keys(DATASET, PEOPLE)
        yield Table(attributes=SealedAttributes(kept, held), rows=kept, vault=held, work=memory_work(state, clock))
        return
    engine = connect(request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database"))
    rows, vault = SqlAttributeRows(engine), SqlVault(engine, bytes(32))
    vault.keys(DATASET, PEOPLE)
    yield Table(
        attributes=SealedAttributes(rows, vault), rows=rows, vault=vault, work=SqlWork(engine, clock), engine=engine
    )
    engine.dispose()


def test_what_was_kept_is_read_in_the_order_that_is_asked_for(table: Table) -> None:
    kept = table.attributes.keep(DATASET, REQUEST, [*LINES, SHARED])
    wanted = [SHARED, *LINES[::-2]]
    assert table.read(kept, *wanted) == [line.protected for line in wanted]
    assert table.read(kept) == []


def test_the_same_lines_again_are_the_same_table_and_others_take_their_place(table: Table) -> None:
    kept = table.attributes.keep(DATASET, REQUEST, LINES)
    assert table.attributes.keep(DATASET, REQUEST, LINES) == kept
    fewer = table.attributes.keep(DATASET, REQUEST, LINES[:2])
    assert fewer != kept
    assert len(table.stored()) == 2
    with pytest.raises(Corrupted):
        table.read(kept, LINES[0])


def test_nothing_that_is_stored_tells_an_attribute_a_person_a_record_or_another_request(table: Table) -> None:
    table.attributes.keep(DATASET, REQUEST, [*LINES, SHARED])
    table.attributes.keep(DATASET, OTHER, [*LINES, SHARED])
    mine, theirs = table.stored(), table.stored(table_key(OTHER))
    everything = b"".join(part for row in (*mine, *theirs) for part in row)
    for plain in (b"sex", b"18-39", *(part for one in PEOPLE for part in (one.encode(), bytes.fromhex(one)))):
        assert plain not in everything
    assert len({len(row.sealed) for row in mine}) == 1, "a length would tell groups apart"
    assert not {row.link for row in mine} & {row.link for row in theirs}, "nor could two requests be joined"


@pytest.mark.parametrize("who", [0, 4])
def test_a_line_is_unreadable_once_one_of_its_persons_is_erased_and_others_are_not(table: Table, who: int) -> None:
    kept = table.attributes.keep(DATASET, REQUEST, [*LINES, SHARED])
    assert table.forget(PEOPLE[who])
    for line in (LINES[who], SHARED):
        with pytest.raises(Conflict) as raised:
            table.read(kept, line)
        assert raised.value.code == "attributes_destroyed"
    assert table.read(kept, LINES[2]) == [LINES[2].protected]
    with pytest.raises(Conflict):
        table.attributes.keep(DATASET, REQUEST, [SHARED])


def test_with_its_key_a_table_goes_and_none_comes_again(table: Table) -> None:
    kept = table.attributes.keep(DATASET, REQUEST, LINES)
    other = table.attributes.keep(DATASET, OTHER, LINES)
    assert table.forget(KEY)
    assert table.stored() == []
    if table.engine is not None:
        with table.engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(ATTRIBUTES)) == len(LINES), "those of the other"
    for attempt in (lambda: table.read(kept, LINES[0]), lambda: table.attributes.keep(DATASET, REQUEST, LINES)):
        with pytest.raises(Conflict):
            attempt()
    assert not table.forget(KEY)
    assert table.read(other, LINES[0], request=OTHER) == [LINES[0].protected]


def test_a_unit_of_work_that_does_not_commit_destroys_nothing(table: Table) -> None:
    kept = table.attributes.keep(DATASET, REQUEST, LINES)
    with table.work(PrincipalId("worker")) as work:
        assert work.forget(DATASET, KEY)
    assert table.read(kept, LINES[0]) == [LINES[0].protected]


def test_what_was_never_kept_is_not_read(table: Table) -> None:
    kept = table.attributes.keep(DATASET, REQUEST, LINES)
    for whose in (replace(LINES[0].whose, record=1), replace(LINES[0].whose, persons=(PEOPLE[1],))):
        with pytest.raises(Corrupted):
            table.attributes.read(DATASET, REQUEST, kept, [whose])
    with pytest.raises(Conflict):
        table.read(kept, LINES[0], request=OTHER)


TAMPERED = {
    "a row was dropped": lambda rows: rows[1:],
    "a row was added": lambda rows: [*rows, Row(bytes(32), rows[0].sealed)],
    "a bit was changed": lambda rows: [
        Row(rows[0].link, bytes([rows[0].sealed[0] ^ 1]) + rows[0].sealed[1:]),
        *rows[1:],
    ],
    "two rows were swapped": lambda rows: [
        Row(rows[0].link, rows[1].sealed),
        Row(rows[1].link, rows[0].sealed),
        *rows[2:],
    ],
}


@pytest.mark.parametrize("how", TAMPERED)
@pytest.mark.parametrize("table", ["memory", "sqlite"], indirect=True)
def test_a_table_that_somebody_changed_is_refused(table: Table, how: str) -> None:
    kept = table.attributes.keep(DATASET, REQUEST, LINES)
    table.rows.replace(DATASET, KEY, TAMPERED[how](table.stored()))
    with pytest.raises(Corrupted) as raised:
        table.read(kept, *LINES)
    assert raised.value.code == "attributes_corrupted"


@pytest.mark.parametrize("table", ["memory"], indirect=True)
def test_a_row_is_of_its_place_even_where_the_digest_is_the_changed_tables(table: Table) -> None:
    """Whoever has the database may change the digest in the log's copy too; the seal is what holds then."""
    same = [replace(line, whose=replace(line.whose, persons=(PEOPLE[0],))) for line in LINES[:2]]
    table.attributes.keep(DATASET, REQUEST, same)
    table.rows.replace(DATASET, KEY, TAMPERED["two rows were swapped"](table.stored()))
    with pytest.raises(Corrupted):
        table.read(_digest(table.stored()), *same)


def test_nothing_stays_of_lines_whose_table_was_destroyed_while_they_came(table: Table) -> None:
    def coming() -> Iterator[Line]:
        yield LINES[0]
        assert table.forget(KEY)
        yield LINES[1]

    with pytest.raises(Conflict):
        table.attributes.keep(DATASET, REQUEST, coming())
    assert table.stored() == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=4), min_size=1, max_size=5))
@pytest.mark.parametrize("table", ["memory"], indirect=True)
def test_any_attributes_come_back_as_they_were(table: Table, values: list[dict[str, str]]) -> None:
    lines = [replace(line, protected=value) for line, value in zip(LINES, values, strict=False)]
    assert table.read(table.attributes.keep(DATASET, REQUEST, lines), *lines) == values


@pytest.mark.parametrize("table", ["sqlite"], indirect=True)
def test_more_lines_than_one_statement_takes(table: Table) -> None:
    many = [
        Line(whose=Whose(record=place, persons=(PEOPLE[place % 5],)), protected={"n": str(place)})
        for place in range(1_203)
    ]
    kept = table.attributes.keep(DATASET, REQUEST, iter(many))
    assert table.read(kept, *many) == [line.protected for line in many]
    assert kept == table.attributes.keep(DATASET, REQUEST, many)
