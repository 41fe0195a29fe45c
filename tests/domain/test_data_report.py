"""What a data report may tell: no cell that fewer than ten persons stand in, and none that such a one follows from."""

from collections.abc import Callable, Sequence, Set

from hypothesis import given, strategies as st

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.data_report import FEWEST_PERSONS, Cell, DataReport, Form, size_class, tellable, unnamed

COUNTS = st.lists(st.integers(0, 40), max_size=12)


def cells(persons: list[int]) -> list[Cell]:
    """Two rows a person."""
    return [Cell(name=f"c{place}", rows=2 * count, persons=count) for place, count in enumerate(persons)]


def apart(several: Sequence[Cell]) -> Callable[[Set[str]], int]:
    """Where nobody stands in two cells."""
    return lambda names: sum(cell.persons or 0 for cell in several if cell.name in names)


def told_of(persons: list[int]) -> tuple[Cell, ...]:
    return tellable(cells(persons), apart(cells(persons)))


@given(persons=COUNTS)
def test_no_small_cell_is_told_and_none_follows_from_the_sum(persons: list[int]) -> None:
    told = told_of(persons)
    shown = {cell.name: cell.persons for cell in told if cell.persons is not None}
    hidden = [count for place, count in enumerate(persons) if count and f"c{place}" not in shown]
    assert all(count >= FEWEST_PERSONS for count in shown.values())
    assert all(cell.rows is None for cell in told if cell.persons is None)
    assert not hidden or sum(hidden) >= FEWEST_PERSONS or not shown


@given(persons=COUNTS)
def test_what_need_not_be_held_back_is_told_in_its_order(persons: list[int]) -> None:
    told = told_of(persons)
    assert [cell.name for cell in told] == [f"c{place}" for place, count in enumerate(persons) if count]
    if all(count >= FEWEST_PERSONS for count in persons):
        assert told == tuple(cells(persons))


def test_a_single_small_cell_takes_the_next_smallest_with_it() -> None:
    assert [cell.persons for cell in told_of([30, 3, 20])] == [30, None, None]
    assert [cell.persons for cell in told_of([30, 3, 7, 20])] == [30, None, None, 20]


IN_CELLS = st.lists(st.lists(st.booleans(), min_size=15, max_size=15), min_size=1, max_size=4)
"""For each cell, which of fifteen persons stand in it."""


@given(inside=IN_CELLS)
def test_what_is_held_back_is_of_ten_persons_however_many_cells_each_stands_in(inside: list[list[bool]]) -> None:
    whose = {f"c{place}": {who for who, is_in in enumerate(row) if is_in} for place, row in enumerate(inside)}
    every = [Cell(name=name, rows=len(persons), persons=len(persons)) for name, persons in whose.items()]
    told = tellable(every, lambda names: len(set[int]().union(*(whose[name] for name in names))))
    hidden = [whose[cell.name] for cell in told if cell.rows is None]
    assert not hidden or len(hidden) == len(told) or len(set[int]().union(*hidden)) >= FEWEST_PERSONS


def test_where_a_name_says_something_of_somebody_it_is_told_of_ten_persons_only() -> None:
    some = cells([30, 3, 20, 2, 4])
    told = unnamed(tellable(some, apart(some)))
    names = [(cell.name, cell.persons) for cell in told]
    assert names == [("c0", 30), ("other-1", None), ("other-2", None), ("other-3", None), ("other-4", None)]


@given(persons=COUNTS)
def test_where_a_name_says_something_nothing_but_their_number_is_told_of_those_held_back(persons: list[int]) -> None:
    told = told_of(persons)
    shown = [cell for cell in told if cell.rows is not None]
    held_back = [Cell(name=f"other-{k}", rows=None, persons=None) for k in range(1, len(told) - len(shown) + 1)]
    assert unnamed(told) == (*shown, *held_back)


def test_lengths_fall_into_powers_of_two() -> None:
    assert [size_class(size) for size in (0, 1, 2, 3, 4, 7, 8, 1_000)] == "0 1 2-3 2-3 4-7 4-7 8-15 512-1023".split()


def test_a_report_comes_back_from_its_bytes() -> None:
    some = (Cell(name="first", rows=None, persons=None), Cell(name="alike", rows=20, persons=11))
    report = DataReport(
        form=Form.CLASSES,
        rows=20,
        persons=11,
        columns=3,
        repeats=some,
        agreement=(),
        blanks=(),
        classes=some,
        scripts=(),
        text_lengths=(),
        completion_lengths=(),
        persons_by_rows=(),
    )
    assert from_plain(DataReport, decode(encode(to_plain(report)))) == report
