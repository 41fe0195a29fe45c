"""The binding: what is trained on is what was released, line by line, or it is refused."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.merkle import MerkleTree
from tunewarden.steps.records import (
    CleanRecord,
    Manifest,
    ProtectedRow,
    read_manifest,
    read_protected,
    read_records,
    store_lines,
)
from tunewarden_audit.merkle import leaf_hash, root

SOME = digest_of("something")
Rows = Sequence[CleanRecord | ProtectedRow]


def records(count: int) -> list[CleanRecord]:
    return [
        CleanRecord(person=f"{number // 2:064x}", label=number % 2, text=f"text {number}") for number in range(count)
    ]


def protected(count: int) -> list[ProtectedRow]:
    return [ProtectedRow(person=f"{number // 2:064x}", protected={"sex": "fm"[number % 2]}) for number in range(count)]


def released(blobs: MemoryBlobs, count: int) -> Manifest:
    texts, others = store_lines(blobs, records(count)), store_lines(blobs, protected(count))
    return Manifest(
        records=texts.digest,
        root=texts.root,
        protected=others.digest,
        protected_root=others.root,
        profile=SOME,
        detector=SOME,
        source=SOME,
        rows=texts.count,
        persons=(count + 1) // 2,
        classes=2,
    )


@given(st.lists(st.binary(max_size=40), max_size=70))
def test_the_root_is_the_one_that_the_auditor_computes(leaves: list[bytes]) -> None:
    tree = MerkleTree()
    for leaf in leaves:
        tree.append(leaf)
    assert tree.root() == "sha256:" + root(leaf_hash(leaf) for leaf in leaves).hex()
    assert tree.size == len(leaves)


def test_a_released_version_is_read_as_it_was_written() -> None:
    blobs = MemoryBlobs()
    manifest = released(blobs, 7)
    stored = blobs.put_bytes(encode(to_plain(manifest)))
    assert read_manifest(blobs, stored) == manifest
    assert list(read_records(blobs, manifest)) == records(7)
    assert list(read_protected(blobs, manifest)) == [row.protected for row in protected(7)]
    assert manifest.root == "sha256:" + root(leaf_hash(encode(to_plain(row))) for row in records(7)).hex()


TAMPERED: dict[str, Callable[[Rows], Rows]] = {
    "swapped": lambda rows: [rows[1], rows[0], *rows[2:]],
    "dropped": lambda rows: rows[:-1],
    "added": lambda rows: [*rows, rows[0]],
    "reordered": lambda rows: rows[::-1],
    "replaced": lambda rows: [*rows[:-1], rows[0]],
    "another label": lambda rows: [
        replace(row, label=1 - row.label) if isinstance(row, CleanRecord) else replace(row, protected={"sex": "x"})
        for row in rows
    ],
    "another person": lambda rows: [replace(rows[0], person="f" * 64), *rows[1:]],
    "none": lambda rows: rows[:0],
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_other_records_under_the_manifest_of_these_are_refused(change: Callable[[Rows], Rows]) -> None:
    blobs = MemoryBlobs()
    manifest = released(blobs, 7)
    texts, others = store_lines(blobs, change(records(7))), store_lines(blobs, change(protected(7)))
    with pytest.raises(Corrupted):
        list(read_records(blobs, replace(manifest, records=texts.digest)))
    with pytest.raises(Corrupted):
        list(read_records(blobs, replace(manifest, records=texts.digest, rows=texts.count)))
    with pytest.raises(Corrupted, match="states 6 records, the file has 7"):
        list(read_records(blobs, replace(manifest, rows=6)))
    with pytest.raises(Corrupted):
        list(read_protected(blobs, replace(manifest, protected=others.digest)))
    with pytest.raises(Corrupted):
        list(read_protected(blobs, replace(manifest, protected=others.digest, rows=others.count)))


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_of_the_clean_file_is_refused(place: int, bit: int) -> None:
    blobs = MemoryBlobs()
    manifest = released(blobs, 5)
    data = bytearray(blobs.stored[manifest.records])
    data[place % len(data)] ^= 1 << bit
    blobs.stored[manifest.records] = bytes(data)
    with pytest.raises(Corrupted):
        list(read_records(blobs, manifest))


def test_lines_are_stored_while_they_are_made_and_none_is_kept() -> None:
    made: list[CleanRecord] = []

    def rows() -> Iterator[CleanRecord]:
        for row in records(3):
            made.append(row)
            yield row

    assert store_lines(MemoryBlobs(), rows()).count == len(made) == 3
    assert store_lines(MemoryBlobs(), []).count == 0
