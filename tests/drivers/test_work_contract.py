"""What every unit of work and every view promises, in memory, in SQLite and in PostgreSQL alike."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_type_hints

import pytest

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.entries import Entry, entry_bytes
from tunewarden.domain.errors import Corrupted, NotFound, Refused, UnrecordedChange
from tunewarden.domain.events import ActionRefused, DatasetRetired, KeyRevoked
from tunewarden.domain.names import Action, DatasetId, PrincipalId, RequestId, Role
from tunewarden.drivers import bodies
from tunewarden.drivers.memory import FixedClock
from tunewarden.usecases.ports import Claims, Principal, Receipt, UnitOfWork, Views, Work
from tunewarden_audit.merkle import leaf_hash

ANN = PrincipalId("prn-1")
BOB = PrincipalId("prn-2")
FACT = DatasetRetired(dataset=DatasetId("ds-1"))


def append(work: Work, dataset: str = "ds-1", actor: PrincipalId = ANN) -> Receipt:
    with work(actor) as unit:
        unit.record(DatasetRetired(dataset=DatasetId(dataset)))
        return unit.commit()


def log(work: Work, start: int = 0) -> list[Entry]:
    with work(ANN) as unit:
        return list(unit.entries(start))


def test_every_store_of_the_port_has_a_kind() -> None:
    assert len(get_type_hints(UnitOfWork)) == len(bodies.NOUNS)


def test_what_is_put_comes_back_equal_and_replaces_what_was_there(work: Work, example: Any) -> None:
    with work(ANN) as unit:
        assert example.shelf(unit).find(example.key) is None
        example.shelf(unit).put(example.first)
        assert example.shelf(unit).get(example.key) == example.first, "a unit of work reads what it wrote"
        unit.record(FACT)
        unit.commit()
    with work(ANN) as unit:
        assert example.shelf(unit).find(example.key) == example.first
        example.shelf(unit).put(example.second)
        unit.record(FACT)
        unit.commit()
    with work(ANN) as unit:
        assert example.shelf(unit).get(example.key) == example.second
        assert list(example.shelf(unit).all()) == [example.second]


def test_what_is_missing_is_not_found_by_its_noun(work: Work, example: Any) -> None:
    with work(ANN) as unit, pytest.raises(NotFound) as caught:
        example.shelf(unit).get("nobody")
    assert caught.value.code.endswith("_not_found")
    assert "nobody" not in str(caught.value)


def test_all_lists_the_oldest_first_and_a_replaced_one_keeps_its_place(
    work: Work, registered: Callable[..., Dataset]
) -> None:
    names = ["ds-9", "ds-1", "ds-5"]
    with work(ANN) as unit:
        for name in names:
            unit.datasets.put(registered(id=DatasetId(name)))
        unit.datasets.put(registered(id=DatasetId("ds-9"), retired=True))
        unit.record(FACT)
        unit.commit()
    with work(ANN) as unit:
        assert [dataset.id for dataset in unit.datasets.all()] == names
        assert unit.datasets.all()[0].retired


def test_all_lists_those_in_whose_stored_form_something_stands_to_the_letter(
    work: Work, view: Views, registered: Callable[..., Dataset]
) -> None:
    names = ["100% of it", "100 of it", "under_score", "understandscore", "UNDER_SCORE"]
    with work(ANN) as unit:
        for number, name in enumerate(names):
            unit.datasets.put(registered(id=DatasetId(f"ds-{number}"), name=name))
        assert [one.name for one in unit.datasets.all("ds-")] == names
        unit.record(FACT)
        unit.commit()
    with view() as seen:
        for wanted, found in (("100%", names[:1]), ("under_", names[2:3]), ("'; --", []), ("", names)):
            assert [one.name for one in seen.datasets.all(wanted)] == found


def test_a_unit_of_work_that_is_left_without_commit_changes_nothing(work: Work, example: Any) -> None:
    with work(ANN) as unit:
        example.shelf(unit).put(example.first)
        unit.record(FACT)
    with work(ANN) as unit:
        assert example.shelf(unit).find(example.key) is None
        assert list(unit.entries()) == []


def test_an_error_undoes_state_and_log_and_leaves_no_gap(work: Work, registered: Callable[..., Dataset]) -> None:
    append(work)
    with suppress(ZeroDivisionError), work(ANN) as unit:
        unit.datasets.put(registered())
        unit.record(FACT)
        raise ZeroDivisionError
    assert append(work).index == 1
    with work(ANN) as unit:
        assert unit.datasets.find(DatasetId("ds-1")) is None
    assert [entry.index for entry in log(work)] == [0, 1]


def test_state_that_changes_unrecorded_is_not_committed(work: Work, registered: Callable[..., Dataset]) -> None:
    with work(ANN) as unit:
        unit.datasets.put(registered())
        with pytest.raises(UnrecordedChange, match="records nothing"):
            unit.commit()
    with work(ANN) as unit:
        assert unit.datasets.find(DatasetId("ds-1")) is None


def test_a_unit_of_work_is_over_after_its_commit(work: Work, registered: Callable[..., Dataset]) -> None:
    with work(ANN) as unit:
        unit.record(FACT)
        unit.commit()
        for attempt in (
            unit.commit,
            lambda: unit.record(FACT),
            lambda: unit.datasets.put(registered()),
            lambda: unit.datasets.find(DatasetId("ds-1")),
            lambda: list(unit.entries()),
        ):
            with pytest.raises(UnrecordedChange, match="not open"):
                attempt()
    assert len(log(work)) == 1


def test_entries_say_who_did_what_when_at_which_index(work: Work, clock: FixedClock) -> None:
    begun = clock.now
    append(work, "ds-1", ANN)
    clock.advance(timedelta(seconds=5))
    append(work, "ds-2", BOB)
    assert log(work) == [
        Entry(index=0, at=begun, actor=ANN, event=DatasetRetired(dataset=DatasetId("ds-1"))),
        Entry(index=1, at=begun + timedelta(seconds=5), actor=BOB, event=DatasetRetired(dataset=DatasetId("ds-2"))),
    ]
    assert [entry.index for entry in log(work, start=1)] == [1]
    assert log(work, start=2) == []


def test_a_unit_of_work_does_not_see_its_own_entries_before_commit(work: Work) -> None:
    with work(ANN) as unit:
        unit.record(FACT)
        assert list(unit.entries()) == []


def test_the_receipt_is_for_the_last_entry_and_holds_its_rfc_6962_leaf_hash(work: Work, clock: FixedClock) -> None:
    append(work)
    last = DatasetRetired(dataset=DatasetId("ds-3"))
    with work(BOB) as unit:
        unit.record(FACT)
        unit.record(last)
        receipt = unit.commit()
    body = entry_bytes(last, actor=BOB, at=clock())
    assert receipt == Receipt(index=2, leaf_hash=leaf_hash(body).hex())


def test_a_refusal_recorded_in_its_own_unit_of_work_survives_the_refused_one(
    work: Work, registered: Callable[..., Dataset]
) -> None:
    refusal = ActionRefused(action=Action.REGISTER_DATASET, resource="dataset", code="access_denied", rule="")
    try:
        with work(ANN) as unit:
            unit.datasets.put(registered())
            unit.record(FACT)
            raise Refused("access_denied", "no")
    except Refused:
        with work(ANN) as unit:
            unit.record(refusal)
            unit.commit()
    assert [entry.event for entry in log(work)] == [refusal]
    with work(ANN) as unit:
        assert not unit.datasets.all()


def test_indices_are_contiguous_under_eight_threads_of_which_some_give_up(work: Work) -> None:
    def one(number: int) -> None:
        with work(ANN) as unit:
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
            if number % 5:
                unit.commit()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, range(80)))
    entries = log(work)
    assert [entry.index for entry in entries] == list(range(128))
    pairs = zip(entries[::2], entries[1::2], strict=True)
    assert all(left.event == right.event for left, right in pairs), "the entries of one unit of work lie together"


def test_units_of_work_are_serial_so_no_change_is_lost(work: Work, registered: Callable[..., Dataset]) -> None:
    with work(ANN) as unit:
        unit.datasets.put(registered(name="0"))
        unit.record(FACT)
        unit.commit()
    together = threading.Barrier(4)

    def count_on(_: int) -> None:
        together.wait()
        for _round in range(5):
            with work(ANN) as unit:
                dataset = unit.datasets.get(DatasetId("ds-1"))
                unit.datasets.put(replace(dataset, name=str(int(dataset.name) + 1)))
                unit.record(FACT)
                unit.commit()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count_on, range(4)))
    with work(ANN) as unit:
        assert unit.datasets.get(DatasetId("ds-1")).name == "20"


LEASE = timedelta(seconds=30)
JOBS = [RequestId("ftjob-1"), RequestId("ftjob-2")]


def test_a_request_is_claimed_by_one_worker_only(claims: Claims, clock: FixedClock) -> None:
    assert claims.take("w1", JOBS, clock(), LEASE) == JOBS[0]
    assert claims.take("w2", JOBS, clock(), LEASE) == JOBS[1]
    assert claims.take("w3", JOBS, clock(), LEASE) is None
    assert claims.take("w3", [], clock(), LEASE) is None


def test_a_claim_ends_with_its_lease_and_the_old_holder_notices(claims: Claims, clock: FixedClock) -> None:
    claims.take("w1", JOBS[:1], clock(), LEASE)
    clock.advance(timedelta(seconds=29))
    assert claims.renew("w1", JOBS[0], clock(), LEASE)
    clock.advance(timedelta(seconds=29))
    assert claims.take("w2", JOBS[:1], clock(), LEASE) is None
    clock.advance(timedelta(seconds=1))
    assert claims.take("w2", JOBS[:1], clock(), LEASE) == JOBS[0]
    assert not claims.renew("w1", JOBS[0], clock(), LEASE)
    claims.release("w1", JOBS[0])
    assert claims.renew("w2", JOBS[0], clock(), LEASE), "only the holder gives a claim up"


def test_who_holds_something_can_ask_which_until_the_lease_ends(claims: Claims, clock: FixedClock) -> None:
    claims.take("r1", JOBS, clock(), LEASE)
    claims.take("r2", JOBS, clock(), LEASE)
    assert (claims.held("r1", JOBS, clock()), claims.held("r2", JOBS, clock())) == (JOBS[0], JOBS[1])
    assert claims.held("r1", JOBS[1:], clock()) is None, "only among those that are asked for"
    assert claims.held("r3", JOBS, clock()) is None
    clock.advance(LEASE)
    assert claims.held("r1", JOBS, clock()) is None


def test_a_released_request_can_be_claimed_at_once(claims: Claims, clock: FixedClock) -> None:
    claims.take("w1", JOBS[:1], clock(), LEASE)
    claims.release("w1", JOBS[0])
    assert not claims.renew("w1", JOBS[0], clock(), LEASE)
    assert claims.take("w2", JOBS[:1], clock(), LEASE) == JOBS[0]


def test_of_many_workers_at_once_each_request_goes_to_exactly_one(claims: Claims, clock: FixedClock) -> None:
    jobs = [RequestId(f"ftjob-{number}") for number in range(10)]
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda number: claims.take(f"w{number}", jobs, clock(), LEASE), range(16)))
    assert sorted(filter(None, taken)) == jobs


def test_entries_are_dated_when_their_unit_of_work_commits_so_dates_go_forward(work: Work, clock: FixedClock) -> None:
    with work(ANN) as unit:
        unit.record(FACT)
        clock.advance(timedelta(seconds=5))
        unit.record(FACT)
        unit.commit()
    assert [entry.at for entry in log(work)] == [clock.now, clock.now]


def test_an_entry_that_is_too_large_undoes_its_unit_of_work(work: Work, registered: Callable[..., Dataset]) -> None:
    large = ActionRefused(action=Action.REGISTER_DATASET, resource="d" * 70_000, code="access_denied", rule="")
    with work(ANN) as unit:
        unit.datasets.put(registered())
        unit.record(large)
        with pytest.raises(Corrupted, match="larger than an entry may be"):
            unit.commit()
    with work(ANN) as unit:
        unit.record(large)
        with pytest.raises(Corrupted, match="larger than an entry may be"):
            unit.commit()
    assert append(work).index == 0
    with work(ANN) as unit:
        assert unit.datasets.find(DatasetId("ds-1")) is None


def test_a_view_shows_what_was_committed_and_is_over_after_its_block(work: Work, view: Views, example: Any) -> None:
    with work(ANN) as unit:
        example.shelf(unit).put(example.first)
        unit.record(FACT)
        unit.commit()
    with view() as now:
        shelf = example.shelf(now)
        assert shelf.get(example.key) == shelf.find(example.key) == example.first
        assert list(shelf.all()) == [example.first]
        assert [entry.index for entry in now.entries()] == [0]
        assert list(now.entries(1)) == []
        with pytest.raises(NotFound):
            shelf.get("nobody")
    for attempt in (lambda: shelf.find(example.key), shelf.all, lambda: list(now.entries())):
        with pytest.raises(UnrecordedChange, match="not open"):
            attempt()


def test_a_view_does_not_change_while_others_commit(
    work: Work, view: Views, registered: Callable[..., Dataset]
) -> None:
    append(work)
    with view() as before:
        assert [entry.index for entry in before.entries()] == [0]
        with work(ANN) as unit:
            unit.datasets.put(registered())
            unit.record(FACT)
            assert len(list(before.entries())) == 1, "it waits for no writer"
            unit.commit()
        assert before.datasets.find(DatasetId("ds-1")) is None
        assert [entry.index for entry in before.entries()] == [0]
    with view() as after:
        assert after.datasets.find(DatasetId("ds-1")) is not None
        assert [entry.index for entry in after.entries()] == [0, 1]


def test_a_view_finds_the_entries_that_name_something(work: Work, view: Views) -> None:
    for dataset in ("ds-1", "ds-2", "ds-1"):
        append(work, dataset, BOB if dataset == "ds-2" else ANN)
    with view() as now:
        assert [entry.index for entry in now.entries_naming("ds-1")] == [0, 2]
        assert [entry.index for entry in now.entries_naming(BOB)] == [1]
        assert list(now.entries_naming("ds-%")) == []
        assert list(now.entries_naming("ds-2")) == list(now.entries())[1:2]
        assert [[entry.index for entry in now.entries_naming("ds-1", start)] for start in (0, 1, 2, 3)] == [
            [0, 2],
            [2],
            [2],
            [],
        ]


def test_who_was_revoked_reads_and_changes_nothing_more_and_may_still_be_told_no(work: Work) -> None:
    """An action that was on its way when the key was taken: auditors look for exactly this (`conduct`)."""
    annette = Principal(id=ANN, roles=frozenset({Role.REQUESTER}))
    with work(BOB) as unit:
        unit.principals.put(annette)
        unit.record(FACT)
        unit.commit()
    append(work)
    with work(ANN) as unit:
        unit.principals.put(replace(annette, revoked=True))  # their own key: this is still done
        unit.record(KeyRevoked(principal=ANN))
        unit.commit()
    for use in (
        lambda unit: unit.datasets.all(),
        lambda unit: unit.principals.put(annette),
        lambda unit: list(unit.entries()),
    ):
        with pytest.raises(Refused, match="revoked"), work(ANN) as unit:
            use(unit)
    assert append(work, actor=ANN).index == 3, "only recording is not asked"
    assert append(work, actor=BOB).index == 4, "and nobody waits for a turn that was not given up"
