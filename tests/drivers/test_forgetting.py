"""Destroying a person's key: in one transaction with the entry that says so, in memory, SQLite and PostgreSQL alike."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, event
from tests.drivers.conftest import Backend

from tunewarden.domain.errors import Refused, Unavailable, UnrecordedChange
from tunewarden.domain.events import KeyRevoked, PersonErased
from tunewarden.domain.names import DatasetId, ErasureId, PrincipalId, Role
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.vault import SqlVault
from tunewarden.usecases.ports import Principal

DATASET, OTHER = DatasetId("ds-1"), DatasetId("ds-2")
WORKER = PrincipalId("worker")
ADA, BEN, CAL = ("a" * 64, "b" * 64, "c" * 64)


def fact(keys: int) -> PersonErased:
    return PersonErased(erasure=ErasureId("erasure-1"), dataset=DATASET, keys=keys)


def erase(backend: Backend, pseudonym: str) -> bool:
    with backend.work(WORKER) as work:
        done = work.forget(DATASET, pseudonym)
        work.record(fact(int(done)))
        work.commit()
    return done


def told(backend: Backend) -> list[object]:
    with backend.view() as view:
        return [entry.event for entry in view.entries()]


def test_a_key_is_destroyed_once_for_good_and_nobody_elses_is(backend: Backend) -> None:
    kept, elsewhere = backend.vault.keys(DATASET, [ADA, BEN]), backend.vault.keys(OTHER, [ADA])
    assert erase(backend, ADA)
    assert backend.vault.keys(DATASET, [ADA, BEN]) == {ADA: None, BEN: kept[BEN]}
    assert backend.vault.keys(OTHER, [ADA]) == elsewhere, "the same digits in another dataset are somebody else"
    assert not erase(backend, ADA)
    assert told(backend) == [fact(1), fact(0)]


def test_who_never_had_a_key_gets_none_any_more(backend: Backend) -> None:
    assert not erase(backend, CAL)
    assert backend.vault.keys(DATASET, [CAL]) == {CAL: None}


def test_no_key_goes_without_an_entry(backend: Backend) -> None:
    kept = backend.vault.keys(DATASET, [ADA])
    with backend.work(WORKER) as work:
        assert work.forget(DATASET, ADA)
        with pytest.raises(UnrecordedChange):
            work.commit()
    assert backend.vault.keys(DATASET, [ADA]) == kept


def test_what_is_left_without_a_commit_destroys_nothing_and_says_nothing(backend: Backend) -> None:
    kept = backend.vault.keys(DATASET, [ADA])
    with backend.work(WORKER) as work:
        work.forget(DATASET, ADA)
        work.record(fact(1))
    assert backend.vault.keys(DATASET, [ADA]) == kept
    assert told(backend) == []
    assert erase(backend, ADA), "and it can be done afterwards"


def test_twice_in_one_unit_of_work_is_one_key(backend: Backend) -> None:
    backend.vault.keys(DATASET, [ADA])
    with backend.work(WORKER) as work:
        assert work.forget(DATASET, ADA)
        assert not work.forget(DATASET, ADA)
        work.record(fact(1))
        work.commit()


def test_a_principal_who_was_revoked_destroys_nothing(backend: Backend) -> None:
    kept = backend.vault.keys(DATASET, [ADA])
    gone = Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.PRIVACY_OFFICER}), revoked=True)
    with backend.work(WORKER) as work:
        work.principals.put(gone)
        work.record(KeyRevoked(principal=gone.id))
        work.commit()
    with backend.work(gone.id) as work, pytest.raises(Refused):
        work.forget(DATASET, ADA)
    assert backend.vault.keys(DATASET, [ADA]) == kept


def test_a_unit_of_work_finds_entries_by_what_they_name(backend: Backend) -> None:
    erase(backend, ADA)
    with backend.work(WORKER) as work:
        assert [entry.index for entry in work.entries_naming("erasure-1")] == [0]
        assert list(work.entries_naming("erasure-2")) == []


def test_a_commit_that_fails_leaves_key_and_log_as_they_were(engine: Engine, clock: FixedClock) -> None:
    """The disk is full, the server is gone: neither half without the other."""
    vault, work = SqlVault(engine, bytes(32)), SqlWork(engine, clock)
    kept = vault.keys(DATASET, [ADA])

    def fail(*_: object) -> None:
        raise Unavailable("database_unavailable", "The disk is full.")

    event.listen(engine, "commit", fail)
    try:
        with work(WORKER) as unit:
            unit.forget(DATASET, ADA)
            unit.record(fact(1))
            with pytest.raises(Unavailable):
                unit.commit()
    finally:
        event.remove(engine, "commit", fail)
    assert vault.keys(DATASET, [ADA]) == kept
    with SqlViews(engine)() as view:
        assert list(view.entries()) == []


def test_whoever_asks_for_keys_meanwhile_never_gets_a_new_one_for_who_is_erased(backend: Backend) -> None:
    """Workers ask while somebody who had no key is erased: each gets the one that is destroyed, or none."""
    if not isinstance(backend.vault, SqlVault):
        pytest.skip("in memory nothing happens at once")
    people = [f"{number:064x}" for number in range(60)]
    going, seen = threading.Event(), dict.fromkeys(people, 0)

    def ask() -> None:
        while not going.is_set():
            backend.vault.keys(DATASET, people)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            for person in people:
                erase(backend, person)
                seen[person] += backend.vault.keys(DATASET, [person])[person] is None
        finally:
            going.set()
        for one in asking:
            one.result()
    assert set(seen.values()) == {1}
    assert set(backend.vault.keys(DATASET, people).values()) == {None}
