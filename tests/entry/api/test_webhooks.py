"""Endpoints of webhooks over the API: who may manage them, what is shown of them, and what is nowhere to be found."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from tests.entry.api.conftest import Open
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.events import ActionRefused
from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhook_events import (
    WebhookChanged,
    WebhookCreated,
    WebhookDeleted,
    WebhookSecretRotated,
)
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_webhooks import SqlDeliveries
from tunewarden.drivers.webhook_seals import WebhookSeals
from tunewarden.usecases.webhook_deliveries import Delivery
from tunewarden.usecases.webhooks import Trials

ALL = "/v1/webhook_endpoints"
CANARY = "clinic-north-canary"
URL = f"https://93.184.216.34/{CANARY}"
BODY = {"name": f"{CANARY} name", "url": URL, "event_types": ["fine_tuning.job.failed", "model.promoted"]}


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home")
    yield made
    made.close()


def made(theatre: Theatre, **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = theatre.must("ada", "POST", ALL, json={**BODY, **changes})
    return answer


def test_what_is_done_to_an_endpoint_is_in_the_log_without_its_address_its_name_or_its_secrets(
    theatre: Theatre, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = made(theatre)
    where = f"{ALL}/{endpoint['id']}"
    theatre.must("ada", "POST", where, json={"url": URL + "/else"})
    theatre.must("ada", "POST", where, json={"event_types": ["approval.denied"]})
    rotated = theatre.must("ada", "POST", where + "/rotate_secret", json={"keep_old_secret_active_for_24_hours": True})
    theatre.must("ada", "POST", where + "/test", json={"event_type": "approval.denied"})
    assert theatre.must("ada", "DELETE", where)["deleted"] is True
    facts = [entry.event for entry in theatre.entries() if type(entry.event).__name__.startswith("Webhook")]
    kinds = [WebhookCreated, WebhookChanged, WebhookChanged, WebhookSecretRotated, WebhookDeleted]
    assert [type(fact) for fact in facts] == kinds
    moved = [fact.moved for fact in facts if isinstance(fact, WebhookChanged)]
    assert moved == [True, False]
    database = theatre.settings.home / "tunewarden.db"
    with sqlite3.connect(database) as connection:
        bodies = b"".join(body for (body,) in connection.execute("SELECT body FROM entries"))
        rows = "".join(body for (body,) in connection.execute("SELECT body FROM webhooks"))
    connection.close()
    said = capfd.readouterr()
    for secret in (CANARY, endpoint["signing_secret"], rotated["signing_secret"]):
        assert secret.encode() not in bodies
        assert secret not in rows, "deleted with its name"
        assert secret not in said.out + said.err


def test_the_database_holds_the_address_and_the_secrets_sealed(theatre: Theatre) -> None:
    endpoint = made(theatre)
    with sqlite3.connect(theatre.settings.home / "tunewarden.db") as connection:
        ((row,),) = connection.execute("SELECT body FROM webhooks").fetchall()
    connection.close()
    assert URL not in row
    assert "93.184" not in row
    assert endpoint["signing_secret"] not in row
    assert endpoint["signing_secret"].removeprefix("whsec_") not in row


def test_a_secret_is_shown_once_and_a_repetition_does_not_show_it_again(theatre: Theatre) -> None:
    key = {"Idempotency-Key": "once"}
    endpoint = theatre.must("ada", "POST", ALL, json=BODY, headers=key)
    again = theatre.ask("ada", "POST", ALL, json=BODY, headers=key)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "secret_shown_once")
    shown = [theatre.must("ada", "GET", f"{ALL}/{endpoint['id']}"), *theatre.must("ada", "GET", ALL)["data"]]
    assert len(shown) == 2
    assert not any("signing_secret" in one for one in shown)


@pytest.mark.parametrize("who", ["ann", "bob", "dana", "otto", "eve", "pia"])
def test_who_is_no_administrator_manages_none_and_is_told_so_in_the_log(theatre: Theatre, who: str) -> None:
    endpoint = made(theatre)
    where = f"{ALL}/{endpoint['id']}"
    for method, path, body in (
        ("POST", ALL, BODY),
        ("GET", where, None),
        ("POST", where, {"name": "mine"}),
        ("POST", where + "/rotate_secret", {}),
        ("POST", where + "/test", {"event_type": "gate.failed"}),
        ("DELETE", where, None),
    ):
        answer = theatre.ask(who, method, path, json=body)
        assert answer.status_code in {403, 404}
        assert CANARY not in answer.text
    refused = [entry for entry in theatre.entries() if isinstance(entry.event, ActionRefused)]
    assert len(refused) == 6
    assert theatre.must(who, "GET", ALL)["data"] == []
    assert theatre.must("ada", "GET", where)["url"] == URL


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"url": "https://10.0.0.1/" + CANARY}, 403, "webhook_address_refused"),
        ({"url": "http://93.184.216.34/" + CANARY}, 403, "webhook_address_refused"),
        ({"url": "https://ann:secret@93.184.216.34/" + CANARY}, 422, "webhook_url_malformed"),
        ({"url": "https://" + "x" * 2000}, 422, "invalid_request"),
        ({"event_types": []}, 422, "invalid_request"),
        ({"event_types": ["batch.completed"]}, 422, "invalid_request"),
        ({"name": ""}, 422, "invalid_request"),
        ({"name": f"{CANARY}\u0007"}, 422, "webhook_name_malformed"),
        ({"secret": CANARY}, 422, "invalid_request"),
    ],
)
def test_what_is_no_endpoint_is_refused_and_not_repeated(
    theatre: Theatre, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = theatre.ask("ada", "POST", ALL, json={**BODY, **changes})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert CANARY not in answer.text
    endpoint = made(theatre)
    answer = theatre.ask("ada", "POST", f"{ALL}/{endpoint['id']}", json=changes)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert theatre.must("ada", "GET", f"{ALL}/{endpoint['id']}")["url"] == URL


def test_a_project_has_twenty_endpoints_and_a_deleted_one_makes_room(theatre: Theatre) -> None:
    first = made(theatre)
    for _ in range(19):
        made(theatre)
    answer = theatre.ask("ada", "POST", ALL, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "too_many_webhooks")
    theatre.must("ada", "DELETE", f"{ALL}/{first['id']}")
    made(theatre)


def test_where_webhooks_are_off_nobody_makes_one_and_the_key_of_signatures_is_not_there(opened: Open) -> None:
    gate = opened()
    answer = gate.ask("ada", "POST", ALL, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "webhooks_off")
    assert gate.ask("ann", "GET", "/v1/webhook_signing_key").status_code == 404


def test_the_key_of_signatures_is_for_everybody_who_is_let_in(theatre: Theatre) -> None:
    keys = {theatre.must(who, "GET", "/v1/webhook_signing_key")["public_key"] for who in ("ann", "otto", "ada")}
    assert len(keys) == 1
    assert keys.pop().startswith("whpk_")
    assert theatre.client.get("/v1/webhook_signing_key").status_code == 401


def test_nobody_waits_for_whoever_answers_for_names(theatre: Theatre) -> None:
    """While a name is looked up nothing is locked: everything else can be written meanwhile."""
    app: Any = theatre.client.app
    doors, endpoint = app.state.doors, made(theatre)
    written: list[str] = []

    def check(_: str) -> None:
        written.append(theatre.upload("ann", b"meanwhile"))

    object.__setattr__(doors, "webhooks", replace(doors.webhooks, check=check))
    made(theatre)
    theatre.must("ada", "POST", f"{ALL}/{endpoint['id']}", json={"url": URL})
    assert len(written) == 2


class Unanswered(SqlDeliveries):
    """No notifier plays; the tests that came so far are in a queue."""

    def __init__(self, database: str) -> None:
        super().__init__(connect(database))
        self.came: Queue[Delivery] = Queue()

    def put_test(self, test: Delivery) -> None:
        super().put_test(test)
        self.came.put(test)


def test_one_test_of_each_endpoint_and_few_in_all_wait_for_their_answers(theatre: Theatre) -> None:
    app: Any = theatre.client.app
    doors, deliveries = app.state.doors, Unanswered(theatre.settings.database)
    door = replace(doors.webhooks, deliveries=deliveries, trials=Trials(most=2))
    object.__setattr__(doors, "webhooks", door)
    first, second, third = (made(theatre)["id"] for _ in range(3))

    def tested(identifier: str) -> Any:
        return theatre.ask("ada", "POST", f"{ALL}/{identifier}/test", json={"event_type": "gate.failed"})

    def code(answer: Any) -> Any:
        return answer.status_code, answer.json()["error"]["code"]

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(tested, first)]
        tests = [deliveries.came.get(timeout=30)]
        assert code(tested(first)) == (409, "webhooks_busy")
        waiting.append(pool.submit(tested, second))
        tests.append(deliveries.came.get(timeout=30))
        assert code(tested(third)) == (409, "webhooks_busy")
        for one in tests:
            deliveries.answered(replace(one, status=204))
        assert [one.result().status_code for one in waiting] == [200, 200]
        again = pool.submit(tested, third)
        deliveries.answered(replace(deliveries.came.get(timeout=30), status=204))
        assert again.result().status_code == 200


def test_after_the_key_was_replaced_endpoints_are_listed_and_changed_and_deleted(theatre: Theatre) -> None:
    """And what is done is answered as done: a new secret that nobody was shown would sign from then on."""
    app: Any = theatre.client.app
    doors, endpoint = app.state.doors, made(theatre)
    object.__setattr__(doors, "webhooks", replace(doors.webhooks, seals=WebhookSeals(b"z" * 32)))
    where = f"{ALL}/{endpoint['id']}"
    for shown in (*theatre.must("ada", "GET", ALL)["data"], theatre.must("ada", "GET", where)):
        assert (shown["id"], shown["url"]) == (endpoint["id"], "")
        assert shown["disabled_because"] == "cannot-be-opened"
    assert theatre.must("ada", "POST", where, json={"name": "ours"})["url"] == ""
    assert theatre.must("ada", "POST", where + "/rotate_secret", json={})["signing_secret"].startswith("whsec_")
    assert theatre.must("ada", "POST", where, json={"url": URL})["disabled_because"] is None
    theatre.must("ada", "DELETE", where)


def test_a_deletion_that_is_done_is_answered_as_done_whatever_becomes_of_the_queue(theatre: Theatre) -> None:
    class Broken(SqlDeliveries):
        def clear(self, webhook: WebhookId) -> None:
            raise Unavailable("database_unavailable", f"The database does not answer about {webhook}.")

    app: Any = theatre.client.app
    doors, endpoint = app.state.doors, made(theatre)
    broken = Broken(connect(theatre.settings.database))
    object.__setattr__(doors, "webhooks", replace(doors.webhooks, deliveries=broken))
    assert theatre.must("ada", "DELETE", f"{ALL}/{endpoint['id']}")["deleted"] is True
