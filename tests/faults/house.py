"""A real log to tamper with: a SQLite database with its sealer, and what an auditor holds of it.

Whoever attacks here owns the machine: the database, its triggers, and, where a test says so, the sealer's own files.
"""

import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import OTTO

from tunewarden.domain.events import DatasetRetired, Event
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.sealer import Sealer
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Receipt
from tunewarden_audit.export import write_tiles
from tunewarden_audit.merkle import Tree
from tunewarden_audit.note import COSIGNATURE, SignerKey, TreeHead, VerifierKey, load_key
from tunewarden_audit.recipe import Grade, Report
from tunewarden_audit.static_log import verify_tiles
from tunewarden_audit.witness import Answer, Witness

WITNESS = SignerKey.generate("witness.example", COSIGNATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One log and its files."""

    settings: Settings

    @property
    def database(self) -> Path:
        return self.settings.home / "tunewarden.db"

    @property
    def vkey(self) -> VerifierKey:
        return load_key(self.settings.log_vkey.read_text().strip())

    def append(self, count: int = 1, *, first: int = 0) -> list[Receipt]:
        """Entries that differ from each other, each with the receipt that its caller got."""
        return self.record(*(DatasetRetired(dataset=DatasetId(f"ds-{first + number}")) for number in range(count)))

    def record(self, *events: Event, at: datetime | None = None, actor: PrincipalId = OTTO.id) -> list[Receipt]:
        """A unit of work for each; the clock says `at`."""
        engine, receipts = connect(self.settings.database), []
        units = SqlWork(engine, lambda: at or datetime.now(UTC))
        for event in events:
            with units(actor) as work:
                work.record(event)
                receipts.append(work.commit())
        engine.dispose()
        return receipts

    def seal(self) -> str:
        """Start the sealer, let it sign what waits, stop it; returns the newest checkpoint. Raises RefusedToSign."""
        with Sealer(self.settings) as sealer:
            sealer.seal_once()
        return self.checkpoint()

    def checkpoint(self) -> str:
        head = self._log().head()
        assert head is not None
        return head.note

    def leaves(self) -> list[bytes]:
        """The leaf hashes as the database gives them."""
        return [leaf for leaf, _ in self._log().leaves(0, 10**6)]

    def tamper(self, *statements: str) -> None:
        """Change the database behind the platform's back."""
        with closing(sqlite3.connect(self.database)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")  # the seat-belt, which whoever owns the database takes off
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def copy(self, place: Path, *, sealer: bool = False) -> Callable[[], None]:
        """Copy the database, with the sealer's state where asked; returns what puts the copy back."""
        place.mkdir()
        _copy(self.database, place / "db")
        if sealer:
            shutil.copy(self.settings.sealer_state, place / "state")

        def restore() -> None:
            _copy(place / "db", self.database)
            if sealer:
                shutil.copy(place / "state", self.settings.sealer_state)

        return restore

    def export(self, directory: Path) -> Path:
        """The log as static files."""
        write_tiles(directory, self.checkpoint(), [self.vkey], self._log().leaves)
        return directory

    def log(self) -> SqlSealedLog:
        """What the API reads proofs from."""
        return self._log()

    def submission(self, old_size: int) -> bytes:
        """What the sealer sends to a witness that has seen `old_size` entries (C2SP tlog-witness)."""
        size = TreeHead.parse(self.checkpoint().partition("\n\n")[0] + "\n").size
        proof = Tree(self.leaves()[:size]).consistency_proof(old_size) if 0 < old_size <= size else []
        lines = "".join(f"{b64encode(value).decode()}\n" for value in proof)
        return f"old {old_size}\n{lines}\n{self.checkpoint()}".encode()

    def _log(self) -> SqlSealedLog:
        return SqlSealedLog(connect(self.settings.database))


def _copy(source: Path, target: Path) -> None:
    """Through SQLite's own copying, which open connections survive."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def new_house(home: Path) -> House:
    """An empty log in a folder."""
    home.mkdir(exist_ok=True)
    made = Settings(home=home)
    migrate(made.database)
    return House(settings=made)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return new_house(tmp_path / "house")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A witness on the auditor's own machine, and where it keeps what it saw."""

    witness: Witness
    folder: Path

    def shown(self, house: House, old_size: int) -> Answer:
        return self.witness.add_checkpoint(house.submission(old_size))

    @property
    def evidence(self) -> Sequence[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "evidence").iterdir())]


def watching(house: House, folder: Path) -> Watcher:
    """A witness that knows this log."""
    return Watcher(witness=Witness(WITNESS, [house.vkey], folder, lambda: 1_800_000_000.0), folder=folder)


def verified(house: House, directory: Path, since: str | None = None) -> Report:
    """What an auditor finds in static files, with the key that was agreed on at the beginning."""
    return verify_tiles(directory, [house.vkey], since=None if since is None else since.encode())


def faults(report: Report) -> dict[str, str]:
    """The checks that did not pass, by name, with their reasons."""
    good = {Grade.CONSISTENT, Grade.WITNESSED}
    return {check.name: check.because for check in report.checks if check.grade not in good}
