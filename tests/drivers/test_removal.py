"""What is removed is gone from the state, in memory, SQLite and PostgreSQL alike; and what older rows become."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from tests.conftest import NOW
from tests.domain.test_webhooks import endpoint

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import NotFound, UnrecordedChange
from tunewarden.domain.names import PrincipalId, WebhookId
from tunewarden.domain.webhook_events import WebhookDeleted
from tunewarden.drivers.sql import SqlViews
from tunewarden.drivers.sql_engine import _config, connect
from tunewarden.usecases.ports import Views, Work

ANN = PrincipalId("prn-1")
FIRST, SECOND = (replace(endpoint(), id=WebhookId(name)) for name in ("webhook-1", "webhook-2"))
FACT = WebhookDeleted(webhook=FIRST.id)


@pytest.fixture
def two(work: Work) -> Work:
    with work(ANN) as unit:
        unit.webhooks.put(FIRST)
        unit.webhooks.put(SECOND)
        unit.record(FACT)
        unit.commit()
    return work


def test_what_is_removed_is_found_by_nobody_and_the_others_stay(two: Work, view: Views) -> None:
    with two(ANN) as unit:
        unit.webhooks.remove(FIRST.id)
        assert unit.webhooks.find(FIRST.id) is None, "a unit of work sees what it did"
        unit.record(FACT)
        unit.commit()
    with view() as seen:
        assert list(seen.webhooks.all()) == [SECOND]
        with pytest.raises(NotFound):
            seen.webhooks.get(FIRST.id)


def test_what_was_never_there_can_be_removed_and_what_was_removed_can_be_put_again(two: Work, view: Views) -> None:
    with two(ANN) as unit:
        unit.webhooks.remove(WebhookId("webhook-9"))
        unit.webhooks.remove(FIRST.id)
        unit.webhooks.put(FIRST)
        unit.record(FACT)
        unit.commit()
    with view() as seen:
        assert list(seen.webhooks.all()) == [SECOND, FIRST]


def test_a_removal_that_is_not_recorded_or_not_committed_is_none(two: Work, view: Views) -> None:
    with two(ANN) as unit:
        unit.webhooks.remove(FIRST.id)
        with pytest.raises(UnrecordedChange):
            unit.commit()
    with two(ANN) as unit:
        unit.webhooks.remove(FIRST.id)
        unit.record(FACT)
    with view() as seen:
        assert list(seen.webhooks.all()) == [FIRST, SECOND]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_rows_of_endpoints_that_were_deleted_before_are_gone_and_the_others_can_be_read(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        url = request.getfixturevalue("cluster").empty_database()
    left = replace(SECOND, name='ours, \u00e9 \u2028 "x"', former="sealed", former_until=NOW)
    engine, config = connect(url), _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0017")
        for one, is_deleted in ((FIRST, True), (left, False)):
            members: Any = to_plain(one)
            row = {"id": one.id, "body": encode({**members, "deleted": is_deleted}).decode()}
            connection.execute(text("INSERT INTO webhooks (id, body) VALUES (:id, :body)"), row)
        command.upgrade(config, "head")
    with SqlViews(engine)() as seen:
        assert list(seen.webhooks.all()) == [left]
    engine.dispose()
