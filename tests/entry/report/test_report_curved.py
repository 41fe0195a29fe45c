"""Whether less data would have done, on the page: in words, as a picture and a table, or that nobody knows."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.entry.report.browser import CHROMIUM, measure
from tests.entry.report.conftest import Told
from tests.entry.report.documents import completion_details, details
from tests.entry.report.test_report_html import Page, page

from tunewarden.domain.canonical import to_plain
from tunewarden.entry.report.curved import Curved, curved
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.render import environment
from tunewarden.steps.measure.intervals import Figure
from tunewarden.steps.measure.learning_curve import GONE, LearningCurve, Point

MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


def figure(low: str, value: str, high: str) -> Figure:
    return Figure(low=Decimal(low), value=Decimal(value), high=Decimal(high))


def curve(half: Figure | None) -> LearningCurve:
    return LearningCurve(
        persons=241,
        points=(
            Point(share=Decimal("0.25"), trained_on=241, right=figure("0.6", "0.65", "0.7"), gain=half),
            Point(share=Decimal("0.5"), trained_on=480, right=figure("0.8", "0.85", "0.9"), gain=half),
            Point(share=Decimal(1), trained_on=962, right=figure("0.85", "0.88", "0.91")),
        ),
    )


def told_of(found: LearningCurve | None) -> Curved:
    return curved(Part(to_plain(replace(details(), curve=found))), declared=True)


def test_the_gain_of_the_last_half_is_said_in_points_rounded_outwards_beside_the_article() -> None:
    found = told_of(curve(figure("-0.0412", "0.0301", "0.1012")))
    assert f"gained between {MINUS}4.2 and 10.2 points of rows answered right" in found.statement
    assert "Art. 5(1)(c)" in found.statement
    assert found.chart is not None
    assert found.chart.finding.endswith("is not shown to have gained anything")
    assert [row.name for row in found.chart.rows] == [
        "All (962)",
        f"50{SPACE}% (480)",
        f"25{SPACE}% (241)",
    ]
    assert f"50{SPACE}% (480)" in found.chart.picture
    assert f"All persons over 50{SPACE}% (480) of them: more often right" in [row.name for row in found.facts]


def test_a_gain_that_is_shown_is_called_shown() -> None:
    found = told_of(curve(figure("0.01", "0.03", "0.05")))
    assert found.chart is not None
    assert found.chart.finding.endswith("is shown to have gained something")


def test_of_completions_tokens_are_spoken_of() -> None:
    document = to_plain(replace(completion_details(), curve=curve(figure("0.01", "0.03", "0.05"))))
    found = curved(Part(document), declared=True)
    assert "points of tokens predicted right" in found.statement


def test_what_is_not_known_has_its_reason() -> None:
    assert "declares no learning curve" in curved(Part({}), declared=False).statement
    assert "its models were gone" in told_of(LearningCurve(persons=0, points=(), unasked=GONE)).statement
    few = curve(None)
    unknown = replace(few, points=tuple(replace(point, right=None) for point in few.points))
    assert "does not say what the last half" in told_of(unknown).statement
    assert "Too few persons were held out" in told_of(few).statement
    assert all(told_of(each).chart is None for each in (None, unknown))


def test_the_page_says_that_nobody_knows_where_no_curve_was_declared(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert "Whether less data would have done" in text
    assert "declares no learning curve" in text


@pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
def test_the_curve_fits_a_narrow_page_and_says_what_it_found(tmp_path: Path) -> None:
    whole = '{% extends "page.html" %}{% block main %}{% include "curved.html" %}{% endblock %}'
    view = SimpleNamespace(curved=told_of(curve(figure("-0.0412", "0.0301", "0.1012"))), measured=(4,))
    html = environment().from_string(whole).render(view=view)
    assert "gained between" in Page(html).text
    found = measure(tmp_path, html, 390)
    assert found.width <= 390
    assert (found.clipped, found.overlapping, found.stacked) == ([], [], [])
