"""The header `OpenAI-Project` and keys of a project: both narrow, and neither opens anything."""

from typing import Any

import pytest
from tests.conftest import ADA, DANA, registration
from tests.entry.api.conftest import Gatehouse

from tunewarden.domain.events import ActionRefused, DatasetRegistered
from tunewarden.domain.names import ProjectId
from tunewarden.usecases import datasets, projects

HEADER = "OpenAI-Project"
UNKNOWN = "proj-" + "f" * 32


def project(gate: Gatehouse, name: str = "north") -> ProjectId:
    return projects.create(gate.stage.platform, ADA, name)[0].id


def registered(gate: Gatehouse, where: ProjectId) -> str:
    platform = gate.stage.platform
    return datasets.register(platform, projects.acting_in(platform, DANA, where), registration())[0].id


def seen(gate: Gatehouse, who: str = "dana", **headers: str) -> list[str]:
    answer = gate.ask(who, "GET", "/v1/datasets", headers=headers)
    assert answer.status_code == 200
    return [one["id"] for one in answer.json()["data"]]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def key(gate: Gatehouse, where: str, **body: Any) -> Any:
    whole = {"name": "s", "roles": ["steward"], "project": where, **body}
    return gate.ask("ada", "POST", "/v1/keys", json=whole)


def test_the_header_shows_and_makes_what_is_in_the_project_alone(gate: Gatehouse) -> None:
    north, south = project(gate), project(gate, "south")
    first, second = registered(gate, north), registered(gate, south)
    assert seen(gate) == [first, second]
    assert seen(gate, **{HEADER: north}) == [first]
    assert code(gate.ask("dana", "GET", f"/v1/datasets/{second}", headers={HEADER: north})) == (
        404,
        "dataset_not_found",
    )
    made = gate.ask(
        "dana",
        "POST",
        "/v1/files",
        headers={HEADER: south},
        files={"file": ("a.csv", b"text\nx")},
        data={"purpose": "fine-tune"},
    )
    assert made.status_code == 200
    assert made.json()["project"] == south
    shown = gate.ask("dana", "GET", f"/v1/datasets/{first}").json()
    assert shown["project"] == north
    with gate.stage.platform.view() as view:
        assert view.files.get(made.json()["id"]).project == south
    told = [event.project for event in gate.events(DatasetRegistered) if isinstance(event, DatasetRegistered)]
    assert told == [north, south]


@pytest.mark.parametrize("named", [UNKNOWN, "*", "", "proj-", "../proj-1", "PROJ-" + "0" * 32, "CANARY John Smith"])
def test_what_is_no_project_is_not_found_and_not_repeated(gate: Gatehouse, named: str) -> None:
    answer = gate.ask("dana", "GET", "/v1/datasets", headers={HEADER: named})
    assert code(answer) == (404, "project_not_found")
    assert not named or named not in answer.text
    assert "CANARY" not in repr(gate.stage.entries())


def test_a_header_that_stands_there_twice_names_no_project(gate: Gatehouse) -> None:
    north, south = project(gate), project(gate, "south")
    bearer = ("authorization", f"Bearer {gate.tokens['dana']}")
    for pair in ((north, south), (north, north), (north, UNKNOWN)):
        headers = [bearer, *[(HEADER, one) for one in pair]]
        answer = gate.client.request("GET", "/v1/datasets", headers=headers)
        assert code(answer) == (404, "project_not_found")
    for joined in (f"{north},{south}", f"{north} ", f"{north}\t"):
        answer = gate.ask("dana", "GET", "/v1/datasets", headers={HEADER: joined})
        assert answer.status_code == 404 or joined.strip() == north


def test_whoever_holds_no_role_in_it_is_told_that_there_is_none_and_the_log_that_they_tried(gate: Gatehouse) -> None:
    north = project(gate)
    answers = [gate.ask("eve", "GET", "/v1/datasets", headers={HEADER: one}) for one in (north, UNKNOWN)]
    assert {code(answer) for answer in answers} == {(404, "project_not_found")}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    refused = [event.resource for event in gate.events(ActionRefused) if isinstance(event, ActionRefused)]
    assert refused == [north]


def test_a_key_of_a_project_is_of_it_whatever_a_header_says(gate: Gatehouse) -> None:
    north, south = project(gate), project(gate, "south")
    mine, other = registered(gate, north), registered(gate, south)
    made = key(gate, north)
    assert made.json()["project"] == north
    token = made.json()["key"]
    assert [one["id"] for one in gate.bring(token, "GET", "/v1/datasets").json()["data"]] == [mine]
    assert gate.bring(token, "GET", "/v1/datasets", headers={HEADER: north}).status_code == 200
    for where in (south, UNKNOWN):
        assert code(gate.bring(token, "GET", "/v1/datasets", headers={HEADER: where})) == (404, "project_not_found")
    for answer in (
        gate.bring(token, "GET", f"/v1/datasets/{other}"),
        gate.bring(token, "POST", f"/v1/datasets/{other}/retire"),
        gate.bring(token, "POST", f"/v1/datasets/{other}/versions", json={"file_id": "file-" + "0" * 32}),
    ):
        assert code(answer) == (404, "dataset_not_found")


def test_ids_of_another_project_in_a_body_or_a_query_are_not_found(gate: Gatehouse) -> None:
    north, south = project(gate), project(gate, "south")
    mine, other = registered(gate, north), registered(gate, south)
    token = key(gate, north, roles=["steward", "requester"]).json()["key"]
    job = {"training_file": other, "model": "tiny", "governance": {"purpose": "research", "privacy": {"epsilon": "1"}}}
    unknown = {**job, "training_file": "ds-" + "f" * 32}
    answers = [gate.bring(token, "POST", "/v1/fine_tuning/jobs", json=one) for one in (job, unknown)]
    assert {code(answer) for answer in answers} == {(404, "file_not_found")}
    file = gate.ask(
        "dana",
        "POST",
        "/v1/files",
        headers={HEADER: south},
        files={"file": ("a.csv", b"text\nx")},
        data={"purpose": "fine-tune"},
    ).json()["id"]
    for name in (file, "file-" + "f" * 32):
        answer = gate.bring(token, "POST", f"/v1/datasets/{mine}/versions", json={"file_id": name})
        assert code(answer) == (404, "file_not_found")
    for cursor in (other, "ds-" + "f" * 32):
        answer = gate.bring(token, "GET", "/v1/datasets", params={"after": cursor, "project": south})
        assert other not in answer.text.replace(cursor, "")
        assert answer.status_code in {200, 404, 422}


def test_an_organisation_decides_nothing_and_administration_is_of_the_whole_platform(gate: Gatehouse) -> None:
    north = project(gate)
    mine = registered(gate, north)
    assert seen(gate, **{"OpenAI-Organization": "org-x"}) == [mine]
    assert gate.ask("ada", "GET", "/v1/keys", headers={HEADER: north}).status_code == 200
    assert code(gate.ask("ada", "GET", "/v1/keys", headers={HEADER: UNKNOWN})) == (404, "project_not_found")


def test_no_key_is_of_a_project_that_is_not_there(gate: Gatehouse) -> None:
    for where in (UNKNOWN, "*", "CANARY"):
        answer = key(gate, where)
        assert code(answer) == (404, "project_not_found")
        assert "CANARY" not in answer.text
    assert code(key(gate, project(gate), roles=["administrator"])) == (422, "admin_key_in_project")
