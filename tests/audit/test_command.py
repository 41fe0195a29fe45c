"""The command: one line per check, the verdict, its exit code; alone, without a network, never with a traceback."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cryptography
import pytest

from tunewarden_audit import bundle
from tunewarden_audit.__main__ import main
from tunewarden_audit.export import write_tiles
from tunewarden_audit.merkle import leaf_hash
from tunewarden_audit.note import SignerKey, TreeHead, sign_note

AUDIT = Path(__file__).parents[2] / "audit"

# An empty house: the standard library, this distribution, cryptography and what cryptography needs. No other import is
# found; a socket or a child process ends it.
ALONE = """
import sys
sys.path[:] = [path for path in sys.path if "packages" not in path] + sys.argv[1:3]
ALLOWED = sys.stdlib_module_names | {"tunewarden_audit", "cryptography", "cffi", "_cffi_backend"}
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"imported {name}")
sys.meta_path.insert(0, Wall())
def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn")):
        raise SystemExit(f"did {event}")
sys.addaudithook(watch)
import runpy
sys.argv = ["tunewarden-audit", *sys.argv[3:]]
try:
    runpy.run_module("tunewarden_audit", run_name="__main__")
finally:
    assert not [name for name in sys.modules if name.partition(".")[0] == "tunewarden"]
    assert "tunewarden_audit.log" not in sys.modules
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[str]]:
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out.splitlines()


@pytest.fixture
def folder(tmp_path: Path, golden: Any, files: dict[str, bytes]) -> Path:
    """The files an auditor has at hand."""
    shutil.copy(golden.GOLDEN, tmp_path / "golden.zip")
    (tmp_path / "key").write_text(golden.KEY.verifier.vkey + "\n")
    (tmp_path / "old").write_text(golden.parts().old_checkpoint)
    (tmp_path / "new").write_bytes(files["checkpoint"])
    (tmp_path / "entry").write_bytes(files[bundle.entry_name(4)])
    (tmp_path / "inclusion").write_bytes(files[bundle.proof_name(4)])
    (tmp_path / "consistency").write_bytes(files[bundle.consistency_name(4)])
    return tmp_path


@pytest.mark.parametrize("as_file", [True, False])
def test_verify_prints_a_line_per_check_and_says_consistent(
    capsys: pytest.CaptureFixture[str], golden: Any, folder: Path, as_file: bool
) -> None:
    key = folder / "key" if as_file else golden.KEY.verifier.vkey
    code, lines = run(capsys, "verify", folder / "golden.zip", "--key", key, "--since", folder / "old")
    assert code == 0
    names = ["archive", "manifest", "key", "tree", "entries", "inclusion", "documents", "lineage", "attestations"]
    names.append("history")
    assert [line.split()[:3] for line in lines[:10]] == [["ok", str(n), name] for n, name in enumerate(names, 1)]
    assert lines[10].startswith("not shown:")
    assert lines[11:] == ["verdict: consistent"]


def test_each_verdict_has_its_exit_code(capsys: pytest.CaptureFixture[str], golden: Any, folder: Path) -> None:
    key = golden.KEY.verifier.vkey
    (folder / "fork").write_text(sign_note(TreeHead("log.example/2026", 4, bytes(32)).text(), golden.KEY))
    (folder / "broken.zip").write_bytes(golden.GOLDEN.read_bytes()[:-1])
    for arguments, code, word in (
        ((folder / "golden.zip", "--key", key), 0, "consistent"),
        ((folder / "golden.zip",), 3, "incomplete"),
        ((folder / "golden.zip", "--key", key, "--since", folder / "fork"), 4, "diverged"),
        ((folder / "broken.zip", "--key", key), 5, "invalid"),
    ):
        found, lines = run(capsys, "verify", *arguments)
        assert (found, lines[-1]) == (code, f"verdict: {word}")


def test_a_quorum_without_a_witness_is_not_taken_for_one(
    capsys: pytest.CaptureFixture[str], golden: Any, folder: Path
) -> None:
    code, lines = run(capsys, "verify", folder / "golden.zip", "--key", golden.KEY.verifier.vkey, "--quorum", "1")
    assert (code, lines[-1]) == (5, "verdict: invalid")
    assert any("the quorum is between one and the number of witnesses" in line for line in lines)


def test_inclusion_and_consistency_work_on_single_files(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    key = ("--key", folder / "key")
    code, lines = run(capsys, "inclusion", folder / "entry", folder / "inclusion", folder / "new", *key)
    assert (code, lines[0]) == (0, "ok       inclusion: the entry is at index 4 of the log of size 9")
    code, lines = run(capsys, "consistency", folder / "old", folder / "new", folder / "consistency", *key)
    assert (code, lines[0]) == (0, "ok       consistency: the log of size 4 is the beginning of the log of size 9")


def test_inclusion_and_consistency_refuse_what_does_not_fit(
    capsys: pytest.CaptureFixture[str], golden: Any, folder: Path
) -> None:
    other = SignerKey.generate("other.example")
    keys = ("--key", folder / "key", "--key", other.verifier.vkey)
    (folder / "fork").write_text(sign_note(TreeHead("log.example/2026", 4, bytes(32)).text(), golden.KEY))
    (folder / "foreign").write_text(sign_note(TreeHead("other.example", 4, bytes(32)).text(), other))
    for arguments, code, because in (
        (("inclusion", "key", "inclusion", "new"), 5, "another root"),
        (("inclusion", "entry", "inclusion", "old"), 5, "about size 9, the checkpoint about size 4"),
        (("inclusion", "entry", "consistency", "new"), 5, "proof file"),
        (("inclusion", "entry", "inclusion", "key"), 5, "a note is"),
        (("consistency", "fork", "new", "consistency"), 4, "another root for the new size"),
        (("consistency", "new", "old", "consistency"), 5, "other sizes"),
        (("consistency", "foreign", "new", "consistency"), 5, "different logs"),
    ):
        found, lines = run(capsys, arguments[0], *(folder / name for name in arguments[1:]), *keys)
        assert found == code
        assert because in lines[0]


def test_wrong_use_says_what_is_wrong_and_exits_with_2(
    capsys: pytest.CaptureFixture[str], golden: Any, folder: Path
) -> None:
    for arguments, because in (
        (("verify", folder / "nothing.zip"), "cannot read"),
        (("verify", folder), "cannot read"),
        (("verify", golden.GOLDEN, "--key", "a+b+c"), "cannot use the key"),
        (("verify", golden.GOLDEN, "--key", folder / "golden.zip"), "cannot use the key"),
        (("verify", golden.GOLDEN, "--key", "no such file"), "cannot read"),
    ):
        code, lines = run(capsys, *arguments)
        assert (code, len(lines)) == (2, 1)
        assert because in lines[0]
    for arguments in ((), ("verify",), ("inclusion", "a", "b", "c"), ("verify", "a", "--keys", "b")):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert stop.value.code == 2


COMMANDS = {
    "verify": ("verify", "golden.zip", "--since", "old"),
    "inclusion": ("inclusion", "entry", "inclusion", "new"),
    "consistency": ("consistency", "old", "new", "consistency"),
    "tiles": ("tiles", "log", "--since", "old"),
}


def alone(folder: Path, command: str, *before: str) -> subprocess.CompletedProcess[str]:
    """One of COMMANDS in the folder, behind the wall."""
    packages = Path(cryptography.__file__).parents[1]
    words = [*before, sys.executable, "-I", "-S", "-W", "error", "-c", ALONE, str(AUDIT), str(packages)]
    words += [*COMMANDS[command], "--key", "key"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def whole_folder(folder: Path, golden: Any) -> Path:
    """With the log as static files, too."""
    leaves = [(leaf_hash(entry), entry) for entry in golden.parts().entries]
    write_tiles(folder / "log", golden.parts().checkpoint, [golden.KEY.verifier], lambda a, n: leaves[a : a + n])
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_it_verifies_with_nothing_but_cryptography_and_opens_no_socket(whole_folder: Path, command: str) -> None:
    done = alone(whole_folder, command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("verdict: consistent\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_it_verifies_in_an_empty_network_namespace(whole_folder: Path, command: str) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow an empty network namespace")
    assert alone(whole_folder, command, unshare, "-rn").returncode == 0


INSTALLED = Path(sys.prefix) / "alone" / "bin"
NEEDED = {"cffi", "cryptography", "pip", "pycparser", "setuptools", "tunewarden-audit", "typing-extensions"}


@pytest.fixture
def installed() -> Path:
    """The programs of an environment in which an auditor installed the tool and nothing else."""
    if not (INSTALLED.parent / ".ready").exists():
        pytest.skip("tunewarden-audit is not installed alone here: `make .venv/alone/.ready`")
    return INSTALLED


def test_the_environment_of_its_own_has_the_tool_cryptography_and_what_that_needs(installed: Path) -> None:
    done = subprocess.run(
        [installed / "python", "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {line.partition("==")[0].lower().replace("_", "-") for line in done.stdout.splitlines()}
    assert {"cryptography", "tunewarden-audit"} <= found <= NEEDED


@pytest.mark.parametrize("command", COMMANDS)
def test_installed_alone_it_verifies_what_lies_in_an_empty_folder(
    installed: Path, whole_folder: Path, command: str
) -> None:
    words = [str(installed / "tunewarden-audit"), *COMMANDS[command], "--key", "key"]
    done = subprocess.run(words, cwd=whole_folder, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("verdict: consistent\n")


def test_its_source_is_python_3_10() -> None:
    """Syntax only; that it runs there too is shown where `make .venv/alone/.ready` finds a Python 3.10."""
    sources = sorted((AUDIT / "tunewarden_audit").rglob("*.py"))
    assert len(sources) > 20
    for path in sources:
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10))


def test_the_wall_around_it_holds() -> None:
    packages = str(Path(cryptography.__file__).parents[1])
    for crime in ("import pytest", "import tunewarden.domain", "import socket; socket.socket()"):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", ALONE.replace("import runpy", crime), str(AUDIT), packages],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr.splitlines()[-1].startswith(("ModuleNotFoundError: imported", "did socket"))


def test_a_reader_of_its_own_code_finds_no_import_of_the_platform_and_none_of_the_log_in_the_verifier() -> None:
    for path in sorted((AUDIT / "tunewarden_audit").rglob("*.py")):
        imports = [line for line in path.read_text().splitlines() if line.startswith(("import ", "from "))]
        assert not [line for line in imports if line.split()[1].split(".")[0] == "tunewarden"]
        if path.name in {"verify.py", "__main__.py", "bundle.py", "note.py", "merkle.py", "canonical.py"}:
            assert not [line for line in imports if "tunewarden_audit.log" in line or "custody" in line]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not there")
def test_output_that_nobody_can_read_is_no_traceback(golden: Any) -> None:
    command = [
        sys.executable,
        "-m",
        "tunewarden_audit",
        "verify",
        str(golden.GOLDEN),
        "--key",
        golden.KEY.verifier.vkey,
    ]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")
