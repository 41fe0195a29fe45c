"""The declared comparisons on the report's page: three outcomes in words, with a shape each, and nobody left out."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.documents import DECLARED, HOUSE, details
from tests.entry.report.test_report_html import page

from tunewarden.domain.canonical import Plain, to_plain
from tunewarden.domain.fairness import GroupMetric
from tunewarden.entry.report.compared import WORDS_OF, compared
from tunewarden.entry.report.reading import Part
from tunewarden.steps.measure.comparing import Standing

WORDS = {
    Standing.CONFIRMED: "GAP CONFIRMED",
    Standing.CLEARED: "CLEARED",
    Standing.UNDECIDED: "UNDECIDED",
    Standing.NOT_ASSESSABLE: "NOT ASSESSABLE",
    Standing.NOT_SHOWN: "NO LOSS SHOWN",
}


def decided(change: Callable[[Any], Any] = lambda whole: whole) -> Part:
    plain: Any = to_plain(details().fairness)
    return Part({**plain, "decided": change(plain["decided"])})


def only(*standings: Standing) -> Part:
    """The same document, as if its comparisons had ended so, one after another."""

    def change(whole: Any) -> Plain:
        comparisons = [
            {**each, "standing": standing} for each, standing in zip(whole["comparisons"], standings, strict=False)
        ]
        return {**whole, "comparisons": comparisons}

    whole: Any = decided(change).value
    whole["decided"]["merged"], whole["decided"]["unassessed"], whole["not_assessable"] = [], 0, []
    return Part(whole)


def test_whatever_can_be_declared_has_words() -> None:
    assert WORDS_OF.keys() == set(GroupMetric)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda whole: whole["decided"].update(unassessed=2), "2 comparisons with too few persons to be made"),
        (
            lambda whole: whole["decided"].update(merged=[{"attribute": "a"}]),
            "1 pair of attributes with people too few",
        ),
        (lambda whole: whole.update(not_assessable=[{}, {}]), "2 groups too small to be compared"),
    ],
)
def test_all_are_cleared_only_where_nothing_is_left_of_which_it_is_not_known(
    change: Callable[[Any], None], words: str
) -> None:
    whole: Any = only(Standing.CLEARED).value
    change(whole)
    found = compared(Part(whole))
    assert found is not None
    assert found.outcome.word == "NOT ASSESSABLE"
    assert words in found.finding


def test_every_comparison_of_the_evidence_has_a_line() -> None:
    found = compared(decided())
    assert found is not None
    assert details().fairness.decided is not None
    assert len(found.lines) + len(found.cleared) + found.unlisted == len(details().fairness.decided.comparisons)
    assert found.declaration == DECLARED.digest()


@pytest.mark.parametrize("standing", Standing)
def test_each_outcome_has_its_own_word(standing: Standing) -> None:
    found = compared(only(standing))
    assert found is not None
    assert [line.outcome.word for line in (*found.lines, *found.cleared)] == [WORDS[standing]]


@pytest.mark.parametrize(
    ("standings", "word"),
    [
        ([Standing.CLEARED, Standing.CONFIRMED, Standing.UNDECIDED], "GAP CONFIRMED"),
        ([Standing.CLEARED, Standing.UNDECIDED, Standing.NOT_ASSESSABLE], "UNDECIDED"),
        ([Standing.CLEARED, Standing.NOT_ASSESSABLE], "NOT ASSESSABLE"),
        ([Standing.CLEARED, Standing.NOT_SHOWN], "NOT ASSESSABLE"),
        ([Standing.CLEARED, Standing.CLEARED], "CLEARED"),
        ([], "NOT ASSESSABLE"),
    ],
)
def test_all_together_are_as_good_as_the_worst(standings: list[Standing], word: str) -> None:
    found = compared(only(*standings))
    assert found is not None
    assert found.outcome.word == word
    places = [line.outcome.place for line in (*found.lines, *found.cleared)]
    assert places == sorted(places)


@pytest.mark.parametrize("member", ["attribute", "metric", "behind", "tolerance", "standing"])
def test_a_comparison_that_cannot_be_read_makes_the_part_not_assessed(member: str) -> None:
    def change(whole: Any) -> Plain:
        first, *others = whole["comparisons"]
        return {**whole, "comparisons": [{**first, member: {"CANARY": 1}}, *others]}

    assert compared(decided(change)) is None
    assert compared(Part()) is None


def test_the_page_tells_the_outcomes_by_shape_and_word(told: Told) -> None:
    html = page(told.lineage())
    section = html[html.index('id="fairness"') : html.index('id="explanation"')]
    marks = re.findall(r'<span class="mark (\w+)"><svg.*?</svg>([A-Z ]+)</span>', section, re.DOTALL)
    assert {word for _, word in marks} >= {"CLEARED", "NOT ASSESSED"}
    assert "Declared before training" in section
    (digest,) = set(re.findall(r"approved plan: <code>(sha256:[0-9a-f]{64})</code>", section))
    assert digest == HOUSE.declared({"sex", "age band"}, frozenset({GroupMetric.ACCURACY}), {}, depth=1).digest()


def test_rates_of_each_class_are_shown_with_their_intervals_and_unknown_ones_as_such() -> None:
    found = compared(decided())
    assert found is not None
    assert {rate.label for rate in found.rates} == {"0", "1"}
    assert len(found.rates) == 2 * len(details().fairness.assessed)
    assert all("to" in rate.selected or "\N{EN DASH}" in rate.selected for rate in found.rates)
    plain: Any = to_plain(details().fairness)
    plain["assessed"][0]["rates"][0]["true_positive"] = None
    again = compared(Part(plain))
    assert again is not None
    assert again.rates[0].true_positive == "not known"
