"""A request that comes twice is done once, whatever was lost, and tells nobody else anything."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.events import ActionRefused, DatasetRegistered, KeyCreated
from tunewarden.domain.names import Action
from tunewarden.drivers.envelopes import SealedMarks
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_repeats import SqlRepeats
from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.api.once import Once
from tunewarden.entry.running import Running

DATASET: dict[str, Any] = {
    "name": "Emergency notes",
    "purposes": ["research"],
    "lawful_basis": "public-task",
    "sensitivity": "special-category",
    "retain_until": "2027-01-01",
    "columns": {"text": "note", "label": "burn", "person": "patient", "protected": ["sex"]},
    "budget": {"epsilon": "10", "delta": "0.0001"},
}
AGAIN = {"x-stainless-retry-count": "1"}


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("once") / "home")
    with made.client:
        yield made
    made.close()


def registered(theatre: Theatre) -> int:
    return sum(isinstance(entry.event, DatasetRegistered) for entry in theatre.entries())


def post(theatre: Theatre, body: Any = None, who: str = "dana", path: str = "/v1/datasets", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return theatre.ask(who, "POST", path, json=DATASET if body is None else body, headers=named, follow_redirects=False)


def once_of(theatre: Theatre) -> Any:
    app: Any = theatre.client.app
    doors: Doors = app.state.doors
    assert doors.once is not None
    return doors.once


def lose_answers(theatre: Theatre) -> None:
    """As a process that was killed after its commit and before it wrote its answers down."""
    engine = connect(theatre.settings.database)
    once_of(theatre)._answers.close()
    once_of(theatre)._answers.__init__(once_of(theatre)._repeats, theatre.platform.envelopes)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE repeats SET answer = NULL")
    engine.dispose()


def test_the_same_key_and_body_get_the_first_answer_and_are_done_once(theatre: Theatre) -> None:
    before = registered(theatre)
    first = post(theatre, idempotency_key="one")
    second = post(theatre, idempotency_key="one")
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.content == first.content
    assert second.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (None, "true")
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert registered(theatre) == before + 1


def test_another_body_or_path_under_the_same_key_is_refused_and_does_nothing(theatre: Theatre) -> None:
    post(theatre, idempotency_key="two")
    before = registered(theatre)
    for answer in (
        post(theatre, {**DATASET, "name": "Other"}, idempotency_key="two"),
        post(theatre, path="/v1/datasets?x=1", idempotency_key="two"),
        post(theatre, {"principal": "prn-1", "role": "steward"}, path="/v1/grants", who="dana", idempotency_key="two"),
    ):
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "idempotency_key_reused"
        assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert registered(theatre) == before


def test_the_same_key_of_somebody_else_is_another_one(theatre: Theatre) -> None:
    first, other = post(theatre, idempotency_key="three"), post(theatre, idempotency_key="three", who="max")
    assert (first.status_code, other.status_code) == (200, 200)
    assert first.json()["id"] != other.json()["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9"])
def test_what_is_no_key_is_refused_without_repeating_it(theatre: Theatre, key: str) -> None:
    answer = theatre.ask("dana", "POST", "/v1/datasets", json=DATASET, headers={"idempotency-key": key.encode()})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_malformed"


def test_a_client_that_repeats_by_itself_gets_the_first_result(theatre: Theatre) -> None:
    body = {**DATASET, "name": "Repeated"}
    first = post(theatre, body)
    assert post(theatre, body, **AGAIN).content == first.content
    assert post(theatre, body, x_stainless_retry_count="2").content == first.content


def test_who_asks_twice_without_repeating_means_it(theatre: Theatre) -> None:
    body, before = {**DATASET, "name": "Meant"}, registered(theatre)
    first, second = post(theatre, body), post(theatre, body, x_stainless_retry_count="0")
    assert first.json()["id"] != second.json()["id"]
    assert registered(theatre) == before + 2
    assert post(theatre, body, **AGAIN).content == second.content


def test_a_repetition_of_what_never_came_is_done(theatre: Theatre) -> None:
    body, before = {**DATASET, "name": "Never came"}, registered(theatre)
    first = post(theatre, body, **AGAIN)
    assert first.status_code == 200
    assert post(theatre, body, x_stainless_retry_count="2").content == first.content
    assert registered(theatre) == before + 1


@pytest.mark.parametrize(
    ("headers", "kept", "over"),
    [
        ({"idempotency_key": "day"}, timedelta(hours=23, minutes=59), timedelta(hours=24)),
        ({}, *(timedelta(minutes=m) for m in (9, 10))),
    ],
    ids=["key", "none"],
)
def test_it_is_forgotten_when_its_time_is_over(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], kept: timedelta, over: timedelta
) -> None:
    body, once, clock = {**DATASET, "name": f"Until {over}"}, once_of(theatre), theatre.platform.clock
    first = post(theatre, body, **headers).json()["id"]
    monkeypatch.setattr(once, "clock", lambda: clock() + kept)
    assert post(theatre, body, **headers, **AGAIN).json()["id"] == first
    monkeypatch.setattr(once, "clock", lambda: clock() + over)
    assert post(theatre, body, **headers, **AGAIN).json()["id"] != first


def test_a_refusal_is_decided_and_written_down_each_time(theatre: Theatre) -> None:
    def refused() -> int:
        return sum(isinstance(entry.event, ActionRefused) for entry in theatre.entries())

    before = refused()
    assert [post(theatre, who="eve", idempotency_key="no").status_code for _ in range(2)] == [403, 403]
    assert refused() == before + 2


def test_an_answer_with_a_key_in_it_is_neither_kept_nor_given_again(theatre: Theatre) -> None:
    body = {"name": "Nora", "roles": ["requester"]}
    before = sum(isinstance(entry.event, KeyCreated) for entry in theatre.entries())
    made = post(theatre, body, who="ada", path="/v1/keys", idempotency_key="secret")
    assert made.status_code == 200, made.text
    for _ in range(2):
        again = post(theatre, body, who="ada", path="/v1/keys", idempotency_key="secret")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "secret_shown_once")
        assert again.headers["x-should-retry"] == "false"
        once_of(theatre)._answers._writer.submit(lambda: None).result()  # what was on its way is written by now
    assert sum(isinstance(entry.event, KeyCreated) for entry in theatre.entries()) == before + 1
    assert made.json()["key"].encode() not in everything_stored(theatre)


def everything_stored(theatre: Theatre) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(theatre.settings.home.glob("tunewarden.db*")))


def test_nothing_of_an_answer_or_of_a_key_stands_in_the_database(theatre: Theatre) -> None:
    name, key = "Orthopaedics of Doctor Quux", "key-of-doctor-quux"
    body = {"filename": name, "purpose": "fine-tune", "bytes": 3, "mime_type": "text/csv"}
    answer = post(theatre, body, path="/v1/uploads", idempotency_key=key)
    assert name in answer.text
    once_of(theatre)._answers._writer.submit(lambda: None).result()
    stored = repeats_of(theatre)
    assert answer.json()["id"] in stored
    for typed in (name, key):
        assert typed not in stored
        assert typed.encode().hex() not in stored
    again = post(theatre, body, path="/v1/uploads", idempotency_key=key)
    assert again.content == answer.content, "it was kept, and can be read"


def repeats_of(theatre: Theatre) -> str:
    engine = connect(theatre.settings.database)
    with engine.begin() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM repeats").fetchall()
    engine.dispose()
    return repr(rows)


def test_where_the_answer_was_lost_the_thing_itself_is_given(theatre: Theatre) -> None:
    made = post(theatre, idempotency_key="lost").json()
    lose_answers(theatre)
    before = registered(theatre)
    again = post(theatre, idempotency_key="lost")
    assert (again.status_code, again.headers["location"]) == (303, f"datasets/{made['id']}")
    token = {"authorization": f"Bearer {theatre.tokens['dana']}", "idempotency-key": "lost"}
    followed = theatre.client.post("/v1/datasets", json=DATASET, headers=token, follow_redirects=True)
    assert (followed.status_code, followed.json()["id"]) == (200, made["id"])
    retired = post(theatre, {}, path=f"/v1/datasets/{made['id']}/retire", idempotency_key="verb")
    assert retired.status_code == 200, retired.text
    lose_answers(theatre)
    again = post(theatre, {}, path=f"/v1/datasets/{made['id']}/retire", idempotency_key="verb")
    assert (again.status_code, again.headers["location"]) == (303, f"../{made['id']}")
    assert registered(theatre) == before


def test_where_it_cannot_be_read_either_it_is_said_that_it_was_done(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = theatre.must("ada", "POST", "/v1/keys", json={"name": "Some", "roles": ["requester"]})["principal"]
    grant = {"principal": somebody, "role": "steward"}
    assert post(theatre, grant, who="ada", path="/v1/grants", idempotency_key="grant").status_code == 200
    lose_answers(theatre)
    early = post(theatre, grant, who="ada", path="/v1/grants", idempotency_key="grant")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "request_in_flight"), "it may be written yet"
    clock = theatre.platform.clock
    monkeypatch.setattr(once_of(theatre), "clock", lambda: clock() + timedelta(seconds=6))
    late = post(theatre, grant, who="ada", path="/v1/grants", idempotency_key="grant")
    assert (late.status_code, late.json()["error"]["code"]) == (409, "done_already")
    assert late.headers["x-should-retry"] == "false"


def test_a_form_is_the_same_whatever_its_boundary_and_another_with_other_content(theatre: Theatre) -> None:
    def upload(content: bytes, filename: str = "n.csv") -> Any:
        files, headers = {"file": (filename, content)}, {"idempotency-key": "form"}
        return theatre.ask("dana", "POST", "/v1/files", files=files, data={"purpose": "fine-tune"}, headers=headers)

    first = upload(b"a,b\n1,2\n")
    assert first.status_code == 200, first.text
    assert upload(b"a,b\n1,2\n").content == first.content
    assert upload(b"a,b\n1,3\n").json()["error"]["code"] == "idempotency_key_reused"
    assert upload(b"a,b\n1,2\n", "other.csv").json()["error"]["code"] == "idempotency_key_reused"


def test_who_is_not_let_in_any_more_gets_no_first_answer(theatre: Theatre) -> None:
    key = post(theatre, {"name": "Gone", "roles": ["steward"]}, who="ada", path="/v1/keys").json()
    headers = {"authorization": f"Bearer {key['key']}", "idempotency-key": "gone"}
    assert theatre.client.post("/v1/datasets", json=DATASET, headers=headers).status_code == 200
    revoked = theatre.ask("ada", "POST", f"/v1/keys/{key['id']}/revoke")
    assert revoked.status_code == 200, revoked.text
    assert theatre.client.post("/v1/datasets", json=DATASET, headers=headers).status_code == 401


class Held:
    """Makes identifiers when it is told to."""

    def __init__(self, theatre: Theatre) -> None:
        self.new_id, self.came, self.go = theatre.platform.new_id, threading.Event(), threading.Event()

    def __call__(self, prefix: str) -> str:
        self.came.set()
        assert self.go.wait(10)
        return self.new_id(prefix)


def another(theatre: Theatre, held: Held) -> TestClient:
    """Another process over the same database, which is slow."""
    engine = connect(theatre.settings.database)
    once = Once(SqlRepeats(engine), once_of(theatre)._words, theatre.platform.envelopes, theatre.platform.clock)
    platform = replace(theatre.platform, new_id=held)
    return TestClient(create_app(platform, theatre.settings, running=Running(once=once)))


@pytest.mark.parametrize("headers", [{"idempotency-key": "slow"}, AGAIN], ids=["key", "repetition"])
def test_while_it_is_answered_the_same_again_is_told_to_come_back(theatre: Theatre, headers: dict[str, str]) -> None:
    held, before, body = Held(theatre), registered(theatre), {**DATASET, "name": f"Slow {sorted(headers)}"}
    whole = {"authorization": f"Bearer {theatre.tokens['dana']}", **headers}
    with another(theatre, held) as slow, ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.post, "/v1/datasets", json=body, headers=whole)
        assert held.came.wait(10)
        second = slow.post("/v1/datasets", json=body, headers=whole)
        assert (second.status_code, second.json()["error"]["code"]) == (409, "request_in_flight")
        assert (second.headers["x-should-retry"], second.headers["retry-after"]) == ("true", "1")
        held.go.set()
        assert first.result().status_code == 200
        third = slow.post("/v1/datasets", json=body, headers=whole)
        assert third.content == first.result().content
    assert registered(theatre) == before + 1


@pytest.mark.parametrize("headers", [{"idempotency-key": "far"}, {}], ids=["key", "none"])
def test_a_repetition_that_another_process_does_first_is_done_there_alone(
    theatre: Theatre, headers: dict[str, str]
) -> None:
    held, before, body = Held(theatre), registered(theatre), {**DATASET, "name": f"Far {sorted(headers)}"}
    whole = {"authorization": f"Bearer {theatre.tokens['dana']}", **headers}
    with another(theatre, held) as slow, ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.post, "/v1/datasets", json=body, headers=whole)
        assert held.came.wait(10)
        second = theatre.client.post("/v1/datasets", json=body, headers={**whole, **AGAIN})
        assert second.status_code == 200
        held.go.set()
        assert (first.result().status_code, first.result().headers["x-should-retry"]) == (409, "true")
        third = slow.post("/v1/datasets", json=body, headers={**whole, **AGAIN})
        assert third.json()["id"] == second.json()["id"]
    assert registered(theatre) == before + 1


def test_marks_are_alike_for_the_same_words_under_the_same_key_alone() -> None:
    words, one, other = b"who did what", bytes(32), bytes([1]) * 32
    assert SealedMarks(one)(words, b"key") == SealedMarks(one)(words, b"key")
    assert SealedMarks(one)(words) != SealedMarks(other)(words)
    assert SealedMarks(one)(words) != SealedMarks(one)(words + b"!")
    both = SealedMarks(lambda: (other, one))(words, b"key")
    assert both == SealedMarks(other)(words, b"key") + SealedMarks(one)(words, b"key")


@pytest.mark.parametrize("headers", [{"idempotency_key": "rotated"}, AGAIN], ids=["key", "repetition"])
def test_what_was_done_before_the_blob_key_was_rotated_is_known_as_long_as_that_key_is_there(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    keys = [bytes([2]) * 32]
    monkeypatch.setattr(once_of(theatre), "_words", SealedMarks(lambda: tuple(keys)))
    body, before = {**DATASET, "name": f"Rotated {sorted(headers)}"}, registered(theatre)
    first = post(theatre, body, **headers)
    keys.insert(0, bytes([3]) * 32)
    again = post(theatre, body, **headers)
    assert (again.content, again.headers.get("idempotency-replayed")) == (first.content, "true")
    if "idempotency_key" in headers:
        other = post(theatre, {**body, "name": "Other"}, **headers)
        assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert registered(theatre) == before + 1


def test_a_blob_key_that_is_rotated_while_a_request_is_marked_harms_nothing(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look finds one key more."""
    keys: list[bytes] = []

    def looked() -> tuple[bytes, ...]:
        keys.insert(0, bytes([4 + len(keys)]) * 32)
        return tuple(keys)

    monkeypatch.setattr(once_of(theatre), "_words", SealedMarks(looked))
    body = {**DATASET, "name": "Rotated in the middle"}
    first = post(theatre, body, idempotency_key="in-the-middle")
    assert first.status_code == 200, first.text
    again = post(theatre, body, idempotency_key="in-the-middle")
    assert (again.content, again.headers.get("idempotency-replayed")) == (first.content, "true")


@pytest.mark.parametrize("is_written", [False, True], ids=["in memory", "written"])
def test_who_may_not_do_it_any_more_gets_no_first_answer_and_the_refusal_is_in_the_log(
    theatre: Theatre, is_written: bool
) -> None:
    made = post(theatre, {"name": "Moved", "roles": ["requester"]}, who="ada", path="/v1/keys").json()
    grant = {"principal": made["principal"], "role": "steward"}
    theatre.must("ada", "POST", "/v1/grants", json=grant)
    headers = {"authorization": f"Bearer {made['key']}", "idempotency-key": f"moved-{is_written}"}

    def ask() -> Any:
        return theatre.client.post("/v1/datasets", json=DATASET, headers=headers)

    first = ask()
    assert first.status_code == 200, first.text
    if is_written:
        once_of(theatre)._answers._writer.submit(lambda: None).result()
    assert ask().content == first.content
    theatre.must("ada", "POST", "/v1/grants/revoke", json=grant)
    before = registered(theatre), len(theatre.entries())
    refused = ask()
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "access_denied")
    assert first.json()["id"] not in refused.text
    assert (registered(theatre), len(theatre.entries())) == (before[0], before[1] + 1)
    last = theatre.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert last.action is Action.REGISTER_DATASET
    theatre.must("ada", "POST", "/v1/grants", json=grant)
    assert ask().content == first.content, "and who may again, does"


def test_a_process_that_ends_lets_a_sweep_end_before_it(theatre: Theatre) -> None:
    """What the sweep held of the database would else be given back to a process that has let go of it."""
    came, go, swept = threading.Event(), threading.Event(), threading.Event()

    class Slow(SqlRepeats):
        def sweep(self, now: datetime) -> None:
            came.set()
            assert go.wait(10)
            super().sweep(now)
            swept.set()

    ours = once_of(theatre)
    once = Once(Slow(ours._repeats._engine), ours._words, theatre.platform.envelopes, theatre.platform.clock)
    with TestClient(create_app(theatre.platform, theatre.settings, running=Running(once=once))):
        assert came.wait(10)
        threading.Timer(0.5, go.set).start()
    assert swept.is_set()
