"""What one person can change: every table moves by at most one person, and noise is on every cell of it."""

from dataclasses import replace

import numpy as np
from hypothesis import given, strategies as st

from tunewarden.domain.datasets import Groups
from tunewarden.steps.measure.tables import (
    CLASSES,
    OVERALL,
    WHOLE,
    WHOLE_TEXTS,
    Answers,
    CompletedTexts,
    completion_tables,
    exact_tables,
)

GROUPS = (Groups(column="sex", values=("f", "m")), Groups(column="age", values=("0-17", "18-39", "40-64", "65-120")))
CLASS_COUNT = 3
A_ROW = st.tuples(
    st.integers(0, 6),
    st.integers(0, CLASS_COUNT - 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["f", "m", "x", ""]),
    st.sampled_from(["0-17", "18-39", "40-64", "65-120", "out of range", "zanzibar"]),
)
Row = tuple[int, int, bool, bool, str, str]
A_TEXT = st.tuples(
    st.integers(0, 6),
    st.lists(st.integers(0, 5000), min_size=4, max_size=4).filter(any),
    st.sampled_from(["f", "m", "x", ""]),
    st.sampled_from(["0-17", "18-39", "40-64", "65-120", "zanzibar"]),
)
Text = tuple[int, list[int], str, str]


def answers(rows: list[Row]) -> Answers:
    return Answers(
        persons=np.array([row[0] for row in rows], dtype=np.int64),
        labels=np.array([row[1] for row in rows], dtype=np.int64),
        right=np.array([row[2] for row in rows], dtype=bool),
        base_right=np.array([row[3] for row in rows], dtype=bool),
        attributes={"sex": [row[4] for row in rows], "age": [row[5] for row in rows]},
    )


def texts(rows: list[Text]) -> CompletedTexts:
    return CompletedTexts(
        persons=np.array([row[0] for row in rows], dtype=np.int64),
        tokens=np.array([row[1] for row in rows], dtype=np.int64).reshape(-1, 2, 2),
        attributes={"sex": [row[2] for row in rows], "age": [row[3] for row in rows]},
    )


@given(rows=st.lists(A_TEXT, max_size=40), person=st.integers(0, 6))
def test_removing_a_person_moves_every_table_of_completions_by_at_most_one_person(
    rows: list[Text], person: int
) -> None:
    without = [row for row in rows if row[0] != person]
    both = zip(completion_tables(texts(rows), GROUPS), completion_tables(texts(without), GROUPS), strict=True)
    for table, other in both:
        moved = (table.parts - other.parts).ravel()
        assert sum(int(part) ** 2 for part in moved) <= WHOLE**2, table.name
        assert moved.min() >= 0


@given(rows=st.lists(A_TEXT, max_size=10))
def test_there_are_as_many_tables_of_completions_as_of_classes_and_their_cells_do_not_depend_on_the_records(
    rows: list[Text],
) -> None:
    assert [(table.name, table.parts.shape) for table in completion_tables(texts(rows), GROUPS)] == [
        (OVERALL, (2, 2)),
        (WHOLE_TEXTS, (2, 2)),
        ("sex", (3, 2)),
        ("age", (5, 2)),
    ]


def test_the_tokens_of_a_row_share_it_as_rows_share_a_person() -> None:
    rows: list[Text] = [
        (1, [2, 0, 0, 2], "f", "0-17"),  # tokens that base and adapter, only base, only adapter, none is right at
        (1, [0, 0, 4, 0], "f", "18-39"),
        (2, [1, 0, 0, 0], "x", "65-120"),
    ]
    overall, whole, sex, age = (table.parts / WHOLE for table in completion_tables(texts(rows), GROUPS))
    assert overall.tolist() == [[1.25, 0], [0.5, 0.25]]
    assert whole.tolist() == [[1, 0], [0.5, 0.5]]
    assert sex.tolist() == [[0.75, 0.25], [0, 0], [1, 0]]
    assert age.tolist() == [[0.25, 0.25], [0.5, 0], [0, 0], [1, 0], [0, 0]]


@given(rows=st.lists(A_TEXT, min_size=1, max_size=30))
def test_next_to_nothing_of_a_person_is_lost_to_rounding(rows: list[Text]) -> None:
    for table in completion_tables(texts(rows), ()):
        assert table.parts.sum() >= len({row[0] for row in rows}) * WHOLE - 5 * len(rows)


@given(rows=st.lists(A_ROW, max_size=40), person=st.integers(0, 6))
def test_removing_a_person_moves_every_released_table_by_at_most_one_person(rows: list[Row], person: int) -> None:
    without = [row for row in rows if row[0] != person]
    both = zip(
        exact_tables(answers(rows), CLASS_COUNT, GROUPS),
        exact_tables(answers(without), CLASS_COUNT, GROUPS),
        strict=True,
    )
    for table, other in both:
        moved = (table.parts - other.parts).ravel()
        assert sum(int(part) ** 2 for part in moved) <= WHOLE**2, table.name
        assert moved.min() >= 0


def test_a_person_with_more_rows_than_parts_adds_nothing() -> None:
    rows: list[Row] = [(1, 0, True, True, "f", "0-17")] * (WHOLE + 1)
    assert not any(table.parts.any() for table in exact_tables(answers(rows), CLASS_COUNT, GROUPS))


@given(rows=st.lists(A_ROW, max_size=10))
def test_which_cells_there_are_does_not_depend_on_the_records(rows: list[Row]) -> None:
    tables = exact_tables(answers(rows), CLASS_COUNT, GROUPS)
    assert [(table.name, table.parts.shape) for table in tables] == [
        (OVERALL, (2, 2)),
        (CLASSES, (CLASS_COUNT, 2)),
        ("sex", (3, 2)),
        ("age", (5, 2)),
    ]


def test_persons_are_counted_where_their_rows_are() -> None:
    rows: list[Row] = [
        (1, 0, True, False, "f", "0-17"),
        (1, 1, False, False, "f", "18-39"),
        (2, 1, True, True, "x", "65-120"),
    ]
    overall, classes, sex, age = (table.parts / WHOLE for table in exact_tables(answers(rows), CLASS_COUNT, GROUPS))
    assert overall.tolist() == [[1, 0], [0.5, 0.5]]
    assert classes.tolist() == [[0.5, 0], [1, 0.5], [0, 0]]
    assert sex.tolist() == [[0.5, 0.5], [0, 0], [1, 0]]
    assert age.tolist() == [[0.5, 0], [0, 0.5], [0, 0], [1, 0], [0, 0]]


def test_every_cell_has_noise_of_the_planned_deviation() -> None:
    """Chi-square of 10,000 cells within 8 deviations: false alarm below 1e-10."""
    table = exact_tables(answers([]), 5_000, ())[1]
    cells = table.noisy(2.5).cells
    assert abs(float(np.square(cells / 2.5).sum()) - cells.size) < 8 * np.sqrt(2 * cells.size)
    assert len(np.unique(cells)) > 9_800  # about 9,912 are expected, give or take 9


def test_noise_is_never_the_same_twice() -> None:
    table = replace(exact_tables(answers([]), 50, ())[1])
    assert (table.noisy(1.0).cells != table.noisy(1.0).cells).mean() > 0.9
