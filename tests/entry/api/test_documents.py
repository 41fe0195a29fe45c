"""/docs in a real browser: it shows the interface, fetches from this process alone, and runs nothing else."""

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from tests.entry.conftest import Served
from tests.entry.report.browser import _QUIET, CHROMIUM, DARK

NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def test_the_page_allows_its_own_script_alone(served: Served) -> None:
    answer = httpx.get(f"{served.address}/docs")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["script-src"].startswith("'self' 'sha256-")
    assert "unsafe" not in policy["script-src"]
    assert "http" not in answer.text.replace("https://json-schema", "")


@pytest.mark.skipif(CHROMIUM is None, reason="no program `chromium` on the PATH")
def test_it_is_whole_without_any_other_host_and_dark_for_who_wants_it_so(served: Served, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    command = [str(CHROMIUM), *_QUIET, DARK, f"--user-data-dir={tmp_path / 'profile'}", NOWHERE, f"--log-net-log={log}"]
    command += ["--virtual-time-budget=20000", "--dump-dom", f"{served.address}/docs"]
    shown = subprocess.run(command, capture_output=True, timeout=240, check=True, text=True).stdout
    for said in ("Ask for a fine-tune", "Add records", "The newest signed tree head", "/v1/organization/audit_logs"):
        assert said in shown
    assert '<html class="dark-mode">' in shown
    asked = {
        event["params"]["url"]
        for event in json.loads(log.read_text())["events"]
        # What the browser asks for itself, its maker's updates among it, has no page as its origin.
        if isinstance(event.get("params"), dict) and event["params"].get("initiator") == served.address
    }
    hosts = {urlsplit(one).netloc for one in asked}
    assert f"{served.address}/openapi.json" in asked
    assert hosts == {urlsplit(served.address).netloc}
