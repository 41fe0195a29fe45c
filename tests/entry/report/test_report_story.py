"""What the pages tell of refusals, of an earlier time, of holds and keys, and of what one side does not have."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import OTTO
from tests.entry.report.conftest import Told, tell_another
from tests.entry.report.test_report_footnotes import Tree
from tests.entry.report.test_report_html import ORIGIN, VKEY, Page, page
from tests.entry.report.variants import as_of_its_making, crowded, differing, model_of, unended

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import (
    ActionRefused,
    Event,
    GateJudged,
    HoldPlaced,
    HoldReleased,
    SigningKeyRotated,
    StepFinished,
)
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import HoldId
from tunewarden.entry.report import difference, render_difference
from tunewarden.entry.report.figures import instant, runs, short
from tunewarden.usecases import reports
from tunewarden.usecases.reports import Lineage


def with_later(lineage: Lineage, branch: str, *events: Event) -> Lineage:
    """The lineage with more entries on one branch, each a minute after the other, by who registered the dataset."""
    report = lineage.report
    last = max(entry.index for entry in report.entries())
    later = tuple(
        replace(report.dataset, index=last + place, at=report.dataset.at + timedelta(minutes=place), event=event)
        for place, event in enumerate(events, 1)
    )
    return replace(lineage, report=replace(report, **{branch: (*getattr(report, branch), *later)}))


def test_every_refusal_of_the_story_is_in_its_section_in_the_time_line_and_in_the_picture(told: Told) -> None:
    lineage = crowded(told)
    root = Tree(page(lineage)).root
    (told_of,) = (one for one in root.all() if one.attributes.get("class") == "refusals")
    (time_line,) = (one for one in root.all() if one.attributes.get("id") == "time-line")
    refused = [entry for entry in lineage.report.refusals if isinstance(entry.event, ActionRefused)]
    assert len(refused) == 15
    for entry in refused:
        assert f"log-{entry.index}" in told_of.footnotes
        assert f"log-{entry.index}" in time_line.footnotes
    boxes = [one.text for one in root.all() if one.attributes.get("class") == "node outline"]
    assert sum("own promotion" in text for text in boxes) >= 2  # on the model version and on the promotion; twice drawn
    assert sum("times more" in text for text in boxes) >= 6


def test_an_earlier_time_tells_nothing_that_came_later(told: Told) -> None:
    made = told.lineage().report.model
    later = [entry for entry in told.stage.entries() if entry.at > made.at]
    assert len(later) > 5
    html = page(as_of_its_making(told))
    assert not [entry for entry in later if f'"#log-{entry.index}"' in html or instant(entry.at) in html]
    assert "No alias has ever named it, so nobody may use it." in Page(html).text


def test_a_model_whose_request_had_not_ended_is_told_as_it_stood(told: Told) -> None:
    text = Page(page(unended(told))).text
    assert "The job ended" not in text
    assert text.count("not settled") == 2
    assert "this training costs at most epsilon 8 at delta 0.0001." in text


def test_a_hold_and_its_release_say_who_and_when_and_the_people_are_listed(told: Told) -> None:
    lineage = told.lineage()
    hold = HoldId("hold-" + "1" * 32)
    placed = HoldPlaced(hold=hold, resource=model_of(lineage), order=None)
    text = Page(page(with_later(lineage, "holds", placed))).text
    assert "placed by the steward" in text
    assert "is in force." in text
    assert "and placed a legal hold" in text
    text = Page(page(with_later(lineage, "holds", placed, HoldReleased(hold=hold)))).text
    assert "was released at 2026-11-21T09:14:00Z" in text


def test_a_key_is_named_without_its_bytes_though_base64_has_a_plus_too(told: Told) -> None:
    rotated = SigningKeyRotated(
        old_key=VKEY, new_key=VKEY.replace("01234567", "89abcdef"), old_signature="", new_signature=""
    )
    html = page(with_later(told.lineage(), "keys", rotated)).partition('id="entries"')[0]
    assert f"{ORIGIN}+89abcdef and no longer by {ORIGIN}+01234567;" in html
    assert f"<code>{ORIGIN}+01234567</code>" in html
    assert "AB+C" not in html


def test_a_verdict_by_a_rule_that_its_gate_does_not_have_is_no_report(told: Told) -> None:
    lineage = told.lineage()
    first, *others = lineage.report.verdicts
    assert isinstance(first.event, GateJudged)
    strange = replace(first.event.findings[0], metric="nobody.wrote_this")
    verdicts = (replace(first, event=replace(first.event, findings=(strange,))), *others)
    with pytest.raises(Corrupted, match=f"Entry {first.index} judges by a rule"):
        page(replace(lineage, report=replace(lineage.report, verdicts=verdicts)))


def test_a_measurement_that_one_side_does_not_have_is_said_to_be_missing_and_never_the_same(told: Told) -> None:
    one, other = model_of(told.lineage()), tell_another(told)
    left, right = reports.compare(told.stage.platform, OTTO, one, other)
    measure = [entry for entry in right.report.steps if isinstance(entry.event, StepFinished)][-1]
    assert isinstance(measure.event, StepFinished)
    found = from_plain(Evidence, decode(right.documents[measure.event.evidence]))
    less = replace(found, measurements=tuple(one for one in found.measurements if one.metric != "utility.accuracy"))
    right = replace(right, documents={**right.documents, measure.event.evidence: encode(to_plain(less))})
    (row,) = (row for row in difference(left, right)["evidence"] if row["name"] == "utility.accuracy")
    assert (row["same"], row["right"]) == (False, None)
    assert row["left"]["log"]
    text = Page(render_difference(left, right, origin=ORIGIN)).text
    assert text.count("not measured") == 1
    assert f"Evidence : 1 of {len(difference(left, right)['evidence'])} differ." in text


def test_a_difference_says_of_a_side_without_an_alias_that_none_named_it(told: Told) -> None:
    text = Page(differing(told)).text
    assert "never named it" in text
    assert "not judged" in text
    assert f"Lineage difference: {short(model_of(told.lineage()))} and" in text


def test_indices_that_follow_each_other_are_told_as_first_and_last() -> None:
    assert runs([]) == []
    assert runs([9, 4, 11, 10, 9]) == [(4, 4), (9, 11)]
