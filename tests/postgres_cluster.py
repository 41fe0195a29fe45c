"""A private PostgreSQL cluster for one test session: temporary folder, unix socket only, fast to copy databases in.

Where `initdb` and `postgres` are not on the PATH, what needs it is skipped with a message.
"""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tunewarden.drivers.sql_engine import migrate

_PATIENCE_SECONDS = 30


@dataclass
class Cluster:
    """A running server; `database()` makes a fresh database with all tables and returns its URL."""

    folder: Path
    template: str = "migrated"
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def empty_database(self) -> str:
        name = f"empty_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def database(self) -> str:
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        return self.url(name)


def start(folder: Path, *settings: str) -> "subprocess.Popen[bytes]":
    """Run the server in the foreground until it is terminated."""
    options = itertools.chain.from_iterable(("-c", setting) for setting in settings)
    command = ["postgres", "-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses=", *options]
    process = subprocess.Popen([*_as_nobody_special(), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise
            time.sleep(0.1)
        else:
            return process


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("PostgreSQL (initdb, postgres) is not on the PATH")
    folder = Path(tempfile.mkdtemp(prefix="tw-pg-"))  # a short path: a unix socket's has at most 107 bytes
    if os.geteuid() == 0:
        shutil.chown(folder, _SERVANT)
    initdb = ["initdb", "--auth=trust", "--username=postgres", "--no-sync", "-D", str(folder / "data")]
    subprocess.run([*_as_nobody_special(), *initdb], check=True, stdout=subprocess.DEVNULL)
    process = start(folder)
    found = Cluster(folder)
    found.run(f"CREATE DATABASE {found.template}")
    migrate(found.url(found.template))
    yield found
    process.send_signal(signal.SIGQUIT)  # at once, with nothing written down: all of it is thrown away
    process.wait(_PATIENCE_SECONDS)
    shutil.rmtree(folder)


def _servant() -> str:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


_SERVANT = _servant()


def _as_nobody_special() -> list[str]:
    """PostgreSQL does not run as root."""
    return [] if os.geteuid() else ["setpriv", f"--reuid={_SERVANT}", "--clear-groups"]
