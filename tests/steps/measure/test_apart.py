"""Protected attributes in a table of their own: what is measured is the same, of held-out rows alone, read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from tests.conftest import linear_accountant
from tests.steps.measure.injuries import SMALL, Records, attempt, locate

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import Conflict, NotFound, Unavailable
from tunewarden.domain.names import Digest
from tunewarden.domain.training import StepName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.rows import attributes_of, read_held_out
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.records import CleanRecord, Manifest, Side, read_manifest, read_protected, side_of
from tunewarden.usecases.attribute_doors import Whose


@dataclass
class Door:
    """The table of a few records, and which lines of it were asked for."""

    records: Records
    asked: list[Sequence[Whose]] = field(default_factory=list)

    def __call__(self, of: Sequence[Whose]) -> Sequence[Mapping[str, str]]:
        self.asked.append(of)
        return [self.records.protected[whose.record].protected for whose in of]


def apart(blobs: MemoryBlobs, beside: Digest) -> Digest:
    """The same release, with nothing beside its records."""
    manifest = replace(read_manifest(blobs, beside), protected=None, protected_root=None)
    return blobs.put_bytes(encode(to_plain(manifest)))


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def records() -> Records:
    """Two rows of some persons, and one row of two persons of either side."""
    made = Records.of(120)
    sides = [next(name for name in made.persons if side_of([name]) is side) for side in set(map(of_one, made.persons))]
    shared = CleanRecord(person=sides[0], label=0, text="both", others=(sides[1],))
    return replace(made, clean=[*made.clean, shared], protected=[*made.protected, made.protected[0]])


def of_one(name: str) -> object:
    return side_of([name])


def manifests(blobs: MemoryBlobs, records: Records) -> tuple[Manifest, Manifest]:
    beside = records.manifest(blobs)
    return read_manifest(blobs, beside), read_manifest(blobs, apart(blobs, beside))


def test_rows_are_those_of_a_release_that_has_attributes_beside_it(blobs: MemoryBlobs, records: Records) -> None:
    before, after = manifests(blobs, records)
    door = Door(records)
    for left_out in (frozenset[str](), frozenset(records.persons[::2])):
        assert read_held_out(blobs, after, left_out, attributes=door) == read_held_out(blobs, before, left_out)
        assert read_held_out(blobs, after, left_out, alone=True, attributes=door) == read_held_out(
            blobs, before, left_out, alone=True
        )


def test_lines_are_asked_for_once_of_rows_that_are_measured_on_and_no_others(
    blobs: MemoryBlobs, records: Records
) -> None:
    door, left_out = Door(records), frozenset(records.persons[::2])
    rows, others = read_held_out(blobs, manifests(blobs, records)[1], left_out, attributes=door)
    (asked,) = door.asked
    assert [records.clean[whose.record].text for whose in asked] == rows.texts
    named = {person for whose in asked for person in whose.persons}
    assert named == set(rows.persons)
    assert not named & (others | left_out)


def test_without_protected_columns_nothing_is_asked_for_and_rows_have_none(
    blobs: MemoryBlobs, records: Records
) -> None:
    rows, _ = read_held_out(blobs, manifests(blobs, records)[1])
    assert rows.attributes() == {}
    assert len(rows.protected) == len(rows.texts)


def test_rows_of_several_persons_are_told_from_those_of_one(blobs: MemoryBlobs, records: Records) -> None:
    first, second, *_ = [name for name in records.persons if side_of([name]) is Side.HELD_OUT]
    both = CleanRecord(person=first, label=0, text="of both", others=(second,))
    more = replace(records, clean=[both, *records.clean], protected=[records.protected[0], *records.protected])
    rows, _ = read_held_out(blobs, manifests(blobs, more)[0])
    assert list(np.flatnonzero(~rows.alone())) == [rows.texts.index("of both")]
    assert rows.only(rows.alone()).alone().all()
    assert list(rows.only(~rows.alone()).alone()) == [False]


def test_the_door_is_opened_only_where_something_lies_behind_it(blobs: MemoryBlobs, records: Records) -> None:
    (before, after), door = manifests(blobs, records), Door(records)
    given = replace(attempt(blobs, records.manifest(blobs), b"adapter"), attributes=door)
    assert attributes_of(given, after) is door
    assert attributes_of(given, before) is None, "a release of before"
    assert attributes_of(replace(given, protected=()), after) is None, "a dataset without protected columns"
    with pytest.raises(Unavailable) as raised:
        attributes_of(replace(given, attributes=None), after)
    assert raised.value.code == "attributes_not_readable"


def test_nothing_lies_beside_a_release_that_has_them_apart(blobs: MemoryBlobs, records: Records) -> None:
    with pytest.raises(NotFound):
        next(read_protected(blobs, manifests(blobs, records)[1]))


def test_the_step_reads_by_its_door_and_stops_where_that_is_refused(adapter: bytes, blobs: MemoryBlobs) -> None:
    records = Records.of(60)
    given = attempt(blobs, records.manifest(blobs), adapter)

    def refusing(_: Sequence[Whose]) -> Sequence[Mapping[str, str]]:
        raise Conflict("attributes_destroyed", "x")

    outputs = {**given.outputs, StepName.DEIDENTIFY: apart(blobs, given.outputs[StepName.DEIDENTIFY])}
    with pytest.raises(Conflict):
        MeasureStep(blobs, locate, linear_accountant, extent=SMALL)(
            replace(given, outputs=outputs, attributes=refusing)
        )
