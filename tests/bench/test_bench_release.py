"""A release: memory that does not grow with the records, and what a second worker is worth."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.bench.conftest import Rows
from tests.bench.releasing import KEY, Open, profile, records

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.deidentification import EngineKind
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.steps.deidentify.blocks import Blocks
from tunewarden.steps.deidentify.finding import Build, finding
from tunewarden.steps.deidentify.progress import tell_nobody
from tunewarden.steps.deidentify.scale import Compute, Means, find_all
from tunewarden.steps.deidentify.source import store_source

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")]
_FEW, _MANY = 5_000, 50_000
_FOUND = 9_216


def peak_kib(count: int, folder: Path) -> int:
    """Of a process that releases so many records by patterns alone."""
    command = [sys.executable, "-m", "tests.bench.releasing", str(count), EngineKind.PATTERNS.value, str(folder)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_how_much_memory_ten_times_as_many_records_take(rows: Rows, tmp_path: Path) -> None:
    few, many = peak_kib(_FEW, tmp_path / "few"), peak_kib(_MANY, tmp_path / "many")
    rows.add(
        f"peak memory of releasing {_MANY:,} records",
        [many / few],
        unit="ratio",
        goal=1.1,
        bound="at_most",
        baseline=f"{_FEW:,} records: {few // 1024} MiB",
    )


def blocks_per_second(folder: Path, workers: int) -> float:
    """Between the first and the last block that was done, so that starting Ray and loading models do not count."""
    blobs = DirectoryBlobs(folder / "blobs", KEY)
    blob = store_source(blobs, records(_FOUND))
    with blobs.open(blob) as stream:
        blocks = Blocks(stream, lambda _index, _line: None)
    canonical, build = encode(to_plain(profile(EngineKind.STARTER))), Build()
    work = finding(
        blob, profile=canonical, detector=digest_of(workers), scale=1.0, scratch=folder / str(workers), secret=KEY
    )
    means = Means(
        blobs=blobs,
        detector=build.detector(canonical),
        open_blobs=Open(folder / "blobs"),
        build=build,
        compute=Compute(workers=workers, few_blocks=0 if workers > 1 else len(blocks)),
        tell=tell_nobody,
    )
    find_all(work, blocks, means, "find")
    done = sorted(file.stat().st_mtime for file in (folder / str(workers) / work.name()).glob("*[0-9]"))
    return (len(blocks) - workers) / (done[-1] - done[workers - 1])


def test_what_a_second_worker_is_worth(rows: Rows, tmp_path: Path) -> None:
    alone, together = list[float](), list[float]()
    for turn in ("first", "second", "third"):
        alone.append(blocks_per_second(tmp_path / turn, 1))
        together.append(blocks_per_second(tmp_path / turn, 2))
    rows.add(
        "blocks found by two workers",
        [two / one for two, one in zip(together, alone, strict=True)],
        unit="ratio of rates",
        goal=1.8,
        bound="at_least",
        baseline=f"one process: {alone[0]:.2g} blocks of 256 records/s",
    )
