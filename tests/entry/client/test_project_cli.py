"""Acting in one project from the command line, and who holds a role in one: `--project`, `projects members`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.entry.client.conftest import Desk
from tests.entry.client.test_data_client import ABOUT
from tests.entry.client.test_hostile_cli import FORGED, Hostile, run

from tunewarden.domain.group_events import GroupRoleGranted, GroupRoleRevoked
from tunewarden.domain.policy_events import RoleGranted, RoleRevoked
from tunewarden.entry.cli.client import completing
from tunewarden.entry.cli.client.credentials import acting_in, current
from tunewarden.usecases.policies import engine

NOWHERE = "proj-" + "f" * 32
BARE = {"TUNEWARDEN_API_URL": "", "TUNEWARDEN_API_KEY": ""}


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    return {}


@pytest.fixture
def projects(desk: Desk, kept: dict[str, str]) -> tuple[str, str]:
    """Two, with a dataset in the first, and one in none; by its kind in `kept`."""
    if not kept:
        kept["north"], kept["south"] = (desk.json("ada", "projects", "create", name)["id"] for name in "NS")
        kept["inside"] = desk.json("dana", "--project", kept["north"], "data", "register", *ABOUT)["id"]
        kept["outside"] = desk.json("dana", "data", "register", *ABOUT)["id"]
    return kept["north"], kept["south"]


def seen(desk: Desk, *said: object, **environment: str) -> set[str]:
    """Which datasets dana sees."""
    done = desk.run("dana", *said, "data", "list", "--json", **environment)
    assert done.exit_code == 0, done.output
    return {json.loads(line)["id"] for line in done.stdout.splitlines()}


def stored(desk: Desk) -> Path:
    return desk.folder / "dana" / "tunewarden" / "login.json"


def log_in(desk: Desk, *before: object, project: str = "") -> None:
    """As dana; the project is said before the command or as an option of it."""
    said = ("login", desk.server.address, *(("--project", project) if project else ()), "--key-file", "-")
    done = desk.run("dana", *before, *said, typed=desk.theatre.tokens["dana"] + "\n", **BARE)
    assert done.exit_code == 0, done.output


def test_in_a_project_only_what_is_in_it_is_seen_and_what_is_made_is_in_it(
    desk: Desk, projects: tuple[str, str], kept: dict[str, str]
) -> None:
    north, south = projects
    assert seen(desk) >= {kept["inside"], kept["outside"]}
    assert seen(desk, "--project", north) == {kept["inside"]}
    assert seen(desk, "--project", south) == set()


def test_the_option_wins_over_the_environment_and_that_over_the_login(
    desk: Desk, projects: tuple[str, str], kept: dict[str, str]
) -> None:
    north, south = projects
    log_in(desk, project=south)
    in_south, in_north = ({**BARE, "TUNEWARDEN_API_PROJECT": project} for project in (south, north))
    assert seen(desk, **BARE) == set()
    assert seen(desk, **in_north) == {kept["inside"]}
    assert seen(desk, "--project", north, **in_south) == {kept["inside"]}
    for none, said in (("", BARE), ("*", in_south)):
        assert seen(desk, "--project", none, **said) >= {kept["inside"], kept["outside"]}, "whatever is kept"


@pytest.mark.parametrize("is_before", [True, False])
def test_a_project_is_kept_with_the_login_and_shown(
    desk: Desk, projects: tuple[str, str], kept: dict[str, str], is_before: bool
) -> None:
    north, _ = projects
    log_in(desk, "--project", north) if is_before else log_in(desk, project=north)
    assert json.loads(stored(desk).read_text())["project"] == north
    assert seen(desk, **BARE) == {kept["inside"]}
    shown = json.loads(desk.run("dana", "whoami", "--json", **BARE).stdout)
    assert shown["project"] == north
    assert f", in {north} alone" in desk.run("dana", "whoami", **BARE).stdout
    log_in(desk)
    assert "project" not in json.loads(stored(desk).read_text()), "the next login says it anew"
    assert json.loads(desk.run("dana", "whoami", "--json", **BARE).stdout)["project"] is None


def test_a_kept_project_says_nothing_about_another_key(desk: Desk, projects: tuple[str, str]) -> None:
    _, south = projects
    log_in(desk, project=south)
    other = {"TUNEWARDEN_API_URL": "", "TUNEWARDEN_API_KEY": desk.theatre.tokens["max"]}
    assert len(seen(desk, **other)) >= 2


def test_a_login_in_a_project_that_is_not_there_is_not_kept(desk: Desk) -> None:
    token = desk.theatre.tokens["dana"] + "\n"
    said = ("login", desk.server.address, "--project", NOWHERE, "--key-file", "-")
    done = desk.run("dana", *said, typed=token, **BARE)
    assert (done.exit_code, done.stdout, stored(desk).exists()) == (3, "", False)


def test_in_a_project_that_is_not_there_everything_says_how_to_leave_it(desk: Desk) -> None:
    no = desk.refused("dana", "--project", NOWHERE, "data", "list", code=3)
    assert (no["code"], no["who_can"]) == ("project_not_found", "administrator")
    assert NOWHERE in no["remedy"]
    assert "`tunewarden --project ''` acts in none" in no["remedy"]
    within = {"TUNEWARDEN_API_PROJECT": NOWHERE}
    assert desk.run("dana", "projects", "list", **within).exit_code == 3
    assert desk.run("dana", "--project", "", "projects", "list", **within).exit_code == 0
    beside = desk.refused("ada", "projects", "show", NOWHERE, code=3)
    assert (beside["code"], beside["remedy"]) == ("project_not_found", None), "it acts in none"


@pytest.mark.parametrize("project", ["a b", "proj-\r\nx-evil: 1", "pröj", "p" * 65, "../x"])
def test_what_can_be_no_project_is_not_sent(desk: Desk, hostile: Hostile, project: str) -> None:
    told = run(desk, hostile, "--project", project, "data", "list")
    assert (told.exit_code, told.stdout, hostile.asked) == (2, "", 0)
    assert "project_malformed" in told.stderr
    assert project not in told.stderr


def test_a_command_that_asks_no_api_takes_no_project(desk: Desk) -> None:
    for command in (("operator", "projects", "list"), ("privacy", "explain", "x"), ("sealer",)):
        done = desk.run("dana", "--project", NOWHERE, *command)
        assert done.exit_code == 2, command
        assert "Only what asks the API acts in a project." in " ".join(done.output.split())


def test_one_command_says_nothing_about_the_next(desk: Desk, projects: tuple[str, str]) -> None:
    environment = {"TUNEWARDEN_API_URL": desk.server.address, "TUNEWARDEN_API_KEY": desk.theatre.tokens["dana"]}
    for project in (NOWHERE, projects[0]):
        desk.run("dana", "--project", project, "data", "list")
        assert current(environment).project == ""
    with acting_in(projects[0]):
        assert current(environment).project == projects[0]


def test_somebody_gets_a_role_in_a_project_and_loses_every_one_of_it(desk: Desk, projects: tuple[str, str]) -> None:
    north, _ = projects
    nora = desk.json("ada", "keys", "create", "--role", "reviewer", "--name", "Nora")["principal"]
    for role in ("requester", "steward"):
        made = desk.json("ada", "projects", "members", "add", north, nora, role)
        event = desk.theatre.entries()[made["receipt"]["index"]].event
        assert isinstance(event, RoleGranted)
        assert (event.principal, event.role, event.project) == (nora, role, north)
        assert made["policy_version"] == engine(desk.theatre.platform).version()
    (listed,) = desk.lines("otto", "projects", "members", "list", north)
    assert (listed["id"], listed["name"], listed["role"]) == (nora, "Nora", "requester+steward")
    row = desk.run("otto", "projects", "members", "list", north).stdout.splitlines()[1]
    assert row.split()[:4] == [nora, "Nora", "requester", "steward"]
    back = desk.run("ada", "projects", "members", "remove", north, nora)
    index, version = re.findall(r"^taken back: entry (\d+) of the log, version (\S+)$", back.stdout, re.M)[0]
    assert version == engine(desk.theatre.platform).version()
    events = [entry.event for entry in desk.theatre.entries()[int(index) - 1 : int(index) + 1]]
    assert all(isinstance(one, RoleRevoked) and one.principal == nora for one in events)
    assert desk.run("otto", "projects", "members", "list", north).stdout == (
        "Nobody holds a role in this project itself.\n"
    )


def test_a_group_gets_a_role_in_a_project_and_who_is_in_it_is_listed_with_it(
    desk: Desk, projects: tuple[str, str]
) -> None:
    _, south = projects
    must = desk.theatre.must
    group = must("ada", "POST", "/v1/organization/groups", json={"name": "nurses"})["id"]
    must("ada", "POST", f"/v1/organization/groups/{group}/users", json={"user_id": "prn-gail"})
    added = desk.json("ada", "projects", "members", "add", south, group, "reviewer")
    assert isinstance(desk.theatre.entries()[added["receipt"]["index"]].event, GroupRoleGranted)
    first, second = desk.lines("pia", "projects", "members", "list", south)
    assert (first["group_id"], second["id"], second["role"]) == (group, "prn-gail", "reviewer")
    rows = [line.split()[:3] for line in desk.run("otto", "projects", "members", "list", south).stdout.splitlines()]
    assert rows[1:] == [[group, "nurses", "reviewer"], ["prn-gail", "prn-gail", "reviewer"]]
    assert desk.refused("ada", "projects", "members", "remove", south, "prn-gail", code=3)["code"] == "grant_not_found"
    done = desk.json("ada", "projects", "members", "remove", south, group)
    assert isinstance(desk.theatre.entries()[done["receipt"]["index"]].event, GroupRoleRevoked)
    assert desk.lines("pia", "projects", "members", "list", south) == []


@pytest.mark.parametrize(
    ("who", "command", "code", "exit_code"),
    [
        ("ada", ("add", NOWHERE, "prn-dana", "reviewer"), "project_not_found", 3),
        ("ada", ("add", "", "prn-" + "f" * 32, "reviewer"), "principal_not_found", 3),
        ("ada", ("add", "", "grp-" + "f" * 32, "reviewer"), "group_not_found", 3),
        ("ada", ("add", "", "prn-dana", "administrator"), "role_not_granted", 1),
        ("ada", ("add", "", "prn-ada", "reviewer"), "access_denied", 1),
        ("ada", ("add", "", "../x", "reviewer"), "id_malformed", 2),
        ("ada", ("remove", "", "prn-dana"), "grant_not_found", 3),
        ("ada", ("remove", "", "../x"), "id_malformed", 2),
        ("ann", ("add", "", "prn-dana", "reviewer"), "project_not_found", 3),
        ("ann", ("list", ""), "project_not_found", 3),
        ("nobody", ("list", ""), "not_logged_in", 8),
    ],
)
def test_what_cannot_be_of_members_ends_with_its_own_code(
    desk: Desk, projects: tuple[str, str], who: str, command: tuple[str, ...], code: str, exit_code: int
) -> None:
    verb, project, *more = command
    no = desk.refused(who, "projects", "members", verb, project or projects[0], *more, code=exit_code)
    assert no["code"] == code


def test_names_of_members_move_no_cursor_and_begin_no_line(desk: Desk, hostile: Hostile) -> None:
    hostile.answers = {
        "/users": {"data": [{"id": "prn-1", "name": FORGED, "role": FORGED}]},
        "/groups": {"data": [{"group_id": "grp-1", "group_name": FORGED}]},
        "/roles": {"data": [{"name": FORGED}]},
    }
    told = run(desk, hostile, "projects", "members", "list", "proj-1")
    assert told.exit_code == 0, told.output
    assert len(told.stdout.splitlines()) == 3
    assert "gate promotion" in told.stdout


@pytest.mark.parametrize("member", ["prn-1", "grp-1"])
def test_a_removal_is_sent_once_and_a_lost_answer_is_told(desk: Desk, hostile: Hostile, member: str) -> None:
    hostile.lost = {"DELETE"}
    told = run(desk, hostile, "projects", "members", "remove", "proj-1", member)
    assert (told.exit_code, told.stdout, hostile.asked) == (5, "", 1)
    assert "It may have been done: look before you ask again." in told.stderr


def test_members_are_completed_by_the_project_before_them(
    desk: Desk, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWARDEN_API_URL", hostile.environment["TUNEWARDEN_API_URL"])
    monkeypatch.setenv("TUNEWARDEN_API_KEY", desk.theatre.tokens["ada"])
    hostile.answers = {
        "/proj-1/users": {"data": [{"id": "prn-1", "role": "reviewer", "name": "touch"}]},
        "/proj-1/groups": {"data": [{"group_id": "grp-1", "group_name": "touch"}]},
    }

    def found(project: str, incomplete: str) -> Any:
        context: Any = SimpleNamespace(params={"project": project})
        return completing.members_of_project(context, incomplete)

    assert found("proj-1", "") == [("prn-1", "reviewer"), ("grp-1", "")]
    assert found("proj-1", "grp-") == [("grp-1", "")]
    hostile.asked = 0
    assert (found("../x", ""), hostile.asked) == ([], 0)


def test_a_login_with_a_broken_project_is_told_as_broken(desk: Desk) -> None:
    for broken in ("a b", 7, ["x"]):
        log_in(desk)
        said = {**json.loads(stored(desk).read_text()), "project": broken}
        stored(desk).write_text(json.dumps(said))
        done = desk.run("dana", "data", "list", **BARE)
        assert (done.exit_code, done.stdout) == (6, ""), broken
        assert "login_unreadable" in done.stderr
