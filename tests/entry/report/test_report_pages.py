"""The report in a real browser: wide, narrow and on A4. A person has looked at the pictures; tests keep their frame."""

import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.test_report_html import page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-pdf-header-footer",
)


def browse(folder: Path, html: str, *options: str) -> str:
    """Open `html` in a browser of its own and give back what it prints."""
    (folder / "page.html").write_text(html)
    command = [
        str(CHROMIUM),
        *_QUIET,
        f"--user-data-dir={folder / 'profile'}",
        *options,
        f"file://{folder / 'page.html'}",
    ]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True, text=True)
    return done.stdout


def framed(html: str, width: int) -> str:
    """A page that shows `html` in a frame of `width` pixels and writes how wide its content is."""
    return (
        f'<!doctype html><body style="margin:0"><iframe style="width:{width}px;height:4000px;border:0" '
        f'srcdoc="{escape(html)}"></iframe><p id="width"></p><script>onload = () => {{'
        "const inside = document.querySelector('iframe').contentDocument;"
        "document.getElementById('width').textContent = inside.documentElement.scrollWidth;}</script>"
    )


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_itself_never_scrolls_sideways(told: Told, tmp_path: Path, width: int) -> None:
    shown = browse(tmp_path, framed(page(told.lineage()), width), "--dump-dom", "--window-size=1400,4200")
    found = re.search(r'<p id="width">(\d+)</p>', shown)
    assert found is not None
    assert int(found[1]) <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_pictured(told: Told, tmp_path: Path, width: int) -> None:
    picture = tmp_path / "page.png"
    browse(
        tmp_path,
        framed(page(told.lineage()), width),
        f"--screenshot={picture}",
        f"--window-size={max(500, width)},2400",
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000


def test_it_prints_on_a4(told: Told, tmp_path: Path) -> None:
    paper = tmp_path / "page.pdf"
    browse(tmp_path, page(told.lineage()), f"--print-to-pdf={paper}")
    sizes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", paper.read_bytes())
    assert 8 <= len(sizes) <= 16
    assert {(round(float(width)), round(float(height))) for width, height in sizes} == {(595, 842)}
