"""`tunewarden policy ...` through the API: proposed by one person, read and put in force by another; roles granted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from tests.conftest import POLICIES
from tests.entry.client.conftest import Desk
from tests.entry.client.test_hostile_cli import FORGED, Hostile, run

from tunewarden.domain.access import PolicySet
from tunewarden.domain.canonical import digest_of
from tunewarden.domain.group_events import GroupRoleGranted, GroupRoleRevoked
from tunewarden.domain.names import ProjectId
from tunewarden.domain.policy_events import PolicyActivated, RoleGranted, RoleRevoked
from tunewarden.usecases.policies import engine, in_force


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The shipped policy and one line more."""
    folder = Path(copytree(POLICIES / "access", tmp_path / "access"))
    with (folder / "policy.csv").open("a") as file:
        file.write("reviewer,read-model,model,always,allow\n")
    return folder


def said(desk: Desk) -> PolicySet:
    return in_force(desk.theatre.platform)[1]


def test_a_policy_goes_its_way_through_the_api(desk: Desk, changed: Path) -> None:
    told = desk.run("ada", "policy", "propose", "--folder", changed)
    assert told.exit_code == 0, told.output
    (line,) = re.findall(r"^tunewarden policy activate (\S+) (--digest) (\S+) (--report) (\S+)$", told.stdout, re.M)
    assert desk.refused("ada", "policy", "activate", *line, "--yes", code=1)["who_can"] == "privacy-officer"
    for place in (2, 4):
        other = [*line[:place], "sha256:" + "0" * 64, *line[place + 1 :]]
        assert desk.refused("pia", "policy", "activate", *other, "--yes", code=4)["code"] == "policy_changed"
    assert desk.refused("pia", "policy", "activate", *line, code=2)["code"] == "confirmation_needed"
    assert desk.json("pia", "policy", "show", line[0])["state"] == "proposed"
    shown = desk.run("otto", "policy", "show", line[0]).stdout
    assert "reviewer gains read-model, for example: of a model, own" in shown
    assert re.search(r"since .*: 0 of \d+ refusals would be allowed, 0 of \d+ deeds refused", shown)
    done = desk.run("pia", "policy", "activate", line[0], "--yes")
    assert "reviewer gains read-model" in done.stderr, "what is put in force is shown before it is"
    index, version = re.findall(r"^in force: entry (\d+) of the log, version (\S+)$", done.stdout, re.M)[0]
    event = desk.theatre.entries()[int(index)].event
    assert isinstance(event, PolicyActivated)
    assert (event.policy, event.digest) == (line[0], line[2])
    assert version == engine(desk.theatre.platform).version()
    assert [rule for rule in said(desk).rules if (rule.role, rule.action) == ("reviewer", "read-model")]
    first, *_, latest = desk.lines("otto", "policy", "history")
    assert (first["state"], latest["state"], latest["proposed_by"]) == ("superseded", "active", "prn-ada")
    assert latest["activated_at"] in desk.run("otto", "policy", "history").stdout
    tried = desk.json("pia", "policy", "simulate", "--folder", changed)
    assert (tried["base"], tried["shifts"]) == (latest["id"], []), "what is meant is in force"
    back = desk.json("ada", "policy", "rollback", first["id"])
    assert (back["base"], back["state"]) == (latest["id"], "proposed")
    assert [(one["action"], one["gains"]) for one in back["what_if"]["shifts"]] == [("read-model", False)]


def test_what_is_only_tried_and_what_comes_back_are_told_as_what_is_proposed(
    desk: Desk, hostile: Hostile, changed: Path
) -> None:
    shift = {"roles": ["reviewer"], "action": "read-model", "gains": True, "kind": "model", "situation": ["own"]}
    made = proposed(shifts=[{**shift, "project": "*", "thing": ""}])
    link = {"member": "prn-nora", "role": "reviewer", "project": "*"}
    hostile.answers = {
        "/v1/policies": {"data": [{"id": "pol-9", "state": "superseded"}, {"id": "pol-0", "state": "active"}]},
        "/pol-0": {"links": [link], "groups": ["nurses"]},
        "/simulate": made["what_if"],
        "/rollback": {**made, "base": "pol-0", "receipt": {"index": 7}},
    }
    tried = run(desk, hostile, "policy", "simulate", "--folder", changed)
    back = run(desk, hostile, "policy", "rollback", "pol-9")
    for told in (tried, back):
        assert told.exit_code == 0, told.output
        assert "reviewer gains read-model, for example: of a model, own" in told.stdout
        assert "since 2026-01-01T00:00:00Z: 0 of 1 refusals would be allowed, 0 of 1 deeds refused" in told.stdout
    assert f"tunewarden policy activate pol-1 --digest {made['digest']} --report {made['report']}" in back.stdout
    assert "activate" not in tried.stdout
    (path, body), (other, nothing) = hostile.sent
    assert (path, other, nothing) == ("/v1/policies/simulate", "/v1/policies/pol-9/rollback", {})
    assert (body["links"], body["groups"]) == ([link], ["nurses"]), "of the version in force"
    assert {"role": "reviewer", "action": "read-model", "kind": "model"}.items() <= body["rules"][-1].items()


def test_roles_are_granted_and_taken_back_through_the_api(desk: Desk) -> None:
    granted = desk.json("ada", "policy", "grant", "prn-dana", "reviewer")
    event = desk.theatre.entries()[granted["receipt"]["index"]].event
    assert isinstance(event, RoleGranted)
    assert (event.principal, event.role, event.project) == ("prn-dana", "reviewer", "*")
    assert granted["policy_version"]
    back = desk.run("ada", "policy", "revoke", "prn-dana", "reviewer")
    index, version = re.findall(r"^taken back: entry (\d+) of the log, version (\S+)$", back.stdout, re.M)[0]
    assert isinstance(desk.theatre.entries()[int(index)].event, RoleRevoked)
    assert version != granted["policy_version"]
    (one,) = desk.lines("pia", "policy", "grants")
    assert (one["principal"], one["revoked_by"]) == ("prn-dana", "prn-ada")
    row = desk.run("pia", "policy", "grants").stdout.splitlines()[1].split()
    assert row == ["prn-dana", "reviewer", "*", "prn-ada", one["granted_at"], "prn-ada", one["revoked_at"]]
    assert desk.refused("ann", "policy", "grant", "prn-dana", "reviewer", code=1)["status"] == 403


@pytest.mark.parametrize("is_everywhere", [True, False])
def test_a_group_is_granted_a_role_everywhere_or_in_one_project(desk: Desk, is_everywhere: bool) -> None:
    must = desk.theatre.must
    group = must("ada", "POST", "/v1/organization/groups", json={"name": "nurses"})["id"]
    project = must("ada", "POST", "/v1/organization/projects", json={"name": "North"})["id"]
    where = () if is_everywhere else ("--project", project)
    place = ProjectId("*" if is_everywhere else project)
    assert desk.run("ada", "policy", "grant", group, "reviewer", *where).exit_code == 0
    assert desk.run("ada", "policy", "revoke", group, "reviewer", *where).exit_code == 0
    one, other = (entry.event for entry in desk.theatre.entries()[-2:])
    assert isinstance(one, GroupRoleGranted)
    assert isinstance(other, GroupRoleRevoked)
    assert {(event.group, event.role, event.project) for event in (one, other)} == {(group, "reviewer", place)}
    again = desk.refused("ada", "policy", "revoke", group, "reviewer", *where, code=3)
    assert again["status"] == 404


def test_a_file_with_a_fault_is_told_with_its_line_before_anybody_is_asked(
    desk: Desk, hostile: Hostile, changed: Path
) -> None:
    with (changed / "policy.csv").open("a") as file:
        file.write("anyone,read-model,model,always,allow\n")
    for command in ("simulate", "propose"):
        told = run(desk, hostile, "policy", command, "--folder", changed)
        assert (told.exit_code, told.stdout, hostile.asked) == (2, "", 0)
        assert re.search(r"line \d+", told.stderr)


def proposed(**changes: Any) -> dict[str, Any]:
    """What a platform may answer about a version: the report is the one that its digest stands for."""
    replay = {"since": "2026-01-01T00:00:00Z", "refusals": 1, "deeds": 1, "allowed": 0, "refused": 0, "examples": []}
    what_if: dict[str, Any] = {"digest": "sha256:" + "a" * 64, "base": "pol-0", "rules": 1, "decisions": 1}
    what_if |= {"shifts": [], "links_added": [], "links_removed": [], "remarks": [], "replay": replay, **changes}
    report = digest_of(what_if)
    return {"id": "pol-1", "state": "proposed", "digest": what_if["digest"], "report": report, "what_if": what_if}


def test_nothing_is_put_in_force_by_a_report_that_is_not_the_one_of_its_digest(desk: Desk, hostile: Hostile) -> None:
    good, other = proposed(), proposed(rules=2)
    for answer in ({**good, "what_if": other["what_if"]}, {**good, "digest": "sha256:" + "b" * 64}):
        hostile.answers, hostile.asked = {"/pol-1": answer, "/activate": {}}, 0
        told = run(desk, hostile, "policy", "activate", "pol-1", "--yes", "--json")
        assert (told.exit_code, json.loads(told.stderr)["error"]["code"]) == (6, "report_differs")
        assert hostile.asked == 1, "nothing was sent"
    hostile.answers, hostile.asked = {"/pol-1": good, "/activate": {}}, 0
    assert run(desk, hostile, "policy", "activate", "pol-1", "--yes").exit_code == 0
    assert hostile.asked == 2


def test_a_first_version_that_nobody_proposed_is_not_put_in_force(desk: Desk) -> None:
    first = desk.lines("otto", "policy", "history")[0]["id"]
    assert desk.refused("pia", "policy", "activate", first, "--yes", code=4)["code"] == "policy_not_proposed"
    assert desk.run("otto", "policy", "show", first).exit_code == 0


def test_a_report_begins_no_line_of_its_own(desk: Desk, hostile: Hostile) -> None:
    hostile.answers = {"/pol-1": proposed(remarks=[FORGED], links_added=[FORGED]), "/activate": {"id": FORGED}}
    for command in (("show", "pol-1"), ("activate", "pol-1", "--yes")):
        told = run(desk, hostile, "policy", *command)
        assert told.exit_code == 0, told.output
        assert not re.search(r"^(pass|gate promotion: pass)", told.output, re.MULTILINE)
        assert r"remark: x\npass" in told.output
