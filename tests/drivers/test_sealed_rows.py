"""Raw rows under the keys of their persons: one key less, and exactly that person's rows are gone."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tunewarden.domain.canonical import Plain, digest_bytes, encode
from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.names import DatasetId, Digest, FileId
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.memory import MemoryState
from tunewarden.drivers.memory_vault import MemoryVault
from tunewarden.drivers.sealed_rows import SealedRows
from tunewarden.usecases.custody import version_key
from tunewarden.usecases.lines import stream_of

DATASET, OTHER = DatasetId("ds-1"), DatasetId("ds-2")
VERSION = version_key(digest_bytes(b"an upload"))
KEY = bytes(range(32))


def record(number: int, *persons: str) -> bytes:
    shared: dict[str, Plain] = {"others": list(persons[1:])} if persons[1:] else {}
    return encode({"label": 0, "person": persons[0], "protected": {}, "text": f"burnt hand {number}", **shared})


RECORDS = [record(0, "anna"), record(1, "bert"), record(2, "anna", "carl"), record(3, "dora"), record(4, "bert")]


class House:
    """A folder, a vault, and rows in them."""

    def __init__(self, root: Path) -> None:
        self.root, self.state = root, MemoryState()

    def rows(self, place: str = "blobs") -> SealedRows:
        vault = MemoryVault(self.state)
        return SealedRows(DirectoryBlobs(self.root / place, KEY, vault), vault, KEY)

    def store(self, records: Sequence[bytes] = RECORDS, dataset: DatasetId = DATASET) -> Digest:
        writer = self.rows().writer(dataset, VERSION)
        assert writer.put(stream_of(iter(records))) == digest_bytes(b"".join(each + b"\n" for each in records))
        return writer.sealed

    def read(self, sealed: Digest, place: str = "blobs") -> list[bytes | None]:
        return list(self.rows(place).lines(DATASET, VERSION, sealed))

    def erase(self, person: str, dataset: DatasetId = DATASET) -> None:
        self.state.person_keys[dataset, self.rows().handle(dataset, person)] = None


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_rows_come_back_as_they_were_and_their_digest_is_that_of_the_plain_records(house: House) -> None:
    assert house.read(house.store()) == RECORDS


def test_one_key_destroyed_takes_that_persons_rows_and_no_other_from_every_copy(house: House) -> None:
    sealed = house.store()
    shutil.copytree(house.root / "blobs", house.root / "copy")
    house.erase("bert")
    for place in ("blobs", "copy"):
        assert house.read(sealed, place) == [RECORDS[0], None, RECORDS[2], RECORDS[3], None]


@pytest.mark.parametrize("person", ["anna", "carl"])
def test_a_row_of_several_persons_goes_with_any_of_them(house: House, person: str) -> None:
    sealed = house.store()
    house.erase(person)
    assert house.read(sealed)[2] is None
    assert house.read(sealed)[0] == (None if person == "anna" else RECORDS[0])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    owners=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3, unique=True), min_size=1, max_size=30),
    gone=st.sets(st.sampled_from("abcdef")),
)
def test_whoever_is_erased_exactly_their_rows_are_gone(
    tmp_path_factory: pytest.TempPathFactory, owners: list[list[str]], gone: set[str]
) -> None:
    house = House(tmp_path_factory.mktemp("rows"))
    records = [record(number, *persons) for number, persons in enumerate(owners)]
    sealed = house.store(records)
    for person in gone:
        house.erase(person)
    expected = [None if gone & set(persons) else line for line, persons in zip(records, owners, strict=True)]
    assert house.read(sealed) == expected


def test_who_was_erased_before_their_rows_came_is_never_stored(house: House) -> None:
    house.erase("bert")
    sealed = house.store()
    assert house.read(sealed) == [RECORDS[0], None, RECORDS[2], RECORDS[3], None]
    house.state.person_keys[DATASET, house.rows().handle(DATASET, "bert")] = bytes(32)
    assert house.read(sealed)[1] is None, "not under whatever key"


def test_the_same_records_again_are_the_same_blob(house: House) -> None:
    assert house.store() == house.store()


def test_no_two_equal_rows_look_alike(house: House) -> None:
    """Not even of one person: the position is bound to it."""
    sealed = house.store([record(7, "anna")] * 50)
    lines = house.rows().version(DATASET, VERSION).read(sealed).splitlines()
    assert len(set(lines)) == 50


def test_the_person_of_another_dataset_has_another_key(house: House) -> None:
    sealed = house.store()
    house.store(dataset=OTHER)
    house.erase("anna", OTHER)
    assert house.read(sealed) == RECORDS


def test_the_blob_holds_nothing_of_a_record_or_a_person(house: House) -> None:
    inner = house.rows().version(DATASET, VERSION).read(house.store())
    for word in (b"burnt", b"anna", b"text", digest_bytes(b"anna")[7:].encode()):
        assert word not in inner


def test_a_destroyed_version_is_read_by_nobody(house: House) -> None:
    sealed = house.store()
    house.state.person_keys[DATASET, VERSION] = None
    with pytest.raises(NotFound) as caught:
        house.read(sealed)
    assert caught.value.code == "blob_destroyed"


def test_who_owns_a_row_is_found_without_opening_one_also_after_the_erasure(house: House) -> None:
    sealed = house.store()
    house.erase("carl")
    held = {person: house.rows().holds(DATASET, sealed, person) for person in ("anna", "carl", "emil", "\ud800")}
    assert held == {"anna": True, "carl": True, "emil": False, "\ud800": False}


SPOILINGS = {
    "exchanged": lambda lines: [lines[1], lines[0], *lines[2:]],
    "one left out": lambda lines: lines[1:],
    "one twice": lambda lines: [lines[0], *lines],
    "under another person": lambda lines: [lines[1].split(b" ")[0] + b" " + lines[0].split(b" ")[1], *lines[1:]],
    "an owner taken away": lambda lines: [*lines[:2], lines[2].split(b",")[0] + b" " + lines[2].split(b" ")[1]],
    "a letter": lambda lines: [lines[0][:-8] + (b"A" if lines[0][-8:-7] != b"A" else b"B") + lines[0][-7:]],
    "no base64": lambda lines: [lines[0][:-4] + b"!!!!"],
    "no content": lambda lines: [lines[0].split(b" ")[0]],
    "a stranger": lambda lines: [b"f" * 64 + b" " + lines[0].split(b" ")[1]],
}


@pytest.mark.parametrize("name", SPOILINGS)
def test_rows_that_were_changed_by_who_has_the_versions_key_are_refused(house: House, name: str) -> None:
    """Beyond the digest of the blob, which notices any of it: each row is bound to version, position and persons."""
    version = house.rows().version(DATASET, VERSION)
    lines = version.read(house.store()).splitlines()
    spoilt = version.put_bytes(b"".join(line + b"\n" for line in SPOILINGS[name](lines)))
    with pytest.raises(Corrupted) as caught:
        house.read(spoilt)
    assert caught.value.code == "row_corrupted"


@pytest.mark.parametrize(
    "line", [b"[]", b'{"text":"x"}', b'{"person":7}', b'{"others":"anna","person":"b"}', b'{"others":[7],"person":"b"}']
)
def test_a_record_without_persons_is_not_sealed(house: House, line: bytes) -> None:
    with pytest.raises(Corrupted) as caught:
        house.store([line])
    assert caught.value.code == "record_malformed"


def test_uploads_have_keys_of_their_own(house: House) -> None:
    rows = house.rows()
    first, second = rows.upload(FileId("file-1")), rows.upload(FileId("file-2"))
    digest = first.put_bytes(b"a,b\n1,2\n")
    assert second.put_bytes(b"a,b\n1,2\n") == digest
    house.state.person_keys[DatasetId("file-1"), "upload"] = None
    assert rows.upload(FileId("file-2")).read(digest) == b"a,b\n1,2\n"
    house.state.person_keys[DatasetId("file-2"), "upload"] = None
    with pytest.raises(NotFound):
        rows.upload(FileId("file-2")).read(digest)


def test_memory_stays_flat(tmp_path: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from tunewarden.domain.canonical import encode
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.memory import MemoryState
from tunewarden.drivers.memory_vault import MemoryVault
from tunewarden.drivers.sealed_rows import SealedRows
from tunewarden.usecases.lines import stream_of
vault = MemoryVault(MemoryState())
rows = SealedRows(DirectoryBlobs(Path({str(tmp_path)!r}), bytes(32), vault), vault, bytes(32))
def stored(count):
    writer = rows.writer(DatasetId("ds-1"), "a" * 64)
    text = "burn of the left hand " * 200
    writer.put(stream_of(encode({{"person": str(n % 100), "text": text}}) for n in range(count)))
    return sum(line is not None for line in rows.lines(DatasetId("ds-1"), "a" * 64, writer.sealed))
stored(2000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert stored(20000) == 20000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(grown) < 24, f"{grown} MiB more for ten times as many rows (90 MB of text)"
