"""An api says that it is ready when it can answer as it should, and to strangers not a word more."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from structlog.testing import capture_logs
from tests.conftest import POLICIES
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.errors import Unavailable
from tunewarden.drivers.access_files import PolicyFiles
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.sql_engine import connect, has_our_tables
from tunewarden.entry.api.app import create_app
from tunewarden.entry.readiness import Readiness
from tunewarden.entry.running import Running


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("ready") / "home")
    yield made
    made.close()


@pytest.fixture
def engine(theatre: Theatre) -> Iterator[Engine]:
    engine = connect(theatre.settings.database)
    yield engine
    engine.dispose()


def test_an_api_over_its_tables_is_ready(theatre: Theatre) -> None:
    answer = theatre.client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_what_is_missing_is_in_the_diagnostic_log_and_not_in_the_answer(theatre: Theatre) -> None:
    there = {"tables": True, "policy": False}
    times = iter(range(100))
    ready = Readiness({"tables": lambda: there["tables"], "policy": lambda: there["policy"]}, lambda: next(times))
    client = TestClient(create_app(theatre.platform, theatre.settings, running=Running(ready=ready)))
    with capture_logs() as logs:
        answers = [client.get("/readyz") for _ in range(2)]
        there["policy"] = True
        answers.append(client.get("/readyz"))
    assert [one.status_code for one in answers] == [503, 503, 200]
    assert answers[0].json() == {"status": "unavailable"}
    assert [(one["event"], one.get("missing")) for one in logs] == [("not_ready", "policy"), ("ready", None)]
    assert client.get("/healthz").status_code == 200


def test_a_check_that_cannot_be_asked_says_no() -> None:
    def broken() -> bool:
        raise Unavailable("database_unavailable", "It is away.")

    assert not Readiness({"tables": broken})()


def test_it_is_looked_at_once_a_second_at_most() -> None:
    now, looked = [0.0], []
    ready = Readiness({"tables": lambda: bool(looked.append(1)) or True}, lambda: now[0])
    for now[0] in (0.0, 0.5, 0.99, 1.0, 1.5):
        assert ready()
    assert len(looked) == 2


@pytest.mark.parametrize(("revision", "is_there"), [("0001", False), ("9999", True), (None, False)])
def test_older_tables_are_not_ours_and_those_of_a_later_release_are(
    engine: Engine, revision: str | None, is_there: bool
) -> None:
    with engine.begin() as connection:
        head = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (revision or "x",))
        if revision is None:
            connection.exec_driver_sql("DELETE FROM alembic_version")
    try:
        assert has_our_tables(engine) is is_there
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM alembic_version")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (head,))
    assert has_our_tables(engine)


def test_a_policy_that_could_not_be_compared_for_two_seconds_is_not_fresh() -> None:
    now, files = [0.0], PolicyFiles(model=POLICIES / "access" / "model.conf", policy=POLICIES / "access" / "policy.csv")
    is_away: list[bool] = []

    class Store:
        def stamp(self) -> str:
            if is_away:
                raise Unavailable("database_unavailable", "It is away.")
            return files.stamp()

        def read(self) -> Any:
            return files.read()

    live = LiveAccess(Store(), clock=lambda: now[0])
    assert live.is_fresh()
    is_away.append(True)
    now[0] = 1.9
    assert live.is_fresh()
    now[0] = 4.0
    assert not live.is_fresh()
    is_away.clear()
    now[0] = 5.1
    assert live.is_fresh()
