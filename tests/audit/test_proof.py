"""Single-file proofs (c2sp.org/tlog-proof@v1): what we write verifies, whatever else is refused with one line."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tunewarden_audit.__main__ import main
from tunewarden_audit.merkle import InvalidProof, Tree, leaf_hash
from tunewarden_audit.note import InvalidNote, SignerKey, TreeHead, sign_note
from tunewarden_audit.proof import EntryProof

KEY = SignerKey.generate("log.example/proof")
TREE = Tree(leaf_hash(b"entry %d" % index) for index in range(11))
NOTE = sign_note(TreeHead(KEY.name, TREE.size, TREE.root()).text(), KEY)


def proof(index: int) -> EntryProof:
    return EntryProof(index, tuple(TREE.inclusion_proof(index)), NOTE)


@pytest.mark.parametrize("index", range(11))
def test_what_is_written_reads_back_and_verifies(index: int) -> None:
    read = EntryProof.parse(proof(index).text().encode())
    assert read == proof(index)
    assert read.verify(b"entry %d" % index, [KEY.verifier]).size == 11
    with pytest.raises(InvalidProof):
        read.verify(b"another entry", [KEY.verifier])


def test_extra_data_of_others_is_read_over() -> None:
    text = proof(3).text().replace("\nindex", "\nextra AAEC\nindex", 1)
    assert EntryProof.parse(text.encode()) == proof(3)


def test_a_proof_of_a_tree_of_one_has_no_hashes() -> None:
    alone = Tree([leaf_hash(b"one")])
    note = sign_note(TreeHead(KEY.name, 1, alone.root()).text(), KEY)
    assert EntryProof.parse(EntryProof(0, (), note).text().encode()).verify(b"one", [KEY.verifier])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 3", "index 03"),
        ("index 3", "index -3"),
        ("index 3\n", ""),
        ("index 3", "extra AA=\nindex 3"),
        ("index 3\n", "index 3\nAAAA\n"),
        ("index 3\n", "index 3\n" + "A" * 43 + "=\n" * 1 + ("A" * 43 + "=\n") * 63),
        ("\n", "\r\n"),
        ("\n\n", "\n"),
    ],
)
def test_another_form_is_refused(old: str, new: str) -> None:
    with pytest.raises((InvalidProof, InvalidNote)):
        EntryProof.parse(proof(3).text().replace(old, new).encode()).verify(b"entry 3", [KEY.verifier])


@given(bit=st.integers(0, len(proof(3).text().encode()) * 8 - 1))
def test_every_altered_bit_is_noticed(bit: int) -> None:
    data = bytearray(proof(3).text().encode())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises((InvalidProof, InvalidNote)):
        EntryProof.parse(bytes(data)).verify(b"entry 3", [KEY.verifier])


def test_another_logs_checkpoint_is_refused() -> None:
    other = SignerKey.generate("log.example/other")
    note = sign_note(TreeHead(KEY.name, TREE.size, TREE.root()).text(), other)
    with pytest.raises(InvalidNote, match="origin"):
        EntryProof(3, proof(3).hashes, note).verify(b"entry 3", [other.verifier])


def test_the_command_needs_only_the_entry_and_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "entry").write_bytes(b"entry 3")
    (tmp_path / "3.tlog-proof").write_text(proof(3).text())
    arguments = ["inclusion", str(tmp_path / "entry"), str(tmp_path / "3.tlog-proof"), "--key", KEY.verifier.vkey]
    assert main(arguments) == 0
    (tmp_path / "entry").write_bytes(b"entry 4")
    assert main(arguments) == 5
    assert "FAILED   inclusion" in capsys.readouterr().out
