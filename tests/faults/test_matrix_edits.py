"""The fault matrix, classes 1 to 6: what was logged is changed where it lies. No signature is forged here.

| class | fault | who detects it |
|---|---|---|
| 1 | an entry's body is edited | the platform's reader, the sealer, the export; `tiles` and `verify` offline |
| 2 | an entry's leaf hash is edited | the same |
| 3 | an inner node of the tree is edited | the prover, which then gives no proof; `tiles` offline |
| 4 | entries change places | the sealer, the prover, the export; `tiles` and `verify` offline |
| 5 | an entry is put between others | the same |
| 6 | an entry in the middle is deleted | the same |
| 7 | the tail is deleted after a checkpoint | the sealer; an earlier checkpoint offline (test_matrix_history.py) |
| 8 | the tail is deleted before a checkpoint | the caller's receipt, and nothing else |
| 9 | an old database is restored | the sealer |
| 10 | an old database and an old sealer state are restored | a witness; an earlier checkpoint offline |
| 11 | two histories are shown | a witness, which keeps the evidence; an earlier checkpoint offline |
| 12 | the whole log is deleted and begun again | a witness; an earlier checkpoint offline; a new key by the key |
| 13 | the key is stolen and history rewritten | a witness; an earlier checkpoint offline; verification alone passes |
| 14 | the clock is turned back, or runs ahead | `conduct` (test_matrix_meaning.py) |
| 15 | an event is never written | `conduct`, where something else needs it; a gap stops every reader |
| 16 | the verifier is confused | note, key and proof checks, one by one (test_matrix_confusion.py) |

Bundles have the same faults, class by class, in `tests/audit/test_verify.py`. That what is honest raises no alarm is in
test_no_false_alarm.py.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.house import House, faults, house, verified

from tunewarden.domain.errors import Corrupted
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_tiles import rebuild
from tunewarden_audit.export import RefusedToExport
from tunewarden_audit.log import LogRewritten, RefusedToSign
from tunewarden_audit.merkle import leaf_hash, verify_inclusion
from tunewarden_audit.note import TreeHead
from tunewarden_audit.recipe import Grade
from tunewarden_audit.tiles import join_entries, split_entries

__all__ = ["house"]

NOTICED = (RefusedToSign, Corrupted)
SIZE = 5

# In the database. -----------------------------------------------------------------------------------------------------

CLOSE_THE_GAP = "UPDATE entries SET idx = -idx WHERE idx > 2", "UPDATE entries SET idx = -idx - 1 WHERE idx < 0"
OPEN_A_GAP = "UPDATE entries SET idx = -idx WHERE idx >= 2", "UPDATE entries SET idx = -idx + 1 WHERE idx < 0"

HALF_DONE = {
    "1 body": ["UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'ds-2', 'ds-9') AS BLOB)"],
    "2 leaf": ["UPDATE entries SET leaf_hash = zeroblob(32) WHERE idx = 2"],
    "6 interior deleted": ["DELETE FROM entries WHERE idx = 2"],
}
"""What a clumsy attacker leaves behind: rows that contradict each other."""

WELL_DONE = {
    "1 body and leaf": [
        "UPDATE entries SET (leaf_hash, body) = (SELECT leaf_hash, body FROM entries WHERE idx = 0) WHERE idx = 2"
    ],
    "4 reordered": [
        "UPDATE entries SET idx = -1 WHERE idx = 1",
        "UPDATE entries SET idx = 1 WHERE idx = 2",
        "UPDATE entries SET idx = 2 WHERE idx = -1",
    ],
    "5 inserted": [
        *OPEN_A_GAP,
        "INSERT INTO entries (idx, leaf_hash, body) SELECT 2, leaf_hash, body FROM entries WHERE idx = 0",
    ],
    "6 interior deleted, gap closed": ["DELETE FROM entries WHERE idx = 2", *CLOSE_THE_GAP],
}
"""What a careful one leaves: rows in which every body has its leaf hash and no index is missing."""


@pytest.mark.parametrize("fault", HALF_DONE)
def test_rows_that_contradict_each_other_stop_every_reader(house: House, tmp_path: Path, fault: str) -> None:
    house.append(SIZE)
    house.seal()
    house.tamper(*HALF_DONE[fault])
    for read in (
        house.seal,
        house.leaves,
        lambda: house.export(tmp_path / "tiles"),
        lambda: house.log().inclusion_proofs([2], SIZE),
    ):
        with pytest.raises(Corrupted):
            read()


@pytest.mark.parametrize("fault", WELL_DONE)
def test_a_past_that_was_changed_with_care_is_not_signed_not_proven_and_not_exported(
    house: House, tmp_path: Path, fault: str
) -> None:
    house.append(SIZE)
    house.seal()
    house.tamper(*WELL_DONE[fault])
    with pytest.raises(RefusedToSign):
        house.seal()
    with pytest.raises(Corrupted):
        house.log().inclusion_proofs([2], SIZE)
    with pytest.raises((RefusedToExport, Corrupted)):
        house.export(tmp_path / "tiles")


@pytest.mark.parametrize("fault", WELL_DONE)
def test_the_sealer_that_stays_down_says_what_it_found(house: House, fault: str) -> None:
    house.append(SIZE)
    house.seal()
    house.tamper(*WELL_DONE[fault])
    house.append(3, first=50)
    with pytest.raises(LogRewritten, match="are not the ones that were signed; keep the database"):
        house.seal()


def test_a_body_that_was_taken_away_is_missing_offline(house: House, tmp_path: Path) -> None:
    house.append(SIZE)
    house.seal()
    house.tamper("UPDATE entries SET body = NULL WHERE idx = 2")
    report = verified(house, house.export(tmp_path / "tiles"))
    assert report.verdict is Grade.INCOMPLETE
    assert "entries are not in the directory" in faults(report)["entries"]


def test_class_3_an_edited_node_proves_nothing_and_can_be_computed_again(house: House) -> None:
    receipts = house.append(300)
    house.seal()
    house.tamper("UPDATE tiles SET data = zeroblob(32) WHERE level = 1 AND n = 0")
    with pytest.raises(Corrupted, match="log rebuild"):
        house.log().inclusion_proofs([299], 300)
    rebuild(connect(house.settings.database), 300)
    path = house.log().inclusion_proofs([299], 300)[299]
    root = TreeHead.parse(house.checkpoint().partition("\n\n")[0] + "\n").root
    verify_inclusion(299, 300, bytes.fromhex(receipts[299].leaf_hash.removeprefix("sha256:")), path, root)


# In the static files that an auditor holds. ---------------------------------------------------------------------------

Change = Callable[[list[bytes]], list[bytes]]

REWRITTEN: dict[str, Change] = {
    "1 edited": lambda entries: [*entries[:2], entries[2].replace(b"ds-2", b"ds-9"), *entries[3:]],
    "4 reordered": lambda entries: [entries[1], entries[0], *entries[2:]],
    "5 inserted": lambda entries: [*entries[:2], entries[0], *entries[2:-1]],
    "6 deleted": lambda entries: [*entries[:2], *entries[3:], entries[0]],
}  # each leaves as many entries as were signed: with fewer or more the tile is not even read


@pytest.mark.parametrize("fault", REWRITTEN)
@pytest.mark.parametrize("hashes_too", [False, True], ids=["entries only", "hashes too"])
def test_static_files_that_were_rewritten_do_not_give_the_signed_root(
    house: House, tmp_path: Path, fault: str, hashes_too: bool
) -> None:
    house.append(SIZE)
    house.seal()
    directory = house.export(tmp_path / "tiles")
    entries_file = directory / f"tile/entries/000.p/{SIZE}"
    entries = REWRITTEN[fault](split_entries(entries_file.read_bytes(), SIZE))
    entries_file.write_bytes(join_entries(entries))
    if hashes_too:
        (directory / f"tile/0/000.p/{SIZE}").write_bytes(b"".join(map(leaf_hash, entries)))
    report = verified(house, directory)
    assert report.verdict is Grade.INVALID
    assert faults(report).keys() == ({"root"} if hashes_too else {"entries"})


@pytest.mark.parametrize(
    ("fault", "name", "check"),
    [
        ("2 leaf", "tile/0/001.p/44", "root"),
        ("2 leaf in a full tile", "tile/0/000", "hash tiles"),
        ("3 node", "tile/1/000.p/1", "hash tiles"),
    ],
)
def test_a_hash_that_was_edited_in_the_static_files_is_named(
    house: House, tmp_path: Path, fault: str, name: str, check: str
) -> None:
    house.append(300)
    house.seal()
    directory = house.export(tmp_path / "tiles")
    whole = (directory / name).read_bytes()
    (directory / name).write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    report = verified(house, directory)
    assert report.verdict is Grade.INVALID, fault
    assert check in faults(report)
