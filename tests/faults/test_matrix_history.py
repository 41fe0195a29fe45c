"""The fault matrix, classes 7 to 13: a whole history is exchanged for another. See test_matrix_edits.py for the table.

From class 10 on whoever attacks has the sealer's files too, so nothing on that machine can notice. What convicts is
what somebody else kept: a checkpoint, or a witness's memory.
"""

import shutil
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.house import WITNESS, House, Watcher, faults, house, new_house, verified, watching

from tunewarden.entry.sealer import REFUSED, run
from tunewarden_audit.custody import read_key
from tunewarden_audit.export import write_tiles
from tunewarden_audit.log import LogRewritten, LogShortened, SignedStateBroken
from tunewarden_audit.merkle import InvalidProof, Tree, leaf_hash, verify_inclusion
from tunewarden_audit.note import TreeHead, load_key, open_note, sign_note
from tunewarden_audit.recipe import Grade
from tunewarden_audit.static_log import verify_tiles

__all__ = ["house"]


@pytest.fixture
def watcher(house: House, tmp_path: Path) -> Watcher:
    house.append(3)
    house.seal()
    return watching(house, tmp_path / "witness")


def grown(house: House, count: int, first: int) -> str:
    house.append(count, first=first)
    return house.seal()


# What the sealer's own memory convicts. -------------------------------------------------------------------------------


@pytest.mark.parametrize("heads_too", [False, True], ids=["entries", "entries and heads"])
def test_class_7_a_tail_deleted_after_a_checkpoint_stops_the_sealer(house: House, heads_too: bool) -> None:
    house.append(3)
    house.seal()
    grown(house, 2, 3)
    house.tamper("DELETE FROM entries WHERE idx >= 3")
    if heads_too:
        house.tamper("DELETE FROM tree_heads WHERE size > 3")
    with pytest.raises(LogShortened, match="never an older state file"):
        house.seal()
    assert run(house.settings, lambda: True) == REFUSED


def test_class_8_a_tail_deleted_before_a_checkpoint_contradicts_the_receipt_of_its_caller(house: House) -> None:
    """Nobody but the caller knew of it. The receipt is not signed: it tells its holder, and is testimony to others."""
    house.append(3)
    house.seal()
    kept, lost = house.append(2, first=3)
    assert lost.index == 4
    house.tamper("DELETE FROM entries WHERE idx = 4")
    for size in (4, 5):
        if size == 5:
            house.append(1, first=50)
        head = TreeHead.parse(open_note(house.seal(), [house.vkey]).text)
        assert head.size == size
        for receipt, stands in ((kept, True), (lost, False)):
            assert proven(house, receipt.index, receipt.leaf_hash, head) is stands


def proven(house: House, index: int, digest: str, head: TreeHead) -> bool:
    """Whether the log can still prove what a receipt says."""
    proofs = house.log().inclusion_proofs([index], head.size) if index < head.size else {index: []}
    leaf = bytes.fromhex(digest.removeprefix("sha256:"))
    try:
        verify_inclusion(index, head.size, leaf, proofs[index], head.root)
    except InvalidProof:
        return False
    return True


@pytest.mark.parametrize(("grows", "refusal"), [(0, LogShortened), (1, LogShortened), (4, LogRewritten)])
def test_class_9_a_restored_database_stops_the_sealer_also_after_it_grew(
    house: House, tmp_path: Path, grows: int, refusal: type[Exception]
) -> None:
    house.append(3)
    house.seal()
    restore = house.copy(tmp_path / "backup")
    grown(house, 2, 3)
    restore()
    house.append(grows, first=50)
    with pytest.raises(refusal):
        house.seal()


def test_class_9_and_so_does_a_database_that_is_newer_than_the_state_file(house: House, tmp_path: Path) -> None:
    house.append(3)
    house.seal()
    shutil.copy(house.settings.sealer_state, tmp_path / "old-state")
    grown(house, 2, 3)
    shutil.copy(tmp_path / "old-state", house.settings.sealer_state)
    with pytest.raises(SignedStateBroken, match="older copy"):
        house.seal()


# What only somebody else convicts. ------------------------------------------------------------------------------------


def forked(house: House, folder: Path) -> tuple[str, Path]:
    """Two histories of one log, both signed: the head of the first, and the second as static files."""
    restore = house.copy(folder / "backup", sealer=True)
    shown = grown(house, 2, 3)
    house.export(folder / "first")
    restore()
    grown(house, 4, 50)
    return shown, house.export(folder / "second")


def test_class_10_a_restored_database_and_state_are_refused_by_the_witness(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    restore = house.copy(tmp_path / "backup", sealer=True)
    assert watcher.shown(house, 0).status == 200
    grown(house, 2, 3)
    assert watcher.shown(house, 3).status == 200
    restore()
    grown(house, 4, 50)
    told = watcher.shown(house, 3)
    assert (told.status, told.body) == (409, "5\n")
    assert watcher.shown(house, 5).status == 422
    assert len(watcher.evidence) == 1


def test_class_10_offline_each_history_verifies_and_a_kept_checkpoint_tells_them_apart(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    shown, second = forked(house, tmp_path)
    assert watcher.evidence == []
    assert verified(house, second).verdict is Grade.CONSISTENT
    assert verified(house, tmp_path / "first", since=shown).verdict is Grade.CONSISTENT
    report = verified(house, second, since=shown)
    assert report.verdict is Grade.DIVERGED
    assert "not the ones you saw then" in faults(report)["history"]


@pytest.mark.parametrize("size", [5, 7])
def test_class_11_a_split_view_is_refused_by_the_witness_and_the_evidence_convicts_without_it(
    house: House, watcher: Watcher, tmp_path: Path, size: int
) -> None:
    restore = house.copy(tmp_path / "backup", sealer=True)
    shown = grown(house, 2, 3)
    assert watcher.shown(house, 0).status == 200
    restore()
    grown(house, size - 3, 50)
    assert watcher.shown(house, 5).status == (409 if size == 5 else 422)
    # The witness kept what it was shown. Two heads under one key, and a proof between them that does not hold.
    [evidence] = watcher.evidence
    lines, _, other = evidence.decode().partition("\n\n")
    first, second = (TreeHead.parse(open_note(note, [house.vkey]).text) for note in (shown, other))
    assert first.root != second.root
    assert (first.origin, first.size, second.size) == (second.origin, 5, size)
    assert [len(b64decode(line)) for line in lines.split("\n")[1:] if line] == [32] * (0 if size == 5 else 4)


def test_class_12_a_log_that_was_deleted_and_begun_again_is_refused_by_the_witness_and_by_a_kept_checkpoint(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    shown = grown(house, 2, 3)
    assert watcher.shown(house, 0).status == 200
    again = begun_again(house, tmp_path / "again", keep_key=True)
    assert watcher.shown(again, 5).status == 400
    assert watcher.shown(again, 0).status == 409
    assert verified(house, again.export(tmp_path / "tiles")).verdict is Grade.CONSISTENT
    report = verified(house, tmp_path / "tiles", since=shown)
    assert report.verdict is Grade.DIVERGED
    assert "rolled back" in faults(report)["history"]


def test_class_12_with_a_new_key_the_auditors_key_is_enough(house: House, watcher: Watcher, tmp_path: Path) -> None:
    again = begun_again(house, tmp_path / "again", keep_key=False)
    assert watcher.shown(again, 0).status == 403
    report = verified(house, again.export(tmp_path / "tiles"))
    assert report.verdict is Grade.INVALID
    assert faults(report) == {"tree head": "no trusted key has signed this note"}


def begun_again(house: House, home: Path, *, keep_key: bool) -> House:
    """A new log of the same origin."""
    again = new_house(home)
    if keep_key:
        again.settings.signing_key.parent.mkdir()
        shutil.copy(house.settings.signing_key, again.settings.signing_key)
    again.append(2)
    again.seal()
    return again


def stolen(house: House) -> Callable[[list[bytes], Path], Path]:
    """The signing key in other hands: any history becomes static files that are signed as they must be."""
    key = read_key(house.settings.signing_key, house.settings.origin)

    def publish(entries: list[bytes], directory: Path) -> Path:
        leaves = [(leaf_hash(entry), entry) for entry in entries]
        head = TreeHead(key.name, len(entries), Tree(leaf for leaf, _ in leaves).root())
        note = sign_note(head.text(), key)
        write_tiles(directory, note, [key.verifier], lambda first, count: leaves[first : first + count])
        return directory

    return publish


def test_class_13_with_a_stolen_key_verification_alone_passes_and_only_what_others_kept_convicts(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    shown = grown(house, 2, 3)
    assert watcher.shown(house, 0).status == 200
    history = [body for _, body in house.log().leaves(0, 5) if body is not None]
    rewritten = [*history[:2], history[2].replace(b"ds-2", b"ds-9"), *history[3:]]
    directory = stolen(house)(rewritten, tmp_path / "tiles")
    # This is the limit of any log: whoever holds the key writes the log.
    assert verified(house, directory).verdict is Grade.CONSISTENT
    # An auditor who kept a checkpoint,
    assert verified(house, directory, since=shown).verdict is Grade.DIVERGED
    # who asks for a witness's cosignature,
    asked = verify_tiles(directory, [house.vkey], witnesses=[WITNESS.verifier])
    assert asked.verdict is Grade.INCOMPLETE
    assert "none of 'witness.example'" in faults(asked)["witnesses"]
    # or the witness itself is not deceived.
    forged = (directory / "checkpoint").read_bytes()
    assert watcher.witness.add_checkpoint(b"old 5\n\n" + forged).status == 409
    assert len(watcher.evidence) == 1


def test_what_is_honest_is_witnessed(house: House, watcher: Watcher, tmp_path: Path) -> None:
    answer = watcher.shown(house, 0)
    directory = house.export(tmp_path / "tiles")
    with (directory / "checkpoint").open("a") as file:
        file.write(answer.body)
    key = load_key(WITNESS.verifier.vkey)
    assert verify_tiles(directory, [house.vkey], witnesses=[key]).verdict is Grade.WITNESSED
