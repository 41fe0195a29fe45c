"""Sealing: heads follow from one another, and no head is signed over a database that lost or changed entries."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tunewarden_audit.custody import create_key, read_key, read_state, write_state
from tunewarden_audit.log import LogRewritten, LogShortened, Signed, SignedStateBroken, replay, seal
from tunewarden_audit.merkle import Frontier, Tree, leaf_hash, root, verify_consistency
from tunewarden_audit.note import InvalidKey, SignerKey, TreeHead, open_note

KEY = SignerKey.generate("log.example/2026")
LEAVES = [leaf_hash(bytes([number])) for number in range(40)]
OTHERS = [leaf_hash(bytes([number, 1])) for number in range(40)]


def sealed(size: int, leaves: list[bytes] = LEAVES) -> Signed:
    signed = seal(KEY, None, leaves[:size])
    assert signed is not None
    return signed


def head(signed: Signed) -> TreeHead:
    return TreeHead.parse(open_note(signed.checkpoint, [KEY.verifier]).text)


def test_an_empty_log_has_nothing_to_sign() -> None:
    assert seal(KEY, None, []) is None


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8).filter(any))
def test_heads_sealed_one_after_the_other_are_consistent_and_end_at_the_root_of_all(steps: list[int]) -> None:
    signed, size = None, 0
    for step in steps:
        before, size = signed, size + step
        signed = seal(KEY, before, LEAVES[before.overlap if before else 0 : size])
        if before is None or signed is None:
            continue
        old, new = head(before), head(signed)
        proof = Tree(LEAVES[:size]).consistency_proof(old.size)
        verify_consistency(old.size, new.size, proof, old.root, new.root)
    assert signed is not None
    assert head(signed) == TreeHead(KEY.name, size, root(LEAVES[:size]))
    assert len(signed.frontier.peaks) == size.bit_count()


def test_sealing_again_without_new_entries_signs_the_same_bytes() -> None:
    signed = sealed(5)
    assert seal(KEY, signed, LEAVES[signed.overlap : 5]) == signed


def test_a_database_without_the_last_signed_entry_is_not_sealed() -> None:
    signed = sealed(5)
    with pytest.raises(LogShortened, match="at most 4 of the 5 entries"):
        seal(KEY, signed, [])


def test_a_restored_backup_that_has_grown_past_the_signed_size_is_not_sealed() -> None:
    signed = sealed(5)
    restored = LEAVES[:3] + OTHERS[3:9]
    with pytest.raises(LogRewritten, match="entry 4 of the database is not the one that was signed"):
        seal(KEY, signed, restored[signed.overlap :])


@pytest.mark.parametrize("size", range(5))
def test_replay_refuses_a_shortened_database(size: int) -> None:
    with pytest.raises(LogShortened, match=f"at most {size} of the 5 entries"):
        replay(KEY.verifier, sealed(5), LEAVES[:size])


@pytest.mark.parametrize("at", range(5))
def test_replay_refuses_a_database_in_which_any_signed_entry_changed(at: int) -> None:
    with pytest.raises(LogRewritten):
        replay(KEY.verifier, sealed(5), [*LEAVES[:at], OTHERS[at], *LEAVES[at + 1 :]])


def test_replay_accepts_the_signed_entries_and_whatever_came_after() -> None:
    for size in (5, 6, 40):
        replay(KEY.verifier, sealed(5), LEAVES[:size])


def test_a_state_of_another_key_or_with_another_tree_is_not_continued() -> None:
    with pytest.raises(SignedStateBroken, match="not signed by its key"):
        seal(SignerKey.generate(KEY.name), sealed(5), LEAVES[4:])
    broken = replace(sealed(5), frontier=Frontier().extend(OTHERS[:5]))
    with pytest.raises(SignedStateBroken, match="is not the tree it signed"):
        seal(KEY, broken, LEAVES[4:])
    with pytest.raises(SignedStateBroken, match="is not the tree it signed"):
        replay(KEY.verifier, broken, LEAVES)


def test_the_state_survives_its_file_and_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    path = tmp_path / "sealer.json"
    assert read_state(path) is None
    for size in (1, 2, 39):
        write_state(path, sealed(size))
        assert read_state(path) == sealed(size)
    assert [child.name for child in tmp_path.iterdir()] == ["sealer.json"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_draft_that_a_crash_left_behind_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "sealer.json"
    write_state(path, sealed(3))
    path.with_name(".sealer.json.draft").write_bytes(b"half a st")
    assert read_state(path) == sealed(3)
    write_state(path, sealed(4))
    assert read_state(path) == sealed(4)


@given(
    st.binary(max_size=60) | st.sampled_from([b"[]", b'{"v":1}', b'{"checkpoint":"","frontier":[1],"v":1}', b"null"])
)
def test_a_damaged_state_file_is_refused_and_never_taken_for_none(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("state") / "sealer.json"
    path.write_bytes(data)
    with pytest.raises(SignedStateBroken, match=r"sealer\.json is damaged"):
        read_state(path)


def test_one_changed_bit_anywhere_in_the_state_file_is_refused_before_anything_is_signed(tmp_path: Path) -> None:
    path = tmp_path / "sealer.json"
    write_state(path, sealed(7))
    data = path.read_bytes()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises((SignedStateBroken, LogRewritten)):
            seal(KEY, read_state(path), LEAVES[6:7])


def test_a_key_file_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    key = create_key(path, "log.example")
    assert read_key(path, "log.example").verifier == key.verifier
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_key(path, "log.example")
    assert read_key(path, "log.example").verifier == key.verifier


def test_a_key_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    (tmp_path / ".log.key.draft").write_bytes(b"-----BEGIN PRIV")  # what a crash left of the first try
    key = create_key(path, "log.example")
    assert read_key(path, "log.example").verifier == key.verifier
    assert [child.name for child in tmp_path.iterdir()] == ["log.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o602])
def test_a_key_file_that_others_may_touch_is_not_used(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "log.key"
    create_key(path, "log.example")
    path.chmod(mode)
    with pytest.raises(InvalidKey, match="make it 0600"):
        read_key(path, "log.example")
