"""Which errors a model of classes makes and how sure it is: by hand, by property, and where nothing may be said."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tunewarden.domain.errors import Refused
from tunewarden.steps.measure.confusion import confusion, withheld
from tunewarden.steps.measure.counted import Counted
from tunewarden.steps.measure.quality import Quality, gains_over, measure_quality, noisy_quality
from tunewarden.steps.measure.scored import BINS, Scored
from tunewarden.steps.measure.tables import CLASSES, OVERALL, Table


def said(answers: np.ndarray, classes: int, sure: float = 0.8) -> np.ndarray:
    """Logits that give each row's answer the probability `sure` and the rest in equal parts."""
    rows = np.full((len(answers), classes), np.log((1 - sure) / (classes - 1)))
    rows[np.arange(len(answers)), answers] = np.log(sure)
    return rows


def quality(labels: np.ndarray, answers: np.ndarray, classes: int = 2, persons: np.ndarray | None = None) -> Quality:
    return measure_quality(
        labels=labels,
        logits=said(answers, classes),
        base_logits=said(np.zeros_like(labels), classes),
        persons=np.arange(len(labels)) if persons is None else persons,
    )


LABELS = np.repeat([0, 1], [60, 40])
ANSWERS = np.concatenate([np.repeat([0, 1], [48, 12]), np.repeat([1, 0], [36, 4])])


def test_precision_f1_log_loss_and_brier_are_those_computed_by_hand() -> None:
    found = quality(np.tile(LABELS, 3), np.tile(ANSWERS, 3))  # so that no cell of the table has to be withheld
    first, second = found.classes
    assert (first.precision.value, second.precision.value) == (Decimal("0.9231"), Decimal("0.75"))  # 48/52, 36/48
    assert (first.f1.value, second.f1.value) == (Decimal("0.8571"), Decimal("0.8182"))  # 96/112, 72/88
    assert found.precision.value == Decimal("0.8365")
    assert found.f1.value == Decimal("0.8377")
    assert found.log_loss.value == Decimal("0.445")  # -(84 ln 0.8 + 16 ln 0.2) / 100
    assert found.brier.value == Decimal("0.272")  # 2 (84 * 0.04 + 16 * 0.64) / 100
    assert found.calibration_error.value == Decimal("0.04")  # 0.84 right, 0.80 sure
    assert found.over_constant.f1.value == Decimal("0.4627")  # always the first: (120/160 + 0) / 2
    assert found.over_base.f1.value == found.over_constant.f1.value, "the base answers as the majority does"
    assert found.over_constant.log_loss.value == Decimal("0.2281")  # -(0.6 ln 0.6 + 0.4 ln 0.4), less 0.4450


def test_every_figure_lies_in_its_interval_and_is_handed_to_the_gates_with_the_number_of_persons() -> None:
    found = {each.metric: each for each in quality(LABELS, ANSWERS).measurements()}
    assert len(found) == 9
    assert all(each.low <= each.value <= each.high and each.n == 100 for each in found.values())


def test_a_model_that_is_as_often_right_as_it_is_sure_may_be_perfectly_calibrated() -> None:
    assert quality(LABELS, ANSWERS).calibration_error.low == 0
    rng = np.random.default_rng(4)
    sure = rng.uniform(0.5, 1, 3000)
    answers = rng.integers(0, 2, 3000)
    labels = np.where(rng.random(3000) < sure, answers, 1 - answers)
    odds = np.log(sure / (1 - sure))
    logits = np.stack([np.where(answers == 0, odds, -odds), np.zeros(3000)], axis=1)
    assert Scored.of(labels, [logits], np.arange(3000)).calibration_error().low == 0


def test_the_calibration_of_a_perfect_predictor_is_zero() -> None:
    logits = np.where(LABELS[:, None] == np.arange(2), 800.0, -800.0)
    found = measure_quality(labels=LABELS, logits=logits, base_logits=logits, persons=np.arange(100))
    for figure in (found.calibration_error, found.brier, found.log_loss):
        assert (figure.low, figure.value, figure.high) == (0, 0, 0)
    assert found.f1.value == found.precision.value == 1


def test_a_model_that_is_surer_than_right_is_found_out() -> None:
    logits = said(ANSWERS, 2, sure=0.99)
    found = measure_quality(labels=LABELS, logits=logits, base_logits=logits, persons=np.arange(100))
    assert found.calibration_error.value == Decimal("0.15")
    assert found.calibration_error.low > 0


def test_a_class_that_nobody_has_takes_no_part_but_what_is_given_it_wrongly_counts() -> None:
    answers = np.where(np.arange(100) % 10 == 0, 2, LABELS)
    found = quality(np.tile(LABELS, 3), np.tile(answers, 3), classes=4)
    assert [each.label for each in found.classes] == [0, 1]
    assert found.f1.value == found.classes[0].f1.value == Decimal("0.9474")  # 2 * 54 / (60 + 54)
    assert found.precision.value == 1


def test_a_class_that_too_few_have_or_were_given_is_left_open_and_so_are_means_over_it() -> None:
    few = quality(np.repeat([0, 1], [80, 20]), np.repeat([0, 1], [80, 20]))
    assert (few.f1, few.precision, few.over_base.f1) == (None, None, None)
    assert few.classes[0].f1 is not None
    assert (few.classes[1].f1, few.classes[1].precision) == (None, None)
    never = quality(LABELS, np.zeros(100, dtype=np.int64))
    assert never.precision is None, "a class that is never given has no precision, and 0 is not what is meant"
    assert never.f1.value == Decimal("0.375")


def test_a_single_class_is_no_gain_over_always_giving_it() -> None:
    found = quality(np.zeros(100, dtype=np.int64), np.zeros(100, dtype=np.int64))
    assert found.f1.value == 1
    assert (found.over_constant.f1.low, found.over_constant.f1.high) == (0, 0)
    assert found.over_constant.log_loss.high < 0, "whoever knows that there is one class is never surprised"


def test_one_person_with_most_of_the_rows_leaves_everything_open() -> None:
    persons = np.where(np.arange(1000) < 900, 0, np.arange(1000))
    found = quality(np.tile(LABELS, 10), np.tile(ANSWERS, 10), persons=persons)
    assert found.measurements() == ()
    assert all(each.f1 is each.precision is None for each in found.classes)


def test_more_rows_of_the_same_persons_are_not_more_evidence() -> None:
    once, often = (
        quality(LABELS, ANSWERS),
        quality(np.tile(LABELS, 5), np.tile(ANSWERS, 5), persons=np.tile(np.arange(100), 5)),
    )
    assert once.f1 == often.f1
    assert (once.log_loss, once.brier) == (often.log_loss, often.brier)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_macro_figures_lie_between_those_of_the_classes_and_the_order_of_rows_changes_nothing(
    seed: int, classes: int
) -> None:
    rng = np.random.default_rng(seed)
    labels, logits = rng.integers(0, classes, 200), rng.normal(size=(200, classes))
    persons, order = rng.integers(0, 150, 200), rng.permutation(200)
    counted = Counted.of(labels, [logits.argmax(axis=1)], persons)
    by_class = counted.total.f1_by_class(0)[0]
    assert by_class.min() <= counted.total.f1(0)[0] <= by_class.max()
    again = Counted.of(labels[order], [logits.argmax(axis=1)[order]], persons[order])
    assert counted.interval(lambda drawn: drawn.f1(0)) == again.interval(lambda drawn: drawn.f1(0))


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_refused(spoilt: float) -> None:
    logits = said(ANSWERS, 2)
    logits[7, 1] = spoilt
    with pytest.raises(Refused) as refused:
        measure_quality(labels=LABELS, logits=logits, base_logits=said(ANSWERS, 2), persons=np.arange(100))
    assert refused.value.code == "answers_not_finite"


def test_a_gain_over_another_model_is_paired() -> None:
    better = ANSWERS.copy()
    better[np.flatnonzero(ANSWERS != LABELS)[:10]] = LABELS[np.flatnonzero(ANSWERS != LABELS)[:10]]
    found = gains_over(labels=LABELS, logits=said(better, 2), other_logits=said(ANSWERS, 2), persons=np.arange(100))
    apart = quality(LABELS, ANSWERS).f1
    assert found.f1.low > 0
    assert found.f1.high - found.f1.low < apart.high - apart.low
    assert found.log_loss.low > 0


# ---- The table of classes taken for others


def test_small_cells_are_withheld_and_so_is_what_would_give_them_away() -> None:
    persons = np.array([[50, 3, 20], [12, 40, 11], [30, 15, 60]])
    hidden = withheld(persons)
    assert hidden[0, 1]
    for lines in (hidden, hidden.T):
        assert all(line.sum() != 1 for line in lines)
    assert hidden.sum() == 4, "no more than it takes"


@given(st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=3, max_size=3))
def test_no_withheld_cell_is_alone_in_its_line_or_column(cells: list[list[int]]) -> None:
    persons = np.array(cells)
    hidden = withheld(persons)
    assert hidden[(persons > 0) & (persons < 10)].all()
    assert all(line.sum() != 1 for line in (*hidden, *hidden.T))


def test_a_table_counts_rows_and_withholds_by_persons() -> None:
    found = confusion(LABELS, ANSWERS, np.arange(100))
    assert found.cells == ((None, None), (None, None)), "4 are few, and the rest would follow from it"
    same = np.repeat(np.arange(10), 10)
    assert confusion(LABELS, LABELS, np.arange(100)).cells == ((60, 0), (0, 40))
    assert confusion(LABELS, LABELS, same).cells == ((None, None), (None, None)), "60 rows of 6 persons are few"
    assert confusion(np.arange(51), np.arange(51), np.arange(51)) is None


# ---- What released tables tell of two classes


def tables(cells: list[list[float]]) -> list[Table]:
    return [Table(name=OVERALL, cells=np.full((2, 2), 250.0)), Table(name=CLASSES, cells=np.array(cells))]


def test_of_two_classes_the_released_table_tells_what_is_exact_of_persons_but_for_the_noise() -> None:
    found = noisy_quality(tables([[480.0, 120.0], [360.0, 40.0]]), sigma=1e-9)
    first, second = found.classes
    assert (first.precision.value, second.precision.value) == (Decimal("0.9231"), Decimal("0.75"))
    assert (first.f1.value, second.f1.value) == (Decimal("0.8571"), Decimal("0.8182"))
    assert found.f1.value == Decimal("0.8377")
    assert found.confusion.cells == ((480, 120), (40, 360))
    assert found.confusion.noisy
    assert (found.log_loss, found.brier, found.calibration_error, found.over_base.f1) == (None, None, None, None)


def test_noise_makes_the_intervals_wider() -> None:
    quiet, loud = (noisy_quality(tables([[480.0, 120.0], [360.0, 40.0]]), sigma) for sigma in (0.1, 8.0))
    assert loud.f1.low < quiet.f1.low < quiet.f1.high < loud.f1.high


def test_of_three_classes_the_released_tables_do_not_tell_who_was_taken_for_whom() -> None:
    found = noisy_quality(tables([[480.0, 120.0], [360.0, 40.0], [100.0, 10.0]]), sigma=1.0)
    assert found.measurements() == ()
    assert (found.classes, found.confusion) == ((), None)


def test_nobody_in_the_tables_leaves_everything_open() -> None:
    found = noisy_quality(tables([[3.0, -2.0], [1.0, -1.0]]), sigma=2.0)
    assert found.measurements() == ()
    assert found.confusion.cells == ((3, 0), (0, 1))


def test_the_bins_cover_every_probability() -> None:
    sure = np.array([1 / 2, 1.0, 7 / 15, 14 / 15])
    logits = np.stack([np.log(np.maximum(sure, 1e-12)), np.log(np.maximum(1 - sure, 1e-12))], axis=1)
    assert Scored.of(np.zeros(4, dtype=np.int64), [logits], np.arange(4)).total.over.shape == (1, BINS)
