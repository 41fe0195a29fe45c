"""`tunewarden-audit conduct`: verified first, then judged; a bundle and a whole log, and what may not be judged."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.audit.house_log import GOOD, Log, digest, entry, find, saying, without, written

from tunewarden_audit.__main__ import main
from tunewarden_audit.bundle import InclusionProof, pack
from tunewarden_audit.canonical import encode
from tunewarden_audit.export import write_tiles
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import SignerKey, TreeHead, sign_note

KEY = SignerKey.generate("log.example/conduct")
STORY = tuple(index for index, line in enumerate(GOOD) if line[1] not in {"FileUploaded", "PruneProposed"})
Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object, key: bool = True) -> tuple[int, list[str]]:
        code = main(["conduct", *map(str, arguments), *(["--key", KEY.verifier.vkey] if key else [])])
        return code, capsys.readouterr().out.splitlines()

    return command


def tree(log: Log) -> Tree:
    return Tree(leaf_hash(body) for _, body in written(log))


def checkpoint(log: Log) -> str:
    grown = tree(log)
    return sign_note(TreeHead(KEY.name, grown.size, grown.root()).text(), KEY)


def static(directory: Path, log: Log, *, gone: frozenset[int] = frozenset()) -> Path:
    def leaves(start: int, count: int) -> list[tuple[bytes, bytes | None]]:
        rows = written(log)[start : start + count]
        return [(leaf_hash(body), None if index in gone else body) for index, body in rows]

    write_tiles(directory, checkpoint(log), [KEY.verifier], leaves)
    return directory


def bundled(path: Path, log: Log, cited: tuple[int, ...] = STORY) -> Path:
    grown = tree(log)
    path.write_bytes(
        pack(
            checkpoint=checkpoint(log),
            vkey=KEY.verifier.vkey,
            entries={index: entry(index, log[index]) for index in cited},
            proofs=[InclusionProof(index, grown.size, tuple(grown.inclusion_proof(index))) for index in cited],
            documents=[],
            lineage=encode({"entries": list(cited)}),
            report=b"<!doctype html>",
        )
    )
    return path


def test_a_whole_log_in_which_everybody_kept_the_rules_is_consistent(run: Run, tmp_path: Path) -> None:
    code, lines = run(static(tmp_path / "log", GOOD))
    assert code == 0
    assert [line.split()[:2] for line in lines[:20]] == [["ok", str(number)] for number in range(1, 21)]
    assert lines[-1] == "verdict: consistent"


def test_a_broken_rule_has_an_exit_code_of_its_own_and_names_the_entry(run: Run, tmp_path: Path) -> None:
    log = saying("RequestApproved", by="prn-ann")
    code, lines = run(static(tmp_path / "log", log))
    assert code == 6
    assert lines[-1] == "verdict: broken"
    position = lines.index(next(line for line in lines if line.startswith("BROKEN")))
    assert " approval " in lines[position]
    assert lines[position + 1].strip() == f"entry {find('RequestApproved')}: was approved by who asked for it"


def test_a_bundle_is_judged_by_the_entries_it_holds_and_says_so(run: Run, tmp_path: Path) -> None:
    code, lines = run(bundled(tmp_path / "bundle.zip", GOOD, tuple(i for i in STORY if "Prune" not in GOOD[i][1])))
    assert (code, lines[-1]) == (0, "verdict: consistent")
    assert any(line.startswith("judged: the entries of this bundle alone") for line in lines)
    assert run(bundled(tmp_path / "broken.zip", saying("RequestApproved", by="prn-ann")))[0] == 6


def test_an_approval_that_a_bundle_does_not_hold_is_missing_and_in_a_whole_log_a_broken_rule(
    run: Run, tmp_path: Path
) -> None:
    cited = tuple(index for index in STORY if index != find("RequestApproved") and "Prune" not in GOOD[index][1])
    code, lines = run(bundled(tmp_path / "bundle.zip", GOOD, cited))
    assert code == 3
    assert any("a step begins that nobody had approved, as far as" in line for line in lines)
    assert run(static(tmp_path / "log", without("RequestApproved")))[0] == 6


def test_bodies_that_retention_took_are_nobodys_fault(run: Run, tmp_path: Path) -> None:
    padded = [*([("operator", "KeyCreated", {"principal": "prn-x", "roles": []})] * 256), *GOOD]
    code, lines = run(static(tmp_path / "log", padded, gone=frozenset({3})))
    assert (code, lines[-1]) == (3, "verdict: incomplete")
    assert not any(line.startswith("BROKEN") for line in lines)


def test_entries_that_are_not_proven_are_not_judged(run: Run, tmp_path: Path) -> None:
    directory = static(tmp_path / "log", GOOD)
    tile = next((directory / "tile" / "0").rglob("*.p")) / str(len(GOOD))
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    code, lines = run(directory)
    assert code == 5
    assert any(line.startswith("not judged: ") for line in lines)
    assert not any(" approval " in line for line in lines)
    tile.unlink()
    code, lines = run(directory)
    assert code == 3
    assert any(line.startswith("not judged: ") for line in lines)


def test_static_files_need_a_key_and_a_bundle_without_one_is_at_most_incomplete(run: Run, tmp_path: Path) -> None:
    assert run(static(tmp_path / "log", GOOD), key=False)[0] == 2
    code, lines = run(bundled(tmp_path / "bundle.zip", saying("RequestApproved", plan=digest("other"))), key=False)
    assert code == 6, lines
    code, lines = run(bundled(tmp_path / "good.zip", GOOD), key=False)
    assert code == 3


def test_what_is_not_there_is_said_in_one_line(run: Run, tmp_path: Path) -> None:
    code, lines = run(tmp_path / "nothing.zip")
    assert (code, len(lines)) == (2, 1)
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty")[0] == 3
    (tmp_path / "text.zip").write_text("no archive")
    code, lines = run(tmp_path / "text.zip")
    assert code == 5
