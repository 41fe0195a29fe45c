"""Who is in which cohort: alike in memory, in SQLite and in PostgreSQL."""

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tunewarden.domain.cohorts import Cohort, CohortId, Combination
from tunewarden.domain.errors import Conflict
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, Digest, PrincipalId, RequestId
from tunewarden.domain.privacy import Spend
from tunewarden_audit.merkle import leaf_hash, root

ANN = PrincipalId("prn-1")


def person(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8)).digest()


def cohort(name: str) -> Cohort:
    return Cohort(
        request=RequestId(name),
        what=Spend.TRAINING,
        dataset=DatasetId("ds"),
        root=Digest("sha256:" + "0" * 64),
        persons=1,
        left_out=0,
    )


def admitted(backend: Any, name: str, persons: Iterator[int] | range | list[int], *over: Combination) -> CohortId:
    one = cohort(name)
    backend.enrolments.put_down(one.id, map(person, persons))
    with backend.work(ANN) as unit:
        unit.leave_out(one.id, set(over))
        unit.cohorts.put(one)
        unit.record(DatasetRetired(dataset=DatasetId("ds")))
        unit.commit()
    return one.id


def combinations(backend: Any, one: CohortId) -> dict[Combination, int]:
    with backend.work(ANN) as unit:
        return dict(unit.combinations(one))


def test_the_root_is_over_the_persons_in_order_each_once(backend: Any) -> None:
    numbers = [*range(7), 3, 3]
    found = backend.enrolments.put_down(CohortId("a.training"), map(person, numbers))
    ascending = sorted({person(number) for number in numbers})
    assert (found.root, found.persons) == (f"sha256:{root(map(leaf_hash, ascending)).hex()}", 7)
    nobody = backend.enrolments.put_down(CohortId("b.training"), [])
    assert (nobody.root, nobody.persons) == (f"sha256:{root([]).hex()}", 0)


def test_persons_are_counted_by_the_other_cohorts_they_are_in(backend: Any) -> None:
    a, b = admitted(backend, "a", range(10)), admitted(backend, "b", range(5, 15))
    c = admitted(backend, "c", range(20))
    expected = {frozenset(): 5, frozenset({a}): 5, frozenset({b}): 5, frozenset({a, b}): 5}
    assert combinations(backend, c) == expected
    assert combinations(backend, a) == {frozenset({c}): 5, frozenset({b, c}): 5}


def test_who_was_only_put_down_counts_for_nobody(backend: Any) -> None:
    backend.enrolments.put_down(CohortId("a.training"), map(person, range(5)))
    assert combinations(backend, admitted(backend, "b", range(5))) == {frozenset(): 5}


def test_who_was_left_out_is_not_in_the_cohort_and_is_named(backend: Any) -> None:
    a = admitted(backend, "a", range(4))
    b = admitted(backend, "b", range(10), frozenset({a}))
    assert backend.enrolments.left_out(b) == {person(number) for number in range(4)}
    assert backend.enrolments.left_out(a) == frozenset()
    assert combinations(backend, b) == {frozenset(): 6}
    assert combinations(backend, a) == {frozenset(): 4}, "who was left out there loses nothing there"


def test_putting_down_again_replaces_what_was_there(backend: Any) -> None:
    for persons in (range(9), range(3, 5)):
        found = backend.enrolments.put_down(CohortId("a.training"), map(person, persons))
    assert found.persons == 2


def test_another_attempt_takes_the_place_of_one_under_way_which_then_ends(backend: Any) -> None:
    one, rolls = CohortId("a.training"), []

    def overtaken() -> Iterator[bytes]:
        yield person(1)
        rolls.append(backend.enrolments.put_down(one, map(person, range(5, 8))))
        yield person(2)

    with pytest.raises(Conflict):
        backend.enrolments.put_down(one, overtaken())
    with backend.work(ANN) as unit:
        assert unit.combinations(one, rolls[0].number) == {frozenset(): 3}, "nobody of the one that was overtaken"


def test_a_roll_whose_place_was_taken_decides_about_nobody(backend: Any) -> None:
    """Else an attempt whose persons were struck before it counted them would admit nobody, and train on them all."""
    one = CohortId("a.training")
    before = backend.enrolments.put_down(one, [])

    def meanwhile() -> Iterator[bytes]:
        with backend.work(ANN) as unit, pytest.raises(Conflict):
            unit.combinations(one, before.number)
        yield person(1)

    now = backend.enrolments.put_down(one, meanwhile())
    with backend.work(ANN) as unit:
        assert unit.combinations(one, now.number) == {frozenset(): 1}
    backend.enrolments.strike(one)
    with backend.work(ANN) as unit, pytest.raises(Conflict):
        unit.combinations(one, now.number)


def test_an_admitted_cohort_cannot_be_put_down_again_or_struck(backend: Any) -> None:
    a = admitted(backend, "a", range(4))
    for change in (lambda: backend.enrolments.strike(a), lambda: backend.enrolments.put_down(a, [person(9)])):
        with pytest.raises(Conflict):
            change()
    assert combinations(backend, a) == {frozenset(): 4}


def test_whoever_was_struck_is_gone(backend: Any) -> None:
    backend.enrolments.put_down(CohortId("a.training"), map(person, range(5)))
    backend.enrolments.strike(CohortId("a.training"))
    with pytest.raises(Conflict):
        backend.enrolments.left_out(CohortId("a.training"))


def test_leaving_out_is_undone_with_its_unit_of_work(backend: Any) -> None:
    a, b = admitted(backend, "a", range(4)), cohort("b").id
    backend.enrolments.put_down(b, map(person, range(8)))
    with backend.work(ANN) as unit:
        assert unit.leave_out(b, {frozenset({a})}) == 4
    assert backend.enrolments.left_out(b) == frozenset()


_EXAMPLES = itertools.count(1)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sets=st.lists(st.sets(st.integers(0, 8)), min_size=1, max_size=4))
def test_the_count_is_what_counting_by_hand_gives(backend: Any, sets: list[set[int]]) -> None:
    own = next(_EXAMPLES) * 100  # the examples share one database: each has cohorts and persons of its own
    ids = [admitted(backend, f"{own}-{at}", [own + one for one in some]) for at, some in enumerate(sets)]
    expected: dict[Combination, int] = {}
    for one in sets[-1]:
        others = frozenset(ids[at] for at, some in enumerate(sets[:-1]) if one in some)
        expected[others] = expected.get(others, 0) + 1
    assert combinations(backend, ids[-1]) == expected
