"""A page in headless Chromium: measured in a frame of a given width, judged by axe-core, printed on A4."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
AXE = Path(sys.prefix) / "node/node_modules/axe-core/axe.min.js"
DARK = "--blink-settings=preferredColorScheme=0"
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
_MEASURE = Path(__file__).with_name("measure.js")
_WIDTHS = (390, 1280)
"""In px: of a telephone, and of a small screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a reader of that width meets, with every `<details>` open.

    Attributes:
        width: of the content, in px; more than the window means that the page scrolls sideways.
        clipped: elements that hide part of their content, or show it only when scrolled.
        overlapping: two texts, one on the other.
        stacked: texts that are broken after nearly every letter.
    """

    width: int
    clipped: list[str]
    overlapping: list[str]
    stacked: list[str]


def browse(folder: Path, html: str, *options: str) -> str:
    """Open `html` in a browser of its own and give back what it prints."""
    (folder / "page.html").write_text(html)
    command = [str(CHROMIUM), *_QUIET, f"--user-data-dir={folder / 'profile'}", *options, f"file://{folder}/page.html"]
    return subprocess.run(command, capture_output=True, timeout=120, check=True, text=True).stdout


def framed(html: str, *widths: int, script: str = "") -> str:
    """A page that shows `html` in a frame of each width in px, because no window is narrower than 500 px."""
    frames = "".join(
        f'<iframe style="width:{width}px;height:16000px;border:0" srcdoc="{escape(html)}"></iframe>' for width in widths
    )
    return f'<!doctype html><body style="margin:0">{frames}<pre id="answer"></pre><script>{script}</script>'


_MEASURED: dict[str, dict[int, Measured]] = {}
"""By page. Starting a browser takes longer than measuring, so a page is measured at each of `_WIDTHS` at once."""


def measure(folder: Path, html: str, width: int) -> Measured:
    """The page in a frame of that width; the frame's own policy forbids scripts in it, so it is read from outside."""
    if html not in _MEASURED:
        page = framed(html, *_WIDTHS, script=_MEASURE.read_text())
        answers = _answer(browse(folder, page, "--dump-dom", "--window-size=1700,1000"))
        _MEASURED[html] = {wide: Measured(**answer) for wide, answer in zip(_WIDTHS, answers, strict=True)}
    return _MEASURED[html][width]


def violations(folder: Path, html: str, width: int, *options: str) -> list[str]:
    """What axe-core has against a copy of the page without the policy that forbids scripts; contrast of 7:1 asked."""
    policy = re.compile(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>")
    assert policy.search(html)
    rules = {"color-contrast": {"enabled": False}, "color-contrast-enhanced": {"enabled": True}}
    run = (
        f"<pre id=answer hidden></pre><script>{AXE.read_text()}</script><script>"
        "document.querySelectorAll('details').forEach(one => one.open = true);"
        f"axe.run(document, {json.dumps({'rules': rules})}).then(found => {{"
        "document.getElementById('answer').textContent = JSON.stringify(found.violations.flatMap("
        "rule => rule.nodes.map(node => rule.id + ': ' + node.html.slice(0, 200))))})</script></body>"
    )
    copy = policy.sub("", html).replace("</body>", run)
    size = f"--window-size={width},2000"
    shown = browse(folder, copy, "--dump-dom", "--virtual-time-budget=30000", size, *options)
    found: list[str] = _answer(shown)
    return found


def _answer(shown: str) -> Any:
    found = re.search(r'<pre id="answer"[^>]*>(.*?)</pre>', shown, re.DOTALL)
    assert found is not None
    return json.loads(unescape(found[1]))
