"""The sealer: it signs what is there, and never two histories."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import OTTO

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.sealer import Sealer, run
from tunewarden.entry.settings import Settings
from tunewarden_audit.log import RefusedToSign
from tunewarden_audit.merkle import leaf_hash, verify_inclusion
from tunewarden_audit.note import TreeHead, load_key, open_note


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path)
    migrate(made.database)
    return made


def append(settings: Settings, count: int) -> None:
    with SqlWork(connect(settings.database), lambda: datetime.now(UTC))(OTTO.id) as work:
        for number in range(count):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        work.commit()


def test_every_entry_is_proven_under_the_published_head(settings: Settings) -> None:
    append(settings, 7)
    assert Sealer(settings).seal_once() == 7
    log = SqlSealedLog(connect(settings.database))
    head = log.head()
    assert head is not None
    tree = TreeHead.parse(open_note(head.note, [load_key(settings.log_vkey.read_text().strip())]).text)
    proofs = log.inclusion_proofs(range(7), 7)
    for index in range(7):
        verify_inclusion(index, 7, leaf_hash(log.entry(index)), proofs[index], tree.root)


def test_an_empty_log_has_no_head_and_growing_makes_a_new_one(settings: Settings) -> None:
    sealer = Sealer(settings)
    assert sealer.seal_once() == 0
    append(settings, 2)
    assert sealer.seal_once() == 2
    append(settings, 3)
    assert sealer.seal_once() == 5
    assert Sealer(settings).seal_once() == 5


def test_its_key_and_memory_are_its_owners_alone(settings: Settings) -> None:
    append(settings, 1)
    Sealer(settings).seal_once()
    for path in (settings.signing_key, settings.sealer_state):
        assert path.stat().st_mode & 0o077 == 0


def delete_the_tail(settings: Settings) -> None:
    _execute(settings, "DELETE FROM entries WHERE idx >= 3")


def edit_an_entry(settings: Settings) -> None:
    _execute(settings, "UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'ds-1', 'ds-9') AS BLOB)")


def restore_a_backup_that_then_grew(settings: Settings) -> None:
    _execute(settings, "DELETE FROM entries WHERE idx >= 3")
    append(settings, 4)  # more than was there: only the content tells


def _execute(settings: Settings, change: str) -> None:
    connection = sqlite3.connect(settings.home / "tunewarden.db")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")  # the seat-belt, which whoever owns the database takes off
    connection.execute(change)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("tamper", [delete_the_tail, edit_an_entry, restore_a_backup_that_then_grew])
def test_it_refuses_to_sign_over_a_changed_past_and_stays_down(
    settings: Settings, tamper: Callable[[Settings], None]
) -> None:
    append(settings, 5)
    Sealer(settings).seal_once()
    tamper(settings)
    assert run(settings, lambda: False) == 3


def test_a_running_sealer_refuses_when_the_past_changes_under_it(settings: Settings) -> None:
    append(settings, 5)
    sealer = Sealer(settings)
    sealer.seal_once()
    restore_a_backup_that_then_grew(settings)
    with pytest.raises((RefusedToSign, Corrupted)):
        sealer.seal_once()


def test_it_refuses_when_its_own_memory_is_gone(settings: Settings) -> None:
    append(settings, 2)
    Sealer(settings).seal_once()
    settings.sealer_state.unlink()
    assert run(settings, lambda: False) == 3


def test_in_production_a_missing_key_is_never_replaced(settings: Settings) -> None:
    append(settings, 1)
    production = settings.model_copy(update={"environment": "production"})
    with pytest.raises(FileNotFoundError):
        Sealer(production)
