"""The audit in the report: it says whether the promise is contradicted, and never that it is kept."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.documents import details
from tests.entry.report.test_report_html import Page, page

from tunewarden.domain.canonical import Plain, to_plain
from tunewarden.domain.events import ModelRegistered, PromiseDisproved
from tunewarden.entry.report.audited import audited, checked
from tunewarden.entry.report.reading import Part
from tunewarden.steps.measure.audit import audit
from tunewarden.steps.measure.self_check import SelfCheck


def of(claimed: str, canaries: int = 200) -> Plain:
    """An audit in which every guess is right."""
    present = np.arange(canaries) % 2 == 0
    found = audit(scores=present * 1.0, present=present, claimed=Decimal(claimed), delta=Decimal("0.00001"))
    return to_plain(found)


def test_a_promise_that_canaries_contradict_is_called_broken() -> None:
    found = audited(Part(of("3")))
    assert found is not None
    assert found.finding == "The promise is broken: epsilon is 3.8693 or more, and 3 is claimed"
    assert "200 made-up persons" in found.made
    assert "100 of them did" in found.made
    assert "Right were 200 of 200, 100 of 100, 50 of 50 guesses" in found.made
    assert "cannot contradict" not in found.made


def test_an_audit_that_could_not_contradict_the_promise_says_so() -> None:
    found = audited(Part(of("8")))
    assert found is not None
    assert "does not contradict 8" in found.finding
    assert "cannot contradict it: had every guess been right, epsilon 3.8693" in found.made


def test_an_audit_that_found_nothing_does_not_speak_of_an_epsilon_of_zero() -> None:
    found = audited(Part({"lower_bound": "0", "claimed": "8", "reach": "3"}))
    assert found is not None
    assert found.finding == "Made-up persons show nothing that would contradict an epsilon of 8"


@pytest.mark.parametrize("value", [None, {}, [1], {"lower_bound": "x", "claimed": "1", "reach": "1"}])
def test_what_cannot_be_read_is_no_audit(value: Plain) -> None:
    assert audited(Part(value)) is None


def test_the_self_check_is_told_with_its_numbers() -> None:
    measure = Part(
        to_plain(replace(details(), self_check=SelfCheck(layers=12, moved=11, texts=16, reload_difference=None)))
    )
    told = {fact.label: fact.value for fact in checked(measure, (7,))}
    assert told == {
        "Layers changed by training": "11 of 12",
        "Planted secrets that it writes down": "none: it tells classes and writes nothing",
    }
    assert checked(Part(), (7,)) == ()


def test_planted_secrets_are_counted() -> None:
    found = {"self_check": {"layers": 1, "moved": 1}, "extraction": {"secrets": 84, "extracted": 2}}
    told = {fact.label: fact.value for fact in checked(Part(found), ())}
    assert told["Planted secrets that it writes down"] == "2 of 84"


def test_the_page_has_the_audit_and_the_self_check(told: Told) -> None:
    text = Page(page(told.lineage())).text
    assert "which does not contradict 8" in text
    assert "An audit can contradict a promise; it cannot show that it is kept" in text
    assert "12 of 12" in text


def test_an_alarm_stands_in_the_time_line(told: Told) -> None:
    lineage = told.lineage()
    model = lineage.report.model.event
    assert isinstance(model, ModelRegistered)
    shown = PromiseDisproved(
        model=model.model,
        request=model.request,
        claimed=Decimal(3),
        shown=Decimal("4.5"),
        delta=Decimal("0.0001"),
    )
    alarm = replace(lineage.report.model, event=shown, index=lineage.report.size)
    told_of = replace(lineage, report=replace(lineage.report, alarms=(alarm,)))
    text = Page(page(told_of)).text
    assert "Alarm: made-up persons show an epsilon of 4.5 or more, and 3 is claimed" in text
    assert "Its promise of privacy is broken" in text, "the decision begins with it"
