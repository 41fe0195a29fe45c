"""`tunewarden operator ... --json`: what scripts are told on the platform's machine, beside the log's word."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from tests.conftest import POLICIES
from tests.entry.client.conftest import Desk

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.emergency_events import AliasRolledBack, EmergencyOpened, RequestSuspended
from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.identity_events import KeyWithdrawn
from tunewarden.domain.policy_events import PolicyActivated, RoleGranted, RoleRevoked
from tunewarden.domain.project_events import ProjectArchived, ProjectCreated, ProjectRenamed
from tunewarden.drivers.identity import token_hash
from tunewarden.drivers.sessions import SqlKeyUses
from tunewarden.drivers.sql_engine import connect
from tunewarden.usecases.policies import engine

MEASURED = """
name = "promotion"

[[rules]]
metric = "utility.accuracy"
bound = "at-least"
limit = "0.5"
because = "It is all that is measured here."
remedy = "Measure more."
"""


def said(desk: Desk, who: str, *words: object, **environment: str) -> list[Any]:
    """The JSON lines of an operator's command, typed with the key of one of the cast in a file; of keys, with none."""
    key = desk.folder / f"{who}.key"
    key.write_text(desk.theatre.tokens.get(who, ""))
    key.chmod(0o600)
    whose = () if words[0] == "keys" else ("--key-file", key)
    home = {"TUNEWARDEN_HOME": str(desk.theatre.settings.home), "TUNEWARDEN_API_URL": "", "TUNEWARDEN_API_KEY": ""}
    done = desk.run(who, "operator", *words, *whose, "--json", **home, **environment)
    assert done.exit_code == 0, f"{done.output} {done.exception!r}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def event_of(desk: Desk, told: Mapping[str, Any]) -> Any:
    """What stands in the entry that the receipt names."""
    return desk.theatre.entries()[told["receipt"]["index"]].event


def without_receipt(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "receipt"}


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The shipped policy and one line more."""
    folder = Path(copytree(POLICIES / "access", tmp_path / "access"))
    with (folder / "policy.csv").open("a") as file:
        file.write("reviewer,read-model,model,always,allow\n")
    return folder


def test_an_emergency_of_the_operator(desk: Desk) -> None:
    first = desk.props.model()
    for model in (first, desk.props.model()):
        desk.props.promote(model, "candidate")
    job = desk.props.job()["id"]
    (opened,) = said(desk, "gail", "emergency", "open", "SEC-12", "--reason", "drill")
    event = event_of(desk, opened)
    assert isinstance(event, EmergencyOpened)
    at = instant_text(desk.theatre.entries()[opened["receipt"]["index"]].at)
    assert opened["opened_at"] <= at < opened["ends_at"]
    about = {"id": event.emergency, "incident": "SEC-12", "reason": "drill", "opened_by": "prn-gail"}
    about["opened_at"] = opened["opened_at"]
    standing = {"standing": "opened", "confirmed_by": None, "reviewed_by": None, "finding": None}
    assert without_receipt(opened) == {**about, **standing, "ends_at": opened["ends_at"]}
    (held,) = said(desk, "gail", "emergency", "suspend", job)
    assert without_receipt(held) == {"id": job}
    assert isinstance(event_of(desk, held), RequestSuspended)
    policies = copytree(POLICIES, desk.folder / "policies")
    (policies / "gates" / "promotion.toml").write_text(MEASURED)
    (back,) = said(desk, "gail", "emergency", "rollback", "candidate", first, TUNEWARDEN_POLICIES=str(policies))
    assert without_receipt(back) == {"alias": "candidate", "model": first}
    assert any(isinstance(entry.event, AliasRolledBack) for entry in desk.theatre.entries()[-2:])
    (confirmed,) = said(desk, "bob", "emergency", "confirm", event.emergency)
    assert (confirmed["standing"], confirmed["confirmed_by"]) == ("confirmed", "prn-bob")
    (closed,) = said(desk, "gail", "emergency", "close", event.emergency)
    assert closed["standing"] == "ended"
    (reviewed,) = said(desk, "pia", "emergency", "review", event.emergency, "--finding", "justified")
    assert (reviewed["standing"], reviewed["reviewed_by"], reviewed["finding"]) == ("reviewed", "prn-pia", "justified")
    assert said(desk, "otto", "emergency", "list") == [without_receipt(reviewed)]


def test_a_project_of_the_operator(desk: Desk) -> None:
    (made,) = said(desk, "ada", "projects", "create", "North")
    assert event_of(desk, made) == ProjectCreated(project=made["id"])
    (renamed,) = said(desk, "ada", "projects", "rename", made["id"], "South")
    assert (without_receipt(renamed), type(event_of(desk, renamed))) == ({"id": made["id"]}, ProjectRenamed)
    (archived,) = said(desk, "ada", "projects", "archive", made["id"])
    assert (without_receipt(archived), type(event_of(desk, archived))) == ({"id": made["id"]}, ProjectArchived)
    (listed,) = [one for one in said(desk, "otto", "projects", "list") if one["project"]["id"] == made["id"]]
    assert listed["state"] == "archived"
    assert (listed["project"]["name"], listed["project"]["created_by"]) == ("South", "prn-ada")


def test_keys_of_the_operator(desk: Desk) -> None:
    (made,) = said(desk, "operator", "keys", "create", "--role", "requester", "--name", "Nora", "--days", 7)
    assert made.keys() == {"principal", "key"}
    (row,) = [one for one in said(desk, "operator", "keys", "list") if one["principal"] == made["principal"]]
    created = [entry.event for entry in desk.theatre.entries() if isinstance(entry.event, KeyCreated)][-1]
    assert (created.principal, created.key) == (made["principal"], row["key"])
    assert row.pop("last_used") is None
    assert row.pop("created") < row.pop("expires")
    whose = {"principal": made["principal"], "name": "Nora", "roles": ["requester"], "is": "person"}
    bounds = {"kind": "project", "scope": None, "request": None, "project": None}
    assert row == {"key": created.key, **whose, **bounds, "works": True}
    (rotated,) = said(desk, "operator", "keys", "rotate", row["key"])
    assert rotated["principal"] == made["principal"]
    assert desk.run("new", "jobs", "list", TUNEWARDEN_API_KEY=made["key"]).exit_code == 8
    assert desk.run("new", "jobs", "list", TUNEWARDEN_API_KEY=rotated["key"]).exit_code == 0
    database = connect(desk.theatre.settings.database)
    SqlKeyUses(database).use(token_hash(rotated["key"]), datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    database.dispose()
    *_, row = said(desk, "operator", "keys", "list")
    assert (row["works"], row["last_used"]) == (True, "2026-01-02T03:04:00+00:00")
    (gone,) = said(desk, "operator", "keys", "revoke", row["key"])
    assert (without_receipt(gone), type(event_of(desk, gone))) == ({"revoked": row["key"]}, KeyWithdrawn)
    (gone,) = said(desk, "operator", "keys", "revoke", made["principal"])
    assert (without_receipt(gone), type(event_of(desk, gone))) == ({"revoked": made["principal"]}, KeyRevoked)


def stored_version(desk: Desk) -> str:
    """The operator is another process: this one is to look now, and not within a second."""
    behind = engine(desk.theatre.platform)
    behind.refresh()
    return behind.version()


def test_a_policy_of_the_operator(desk: Desk, changed: Path) -> None:
    (tried,) = said(desk, "pia", "policy", "simulate", "--folder", changed)
    (report,) = said(desk, "ada", "policy", "propose", "--folder", changed)
    assert tried["shifts"] == report["shifts"]
    assert [(one["roles"], one["action"], one["gains"]) for one in report["shifts"]] == [
        (["reviewer"], "read-model", True)
    ]
    first, proposed = said(desk, "otto", "policy", "history")
    assert (first["state"], proposed["state"], proposed["digest"]) == ("active", "proposed", report["digest"])
    read = ("--digest", proposed["digest"], "--report", proposed["report"])
    (done,) = said(desk, "pia", "policy", "activate", proposed["id"], *read)
    version = stored_version(desk)
    assert without_receipt(done) == {"done": "in force", "version": version}
    event = event_of(desk, done)
    assert isinstance(event, PolicyActivated)
    assert event.policy == proposed["id"]
    (back,) = said(desk, "ada", "policy", "rollback", first["id"])
    assert [(one["action"], one["gains"]) for one in back["shifts"]] == [("read-model", False)]
    assert [one["state"] for one in said(desk, "otto", "policy", "history")] == ["superseded", "active", "proposed"]


@pytest.mark.parametrize("is_group", [False, True])
def test_a_role_is_granted_and_taken_back_by_the_operator(desk: Desk, is_group: bool) -> None:
    made = desk.theatre.must("ada", "POST", "/v1/organization/groups", json={"name": f"nurses {is_group}"})
    member = made["id"] if is_group else "prn-dana"
    (granted,) = said(desk, "ada", "policy", "grant", member, "reviewer")
    assert granted["done"] == "granted"
    assert granted["version"] == stored_version(desk)
    (back,) = said(desk, "ada", "policy", "revoke", member, "reviewer")
    assert back["done"] == "taken back"
    assert back["version"] == stored_version(desk) != granted["version"]
    events = [event_of(desk, one) for one in (granted, back)]
    if not is_group:
        assert [type(one) for one in events] == [RoleGranted, RoleRevoked]
    *_, one = said(desk, "pia", "policy", "grants")
    assert (one["member"], one["role"], one["granted_by"], one["revoked_by"]) == (
        *(member, "reviewer"),
        *("prn-ada", "prn-ada"),
    )
