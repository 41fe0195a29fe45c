"""Blobs under data keys: unreadable once the key is destroyed, wherever copies are; the others stay."""

import shutil
from pathlib import Path

import pytest

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Corrupted, NotFound, Refused
from tunewarden.domain.names import DatasetId, Digest
from tunewarden.drivers.blobs import CHUNK, DirectoryBlobs
from tunewarden.drivers.memory import MemoryState
from tunewarden.drivers.memory_vault import MemoryVault
from tunewarden.drivers.scopes import Scope, scope_in

KEY = bytes(range(32))
ONE, TWO = DatasetId("ds-1"), DatasetId("ds-2")
LONG = b"0123456789abcdef" * (CHUNK // 8)  # two chunks


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


@pytest.fixture
def blobs(tmp_path: Path, state: MemoryState) -> DirectoryBlobs:
    return DirectoryBlobs(tmp_path / "blobs", KEY, MemoryVault(state))


def files(tmp_path: Path, digest: Digest) -> list[Path]:
    return sorted((tmp_path / "blobs").glob(f"*/*/{digest.removeprefix('sha256:')}*"))


def destroy(state: MemoryState, dataset: DatasetId, name: str) -> None:
    state.person_keys[dataset, name] = None


@pytest.mark.parametrize("data", [b"", b"x", LONG, LONG + b"y"], ids=["none", "one", "two chunks", "and a byte"])
def test_what_is_put_under_a_key_is_read_without_naming_it(blobs: DirectoryBlobs, data: bytes) -> None:
    digest = blobs.under(ONE, "a").put_bytes(data)
    assert digest == digest_bytes(data)
    assert blobs.read(digest) == data
    assert blobs.size(digest) == len(data)
    with blobs.open(digest) as stream:
        stream.seek(len(data) // 2)
        assert stream.read() == data[len(data) // 2 :]


def test_a_destroyed_key_takes_every_copy_of_its_blobs_with_it(
    blobs: DirectoryBlobs, state: MemoryState, tmp_path: Path
) -> None:
    gone, kept, house = blobs.under(ONE, "a").put_bytes(b"gone"), blobs.under(ONE, "b").put_bytes(b"kept"), b"house"
    plain = blobs.put_bytes(house)
    shutil.copytree(tmp_path / "blobs", tmp_path / "copy")
    destroy(state, ONE, "a")
    for place in ("blobs", "copy"):
        seen = DirectoryBlobs(tmp_path / place, KEY, MemoryVault(state))
        with pytest.raises(NotFound) as caught:
            seen.open(gone)
        assert caught.value.code == "blob_destroyed"
        assert (seen.read(kept), seen.read(plain)) == (b"kept", house)


def test_the_same_bytes_of_two_datasets_are_two_files_and_go_apart(
    blobs: DirectoryBlobs, state: MemoryState, tmp_path: Path
) -> None:
    digest = blobs.under(ONE, "a").put_bytes(b"same")
    assert blobs.under(TWO, "a").put_bytes(b"same") == digest
    assert len(files(tmp_path, digest)) == 2
    destroy(state, ONE, "a")
    assert blobs.read(digest) == b"same"
    destroy(state, TWO, "a")
    with pytest.raises(NotFound):
        blobs.read(digest)


def test_nothing_is_put_under_a_destroyed_key(blobs: DirectoryBlobs, state: MemoryState, tmp_path: Path) -> None:
    destroy(state, ONE, "a")
    with pytest.raises(Refused) as caught:
        blobs.under(ONE, "a").put_bytes(b"x")
    assert caught.value.code == "data_key_destroyed"
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_the_blob_key_alone_opens_nothing_of_a_dataset(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    digest = blobs.under(ONE, "a").put_bytes(b"records")
    for vault in (None, MemoryVault(MemoryState())):
        with pytest.raises(Corrupted) as caught:
            DirectoryBlobs(tmp_path / "blobs", KEY, vault).open(digest)
        assert caught.value.code == "data_key_missing"
    with pytest.raises(Refused):
        DirectoryBlobs(tmp_path / "blobs", KEY).under(ONE, "a").put_bytes(b"x")


def test_a_file_laid_into_another_scope_opens_under_its_own_key_or_not_at_all(
    blobs: DirectoryBlobs, state: MemoryState, tmp_path: Path
) -> None:
    """The scope stands in the head of the file, under its seal: renaming the file moves it nowhere."""
    digest = blobs.under(ONE, "a").put_bytes(b"records")
    (file,) = files(tmp_path, digest)
    blobs.under(TWO, "b").put_bytes(b"another")
    file.rename(file.with_name(f"{digest.removeprefix('sha256:')}.{Scope(TWO, 'b').tag()}"))
    assert blobs.read(digest) == b"records"
    (moved,) = files(tmp_path, digest)
    raw = moved.read_bytes()
    moved.write_bytes(raw.replace(b"ds-1/a", b"ds-2/b"))
    with pytest.raises(Corrupted):
        blobs.open(digest)
    moved.write_bytes(raw)
    destroy(state, ONE, "a")
    with pytest.raises(NotFound):
        blobs.open(digest)


SPOILINGS = {
    "a flipped bit in the scope": lambda raw: raw[:42] + bytes([raw[42] ^ 1]) + raw[43:],
    "a longer scope": lambda raw: raw[:40] + b"\xff" + raw[41:],
    "no scope": lambda raw: raw[:40] + b"\0" + raw[41:],
    "cut in the scope": lambda raw: raw[:43],
    "the magic of the other form": lambda raw: b"tw-blob1" + raw[8:],
    "a chunk cut off": lambda raw: raw[: 47 + CHUNK + 16],
    "chunks exchanged": lambda raw: raw[:47] + raw[47 + CHUNK + 16 :] + raw[47 : 47 + CHUNK + 16],
    "a flipped bit": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
}


@pytest.mark.parametrize("name", SPOILINGS)
def test_no_byte_of_a_spoilt_blob_is_handed_out(blobs: DirectoryBlobs, tmp_path: Path, name: str) -> None:
    digest = blobs.under(ONE, "a").put_bytes(LONG)
    (file,) = files(tmp_path, digest)
    file.write_bytes(SPOILINGS[name](file.read_bytes()))
    with pytest.raises(Corrupted):
        blobs.open(digest)


def test_a_spoilt_copy_does_not_hide_a_sound_one(blobs: DirectoryBlobs, tmp_path: Path) -> None:
    digest = blobs.under(ONE, "a").put_bytes(b"same")
    blobs.under(TWO, "a").put_bytes(b"same")
    for spoilt in files(tmp_path, digest):
        before = spoilt.read_bytes()
        spoilt.write_bytes(b"")
        assert blobs.read(digest) == b"same"
        spoilt.write_bytes(before)


def test_a_fleeting_blob_is_read_by_whom_its_key_was_lent_and_dies_with_it(
    blobs: DirectoryBlobs, state: MemoryState, tmp_path: Path
) -> None:
    version = blobs.under(ONE, "a")
    fleeting = version.fleeting()
    digest, clean = fleeting.put_bytes(b"raw"), version.put_bytes(b"clean")
    assert version.read(digest) == b"raw"
    helper = DirectoryBlobs(tmp_path / "blobs", KEY, lent=version.lend())
    assert (helper.read(digest), helper.read(clean)) == (b"raw", b"clean")
    stranger = DirectoryBlobs(tmp_path / "blobs", KEY, MemoryVault(state))
    with pytest.raises(NotFound):
        stranger.open(digest)
    kept = files(tmp_path, digest)[0].read_bytes()
    fleeting.discard(digest)
    assert files(tmp_path, digest) == []
    file = tmp_path / "blobs" / digest[7:9] / digest[9:11] / f"{digest[7:]}.back"
    file.write_bytes(kept)
    for one in (version, fleeting, stranger):
        with pytest.raises(NotFound):
            one.open(digest)
    assert not any(dataset == "fleeting" for dataset, _ in state.person_keys), "its key was in no vault"


def test_a_scope_is_read_as_it_was_written() -> None:
    assert scope_in(Scope(ONE, "a/b").encoded()) == Scope(ONE, "a/b")
    for junk in (b"", b"ds-1", b"/a", b"ds-1/", b"\xff/a"):
        assert scope_in(junk) is None
    with pytest.raises(ValueError, match="at most 255"):
        Scope(ONE, "a" * 300).encoded()


def test_a_scope_alone_gives_its_own_file_or_that_of_none_and_never_one_of_another_key(
    blobs: DirectoryBlobs, state: MemoryState
) -> None:
    digest = blobs.under(ONE, "a").put_bytes(b"same")
    assert blobs.under(TWO, "a").put_bytes(b"same") == digest
    destroy(state, ONE, "a")
    assert blobs.under(ONE, "a").read(digest) == b"same", "whoever has it"
    with pytest.raises(NotFound) as caught:
        blobs.under(ONE, "a").open_own(digest)
    assert caught.value.code == "blob_destroyed"
    with pytest.raises(NotFound) as caught:
        blobs.under(ONE, "b").open_own(digest)
    assert caught.value.code == "blob_not_found"
    assert blobs.under(TWO, "a").open_own(digest).read() == b"same"
    blobs.put_bytes(b"same")
    assert blobs.under(ONE, "b").open_own(digest).read() == b"same", "from before uploads had keys of their own"
