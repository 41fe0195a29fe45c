"""The tree against RFC 6962's own definition, against vectors written by others, and against altered proofs."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tunewarden_audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    InvalidProof,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(bytes([number])) for number in range(65)]


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it stands there."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def test_roots_are_those_of_the_recursive_definition() -> None:
    for size in range(1, 66):
        assert root(LEAVES[:size]) == Tree(LEAVES[:size]).root() == mth(LEAVES[:size])


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root([]) == Tree([]).root() == Frontier().root() == EMPTY_ROOT


@given(st.integers(0, 65), st.integers(0, 65))
def test_a_frontier_grown_in_two_parts_is_the_one_grown_at_once(first: int, second: int) -> None:
    low, high = sorted((first, second))
    grown = Frontier().extend(LEAVES[:low]).extend(LEAVES[low:high])
    assert grown == Frontier().extend(LEAVES[:high])
    assert len(grown.peaks) == high.bit_count()


def test_a_frontier_whose_parts_disagree_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="a tree of 3 leaves cannot have 1 perfect subtrees"):
        Frontier(3, (LEAVES[0],))


def test_entries_given_for_leaf_hashes_are_refused() -> None:
    with pytest.raises(ValueError, match="hash entries with leaf_hash"):
        root([b"an entry"])


def test_all_2145_inclusion_proofs_verify_and_none_at_another_index() -> None:
    count = 0
    for size in range(1, 66):
        tree = Tree(LEAVES[:size])
        for index in range(size):
            proof = tree.inclusion_proof(index)
            verify_inclusion(index, size, LEAVES[index], proof, tree.root())
            with pytest.raises(InvalidProof):
                verify_inclusion((index + 1) % (size + 1), size, LEAVES[index], proof, tree.root())
            count += 1
    assert count == 2145


def test_all_2145_consistency_proofs_verify_and_none_for_another_old_root() -> None:
    count = 0
    for size in range(1, 66):
        tree = Tree(LEAVES[:size])
        for old in range(1, size + 1):
            proof = tree.consistency_proof(old)
            verify_consistency(old, size, proof, root(LEAVES[:old]), tree.root())
            with pytest.raises(InvalidProof):
                verify_consistency(old, size, proof, root(LEAVES[1 : old + 1]), tree.root())
            count += 1
    assert count == 2145


@given(st.data())
def test_one_changed_bit_anywhere_breaks_an_inclusion_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 65))
    index = data.draw(st.integers(0, size - 1))
    parts = [LEAVES[index], root(LEAVES[:size]), *inclusion_proof(index, LEAVES[:size])]
    at = data.draw(st.integers(0, len(parts) - 1))
    parts[at] = flip(parts[at], data.draw(st.integers(0, 255)))
    with pytest.raises(InvalidProof):
        verify_inclusion(index, size, parts[0], parts[2:], parts[1])


@given(st.data())
def test_one_changed_bit_anywhere_breaks_a_consistency_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 65))
    old = data.draw(st.integers(1, size))
    parts = [root(LEAVES[:old]), root(LEAVES[:size]), *consistency_proof(old, LEAVES[:size])]
    at = data.draw(st.integers(0, len(parts) - 1))
    parts[at] = flip(parts[at], data.draw(st.integers(0, 255)))
    with pytest.raises(InvalidProof):
        verify_consistency(old, size, parts[2:], parts[0], parts[1])


@pytest.mark.parametrize("count", [64, 100_000])
def test_more_than_63_hashes_are_refused_before_any_is_used(count: int) -> None:
    proof = [LEAVES[0]] * count
    with pytest.raises(InvalidProof, match="needs more than 63"):
        verify_inclusion(0, 2**62, LEAVES[0], proof, LEAVES[1])
    with pytest.raises(InvalidProof, match="needs more than 63"):
        verify_consistency(1, 2**62, proof, LEAVES[0], LEAVES[1])


def test_a_proof_longer_than_the_way_is_refused_even_under_a_root_made_to_fit_it() -> None:
    leaf, extra = LEAVES[0], LEAVES[1]
    with pytest.raises(InvalidProof, match="longer than the way"):
        verify_inclusion(0, 1, leaf, [extra], node_hash(extra, leaf))
    with pytest.raises(InvalidProof, match="longer than the way"):
        verify_consistency(1, 2, [extra, extra], leaf, node_hash(extra, node_hash(leaf, extra)))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 3), (0, -1)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(InvalidProof, match="is not inside a tree"):
        verify_inclusion(index, size, LEAVES[0], [], LEAVES[0])


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_a_log_neither_shrinks_nor_grows_out_of_nothing(old: int, new: int) -> None:
    with pytest.raises(InvalidProof, match="no proof leads"):
        verify_consistency(old, new, [], EMPTY_ROOT, EMPTY_ROOT)


def test_proofs_are_asked_only_for_what_is_in_the_tree() -> None:
    with pytest.raises(IndexError):
        inclusion_proof(3, LEAVES[:3])
    with pytest.raises(IndexError):
        consistency_proof(0, LEAVES[:3])
    with pytest.raises(IndexError):
        consistency_proof(4, LEAVES[:3])


def test_transparency_dev_inclusion_vectors_98_of_98(vectors: Path) -> None:
    cases = load(vectors, "inclusion")
    assert len(cases) == 98
    for name, case in cases.items():
        arguments = case["leafIdx"], case["treeSize"], raw(case["leafHash"]), hashes(case), raw(case["root"])
        assert holds(verify_inclusion, *arguments) != case["wantErr"], name


def test_transparency_dev_consistency_vectors_98_of_98(vectors: Path) -> None:
    """With its two conventions where RFC 9162 is silent: nothing is consistent with size 0 (not even size 0), and equal
    sizes compare the roots as they are, placeholders that are not 32 bytes included."""
    cases = load(vectors, "consistency")
    assert len(cases) == 98
    for name, case in cases.items():
        arguments = case["size1"], case["size2"], hashes(case), raw(case["root1"]), raw(case["root2"])
        assert holds(verify_consistency, *arguments) != case["wantErr"], name


def test_the_roots_and_nodes_of_the_rfc_6962_reference_leaves(vectors: Path) -> None:
    known = json.loads((vectors / "rfc6962-known-roots.json").read_text())
    leaves = [leaf_hash(bytes.fromhex(text)) for text in known["leaf_inputs_hex"]]
    assert [root(leaves[:size]).hex() for size in range(9)] == known["root_hashes_hex_by_size"]
    nodes = [[root(leaves[low : low + width]).hex() for low in range(0, 8, width)] for width in (1, 2, 4, 8)]
    assert nodes == known["node_hashes_hex_by_level"]


def load(vectors: Path, kind: str) -> dict[str, dict[str, object]]:
    folder = vectors / "transparency-dev-merkle" / "testdata" / kind
    return {str(path): json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))}


def holds(verify: Callable[..., None], *arguments: object) -> bool:
    try:
        verify(*arguments)
    except InvalidProof:
        return False
    return True


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def hashes(case: dict[str, object]) -> list[bytes]:
    return [raw(text) for text in case["proof"] or []]


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
