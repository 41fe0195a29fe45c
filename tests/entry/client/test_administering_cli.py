"""`tunewarden keys|projects|emergency`: what administrators, and who breaks the glass, do through the API."""

import json
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from tests.entry.client.conftest import Desk
from tests.entry.client.test_hostile_cli import COMMANDS, Hostile, run
from tests.journeys.theatre import Theatre

from tunewarden.domain.emergency_events import AliasRolledBack, EmergencyOpened, EmergencyReviewed, RequestSuspended
from tunewarden.domain.events import KeyCreated, KeyRevoked, KeyWithdrawn
from tunewarden.domain.identities import LoginFailure
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.domain.project_events import ProjectArchived, ProjectCreated, ProjectRenamed
from tunewarden.drivers.identity import Bearer, identify
from tunewarden.entry.cli.client import completing
from tunewarden.usecases.ports import Principal

FORGED = "North\r\nkey  tw-forged\x1b]0;PWNED\x07\u202e"
"""A name as the operator's way, or a platform that means one ill, may bring it."""


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.server.shutdown()
    made.server.server_close()


def whose(theatre: Theatre, token: str) -> object:
    """The principal whom a key makes, or why it opens nothing."""
    found = identify(theatre.platform.view, token, theatre.platform.clock())
    return found.principal if isinstance(found, Bearer) else found


def last(theatre: Theatre, kind: type) -> object:
    return [one.event for one in theatre.entries() if isinstance(one.event, kind)][-1]


def test_a_key_is_made_shown_once_and_opens_what_its_roles_do(desk: Desk) -> None:
    made = desk.json("ada", "keys", "create", "--role", "requester", "--name", "Nora", "--days", 7)
    event = last(desk.theatre, KeyCreated)
    assert isinstance(event, KeyCreated)
    assert (event.principal, event.key, event.roles) == (made["principal"], made["id"], (Role.REQUESTER,))
    assert desk.theatre.entries()[made["receipt"]["index"]].actor == "prn-ada", "who is logged in, not the operator"
    assert desk.run("new", "jobs", "list", TUNEWARDEN_API_KEY=made["key"]).exit_code == 0
    told = desk.run("ada", "keys", "create", "--role", "steward")
    (token,) = re.findall(r"^key +(tw-\S+)$", told.stdout, re.MULTILINE)
    assert desk.run("new", "data", "list", TUNEWARDEN_API_KEY=token).exit_code == 0
    listed = desk.run("ada", "keys", "list", "--json")
    assert made["id"] in listed.stdout
    assert not {made["key"], token} & set(re.findall(r"tw-[\w-]+", listed.stdout))


def test_an_admin_key_opens_the_administration_and_a_project_key_the_rest(desk: Desk) -> None:
    keys = [desk.json("ada", "keys", "create", "--role", role)["key"] for role in ("administrator", "requester")]
    for command, opening in ((("keys", "list"), keys[0]), (("jobs", "list"), keys[1])):
        for key in keys:
            done = desk.run("new", *command, TUNEWARDEN_API_KEY=key)
            assert done.exit_code == (0 if key == opening else 1), done.output
            assert ("key_of_another_kind" in done.stderr) is (key != opening)
    told = desk.run("new", "whoami", TUNEWARDEN_API_KEY=keys[0])
    assert "with an admin key" in told.stdout
    assert re.search(r"^create-key +yes *$", told.stdout, re.MULTILINE), told.stdout


def test_a_key_is_replaced_by_one_like_it_and_one_or_all_are_taken_away(desk: Desk) -> None:
    first = desk.json("ada", "keys", "create", "--role", "requester", "--role", "steward")
    more = desk.json("ada", "keys", "create", "--principal", first["principal"], "--scope", "steward")
    latest = desk.json("ada", "keys", "rotate", more["id"], "--overlap-minutes", 60)
    for token in (more["key"], latest["key"]):
        found = whose(desk.theatre, token)
        assert getattr(found, "roles", found) == {Role.STEWARD}, "both work for an hour"
    assert desk.json("ada", "keys", "revoke", latest["id"], "--yes")["works"] is False
    assert whose(desk.theatre, latest["key"]) is LoginFailure.KEY_REVOKED
    withdrawn = last(desk.theatre, KeyWithdrawn)
    assert isinstance(withdrawn, KeyWithdrawn)
    assert (withdrawn.principal, withdrawn.key) == (first["principal"], latest["id"])
    assert not isinstance(whose(desk.theatre, first["key"]), LoginFailure)
    done = desk.run("ada", "keys", "revoke", first["principal"], "--yes")
    (index,) = re.findall(r"^revoked: entry (\d+) of the log$", done.stdout, re.MULTILINE)
    event = desk.theatre.entries()[int(index)].event
    assert event == KeyRevoked(principal=PrincipalId(first["principal"]))
    assert isinstance(whose(desk.theatre, first["key"]), LoginFailure)
    assert isinstance(whose(desk.theatre, more["key"]), LoginFailure)


def test_made_again_with_the_same_key_of_the_request_no_second_key_is_made(desk: Desk) -> None:
    said = ("keys", "create", "--role", "requester", "--idempotency-key", "night-2")
    desk.json("ada", *said)
    before = len(desk.lines("ada", "keys", "list"))
    assert desk.refused("ada", *said, code=4)["code"] == "secret_shown_once"
    assert len(desk.lines("ada", "keys", "list")) == before


def test_a_key_made_at_the_machine_is_for_no_more_than_was_said(desk: Desk) -> None:
    def made(*said: str) -> object:
        home = {"TUNEWARDEN_HOME": str(desk.theatre.settings.home)}
        done = desk.run("operator", "operator", "keys", "create", *said, "--json", **home)
        assert done.exit_code == 0, done.output
        return whose(desk.theatre, json.loads(done.stdout)["key"])

    first = made("--role", "requester", "--role", "steward", "--scope", "steward")
    assert isinstance(first, Principal)
    assert first.roles == {Role.STEWARD}
    both = made("--role", "administrator", "--role", "reviewer", "--scope", "administrator")
    assert isinstance(both, Principal)
    assert both.roles == {Role.ADMINISTRATOR}, "of the kind that its scope needs"
    job = desk.props.job()["id"]
    further = made("--principal", first.id, "--request", job)
    assert isinstance(further, Principal)
    assert (further.bound_to, further.roles) == (job, {Role.REQUESTER, Role.STEWARD})


def test_what_takes_away_for_good_is_asked_first(desk: Desk) -> None:
    key = desk.json("ada", "keys", "create", "--role", "requester")
    project = desk.json("ada", "projects", "create", "East")["id"]
    before = len(desk.theatre.entries())
    for command in (
        ("keys", "revoke", key["id"]),
        ("keys", "revoke", key["principal"]),
        ("projects", "archive", project),
    ):
        assert desk.refused("ada", *command, code=2)["code"] == "confirmation_needed"
    assert len(desk.theatre.entries()) == before


@pytest.mark.parametrize(
    ("command", "code", "exit_code"),
    [
        (("keys", "create"), "principal_unclear", 2),
        (("keys", "create", "--role", "requester", "--role", "approver"), "roles_conflict", 1),
        (("keys", "create", "--role", "requester", "--project", "proj-" + "f" * 32), "project_not_found", 3),
        (("keys", "rotate", "key-" + "f" * 32), "key_not_found", 3),
        (("keys", "revoke", "key-" + "f" * 32, "--yes"), "key_not_found", 3),
        (("keys", "revoke", "prn-" + "f" * 32, "--yes"), "principal_not_found", 3),
        (("keys", "revoke", "../files", "--yes"), "id_malformed", 2),
        (("projects", "show", "proj-" + "f" * 32), "project_not_found", 3),
        (("projects", "rename", "proj-" + "f" * 32, "West"), "project_not_found", 3),
        (("emergency", "show", "bgl-" + "f" * 32), "emergency_not_found", 3),
    ],
)
def test_what_cannot_be_ends_with_its_own_code(desk: Desk, command: tuple[str, ...], code: str, exit_code: int) -> None:
    assert desk.refused("ada", *command, code=exit_code)["code"] == code


def test_who_is_no_administrator_is_told_who_can(desk: Desk) -> None:
    for command in (("keys", "create", "--role", "requester"), ("keys", "list"), ("projects", "create", "Mine")):
        no = desk.refused("ann", *command, code=1)
        assert (no["code"], no["who_can"]) == ("access_denied", "administrator"), command
    assert desk.refused("nobody", "keys", "list", code=8)["code"] == "not_logged_in"
    assert desk.lines("ann", "projects", "list") == []
    assert desk.lines("ann", "emergency", "list") == []


def test_a_command_of_the_client_opens_no_database(desk: Desk) -> None:
    desk.json("ada", "projects", "create", "South")
    assert not (desk.folder / "nowhere").exists()


def test_a_project_is_made_listed_renamed_and_archived(desk: Desk) -> None:
    made = desk.json("ada", "projects", "create", "North")
    assert last(desk.theatre, ProjectCreated) == ProjectCreated(project=made["id"])
    key = desk.json("ada", "keys", "create", "--role", "steward", "--project", made["id"])
    assert {one["id"]: one["project"] for one in desk.lines("ada", "keys", "list")}[key["id"]] == made["id"]
    assert desk.json("ada", "projects", "rename", made["id"], "North clinic")["name"] == "North clinic"
    assert last(desk.theatre, ProjectRenamed) == ProjectRenamed(project=made["id"])
    done = desk.json("ada", "projects", "archive", made["id"], "--yes")
    assert done["status"] == "archived"
    assert isinstance(desk.theatre.entries()[done["receipt"]["index"]].event, ProjectArchived)
    listed = {one["id"]: one for one in desk.lines("otto", "projects", "list")}
    assert (listed[made["id"]]["name"], listed[made["id"]]["status"]) == ("North clinic", "archived")
    shown = desk.run("otto", "projects", "show", made["id"]).stdout
    assert re.search(r"^state +archived$", shown, re.MULTILINE)
    assert "North clinic" in desk.run("ada", "projects", "list").stdout


def test_an_emergency_goes_from_its_opening_to_its_review(desk: Desk) -> None:
    told = desk.run("gail", "emergency", "open", "SEC-12", "--reason", "drill")
    assert told.exit_code == 0, told.output
    (identifier,) = re.findall(r"^tunewarden emergency confirm (\S+)$", told.stdout, re.MULTILINE)
    opened = last(desk.theatre, EmergencyOpened)
    assert isinstance(opened, EmergencyOpened)
    assert opened.emergency == identifier
    assert desk.json("gail", "emergency", "show", identifier)["incident"] == "SEC-12"
    job = desk.props.job()["id"]
    held = desk.json("gail", "emergency", "suspend", job)
    assert held["governance"]["suspended"] is True
    event = last(desk.theatre, RequestSuspended)
    assert isinstance(event, RequestSuspended)
    assert (event.request, event.emergency) == (job, identifier)
    first = desk.props.model()
    for model in (first, desk.props.model()):
        desk.props.promote(model, "candidate")
    back = desk.json("gail", "emergency", "rollback", "candidate", first)
    assert (back["alias"], back["model"], back["receipt"]["index"] > 0) == ("candidate", first, True)
    undone = last(desk.theatre, AliasRolledBack)
    assert isinstance(undone, AliasRolledBack)
    assert (undone.alias, undone.model, undone.emergency) == ("candidate", first, identifier)
    assert desk.refused("gail", "emergency", "confirm", identifier, code=1)["status"] == 403
    assert desk.json("bob", "emergency", "confirm", identifier)["standing"] == "confirmed"
    assert desk.refused("gail", "emergency", "open", "SEC-13", "--reason", "drill", code=4)["code"] == (
        "emergency_not_reviewed"
    )
    assert desk.json("gail", "emergency", "close", identifier)["standing"] == "ended"
    assert desk.refused("bob", "emergency", "review", identifier, "--finding", "justified", code=1)["status"] == 403
    done = desk.json("pia", "emergency", "review", identifier, "--finding", "justified")
    assert (done["standing"], done["finding"]) == ("reviewed", "justified")
    assert isinstance(desk.theatre.entries()[done["receipt"]["index"]].event, EmergencyReviewed)
    assert desk.lines("otto", "emergency", "list")[0]["id"] == identifier
    assert re.search(r"^finding +justified$", desk.run("otto", "emergency", "show", identifier).stdout, re.MULTILINE)
    assert desk.refused("gail", "emergency", "rollback", "production", desk.props.model(), code=1)["status"] == 403


def test_a_name_that_somebody_typed_moves_no_cursor_and_begins_no_line(desk: Desk, hostile: Hostile) -> None:
    key = {"id": "key-1", "principal": FORGED, "name": FORGED, "kind": FORGED, "scope": None, "roles": [FORGED]}
    project = {"id": "proj-1", "name": FORGED, "status": FORGED}
    emergency = {"id": "bgl-1", "standing": FORGED, "incident": FORGED, "confirm_by": FORGED}
    hostile.answers = {
        "/v1/keys": {**key, "key": FORGED, "data": [key]},
        "/v1/organization/projects": {"data": [project]},
        "/proj-1": project,
        "/v1/emergencies": {**emergency, "data": [emergency]},
        "/bgl-1": emergency,
        "/v1/models/m/rollback": {"alias": FORGED, "model": FORGED},
    }
    for command in (
        ("keys", "list"),
        ("keys", "create"),
        ("projects", "list"),
        ("projects", "show", "proj-1"),
        ("emergency", "list"),
        ("emergency", "show", "bgl-1"),
        ("emergency", "open", "SEC-1", "--reason", "drill"),
        ("emergency", "rollback", "production", "m"),
    ):
        told = run(desk, hostile, *command)
        assert told.exit_code == 0, told.output
        assert "PWNED" in told.stdout, command
        assert not {"\x1b", "\r", "\x07", "\u202e"} & set(told.stdout), command
        assert not re.search(r"^key +tw-", told.stdout, re.MULTILINE), command


@pytest.mark.parametrize(
    "command", [("keys", "revoke", "prn-1", "--yes"), ("policy", "revoke", "grp-" + "1" * 32, "reviewer")]
)
def test_what_takes_away_is_sent_once_and_a_lost_answer_is_told(
    desk: Desk, hostile: Hostile, command: tuple[str, ...]
) -> None:
    hostile.lost = {"DELETE"}
    told = run(desk, hostile, *command)
    assert (told.exit_code, told.stdout, hostile.asked) == (5, "", 1)
    assert "It may have been done: look before you ask again." in told.stderr
    hostile.lost = set()
    assert "entry" in run(desk, hostile, *command).stdout


@pytest.mark.parametrize(
    "command",
    [
        ("keys", "revoke", "key-1", "--yes"),
        ("emergency", "suspend", "ftjob-1"),
        ("emergency", "rollback", "production", "m"),
        ("policy", "grant", "prn-1", "reviewer"),
        ("policy", "rollback", "pol-1"),
        ("promotions", "approve", "prom-1", "--yes"),
        ("reject", "ftjob-1", "--yes"),
    ],
)
def test_what_was_done_by_an_earlier_try_names_no_entry_that_it_does_not_know(
    desk: Desk, hostile: Hostile, command: tuple[str, ...]
) -> None:
    """The thing itself is read then (303), which has no receipt."""
    told = run(desk, hostile, *command)
    assert told.exit_code == 0, told.output
    assert "done before; its entry is in the log" in told.stdout
    assert "entry  of" not in told.stdout


@pytest.mark.parametrize(
    ("command", "answers"),
    [
        (("keys", "list"), {"/v1/keys": {"data": [{"id": "key-1", "scope": 7, "roles": []}]}}),
        (("keys", "list"), {"/v1/keys": {"data": [{"id": "key-1"}]}}),
        (("projects", "list"), {"/v1/organization/projects": {"data": "none"}}),
        (("emergency", "list"), {"/v1/emergencies": {"data": [7]}}),
    ],
)
def test_an_answer_of_another_form_is_told_as_one(
    desk: Desk, hostile: Hostile, command: tuple[str, ...], answers: dict[str, object]
) -> None:
    hostile.answers = answers
    told = run(desk, hostile, *command)
    assert (told.exit_code, told.stdout) == (6, "")
    assert "answer_unreadable" in told.stderr


COMPLETED: dict[str, Callable[[str], completing.Found]] = {
    "/v1/keys": completing.key_ids,
    "/v1/organization/users": completing.principal_ids,
    "/v1/organization/projects": completing.project_ids,
    "/v1/emergencies": completing.emergency_ids,
}


@pytest.mark.parametrize("path", COMPLETED)
def test_a_shell_is_given_ids_and_words_and_never_what_somebody_typed(
    desk: Desk, hostile: Hostile, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    words = ("id", "name", "standing", "status", "principal")
    things = [{**dict.fromkeys(words, name), "works": True} for name in COMMANDS]
    good = {"id": "it-1", "name": "touch", "incident": "touch", "email": "touch", "works": True}
    hostile.answers = {path: {"data": [*things, good, {"no": "id"}]}}
    monkeypatch.setenv("TUNEWARDEN_API_URL", hostile.environment["TUNEWARDEN_API_URL"])
    monkeypatch.setenv("TUNEWARDEN_API_KEY", desk.theatre.tokens["ada"])
    assert COMPLETED[path]("") == []  # an answer of another form, at its end
    hostile.answers = {path: {"data": [*things, good]}}
    assert COMPLETED[path]("it-") == [("it-1", "")]
    assert [found for found, _ in COMPLETED[path]("")] == ["it-1"]


def test_ids_are_completed_for_who_may_list_them_and_for_nobody_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = desk.json("ada", "keys", "create", "--role", "requester")
    project = desk.json("ada", "projects", "create", "Completed")["id"]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(desk.folder))
    monkeypatch.setenv("TUNEWARDEN_API_URL", desk.server.address)
    monkeypatch.setenv("TUNEWARDEN_API_KEY", desk.theatre.tokens["ada"])
    assert completing.key_ids(key["id"]) == [(key["id"], key["principal"])]
    assert completing.holders_and_keys("prn-bob") == [("prn-bob", "")]
    assert completing.holders_and_keys(key["id"]) == [(key["id"], key["principal"])]
    assert completing.project_ids(project) == [(project, "active")]
    monkeypatch.setenv("TUNEWARDEN_API_KEY", desk.theatre.tokens["ann"])
    assert completing.holders_and_keys("") == []
    assert completing.project_ids("") == []
    assert completing.emergency_ids("") == []


def test_the_newest_are_completed_and_no_key_that_opens_nothing(
    desk: Desk, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWARDEN_API_URL", hostile.environment["TUNEWARDEN_API_URL"])
    monkeypatch.setenv("TUNEWARDEN_API_KEY", desk.theatre.tokens["ada"])
    keys = [{"id": f"key-{place}", "principal": "prn-1", "works": place % 2 == 0} for place in range(200)]
    others = [{"id": f"it-{place}"} for place in range(60)]
    hostile.answers = {"/keys": {"data": keys}, "/users": {"data": others}, "/jobs": {"data": others}}
    assert completing.key_ids("") == [(f"key-{place}", "prn-1") for place in range(100, 200, 2)]
    assert completing.key_ids("key-1") == [(f"key-{place}", "prn-1") for place in range(100, 200, 2)]
    assert completing.key_ids("key-2") == [(f"key-{place}", "prn-1") for place in (2, *range(20, 30, 2))]
    assert completing.principal_ids("") == [(f"it-{place}", "") for place in range(10, 60)], "the oldest are first"
    assert completing.job_ids("") == [(f"it-{place}", "") for place in range(50)], "the newest are"


def test_what_is_not_read_in_time_is_not_completed_and_one_time_is_for_all_lists(
    desk: Desk, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWARDEN_API_URL", hostile.environment["TUNEWARDEN_API_URL"])
    monkeypatch.setenv("TUNEWARDEN_API_KEY", desk.theatre.tokens["ada"])
    hostile.answers = {"/keys": {"data": [{"id": "key-1", "works": True}]}, "/users": {"data": [{"id": "prn-1"}]}}
    for passed, found, asked in (
        ([0.0], [("key-1", ""), ("prn-1", "")], 2),
        ([0.0, 0.0, 9.0], [], 1),
    ):
        moments = iter(passed)
        clock = SimpleNamespace(monotonic=lambda moments=moments, last=passed[-1]: next(moments, last))
        monkeypatch.setattr(completing, "time", clock)
        hostile.asked = 0
        assert (completing.holders_and_keys(""), hostile.asked) == (found, asked)
