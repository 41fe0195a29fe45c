"""The witness: what it cosigns, what it refuses, what it keeps as evidence; and what its cosignature is worth."""

import http.client
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunewarden_audit import witness
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
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), answer.headers["content-type"]
    connection.close()
    return found


def test_over_http_the_sequence_is_the_specifications(door: int) -> None:
    sent = [(0, 5, HONEST), (5, 9, HONEST), (9, 5, HONEST), (4, 9, HONEST), (9, 20, FORKED), (9, 20, HONEST)]
    answers = [post(door, "/add-checkpoint", request(old, size, leaves)) for old, size, leaves in sent]
    assert [status for status, _, _ in answers] == [200, 200, 400, 409, 422, 200]
    assert answers[3][1:] == ("9\n", "text/x.tlog.size")


def test_over_http_other_paths_and_huge_bodies_are_refused(door: int) -> None:
    assert post(door, "/else", b"x")[0] == 404
    assert post(door, "/add-checkpoint", b"x", {"content-length": "99999999999"})[0] == 413


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
