"""`tunewarden log tiles`: what it writes, the auditor's tool verifies; and it grows with the log."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import OTTO
from typer.testing import CliRunner

from tunewarden.domain.errors import Conflict, Corrupted, Unavailable
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.cli import app
from tunewarden.entry.sealer import Sealer
from tunewarden.entry.settings import Settings
from tunewarden_audit.__main__ import main as audit


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TUNEWARDEN_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    made = Settings()
    migrate(made.database)
    return made


def grow(settings: Settings, count: int) -> None:
    engine = connect(settings.database)
    with SqlWork(engine, lambda: datetime.now(UTC))(OTTO.id) as work:
        for number in range(count):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        work.commit()
    engine.dispose()
    with Sealer(settings) as sealer:
        sealer.seal_once()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["log", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_signed_log_becomes_files_that_verify_and_grow(settings: Settings, tmp_path: Path) -> None:
    directory = tmp_path / "public"
    grow(settings, 300)
    assert run("tiles", str(directory)).startswith("300 entries")
    kept = tmp_path / "kept"
    kept.write_bytes((directory / "checkpoint").read_bytes())
    grow(settings, 300)
    assert json.loads(run("tiles", str(directory), "--json")) == {"size": 600, "directory": str(directory)}
    assert audit(["tiles", str(directory), "--key", str(settings.log_vkey), "--since", str(kept)]) == 0


def test_before_the_first_head_there_is_nothing_to_write(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        run("tiles", str(tmp_path / "public"))
    assert not (tmp_path / "public").exists()
    assert settings.home.exists()


def test_without_the_logs_public_key_or_a_folder_to_write_to_one_line_says_so(
    settings: Settings, tmp_path: Path
) -> None:
    grow(settings, 3)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Unavailable, match="could not be written"):
        run("tiles", str(tmp_path / "file"))
    settings.log_vkey.unlink()
    with pytest.raises(Unavailable, match="public key"):
        run("tiles", str(tmp_path / "public"))


def test_a_folder_of_another_log_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    directory = tmp_path / "public"
    directory.mkdir()
    (directory / "checkpoint").write_text("another log\n")
    grow(settings, 3)
    with pytest.raises(Conflict, match="No new checkpoint was published"):
        run("tiles", str(directory))
    assert [path.name for path in directory.iterdir()] == ["checkpoint"]


def test_damaged_tiles_are_computed_again(settings: Settings) -> None:
    grow(settings, 600)
    log = SqlSealedLog(connect(settings.database))
    whole = log.inclusion_proofs([599], 600)
    with sqlite3.connect(settings.home / "tunewarden.db") as raw:
        assert raw.execute("UPDATE tiles SET data = zeroblob(64)").rowcount == 1
    raw.close()
    with pytest.raises(Corrupted):
        log.inclusion_proofs([599], 600)
    assert run("rebuild") == "computed again for 600 entries\n"
    assert json.loads(run("rebuild", "--json")) == {"size": 600}
    assert log.inclusion_proofs([599], 600) == whole
