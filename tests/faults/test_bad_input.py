"""Bad input to every command of `tunewarden-audit`: one line names the check, the exit code says how bad; no traceback.

What single bytes of a bundle do is in `tests/audit/test_verify.py`; here are whole files, and the other commands.
"""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.faults.desk import COMMANDS, Desk, desk

from tunewarden_audit import bundle, canonical
from tunewarden_audit.bundle import ConsistencyProof, InclusionProof
from tunewarden_audit.note import SignerKey, TreeHead, sign_note

__all__ = ["desk"]

INPUTS = {
    "verify": ["bundle.zip", "old"],
    "inclusion": ["inclusion.json", "checkpoint"],
    "inclusion alone": ["entry.tlog-proof"],
    "consistency": ["old", "checkpoint", "consistency.json"],
    "tiles": ["log/checkpoint", "log/tile/0/000.p/9", "log/tile/entries/000.p/9", "old"],
}
"""Which files each command reads; an altered `entry` is simply another entry."""

EACH_FILE = [(command, name) for command, names in INPUTS.items() for name in names]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_lies_on_the_desk_is_good(desk: Desk, command: str) -> None:
    code, lines = desk.ask(command)
    assert (code, lines[-1]) == (0, "verdict: consistent")


# Every file of every command. -----------------------------------------------------------------------------------------

WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "one byte short": lambda data: data[:-1],
    "one byte more": lambda data: data + b"\n",
    "CRLF": lambda data: data.replace(b"\n", b"\r\n") + b"\r\n",
    "not UTF-8": lambda data: b"\xff" + data,
    "zeros": lambda data: bytes(len(data)),
    "a mark of byte order before it": lambda data: b"\xef\xbb\xbf" + data,
    "twice": lambda data: data + data,
    "deep": lambda _: b"[" * 100_000,
    "huge number": lambda _: b'{"hashes":[],"index":' + b"9" * 5_000 + b',"size":1}',
    "NaN": lambda _: b'{"hashes":[],"index":NaN,"size":1}',
    "another format": lambda _: b"%PDF-1.7\n",
}


@pytest.mark.parametrize("fault", WHOLE)
@pytest.mark.parametrize(("command", "name"), EACH_FILE)
def test_a_file_that_is_broken_as_a_whole_is_invalid_and_named(desk: Desk, command: str, name: str, fault: str) -> None:
    desk.put(name, WHOLE[fault](desk.get(name)))
    code, lines = desk.ask(command)
    assert (code, lines[-1]) == (5, "verdict: invalid")
    failed = [line for line in lines if line.startswith("FAILED")]
    assert failed
    assert all(len(line) < 300 for line in failed)


@pytest.mark.parametrize(("command", "name"), EACH_FILE)
def test_a_directory_or_nothing_in_place_of_a_file_is_wrong_use_or_incomplete(
    desk: Desk, command: str, name: str
) -> None:
    for replace in (lambda path: path.mkdir(), lambda path: path.rmdir()):
        path = desk.folder / name
        path.unlink(missing_ok=True) if not path.is_dir() else None
        replace(path)
        code, lines = desk.ask(command)
        assert (code, len(lines)) == (2, 1) if code == 2 else (3, len(lines))
        assert lines[0].startswith("cannot read") if code == 2 else "not in the directory" in "".join(lines)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_in_any_file_end_in_a_traceback(desk: Desk, data: st.DataObject) -> None:
    command, name = data.draw(st.sampled_from(EACH_FILE))
    whole = desk.get(name)
    start = data.draw(st.integers(0, len(whole)))
    altered = data.draw(
        st.binary(max_size=200)
        | st.just(whole[:start])
        | st.binary(min_size=1, max_size=9).map(lambda more: whole[:start] + more + whole[start:])
    )
    desk.put(name, altered)
    try:
        code, lines = desk.ask(command)
        assert (code == 0) is (altered == whole)
        assert code in {0, 3, 4, 5}
        assert lines[-1].startswith("verdict: ")
    finally:
        desk.put(name, whole)


# Proofs that are well formed and wrong. -------------------------------------------------------------------------------


def inclusion(desk: Desk, **changes: Any) -> bytes:
    made = InclusionProof.decode(desk.get("inclusion.json"))
    parts = {"index": made.index, "size": made.size, "hashes": made.hashes, **changes}
    return InclusionProof(**parts).encode()


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"index": 9}, "is not inside a tree of 9 leaves"),
        ({"index": 2**53 - 1}, "is not inside a tree of 9 leaves"),
        ({"index": 5}, "give another root"),
        ({"size": 0}, "the proof is about size 0, the checkpoint about size 9"),
        ({"hashes": (bytes(32),) * 64}, "no tree needs more than 63"),
        ({"hashes": (bytes(32),) * 5_000}, "no tree needs more than 63"),
        ({"hashes": ()}, "shorter than the way to the root"),
        ({"hashes": (bytes(31),)}, "not 32 bytes long"),
    ],
)
def test_an_inclusion_proof_that_is_about_something_else_is_refused(
    desk: Desk, changes: dict[str, Any], because: str
) -> None:
    desk.put("inclusion.json", inclusion(desk, **changes))
    code, lines = desk.ask("inclusion")
    assert (code, len(lines)) == (5, 2)
    assert because in lines[0]


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (b'{"hashes":[],"hashes":[],"index":4,"size":9}', "same member twice"),
        (b'{"hashes":[],"index":4.0,"size":9}', "not an integer"),
        (b'{"hashes":[],"index":-1,"size":9}', "whole numbers"),
        (b'{"hashes":[],"index":true,"size":9}', "whole numbers"),
        (b'{"hashes":{},"index":4,"size":9}', "strict base64"),
        (b'{"hashes":[7],"index":4,"size":9}', "base64"),
        (b'{"hashes":["A"],"index":4,"size":9}', "base64"),
        (b'{"hashes":["AB=="],"index":4,"size":9}', "strict base64"),
        (b'{"hashes":[],"index":4,"more":0,"size":9}', "has the members"),
        (b'{"hashes":[],"index":9007199254740993,"size":9}', "larger than"),
    ],
)
def test_a_proof_file_that_can_be_read_in_two_ways_or_not_at_all_is_refused(
    desk: Desk, text: bytes, because: str
) -> None:
    desk.put("inclusion.json", text)
    code, lines = desk.ask("inclusion")
    assert code == 5
    assert because in lines[0]


@pytest.mark.parametrize(
    ("line", "because"),
    [
        (b"index 9", "is not inside a tree of 9 leaves"),
        (b"index 04", "no line with the entry's index"),
        (b"index -4", "no line with the entry's index"),
        (b"index 9999999999999999999", "is not inside a tree of 9 leaves"),
        (b"index 4\n" + b"\n".join([b"A" * 43 + b"="] * 60), "no tree needs more than 63"),
        (b"index 4\nAAAA", "not 32 bytes long"),
        (b"extra !\nindex 4", "not base64"),
    ],
)
def test_a_proof_of_one_file_that_is_about_something_else_is_refused(desk: Desk, line: bytes, because: str) -> None:
    desk.put("entry.tlog-proof", desk.get("entry.tlog-proof").replace(b"index 4", line))
    code, lines = desk.ask("inclusion alone")
    assert code == 5
    assert because in lines[0]


@pytest.mark.parametrize(
    ("proof", "code", "because"),
    [
        (ConsistencyProof(0, 9, ()), 5, "about other sizes"),
        (ConsistencyProof(9, 4, ()), 5, "about other sizes"),
        (ConsistencyProof(4, 9, ()), 4, "empty although the sizes differ"),
        (ConsistencyProof(4, 9, (bytes(32),) * 64), 4, "no tree needs more than 63"),
        (ConsistencyProof(4, 9, (bytes(32),) * 2), 4, "another root for the new size"),
    ],
)
def test_a_consistency_proof_that_does_not_lead_from_old_to_new_is_refused(
    desk: Desk, proof: ConsistencyProof, code: int, because: str
) -> None:
    desk.put("consistency.json", proof.encode())
    found, lines = desk.ask("consistency")
    assert found == code
    assert because in lines[0]


# Archives. ------------------------------------------------------------------------------------------------------------


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def bomb(_: dict[str, bytes]) -> bytes:
    return zipped({"lineage.json": bytes(200_000_000)})


def nested_bomb(files: dict[str, bytes]) -> bytes:
    return bundle.write_bundle({**files, "report.html": bomb({})})  # opened by nobody: a report is only hashed


def lying_size(files: dict[str, bytes]) -> bytes:
    data = bytearray(bundle.write_bundle(files))
    data[18:26] = (2**32 - 1).to_bytes(4, "little") * 2  # both sizes of the first member
    return bytes(data)


def name_outside(_: dict[str, bytes]) -> bytes:
    return zipped({"../../etc/passwd": b"x"}, zipfile.ZIP_STORED)


def name_twice(_: dict[str, bytes]) -> bytes:
    one = zipped({"checkpoint": b"a"}, zipfile.ZIP_STORED)
    member = one[: one.index(b"PK\x01\x02")]
    return member + one


def many_files(_: dict[str, bytes]) -> bytes:
    return zipped({f"f{number}": b"" for number in range(60_001)}, zipfile.ZIP_STORED)


def something_before(files: dict[str, bytes]) -> bytes:
    return b"#!/bin/sh\n" + bundle.write_bundle(files)


@pytest.mark.parametrize(
    ("make", "because"),
    [
        (bomb, "is compressed"),
        (nested_bomb, "does not have the digest"),
        (lying_size, "cut off inside"),
        (name_outside, "is not a name that a bundle may hold"),
        (name_twice, "checkpoint is there twice"),
        (many_files, "more than 60,000 files"),
        (something_before, "does not begin as a zip archive does"),
    ],
)
def test_an_archive_that_was_made_to_harm_is_refused(
    desk: Desk, files: dict[str, bytes], make: Callable[[dict[str, bytes]], bytes], because: str
) -> None:
    desk.put("bundle.zip", make(files))
    code, lines = desk.ask("verify")
    assert code == 5
    assert because in "".join(lines)


# Bounds. --------------------------------------------------------------------------------------------------------------

GIB = 2**30
BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from tunewarden_audit.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


def bounded(memory: int, *arguments: object) -> tuple[int, str]:
    """Run a command with so much memory and a minute of processor time; its exit code and everything it said."""
    command = [sys.executable, "-c", BOUNDED, str(memory), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_bundle_of_lists_in_lists_needs_bounded_memory(desk: Desk, forge: Any) -> None:
    """Nothing is compressed, but JSON expands too: three bytes of it become sixty in memory."""
    lineage = b"[" + b"[]," * 20_000_000 + b"[]]"
    desk.put("bundle.zip", forge({"lineage.json": lineage}))
    code, said = bounded(GIB, "verify", desk.folder / "bundle.zip", "--key", desk.vkey)
    assert (code, "Traceback" in said) == (5, False)
    assert f"longer than {canonical.LONGEST:,} bytes" in said


def test_a_bundle_beyond_the_limit_is_not_read_to_its_end(desk: Desk) -> None:
    with (desk.folder / "bundle.zip").open("wb") as file:
        file.truncate(40 * GIB)  # a hole: it takes no space here
    code, said = bounded(GIB, "verify", desk.folder / "bundle.zip", "--key", desk.vkey)
    assert (code, "larger than 67,108,864 bytes" in said) == (5, True)


def test_a_signed_size_that_nobody_has_does_not_keep_the_auditor_waiting(desk: Desk, golden: Any) -> None:
    head = TreeHead(golden.KEY.name, 2**62, bytes(32))
    desk.put("log/checkpoint", sign_note(head.text(), golden.KEY).encode())
    code, said = bounded(GIB, "tiles", desk.folder / "log", "--key", desk.vkey)
    assert code == 3
    assert "is not in the directory" in said


def test_a_pipe_in_place_of_a_tile_does_not_keep_the_auditor_waiting(desk: Desk) -> None:
    path = desk.folder / "log/tile/0/000.p/9"
    path.unlink()
    os.mkfifo(path)
    code, lines = desk.ask("tiles")
    assert code == 3
    assert "tile/0/000.p/9 is not in the directory" in "".join(lines)


def test_a_key_that_is_no_key_is_wrong_use(desk: Desk, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x00\xff" * 1000)
    low_order = SignerKey.generate("a").verifier.vkey.split("+")[0] + "+00000000+" + "AQ" + "A" * 42
    for key in ("a+b+c", "", "+++", low_order, str(garbage), "a+00000000+" + "A" * 200):
        for command in COMMANDS:
            code, lines = desk.ask(command, "--key", key)
            assert (code, len(lines)) == (2, 1)
