"""The house as facts: who may know whom, how large a file may be, which words are used."""

import ast
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "platform" / "tunewarden").rglob("*.py")) + sorted(
    (ROOT / "audit" / "tunewarden_audit").rglob("*.py")
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {"PYTHONPATH": f"{root / 'platform'}:{root / 'audit'}", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("platform", "audit"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_walls_stand(copy: Path) -> None:
    finished = lint_imports(copy)
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("platform/tunewarden/domain/gates.py", "from tunewarden.usecases import ports"),
        ("platform/tunewarden/domain/gates.py", "import torch"),
        ("platform/tunewarden/usecases/jobs.py", "from tunewarden.drivers import sql"),
        ("platform/tunewarden/usecases/jobs.py", "import sqlalchemy"),
        ("platform/tunewarden/steps/records.py", "from tunewarden.drivers import blobs"),
        ("platform/tunewarden/drivers/blobs.py", "from tunewarden.steps import records"),
        ("platform/tunewarden/drivers/sql.py", "from tunewarden.entry import settings"),
        ("platform/tunewarden/usecases/jobs.py", "from tunewarden_audit import log"),
        ("platform/tunewarden/entry/cli/client/keys.py", "from tunewarden.entry.wiring import build"),
        ("platform/tunewarden/entry/cli/client/keys.py", "from tunewarden.drivers import identity"),
        ("platform/tunewarden/entry/cli/policy_words.py", "def late():\n    from tunewarden.entry.cli import acting"),
        ("audit/tunewarden_audit/verify.py", "from tunewarden.domain import gates"),
        ("audit/tunewarden_audit/verify.py", "from tunewarden_audit import log"),
    ],
)
def test_a_planted_violation_is_caught(copy: Path, file: str, planted: str) -> None:
    with (copy / file).open("a") as source:
        source.write(f"\n{planted}\n")
    assert lint_imports(copy).returncode != 0


def test_platform_is_the_standard_librarys() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert Path(platform.__file__).is_relative_to(Path(sys.base_prefix))
    program = "import platform; print(platform.__file__)"
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert Path(printed.strip()).is_relative_to(Path(sys.base_prefix))


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_no_module_is_a_junk_drawer() -> None:
    junk = {"util", "utils", "helper", "helpers", "common", "base", "manager", "misc"}
    assert not [path for path in SOURCES + TESTS if path.stem in junk or junk & set(path.parts)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_forbidden_constructs_are_absent(path: Path) -> None:
    """No pickle, no eval, no remote code, no assertion or word that the vocabulary forbids in an identifier."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                assert not {alias.name.split(".")[0] for alias in aliases} & {
                    "pickle",
                    "cloudpickle",
                    "dill",
                    "marshal",
                }
            case ast.Call(func=ast.Name(id=called)):
                assert called not in {"eval", "exec"}
            case ast.keyword(arg="trust_remote_code", value=ast.Constant(value=value)):
                assert value is False
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                assert not re.search(r"(?i)hyperparam_?config|userid|user_id|anonymi[sz]ed", name)
            case _:
                pass


def test_every_module_says_what_it_is() -> None:
    assert not [str(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]


def test_nothing_below_entry_reads_the_environment() -> None:
    below = [path for path in SOURCES if "entry" not in path.parts and "tunewarden" in path.parts]
    reading = re.compile(r"\bos\.(getenv\b|environ\b(?!\[[^]]+\] = ))")
    assert not [path for path in below if reading.search(path.read_text())]


def test_no_path_of_a_machine_and_no_registry_is_named() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    forbidden = re.compile(r"--index-url|--extra-index|/home/[a-z]+/|/root/")
    named = [
        name
        for name in tracked.splitlines()
        if Path(name).suffix in {".py", ".md", ".toml", ".txt", ".yaml", ".csv", ".json", ""}
        and (ROOT / name).is_file()
        and name != "tests/house/test_walls.py"
        and forbidden.search((ROOT / name).read_text(errors="ignore"))
    ]
    assert not named


def test_every_dependency_is_pinned_exactly() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", line) for line in lines)
    assert "torch==2.13.0" in lines
