"""The witness: what it cosigns, what it refuses, what it keeps as evidence; and what its cosignature is worth."""

import http.client
import os
import socket
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tunewarden_audit import witness
from tunewarden_audit.__main__ import main
from tunewarden_audit.custody import hold
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import (
    COSIGNATURE,
    InvalidNote,
    SignerKey,
    TreeHead,
    add_signature,
    cosign,
    load_key,
    open_note,
    sign_note,
)
from tunewarden_audit.quorum import witnessed
from tunewarden_audit.recipe import Grade, Stopped
from tunewarden_audit.witness import Answer, Witness

LOG = SignerKey.generate("log.example/seen")
KEY = SignerKey.generate("witness.example/w1", COSIGNATURE)
OTHER = SignerKey.generate("witness.example/w2", COSIGNATURE)
HONEST = [leaf_hash(b"entry %d" % index) for index in range(20)]
FORKED = [*HONEST[:3], *(leaf_hash(b"other %d" % index) for index in range(17))]


def note(size: int, leaves: list[bytes] = HONEST, key: SignerKey = LOG) -> str:
    return sign_note(TreeHead(key.name, size, Tree(leaves[:size]).root()).text(), key)


def request(old: int, size: int, leaves: list[bytes] = HONEST, key: SignerKey = LOG) -> bytes:
    proof = Tree(leaves[:size]).consistency_proof(old) if 0 < old <= size else []
    lines = "".join(f"{b64encode(value).decode()}\n" for value in proof)
    return f"old {old}\n{lines}\n{note(size, leaves, key)}".encode()


@pytest.fixture
def watcher(tmp_path: Path) -> Witness:
    return Witness(KEY, [LOG.verifier], tmp_path, lambda: 1_700_000_000.9)


def evidence(folder: Path) -> int:
    return len(list((folder / "evidence").iterdir()))


def test_it_cosigns_a_log_that_grows_and_says_when(watcher: Witness) -> None:
    for old, size in ((0, 5), (5, 9), (9, 20)):
        answer = watcher.add_checkpoint(request(old, size))
        assert answer.status == 200
        opened = open_note(note(size) + answer.body, [KEY.verifier])
        assert opened.times == {KEY.verifier: 1_700_000_000}


def test_the_same_head_again_gets_a_new_cosignature(watcher: Witness) -> None:
    assert watcher.add_checkpoint(request(0, 5)).status == 200
    assert watcher.add_checkpoint(request(5, 5)).status == 200


@pytest.mark.parametrize("old", [0, 4])
def test_a_submission_from_another_size_is_told_the_size(watcher: Witness, old: int) -> None:
    watcher.add_checkpoint(request(0, 5))
    assert watcher.add_checkpoint(request(old, 9)) == Answer(409, "5\n", "text/x.tlog.size")


def test_a_rollback_is_refused(watcher: Witness, tmp_path: Path) -> None:
    watcher.add_checkpoint(request(0, 9))
    assert watcher.add_checkpoint(request(9, 5)).status == 400
    assert watcher.add_checkpoint(request(5, 5)).status == 409
    assert watcher.add_checkpoint(request(9, 20)).status == 200
    assert evidence(tmp_path) == 0


def test_a_split_view_is_refused_and_kept_as_evidence(watcher: Witness, tmp_path: Path) -> None:
    watcher.add_checkpoint(request(0, 9))
    assert watcher.add_checkpoint(request(9, 20, FORKED)).status == 422
    kept = next((tmp_path / "evidence").iterdir()).read_bytes()
    assert kept == request(9, 20, FORKED)
    assert watcher.add_checkpoint(request(9, 20)).status == 200


def test_another_root_of_the_same_size_is_refused_and_kept(watcher: Witness, tmp_path: Path) -> None:
    watcher.add_checkpoint(request(0, 9))
    assert watcher.add_checkpoint(request(9, 9, FORKED)).status == 409
    assert evidence(tmp_path) == 1


def test_an_unknown_log_and_a_wrong_signature_are_told_apart(watcher: Witness) -> None:
    assert watcher.add_checkpoint(request(0, 5, key=SignerKey.generate("log.example/unknown"))).status == 404
    assert watcher.add_checkpoint(request(0, 5, key=SignerKey.generate(LOG.name))).status == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"old 5\n",
        b"old 05\n\n" + note(9).encode(),
        b"old -1\n\n" + note(9).encode(),
        b"old 0\n!!\n\n" + note(9).encode(),
        b"old 0\n" + b"AAAA\n" * 64 + b"\n" + note(9).encode(),
        b"old 0\n\nno checkpoint",
        request(0, 9).replace(b"\n", b"\r\n"),
    ],
    ids=range(9),
)
def test_a_malformed_submission_is_a_bad_request(watcher: Witness, body: bytes) -> None:
    assert watcher.add_checkpoint(body).status == 400


def test_the_empty_log_has_one_root_and_another_is_refused_and_kept(watcher: Witness, tmp_path: Path) -> None:
    assert watcher.add_checkpoint(request(0, 0)).status == 200
    other = sign_note(TreeHead(LOG.name, 0, bytes(32)).text(), LOG)
    assert watcher.add_checkpoint(f"old 0\n\n{other}".encode()) == Answer(409, "0\n", "text/x.tlog.size")
    assert evidence(tmp_path) == 1
    assert watcher.add_checkpoint(request(0, 5)).status == 200


def test_between_equal_sizes_a_proof_is_empty(watcher: Witness) -> None:
    watcher.add_checkpoint(request(0, 9))
    assert watcher.add_checkpoint(b"old 9\n" + b64encode(bytes(32)) + b"\n\n" + note(9).encode()).status == 422


def test_of_two_submissions_at_once_the_larger_head_has_the_later_time(tmp_path: Path) -> None:
    """A cosignature says: as of this time, the largest head that I have seen is this one."""
    times: list[int] = []
    second = threading.Thread(target=lambda: answers.append(watcher.add_checkpoint(request(5, 9))))
    answers: list[Answer] = []

    def clock() -> float:
        if not times and not second.ident:
            second.start()
            second.join(0.3)
        times.append(len(times) + 1)
        return times[-1]

    watcher = Witness(KEY, [LOG.verifier], tmp_path, clock)
    first = watcher.add_checkpoint(request(0, 5))
    second.join()
    smaller = open_note(note(5) + first.body, [KEY.verifier]).times[KEY.verifier]
    larger = open_note(note(9) + answers[0].body, [KEY.verifier]).times[KEY.verifier]
    assert smaller < larger


@pytest.mark.parametrize("damage", [b"", b"\xff", b"log.example/seen\n9\n"], ids=range(3))
def test_a_witness_whose_memory_is_damaged_cosigns_nothing_and_blames_itself(
    watcher: Witness, tmp_path: Path, damage: bytes
) -> None:
    watcher.add_checkpoint(request(0, 5))
    next((tmp_path / "seen").iterdir()).write_bytes(damage)
    assert watcher.add_checkpoint(request(5, 9)).status == 500


def test_a_witness_that_cannot_write_cosigns_nothing(watcher: Witness, tmp_path: Path) -> None:
    (tmp_path / "seen").rmdir()
    assert watcher.add_checkpoint(request(0, 5)).status == 500


def test_a_witnesss_key_named_like_the_log_signs_no_head(tmp_path: Path) -> None:
    posing = SignerKey.generate(LOG.name, COSIGNATURE)
    unsigned = note(5).partition("\n\n")[0] + "\n\n"
    body = b"old 0\n\n" + (unsigned + cosign(note(5), posing, 5)).encode()
    assert Witness(KEY, [posing.verifier], tmp_path, lambda: 0).add_checkpoint(body).status == 403


def test_what_it_saw_outlives_it(watcher: Witness, tmp_path: Path) -> None:
    watcher.add_checkpoint(request(0, 9))
    again = Witness(KEY, [LOG.verifier], tmp_path, lambda: 0)
    assert again.add_checkpoint(request(0, 5)) == Answer(409, "9\n", "text/x.tlog.size")


def test_a_proof_from_nothing_is_empty(watcher: Witness) -> None:
    hashed = b64encode(bytes(32))
    assert watcher.add_checkpoint(b"old 0\n" + hashed + b"\n\n" + note(9).encode()).status == 422


@pytest.fixture
def door(watcher: Witness) -> Iterator[int]:
    server = witness.serve(watcher, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def post(port: int, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("POST", path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers["content-type"]


def test_over_http_the_sequence_is_the_specifications(door: int) -> None:
    sent = [(0, 5, HONEST), (5, 9, HONEST), (9, 5, HONEST), (4, 9, HONEST), (9, 20, FORKED), (9, 20, HONEST)]
    answers = [post(door, "/add-checkpoint", request(old, size, leaves)) for old, size, leaves in sent]
    assert [status for status, _, _ in answers] == [200, 200, 400, 409, 422, 200]
    assert answers[3][1:] == ("9\n", "text/x.tlog.size")


def test_over_http_other_paths_and_huge_bodies_are_refused(door: int) -> None:
    assert post(door, "/else", b"x")[0] == 404
    assert post(door, "/add-checkpoint", b"x", {"content-length": "99999999999"})[0] == 413


def test_a_client_that_drips_is_hung_up_on_and_nobody_waits_for_it(
    watcher: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "_LONGEST_SECONDS", 0.4)
    server = witness.serve(watcher, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    port = server.server_address[1]
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as slow:
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\ncontent-length: 900000\r\n")
        assert post(port, "/add-checkpoint", request(0, 5))[0] == 200
        with suppress(OSError):
            while time.monotonic() - began < 60:
                slow.sendall(b"x")
                time.sleep(0.02)
    assert time.monotonic() - began < 60
    server.shutdown()
    server.server_close()
    thread.join()


def test_more_connections_than_it_has_places_for_are_hung_up_on(
    watcher: Witness, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(witness, "_MOST_CONNECTIONS", 3)
    server = witness.serve(watcher, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    port = server.server_address[1]
    idle = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(3)]
    with pytest.raises((OSError, http.client.HTTPException)):
        post(port, "/add-checkpoint", request(0, 5))
    for connection in idle:
        connection.close()
    until = time.monotonic() + 60
    status = 0
    while status != 200 and time.monotonic() < until:
        with suppress(OSError, http.client.HTTPException):
            status = post(port, "/add-checkpoint", request(0, 5))[0]
    assert status == 200
    server.shutdown()
    server.server_close()
    thread.join()
    assert capfd.readouterr() == ("", "")


def test_one_directory_has_one_witness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two that take turns on one memory could cosign a rollback."""
    descriptor = hold(tmp_path / "witness")
    code = main(
        ["witness", str(tmp_path), "--name", "w.example", "--key", LOG.verifier.vkey, "--listen", "127.0.0.1:0"]
    )
    os.close(descriptor)
    assert code == 2
    assert "another process holds the lock" in capsys.readouterr().out


def test_its_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    first = witness.open_key(tmp_path / "w", "witness.example/w9")
    assert witness.open_key(tmp_path / "w", "witness.example/w9").verifier == first.verifier
    assert load_key(first.verifier.vkey) == first.verifier
    assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o077 == 0


def test_enough_named_witnesses_make_it_witnessed() -> None:
    both = [KEY.verifier, OTHER.verifier]
    head = note(9) + cosign(note(9), KEY, 5)
    assert witnessed(head.encode(), [KEY.verifier], None).grade is Grade.WITNESSED
    assert witnessed(head.encode(), both, 1).grade is Grade.WITNESSED
    for absent, quorum in ((both, None), (both, 2), ([OTHER.verifier], 1)):
        with pytest.raises(Stopped) as stopped:
            witnessed(head.encode(), absent, quorum)
        assert stopped.value.grade is Grade.INCOMPLETE


@pytest.mark.parametrize("quorum", [0, -1, 2])
def test_a_quorum_that_means_nothing_is_refused(quorum: int) -> None:
    with pytest.raises(Stopped):
        witnessed(note(9).encode(), [KEY.verifier], quorum)


def test_one_witness_named_twice_is_one() -> None:
    head = note(9) + cosign(note(9), KEY, 5)
    with pytest.raises(Stopped):
        witnessed(head.encode(), [KEY.verifier, KEY.verifier], 2)


@pytest.mark.parametrize("seconds", [253402300799, 253402300800, 2**62, 2**63 - 1])
def test_a_time_that_no_calendar_knows_is_shown_as_it_is(seconds: int) -> None:
    found = witnessed((note(9) + cosign(note(9), KEY, seconds)).encode(), [KEY.verifier], None)
    assert ("9999-12-31" if seconds == 253402300799 else str(seconds)) in found.because


@pytest.mark.parametrize("moved", ["time", "text"])
def test_a_cosignature_of_another_time_or_head_is_wrong(moved: str) -> None:
    line = cosign(note(5 if moved == "text" else 9), KEY, 5)
    if moved == "time":
        name, _, encoded = line.rpartition(" ")
        raw = bytearray(b64decode(encoded))
        raw[11] ^= 1
        line = f"{name} {b64encode(raw).decode()}\n"
    with pytest.raises(InvalidNote, match="does not verify"):
        witnessed((note(9) + line).encode(), [KEY.verifier], None)


def test_a_logs_own_signature_is_no_cosignature_and_the_other_way_round() -> None:
    with pytest.raises(Stopped, match="0x04"):
        witnessed(note(9).encode(), [LOG.verifier], None)
    posing = SignerKey(LOG.name, LOG.private, COSIGNATURE)
    with pytest.raises(InvalidNote):
        open_note(note(9), [posing.verifier])


def test_a_newer_cosignature_takes_the_place_of_the_older_one() -> None:
    once = add_signature(note(9), cosign(note(9), KEY, 5))
    twice = add_signature(add_signature(once, cosign(note(9), OTHER, 6)), cosign(note(9), KEY, 7))
    assert open_note(twice, [LOG.verifier, KEY.verifier, OTHER.verifier]).times == {KEY.verifier: 7, OTHER.verifier: 6}
    assert twice.count("witness.example/w1") == 1
