"""FORMAT.md and README.md cannot lie: their examples are checked and their commands are run."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tunewarden_audit import bundle, canonical, merkle, note, trust, verify

AUDIT = Path(__file__).parents[2] / "audit"
FORMAT = (AUDIT / "FORMAT.md").read_text(encoding="utf-8")
README = (AUDIT / "README.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    found = re.findall(rf"^```example {name}\n(.*?)\n```$", FORMAT, re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def values(name: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in example(name).splitlines())


def block(info: str, text: str) -> str:
    (found,) = re.findall(rf"^```{info}\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_every_example_of_the_format_has_a_test() -> None:
    named = set(re.findall(r"^```example (\w+)$", FORMAT, re.MULTILINE))
    shown = "canonical entry leaf tree head key inclusion consistency bundle rotation"
    assert named == set(shown.split())


def test_the_canonical_example() -> None:
    shown = values("canonical")
    assert canonical.encode(json.loads(shown["value"])).hex() == shown["bytes"]


def test_the_entry_and_leaf_examples(files: dict[str, bytes]) -> None:
    leaf = values("leaf")
    entry = files[bundle.entry_name(int(leaf["entry"]))]
    assert entry.decode() == values("entry")["bytes"]
    assert merkle.leaf_hash(entry).hex() == leaf["hash"]


def test_the_tree_example() -> None:
    shown = values("tree")
    assert merkle.root(map(bytes.fromhex, shown["leaves"].split())).hex() == shown["root"]


def test_the_head_and_key_examples(files: dict[str, bytes]) -> None:
    lines = files["checkpoint"].decode().split("\n")
    assert {f"line {number}": line for number, line in enumerate(lines, 1) if line} == values("head")
    shown = values("key")
    key = note.load_key(shown["vkey"])
    assert key.fingerprint == shown["fingerprint"]
    assert note.open_note(files["checkpoint"], [key]).signed_by == (key,)


def test_the_proof_examples(files: dict[str, bytes]) -> None:
    assert files["proofs/00000000000000000004.json"].decode() == example("inclusion")
    assert files["consistency/00000000000000000004.json"].decode() == example("consistency")


def test_the_bundle_example(bundle_bytes: bytes) -> None:
    assert hashlib.sha256(bundle_bytes).hexdigest() == values("bundle")["sha256"]


def test_the_rotation_example(golden: Any) -> None:
    shown = values("rotation")
    text = shown["text"].replace("\\n", "\n")
    old, new = (note.load_key(line) for line in text.splitlines()[2:])
    assert old == golden.KEY.verifier
    assert trust.rotation_text(old, new).decode() == text
    for key, name in ((old, "old_signature"), (new, "new_signature")):
        assert key.verifies(text.encode(), base64.b64decode(shown[name]))


def test_the_format_names_every_check_verdict_and_limit(
    golden: Any, bundle_bytes: bytes, files: dict[str, bytes]
) -> None:
    report = verify.verify(bundle_bytes, [golden.KEY.verifier], files["checkpoint"])
    for check in report.checks:
        assert f"| {check.number} | {check.name} |" in FORMAT
    assert "| 11 | witnesses |" in FORMAT
    for grade in verify.Grade:
        assert f"| {grade.value} | {grade.name.lower()} |" in FORMAT
    for name in bundle.REQUIRED:
        assert f"| `{name}` |" in FORMAT
    assert f"{bundle.LARGEST_BUNDLE // 2**20} MiB and {bundle.MOST_FILES:,} files" in FORMAT
    assert f"{verify.LONGEST_ENTRY:,} bytes" in FORMAT


def test_the_commands_by_hand_verify_the_golden_bundle(golden: Any, tmp_path: Path) -> None:
    for tool in ("bash", "unzip", "sha256sum", "openssl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on this machine")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("sh by-hand", FORMAT)],
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "BUNDLE": str(golden.GOLDEN),
            "VKEY": golden.KEY.verifier.vkey,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["Signature Verified Successfully", f"{values('leaf')['hash']}  -"]


def test_the_script_in_the_readme_runs(golden: Any, bundle_bytes: bytes, files: dict[str, bytes]) -> None:
    proof = bundle.InclusionProof.decode(files[bundle.proof_name(4)])
    names: dict[str, Any] = {
        "checkpoint": files["checkpoint"],
        "vkey": golden.KEY.verifier.vkey,
        "bundle": bundle_bytes,
        "index": 4,
        "entry": files[bundle.entry_name(4)],
        "proof": proof.hashes,
    }
    exec(block("python", README), names)  # noqa: S102 - our own documentation
    assert names["report"].verdict is verify.Grade.CONSISTENT
