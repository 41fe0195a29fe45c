"""A model version that a gate stopped, from its overriding to its retirement: by HTTP, on pages, by the command."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder
from typer.testing import CliRunner

from tunewarden.entry.cli import app


@pytest.fixture
def theatre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home")
    monkeypatch.setenv("TUNEWARDEN_HOME", str(made.settings.home))
    yield made
    made.close()


def history(theatre: Theatre, *arguments: str) -> list[dict[str, object]]:
    """What the command prints with otto's key."""
    key = theatre.settings.home / "otto.key"
    key.write_text(theatre.tokens["otto"])
    key.chmod(0o600)
    done = CliRunner().invoke(app, ("model", "history", *arguments, "--key-file", str(key)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_what_two_let_pass_serves_until_two_take_it_off_and_the_log_says_when(theatre: Theatre) -> None:
    props = Props(theatre=theatre)
    stopped, other = props.stopped(), props.model()
    path = f"/v1/promotions/{stopped['id']}"
    said = {"verdict": stopped["verdict"], "reason": "watched-in-use"}
    found = theatre.must("pia", "GET", path)
    assert (found["state"], found["overridable"]) == ("refused", True)
    model = found["model"]
    assert theatre.must("pia", "POST", f"{path}/override", json=said)["state"] == "refused"
    assert theatre.ask("ann", "POST", f"{path}/override", json=said).status_code == 403
    waits = theatre.must("bob", "POST", f"{path}/override", json=said)
    assert (waits["state"], [one["role"] for one in waits["overrides"]]) == (
        "awaiting-approval",
        ["privacy-officer", "approver"],
    )
    theatre.must("bob", "POST", f"{path}/approve", json={"verdict": stopped["verdict"]})
    alias = "/v1/aliases/production"
    serving = theatre.must("otto", "GET", alias)
    assert (serving["model"], serving["until"]) == (model, None)

    theatre.seal()
    page = theatre.ask("otto", "GET", f"/v1/models/{model}/report").text
    assert ">OVERRIDDEN</span>" in page
    apart = theatre.ask("otto", "GET", f"/models/{model}/compare/{other}")
    assert (apart.status_code, "Right less left (95" in apart.text) == (200, True)

    off = f"/v1/models/{model}/aliases/production/clear"
    body = {"reason": "replaced"}
    assert theatre.must("bob", "POST", off, json=body)["model"] == model
    assert theatre.must("pia", "POST", off, json=body)["model"] is None
    assert theatre.ask("otto", "GET", alias).status_code == 404
    assert theatre.must("otto", "GET", alias, params={"at": serving["since"]["at"]})["model"] == model
    assert theatre.must("pia", "POST", f"/v1/models/{model}/retire", json=body)["governance"]["retired"] == "replaced"

    (stretch,) = history(theatre, "production")
    assert (stretch["model"], stretch["until"] is None) == (model, False)
    assert history(theatre, "production", "--at", serving["since"]["at"]) == [stretch]
    assert datetime.fromisoformat(serving["since"]["at"]) <= datetime.now(UTC)
