"""The page of an expert determination: who, when, until when, by which methods, with which results; and what is not."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import POLICIES, digest
from tests.entry.report.browser import AXE, CHROMIUM, DARK, browse, measure, violations

from tunewarden.domain.canonical import Plain, decode, digest_of, encode
from tunewarden.domain.deidentification import Method, parse_profile
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import Event, ReportAttested, ReviewClosed, ReviewOpened
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName, PrincipalId, RequestId, ReviewId
from tunewarden.domain.sampling import review_measurements
from tunewarden.entry.report.expert import _MEASURED, _RESULTS
from tunewarden.entry.report.safe_harbor import render_safe_harbor, standing
from tunewarden.steps.deidentify.coverage import coverage
from tunewarden.steps.deidentify.report import Counts, Example, safe_harbor_document
from tunewarden.steps.deidentify.residual import Tally

ABOUT = digest("manifest")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
EVERYTHING = {
    "deid.planted_recall": ("0.991", "0.994", "0.996", 4200),
    "deid.rescan_hits_per_1000_records": ("0.6", "1.5", "3.1", 2011),
    "deid.value_leaks_per_1000_records": ("0", "0", "0", 2011),
    "deid.k_anonymity": ("5", "5", "5", 1200),
    "deid.persons_below_k_share": ("0", "0", "0", 1200),
    "deid.l_diversity": ("2", "2", "2", 1200),
    "deid.duplicate_share": ("0.0123", "0.0123", "0.0123", 2011),
    "deid.name_recall_gap": ("0.007", "0.021", "0.04", 3840),
}


def document(method: Method = Method.EXPERT_DETERMINATION, measured: tuple[str, ...] = tuple(EVERYTHING)) -> Plain:
    text = (POLICIES / "deid" / "default.toml").read_text()
    text = text.replace('method = "none"', f'method = "{method}"').replace('name = "default"', 'name = "expert"')
    profile = parse_profile(PolicyName("expert"), text)
    made = safe_harbor_document(
        profile=profile,
        detector=digest("detector"),
        source=digest("source"),
        released=digest("released"),
        coverage=coverage(profile),
        counts=Counts(records=2011, persons=1200, emptied=3),
        found={EntityType.NAME: 1630, EntityType.DATE: 17},
        planted={EntityType.NAME: Tally(hits=148, n=150)},
        measurements=[
            Measurement(metric=metric, low=Decimal(low), value=Decimal(value), high=Decimal(high), n=n)
            for metric, (low, value, high, n) in EVERYTHING.items()
            if metric in measured
        ],
        examples=[Example(before="Patient: Ada <Example>", after="Patient: [NAME]")],
    )
    return decode(encode(made))


def log(*events: Event) -> list[Entry]:
    at = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    return [
        Entry(index=40 + number, at=at, actor=PrincipalId("prn-" + "5" * 32), event=event)
        for number, event in enumerate(events)
    ]


def reviewed(failed_before: int) -> tuple[Event, Event]:
    review = ReviewId("rev-" + "1" * 32)
    opened = ReviewOpened(
        review=review,
        request=RequestId("req-" + "2" * 32),
        about=ABOUT,
        sample=digest("sample"),
        documents=299,
        seeds=30,
        failed_before=failed_before,
    )
    return opened, ReviewClosed(review=review, leaks=1, documents=299, found=29, seeds=30, evidence=digest("evidence"))


def determined(report: Plain) -> ReportAttested:
    return ReportAttested(
        about=ABOUT,
        report=digest_of(report),
        method=Method.EXPERT_DETERMINATION,
        knowledge=None,
        expires=date(2027, 11, 26),
    )


def page(made: Plain, *events: Event) -> str:
    return render_safe_harbor(made, standing(log(*events), ABOUT, digest_of(made)))


def test_the_record_names_who_determined_when_and_until_when() -> None:
    made = document()
    shown = page(made, determined(made))
    assert ">DETERMINED<" in shown
    assert "the risk is very small" in shown
    assert 'title="prn-' + "5" * 32 in shown
    assert "2026-11-26T09:00:00Z" in shown
    assert "the end of 2027-11-26, UTC" in shown
    assert "Nothing here answers: What do people find who read a random sample?" in shown


def test_unsigned_or_signed_for_another_document_nothing_is_determined() -> None:
    made = document()
    for shown in (page(made), page(made, determined(document(measured=())))):
        assert "NOT DETERMINED" in shown
        assert ">DETERMINED<" not in shown
    assert "NOT DETERMINED" not in render_safe_harbor(made)
    assert "whether an expert determined anything is not known here" in render_safe_harbor(made)


@pytest.mark.parametrize("failed_before", [0, 2])
def test_what_people_read_stands_among_the_results_with_the_bound_that_the_gate_judges(failed_before: int) -> None:
    shown = re.sub("<[^>]+>", "", page(document(), *reviewed(failed_before)))
    bound = review_measurements(leaks=1, documents=299, found=29, seeds=30, failed_before=failed_before)[-1].high
    said = {0: "2.3", 2: "3.1"}[failed_before]
    assert Decimal(said) - Decimal("0.1") < bound * 100 <= Decimal(said)
    assert f"something in 1 record; at most {said}\N{NO-BREAK SPACE}% of all" in shown
    assert "Nothing here answers" not in shown


def test_every_measurement_is_shown_with_its_interval_and_what_was_not_measured_is_named() -> None:
    plain = re.sub("<[^>]+>", "", page(document()))
    for result in (
        "0.994\N{NO-BREAK SPACE}(0.991\N{EN DASH}0.996) of them",
        "1.5\N{NO-BREAK SPACE}(0.6\N{EN DASH}3.1) of 1,000 records",
        "0 of 1,000 records",
        "5 in the smallest group",
        "1.3\N{NO-BREAK SPACE}% of records",
    ):
        assert result in plain, result
    assert (
        "Can a person be singled out" in page(document(measured=("deid.planted_recall",))).partition("Nothing here")[2]
    )


def test_another_method_has_no_determination() -> None:
    assert "The determination" not in page(document(Method.PSEUDONYMISED))


def test_every_question_has_a_way_to_say_its_result() -> None:
    assert _MEASURED.keys() == _RESULTS.keys() == EVERYTHING.keys()


@pytest.fixture
def html() -> str:
    made = document()
    return page(made, *reviewed(0), determined(made))


@NEEDS_CHROMIUM
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways_is_cut_off_or_lies_on_something_else(html: str, tmp_path: Path, width: int) -> None:
    found = measure(tmp_path, html, width)
    assert found.width <= width
    assert (found.clipped, found.overlapping, found.stacked) == ([], [], [])


@NEEDS_CHROMIUM
@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed here")
def test_axe_core_has_nothing_against_it(html: str, tmp_path: Path) -> None:
    assert violations(tmp_path, html, 1280, DARK) == []


@NEEDS_CHROMIUM
def test_it_prints_on_a4(html: str, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(tmp_path, html, f"--print-to-pdf={paper}")
    assert 2 <= paper.read_bytes().count(b"/MediaBox") <= 8
