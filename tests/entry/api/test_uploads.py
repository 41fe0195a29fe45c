"""Uploads: read for those who are known only, and never on a disk in plain."""

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, strategies as st
from tests.entry.api.conftest import Gatehouse

from tunewarden.domain.names import Digest
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.uploads import SealedSpool
from tunewarden.entry.settings import Settings

SECRET = b"Mrs Okonkwo-Larsen, born 7 March 1951"


@given(pieces=st.lists(st.binary(max_size=3000), max_size=8), at_once=st.integers(1, 4000))
def test_what_waits_sealed_comes_back_as_it_was(pieces: list[bytes], at_once: int) -> None:
    with SealedSpool() as spool:
        for piece in pieces:
            assert spool.write(piece) == len(piece)
        for _ in range(2):
            spool.seek(0)
            assert b"".join(iter(lambda: spool.read(at_once), b"")) == b"".join(pieces)


def test_on_the_disk_there_is_no_word_of_it_and_no_two_files_are_alike() -> None:
    with SealedSpool() as one, SealedSpool() as other:
        for spool in (one, other):
            spool.write(SECRET * 100)
            spool.seek(0)
        kept = [os.pread(spool._file.fileno(), 10_000, 0) for spool in (one, other)]
    assert [len(bytes_) for bytes_ in kept] == [100 * len(SECRET)] * 2
    assert kept[0] != kept[1]
    assert all(SECRET[:8] not in bytes_ for bytes_ in kept)


def test_nothing_is_written_over_what_was_read_because_its_key_stream_was_used() -> None:
    with SealedSpool() as spool:
        spool.write(b"a")
        with pytest.raises(io.UnsupportedOperation):
            spool.read(1)
        spool.seek(0)
        with pytest.raises(io.UnsupportedOperation):
            spool.write(b"b")
        with pytest.raises(io.UnsupportedOperation):
            spool.seek(1)


class Looking(MemoryBlobs):
    """Looks, while something is stored, at every nameless file of the process, whoever opened it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def put(self, source: BinaryIO) -> Digest:
        files = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        nameless = [path for path in files if "(deleted)" in str(path.readlink())]
        self.seen += [path.read_bytes()[:4096] for path in nameless]
        return super().put(source)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux' list of open files")
def test_a_large_upload_is_in_no_open_file_in_plain(gate: Gatehouse, tmp_path: Path) -> None:
    blobs = Looking()
    platform = replace(gate.stage.platform, blobs=blobs)
    client = TestClient(create_app(platform, Settings(home=tmp_path)))
    content = SECRET * (3 * 1024 * 1024 // len(SECRET))
    answer = client.post(
        "/v1/files",
        files={"file": ("a.csv", content)},
        data={"purpose": "fine-tune"},
        headers={"authorization": f"Bearer {gate.tokens['ann']}"},
    )
    assert answer.status_code == 200
    assert answer.json()["bytes"] == len(content)
    assert any(len(start) == 4096 for start in blobs.seen), "it waited somewhere"
    assert not any(SECRET in start for start in blobs.seen)


def test_who_is_not_known_gets_no_answer_about_the_form(gate: Gatehouse) -> None:
    client: TestClient = gate.client
    for files in ({"file": ("a.csv", b"x")}, {"other": ("a.csv", b"x")}):
        answer = client.post("/v1/files", files=files, headers={"authorization": "Bearer tw-nobody"})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("files", "data", "param"),
    [
        ({"other": ("a.csv", b"x")}, {"purpose": "fine-tune"}, "file"),
        ({"file": ("a.csv", b"x")}, {}, "purpose"),
        ({"file": ("a.csv", b"x")}, {"purpose": "x" * 65}, "purpose"),
        ([("file", ("a.csv", b"x")), ("file", ("b.csv", b"x"))], {"purpose": "fine-tune"}, "file"),
        ({"file": ("a.csv", b"x")}, {"purpose": "fine-tune", **{f"more-{n}": "x" for n in range(8)}}, "file"),
    ],
)
def test_a_form_that_is_not_whole_is_refused_by_the_part_at_fault(
    gate: Gatehouse, files: dict, data: dict, param: str
) -> None:
    answer = gate.ask("ann", "POST", "/v1/files", files=files, data=data)
    assert answer.status_code == 422
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == ("form_malformed", param)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "multipart/form-data; boundary=other"])
def test_what_is_no_form_is_refused(gate: Gatehouse, kind: str) -> None:
    answer = gate.ask("ann", "POST", "/v1/files", content=b"--x\r\nnothing", headers={"content-type": kind})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "form_malformed"
