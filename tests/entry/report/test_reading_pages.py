"""The pages on which people read and sign, in a real browser: wide and narrow, light and dark, by keyboard too."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path

import pytest
from tests.entry.report.browser import AXE, CHROMIUM, DARK, browse, framed, measure, violations

from tunewarden.domain.attestations import Attestation, Knowledge
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Outcome, SamplingPlan
from tunewarden.domain.names import AttestationId, PrincipalId, RequestId, ReviewId
from tunewarden.domain.reviews import Mark, Review
from tunewarden.entry.report.reading_pages import render_item, render_leaks, render_no, render_queue, render_signing
from tunewarden.usecases.reviews import Leak, Page
from tunewarden.usecases.signing import Claim

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
NEEDS_AXE = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed here: `make .venv/node/.ready`, where a registry answers"
)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
ABOUT, REPORT = digest_bytes(b"clean"), digest_bytes(b"report")
TEXT = (
    "84 y/o female brought in by [NAME] after a fall on [DATE].\n\nLives at [ADDRESS] with her "
    "daughter Wanda, who is the night porter of the only hotel in Kleinhadersdorf. "
    + "Pneumonoultramicroscopicsilicovolcanoconiosis" * 3
    + "\n\u05de\u05e8\u05d9\u05dd \u05db\u05d4\u05df was seen, too; call 00431555010055510100555 after six."
)
REVIEW = Review(
    id=ReviewId("review-" + "3" * 32),
    request=RequestId("ftjob-" + "4" * 32),
    data=REPORT,
    about=ABOUT,
    plan=SamplingPlan(documents=299, seeds=60),
    sample=REPORT,
    documents=299,
    seeds=60,
    opened_at=NOW,
    answered=(1, 2, 3),
)
CLOSED = replace(REVIEW, answered=tuple(range(359)), outcome=Outcome.FAIL, evidence=REPORT)
MARKS = (Mark(start=98, end=103), Mark(start=112, end=124))
PAGE = Page(review=REVIEW, item=17, text=TEXT)
LEAK = Leak(item=4, record=1203, text=TEXT, marks=MARKS, is_seeded=True)


def signature(**changes: object) -> Attestation:
    whole = {
        "id": AttestationId("att-" + "5" * 32),
        "about": ABOUT,
        "report": REPORT,
        "method": Method.SAFE_HARBOR,
        "knowledge": Knowledge.NONE,
        "expires": date(2026, 11, 30),
        "by": PrincipalId("prn-" + "6" * 32),
        "at": NOW,
    }
    return Attestation(**(whole | changes))  # type: ignore[arg-type]


CLAIM = Claim(about=ABOUT, method=Method.SAFE_HARBOR, report=REPORT, attestations=(signature(),), waiting=())
PAGES = {
    "queue": render_queue([REVIEW, replace(REVIEW, id=ReviewId("review-" + "7" * 32))]),
    "empty queue": render_queue([]),
    "item": render_item(REVIEW, PAGE, problem="Mark the words first.", marked=[Mark(start=0, end=2)]),
    "nothing left": render_item(REVIEW, None),
    "closed": render_item(CLOSED, None),
    "leaks": render_leaks(CLOSED, [LEAK, replace(LEAK, item=5, is_seeded=False)]),
    "no leaks": render_leaks(replace(CLOSED, outcome=Outcome.PASS), []),
    "still open": render_leaks(REVIEW, []),
    "signing": render_signing(CLAIM, today=date(2026, 12, 1), problem="Safe Harbor needs the statement."),
    "signing expert": render_signing(
        replace(CLAIM, method=Method.EXPERT_DETERMINATION, attestations=()), today=date(2026, 12, 1)
    ),
    "nothing to sign": render_signing(
        replace(CLAIM, method=Method.NONE, report=None, attestations=()), today=date(2026, 12, 1)
    ),
    "no": render_no(Refused("access_denied", "You may not review sample here.", who="reviewer", rule="anyone/x/own")),
}


@pytest.fixture(params=PAGES)
def html(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways_is_cut_off_or_lies_on_something_else(html: str, tmp_path: Path, width: int) -> None:
    found = measure(tmp_path, html, width)
    assert found.width <= width
    assert (found.clipped, found.overlapping, found.stacked) == ([], [], [])


@NEEDS_AXE
@pytest.mark.parametrize(("width", "scheme"), [(500, ()), (1280, (DARK,))], ids=["narrow", "wide-dark"])
def test_axe_core_has_nothing_against_it(html: str, tmp_path: Path, width: int, scheme: tuple[str, ...]) -> None:
    assert violations(tmp_path, html, width, *scheme) == []


@NEEDS_AXE
def test_axe_core_notices_a_word_that_was_made_worse(tmp_path: Path) -> None:
    worse = re.sub(r"<label>(<input[^>]*>)<span>(female)</span></label>", r"\1\2", PAGES["item"])
    assert worse != PAGES["item"]
    assert {found.partition(":")[0] for found in violations(tmp_path, worse, 1280)} == {"label"}


def test_everything_is_reached_by_keyboard_in_the_order_of_reading(tmp_path: Path) -> None:
    """Each word is a check box that takes the focus and shows it; both buttons come after the text."""
    script = """
      addEventListener('load', () => {
        const page = document.querySelector('iframe').contentDocument;
        const reached = [...page.querySelectorAll('a[href], button, input:not([type=hidden])')];
        const seen = reached.map(one => {
          one.focus();
          const shown = one.type === 'checkbox' ? one.nextElementSibling : one;
          const box = one.getBoundingClientRect();
          return [one.tagName, page.activeElement === one, box.width > 0 && box.height > 0,
                  one.tabIndex >= 0, shown.textContent];
        });
        document.getElementById('answer').textContent = JSON.stringify(seen);
      });
    """
    shown = browse(tmp_path, framed(PAGES["item"], 1000, script=script), "--dump-dom", "--virtual-time-budget=5000")
    found = re.search(r'<pre id="answer">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None
    reached = json.loads(unescape(found[1]))
    assert len(reached) > 30
    assert all(focused and sized and tabbable for _, focused, sized, tabbable, _ in reached[1:]), reached
    assert [tag for tag, *_ in reached[-2:]] == ["BUTTON", "BUTTON"]
    assert [text for tag, *_, text in reached if tag == "INPUT"][:4] == ["84", "y/o", "female", "brought"]
