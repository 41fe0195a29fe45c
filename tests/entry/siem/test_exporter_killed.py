"""The exporter as a process of its own, killed again and again in the middle of its work: no index is missing."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.entry.siem.receivers import SyslogServer, collecting
from typer.testing import CliRunner

from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.entry.cli import app
from tunewarden.entry.sealer import Sealer
from tunewarden.entry.settings import Settings

COUNT = 1_500
ORIGIN = "tunewarden.example/log"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A sealed log of many entries."""
    monkeypatch.setenv("TUNEWARDEN_HOME", str(tmp_path))
    monkeypatch.setenv("TUNEWARDEN_SINKS_FILE", str(tmp_path / "sinks.toml"))
    made = Settings()
    migrate(made.database)
    engine = connect(made.database)
    with SqlWork(engine, lambda: datetime.now(UTC))(PrincipalId("prn-1")) as work:
        for number in range(COUNT):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        work.commit()
    engine.dispose()
    with Sealer(made) as sealer:
        sealer.seal_once()
    return made


@contextmanager
def exporter() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "tunewarden", "exporter"], env=os.environ, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until, "nothing more arrives"
        time.sleep(0.002)


def require_all(places: Sequence[str]) -> None:
    """Every index and the head arrived; whatever came for the first time came in the order of the log."""
    assert list(dict.fromkeys(places)) == [*map(str, range(COUNT)), f"head-{COUNT}"]
    assert len(places) < 2 * COUNT, "it goes on, and does not begin again"


def test_nothing_is_missing_at_a_collector_after_the_exporter_was_killed(settings: Settings) -> None:
    with collecting() as collector:
        collector.statuses = [204] * 700 + [500, 503] + [204] * 400 + [500]
        (settings.home / "sinks.toml").write_text(
            f'[[sinks]]\nname = "siem"\nto = "{collector.url}"\nformat = "ocsf"\n', encoding="utf-8"
        )

        def places() -> list[str]:
            found = [json.loads(text) for status, text in list(collector.answered) if status == 204]
            return [event["metadata"]["uid"].removeprefix(f"{ORIGIN}#") for event in found]

        for enough in (250, 900):
            with exporter():
                wait_until(lambda: len(collector.answered) > enough)  # noqa: B023
        with exporter():
            wait_until(lambda: f"head-{COUNT}" in places())
    require_all(places())
    shown = CliRunner().invoke(app, ["log", "sinks"]).stdout.splitlines()
    assert re.fullmatch(rf"siem +ocsf +{COUNT} +0 +0  none", shown[1])


def test_nothing_is_missing_at_a_syslog_server_after_both_were_cut_off(settings: Settings) -> None:
    server = SyslogServer()
    (settings.home / "sinks.toml").write_text(
        f'[[sinks]]\nname = "siem"\nto = "syslog+tcp://127.0.0.1:{server.port}"\nformat = "cef"\n', encoding="utf-8"
    )

    def places() -> list[str]:
        found = [re.search(rb" externalId=([^ ]+) ", message) for message in list(server.messages)]
        return [each[1].decode() for each in found if each is not None]

    for enough in (200, 700):
        with exporter():
            server.wait_for(enough)
    with exporter():
        server.wait_for(1_000)
        server.hang_up()
        wait_until(lambda: f"head-{COUNT}" in places())
    server.close()
    require_all(places())
