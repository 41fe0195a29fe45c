"""Signed notes and keys: the C2SP example, Wycheproof, openssl, and every malformed thing we could think of."""

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tunewarden_audit.note import (
    InvalidKey,
    InvalidNote,
    SignerKey,
    TreeHead,
    VerifierKey,
    load_key,
    open_note,
    sign_note,
)

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
KEY = SignerKey.generate("log.example/2026")
OTHER = SignerKey.generate("log.example/2026")
HEAD = TreeHead("log.example/2026", 57, bytes(range(32)))
NOTE = sign_note(HEAD.text(), KEY)


def test_the_c2sp_example_opens(vectors: Path) -> None:
    example = json.loads((vectors / "c2sp-signed-note-example.json").read_text())
    key = load_key(example["vkey"])
    assert key.vkey == example["vkey"]
    assert open_note(example["note"], [key]).text == "This is an example message.\n"
    assert open_note(example["note"].encode(), [key]).signed_by == (key,)


def test_wycheproof_ed25519_151_of_151(vectors: Path) -> None:
    groups = json.loads((vectors / "wycheproof-ed25519" / "testvectors_v1" / "ed25519_test.json").read_text())[
        "testGroups"
    ]
    agreed = 0
    for group in groups:
        key = load_key(vkey(bytes.fromhex(group["publicKey"]["pk"])))
        for case in group["tests"]:
            verified = key.verifies(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert verified == (case["result"] == "valid"), case["comment"]
            agreed += 1
    assert agreed == 151


def test_a_tree_head_survives_signing_and_opening() -> None:
    opened = open_note(NOTE, [KEY.verifier])
    assert TreeHead.parse(opened.text) == HEAD
    assert opened.signed_by == (KEY.verifier,)


def test_openssl_verifies_our_signature(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on this machine")
    signature = base64.b64decode(NOTE.rsplit(" ", 1)[1])[4:]
    (tmp_path / "text").write_bytes(HEAD.text().encode())
    (tmp_path / "signature").write_bytes(signature)
    (tmp_path / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + KEY.verifier.public)
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "text"]
    done = subprocess.run(
        [*command, "-sigfile", "signature"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")


@given(st.data())
def test_one_changed_bit_of_a_note_is_detected(data: st.DataObject) -> None:
    changed = bytearray(NOTE.encode())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(InvalidNote):
        open_note(bytes(changed), [KEY.verifier])


@given(st.text() | st.binary())
def test_any_other_input_is_refused_and_nothing_else_is_raised(text: str | bytes) -> None:
    with pytest.raises(InvalidNote):
        open_note(text, [KEY.verifier])


@given(st.text())
def test_no_text_but_a_tree_head_parses(text: str) -> None:
    with pytest.raises(InvalidNote):
        TreeHead.parse(text)


def test_another_key_of_the_same_name_is_no_signature() -> None:
    with pytest.raises(InvalidNote, match="no trusted key"):
        open_note(NOTE, [OTHER.verifier])
    with pytest.raises(InvalidNote, match="no trusted key"):
        open_note(NOTE, [])


def test_signatures_of_unknown_keys_are_ignored_beside_a_trusted_one() -> None:
    witnessed = NOTE + sign_note(HEAD.text(), OTHER).rpartition("\n\n")[2]
    assert open_note(witnessed, [KEY.verifier]).signed_by == (KEY.verifier,)
    assert open_note(witnessed, [OTHER.verifier, KEY.verifier]).signed_by == (KEY.verifier, OTHER.verifier)


def test_a_wrong_signature_under_a_trusted_name_and_id_spoils_the_note_even_beside_a_right_one() -> None:
    forged = sign_note("another text\n", KEY).rpartition("\n\n")[2]
    with pytest.raises(InvalidNote, match="does not verify"):
        open_note(NOTE + forged, [KEY.verifier])


@pytest.mark.parametrize(
    ("spoil", "because"),
    [
        (lambda note: note.replace("\n", "\r\n"), "CRLF"),
        (lambda note: note.replace("57", "5\t7"), "control character"),
        (lambda note: note[:-1], "end with a newline"),
        (lambda note: note.rpartition("\n\n")[0] + "\n", "an empty line"),
        (lambda note: note.rpartition("\n\n")[0] + "\n\n", "end with a newline"),
        (lambda note: note.replace("— ", "- "), "signature line"),
        (lambda note: note.replace("— log", "—  log"), "signature line"),
        (lambda note: note.replace("— log.example/2026", "— "), "signature line"),
        (lambda note: note[:-2] + "\n", "signature line"),
        (lambda note: note + "— x AAAA\n", "signature line"),
        (lambda note: note + "— x AAAAAAAA\n" * 100, "more than 100"),
        (lambda note: note + " " * 1_000_000, "longer than"),
        (lambda note: note.encode() + b"\xff", "not UTF-8"),
        (lambda note: note + "\ud800", "surrogate"),
        (lambda _: "", "a text, an empty line"),
    ],
)
def test_a_malformed_note_is_refused_with_the_reason(spoil: Any, because: str) -> None:
    with pytest.raises(InvalidNote, match=because):
        open_note(spoil(NOTE), [KEY.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "log\n1\n",
        "log\n1\n" + "A" * 43 + "=",
        "log\n\n1\n" + "A" * 43 + "=\n",
        "log\n01\n" + "A" * 43 + "=\n",
        "log\n-1\n" + "A" * 43 + "=\n",
        "log\n+1\n" + "A" * 43 + "=\n",
        "log\n\u0661\n" + "A" * 43 + "=\n",
        "log\n9223372036854775808\n" + "A" * 43 + "=\n",
        "log\n" + "9" * 5000 + "\n" + "A" * 43 + "=\n",
        "log\n1\n" + "A" * 42 + "B=\n",
        "log\n1\n" + "A" * 44 + "\n",
        "log\n1\n" + "A" * 43 + "=\n\n",
        "\n1\n" + "A" * 43 + "=\n",
    ],
)
def test_a_malformed_tree_head_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        TreeHead.parse(text)


def test_extension_lines_are_kept() -> None:
    head = TreeHead("log", 0, bytes(32), ("extension",))
    assert TreeHead.parse(head.text()) == head


@pytest.mark.parametrize("text", ["", "no newline", "\nempty first line\n", "carriage\r\n", "half \ud800\n"])
def test_a_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidNote):
        sign_note(text, KEY)


def test_points_of_small_order_are_refused_by_name() -> None:
    small = {encode_point(point) for point in small_order_points()}
    assert len(small) == 8
    for public in small:
        with pytest.raises(InvalidKey, match="low order"):
            load_key(vkey(public))
    for public in (1 | 1 << 255, P - 1 | 1 << 255):  # x = 0 with its sign bit set: not canonical either
        with pytest.raises(InvalidKey, match="low order"):
            load_key(vkey(public.to_bytes(32, "little")))


@pytest.mark.parametrize("y", [P, P + 1, P + 18, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_non_canonical_points_are_refused_by_name(y: int, sign: int) -> None:
    with pytest.raises(InvalidKey, match="non-canonical"):
        load_key(vkey((y | sign << 255).to_bytes(32, "little")))


def test_what_is_not_a_point_of_the_curve_is_refused_by_name() -> None:
    with pytest.raises(InvalidKey, match="not a point"):
        load_key(vkey((2).to_bytes(32, "little")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log",
        "log+00000000",
        "log+00000000+AAAA",
        KEY.verifier.vkey[:-1],
        KEY.verifier.vkey.replace("log", "lag"),
        "two words+" + KEY.verifier.vkey.partition("+")[2],
        KEY.verifier.vkey.rpartition("+")[0] + "+" + base64.b64encode(b"\x04" + KEY.verifier.public).decode(),
    ],
    # Names, because the key is another one in each process.
    ids="nothing name no-key short-key one-less another-name name-of-two-words another-kind".split(),
)
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        load_key(text)


@given(st.text())
def test_no_other_text_is_a_key(text: str) -> None:
    with pytest.raises(InvalidKey):
        load_key(text)


def test_a_signing_key_survives_its_pem_form_and_is_not_shown() -> None:
    again = SignerKey.from_pem(KEY.name, KEY.pem())
    assert again.verifier == KEY.verifier
    assert "private" not in repr(again)


def test_what_is_not_an_ed25519_pkcs8_key_does_not_sign() -> None:
    with pytest.raises(InvalidKey, match="PKCS#8"):
        SignerKey.from_pem("log", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(InvalidKey, match="neither spaces"):
        SignerKey.generate("two words")


def vkey(public: bytes) -> str:
    return VerifierKey("test", public).vkey


def small_order_points() -> list[tuple[int, int]]:
    """All eight, as multiples of one of order eight: any point times the prime order has order eight or less."""
    order = 2**252 + 27742317777372353535851937790883648493
    for y in range(2, 100):
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        if x * x % P != square:
            x = x * pow(2, (P - 1) // 4, P) % P
        if x * x % P != square:
            continue
        point = multiply((x, y), order)
        if multiply(point, 4) != (0, 1):
            return [multiply(point, times) for times in range(8)]
    raise AssertionError("no point of order eight found")


def multiply(point: tuple[int, int], times: int) -> tuple[int, int]:
    total = (0, 1)
    while times:
        if times & 1:
            total = add(total, point)
        point = add(point, point)
        times >>= 1
    return total


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """RFC 8032 section 5.1.4, in affine form."""
    product = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P)
    return x % P, y % P


def encode_point(point: tuple[int, int]) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")
