"""The main path through a really started platform: HTTP, SQLite, Presidio, Ray, Opacus, Captum; then the auditor.

Little evidence is made on it (`serving.py`), and its figures are noisy. The demo has the rest: as much evidence as
users get, exact figures, and the shipped gates.
"""

import json
import shutil
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
from openai import HttpxBinaryResponseContent
from tests.conftest import POLICIES
from tests.journeys.conftest import LENIENT, Played, audit, declared_metrics, lineage_of, measured_in
from tests.journeys.serving import WORKER
from typer.testing import CliRunner

from tunewarden.entry.cli import app
from tunewarden.entry.cli.stage import call

_PATIENCE_SECONDS = 480


def wait(played: Played, job: str, until: str = "") -> Any:
    """The job at its end, or as soon as it has charged an update."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        now = played.job(job)
        if now.status not in {"validating_files", "queued", "running"}:
            return now
        if until and now.governance["privacy"]["updates_charged"]:
            return now
        time.sleep(0.2)
    raise TimeoutError(f"the job is still {now.governance['state']}")


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished job, and how many of its updates were charged when its worker was killed."""

    job: Any
    charged_before: int

    @property
    def fine_tuned_model(self) -> str:
        return str(self.job.governance["model"])


@pytest.fixture(scope="session")
def trained(played: Played) -> Trained:
    """One job for this file: everything below holds although its worker died while it trained.

    That nothing more is charged than was planned where nobody dies is a test of the demo.
    """
    job = played.ask(played.register(), epochs=2)
    running = wait(played, job.id, until="charged")
    worker_process(played).kill()
    done = wait(played, job.id)
    assert done.status == "succeeded", done.error
    return Trained(done, running.governance["privacy"]["updates_charged"])


def promote(played: Played, model: str) -> dict[str, Any]:
    promotion = call(played.stage.clients["requester"], "POST", f"/models/{model}/promotions", {"alias": "production"})
    return call(
        played.stage.clients["approver"],
        "POST",
        f"/promotions/{promotion['id']}/approve",
        {"verdict": promotion["verdict"], "unassessed": promotion["unassessed"]},
    )


def test_a_governed_fine_tune_ends_in_a_promoted_model_that_the_auditor_verifies(
    played: Played, trained: Trained
) -> None:
    assert promote(played, trained.fine_tuned_model)["state"] == "approved"
    bundle = played.bundle(trained.fine_tuned_model)
    verified = audit(bundle, played.stage.vkey)
    assert verified.returncode == 0, verified.stdout
    lineage = lineage_of(bundle)
    assert lineage["model"] == trained.fine_tuned_model
    assert [step["step"] for step in lineage["steps"] if "output" in step] == ["deidentify", "train", "measure"]
    assert lineage["privacy"]["unit"] == "person"
    assert lineage["privacy"]["updates_charged"] >= lineage["privacy"]["mechanism"]["updates"]


def test_on_the_command_line_the_auditor_fetches_the_same_bundle_and_verifies_it(
    played: Played, trained: Trained, tmp_path: Path
) -> None:
    bundle, model = tmp_path / "bundle.zip", trained.fine_tuned_model
    done, said = typed(played, "auditor", "lineage", model, "--out", bundle)
    assert (done, said) == (
        0,
        {"object": "lineage.bundle", "model": model, "file": str(bundle), "bytes": said["bytes"]},
    )
    assert bundle.stat().st_size == said["bytes"]
    assert lineage_of(bundle)["model"] == model
    verify = ("audit", "verify", bundle, "--key", played.stage.vkey)
    for conduct in ((), ("--conduct",)):
        done, said = typed(played, "nobody", *verify, *conduct)
        assert (done, said["ok"]) == (0, True), said["lines"]
    assert typed(played, "auditor", "lineage", model, "--out", bundle)[0] == 4, "never over another file"
    data = bytearray(bundle.read_bytes())
    data[data.index(b'"type":"BudgetCharged"') + 9] ^= 1
    bundle.write_bytes(data)
    done, said = typed(played, "nobody", *verify)
    assert (done, said["ok"]) == (6, False)
    assert any("FAILED" in line for line in said["lines"])


def typed(played: Played, who: str, *words: object) -> tuple[int, Any]:
    """What a command ends with and says to a program, typed by somebody of the stage, or by nobody who is known."""
    client = played.stage.clients.get(who)
    key = "" if client is None else client.api_key
    environment = {"TUNEWARDEN_API_URL": played.stage.address if key else "", "TUNEWARDEN_API_KEY": key}
    done = CliRunner().invoke(app, [*map(str, words), "--json"], env=environment)
    return done.exit_code, json.loads(done.stdout or done.stderr)


def test_the_report_is_the_page_of_the_bundle_and_runs_no_script(played: Played, trained: Trained) -> None:
    auditor = played.stage.clients["auditor"]
    page = auditor.get(f"/models/{trained.fine_tuned_model}/report", cast_to=HttpxBinaryResponseContent)
    assert page.response.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    with zipfile.ZipFile(played.bundle(trained.fine_tuned_model)) as bundle:
        assert page.content == bundle.read("report.html")
    assert b"<script" not in page.content


def test_the_same_state_of_the_log_gives_the_same_bundle(played: Played, trained: Trained) -> None:
    first = played.bundle(trained.fine_tuned_model).read_bytes()
    assert played.bundle(trained.fine_tuned_model).read_bytes() == first


def test_every_metric_that_was_measured_is_declared(played: Played, trained: Trained) -> None:
    measured = measured_in(played.bundle(trained.fine_tuned_model))
    assert len(measured) > 20
    assert measured <= declared_metrics()


def test_one_byte_changed_in_a_bundle_is_found_and_named(played: Played, trained: Trained) -> None:
    bundle = played.bundle(trained.fine_tuned_model)
    data = bytearray(bundle.read_bytes())
    position = data.index(b'"type":"BudgetCharged"')
    data[position + 9] ^= 1
    tampered = bundle.with_suffix(".tampered")
    tampered.write_bytes(data)
    verified = audit(tampered, played.stage.vkey)
    assert verified.returncode not in {0, 1, 2}
    assert "FAILED" in verified.stdout


def test_every_refusal_on_the_way_is_in_the_lineage(played: Played, trained: Trained) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        played.stage.clients["auditor"].post(
            f"/models/{trained.fine_tuned_model}/promotions", cast_to=object, body={"alias": "production"}
        )
    lineage = lineage_of(played.bundle(trained.fine_tuned_model))
    assert "access_denied" in [refusal["code"] for refusal in lineage["refusals"]]


def test_a_model_that_does_not_pass_the_shipped_gate_is_not_promoted(played: Played, trained: Trained) -> None:
    gate = played.policies / "gates" / "promotion.toml"
    shutil.copy(POLICIES / "gates" / "promotion.toml", gate)
    try:
        with pytest.raises(openai.PermissionDeniedError) as refused:
            promote(played, trained.fine_tuned_model)
    finally:
        gate.write_text(LENIENT)
    assert refused.value.code == "gate_not_passed"
    gates = lineage_of(played.bundle(trained.fine_tuned_model))["gates"]
    assert gates[-1]["outcome"] != "pass"


def test_what_people_typed_is_nowhere_in_the_log_the_bundle_or_the_diagnostics(
    played: Played, trained: Trained
) -> None:
    bundle = played.bundle(trained.fine_tuned_model).read_bytes()
    logs = (played.stage.home / "serve.log").read_bytes()
    identifiers = {
        note.text[span.start : span.end].encode()
        for note in played.notes
        for span in note.spans
        if span.end - span.start >= 8  # shorter ones may occur by chance
    }
    assert len(identifiers) > 300
    typed = {b"CANARY", *(note.person.encode() for note in played.notes), *identifiers}
    assert [secret for secret in typed if secret in bundle or secret in logs] == []


def test_a_killed_worker_is_started_again_and_the_ledger_shows_every_update(played: Played, trained: Trained) -> None:
    events = played.events(trained.job.id)
    attempts = [event.data["attempt"] for event in events if event.message == "StepStarted"]
    assert len(attempts) >= 4  # de-identify, train, train again, measure
    charges = [event.data for event in events if event.message == "BudgetCharged"]
    charged = [charge["charged"] for charge in charges if charge.get("what") != "metrics"]
    updates = trained.job.governance["privacy"]["updates"]
    assert charged == sorted(charged)
    assert 0 < trained.charged_before < charged[-1]
    assert charged[-1] >= updates
    finished = [event.data for event in events if event.message == "StepFinished" and event.data["step"] == "train"]
    executed = [facts["counts"]["updates"] for facts in finished]
    assert executed == [charged[-1]]
    assert lineage_of(played.bundle(trained.fine_tuned_model))["privacy"]["updates_charged"] == charged[-1]


def worker_process(played: Played) -> psutil.Process:
    """The worker of this platform: a process of its `serve`, found by its command and its home."""
    home, asked = str(played.stage.home), ["cmdline", "environ"]
    (found,) = (
        process
        for process in psutil.process_iter(asked)
        if (process.info["cmdline"] or [])[1:] == WORKER[1:]
        and (process.info["environ"] or {}).get("TUNEWARDEN_HOME") == home
    )
    return found
