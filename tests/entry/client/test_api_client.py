"""The client's way of asking: patient, bounded, once, and to nobody else."""

import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import httpx2 as httpx
import pytest

from tunewarden.domain.errors import Corrupted, Malformed, TunewardenError, Unavailable
from tunewarden.entry.cli.client.address import address
from tunewarden.entry.cli.client.api import Api
from tunewarden.entry.cli.client.credentials import Credentials
from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.exits import Exit, exit_of_status

KEY = "tw-" + "k" * 43
HOME = "https://tuning.example"
Answer = Callable[[httpx.Request], httpx.Response]


class Asked:
    """An API whose answers are given one after the other, and what was asked of it; no time passes."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers: Iterator[Any] = iter(answers)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self.now = 0.0
        made = Credentials(address=address(HOME), key=KEY)
        transport = httpx.MockTransport(self._answer)
        self.api = Api(credentials=made, sleep=self._sleep, clock=lambda: self.now, transport=transport)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def keys(self) -> list[str]:
        return [request.headers.get("idempotency-key", "") for request in self.requests]


def problem(status: int, code: str = "some_code", **headers: str) -> httpx.Response:
    body = {"detail": "Some reason.", "error": {"code": code, "message": "m", "param": "p"}, "remedy": "Do."}
    return httpx.Response(status, json=body, headers={"x-request-id": "req_1", **headers})


def test_a_post_whose_answer_is_lost_is_sent_again_as_the_same() -> None:
    asked = Asked(httpx.ReadError("lost"), problem(503), httpx.Response(200, json={"id": "ftjob-1"}))
    with asked.api as api:
        assert api.post("/v1/fine_tuning/jobs", {"model": "tiny"}) == {"id": "ftjob-1"}
    assert len(set(asked.keys())) == 1
    assert len(asked.keys()[0]) >= 16
    assert [json.loads(request.content) for request in asked.requests] == [{"model": "tiny"}] * 3


def test_two_posts_are_two() -> None:
    asked = Asked(httpx.Response(200, json={}), httpx.Response(200, json={}))
    with asked.api as api:
        api.post("/v1/x")
        api.post("/v1/x")
    assert len(set(asked.keys())) == 2


def test_nobody_is_asked_for_ever_and_each_time_a_little_later() -> None:
    asked = Asked(*[httpx.ConnectError("no")] * 9)
    with asked.api as api, pytest.raises(Unavailable) as no:
        api.get("/v1/x")
    assert no.value.code == "platform_not_reached"
    assert len(asked.requests) == 5
    assert all(later > 1.1 * before for before, later in zip(asked.pauses, asked.pauses[1:], strict=False))


def test_the_platform_says_when_to_come_back_and_not_later_than_it_is_worth() -> None:
    asked = Asked(problem(429, **{"retry-after": "7"}), httpx.Response(200, json={}))
    with asked.api as api:
        api.get("/v1/x")
    assert asked.pauses == [7.0]
    tired = Asked(problem(429, **{"retry-after": "3600"}))
    with tired.api as api, pytest.raises(Declined) as no:
        api.get("/v1/x")
    assert (no.value.exit_code, tired.pauses) == (Exit.UNAVAILABLE, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500, 501])
def test_what_does_not_get_better_is_asked_once(status: int) -> None:
    asked = Asked(problem(status))
    with asked.api as api, pytest.raises(Declined) as no:
        api.post("/v1/x")
    assert no.value.exit_code is exit_of_status(status)
    assert (no.value.code, no.value.param, no.value.remedy, no.value.request_id) == ("some_code", "p", "Do.", "req_1")


def test_a_request_that_is_under_way_is_waited_for() -> None:
    busy = {"retry-after": "1", "x-should-retry": "true"}
    asked = Asked(*[problem(409, **busy) for _ in range(20)], httpx.Response(200, json={"id": "x"}))
    with asked.api as api:
        assert api.post("/v1/x", patience=60) == {"id": "x"}
    assert asked.now == 20
    never = Asked(*[problem(409, **busy) for _ in range(100)])
    with never.api as api, pytest.raises(Declined) as no:
        api.post("/v1/x", patience=10)
    assert (no.value.exit_code, never.now) == (Exit.CONFLICT, 10)


@pytest.mark.parametrize(
    "location", ["https://evil.example/v1/x", "//evil.example/v1/x", "http://tuning.example/v1/x", "/elsewhere", ""]
)
def test_no_redirect_is_followed_with_the_key(location: str) -> None:
    for headers in ({}, {"idempotency-replayed": "true"}):
        asked = Asked(httpx.Response(303, headers={"location": location, **headers}))
        with asked.api as api, pytest.raises(Declined) as no:
            api.post("/v1/fine_tuning/jobs")
        assert no.value.code == "redirected"
        assert len(asked.requests) == 1


def test_where_the_first_answer_is_lost_the_thing_itself_is_read() -> None:
    moved = httpx.Response(303, headers={"location": "jobs/ftjob-1", "idempotency-replayed": "true"})
    asked = Asked(moved, httpx.Response(200, json={"id": "ftjob-1"}))
    with asked.api as api:
        assert api.post("/v1/fine_tuning/jobs")["id"] == "ftjob-1"
    assert [(one.method, one.url.path) for one in asked.requests] == [
        ("POST", "/v1/fine_tuning/jobs"),
        ("GET", "/v1/fine_tuning/jobs/ftjob-1"),
    ]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_an_answer_that_is_none_of_the_api_is_told_as_broken(body: bytes) -> None:
    asked = Asked(httpx.Response(200, content=body))
    with asked.api as api, pytest.raises(Corrupted):
        api.get("/v1/x")


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 65_536

    asked = Asked(httpx.Response(200, content=endless()))
    with asked.api as api, pytest.raises(Corrupted) as no:
        api.get("/v1/x")
    assert no.value.code == "answer_too_large"
    assert read < 300


def test_a_hostile_platform_gets_no_key_onto_the_screen_and_moves_no_cursor() -> None:
    body = {"detail": f"\x1b[2Jyour key is {KEY}\r\n\u202e", "error": {"code": f"a\x07{KEY}"}, "remedy": ["no text"]}
    asked = Asked(httpx.Response(403, json=body))
    with asked.api as api, pytest.raises(Declined) as no:
        api.get("/v1/x")
    document = json.dumps(no.value.document(), ensure_ascii=False)
    assert KEY not in document
    assert document.isprintable()
    assert KEY not in repr(asked.api.credentials)


def test_errors_of_any_shape_have_a_code_and_a_reason() -> None:
    for content in (b"", b"no json", b"[1]", b'{"error": "text"}', b'{"error": {"code": 7, "message": null}}'):
        asked = Asked(httpx.Response(404, content=content))
        with asked.api as api, pytest.raises(Declined) as no:
            api.get("/v1/x")
        assert (no.value.code, no.value.exit_code) == ("http_404", Exit.NOT_FOUND)
        assert no.value.reason


def test_a_list_is_walked_to_its_end_and_no_further() -> None:
    pages = [
        {"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"},
        {"data": [{"id": "c"}], "has_more": False, "last_id": "c"},
    ]
    asked = Asked(*[httpx.Response(200, json=page) for page in pages])
    with asked.api as api:
        assert [one["id"] for one in api.pages("/v1/x", {"limit": 2})] == ["a", "b", "c"]
    assert [request.url.params.get("after") for request in asked.requests] == [None, "b"]
    looping = {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}
    round_and_round = Asked(*[httpx.Response(200, json=looping) for _ in range(9)])
    with round_and_round.api as api:
        assert len(list(api.pages("/v1/x"))) == 2


def test_nothing_of_this_machine_is_said() -> None:
    asked = Asked(httpx.Response(200, json={}))
    with asked.api as api:
        api.get("/v1/x")
    headers = asked.requests[0].headers
    assert set(headers) <= {"host", "authorization", "user-agent", "accept", "accept-encoding", "connection"}
    assert (headers["user-agent"], headers["accept-encoding"]) == ("tunewarden", "identity")


def test_over_http_no_proxy_of_the_environment_is_given_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    made = Credentials(address=address("http://127.0.0.1:9"), key=KEY)
    with Api(credentials=made, tries=1) as api:
        client: Any = api._client
        assert client._mounts == {}
        with pytest.raises(TunewardenError):
            api.get("/v1/x")


def test_the_real_clock_and_sleep_are_the_usual() -> None:
    api = Api(credentials=Credentials(address=address(HOME), key=KEY))
    assert (api.sleep, api.clock) == (time.sleep, time.monotonic)


def test_what_may_have_been_done_is_told_so() -> None:
    for lost in (httpx.ReadError("lost"), httpx.ReadTimeout("lost"), httpx.RemoteProtocolError("lost"), 502, 504):
        asked = Asked(*[problem(lost) if isinstance(lost, int) else lost for _ in range(5)])
        with asked.api as api, pytest.raises((Unavailable, Declined)) as no:
            api.post("/v1/fine_tuning/jobs")
        assert "may have been done" in no.value.remedy, lost


def test_what_was_never_sent_is_not_told_as_if_it_may_have_been_done() -> None:
    for answer in (httpx.ConnectError("no"), httpx.ConnectTimeout("no"), 503, 429):
        asked = Asked(*[problem(answer) if isinstance(answer, int) else answer for _ in range(5)])
        with asked.api as api, pytest.raises((Unavailable, Declined)) as no:
            api.post("/v1/fine_tuning/jobs")
        assert "may have been done" not in no.value.remedy, answer
    reading = Asked(*[httpx.ReadError("lost")] * 5)
    with reading.api as api, pytest.raises(Unavailable) as lost:
        api.get("/v1/x")
    assert "may have been done" not in lost.value.remedy


def broken(*pieces: bytes) -> Iterator[bytes]:
    yield from pieces
    raise httpx.RemoteProtocolError("closed")


LOST = (httpx.ReadError("lost"), httpx.ReadTimeout("lost"), httpx.RemoteProtocolError("lost"), 502, 504)


def answers(*said: int | Exception) -> list[httpx.Response | Exception]:
    return [problem(one) if isinstance(one, int) else one for one in said]


def test_a_delete_is_not_sent_again_once_it_may_have_arrived() -> None:
    for lost in (*answers(*LOST), httpx.Response(200, content=broken(b"{"))):
        asked = Asked(lost, httpx.Response(200, json={}))
        with asked.api as api, pytest.raises((Unavailable, Declined)) as no:
            api.delete("/v1/x")
        assert [request.method for request in asked.requests] == ["DELETE"], lost
        assert "may have been done" in no.value.remedy, lost


def test_a_delete_that_did_not_arrive_or_was_not_looked_at_is_sent_again() -> None:
    asked = Asked(*answers(httpx.ConnectError("no"), httpx.ConnectTimeout("no"), 429), httpx.Response(200, json={}))
    with asked.api as api:
        assert api.delete("/v1/x") == {}
    assert len(asked.requests) == 4


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_delete_that_is_refused_is_told_as_that(status: int) -> None:
    asked = Asked(problem(status), httpx.Response(200, json={}))
    with asked.api as api, pytest.raises(Declined) as no:
        api.delete("/v1/x")
    assert (no.value.status, no.value.remedy, len(asked.requests)) == (status, "Do.", 1)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_is_not_let_in_behind_a_lost_answer_may_have_been_done(status: int) -> None:
    for lost in LOST:
        asked = Asked(*answers(lost, status))
        with asked.api as api, pytest.raises(Declined) as no:
            api.post("/v1/keys/key-1/rotate")
        assert (no.value.status, no.value.remedy[-4:]) == (status, " Do."), lost
        assert no.value.remedy.startswith("It may have been done"), lost
    for other in (httpx.ConnectError("no"), 503, 429):
        asked = Asked(*answers(other, status))
        with asked.api as api, pytest.raises(Declined) as no:
            api.post("/v1/keys/key-1/rotate")
        assert no.value.remedy == "Do.", other


def test_asking_with_the_same_key_is_offered_to_who_chose_one() -> None:
    for chosen in ("night-1", ""):
        asked = Asked(*answers(*[502] * 5))
        with asked.api as api, pytest.raises(Declined) as no:
            api.post("/v1/x", once=chosen)
        assert ("--idempotency-key" in no.value.remedy) is bool(chosen)


def test_a_download_that_breaks_off_begins_anew_and_nothing_of_the_first_one_is_left() -> None:
    asked = Asked(
        httpx.ConnectError("no"),
        problem(503),
        httpx.Response(200, content=broken(b"half", b"more")),
        httpx.Response(200, content=b"whole"),
    )
    into = BytesIO()
    with asked.api as api:
        assert api.download("/v1/x", None, into, 100) == 5
    assert into.getvalue() == b"whole"


def test_a_download_that_nobody_answers_is_told_as_that() -> None:
    asked = Asked(*[httpx.ReadTimeout("no")] * 9)
    with asked.api as api, pytest.raises(Unavailable) as no:
        api.download("/v1/x", None, BytesIO(), 100)
    assert (no.value.code, len(asked.requests)) == ("platform_not_reached", 5)


def test_who_reads_is_led_nowhere() -> None:
    moved = {"location": "y", "idempotency-replayed": "true"}
    asked = Asked(httpx.Response(303, headers=moved), httpx.Response(303, headers=moved))
    with asked.api as api, pytest.raises(Declined):
        api.post("/v1/x")
    assert [request.method for request in asked.requests] == ["POST", "GET"]
    reading = Asked(httpx.Response(303, headers=moved))
    with reading.api as api, pytest.raises(Declined):
        api.get("/v1/x")
    assert len(reading.requests) == 1


def test_a_place_that_is_no_url_is_not_followed() -> None:
    asked = Asked(httpx.Response(303, headers={"location": "http://[::x", "idempotency-replayed": "true"}))
    with asked.api as api, pytest.raises(Declined) as no:
        api.post("/v1/x")
    assert no.value.code == "redirected"


def test_the_usual_port_written_out_is_the_same_platform() -> None:
    moved = httpx.Response(303, headers={"location": "x/1", "idempotency-replayed": "true"})
    asked = Asked(moved, httpx.Response(200, json={"id": "1"}))
    asked.api.credentials = Credentials(address=address(HOME + ":443"), key=KEY)
    with asked.api as api:
        assert api.post("/v1/x") == {"id": "1"}


def test_pages_that_are_empty_or_go_round_come_to_an_end() -> None:
    empty = Asked(*[httpx.Response(200, json={"data": [], "has_more": True, "last_id": str(n)}) for n in range(99)])
    with empty.api as api:
        assert list(api.pages("/v1/x")) == []
    assert len(empty.requests) == 1
    around = [{"data": [{"id": one}], "has_more": True, "last_id": one} for one in "ababababab"]
    asked = Asked(*[httpx.Response(200, json=page) for page in around])
    with asked.api as api:
        assert len(list(api.pages("/v1/x"))) == 3


def test_an_answer_that_drips_comes_to_an_end() -> None:
    drops = 0

    def drip() -> Iterator[bytes]:
        nonlocal drops
        while drops < 5000:
            drops += 1
            asked.now += 1.0
            yield b" "

    asked = Asked(*[httpx.Response(200, content=drip()) for _ in range(5)])
    with asked.api as api, pytest.raises(Unavailable):
        api.get("/v1/x")
    assert drops <= 5 * 61


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "foo://x"])
def test_a_proxy_that_cannot_be_used_is_told_as_that(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    api = Api(credentials=Credentials(address=address(HOME), key=KEY))
    with pytest.raises(Malformed) as no:
        api.__enter__()
    assert no.value.code == "proxy_unusable"


def test_what_is_no_character_is_sent_nowhere() -> None:
    asked = Asked(httpx.Response(200, json={}))
    with asked.api as api, pytest.raises(Malformed):
        api.post("/v1/x", {"name": "\udcff"})
