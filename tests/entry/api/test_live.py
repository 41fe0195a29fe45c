"""Streams of events: what a reader gets, how it goes on, how many there may be, and what ends one."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn
from tests.conftest import ANN
from tests.entry.api.conftest import Gatehouse, Open

from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.names import PrincipalId
from tunewarden.entry.api.bell import Bell
from tunewarden.entry.api.limits import Buckets
from tunewarden.entry.api.server import Server

EVENTS = "/v1/fine_tuning/jobs/{}/events"


class Street:
    """A gatehouse that listens on loopback, and streams that look often."""

    def __init__(self, gate: Gatehouse) -> None:
        self.gate = gate
        app: Any = gate.client.app
        self.live = gate.doors.live
        self.live.bell, self.live.asked_seconds = Bell(gate.stage.platform.view, seconds=0.01), 0.1
        self.server = Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)

    def job(self) -> str:
        dataset = self.gate.stage.dataset().id
        governance = {"purpose": "research", "privacy": {"epsilon": "1"}}
        body = {"model": "tiny", "training_file": dataset, "governance": governance}
        answer = self.gate.ask("ann", "POST", "/v1/fine_tuning/jobs", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def cancel(self, job: str) -> None:
        assert self.gate.ask("ann", "POST", f"/v1/fine_tuning/jobs/{job}/cancel").status_code == 200

    def listed(self, job: str) -> list[Any]:
        """Oldest first."""
        found = self.gate.ask("ann", "GET", EVENTS.format(job), params={"limit": 100}).json()["data"]
        return list(reversed(found))

    @contextmanager
    def opened(self, job: str, who: str = "ann", **more: Any) -> Iterator[httpx.Response]:
        headers = {"authorization": f"Bearer {self.gate.tokens[who]}", **more.pop("headers", {})}
        params = {"stream": "true", **more}
        with self.client.stream("GET", EVENTS.format(job), headers=headers, params=params) as answer:
            yield answer

    def end(self) -> None:
        self.server.should_exit = True
        self._thread.join()
        self.client.close()


Builder = Callable[..., Street]


@pytest.fixture
def built(opened: Open) -> Iterator[Builder]:
    made: list[Street] = []

    def build(**settings: Any) -> Street:
        made.append(Street(opened(**settings)))
        return made[-1]

    yield build
    for one in made:
        one.end()


@pytest.fixture
def street(built: Builder) -> Street:
    return built()


def data_of(answer: httpx.Response) -> Iterator[Any]:
    """What comes in lines `data:`, one after the other; "[DONE]" as it is."""
    for line in answer.iter_lines():
        if line.startswith("data: "):
            said = line.removeprefix("data: ")
            yield said if said == "[DONE]" else json.loads(said)


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError("it never was so")


def test_a_stream_tells_the_objects_of_the_list_oldest_first_and_ends_when_the_job_has_ended(street: Street) -> None:
    job = street.job()
    street.cancel(job)
    with street.opened(job) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"].startswith("req_")
        text = answer.read().decode()
    blocks = text.split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""]
    told = [block.split("\n") for block in blocks[:-2]]
    assert {first for first, _ in told} == {"event: fine_tuning.job.event"}
    assert [json.loads(second.removeprefix("data: ")) for _, second in told] == street.listed(job)
    assert len(told) == 4


def test_what_happens_is_told_as_it_happens(street: Street) -> None:
    job = street.job()
    with street.opened(job) as answer:
        coming = data_of(answer)
        assert [next(coming)["message"] for _ in range(2)] == ["RequestSubmitted", "BudgetReserved"]
        street.job()  # of another one nothing is told
        street.cancel(job)
        assert [one if one == "[DONE]" else one["message"] for one in coming] == [
            "BudgetSettled",
            "RequestEnded",
            "[DONE]",
        ]


def test_a_stream_goes_on_after_the_event_that_is_named_in_either_way_and_the_header_counts(street: Street) -> None:
    job = street.job()
    street.cancel(job)
    ids = [one["id"] for one in street.listed(job)]

    def rest(**more: Any) -> list[str]:
        with street.opened(job, **more) as answer:
            return [one["id"] for one in data_of(answer) if one != "[DONE]"]

    assert rest(after=ids[1]) == ids[2:]
    assert rest(headers={"last-event-id": ids[2]}, after=ids[0]) == ids[3:]
    assert rest(after=ids[-1]) == []
    for wrong in ("ftevent-0", "ftevent-999", "ftevent-", "7", ids[0] + "0"):
        with street.opened(job, after=wrong) as answer:
            assert answer.status_code == 422
            assert json.loads(answer.read())["error"]["code"] == "cursor_unknown"


def test_there_are_lines_with_ids_only_for_who_asks_for_them(street: Street) -> None:
    job = street.job()
    street.cancel(job)
    ids = [one["id"] for one in street.listed(job)]

    def lines(**more: Any) -> list[str]:
        with street.opened(job, **more) as answer:
            return [line for line in answer.iter_lines() if line.startswith("id:")]

    assert lines() == []
    assert lines(ids="1") == [f"id: {one}" for one in ids]


def test_who_may_not_see_the_job_is_told_before_anything_is_streamed(street: Street) -> None:
    job = street.job()
    for who, name in (("eve", job), ("ann", "ftjob-x")):
        with street.opened(name, who) as answer:
            assert answer.status_code == 404
            assert json.loads(answer.read())["error"]["code"] == "request_not_found"
    assert street.live.open == 0


def test_a_key_that_is_taken_away_ends_its_stream_with_an_error(street: Street) -> None:
    job = street.job()
    with street.opened(job) as answer:
        coming = data_of(answer)
        assert next(coming)["message"] == "RequestSubmitted"
        with street.gate.stage.platform.work(PrincipalId("operator")) as work:
            for key in work.keys.all():
                if key.principal == ANN.id:
                    work.keys.put(replace(key, revoked=True))
            work.record(KeyRevoked(principal=ANN.id))
            work.commit()
        *_, last = coming
    assert last["error"]["code"] == "invalid_api_key"
    assert last["error"]["type"] == "authentication_error"


class FailedTooOften(Buckets):
    """The address has failed as often as it may, for ever."""

    def take(self, who: str) -> float:
        return 60.0 + len(who)


def test_a_key_that_is_taken_away_ends_its_stream_also_where_others_at_the_address_fail_often(street: Street) -> None:
    job = street.job()
    street.live.longest_seconds = 10.0
    object.__setattr__(street.gate.doors, "failed", FailedTooOften(1))
    with street.opened(job) as answer:
        coming = data_of(answer)
        assert next(coming)["message"] == "RequestSubmitted"
        with street.gate.stage.platform.work(PrincipalId("operator")) as work:
            for key in work.keys.all():
                if key.principal == ANN.id:
                    work.keys.put(replace(key, revoked=True))
            work.record(KeyRevoked(principal=ANN.id))
            work.commit()
        *_, last = coming
    assert last["error"]["code"] == "invalid_api_key"


def test_so_many_streams_and_no_more_and_a_reader_who_leaves_makes_room(built: Builder) -> None:
    street = built(streams_of_each_principal=1, streams_at_once=2)
    job = street.job()

    def refused(who: str) -> None:
        with street.opened(job, who) as answer:
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
            assert json.loads(answer.read())["error"]["code"] == "too_many_streams"

    with street.opened(job) as first:
        coming = data_of(first)
        assert next(coming)["message"] == "RequestSubmitted"
        refused("ann")
        with street.opened(job, "bob") as second:
            assert second.status_code == 200
            also = data_of(second)
            assert next(also)["message"] == "RequestSubmitted"
            refused("pia")
        until(lambda: street.live.open == 1)
        with street.opened(job, "pia") as third:
            assert third.status_code == 200
    until(lambda: street.live.open == 0)


def test_an_open_stream_takes_no_place_among_the_requests_that_are_answered(built: Builder) -> None:
    street = built(requests_at_once=1)
    job = street.job()
    with street.opened(job) as answer:
        coming = data_of(answer)
        assert next(coming)["message"] == "RequestSubmitted"
        for _ in range(3):
            assert street.gate.ask("ann", "GET", "/v1/files").status_code == 200
        assert street.live.open == 1


def test_many_streams_that_wait_hold_no_thread(built: Builder) -> None:
    street = built(streams_of_each_principal=60)
    job = street.job()
    opened = [street.opened(job) for _ in range(60)]  # more than there are threads for requests
    answers = [one.__enter__() for one in opened]
    assert {answer.status_code for answer in answers} == {200}
    assert street.client.get("/healthz").status_code == 200
    headers = {"authorization": f"Bearer {street.gate.tokens['ann']}"}
    assert street.client.get("/v1/files", headers=headers).status_code == 200
    for one in opened:
        one.__exit__(None, None, None)
    until(lambda: street.live.open == 0)


def test_a_process_that_ends_tells_its_streams_and_does_not_wait_for_them(street: Street) -> None:
    job = street.job()
    street.live.asked_seconds = 3600.0
    with street.opened(job) as answer:
        coming = data_of(answer)
        next(coming)
        street.server.should_exit = True
        *_, last = coming
    assert last["error"]["code"] == "stream_interrupted"
    assert "after" in last["error"]["message"]
