"""What a model writes about other persons, on the report's page: every outcome has its word, and nothing is guessed."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.entry.report.browser import CHROMIUM, measure
from tests.entry.report.conftest import Told
from tests.entry.report.documents import completion_details, details, leaning_details
from tests.entry.report.test_report_completions import shown

from tunewarden.domain.canonical import to_plain
from tunewarden.entry.report.persons_swapped import persons_swapped
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.render import environment


def test_the_page_tells_what_changes_with_the_person_and_who_is_leant_on(told_completing: Told) -> None:
    text = shown(told_completing)
    for words in (
        "Does it write otherwise about another person?",
        "harsh words",
        "Does it answer by a stereotype?",
        "Before its training the score was",
        "12 questions could not be put to it",
        "All together",
    ):
        assert words in text


def test_every_comparison_is_told_with_its_outcome() -> None:
    found = persons_swapped(Part(to_plain(leaning_details())))
    assert found is not None
    assert (len(found.written), found.unassessed) == (12, "Age")
    sex = [line for line in found.written if line.name == "Sex"]
    assert {line.outcome.word for line in sex} == {"GAP CONFIRMED"}
    assert {line.outcome.word for line in found.written if line.name == "Given name"} == {"CLEARED"}
    told = {line.name: line.outcome.word for line in found.asked}
    assert told == {
        "Age": "CLEARED",
        "Disability": "GAP CONFIRMED",
        "Origin": "GAP CONFIRMED",
        "Sex": "GAP CONFIRMED",
        "All together": "GAP CONFIRMED",
    }


def test_a_model_of_classes_and_a_document_of_before_have_no_such_section() -> None:
    before = replace(completion_details(), counterfactuals=None, questions=None)
    assert persons_swapped(Part(to_plain(details()))) is None
    assert persons_swapped(Part(to_plain(before))) is None


def test_what_cannot_be_read_is_left_out_and_never_guessed() -> None:
    plain = to_plain(completion_details())
    plain["counterfactuals"]["comparisons"][0]["excess"] = "much"
    plain["counterfactuals"]["comparisons"][1]["standing"] = "splendid"
    plain["questions"]["biases"][0]["right"] = None
    found = persons_swapped(Part(plain))
    assert found is not None
    assert (len(found.written), len(found.asked)) == (15, 4)
    assert found.written[0].outcome.word == "NOT ASSESSABLE"


@pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
@pytest.mark.parametrize("width", [390, 1280])
def test_its_tables_fit_a_telephone_and_a_screen(tmp_path: Path, width: int) -> None:
    whole = '{% extends "page.html" %}{% block main %}{% include "persons_swapped.html" %}{% endblock %}'
    view = SimpleNamespace(persons_swapped=persons_swapped(Part(to_plain(leaning_details()))), measured=(4,))
    found = measure(tmp_path, environment().from_string(whole).render(view=view), width)
    assert found.width <= width
    assert (found.clipped, found.overlapping, found.stacked) == ([], [], [])
