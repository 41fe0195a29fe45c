"""The fault matrix, class 16: the verifier is confused. See test_matrix_edits.py for the table.

What the auditor is handed is well formed, and is about something else, or can be read in two ways. Each is put in place
of the checkpoint of every command that reads one, and of the proof.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from tests.faults.desk import INDEX, Desk, desk

from tunewarden_audit.bundle import InclusionProof
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import SignerKey, TreeHead, open_note, sign_note
from tunewarden_audit.proof import EntryProof

__all__ = ["desk"]

CHECKPOINTS = {"inclusion": "checkpoint", "consistency": "checkpoint", "tiles": "log/checkpoint"}
FILES = list(CHECKPOINTS.items())


@pytest.fixture
def head(desk: Desk, golden: Any) -> TreeHead:
    return TreeHead.parse(open_note(desk.get("checkpoint"), [golden.KEY.verifier]).text)


def line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"\N{EM DASH} {name} {b64encode(key_id + signature).decode()}\n"


def another_origin(head: TreeHead, key: SignerKey) -> str:
    return sign_note(replace(head, origin="log.example/other").text(), key)


def another_key_of_the_same_name(head: TreeHead, key: SignerKey) -> str:
    return sign_note(head.text(), SignerKey.generate(key.name))


def another_key_under_the_id_of_the_trusted_one(head: TreeHead, key: SignerKey) -> str:
    forged = SignerKey.generate(key.name).private.sign(head.text().encode())
    return f"{head.text()}\n{line(key.name, key.verifier.key_id, forged)}"


def that_beside_the_right_signature(head: TreeHead, key: SignerKey) -> str:
    return sign_note(head.text(), key) + another_key_under_the_id_of_the_trusted_one(head, key).partition("\n\n")[2]


def only_unknown_signatures(head: TreeHead, _: SignerKey) -> str:
    return f"{head.text()}\n" + "".join(line(f"nobody{n}.example", bytes(4), bytes(64)) for n in range(3))


def crlf(head: TreeHead, key: SignerKey) -> str:
    return sign_note(head.text(), key).replace("\n", "\r\n")


def crlf_that_was_signed(head: TreeHead, key: SignerKey) -> str:
    text = head.text().replace("\n", "\r\n")
    return f"{text}\n{line(key.name, key.verifier.key_id, key.private.sign(text.encode()))}"


def size_0(head: TreeHead, key: SignerKey) -> str:
    return sign_note(replace(head, size=0, root=sha256().digest()).text(), key)


def size_0_with_the_root_of_more(head: TreeHead, key: SignerKey) -> str:
    return sign_note(replace(head, size=0).text(), key)


def size_with_a_leading_zero(head: TreeHead, key: SignerKey) -> str:
    return sign_note(head.text().replace(f"\n{head.size}\n", f"\n0{head.size}\n"), key)


def size_of_other_digits(head: TreeHead, key: SignerKey) -> str:
    return sign_note(head.text().replace(f"\n{head.size}\n", "\n\N{FULLWIDTH DIGIT NINE}\n"), key)


def size_beyond_all(head: TreeHead, key: SignerKey) -> str:
    return sign_note(head.text().replace(f"\n{head.size}\n", f"\n{2**63}\n"), key)


CONFUSED: list[Callable[[TreeHead, SignerKey], str]] = [
    another_origin,
    another_key_of_the_same_name,
    another_key_under_the_id_of_the_trusted_one,
    that_beside_the_right_signature,
    only_unknown_signatures,
    crlf,
    crlf_that_was_signed,
    size_0,
    size_0_with_the_root_of_more,
    size_with_a_leading_zero,
    size_of_other_digits,
    size_beyond_all,
]


@pytest.mark.parametrize(("command", "name"), FILES)
@pytest.mark.parametrize("confuse", CONFUSED, ids=lambda make: make.__name__.replace("_", " "))
def test_class_16_a_checkpoint_that_could_be_taken_for_another_is_invalid_and_named(
    desk: Desk, golden: Any, head: TreeHead, confuse: Callable[..., str], command: str, name: str
) -> None:
    desk.put(name, confuse(head, golden.KEY).encode())
    code, lines = desk.ask(command)
    assert (code, lines[-1]) == (5, "verdict: invalid")
    [failed] = [said for said in lines if said.startswith("FAILED")]
    assert len(failed) < 200, "one line, that names the check and says why"


@pytest.mark.parametrize(("command", "name"), FILES)
def test_class_16_a_checkpoint_that_is_cut_anywhere_is_not_taken(desk: Desk, command: str, name: str) -> None:
    whole = desk.get(name)
    for end in range(len(whole)):
        desk.put(name, whole[:end])
        assert desk.ask(command)[0] == 5, end


@pytest.mark.parametrize(("command", "name"), FILES)
def test_signatures_of_strangers_beside_the_trusted_one_confuse_nobody(desk: Desk, command: str, name: str) -> None:
    strangers = line("nobody.example", bytes(4), bytes(64)) + line("witness.example", b"\x01\x02\x03\x04", bytes(72))
    desk.put(name, desk.get(name) + strangers.encode())
    assert desk.ask(command)[0] == 0


@pytest.mark.parametrize("same_key", [False, True], ids=["another tenant's key", "our key for both"])
def test_class_16_another_tenants_proof_proves_nothing_here(desk: Desk, golden: Any, same_key: bool) -> None:
    """The same entry at the same index of another log of the same size, proven there with everything right."""
    entry = desk.get("entry")
    leaves = [leaf_hash(entry if index == INDEX else b"theirs") for index in range(9)]
    key = golden.KEY if same_key else SignerKey.generate(golden.KEY.name)
    origin = "log.example/theirs" if same_key else golden.KEY.name
    path, root = tuple(Tree(leaves).inclusion_proof(INDEX)), Tree(leaves).root()
    desk.put("inclusion.json", InclusionProof(INDEX, 9, path).encode())
    code, lines = desk.ask("inclusion")  # their proof with our checkpoint
    assert (code, "another root" in "".join(lines)) == (5, True)
    note = sign_note(TreeHead(origin, 9, root).text(), key)
    desk.put("entry.tlog-proof", EntryProof(INDEX, path, note).text().encode())
    code, lines = desk.ask("inclusion alone")  # their proof with their checkpoint
    assert (code, lines[-1]) == (5, "verdict: invalid")
