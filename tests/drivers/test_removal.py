"""What is removed is gone from the state, in memory, SQLite and PostgreSQL alike; and what older rows become."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, text
from tests.conftest import NOW
from tests.domain.test_webhooks import endpoint

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import Corrupted, NotFound, UnrecordedChange
from tunewarden.domain.names import PrincipalId, WebhookId
from tunewarden.domain.webhook_events import WebhookDeleted
from tunewarden.domain.webhooks import Webhook
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
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


def laid(connection: Connection, one: Webhook, **more: bool) -> None:
    """A row with more members than this release writes."""
    members: Any = to_plain(one)
    row = {"id": one.id, "body": encode({**members, **more}).decode()}
    connection.execute(text("INSERT INTO webhooks (id, body) VALUES (:id, :body)"), row)


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
        laid(connection, FIRST, deleted=True)
        laid(connection, left, deleted=False)
        command.upgrade(config, "head")
    with SqlViews(engine)() as seen:
        assert list(seen.webhooks.all()) == [left]
    engine.dispose()


def test_what_a_process_of_the_release_before_writes_after_the_migration_is_read_as_it_was_meant(database: str) -> None:
    engine = connect(database)
    with engine.begin() as connection:
        laid(connection, FIRST, deleted=True)
        laid(connection, SECOND, deleted=False)
    with SqlViews(engine)() as seen:
        assert list(seen.webhooks.all()) == [SECOND]
        assert (seen.webhooks.find(FIRST.id), seen.webhooks.get(SECOND.id)) == (None, SECOND)
    with engine.begin() as connection:
        laid(connection, replace(FIRST, id=WebhookId("webhook-3")), removed=False)
    with SqlViews(engine)() as seen, pytest.raises(Corrupted):
        seen.webhooks.all()
    engine.dispose()


def test_what_was_removed_is_not_in_the_file_of_sqlite_any_more(database: str) -> None:
    path, sealed = Path(database.removeprefix("sqlite:///")), "0123456789" * 1_000  # more than a page
    for is_there in (True, False):
        engine = connect(database)
        with SqlWork(engine, FixedClock(NOW))(ANN) as unit:
            unit.webhooks.put(replace(FIRST, url=sealed, secret="of one page"))
            unit.record(FACT)
            unit.commit()
        if not is_there:
            with SqlWork(engine, FixedClock(NOW))(ANN) as unit:
                unit.webhooks.remove(FIRST.id)
                unit.record(FACT)
                unit.commit()
        engine.dispose()  # writes the journal back into the file, and removes it
        assert [path.name] == [one.name for one in path.parent.glob(f"{path.name}*")]
        assert [one in path.read_bytes() for one in (sealed[:100].encode(), b"of one page")] == [is_there] * 2
