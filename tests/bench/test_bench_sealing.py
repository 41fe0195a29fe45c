"""What keys of their own cost: raw rows under their persons' keys beside rows under the blob key alone; a rotation."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.bench.conftest import Rows, seconds

from tunewarden.domain.datasets import Columns
from tunewarden.domain.names import DatasetId, Digest
from tunewarden.drivers import keys_rotation
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.keys_master import LocalMaster
from tunewarden.drivers.sealed_rows import SealedRows
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.tables import ingest
from tunewarden.drivers.vault import SqlVault
from tunewarden.usecases.custody import version_key

pytestmark = pytest.mark.bench
_ROWS, _EACH = 20_000, 3  # three rows a person
_KEYS = 20_000
DATASET = DatasetId("ds-1")
COLUMNS = Columns(text="note", label="burn", person="patient")
TEXT = "Pt is a 43 y.o. with a burn of the left hand; seen on arrival; dressing changed; to return in two days. " * 4


def table() -> bytes:
    rows = (f"{TEXT}{number},{'yn'[number % 2]},P{number // _EACH}" for number in range(_ROWS))
    return "\n".join(["note,burn,patient", *rows, ""]).encode()


class Places:
    """A folder, a database with a vault, and one upload in both forms."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        url = f"sqlite:///{folder / 'vault.db'}"
        migrate(url)
        self.vault = SqlVault(connect(url), bytes(32))
        self.blobs = DirectoryBlobs(folder / "blobs", bytes(32), self.vault)
        self.rows = SealedRows(self.blobs, self.vault, bytes(32))
        self.upload = self.blobs.put_bytes(table())

    def plain(self) -> Callable[[], object]:
        """Ingest, then read every line, as it was before."""
        ingested = ingest(self.blobs, self.upload, "notes.csv", COLUMNS)

        def read() -> int:
            with self.blobs.open(ingested.records) as stream:
                return sum(1 for _ in stream)

        return read

    def sealed(self) -> Callable[[], object]:
        """The same with each row under its person's key."""
        key = version_key(self.upload)
        writer = self.rows.writer(DATASET, key)
        ingest(writer, self.upload, "notes.csv", COLUMNS)
        sealed: Digest = writer.sealed
        return lambda: sum(1 for _ in self.rows.lines(DATASET, key, sealed))


def test_what_a_key_for_every_person_costs(rows: Rows, tmp_path: Path) -> None:
    ingesting, reading = list[float](), list[float]()
    for turn in range(3):
        place, read = Places(tmp_path / str(turn)), list[Callable[[], object]]()
        plain = seconds(lambda place=place, read=read: read.append(place.plain()))
        sealed = seconds(lambda place=place, read=read: read.append(place.sealed()))
        ingesting.append(sealed / plain)
        reading.append((seconds(read[1]) - seconds(read[0])) / _ROWS * 1e6)
    rows.add(
        f"ingesting {_ROWS:,} rows, each under its person's key",
        ingesting,
        unit="ratio of times",
        goal=3.0,
        bound="at_most",
        baseline="the same rows sealed as a whole",
    )
    rows.add(
        "opening a row under its person's key",
        reading,
        unit="us more",
        goal=100.0,
        bound="at_most",
        baseline="a line of a blob; recognising names in one takes milliseconds",
    )


def test_how_long_a_rotation_takes(rows: Rows, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vault.db'}"
    migrate(url)
    engine, keys = connect(url), [bytes(32)]
    master = LocalMaster("vault", lambda: keys)
    SqlVault(engine, master).keys(DATASET, [f"{number:064x}" for number in range(_KEYS)])
    took = list[float]()
    for turn in range(1, 4):
        keys[:] = [bytes([turn]) * 32, keys[0]]
        master.refresh()
        keys_rotation.begin(engine, master)
        took.append(seconds(lambda: keys_rotation.rewrap(engine, master)) / _KEYS * 1e6)
    rows.add(
        "wrapping a data key anew under another master key",
        took,
        unit="us",
        goal=500.0,
        bound="at_most",
        baseline=f"{_KEYS:,} keys, 500 in a transaction; no blob is touched",
    )


PEAK = """
import resource, sys
from pathlib import Path
from tests.bench.test_bench_sealing import DATASET
from tunewarden.domain.canonical import encode
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.sealed_rows import SealedRows
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.vault import SqlVault
from tunewarden.usecases.lines import stream_of
folder, count = Path(sys.argv[1]), int(sys.argv[2])
folder.mkdir()
url = f"sqlite:///{folder / 'vault.db'}"
migrate(url)
vault = SqlVault(connect(url), bytes(32))
rows = SealedRows(DirectoryBlobs(folder / "blobs", bytes(32), vault), vault, bytes(32))
writer = rows.writer(DATASET, "a" * 64)
writer.put(stream_of(encode({"person": f"P{n // 3}", "text": "burnt hand " * 40}) for n in range(count)))
assert sum(line is not None for line in rows.lines(DATASET, "a" * 64, writer.sealed)) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_how_much_memory_ten_times_as_many_rows_take(rows: Rows, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        command = [sys.executable, "-c", PEAK, str(tmp_path / str(count)), str(count)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    few, many = peak(10_000), peak(100_000)
    rows.add(
        "peak memory of sealing and opening 100,000 rows",
        [many / few],
        unit="ratio",
        goal=1.1,
        bound="at_most",
        baseline=f"10,000 rows: {few // 1024} MiB",
    )
