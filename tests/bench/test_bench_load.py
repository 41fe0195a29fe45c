"""One api under load: 64 connections that read and write, with every access decision and every entry of the log.

Six of ten requests read a job, two read lists, two write: a dataset, and one in forty a job with its reservation. On a
machine of two processors the clients take a part of them too. `SECONDS` says for how long, each round. What a request
costs the api in processor time means something on a busy machine too, where the other figures do not.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.bench.conftest import Rows, fsync_beside
from tests.bench.loading import Ask, load
from tests.faults.serving import Api
from tests.faults.test_api_killed import DATASET, NOTES, free_port
from tests.journeys.theatre import in_folder

from tunewarden.domain.events import BudgetReserved, DatasetRegistered, RequestSubmitted

pytestmark = pytest.mark.bench
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CONNECTIONS, SECONDS = 64, float(os.environ.get("SECONDS", "30"))
A_SECOND, LONGEST_MS = 300, 250


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_reads_and_writes_at_once_are_answered_and_no_entry_is_lost(
    tmp_path: Path, request: pytest.FixtureRequest, rows: Rows, database: str
) -> None:
    url = "" if database == "sqlite" else request.getfixturevalue("cluster").database()
    theatre = in_folder(tmp_path / "home", **({"database_url": url} if url else {}))
    dataset = theatre.must(
        "max", "POST", "/v1/datasets", json={**DATASET, "budget": {"epsilon": "9999", "delta": "0.5"}}
    )
    file = theatre.upload("max", NOTES)
    theatre.must("max", "POST", f"/v1/datasets/{dataset['id']}/versions", json={"file_id": file})
    privacy = {"epsilon": "0.01", "delta": "0.0001"}
    job = {"model": "tiny", "training_file": file, "governance": {"purpose": "research", "privacy": privacy}}
    one = theatre.must("max", "POST", "/v1/fine_tuning/jobs", json=job)["id"]

    def ask(number: int) -> Ask:
        match number % 40:
            case 0:
                return "job", "POST", "/v1/fine_tuning/jobs", job
            case last if last < 8:
                return "dataset", "POST", "/v1/datasets", DATASET
            case last if last < 12:
                return "files", "GET", "/v1/files", None
            case last if last < 16:
                return "one dataset", "GET", f"/v1/datasets/{dataset['id']}", None
            case _:
                return "one job", "GET", f"/v1/fine_tuning/jobs/{one}", None

    api = Api(theatre.settings.home, free_port(), url)
    try:
        api.start()
        assert api.process is not None
        before = processor_seconds(api.process.pid)
        found = load(api.port, theatre.tokens["max"], CONNECTIONS, SECONDS, ask)
        spent = processor_seconds(api.process.pid) - before
    finally:
        if api.process is not None:
            api.process.kill()
            api.process.wait()
    events: list[Any] = [entry.event for entry in theatre.entries()]
    theatre.close()
    assert {status for _, status in found.statuses} == {200}, found.statuses
    for name, kind in (("dataset", DatasetRegistered), ("job", RequestSubmitted), ("job", BudgetReserved)):
        assert sum(isinstance(event, kind) for event in events) == found.of(name) + 1
    beside = fsync_beside(tmp_path)
    rate = len(found.milliseconds) / found.seconds
    rows.add(
        f"requests of {CONNECTIONS} connections, {database}",
        [rate],
        unit="1/s",
        goal=A_SECOND,
        bound="at_least",
        baseline=beside,
    )
    each = spent * 1000 / len(found.milliseconds)
    rows.add(f"of a processor for one request, {database}", [each], unit="ms", goal=1000 / A_SECOND, bound="at_most")
    late = found.percentile(0.99)
    rows.add(
        f"99 of 100 are answered within, {database}",
        [late],
        unit="ms",
        goal=LONGEST_MS,
        bound="at_most",
        baseline=beside,
    )
    rows.add(f"answers of an api that could not, {database}", [found.errors], unit="", goal=0, bound="at_most")


def processor_seconds(process: int) -> float:
    """What a process has taken of the processors so far, itself and the kernel for it (proc(5), fields 14 and 15)."""
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS_PER_SECOND
