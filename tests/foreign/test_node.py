"""`@sigstore/verify`, Sigstore's verifier in JavaScript, from the npm registry. It verifies inclusion and checkpoints.

`make test` installs it beside the environment from the pinned and hashed list in node/package-lock.json, where a
registry answers. Not used, here or anywhere: `@transmute/rfc9162`, which refuses valid proofs and accepts wrong ones.
"""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.foreign.cases import Case, lines, wrong
from tests.foreign.conftest import Ask, Cases

VERIFY = Path(__file__).parent / "node/verify.js"


@pytest.fixture(scope="session")
def ask(kept: Path) -> Ask:
    node, folder = shutil.which("node"), kept / "node"
    if node is None:
        pytest.skip("node is not on this machine")
    if not (folder / ".ready").exists():
        pytest.skip("@sigstore/verify is not installed here: `make .venv/node/.ready`, where a registry answers")

    def answers(cases: list[Case]) -> list[bool]:
        done = subprocess.run(
            [node, str(VERIFY), str(folder)], input=lines(cases), capture_output=True, text=True, check=True
        )
        return [line == "yes" for line in done.stdout.splitlines()]

    return answers


@pytest.mark.parametrize("kind", ["inclusion", "checkpoint"])
def test_node_accepts_what_we_make_and_refuses_what_was_altered(ask: Ask, cases: Cases, kind: str) -> None:
    assert wrong(cases[kind], ask(cases[kind])) == []
