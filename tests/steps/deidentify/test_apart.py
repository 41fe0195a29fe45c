"""A release lays protected attributes apart, those of records that are measured on; none are beside the texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.steps.deidentify.test_release import KEY, PROFILE, Desk, Keys, record
from tests.steps.deidentify.test_step import RECORDS, given as given, made

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.deidentify.source import SourceRecord
from tunewarden.steps.records import Manifest, Side, read_manifest, read_protected, read_records, side
from tunewarden.usecases.attribute_doors import Line
from tunewarden.usecases.ports import Attempt

CANARY = "zzyzx-group"


def people(count: int = 36) -> list[SourceRecord]:
    return [
        replace(
            record(f"Burn {n}.", f"P-{n % 23:06}"),
            protected={"sex": f"{CANARY}-{n % 3}"},
            others=(f"P-{n % 5 + 100:06}",) if n % 4 == 0 else (),
        )
        for n in range(count)
    ]


def both(
    tmp_path: Path, records: Sequence[SourceRecord], **changed: object
) -> tuple[Desk, Manifest, list[Line], Manifest]:
    """The same release with attributes beside it and with attributes apart."""
    beside, apart = Desk(tmp_path / "beside", **changed), Desk(tmp_path / "apart", **changed)  # type: ignore[arg-type]
    lines: list[Line] = []
    before, _ = beside.release(records)
    after, _ = apart.release(records, keep=lines.extend)
    rows = list(read_protected(beside.blobs, before))
    assert [rows[line.whose.record] for line in lines] == [line.protected for line in lines]
    return apart, after, lines, before


def test_every_record_that_is_measured_on_has_a_line_and_no_other(tmp_path: Path) -> None:
    desk, manifest, lines, before = both(tmp_path, people())
    clean = list(read_records(desk.blobs, manifest))
    wanted = [(place, one.persons) for place, one in enumerate(clean) if side(one) is Side.HELD_OUT]
    assert [(line.whose.record, line.whose.persons) for line in lines] == wanted
    assert 0 < len(lines) < len(clean) / 2
    assert (manifest.protected, manifest.protected_root) == (None, None)
    assert replace(before, protected=None, protected_root=None) == manifest, "the texts are the same"


def test_places_are_those_of_the_clean_version_where_somebody_was_erased(tmp_path: Path) -> None:
    gone = frozenset(f"P-{n:06}" for n in range(0, 23, 2))
    desk, manifest, lines, _ = both(tmp_path, people(), vault=Keys(erased=gone))
    clean = list(read_records(desk.blobs, manifest))
    assert lines
    for line in lines:
        assert clean[line.whose.record].persons == line.whose.persons
        assert not {pseudonym(KEY, desk.dataset, one) for one in gone} & set(line.whose.persons)


def test_what_has_to_give_way_for_k_is_laid_apart_as_suppressed(tmp_path: Path) -> None:
    records = [replace(record(f"Burn {n}.", f"P-{n:06}"), protected={"sex": f"only-{n}"}) for n in range(40)]
    _, _, lines, _ = both(tmp_path, records, profile=replace(PROFILE, k=3))
    assert lines
    assert not any(value.startswith("only-") for line in lines for value in line.protected.values())


def test_no_byte_that_a_release_stores_has_an_attribute(
    blobs: MemoryBlobs, tmp_path: Path, given: Callable[..., Attempt]
) -> None:
    kept: list[Line] = []

    def keep(lines: Iterable[Line]) -> None:
        kept.extend(lines)

    rows: list[Mapping[str, object]] = [{**one, "protected": {"sex": CANARY}} for one in RECORDS]
    asked = replace(given(rows), protected=("sex",), keep=keep)
    before = set(blobs.stored)
    manifest = read_manifest(blobs, made(blobs, tmp_path)(asked).output)
    assert kept
    assert all(line.protected == {"sex": CANARY} for line in kept)
    assert manifest.protected is None
    for name in set(blobs.stored) - before:
        assert CANARY.encode() not in blobs.read(name)


def test_a_release_with_nowhere_to_lay_them_apart_is_not_made(
    blobs: MemoryBlobs, tmp_path: Path, given: Callable[..., Attempt]
) -> None:
    with pytest.raises(Unavailable) as raised:
        made(blobs, tmp_path)(replace(given(RECORDS), protected=("sex",)))
    assert raised.value.code == "attributes_not_kept"
