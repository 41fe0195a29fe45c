"""Two hundred jobs asked for at once while the api is killed three times: each is there once, on either database."""

from pathlib import Path

import pytest
from tests.bench.conftest import Rows
from tests.faults.serving import Api
from tests.faults.test_api_killed import free_port, killed_while_they_create, require_each_once
from tests.journeys.theatre import in_folder
from tests.postgres_cluster import Cluster

JOBS, KILLS = 200, 3


@pytest.mark.bench
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_two_hundred_jobs_are_each_done_once_although_the_api_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest, rows: Rows, database: str
) -> None:
    cluster: Cluster | None = None if database == "sqlite" else request.getfixturevalue("cluster")
    url = "" if cluster is None else cluster.database()
    theatre = in_folder(tmp_path / "home", **({"database_url": url} if url else {}))
    api = Api(theatre.settings.home, free_port(), url)
    try:
        crowd = killed_while_they_create(theatre, api, jobs=JOBS, at_once=JOBS, kills=KILLS)
    finally:
        if api.process is not None:
            api.process.kill()
            api.process.wait()
    require_each_once(theatre, crowd, JOBS)
    name = f"jobs that are there once after {KILLS} kills of the api, {database}"
    rows.add(name, [len(crowd.answered)], unit=f"of {JOBS}", goal=JOBS, bound="at_least")
    crowd.client.close()
    theatre.close()
