"""`tunewarden log sinks ...`: seeing where a sink is, trying it, moving it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tunewarden.domain.errors import Malformed, NotFound, Unavailable
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_sinks import Cursor, DeadLetter, SqlSinks
from tunewarden.entry.cli import app
from tunewarden.entry.sealer import Sealer
from tunewarden.entry.settings import Settings


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqlSinks:
    """The cursors of a sealed log of three entries, with a file of two sinks."""
    monkeypatch.setenv("TUNEWARDEN_HOME", str(tmp_path))
    monkeypatch.setenv("TUNEWARDEN_SINKS_FILE", str(tmp_path / "sinks.toml"))
    (tmp_path / "sinks.toml").write_text(
        f'[[sinks]]\nname = "file"\nto = "file://{tmp_path}/events"\nformat = "ocsf"\n'
        '[[sinks]]\nname = "gone"\nto = "syslog+tcp://127.0.0.1:1"\nformat = "cef"\n'
    )
    settings = Settings()
    migrate(settings.database)
    engine = connect(settings.database)
    with SqlWork(engine, lambda: datetime.now(UTC))(PrincipalId("prn-1")) as work:
        for number in range(3):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        work.commit()
    with Sealer(settings) as sealer:
        sealer.seal_once()
    return SqlSinks(engine)


def sinks(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, ["log", "sinks", *arguments])
    if result.exception is not None:
        raise result.exception
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_every_sink_is_shown_with_its_lag_its_error_and_its_dead_letters(stored: SqlSinks) -> None:
    here = Cursor(next_index=1, next_head=1)
    stored.set("file", here)
    stored.move("file", here, Cursor(next_index=2, next_head=1, error="x"), DeadLetter(event="entry 1", code="x"))
    assert sinks()[1:] == ["file ocsf 2 1 1 x", "gone cef - - - not begun"]
    file, gone = map(json.loads, sinks("--json"))
    assert file == {"sink": "file", "format": "ocsf", "next_index": 2, "lag": 1, "dead": 1, "error": "x"}
    begun = dict.fromkeys(("next_index", "lag", "error"))
    assert gone == {"sink": "gone", "format": "cef", "dead": 0, **begun}
    assert sinks("dead", "file") == ["entry 1 x"]
    assert [json.loads(one) for one in sinks("dead", "file", "--json")] == [{"event": "entry 1", "code": "x"}]
    assert sinks("dead", "gone") == []


def test_a_sink_is_tried_with_an_event_that_moves_nothing(stored: SqlSinks, tmp_path: Path) -> None:
    assert sinks("test", "file") == ["file took the event"]
    assert list(map(json.loads, sinks("test", "file", "--json"))) == [{"sink": "file", "taken": True}]
    for line in (tmp_path / "events").read_text().splitlines():
        assert json.loads(line)["metadata"]["event_code"] == "SinkTested"
    assert stored.find("file") is None
    with pytest.raises(Unavailable):
        sinks("test", "gone")
    with pytest.raises(NotFound):
        sinks("test", "other")


@pytest.mark.parametrize(("place", "cursor"), [("now", (3, 4)), ("history", (0, 1)), ("2", (2, 3)), ("3", (3, 4))])
def test_a_sink_goes_on_from_where_it_is_told(stored: SqlSinks, place: str, cursor: tuple[int, int]) -> None:
    (told,) = map(json.loads, sinks("start", "file", "--from", place, "--json"))
    assert told == {"sink": "file", "next_index": cursor[0]}
    assert stored.find("file") == Cursor(next_index=cursor[0], next_head=cursor[1])


@pytest.mark.parametrize("place", ["4", "-1", "", "then", "\u0663"])
def test_a_sink_starts_nowhere_else(stored: SqlSinks, place: str) -> None:
    with pytest.raises(Malformed):
        sinks("start", "file", f"--from={place}")
    assert stored.find("file") is None
