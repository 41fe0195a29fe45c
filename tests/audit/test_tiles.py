"""Static files of a log: written once, extended, verified; altered bits and other histories are named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tunewarden_audit import export, static_log, tiles
from tunewarden_audit.__main__ import main
from tunewarden_audit.merkle import Frontier, Tree, leaf_hash, prove_consistency, prove_inclusion, root_of
from tunewarden_audit.note import SignerKey, TreeHead, sign_note
from tunewarden_audit.recipe import Grade
from tunewarden_audit.tiles import InvalidTile, TiledTree

KEY = SignerKey.generate("log.example/tiles")


def entry(index: int) -> bytes:
    return b"entry %d" % index


def checkpoint(size: int, of: Callable[[int], bytes] = entry, key: SignerKey = KEY) -> str:
    root = Frontier().extend(leaf_hash(of(index)) for index in range(size)).root()
    return sign_note(TreeHead(key.name, size, root).text(), key)


def write(directory: Path, size: int, of: Callable[[int], bytes] = entry, gone: frozenset[int] = frozenset()) -> None:
    def read(start: int, count: int) -> list[tuple[bytes, bytes | None]]:
        return [(leaf_hash(of(index)), None if index in gone else of(index)) for index in range(start, start + count)]

    export.write_tiles(directory, checkpoint(size, of), [KEY.verifier], read)


def verdict(directory: Path, **options: object) -> Grade:
    return static_log.verify_tiles(directory, [KEY.verifier], **options).verdict  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 700 entries: two full tiles and a partial one, and a partial tile above."""
    directory = tmp_path_factory.mktemp("small")
    write(directory, 700)
    return directory


@pytest.mark.parametrize(
    ("index", "path"), [(0, "000"), (7, "007"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")]
)
def test_a_tiles_index_is_written_in_groups_of_three_digits(index: int, path: str) -> None:
    assert tiles.tile_path(3, index) == f"tile/3/{path}"
    assert tiles.entries_path(index, 17) == f"tile/entries/{path}.p/17"


def test_a_tree_of_70000_leaves_has_the_tiles_that_the_specification_lists() -> None:
    found = [list(tiles.widths(70_000, level)) for level in range(tiles.levels(70_000))]
    assert [len(level) for level in found] == [274, 2, 1]
    assert [level[-1] for level in found] == [(273, 112), (1, 17), (0, 1)]
    assert list(tiles.widths(256, 1)) == [(0, 1)]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537])
def test_proofs_out_of_tiles_are_those_of_the_whole_tree(size: int) -> None:
    tree = Tree(leaf_hash(entry(index)) for index in range(size))
    tiled = TiledTree(size, lambda level, n, width: [tree.node(8 * level, n * 256 + i) for i in range(width)])
    assert root_of(tiled) == tree.root()
    for index in {0, size // 3, size // 2, size - 1}:
        assert prove_inclusion(tiled, index) == tree.inclusion_proof(index)
        assert prove_consistency(tiled, index + 1) == tree.consistency_proof(index + 1)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700, 65_537])
def test_what_was_written_verifies(tmp_path: Path, size: int) -> None:
    write(tmp_path, size)
    assert verdict(tmp_path) is Grade.CONSISTENT
    assert [found for _, found in static_log.read_entries(tmp_path, size)] == [entry(i) for i in range(size)]


def test_an_empty_log_is_written_and_proves_nothing(tmp_path: Path) -> None:
    write(tmp_path, 0)
    assert verdict(tmp_path) is Grade.INVALID
    write(tmp_path, 3)
    assert verdict(tmp_path) is Grade.CONSISTENT


def test_an_export_grows_and_leaves_full_tiles_alone(tmp_path: Path) -> None:
    write(tmp_path, 300)
    full = tmp_path / "tile" / "0" / "000"
    before = full.stat().st_mtime_ns
    old = (tmp_path / "checkpoint").read_bytes()
    for size in (301, 511, 512, 513, 1100):
        write(tmp_path, size)
        assert verdict(tmp_path, since=old) is Grade.CONSISTENT
    assert full.stat().st_mtime_ns == before


def test_an_export_over_another_logs_files_is_refused_and_publishes_nothing(tmp_path: Path) -> None:
    write(tmp_path, 300)
    before = (tmp_path / "checkpoint").read_bytes()
    with pytest.raises(export.RefusedToExport):
        write(tmp_path, 400, lambda index: b"other %d" % index)
    with pytest.raises(export.RefusedToExport):
        write(tmp_path, 299)
    assert (tmp_path / "checkpoint").read_bytes() == before


@pytest.mark.parametrize("size", [3, 255])
def test_another_history_is_not_written_over_files_that_all_would_be_new(tmp_path: Path, size: int) -> None:
    write(tmp_path, size, lambda index: b"other %d" % index)
    with pytest.raises(export.RefusedToExport, match="another history"):
        write(tmp_path, 255)


def test_files_that_a_former_key_signed_are_extended(tmp_path: Path) -> None:
    write(tmp_path, 300)
    former = SignerKey.generate(KEY.name)
    (tmp_path / "checkpoint").write_text(checkpoint(300, key=former))
    write(tmp_path, 600)
    assert verdict(tmp_path) is Grade.CONSISTENT


def test_a_directory_that_lost_a_tile_is_not_extended(tmp_path: Path) -> None:
    write(tmp_path, 300)
    (tmp_path / "tile" / "0" / "000").unlink()
    before = (tmp_path / "checkpoint").read_bytes()
    with pytest.raises(export.RefusedToExport, match="tile/0/000 is not in the directory"):
        write(tmp_path, 600)
    assert (tmp_path / "checkpoint").read_bytes() == before


def test_entries_that_do_not_give_the_signed_root_are_never_published(tmp_path: Path) -> None:
    with pytest.raises(export.RefusedToExport, match="root"):
        export.write_tiles(tmp_path, checkpoint(3), [KEY.verifier], lambda _, count: [(leaf_hash(b"x"), b"x")] * count)
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize(
    "leaves",
    [[(leaf_hash(b"x"), b"x")] * 2, [(leaf_hash(b"x"), b"y")] * 3, [(leaf_hash(b"x"), None)] * 3],
    ids=["too few", "other bytes", "no bytes and other hashes"],
)
def test_leaves_that_are_not_the_signed_ones_are_never_published(
    tmp_path: Path, leaves: list[tuple[bytes, bytes | None]]
) -> None:
    with pytest.raises(export.RefusedToExport):
        export.write_tiles(tmp_path, checkpoint(3), [KEY.verifier], lambda *_: leaves)
    assert not (tmp_path / "checkpoint").exists()


def test_a_bundle_of_which_an_entry_is_gone_is_missing_and_everything_else_verifies(tmp_path: Path) -> None:
    write(tmp_path, 700, gone=frozenset({300}))
    report = static_log.verify_tiles(tmp_path, [KEY.verifier])
    assert report.verdict is Grade.INCOMPLETE
    assert [check.name for check in report.checks if check.grade is not Grade.CONSISTENT] == ["entries"]
    assert report.checks[-1].because == "256 of 700 entries are not in the directory; the others are"


def test_what_was_exported_before_its_body_was_dropped_stays_readable(tmp_path: Path) -> None:
    """The partial bundle of the earlier export still holds it; the larger one takes it over, if it is that entry."""
    write(tmp_path, 85)
    write(tmp_path, 91, gone=frozenset(range(80)))
    assert verdict(tmp_path) is Grade.CONSISTENT
    write(tmp_path, 300, gone=frozenset({3, 260}))
    assert (tmp_path / "tile/entries/000").exists()
    assert not (tmp_path / "tile/entries/001.p/44").exists()


def test_a_partial_bundle_that_was_altered_is_not_taken_over(tmp_path: Path) -> None:
    write(tmp_path, 3)
    (tmp_path / "tile/entries/000.p/3").write_bytes(tiles.join_entries([entry(0), entry(0), entry(2)]))
    with pytest.raises(export.RefusedToExport, match="entry 1 is not what its leaf hash says"):
        write(tmp_path, 5, gone=frozenset({1}))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_every_altered_bit_is_noticed(small: Path, tmp_path: Path, data: st.DataObject) -> None:
    files = sorted(path for path in small.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(small, copy)
    (copy / path.relative_to(small)).write_bytes(content)
    assert verdict(copy) not in {Grade.CONSISTENT, Grade.WITNESSED}


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"])
def test_a_missing_file_is_incomplete(small: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(small, tmp_path / "copy")
    (tmp_path / "copy" / name).unlink()
    assert verdict(tmp_path / "copy") is Grade.INCOMPLETE


def test_bundles_below_the_published_minimum_index_may_be_absent(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "copy")
    (tmp_path / "copy" / "tile" / "entries" / "000").unlink()
    assert verdict(tmp_path / "copy", first=255) is Grade.INCOMPLETE
    assert verdict(tmp_path / "copy", first=256) is Grade.CONSISTENT


def test_a_full_tile_serves_where_the_partial_one_is_gone(tmp_path: Path) -> None:
    write(tmp_path, 300)
    old = (tmp_path / "checkpoint").read_bytes()
    write(tmp_path, 512)
    shutil.rmtree(tmp_path / "tile" / "0" / "001.p")
    (tmp_path / "checkpoint").write_bytes(old)
    assert verdict(tmp_path) is Grade.CONSISTENT


def test_another_history_than_the_one_seen_before_has_diverged(small: Path) -> None:
    assert verdict(small, since=checkpoint(500).encode()) is Grade.CONSISTENT
    assert verdict(small, since=checkpoint(500, lambda _: b"x").encode()) is Grade.DIVERGED
    assert verdict(small, since=checkpoint(701).encode()) is Grade.DIVERGED


@pytest.mark.parametrize(
    "data", [b"\x00", b"\x00\x05abc", b"\x00\x01a" * 257, b"\x00\x01a", b"\x00\x01a\x00\x01b\x00"], ids=range(5)
)
def test_a_malformed_entry_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidTile):
        tiles.split_entries(data, 2)


def test_the_command_says_a_line_for_each_check(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tiles", str(small), "--key", KEY.verifier.vkey]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [["ok", str(number)] for number in range(1, 5)]
    assert lines[-1] == "verdict: consistent"


@pytest.mark.parametrize("where", ["nowhere", "checkpoint"])
def test_a_directory_that_is_none_is_wrong_use(small: Path, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tiles", str(small / where), "--key", KEY.verifier.vkey]) == 2
    assert len(capsys.readouterr().out.splitlines()) == 1
