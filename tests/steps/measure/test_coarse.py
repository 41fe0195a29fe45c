"""Figures of a class beside a table that withholds cells of it do not give these away."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tunewarden.steps.measure.coarse import coarse, narrowed
from tunewarden.steps.measure.confusion import confusion
from tunewarden.steps.measure.intervals import Figure, critical, share
from tunewarden.steps.measure.quality import measure_quality
from tunewarden.steps.measure.utility import Utility, measure_utility


def rows(*cells: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and answers, so many rows of each (label, answer, rows)."""
    labels = np.concatenate([np.repeat(label, count) for label, _, count in cells])
    answers = np.concatenate([np.repeat(answer, count) for _, answer, count in cells])
    return labels, answers


def utility(labels: np.ndarray, answers: np.ndarray, persons: np.ndarray | None = None) -> Utility:
    whose = np.arange(len(labels)) if persons is None else persons
    return measure_utility(
        labels=labels, predicted=answers, base_predicted=np.zeros_like(labels), majority=0, persons=whose
    )


def test_as_many_errors_as_a_withheld_cell_may_have_look_alike() -> None:
    """Recall and precision of a class with a withheld cell, ends included: all that are possible say the same."""
    said = set()
    for missed in range(1, 10):
        labels, answers = rows((0, 0, 400), (0, 1, 20), (1, 1, 200 - missed), (1, 0, missed))
        assert narrowed(labels, answers, np.arange(len(labels))) == {0, 1}
        logits = np.where(answers[:, None] == [0, 1], 2.0, 0.0)
        quality = measure_quality(labels=labels, logits=logits, base_logits=logits * 0, persons=np.arange(len(labels)))
        second = quality.classes[1]
        assert second.precision is not None
        assert second.f1 is None, "with both of the others it would tell more than they do"
        said.add((utility(labels, answers).recalls[1].recall, second.precision))
    assert len({recall for recall, _ in said}) == 1
    assert len({precision for _, precision in said}) <= 2, "of those given the class a step may end here"
    exact = {share(np.arange(200) >= missed, np.arange(200), 1.96).figure().value for missed in range(1, 10)}
    assert len(exact) == 9, "exact ones would tell every number of errors"


def test_figures_are_exact_where_nothing_is_withheld_and_coarse_for_touched_classes_only() -> None:
    labels, answers = rows((0, 0, 300), (0, 1, 20), (1, 1, 300), (1, 0, 31), (2, 2, 300), (3, 3, 300), (2, 3, 5))
    whose = np.arange(len(labels))
    table = confusion(labels, answers, whose)
    assert table is not None
    hidden = narrowed(labels, answers, whose)
    assert hidden == {
        label
        for place, label in enumerate(table.labels)
        if None in table.cells[place] or None in [line[place] for line in table.cells]
    }
    assert {2, 3} <= hidden
    recalls = {each.label: each.recall.value for each in utility(labels, answers).recalls}
    for label, recall in recalls.items():
        if label in hidden:
            assert (recall - Decimal("0.025")) % Decimal("0.05") == 0
    nothing = rows((0, 0, 300), (0, 1, 20), (1, 1, 300), (1, 0, 31))
    assert narrowed(*nothing, np.arange(651)) == frozenset()
    assert [each.recall.value for each in utility(*nothing).recalls] == [Decimal("0.9375"), Decimal("0.9063")]


def test_a_class_is_touched_by_its_line_as_by_its_column() -> None:
    few = [(line, column, 4) for line in (0, 1) for column in (2, 3)]
    labels, answers = rows(*((label, label, 300) for label in range(5)), *few)
    assert narrowed(labels, answers, np.arange(len(labels))) == {0, 1, 2, 3}


def test_a_class_of_few_persons_with_withheld_cells_is_left_out() -> None:
    found = utility(*rows((0, 0, 300), (1, 1, 40), (1, 0, 3)))
    assert [each.label for each in found.recalls] == [0]
    assert found.balanced_accuracy is not None


def test_persons_are_counted_and_not_their_rows() -> None:
    """Twenty rows of two persons are a cell of two persons."""
    labels, answers = rows((0, 0, 300), (1, 1, 300), (1, 0, 20))
    persons = np.concatenate([np.arange(600), np.repeat([600, 601], 10)])
    assert narrowed(labels, answers, np.arange(620)) == frozenset()
    assert narrowed(labels, answers, persons) == {0, 1}


@given(hits=st.integers(0, 400), persons=st.integers(1, 400))
def test_a_coarse_figure_holds_the_exact_one_and_is_in_steps_of_ten_persons(hits: int, persons: int) -> None:
    right, whose = np.arange(persons) < hits, np.arange(persons)
    exact, found = share(right, whose, critical()).figure(), coarse(right, whose)
    if persons < 100:
        assert found is None
        return
    assert found is not None
    assert 0 <= found.low <= exact.low <= exact.high <= found.high <= 1
    assert found.low <= found.value <= found.high
    assert abs(found.value - exact.value) <= Decimal("0.0501" if persons < 200 else "0.0251")


@pytest.mark.parametrize("persons", [100, 107, 199, 200, 350, 501])
def test_the_ends_tell_no_more_than_the_figure_and_no_figure_is_of_fewer_than_ten(persons: int) -> None:
    """All three together: as many say the same as a step has persons, of few errors all that a cell may withhold."""
    said: dict[Figure, int] = {}
    for errors in range(persons + 1):
        found = coarse(np.arange(persons) >= errors, np.arange(persons))
        assert found is not None
        said[found] = said.get(found, 0) + 1
        if errors == 10:
            assert len(said) == 1
    assert min(said.values()) >= 10
    assert len({found.value for found in said}) == len(said)


def test_rows_of_one_person_do_not_make_steps_finer() -> None:
    """A thousand rows of a hundred persons each ten times: one person less is one row in a hundred."""
    persons = np.repeat(np.arange(100), 10)
    found = coarse(np.arange(1000) >= 10, persons)
    assert found is not None
    assert found == coarse(np.arange(1000) >= 90, persons)
    assert coarse(np.arange(990) >= 10, np.repeat(np.arange(99), 10)) is None
