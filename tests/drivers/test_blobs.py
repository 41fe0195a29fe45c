"""Blobs: what every kind of them promises, and how the folder stands up to who can write to it."""

import io
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Corrupted, Malformed, NotFound, Unavailable
from tunewarden.domain.names import Digest
from tunewarden.drivers.blobs import CHUNK, DirectoryBlobs
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.usecases.ports import Blobs

KEY = bytes(range(32))
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]


def content(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


@pytest.fixture
def folder(tmp_path: Path) -> DirectoryBlobs:
    return DirectoryBlobs(tmp_path / "blobs", KEY)


@pytest.fixture(params=["memory", "folder"])
def blobs(request: pytest.FixtureRequest, folder: DirectoryBlobs) -> Blobs:
    return MemoryBlobs() if request.param == "memory" else folder


def file_of(tmp_path: Path, digest: Digest) -> Path:
    (found,) = (tmp_path / "blobs").glob(f"*/*/{digest.removeprefix('sha256:')}")
    return found


class Trickle(io.RawIOBase):
    """A source that yields fewer bytes than it is asked for, as sockets do."""

    def __init__(self, data: bytes) -> None:
        self._rest = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(min(size, 300_007))


@pytest.mark.parametrize("size", SIZES)
def test_what_is_put_is_read_back_under_the_digest_of_its_bytes(blobs: Blobs, size: int) -> None:
    data = content(size)
    digest = blobs.put(io.BytesIO(data))
    assert digest == digest_bytes(data)
    assert blobs.read(digest) == data
    assert blobs.size(digest) == size
    with blobs.open(digest) as stream:
        assert stream.read() == data


def test_a_source_that_trickles_gives_the_same_blob(folder: DirectoryBlobs) -> None:
    data = content(2 * CHUNK + 5)
    assert folder.put(Trickle(data)) == digest_bytes(data)  # type: ignore[arg-type]
    assert folder.read(digest_bytes(data)) == data


def test_the_same_bytes_again_change_nothing(blobs: Blobs) -> None:
    assert blobs.put_bytes(b"twice") == blobs.put_bytes(b"twice")
    assert blobs.read(digest_bytes(b"twice")) == b"twice"


def test_a_missing_blob_is_not_found(blobs: Blobs) -> None:
    for attempt in (blobs.open, blobs.read, blobs.size):
        with pytest.raises(NotFound):
            attempt(digest_bytes(b"never stored"))


def test_lines_are_streamed(blobs: Blobs) -> None:
    lines = [b"%d\n" % number for number in range(300_000)]
    with blobs.open(blobs.put_bytes(b"".join(lines))) as stream:
        assert list(stream) == lines


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(moves=st.lists(st.tuples(st.integers(0, 2 * CHUNK + 50), st.integers(0, 200)), max_size=6))
def test_any_part_can_be_read_in_any_order(folder: DirectoryBlobs, moves: list[tuple[int, int]]) -> None:
    data = content(2 * CHUNK + 17)
    with folder.open(folder.put_bytes(data)) as stream:
        for start, length in moves:
            stream.seek(start)
            assert stream.read(length) == data[start : start + length]


def test_bytes_at_rest_are_not_readable_and_differ_from_writing_to_writing(
    folder: DirectoryBlobs, tmp_path: Path
) -> None:
    data = b"burn of the left hand " * 100
    first = file_of(tmp_path, folder.put_bytes(data)).read_bytes()
    assert b"burn" not in first
    assert file_of(tmp_path, folder.put(io.BytesIO(data))).read_bytes()[8:] != first[8:]


def test_a_document_that_is_there_is_not_written_again(folder: DirectoryBlobs, tmp_path: Path) -> None:
    before = file_of(tmp_path, folder.put_bytes(b"text")).stat()
    after = file_of(tmp_path, folder.put_bytes(b"text")).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_files_and_folders_are_for_their_owner_only(folder: DirectoryBlobs, tmp_path: Path) -> None:
    file = file_of(tmp_path, folder.put_bytes(b"x"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in file.parents[:2]} == {0o700}
    assert list((tmp_path / "blobs" / "drafts").iterdir()) == []


SECOND, THIRD = 40 + (CHUNK + 16), 40 + 2 * (CHUNK + 16)  # where the chunks begin
SPOILINGS: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit in the magic": lambda raw: bytes([raw[0] ^ 1]) + raw[1:],
    "a flipped bit in the salt": lambda raw: raw[:20] + bytes([raw[20] ^ 1]) + raw[21:],
    "a flipped bit in the first chunk": lambda raw: raw[:99] + bytes([raw[99] ^ 128]) + raw[100:],
    "a flipped bit in the last tag": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "a byte more": lambda raw: raw + b"\0",
    "a byte less": lambda raw: raw[:-1],
    "the last chunk cut off": lambda raw: raw[:THIRD],
    "two chunks exchanged": lambda raw: raw[:40] + raw[SECOND:THIRD] + raw[40:SECOND] + raw[THIRD:],
    "nothing but the header": lambda raw: raw[:40],
    "half a header": lambda raw: raw[:20],
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("spoiling", SPOILINGS.values(), ids=SPOILINGS)
def test_no_byte_of_a_spoilt_blob_is_handed_out(
    folder: DirectoryBlobs, tmp_path: Path, spoiling: Callable[[bytes], bytes]
) -> None:
    digest = folder.put_bytes(content(2 * CHUNK + 100))
    file = file_of(tmp_path, digest)
    file.write_bytes(spoiling(file.read_bytes()))
    for attempt in (folder.open, folder.read):
        with pytest.raises(Corrupted) as caught:
            attempt(digest)
        assert caught.value.code == "blob_corrupted"


def test_two_blobs_that_are_swapped_are_both_refused(folder: DirectoryBlobs, tmp_path: Path) -> None:
    one, two = folder.put_bytes(b"one"), folder.put_bytes(b"two")
    files = file_of(tmp_path, one), file_of(tmp_path, two)
    first, second = (file.read_bytes() for file in files)
    files[0].write_bytes(second)
    files[1].write_bytes(first)
    for digest in (one, two):
        with pytest.raises(Corrupted):
            folder.open(digest)


def test_a_file_exchanged_while_it_is_open_fails_instead_of_yielding_other_bytes(
    folder: DirectoryBlobs, tmp_path: Path
) -> None:
    digest, other = folder.put_bytes(content(3 * CHUNK)), folder.put_bytes(bytes(3 * CHUNK))
    with folder.open(digest) as stream:
        stream.read(10)
        with file_of(tmp_path, digest).open("r+b") as file:
            file.write(file_of(tmp_path, other).read_bytes())
        stream.seek(CHUNK)
        with pytest.raises(Corrupted):
            stream.read(10)


def test_another_key_reads_nothing(folder: DirectoryBlobs, tmp_path: Path) -> None:
    digest = folder.put_bytes(b"secret")
    with pytest.raises(Corrupted, match="another key"):
        DirectoryBlobs(tmp_path / "blobs", bytes(32)).open(digest)


def test_putting_a_spoilt_blob_again_mends_it(folder: DirectoryBlobs, tmp_path: Path) -> None:
    digest = folder.put_bytes(b"text")
    file_of(tmp_path, digest).write_bytes(b"")
    folder.put_bytes(b"text")
    assert folder.read(digest) == b"text"


def test_a_source_that_breaks_leaves_nothing_behind(folder: DirectoryBlobs, tmp_path: Path) -> None:
    class Breaking(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise EOFError(size)

    with pytest.raises(EOFError):
        folder.put(Breaking())  # type: ignore[arg-type]
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_a_name_that_is_no_digest_reaches_no_file(folder: DirectoryBlobs) -> None:
    with pytest.raises(Malformed):
        folder.open(Digest("sha256:../../../../etc/passwd"))


def test_a_folder_that_vanished_is_unavailable(folder: DirectoryBlobs, tmp_path: Path) -> None:
    (tmp_path / "blobs" / "drafts").rmdir()
    with pytest.raises(Unavailable, match="No such file"):
        folder.put_bytes(b"x")


def test_memory_stays_flat_for_a_large_blob(tmp_path: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from tunewarden.drivers.blobs import DirectoryBlobs
blobs = DirectoryBlobs(Path({str(tmp_path)!r}), bytes(32))
class Zeros:
    left = 256 * 2**20
    def read(self, size):
        size = min(size, self.left); self.left -= size
        return bytes(size)
blobs.put_bytes(b"warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with blobs.open(blobs.put(Zeros())) as stream:
    while stream.read(2**20): pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    grown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert int(grown) < 32, f"{grown} MiB more for a blob of 256 MiB"
