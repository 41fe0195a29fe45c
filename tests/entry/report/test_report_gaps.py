"""How far two figures are apart: what the method gives, what it never does, and how the page tells it."""

from dataclasses import replace
from decimal import Decimal
from random import Random

from hypothesis import given, strategies as st
from tests.conftest import OTTO
from tests.entry.report.conftest import Told, tell_another
from tests.entry.report.test_report_html import ORIGIN, Page
from tests.entry.report.variants import model_of

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.events import StepFinished
from tunewarden.domain.gates import Evidence, Measurement
from tunewarden.entry.report import difference, render_difference
from tunewarden.entry.report.difference import Compared, Told as Side
from tunewarden.entry.report.gaps import gap
from tunewarden.usecases import reports

numbers = st.decimals(min_value=-100, max_value=100, places=4)


def of(low: str, value: str, high: str) -> Measurement:
    return Measurement(metric="m", low=Decimal(low), value=Decimal(value), high=Decimal(high), n=9)


figures = st.tuples(numbers, numbers, numbers).map(
    lambda three: Measurement(metric="m", **dict(zip(("low", "value", "high"), sorted(three), strict=True)), n=9)
)


def test_the_worked_example_of_two_shares_is_what_its_author_gives() -> None:
    """Newcombe 1998, table II (a): 56/70 and 48/80, Wilson intervals; method 10 says 0.0524 to 0.3339."""
    left, right = of("0.4904", "0.6", "0.7003"), of("0.6923", "0.8", "0.8768")
    found = gap(left, right)
    assert (round(found.low, 3), round(found.value, 2), round(found.high, 3)) == (
        Decimal("0.053"),
        Decimal("0.20"),
        Decimal("0.334"),
    )
    assert found.is_told


@given(figures, figures)
def test_it_holds_the_difference_is_mirrored_and_is_no_wider_than_the_corners(
    left: Measurement, right: Measurement
) -> None:
    one, other = gap(left, right), gap(right, left)
    assert one.low <= one.value <= one.high
    assert (one.low, one.value, one.high) == (-other.high, -other.value, -other.low)
    step = Decimal("0.000001")
    assert right.low - left.high - step <= one.low
    assert one.high <= right.high - left.low + step


@given(figures)
def test_a_figure_never_differs_from_itself(figure: Measurement) -> None:
    assert not gap(figure, figure).is_told


def test_what_was_counted_and_has_no_interval_gets_none_and_is_never_told_to_differ() -> None:
    counted, more, measured = of("2", "2", "2"), of("3.5", "3.5", "3.5"), of("8", "9", "10")
    for left, right, apart in ((counted, more, "1.5"), (counted, measured, "7"), (measured, more, "\N{MINUS SIGN}5.5")):
        row = Compared(name="m", left=_told(left), right=_told(right))
        assert (row.gap, row.apart) == (None, f"{apart}, without an interval")


def _told(figure: Measurement) -> Side:
    return Side(value="", shown="", log=(), figure=figure)


def test_of_independent_samples_it_covers_the_truth_as_often_as_it_says() -> None:
    """2,000 pairs of 150 draws: 95 % expected, 93.5 to 98 allowed (more than 3 and 6 standard errors off)."""
    dice, held = Random(20261126), 0
    for _ in range(2000):
        left, right = (share(dice, true) for true in (0.7, 0.8))
        found = gap(left, right)
        held += found.low <= Decimal("0.1") <= found.high
    assert 0.935 <= held / 2000 <= 0.98


def share(dice: Random, true: float, n: int = 150) -> Measurement:
    """Of n draws, with Wilson's interval."""
    p, z = sum(dice.random() < true for _ in range(n)) / n, 1.959964
    middle, half = p + z * z / (2 * n), z * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5
    low, high = (Decimal(str((middle + sign * half) / (1 + z * z / n))) for sign in (-1, 1))
    value = Decimal(str(p))
    return Measurement(metric="m", low=min(low, value), value=value, high=max(high, value), n=n)


def test_the_page_and_the_json_say_how_far_each_figure_is_apart_and_that_it_is_not_paired(told: Told) -> None:
    one, other = model_of(told.lineage()), tell_another(told)
    left, right = reports.compare(told.stage.platform, OTTO, one, other)
    measure = [entry.event for entry in right.report.steps if isinstance(entry.event, StepFinished)][-1]
    found = from_plain(Evidence, decode(right.documents[measure.evidence]))
    poor = replace(found.measurements[0], low=Decimal(-3), value=Decimal(-2), high=Decimal(-1))
    changed = encode(to_plain(replace(found, measurements=(poor, *found.measurements[1:]))))
    right = replace(right, documents={**right.documents, measure.evidence: changed})
    rows = {row["name"]: row for row in difference(left, right)["evidence"]}
    told_apart = [row["difference"] for row in rows.values() if row["difference"] is not None]
    assert told_apart
    assert all(one["paired"] is False for one in told_apart)
    assert rows["privacy.epsilon"]["difference"] is None, "counted, not estimated"
    assert Decimal(rows[poor.metric]["difference"]["high"]) < 0
    assert all(row["difference"] is None for row in difference(left, right)["plan"])
    text = Page(render_difference(left, right, origin=ORIGIN)).text
    assert "Right less left (95" in text
    assert "that of two independent figures" in text
    assert "one row in twenty says by chance alone" in text
    assert "do not show a difference" not in text
    assert text.count(": differs") == 1
