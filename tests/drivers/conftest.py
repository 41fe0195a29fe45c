"""What the driver tests share: each kind of state behind one face."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.drivers.examples import EXAMPLES, NOW, Example, make_dataset
from tests.postgres_cluster import Cluster

from tunewarden.domain.datasets import Dataset
from tunewarden.drivers.memory import FixedClock, MemoryClaims, MemoryState, memory_views, memory_work
from tunewarden.drivers.memory_enrolments import MemoryEnrolments
from tunewarden.drivers.memory_vault import MemoryVault
from tunewarden.drivers.sql import SqlClaims, SqlViews, SqlWork
from tunewarden.drivers.sql_cohorts import SqlEnrolments
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.vault import SqlVault
from tunewarden.usecases.ports import (
    Claims,
    Enrolments,
    Vault,
    Views,
    Work,
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and nothing in them, to be copied; making one takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "state.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'state.db')}"


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = connect(database)
    yield engine
    engine.dispose()


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One way to keep state and log."""

    work: Work
    view: Views
    claims: Claims
    vault: Vault
    enrolments: Enrolments


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def backend(request: pytest.FixtureRequest, clock: FixedClock) -> Iterator[Backend]:
    if request.param == "memory":
        state = MemoryState()
        yield Backend(
            work=memory_work(state, clock),
            view=memory_views(state),
            claims=MemoryClaims(),
            vault=MemoryVault(state),
            enrolments=MemoryEnrolments(state),
        )
        return
    fixture = "database" if request.param == "sqlite" else "postgres_database"
    engine = connect(request.getfixturevalue(fixture))
    yield Backend(
        work=SqlWork(engine, clock),
        view=SqlViews(engine),
        claims=SqlClaims(engine),
        vault=SqlVault(engine, bytes(32)),
        enrolments=SqlEnrolments(engine),
    )
    engine.dispose()


@pytest.fixture
def postgres_database(cluster: Cluster) -> str:
    return cluster.database()


@pytest.fixture
def work(backend: Backend) -> Work:
    return backend.work


@pytest.fixture
def view(backend: Backend) -> Views:
    return backend.view


@pytest.fixture
def claims(backend: Backend) -> Claims:
    return backend.claims


@pytest.fixture(params=EXAMPLES, ids=lambda example: example.store)
def example(request: pytest.FixtureRequest) -> Example:
    found: Example = request.param
    return found


@pytest.fixture
def registered() -> Callable[..., Dataset]:
    """Makes datasets that differ in the given fields."""
    return make_dataset
