"""The policy changes while two processes decide by it: proposed, the wrong person, in force, and back again."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.events import ActionRefused
from tunewarden.domain.policy_events import PolicyActivated, PolicyInstalled, PolicyProposed
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

NEW = {"role": "reviewer", "action": "read-model", "kind": "model", "condition": "always", "effect": "allow"}
# Says each new answer, and when it last put a question that was answered otherwise.
_ASKS = """
import sys, time
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build
from tunewarden.usecases.ports import Principal, Resource
platform, who = build(Settings()), Principal(id=PrincipalId("prn-rea"), roles=frozenset({Role.REVIEWER}))
print("ready", flush=True)
said, last = None, time.time()
while True:
    began = time.time()
    now = platform.access(who, Action.READ_MODEL, Resource(kind="model")).allowed
    if now is not said:
        print("yes" if now else "no", last, flush=True)
        said = now
    last = began
    time.sleep(0.02)
"""


@pytest.fixture(params=["sqlite", "postgres"])
def theatre(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Theatre]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("cluster").database()
    made = in_folder(tmp_path / "home", database_url=url)
    yield made
    made.close()


@pytest.fixture
def elsewhere(theatre: Theatre) -> Iterator["subprocess.Popen[str]"]:
    """Another process that decides by the same policy."""
    environment = {**os.environ, "TUNEWARDEN_HOME": str(theatre.settings.home.absolute())}
    environment["TUNEWARDEN_DATABASE_URL"] = theatre.settings.database_url
    process = subprocess.Popen(
        [sys.executable, "-c", _ASKS], stdout=subprocess.PIPE, text=True, env=environment, cwd=theatre.settings.home
    )
    assert read(process)[0] == "ready"
    assert read(process)[0] == "no"
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def read(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def put_in_force(theatre: Theatre, version: Any, who: str = "pia", code: int = 200) -> float:
    body = {"digest": version["digest"], "report": version["report"]}
    answer = theatre.ask(who, "POST", f"/v1/policies/{version['id']}/activate", json=body)
    assert answer.status_code == code, answer.text
    return time.time()


def test_a_policy_is_proposed_put_in_force_by_a_second_person_seen_by_every_process_and_taken_back(
    theatre: Theatre, elsewhere: "subprocess.Popen[str]"
) -> None:
    (first,) = theatre.must("otto", "GET", "/v1/policies")["data"]
    rules = theatre.must("otto", "GET", f"/v1/policies/{first['id']}")["rules"]
    # 1. Proposed, with what it would change.
    version = theatre.must("ada", "POST", "/v1/policies", json={"rules": [*rules, NEW]})
    assert [(one["roles"], one["action"], one["gains"]) for one in version["what_if"]["shifts"]] == [
        (["reviewer"], "read-model", True)
    ]
    # 2. Nobody else than a privacy officer who did not propose it.
    for wrong in ("ada", "ann", "otto", "dana", "bob"):
        put_in_force(theatre, version, wrong, code=403)
    # 3. In force: here at once, there within two seconds.
    began = put_in_force(theatre, version)
    answer, at = read(elsewhere)
    assert answer == "yes"
    assert float(at) - began < 2
    # 4. And back, by two persons as well.
    back = theatre.must("ada", "POST", f"/v1/policies/{first['id']}/rollback")
    assert (back["digest"], back["restores"]) == (first["digest"], first["id"])
    put_in_force(theatre, back, "ada", code=403)
    began = put_in_force(theatre, back)
    answer, at = read(elsewhere)
    assert answer == "no"
    assert float(at) - began < 2
    # 5. The auditor finds every version in force proposed by another person, as it is.
    events = [entry.event for entry in theatre.entries()]
    assert isinstance(events[0], PolicyInstalled)
    assert sum(isinstance(event, PolicyProposed) for event in events) == 2
    assert sum(isinstance(event, PolicyActivated) for event in events) == 2
    assert sum(isinstance(event, ActionRefused) for event in events) == 6
    log = theatre.platform.log
    assert isinstance(log, SqlSealedLog)
    report = conduct(enumerate(log.bodies(0, len(events))))
    assert {check.name: check.grade for check in report.checks}["policy"] is Grade.CONSISTENT
    judged = next(check for check in report.checks if check.name == "policy")
    assert "5 entries judged" in judged.because
