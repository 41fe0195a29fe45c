"""The page of the report that is signed: eighteen rows, its digest, what the log says, and nothing that nobody said."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import POLICIES, digest
from tests.entry.report.browser import AXE, CHROMIUM, DARK, browse, measure, violations

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.canonical import Plain, decode, digest_of, encode
from tunewarden.domain.deidentification import Method, parse_profile
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import Event, ReportAttested, ReviewClosed, ReviewOpened, SignatureWithdrawn
from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import EntityType, SafeHarbor
from tunewarden.domain.names import PolicyName, PrincipalId, RequestId, ReviewId
from tunewarden.entry.report.deid_words import CATEGORIES, METHODS, OPERATORS
from tunewarden.entry.report.safe_harbor import render_safe_harbor, standing
from tunewarden.steps.deidentify.coverage import coverage
from tunewarden.steps.deidentify.report import Counts, Example, safe_harbor_document
from tunewarden.steps.deidentify.residual import Tally

ABOUT = digest("manifest")
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")


def document(name: str = "hipaa-safe-harbor") -> Plain:
    profile = parse_profile(PolicyName(name), (POLICIES / "deid" / f"{name}.toml").read_text())
    looked = {**coverage(profile), EntityType.BIOMETRIC: ()}
    made = safe_harbor_document(
        profile=profile,
        detector=digest("detector"),
        source=digest("source"),
        released=digest("released"),
        coverage=looked,
        counts=Counts(records=2011, persons=1200, emptied=3),
        found={EntityType.NAME: 1630, EntityType.DATE: 17, EntityType.POSTCODE: 2, EntityType.PLACE: 3},
        planted={EntityType.NAME: Tally(hits=148, n=150), EntityType.POSTCODE: Tally(hits=150, n=150)},
        measurements=[_measured("deid.planted_recall", "0.99"), _measured("deid.planted_recall.name", "0.98")],
        examples=[Example(before="Patient: Ada <Example>", after="Patient: [NAME]")],
    )
    return decode(encode(made))


def _measured(metric: str, value: str) -> Measurement:
    return Measurement(metric=metric, low=Decimal("0.9"), value=Decimal(value), high=Decimal(1), n=300)


def entries(*events: Event) -> list[Entry]:
    began = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
    return [
        Entry(index=40 + number, at=began + timedelta(hours=number), actor=PrincipalId("prn-" + "5" * 32), event=event)
        for number, event in enumerate(events)
    ]


def reviewed(leaks: int) -> tuple[Event, Event]:
    review = ReviewId("rev-" + "1" * 32)
    opened = ReviewOpened(
        review=review,
        request=RequestId("req-" + "2" * 32),
        about=ABOUT,
        sample=digest("sample"),
        documents=299,
        seeds=30,
        failed_before=0,
    )
    closed = ReviewClosed(review=review, leaks=leaks, documents=299, found=29, seeds=30, evidence=digest("evidence"))
    return opened, closed


def signed(report: Plain) -> ReportAttested:
    return ReportAttested(
        about=ABOUT,
        report=digest_of(report),
        method=Method.SAFE_HARBOR,
        knowledge=Knowledge.NONE,
        expires=date(2027, 11, 26),
    )


def test_the_document_has_eighteen_rows_that_add_their_kinds_up() -> None:
    made = document()
    assert isinstance(made, dict)
    rows = {row["category"]: row for row in made["categories"]}
    assert [row["letter"] for row in made["categories"]] == list("ABCDEFGHIJKLMNOPQR")
    assert list(rows) == list(SafeHarbor)
    geography = rows[SafeHarbor.GEOGRAPHY]
    assert geography["found"] == 5
    assert (geography["recall"]["hits"], geography["recall"]["n"]) == (150, 150)
    assert set(geography["untested"]) == {"address", "place", "coordinates"}
    assert rows[SafeHarbor.NAMES]["recall"]["value"] == "0.986667"
    assert rows[SafeHarbor.BIOMETRIC]["recognisers"] == []
    assert list(made["measured"]) == ["deid.planted_recall"]
    assert encode(document()) == encode(made)


def test_the_page_shows_the_digest_of_exactly_the_document_and_every_category() -> None:
    made = document()
    page = render_safe_harbor(made)
    assert digest_of(made) in page
    for letter, name in zip("ABCDEFGHIJKLMNOPQR", CATEGORIES.values(), strict=True):
        assert f"({letter}) {name}" in page
    assert page.count("NO DETECTOR") == 1
    assert "Ada &lt;Example&gt;" in page
    assert "0.99\N{NO-BREAK SPACE}(0.95\N{EN DASH}1.00)" in page
    assert "<script" not in page


def test_every_digest_stands_on_paper_whole_and_not_only_in_a_title() -> None:
    made = document()
    shown = re.sub("<[^>]+>", "", render_safe_harbor(made))
    for whole in (digest_of(made), digest("detector"), digest("source"), digest("released")):
        assert whole in shown


def test_a_category_of_which_nothing_was_tested_says_so_once() -> None:
    assert "recall not tested for: fax" not in render_safe_harbor(document())
    assert "recall not tested for: address, coordinates and place" in render_safe_harbor(document())


def test_without_the_log_nothing_is_said_of_review_and_signature() -> None:
    page = render_safe_harbor(document())
    assert page.count("NOT ASSESSED") == 2
    assert "SIGNED</span>" not in page


def test_with_the_log_an_unsigned_report_says_so_and_that_nobody_read_it() -> None:
    page = render_safe_harbor(document(), standing([], ABOUT, digest_of(document())))
    assert "NOT SIGNED" in page
    assert "NOT REVIEWED" in page


def test_a_signature_counts_for_exactly_the_document_that_was_signed() -> None:
    made, other = document(), document("hipaa-limited-dataset")
    log = entries(*reviewed(0), signed(made))
    page = render_safe_harbor(made, standing(log, ABOUT, digest_of(made)))
    assert "know of nothing that would identify a person" in page
    assert "to the end of" in page
    assert "NO LEAK SEEN" in page
    assert all(f'href="#log-{index}"' in page for index in (41, 42))
    assert "NOT SIGNED" in render_safe_harbor(other, standing(log, ABOUT, digest_of(other)))


def test_a_signature_that_was_withdrawn_is_shown_as_none_until_somebody_signs_anew() -> None:
    made = document()
    withdrawn = SignatureWithdrawn(about=ABOUT, because=Withdrawal.KNOWLEDGE, signatures=1)
    page = render_safe_harbor(made, standing(entries(signed(made), withdrawn), ABOUT, digest_of(made)))
    assert "WITHDRAWN" in page
    assert "something is known by which a person could be identified" in page
    assert "know of nothing that would identify a person" not in page
    assert 'href="#log-41"' in page
    other = SignatureWithdrawn(about=digest("another"), because=Withdrawal.KNOWLEDGE, signatures=1)
    for log in ((signed(made), withdrawn, signed(made)), (signed(made), other)):
        page = render_safe_harbor(made, standing(entries(*log), ABOUT, digest_of(made)))
        assert "WITHDRAWN" not in page
        assert "know of nothing that would identify a person" in page


def test_leaks_that_people_saw_are_marked_as_a_failure() -> None:
    page = render_safe_harbor(document(), standing(entries(*reviewed(2)), ABOUT, digest_of(document())))
    assert "LEAKS SEEN" in page
    opened = render_safe_harbor(document(), standing(entries(reviewed(0)[0]), ABOUT, digest_of(document())))
    assert "BEING READ" in opened


def test_a_review_of_another_clean_version_says_nothing_here() -> None:
    known = standing(entries(*reviewed(0)), digest("another"), digest_of(document()))
    assert "NOT REVIEWED" in render_safe_harbor(document(), known)


def test_a_document_of_another_form_is_shown_as_not_assessed_and_not_refused() -> None:
    assert "De-identification" in render_safe_harbor({"form": "another"})


def test_every_word_has_words() -> None:
    assert CATEGORIES.keys() == set(SafeHarbor)
    assert METHODS.keys() == set(Method)
    assert len(OPERATORS) == len(set(OPERATORS.values()))


@pytest.fixture
def html() -> str:
    made = document()
    return render_safe_harbor(made, standing(entries(*reviewed(0), signed(made)), ABOUT, digest_of(made)))


@NEEDS_CHROMIUM
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways_is_cut_off_or_lies_on_something_else(html: str, tmp_path: Path, width: int) -> None:
    found = measure(tmp_path, html, width)
    assert found.width <= width
    assert (found.clipped, found.overlapping, found.stacked) == ([], [], [])


@NEEDS_CHROMIUM
@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed here")
@pytest.mark.parametrize(("width", "scheme"), [(500, ()), (1280, (DARK,))], ids=["narrow", "wide-dark"])
def test_axe_core_has_nothing_against_it(html: str, tmp_path: Path, width: int, scheme: tuple[str, ...]) -> None:
    assert violations(tmp_path, html, width, *scheme) == []


@NEEDS_CHROMIUM
def test_it_prints_on_a4(html: str, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(tmp_path, html, f"--print-to-pdf={paper}")
    assert 2 <= paper.read_bytes().count(b"/MediaBox") <= 7
