"""openssl and sha256sum: tools that every auditor has, and that know nothing of logs."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.foreign.cases import Case, wrong
from tests.foreign.conftest import Cases

SCRIPT = Path(__file__).parent / "inclusion.sh"
SIZES = {1, 3, 7, 8}  # a hash by hand takes some milliseconds


def require(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on this machine")


def question(case: Case) -> str:
    fields = case.fields
    values = (fields["entry"], fields["root"], *fields["proof"])
    return f"{fields['index']} {fields['size']} {' '.join(value.hex() for value in values)}\n"


def test_sha256sum_accepts_our_inclusion_proofs_and_refuses_altered_ones(cases: Cases) -> None:
    require("bash", "sha256sum", "sed")
    asked = [case for case in cases["inclusion"] if case.fields["size"] in SIZES]
    questions = "".join(map(question, asked))
    done = subprocess.run(["bash", str(SCRIPT)], input=questions, capture_output=True, text=True, check=True)
    assert wrong(asked, [line == "yes" for line in done.stdout.splitlines()]) == []


def signed(folder: Path, case: Case) -> bool:
    """Whether the last signature line is the key's own over everything before the empty line."""
    text, _, signatures = case.fields["note"].decode().partition("\n\n")
    if not signatures:
        return False
    (folder / "text").write_text(text + "\n")
    (folder / "key").write_bytes(case.fields["spki"])
    line = signatures.splitlines()[-1].split(" ")[2]
    decoded = subprocess.run(["base64", "--decode"], input=line.encode(), capture_output=True, check=True).stdout
    (folder / "signature").write_bytes(decoded[4:])  # the first four bytes are the key's id
    command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in text -sigfile signature"
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
    return (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n")


def test_openssl_accepts_our_checkpoints_and_refuses_altered_ones(cases: Cases, tmp_path: Path) -> None:
    require("openssl", "base64")
    asked = [case for case in cases["checkpoint"] if case.fields["note"].count("— ".encode()) < 2]
    assert wrong(asked, [signed(tmp_path, case) for case in asked]) == []
