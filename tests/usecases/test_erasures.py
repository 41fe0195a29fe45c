"""Erasing a person: asked for by a privacy officer, carried out by the worker, and nothing of theirs goes on."""

from dataclasses import replace
from typing import Any

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, EVE, OTTO, PIA, REA, WORKER, Stage
from tests.usecases.test_jobs import events
from tests.usecases.test_requests import ask as ask_for_training

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.erasures import Erasure, ErasureState
from tunewarden.domain.errors import Malformed, NotFound, Refused, Unavailable
from tunewarden.domain.events import (
    ActionRefused,
    DatasetRetired,
    ErasureAsked,
    PersonErased,
)
from tunewarden.domain.names import Action, DatasetId, ErasureId, PrincipalId
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.drivers.envelopes import SealedEnvelopes
from tunewarden.drivers.memory import MemoryState
from tunewarden.drivers.memory_vault import MemoryVault
from tunewarden.usecases import datasets, erasures, requests, retention
from tunewarden.usecases.ports import Principal

TENANT_KEY = b"t" * 32
WHO = "Ada Lovelace, 1815-12-10"


@pytest.fixture
def house(stage: Stage) -> Stage:
    """A platform whose worker holds the tenant's key."""
    stage.platform = replace(stage.platform, pseudonyms=lambda dataset, person: pseudonym(TENANT_KEY, dataset, person))
    return stage


def vault(stage: Stage) -> MemoryVault:
    log: Any = stage.platform.log
    state: MemoryState = log._state
    return MemoryVault(state)


def key_of(stage: Stage, dataset: DatasetId, person: str = WHO) -> bytes | None:
    """The person's data key; made where there was none, as de-identifying their records would."""
    name = pseudonym(TENANT_KEY, dataset, person)
    return vault(stage).keys(dataset, [name])[name]


def erased(stage: Stage, dataset: DatasetId, person: str = WHO) -> Erasure:
    asked, _ = erasures.ask(stage.platform, PIA, dataset, person)
    return erasures.carry_out(stage.platform, WORKER, asked.id)


# Asking and carrying out


def test_an_erasure_is_asked_for_by_one_and_carried_out_by_the_worker(house: Stage) -> None:
    dataset = house.dataset().id
    assert key_of(house, dataset) is not None
    asked, receipt = erasures.ask(house.platform, PIA, dataset, WHO)
    assert (asked.state, asked.asked_by, erasures.waiting(house.platform)) == (ErasureState.WAITING, PIA.id, [asked.id])
    assert receipt.index == house.entries()[-1].index
    assert key_of(house, dataset) is not None, "nothing is destroyed before the worker does it"
    done = erasures.carry_out(house.platform, WORKER, asked.id)
    assert (done.state, done.keys, erasures.waiting(house.platform)) == (ErasureState.DONE, 1, [])
    assert key_of(house, dataset) is None
    last = house.entries()[-2:]
    assert [entry.event for entry in last] == [
        ErasureAsked(erasure=asked.id, dataset=dataset),
        PersonErased(erasure=asked.id, dataset=dataset, keys=1),
    ]
    assert [entry.actor for entry in last] == [PIA.id, WORKER.id]


def test_a_second_time_and_a_stranger_leave_entries_and_destroy_nothing(house: Stage) -> None:
    dataset = house.dataset().id
    key_of(house, dataset)
    assert [erased(house, dataset).keys, erased(house, dataset).keys, erased(house, dataset, "X").keys] == [1, 0, 0]
    told = events(house, PersonErased)
    assert [getattr(event, "keys", None) for event in told] == [1, 0, 0]
    assert key_of(house, dataset, "X") is None, "who was to be erased before they came never comes in"


def test_the_same_person_of_another_dataset_stays(house: Stage) -> None:
    one, other = house.dataset().id, house.dataset().id
    kept = key_of(house, one), key_of(house, other)
    erased(house, one)
    assert (key_of(house, one), key_of(house, other)) == (None, kept[1])


def test_asking_tells_nobody_whether_the_dataset_holds_the_person(house: Stage) -> None:
    """Not by the answer, and not by what is read: nothing is."""
    dataset = house.dataset().id
    key_of(house, dataset)
    reading: list[str] = []
    house.platform = replace(house.platform, blobs=_Told(house.platform.blobs, reading), pseudonyms=None)
    known, _ = erasures.ask(house.platform, PIA, dataset, WHO)
    unknown, _ = erasures.ask(house.platform, PIA, dataset, "nobody")
    assert reading == []
    plain = [replace(one, id=ErasureId(""), sealed=None) for one in (known, unknown)]
    assert plain[0] == plain[1]
    assert len(known.sealed or "") == len(unknown.sealed or "")


class _Told:
    """Blobs that tell of every use."""

    def __init__(self, blobs: Any, told: list[str]) -> None:
        self._blobs, self._told = blobs, told

    def __getattr__(self, name: str) -> Any:
        self._told.append(name)
        return getattr(self._blobs, name)


def test_the_person_stands_nowhere_in_the_state_or_the_log(house: Stage) -> None:
    dataset = house.dataset().id
    name = pseudonym(TENANT_KEY, dataset, WHO)
    key_of(house, dataset)
    asked, _ = erasures.ask(house.platform, PIA, dataset, WHO)
    log: Any = house.platform.log
    for _ in range(2):
        written = repr(log._state.shelves["erasure"]).encode() + b"".join(log._state.entries)
        for trace in (WHO.encode(), b"Lovelace", name.encode()):
            assert trace not in written
        erasures.carry_out(house.platform, WORKER, asked.id)
    with house.platform.view() as view:
        assert view.erasures.get(asked.id).sealed is None, "and not even sealed once it is done"
    assert WHO not in repr(asked)


def test_a_person_who_cannot_be_in_any_record_is_refused_and_not_quoted(house: Stage) -> None:
    dataset = house.dataset().id
    with pytest.raises(Malformed) as raised:
        erasures.ask(house.platform, PIA, dataset, "Ada \ud800")
    assert raised.value.code == "person_malformed"
    assert "Ada" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_retired_dataset_still_lets_people_go(house: Stage) -> None:
    dataset = house.dataset().id
    key_of(house, dataset)
    datasets.retire(house.platform, DANA, dataset)
    assert erased(house, dataset).keys == 1
    assert events(house, DatasetRetired)


# Who may


@pytest.mark.parametrize("who", [ANN, BOB, DANA, REA, OTTO, ADA, WORKER], ids=lambda who: who.id)
def test_nobody_but_a_privacy_officer_asks_and_the_refusal_is_an_entry(house: Stage, who: Principal) -> None:
    """Who may not read datasets either is not even told which there are."""
    dataset, reads = house.dataset().id, who not in (REA, ADA, WORKER)
    with pytest.raises(Refused if reads else NotFound) as raised:
        erasures.ask(house.platform, who, dataset, WHO)
    said = (raised.value.code, raised.value.who)
    assert said == (("access_denied", "privacy-officer") if reads else ("dataset_not_found", ""))
    assert erasures.waiting(house.platform) == []
    last = house.entries()[-1]
    assert last.event == ActionRefused(
        action=Action.ERASE_PERSON, resource=dataset, code="access_denied", rule="no-rule-allows"
    )
    with pytest.raises(NotFound) as unknown:
        erasures.ask(house.platform, who, DatasetId("ds-" + "f" * 32), WHO)
    assert reads or str(unknown.value) == str(raised.value)


@pytest.mark.parametrize("who", [PIA, ADA, DANA], ids=lambda who: who.id)
def test_nobody_but_the_worker_carries_out(house: Stage, who: Principal) -> None:
    dataset = house.dataset().id
    key_of(house, dataset)
    asked, _ = erasures.ask(house.platform, PIA, dataset, WHO)
    with pytest.raises(Refused):
        erasures.carry_out(house.platform, who, asked.id)
    assert key_of(house, dataset) is not None
    last = house.entries()[-1].event
    assert last == ActionRefused(
        action=Action.CARRY_OUT_ERASURE, resource=asked.id, code="access_denied", rule="no-rule-allows"
    )


def test_what_became_of_them_is_for_those_who_read_the_log(house: Stage) -> None:
    dataset, other = house.dataset().id, house.dataset().id
    key_of(house, dataset)
    done, elsewhere = erased(house, dataset), erased(house, other)
    assert erasures.listed(house.platform, PIA, dataset) == [done]
    assert erasures.listed(house.platform, OTTO, other) == [elsewhere]
    for who in (ANN, DANA, EVE):
        with pytest.raises(NotFound):
            erasures.listed(house.platform, who, dataset)
    with pytest.raises(NotFound):
        erasures.listed(house.platform, PIA, DatasetId("ds-none"))


def test_there_is_no_erasure_from_a_dataset_that_is_not_there(house: Stage) -> None:
    with pytest.raises(NotFound):
        erasures.ask(house.platform, PIA, DatasetId("ds-none"), WHO)
    with pytest.raises(NotFound):
        erasures.carry_out(house.platform, WORKER, ErasureId("erasure-none"))


# Legal holds


def held(stage: Stage, dataset: Dataset, on: str) -> str:
    request, _ = requests.submit(stage.platform, ANN, ask_for_training(dataset))
    return {
        "dataset": dataset.id,
        "log": "log",
        "file": dataset.versions[0].file,
        "request": request.id,
    }[on]


@pytest.mark.parametrize("on", ["dataset", "log", "file", "request"])
def test_a_legal_hold_refuses_until_it_is_released(house: Stage, on: str) -> None:
    dataset = house.dataset()
    key_of(house, dataset.id)
    hold, _ = retention.place_hold(house.platform, PIA, held(house, dataset, on), None)
    with pytest.raises(Refused) as raised:
        erasures.ask(house.platform, PIA, dataset.id, WHO)
    assert raised.value.code == "legal_hold"
    last = house.entries()[-1].event
    rule = "anyone/erase-person/legal-hold"
    assert last == ActionRefused(action=Action.ERASE_PERSON, resource=dataset.id, code="legal_hold", rule=rule)
    retention.release_hold(house.platform, PIA, hold)
    assert erased(house, dataset.id).keys == 1


def test_a_hold_on_something_else_refuses_nothing(house: Stage) -> None:
    dataset, other = house.dataset(), house.dataset()
    key_of(house, dataset.id)
    retention.place_hold(house.platform, PIA, other.id, None)
    assert erased(house, dataset.id).keys == 1


def test_a_hold_that_comes_in_between_ends_it_and_nothing_is_destroyed(house: Stage) -> None:
    dataset = house.dataset().id
    kept = key_of(house, dataset)
    asked, _ = erasures.ask(house.platform, PIA, dataset, WHO)
    retention.place_hold(house.platform, PIA, dataset, None)
    ended = erasures.carry_out(house.platform, WORKER, asked.id)
    assert (ended.state, ended.because, ended.keys, ended.sealed) == (ErasureState.REFUSED, "legal_hold", 0, None)
    assert key_of(house, dataset) == kept
    last = house.entries()[-1].event
    rule = "anyone/carry-out-erasure/legal-hold"
    assert last == ActionRefused(action=Action.CARRY_OUT_ERASURE, resource=asked.id, code="legal_hold", rule=rule)
    assert erasures.waiting(house.platform) == []


# What goes wrong


def test_an_envelope_that_does_not_open_any_more_ends_it_with_an_entry(house: Stage) -> None:
    dataset = house.dataset().id
    kept = key_of(house, dataset)
    asked, _ = erasures.ask(house.platform, PIA, dataset, WHO)
    house.platform = replace(house.platform, envelopes=SealedEnvelopes(b"x" * 32))
    ended = erasures.carry_out(house.platform, WORKER, asked.id)
    assert (ended.state, ended.because) == (ErasureState.REFUSED, "envelope_corrupted")
    assert key_of(house, dataset) == kept


def test_an_envelope_moved_to_another_dataset_erases_nobody_there(house: Stage) -> None:
    """Who can write to the database moves it; the person of the other dataset keeps their key."""
    one, other = house.dataset().id, house.dataset().id
    kept = key_of(house, other)
    asked, _ = erasures.ask(house.platform, PIA, one, WHO)
    with house.platform.work(PIA.id) as work:
        work.erasures.put(replace(asked, dataset=other))
        work.record(ErasureAsked(erasure=asked.id, dataset=other))
        work.commit()
    assert erasures.carry_out(house.platform, WORKER, asked.id).because == "envelope_corrupted"
    assert key_of(house, other) == kept


def test_without_the_tenants_key_it_waits(house: Stage) -> None:
    dataset = house.dataset().id
    asked, _ = erasures.ask(house.platform, PIA, dataset, WHO)
    before = len(house.entries())
    with pytest.raises(Unavailable):
        erasures.carry_out(replace(house.platform, pseudonyms=None), WORKER, asked.id)
    assert (erasures.waiting(house.platform), len(house.entries())) == ([asked.id], before)


def test_a_crash_before_the_commit_leaves_it_waiting_and_whole(house: Stage) -> None:
    dataset = house.dataset().id
    kept = key_of(house, dataset)
    asked, _ = erasures.ask(house.platform, PIA, dataset, WHO)

    def crash(_: PrincipalId) -> Any:
        return _Crashing(house.platform.work(WORKER.id))

    with pytest.raises(Unavailable):
        erasures.carry_out(replace(house.platform, work=crash), WORKER, asked.id)
    assert (key_of(house, dataset), erasures.waiting(house.platform)) == (kept, [asked.id])
    assert erasures.carry_out(house.platform, WORKER, asked.id).keys == 1


class _Crashing:
    """A unit of work whose commit fails."""

    def __init__(self, unit: Any) -> None:
        self._unit = unit

    def __enter__(self) -> "_Crashing":
        self._unit.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._unit.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unit, name)

    def commit(self) -> None:
        raise Unavailable("database_unavailable", "The disk is full.")


def test_two_workers_carry_it_out_once(house: Stage) -> None:
    dataset = house.dataset().id
    key_of(house, dataset)
    done = erased(house, dataset)
    before = len(house.entries())
    assert erasures.carry_out(house.platform, WORKER, done.id) == done
    assert len(house.entries()) == before
