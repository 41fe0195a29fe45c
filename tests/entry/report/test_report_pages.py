"""Every page in a real browser: wide, narrow and on A4. A person looked at the pictures; tests keep what they saw."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.entry.report.browser import AXE, CHROMIUM, DARK, browse, measure, violations
from tests.entry.report.conftest import Told
from tests.entry.report.variants import PAGES

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
NEEDS_AXE = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed here: `make .venv/node/.ready`, where a registry answers"
)
MOST_SHEETS = 28
"""Of any page here; the longest has fifteen refusals, and a verdict of 41 rules on eight sheets."""
_WHAT = "(Lineage (report|difference).* model|Reverse lineage, ds)-"
"""What every sheet says of itself, up to the identifier of what it is about."""
POPPLER = shutil.which("pdftotext")
_SHEET = re.compile(r'<page width="([\d.]+)" height="([\d.]+)">(.*?)</page>', re.DOTALL)
_WORD = re.compile(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">(.*?)</word>')


@pytest.fixture(params=PAGES)
def html(request: pytest.FixtureRequest, told: Told) -> str:
    return PAGES[request.param](told)


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
@pytest.mark.parametrize(
    ("worse", "by", "rule"),
    [
        ("--muted: #b9c0cb", "--muted: #8a8f98", "color-contrast-enhanced"),  # of the dark scheme
        ('<th scope="row">', "<th><td>", "empty-table-header"),
        ('<html lang="en">', "<html>", "html-has-lang"),
    ],
)
def test_axe_core_notices_a_page_that_was_made_worse(
    told: Told, tmp_path: Path, worse: str, by: str, rule: str
) -> None:
    html = PAGES["report"](told)
    assert worse in html
    assert rule in {found.partition(":")[0] for found in violations(tmp_path, html.replace(worse, by), 1280, DARK)}


def test_it_prints_on_a4_without_half_empty_sheets_and_every_sheet_says_what_it_is(html: str, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(tmp_path, html, f"--print-to-pdf={paper}")
    sizes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", paper.read_bytes())
    least = 2 if "Tunewarden reverse lineage" in html else 4
    assert least <= len(sizes) <= MOST_SHEETS
    assert {(round(float(width)), round(float(height))) for width, height in sizes} == {(595, 842)}
    if POPPLER is None:
        pytest.skip("no program `pdftotext` on the PATH: the sheets were counted and not read")
    done = subprocess.run([POPPLER, "-bbox", paper, "-"], capture_output=True, check=True, text=True)
    sheets = [_WORD.findall(body) for *_, body in _SHEET.findall(done.stdout)]
    assert len(sheets) == len(sizes)
    for number, words in enumerate(sheets, 1):
        text = " ".join(word for *_, word in words)
        assert re.search(rf"{_WHAT}\S+ .*{number} of {len(sheets)}$", text)
        assert all(float(left) >= 50 and float(right) <= 546 for left, _, right, _, _ in words)  # 18 mm are 51 pt
        lowest = max(float(bottom) for *_, bottom, _ in words if float(bottom) < 790)
        assert number == len(sheets) or lowest > 0.55 * 842
