"""The vault: one key a person, made once, wrapped, bound to the person, gone when it is destroyed."""

import secrets
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, text
from tests.postgres_cluster import Cluster

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.events import PersonErased
from tunewarden.domain.names import DatasetId, ErasureId, PrincipalId
from tunewarden.drivers import keys_rotation
from tunewarden.drivers.file_vault import FileVault
from tunewarden.drivers.keys_master import LocalMaster
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_schema import PERSON_KEYS
from tunewarden.drivers.vault import SqlVault

DATASET, OTHER = DatasetId("ds-1"), DatasetId("ds-2")
PEOPLE = [f"{number:064x}" for number in range(1203)]
MASTER = secrets.token_bytes(32)


class Keeper(Protocol):
    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]: ...
    def forget(self, dataset: DatasetId, pseudonym: str) -> bool: ...


class InSql(SqlVault):
    """With units of work that do nothing but destroy one key, as `FileVault` has them built in."""

    def __init__(self, engine: Engine, master_key: bytes) -> None:
        super().__init__(engine, master_key)
        self._work = SqlWork(engine, lambda: datetime(2026, 11, 26, tzinfo=UTC))

    def forget(self, dataset: DatasetId, pseudonym: str) -> bool:
        with self._work(PrincipalId("worker")) as work:
            done = work.forget(dataset, pseudonym)
            work.record(PersonErased(erasure=ErasureId("erasure-1"), dataset=dataset, keys=int(done)))
            work.commit()
        return done


@pytest.fixture(params=["sqlite", "postgresql", "file"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeper]:
    if request.param == "file":
        keeper = FileVault(tmp_path / "vault", create=True)
        yield keeper
        keeper.close()
        return
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.database()
    else:
        url = f"sqlite:///{tmp_path / 'vault.db'}"
    migrate(url)
    engine = connect(url)
    yield InSql(engine, MASTER)
    engine.dispose()


def test_a_key_is_made_once_and_is_another_for_everybody_and_every_dataset(vault: Keeper) -> None:
    made = vault.keys(DATASET, PEOPLE)
    assert vault.keys(DATASET, PEOPLE) == made
    assert vault.keys(DATASET, PEOPLE[:1]) == {PEOPLE[0]: made[PEOPLE[0]]}
    elsewhere = vault.keys(OTHER, PEOPLE[:3])
    keys = [*made.values(), *elsewhere.values()]
    assert all(key is not None and len(key) == 32 for key in keys)
    assert len(set(keys)) == len(PEOPLE) + 3


def test_a_destroyed_key_is_gone_for_good_and_nobody_elses_is(vault: Keeper) -> None:
    kept = vault.keys(DATASET, PEOPLE[:3])
    assert vault.forget(DATASET, PEOPLE[1])
    assert vault.keys(DATASET, PEOPLE[:3]) == {**kept, PEOPLE[1]: None}
    assert not vault.forget(DATASET, PEOPLE[1]), "there is nothing left to destroy"


def test_somebody_who_had_no_key_yet_can_be_forgotten_too(vault: Keeper) -> None:
    assert not vault.forget(DATASET, PEOPLE[7])
    assert vault.keys(DATASET, [PEOPLE[7]]) == {PEOPLE[7]: None}


@pytest.fixture(params=["sqlite", "postgresql"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'vault.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("cluster").database()
    migrate(url)
    engine = connect(url)
    yield engine
    engine.dispose()


def test_keys_of_two_purposes_are_rotated_apart_and_stay_what_they_are(base: Engine) -> None:
    old = secrets.token_bytes(32)
    ring = [old]
    masters = {"vault": LocalMaster("vault", lambda: tuple(ring)), "master": LocalMaster("master", lambda: [MASTER])}
    vaults = {purpose: SqlVault(base, master) for purpose, master in masters.items()}
    made = {"vault": vaults["vault"].keys(DATASET, PEOPLE), "master": vaults["master"].keys(OTHER, PEOPLE[:9])}
    assert InSql(base, old).forget(DATASET, PEOPLE[5])
    ring.insert(0, secrets.token_bytes(32))
    masters["vault"].refresh()
    assert masters["vault"].unwrap(masters["vault"].wrap(old, "a"), "a") == old
    assert vaults["vault"].keys(DATASET, ["e" * 64]), "until it has begun, the old one wraps"
    keys_rotation.begin(base, masters["vault"])
    assert keys_rotation.rewrap(base, masters["vault"]) == len(PEOPLE)  # one is gone, one came
    assert keys_rotation.rewrap(base, masters["vault"]) == 0
    assert keys_rotation.rewrap(base, masters["master"]) == 0
    assert keys_rotation.rotated_at(base) == {"master": None, "vault": None}
    keys_rotation.finish(base, masters["vault"], datetime(2026, 11, 26, tzinfo=UTC))
    assert keys_rotation.rotated_at(base) == {"master": None, "vault": "2026-11-26T00:00:00.000Z"}
    ring.pop()
    masters["vault"].refresh()
    expected = {**made["vault"], PEOPLE[5]: None}
    assert vaults["vault"].keys(DATASET, PEOPLE) == vaults["vault"].known(DATASET, PEOPLE) == expected
    assert vaults["master"].keys(OTHER, PEOPLE[:9]) == made["master"]
    assert vaults["vault"].known(OTHER, ["d" * 64]) == {}, "and none is made by asking"


def test_keys_that_were_wrapped_before_versions_had_names_are_read_and_rotated(base: Engine) -> None:
    nonce, key = secrets.token_bytes(12), secrets.token_bytes(32)
    wrapped = nonce + AESGCM(MASTER).encrypt(nonce, key, f"{DATASET}\0{PEOPLE[0]}".encode())
    with base.begin() as connection:
        connection.execute(PERSON_KEYS.insert().values(dataset=DATASET, pseudonym=PEOPLE[0], wrapped=wrapped))
    assert SqlVault(base, MASTER).keys(DATASET, PEOPLE[:1]) == {PEOPLE[0]: key}
    fresh = secrets.token_bytes(32)
    new = LocalMaster("vault", lambda: [fresh, MASTER])
    keys_rotation.begin(base, new)
    assert keys_rotation.rewrap(base, new) == 1
    assert SqlVault(base, fresh).keys(DATASET, PEOPLE[:1]) == {PEOPLE[0]: key}


def test_workers_that_ask_at_once_get_the_same_keys(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vault.db'}"
    migrate(url)
    vaults = [SqlVault(connect(url), MASTER) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda one: one.keys(DATASET, PEOPLE[:50]), vaults))
    assert all(each == asked[0] for each in asked)


def test_a_key_moved_to_another_person_or_read_under_another_master_key_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vault.db'}"
    migrate(url)
    engine = connect(url)
    SqlVault(engine, MASTER).keys(DATASET, PEOPLE[:2])
    with pytest.raises(Corrupted):
        SqlVault(engine, secrets.token_bytes(32)).keys(DATASET, PEOPLE[:1])
    move = text(
        "update person_keys set wrapped = (select wrapped from person_keys where pseudonym = :a) where pseudonym = :b"
    )
    with engine.begin() as connection:
        connection.execute(move, {"a": PEOPLE[0], "b": PEOPLE[1]})
    with pytest.raises(Corrupted) as raised:
        SqlVault(engine, MASTER).keys(DATASET, PEOPLE[1:2])
    assert raised.value.code == "person_key_corrupted"


def test_the_database_holds_no_key_in_plain(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'vault.db'}"
    migrate(url)
    made = SqlVault(connect(url), MASTER).keys(DATASET, PEOPLE[:5])
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(key is not None and key in written for key in made.values())
