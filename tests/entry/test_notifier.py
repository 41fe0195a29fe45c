"""The notifier over a real database: what endpoints are told, how often, in which order, and what ends it."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any, ClassVar

import pytest
from openai import OpenAI
from tests.conftest import ADA, NOW
from tests.entry.post_office import ALL, PUBLIC, Post
from tests.journeys.script import Props
from tests.journeys.theatre import in_folder

from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.names import PrincipalId, WebhookId
from tunewarden.domain.webhook_events import WebhookDisabled, WebhookGivenUp
from tunewarden.domain.webhooks import PAUSES, WebhookEnd
from tunewarden.entry import webhooks
from tunewarden.entry.settings import Settings
from tunewarden.usecases import notifying
from tunewarden.usecases.notifying import NOTIFIER, collect, deliver


def test_an_endpoint_is_told_what_it_asked_for_by_an_id_and_nothing_more(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    job = post.props.job()["id"]
    post.theatre.must("ann", "POST", f"/v1/fine_tuning/jobs/{job}/cancel")
    post.run()
    told = post.outside.told()
    assert [one["type"] for one in told] == ["approval.requested", "fine_tuning.job.cancelled"]
    assert {frozenset(one) for one in told} == {frozenset({"id", "object", "type", "created_at", "data"})}
    assert [one["data"] for one in told] == [{"id": job}] * 2
    for _, headers, body in post.outside.came:
        at = int(headers["webhook-timestamp"])
        assert at == int(post.clock.now.timestamp())
        assert headers["webhook-id"] == json.loads(body)["id"]
        assert body.decode().isascii()
    assert endpoint["signing_secret"].startswith("whsec_")
    post.run()
    assert len(post.outside.came) == 2, "each once, where it was taken"


def test_what_happened_before_the_endpoint_was_there_is_not_told(post: Post) -> None:
    post.run()
    post.props.job()
    post.endpoint()
    post.run()
    assert post.outside.came == []
    post.props.job()
    post.run()
    assert [one["type"] for one in post.outside.told()] == ["approval.requested"]


def test_what_happened_before_the_notifier_was_started_for_the_first_time_is_told(post: Post) -> None:
    post.props.job()
    post.endpoint()
    job = post.props.job()["id"]
    post.run()
    assert [one["data"]["id"] for one in post.outside.told()] == [job]


def test_an_endpoint_of_a_project_is_told_of_that_project_alone_and_one_of_none_of_what_is_in_none(post: Post) -> None:
    post.run()
    project = post.theatre.must("max", "POST", "/v1/organization/projects", json={"name": "north"})["id"]
    within = {"OpenAI-Project": project}
    body = {"name": "n", "url": "https://north.example/", "event_types": ALL}
    made = post.theatre.must("ada", "POST", "/v1/webhook_endpoints", json=body, headers=within)
    assert made["project_id"] == project
    assert post.endpoint()["project_id"] is None
    post.props.job()
    post.run()
    assert post.outside.told("north.example") == []
    assert len(post.outside.told()) == 1
    listed = post.theatre.must("ada", "GET", "/v1/webhook_endpoints", headers=within)["data"]
    assert [one["id"] for one in listed] == [made["id"]]


def test_the_client_verifies_what_came_with_the_secret_that_was_shown_once(post: Post) -> None:
    post.run()
    secret = post.endpoint()["signing_secret"]
    post.props.job()
    post.clock.now = datetime.now(UTC)
    post.run()
    ((_, headers, body),) = post.outside.came
    event: Any = OpenAI(api_key="none").webhooks.unwrap(body, dict(headers), secret=secret)
    assert event.type == "approval.requested"


def test_a_failed_message_comes_again_at_the_hours_of_the_standard_with_its_id_and_is_then_given_up(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    post.outside.answers["hooks.example"] = 503
    post.props.job()
    post.run()
    assert len(post.outside.came) == 1
    for attempt, pause in enumerate(PAUSES[1:], 2):
        post.later(pause - timedelta(seconds=1))
        assert len(post.outside.came) == attempt - 1, "not before its time"
        post.later(timedelta(seconds=1) + pause / 10)
        assert len(post.outside.came) == attempt
    post.later(timedelta(days=30))
    assert len(post.outside.came) == len(PAUSES) == 10
    assert len({headers["webhook-id"] for _, headers, _ in post.outside.came}) == 1
    assert len({body for _, _, body in post.outside.came}) == 1
    (given_up,) = post.facts(WebhookGivenUp)
    assert (given_up.webhook, given_up.attempts) == (endpoint["id"], 10)
    (told,) = [entry for entry in post.theatre.entries() if isinstance(entry.event, WebhookGivenUp)]
    assert told.actor == NOTIFIER


@pytest.mark.parametrize("answer", [0, 301, 302, 307, 400, 404, 500])
def test_whatever_is_not_2xx_is_tried_again_and_a_redirect_is_no_success(post: Post, answer: int) -> None:
    post.run()
    post.endpoint()
    post.outside.answers["hooks.example"] = answer
    post.props.job()
    post.run()
    post.outside.answers["hooks.example"] = 200
    post.later(timedelta(seconds=6))
    assert len(post.outside.came) == 2
    post.later(timedelta(days=5))
    assert len(post.outside.came) == 2


def test_410_disables_the_endpoint_and_nothing_that_waits_is_sent_until_somebody_changes_it(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    post.outside.answers["hooks.example"] = 410
    post.props.job()
    post.props.job()
    post.run()
    assert len(post.outside.came) == 1
    (disabled,) = post.facts(WebhookDisabled)
    assert (disabled.webhook, disabled.because) == (endpoint["id"], WebhookEnd.GONE)
    where = f"/v1/webhook_endpoints/{endpoint['id']}"
    assert post.theatre.must("ada", "GET", where)["disabled_because"] == "gone"
    post.outside.answers.clear()
    post.props.job()
    post.later(timedelta(days=5))
    assert len(post.outside.came) == 1
    assert post.theatre.must("ada", "POST", where, json={"name": "again"})["disabled_because"] is None
    post.props.job()
    post.run()
    assert len(post.outside.came) == 2


def test_a_crash_between_delivery_and_mark_delivers_again_with_the_same_id(post: Post) -> None:
    post.run()
    post.endpoint()
    post.props.job()
    collect(post.notifier)

    def die(_: str) -> None:
        raise KeyboardInterrupt

    post.outside.during = die
    (waiting,) = notifying.waiting(post.notifier, frozenset())
    with pytest.raises(KeyboardInterrupt):
        deliver(post.notifier, waiting)
    post.outside.during = lambda _: None
    post.run()
    first, second = post.outside.came
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    assert first[2] == second[2]


def test_a_crash_between_looking_and_queueing_loses_nothing_and_queues_nothing_twice(post: Post) -> None:
    post.run()
    post.endpoint()
    post.props.job()
    collect(post.notifier)
    post.notifier.deliveries.put([], 0)  # as if the process had died before it moved on
    post.run()
    assert len(post.outside.came) == 1


def test_a_secret_that_was_replaced_signs_along_for_a_day_where_it_is_kept_and_else_not_at_all(post: Post) -> None:
    post.run()
    endpoint = post.endpoint()
    where = f"/v1/webhook_endpoints/{endpoint['id']}/rotate_secret"
    keep = {"keep_old_secret_active_for_24_hours": True}
    new = post.theatre.must("ada", "POST", where, json=keep)["signing_secret"]
    assert new != endpoint["signing_secret"]
    post.clock.now = post.theatre.platform.clock()

    def macs() -> int:
        post.outside.came.clear()
        post.props.job()
        post.run()
        ((_, headers, _),) = post.outside.came
        return sum(part.startswith("v1,") for part in headers["webhook-signature"].split(" "))

    assert macs() == 2
    post.clock.now += timedelta(hours=25)
    assert macs() == 1
    post.clock.now = post.theatre.platform.clock()
    post.theatre.must("ada", "POST", where, json={})
    assert macs() == 1


def test_a_name_that_leads_inside_by_now_gets_nothing(post: Post) -> None:
    post.run()
    post.endpoint()
    post.outside.resolved = lambda _: ["169.254.169.254"]
    post.props.job()
    post.run()
    assert post.outside.came == []
    post.outside.resolved = lambda _: [PUBLIC]
    post.later(timedelta(seconds=6))
    assert len(post.outside.came) == 1, "it counts as an attempt"


def test_nothing_is_told_once_who_made_the_endpoint_was_revoked(post: Post) -> None:
    post.run()
    post.endpoint()
    post.props.job()
    collect(post.notifier)
    with post.theatre.platform.work(PrincipalId("operator")) as work:
        work.principals.put(replace(work.principals.get(ADA.id), revoked=True))
        work.record(KeyRevoked(principal=ADA.id))
        work.commit()
    post.run()
    post.props.job()
    post.run()
    assert post.outside.came == []


def test_a_slow_endpoint_keeps_no_other_one_waiting(post: Post) -> None:
    post.run()
    post.endpoint("https://slow.example/")
    post.endpoint("https://quick.example/")
    go, quick = threading.Event(), threading.Semaphore(0)

    def during(host: str) -> None:
        if host == "slow.example":
            assert go.wait(30)
        else:
            quick.release()

    post.outside.during = during
    with ThreadPoolExecutor(2) as pool:
        turns = webhooks.Turns(post.notifier, pool)
        for _ in range(3):
            post.props.job()
            turns.turn()
            assert quick.acquire(timeout=30), "the slow one has not ended"
        assert len(post.outside.told("slow.example")) == 1
        go.set()
    post.run()
    assert len(post.outside.told("slow.example")) == 3


def test_an_endpoint_for_which_too_much_waits_is_disabled(post: Post) -> None:
    post.notifier = replace(post.notifier, most_waiting=2)
    post.run()
    endpoint = post.endpoint()
    for _ in range(3):
        post.props.job()
    while collect(post.notifier):
        pass
    (disabled,) = post.facts(WebhookDisabled)
    assert (disabled.webhook, disabled.because) == (endpoint["id"], WebhookEnd.TOO_MUCH_WAITS)
    assert post.notifier.deliveries.waiting(WebhookId(endpoint["id"])) == 0


class Hook(BaseHTTPRequestHandler):
    """A receiver on this machine."""

    came: ClassVar[Queue[tuple[dict[str, str], bytes]]] = Queue()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.came.put((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_the_process_itself_sends_to_a_host_that_the_settings_allow_until_it_is_told_to_stop(tmp_path: Path) -> None:
    theatre = in_folder(tmp_path / "home", webhook_allowed="127.0.0.1", poll_interval_seconds=0.05)
    server = HTTPServer(("127.0.0.1", 0), Hook)
    stopping = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        serving = pool.submit(server.serve_forever)
        running = pool.submit(webhooks.run, theatre.settings, theatre.platform.clock, stopping)
        try:
            body = {"name": "ours", "url": f"http://127.0.0.1:{server.server_port}/in", "event_types": ALL}
            secret = theatre.must("ada", "POST", "/v1/webhook_endpoints", json=body)["signing_secret"]
            job = Props(theatre=theatre).job()["id"]
            headers, sent = Hook.came.get(timeout=60)
        finally:
            stopping.set()
            server.shutdown()
        assert running.result() == 0
        serving.result()
    server.server_close()
    theatre.close()
    event: Any = OpenAI(api_key="none").webhooks.unwrap(sent, headers, secret=secret)
    assert (event.type, event.data.id) == ("approval.requested", job)


def test_without_the_setting_the_process_ends_at_once() -> None:
    assert webhooks.run(Settings(webhooks=False), lambda: NOW, threading.Event()) == 0
