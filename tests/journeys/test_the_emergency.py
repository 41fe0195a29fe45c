"""An emergency from opening to review, over HTTP, on the page and on the command line; the auditor at the end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder
from typer.testing import CliRunner

from tunewarden.domain.emergency_events import AliasRolledBack, EmergencyUsed, RequestSuspended
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import KeyCreated
from tunewarden.domain.names import PrincipalId
from tunewarden.entry.cli import app
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

EMERGENCIES = "/v1/emergencies"


@pytest.fixture
def theatre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home")
    monkeypatch.setenv("TUNEWARDEN_HOME", str(made.settings.home))
    with made.platform.work(PrincipalId("operator")) as work:
        for one in work.principals.all():
            work.record(KeyCreated(principal=one.id, roles=tuple(sorted(one.roles))))
        work.commit()
    yield made
    made.close()


def told(theatre: Theatre, kind: type) -> list[Any]:
    return [entry.event for entry in theatre.entries() if isinstance(entry.event, kind)]


def command(theatre: Theatre, who: str, *arguments: str) -> str:
    """What the operator's command prints with that person's key; raises what it raises."""
    key = theatre.settings.home / f"{who}.key"
    key.write_text(theatre.tokens[who])
    key.chmod(0o600)
    said = ("operator", "emergency", *arguments, "--key-file", str(key))
    done = CliRunner().invoke(app, said, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def found_by_the_auditor(theatre: Theatre) -> dict[str, tuple[str, ...]]:
    """Of everything but what budgets cost, which is made up here."""
    log = theatre.platform.log
    head = log.head()
    assert head is not None
    report = conduct(enumerate(log.bodies(0, head.size)))
    made_up = {"limit", "admission", "budget"}
    return {
        check.name: check.details
        for check in report.checks
        if check.grade is not Grade.CONSISTENT and check.name not in made_up
    }


def test_an_emergency_from_its_opening_to_its_review(theatre: Theatre) -> None:
    theatre.seal()
    before = found_by_the_auditor(theatre)
    props = Props(theatre=theatre)
    first, second = props.model(), props.model()
    for model in (first, second):
        props.promote(model)
    job = props.job()["id"]

    # 1. Without an emergency: nothing.
    assert theatre.ask("gail", "GET", f"/v1/models/{second}/lineage").status_code == 404
    for path in (f"/v1/models/{first}/rollback", f"/v1/fine_tuning/jobs/{job}/pause"):
        refused = theatre.ask("gail", "POST", path, json={"alias": "production"} if "models" in path else None)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "access_denied")

    # 2. Somebody breaks the glass; the page of who has to confirm it shows it.
    said = {"incident": "INC-4711", "reason": "harmful-model"}
    emergency = theatre.must("gail", "POST", EMERGENCIES, json=said)
    assert emergency["standing"] == "opened"
    page = theatre.ask("pia", "GET", "/emergencies").text
    assert "INC-4711: a model does harm" in page
    assert f"/emergencies/{emergency['id']}/confirm" in page
    assert f"/emergencies/{emergency['id']}/confirm" not in theatre.ask("gail", "GET", "/emergencies").text

    # 3. What it opens, and nothing else.
    theatre.seal()
    assert theatre.ask("gail", "GET", f"/v1/models/{second}/lineage").status_code == 200
    assert theatre.must("gail", "POST", f"/v1/fine_tuning/jobs/{job}/pause")["governance"]["suspended"]
    back = theatre.must("gail", "POST", f"/v1/models/{first}/rollback", json={"alias": "production"})
    assert back["model"] == first
    for method, path in (
        ("GET", f"/v1/models/{first}/adapter"),
        ("GET", "/v1/datasets/x"),
        ("POST", f"/v1/fine_tuning/jobs/{job}/approve"),
        ("POST", f"/v1/fine_tuning/jobs/{job}/resume"),
        ("POST", f"{EMERGENCIES}/{emergency['id']}/confirm"),
    ):
        body = {"json": {"plan": "sha256:" + "0" * 64}} if "approve" in path else {}
        assert theatre.ask("gail", method, path, **body).status_code in {403, 404}, path

    # 4. Another confirms it on the page, a third resumes, the first closes, and a fourth reviews on the command line.
    sent = {"headers": {"sec-fetch-site": "same-origin"}, "follow_redirects": False}
    assert theatre.ask("bob", "POST", f"/emergencies/{emergency['id']}/confirm", **sent).status_code == 303
    theatre.must("pia", "POST", f"/v1/fine_tuning/jobs/{job}/resume")
    assert "ended" in command(theatre, "gail", "close", emergency["id"])
    again = theatre.ask("gail", "POST", EMERGENCIES, json=said)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "emergency_not_reviewed")
    assert "reviewed" in command(theatre, "pia", "review", emergency["id"], "--finding", "justified")
    (line,) = command(theatre, "otto", "list", "--json").splitlines()
    assert json.loads(line) | {"standing": "reviewed", "finding": "justified"} == json.loads(line)

    # 5. The log names it everywhere, the report says so, and the auditor has nothing to say.
    for kind in (EmergencyUsed, RequestSuspended, AliasRolledBack):
        (event,) = told(theatre, kind)
        assert event.emergency == emergency["id"]
    theatre.seal()
    report = theatre.ask("otto", "GET", f"/v1/models/{second}/report").text
    assert "An emergency was opened at" in report
    assert "a review found that it was justified" in report
    assert "Put the alias production back from this model version" in report
    assert 'class="emergency"' in report
    assert found_by_the_auditor(theatre) == before


def test_the_command_line_opens_one_and_does_what_it_is_for(theatre: Theatre) -> None:
    theatre.seal()
    before = found_by_the_auditor(theatre)
    props = Props(theatre=theatre)
    first = props.model()
    props.promote(first)
    props.promote(props.model())
    opened = command(theatre, "gail", "open", "SEC-12", "--reason", "drill")
    assert "confirm" in opened
    job = props.job()["id"]
    assert "suspended" in command(theatre, "gail", "suspend", job)
    with pytest.raises(Refused, match="The gate 'promotion' says"):  # the shipped one, of which nothing was measured
        command(theatre, "gail", "rollback", "production", first)
    theatre.seal()
    assert found_by_the_auditor(theatre) == before


def openai_client(theatre: Theatre, who: str, *, strict: bool = True) -> OpenAI:
    """The client that requesters have, on the app itself; strict, it takes no word that its types lack."""
    return OpenAI(
        base_url="http://testserver/v1",
        api_key=theatre.tokens[who],
        http_client=theatre.client,
        max_retries=0,
        _strict_response_validation=strict,
    )


def test_a_training_that_is_suspended_is_not_taken_by_the_worker(theatre: Theatre) -> None:
    props = Props(theatre=theatre)
    job = props.job()
    path = f"/v1/fine_tuning/jobs/{job['id']}"
    theatre.must("bob", "POST", f"{path}/approve", json={"plan": job["governance"]["plan"]})
    assert openai_client(theatre, "pia", strict=False).fine_tuning.jobs.pause(job["id"]).status == "paused"
    theatre.work()
    waits = theatre.must("ann", "GET", path)["governance"]
    assert (waits["state"], waits["suspended"]) == ("approved", True)
    assert openai_client(theatre, "bob").fine_tuning.jobs.resume(job["id"]).status == "queued"
    theatre.work()
    assert theatre.must("ann", "GET", path)["status"] == "succeeded"
