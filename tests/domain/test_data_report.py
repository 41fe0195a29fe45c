"""What a data report may tell: no cell that fewer than ten persons stand in, and none that such a one follows from."""

from hypothesis import given, strategies as st

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.data_report import FEWEST_PERSONS, Cell, DataReport, Form, size_class, tellable

COUNTS = st.lists(st.integers(0, 40), max_size=12)


def cells(persons: list[int]) -> list[Cell]:
    """Two rows a person."""
    return [Cell(name=f"c{place}", rows=2 * count, persons=count) for place, count in enumerate(persons)]


@given(persons=COUNTS)
def test_no_small_cell_is_told_and_none_follows_from_the_sum(persons: list[int]) -> None:
    told = tellable(cells(persons))
    shown = {cell.name: cell.persons for cell in told if cell.persons is not None}
    hidden = [count for place, count in enumerate(persons) if count and f"c{place}" not in shown]
    assert all(count >= FEWEST_PERSONS for count in shown.values())
    assert all(cell.rows is None for cell in told if cell.persons is None)
    assert not hidden or sum(hidden) >= FEWEST_PERSONS or not shown


@given(persons=COUNTS)
def test_what_need_not_be_held_back_is_told_in_its_order(persons: list[int]) -> None:
    told = tellable(cells(persons))
    assert [cell.name for cell in told] == [f"c{place}" for place, count in enumerate(persons) if count]
    if all(count >= FEWEST_PERSONS for count in persons):
        assert told == tuple(cells(persons))


def test_a_single_small_cell_takes_the_next_smallest_with_it() -> None:
    assert [cell.persons for cell in tellable(cells([30, 3, 20]))] == [30, None, None]
    assert [cell.persons for cell in tellable(cells([30, 3, 7, 20]))] == [30, None, None, 20]


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
