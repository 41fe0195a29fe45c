"""An auditor's desk: every file that the commands of `tunewarden-audit` read, all of one small log, all good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tunewarden_audit import bundle
from tunewarden_audit.__main__ import main
from tunewarden_audit.export import write_tiles
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.proof import EntryProof

INDEX = 4
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "verify": ("verify", "bundle.zip", "--since", "old"),
    "inclusion": ("inclusion", "entry", "inclusion.json", "checkpoint"),
    "inclusion alone": ("inclusion", "entry", "entry.tlog-proof"),
    "consistency": ("consistency", "old", "checkpoint", "consistency.json"),
    "tiles": ("tiles", "log", "--since", "old"),
}
"""Each command as the auditor types it in this folder, but for --key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A folder, and the one key that was agreed on."""

    folder: Path
    vkey: str
    run: Callable[..., tuple[int, list[str]]]

    def put(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def get(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def ask(self, command: str, *more: str, key: str = "") -> tuple[int, list[str]]:
        """Exit code and printed lines of one of COMMANDS, or of another command line."""
        words = [self._at(word) for word in COMMANDS.get(command, (command,))]
        return self.run(*words, *map(self._at, more), "--key", key or self.vkey)

    def _at(self, word: str) -> str:
        return str(self.folder / word) if (self.folder / word).exists() else word


@pytest.fixture
def desk(tmp_path: Path, golden: Any, files: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> Desk:
    made = golden.parts()
    leaves = [(leaf_hash(entry), entry) for entry in made.entries]
    path = Tree(leaf for leaf, _ in leaves).inclusion_proof(INDEX)

    def run(*arguments: str) -> tuple[int, list[str]]:
        try:
            code = main(list(arguments))
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out.splitlines()

    desk = Desk(folder=tmp_path / "desk", vkey=golden.KEY.verifier.vkey, run=run)
    write_tiles(
        desk.folder / "log", made.checkpoint, [golden.KEY.verifier], lambda first, count: leaves[first : first + count]
    )
    desk.put("bundle.zip", golden.GOLDEN.read_bytes())
    desk.put("entry", made.entries[INDEX])
    desk.put("checkpoint", made.checkpoint.encode())
    desk.put("old", made.old_checkpoint.encode())
    desk.put("inclusion.json", files[bundle.proof_name(INDEX)])
    desk.put("consistency.json", files[bundle.consistency_name(golden.OLD_SIZE)])
    desk.put("entry.tlog-proof", EntryProof(INDEX, tuple(path), made.checkpoint).text().encode())
    return desk
