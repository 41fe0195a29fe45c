"""The certificate in the report: every check that training makes has words, and each figure stands beside its limit."""

import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.test_report_html import page

from tunewarden.domain.canonical import Plain
from tunewarden.entry.report.certified import CHECKS, certified
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.words import REASONS
from tunewarden.steps.train.certificate import CheckName


def test_every_check_has_words_for_its_figure_and_for_its_failure() -> None:
    assert CHECKS.keys() == {name.value for name in CheckName}
    assert REASONS.keys() >= {f"conformance_{name.value.replace('-', '_')}" for name in CheckName}


def test_each_check_is_told_with_its_limit_and_what_was_not_checked_is_told_too() -> None:
    told = certified(
        Part(
            {
                "conformance": {
                    "checks": [{"name": "neighbours", "measured": "1.0000005", "limit": "1.001"}],
                    "not_checked": ["second-way"],
                }
            }
        ),
        (7,),
    )
    assert [(fact.label, fact.value, fact.log) for fact in told] == [
        (CHECKS["neighbours"], "1.0000005; allowed is 1.001", (7,)),
        (CHECKS["second-way"], "not checked: the second way does not cover this model", (7,)),
    ]


@pytest.mark.parametrize("value", [None, {}, {"conformance": "x"}, {"conformance": {"checks": [{"name": "else"}]}}])
def test_a_training_without_a_certificate_has_no_such_part(value: Plain) -> None:
    assert certified(Part(value), (7,)) == ()


def test_the_page_of_a_model_shows_them(told: Told) -> None:
    html = page(told.lineage())
    assert "What was tried before the first update" in html
    assert CHECKS["noise-freshness"] in html
