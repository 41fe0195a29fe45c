"""Where the platform says that what a gate asked is broken, all is shown, and the command ends with 6."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.entry.client.conftest import Desk
from tests.entry.client.test_hostile_cli import Hostile

BROKEN, WHOLE = "ftjob-" + "1" * 32, "ftjob-" + "2" * 32


@pytest.fixture
def platform() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.server.shutdown()
    made.server.server_close()


def job(identifier: str, fault: str | None) -> dict[str, Any]:
    gates = [{"object": "gate.verdict", "digest": "sha256:" + "a" * 64, "outcome": "pass", "fault": fault}]
    return {"id": identifier, "object": "fine_tuning.job", "status": "running", "gates": gates}


def test_a_broken_gate_ends_with_6_after_everything_was_shown(desk: Desk, platform: Hostile) -> None:
    broken, whole = job(BROKEN, "blob_corrupted"), job(WHOLE, None)
    platform.answers = {BROKEN: broken, WHOLE: whole, "jobs": {"object": "list", "data": [broken, whole]}}
    listed = desk.run("ann", "jobs", "list", "--json", **platform.environment)
    assert listed.exit_code == 6
    assert [json.loads(line) for line in listed.stdout.splitlines()] == [broken, whole]
    assert json.loads(listed.stderr)["error"]["code"] == "gate_broken"
    table = desk.run("ann", "jobs", "list", **platform.environment)
    assert (table.exit_code, BROKEN in table.stdout, WHOLE in table.stdout) == (6, True, True)
    shown = desk.run("ann", "jobs", "show", BROKEN, **platform.environment)
    assert (shown.exit_code, BROKEN in shown.stdout) == (6, True)
    assert desk.run("ann", "jobs", "show", WHOLE, **platform.environment).exit_code == 0


def promotion(identifier: str, fault: str | None) -> dict[str, Any]:
    gate = {"name": "promotion", "digest": "sha256:" + "a" * 64, "outcome": "fail"}
    return {"id": identifier, "object": "promotion", "state": "refused", "gate": gate, "fault": fault}


def test_a_broken_promotion_ends_with_6_after_all_were_shown(desk: Desk, platform: Hostile) -> None:
    broken, whole = promotion("prom-" + "1" * 32, "blob_corrupted"), promotion("prom-" + "2" * 32, None)
    lost = {**promotion("prom-" + "3" * 32, "blob_not_found"), "gate": None}
    platform.answers = {"promotions": {"object": "list", "data": [broken, lost, whole]}}
    listed = desk.run("ann", "promotions", "list", "--json", **platform.environment)
    assert listed.exit_code == 6
    assert [json.loads(line) for line in listed.stdout.splitlines()] == [broken, lost, whole]
    table = desk.run("ann", "promotions", "list", **platform.environment)
    assert (table.exit_code, lost["id"] in table.stdout, whole["id"] in table.stdout) == (6, True, True)
    assert json.loads(listed.stderr)["error"]["code"] == "promotion_broken"
    platform.answers = {"promotions": {"object": "list", "data": [whole]}}
    assert desk.run("ann", "promotions", "list", **platform.environment).exit_code == 0
