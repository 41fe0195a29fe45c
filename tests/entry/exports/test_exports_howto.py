"""HOWTO-VERIFY.txt does what it says: with plain tools its commands accept a bundle of the platform, and no other."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.entry.exports.conftest import Handed

from tunewarden.drivers.memory import MemorySealedLog
from tunewarden.usecases.ports import SignedTreeHead
from tunewarden_audit import bundle as archive
from tunewarden_audit.bundle import InclusionProof, entry_name, proof_name
from tunewarden_audit.note import COSIGNATURE, SignerKey, TreeHead, add_signature, cosign, sign_note

Files = dict[str, bytes]
WITNESS = SignerKey("witness.example.org/1", Ed25519PrivateKey.from_private_bytes(bytes(32)), COSIGNATURE)
LAST = 36  # the index of the newest entry of the story


@pytest.fixture(autouse=True)
def tools() -> None:
    for tool in ("sh", "unzip", "sha256sum", "openssl", "base64", "od"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not on this machine")


def steps(text: str) -> Mapping[int, str]:
    """The commands of each numbered step: the lines that begin with four spaces."""
    found: dict[int, str] = {}
    number = 0
    for line in text.splitlines():
        if begins := re.match(r"(\d+)\. ", line):
            number = int(begins[1])
        if line.startswith("    "):
            found[number] = found.get(number, "") + line + "\n"
    return found


def follow(
    handed: Handed, folder: Path, files: Files, *numbers: int, key: str = ""
) -> subprocess.CompletedProcess[str]:
    """Follow these steps in one shell on a bundle of these files, in an empty folder that may hold the adapter."""
    folder.mkdir(exist_ok=True)
    packed = folder.parent / "packed.zip"
    packed.write_bytes(archive.write_bundle(files))
    told = steps(files[archive.HOWTO].decode("ascii"))
    commands = "".join(told[number] for number in numbers)
    programs = Path(sys.executable).parent
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "LC_ALL": "C",
        "BUNDLE": str(packed),
        "VKEY": key or handed.verifier.vkey,
        "WITNESS": WITNESS.verifier.vkey,
    }
    command = ["sh", "-e", "-c", commands]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def forged(files: Files, changes: Mapping[str, bytes]) -> Files:
    """Changed by a forger who makes the manifest fit again."""
    changed = {**files, **changes}
    return {**changed, archive.MANIFEST: archive.manifest(changed)}


def few(files: Files) -> Files:
    """Without the entries but the newest and the oldest ones: a hash by hand takes some milliseconds."""
    kept = {*map(entry_name, (0, LAST - 1, LAST)), *map(proof_name, (0, LAST - 1, LAST))}
    return forged(
        {name: data for name, data in files.items() if name in kept or not name.startswith(("entries/", "proofs/"))}, {}
    )


def test_every_step_accepts_a_bundle_of_the_platform_and_says_what_the_page_promises(
    handed: Handed, tmp_path: Path
) -> None:
    log = handed.told.stage.platform.log
    assert isinstance(log, MemorySealedLog)
    assert log.signed is not None
    note = add_signature(log.signed.note, cosign(log.signed.note, WITNESS, 1_795_000_000))
    log.signed = SignedTreeHead(size=log.signed.size, note=note)
    (tmp_path / "desk" / "adapter").mkdir(parents=True)
    (tmp_path / "desk" / "adapter" / "adapter.safetensors").write_bytes(handed.adapter())
    files = handed.files()
    numbers = list(steps(files[archive.HOWTO].decode("ascii")))
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 8]
    done = follow(handed, tmp_path / "desk", files, *numbers)
    assert (done.returncode, done.stderr.replace("Verified OK\n", "")) == (0, "")
    assert done.stdout.splitlines() == [
        "Signature Verified Successfully",
        "every entry is in the log",
        "Verified OK",
        "Verified OK",
        "Verification succeeded",
        "Signature Verified Successfully",
    ]


def test_a_bundle_without_witnesses_passes_the_first_six_steps(handed: Handed, tmp_path: Path) -> None:
    files = handed.files()
    assert follow(handed, tmp_path / "desk", files, 1, 2, 3, 4, 5, 6).returncode == 0
    assert follow(handed, tmp_path / "again", files, 1, 2, 8).returncode != 0


def _bit(data: bytes) -> bytes:
    return data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]


def _another_proof(files: Files, **changes: object) -> bytes:
    made = InclusionProof.decode(files[proof_name(LAST)])
    parts = {"index": made.index, "size": made.size, "hashes": made.hashes, **changes}
    return InclusionProof(**parts).encode()  # type: ignore[arg-type]


def _hash(files: Files) -> Files:
    hashes = InclusionProof.decode(files[proof_name(LAST)]).hashes
    return {proof_name(LAST): _another_proof(files, hashes=(*hashes[:-1], bytes(32)))}


def _hash_more(files: Files) -> Files:
    hashes = InclusionProof.decode(files[proof_name(LAST)]).hashes
    return {proof_name(LAST): _another_proof(files, hashes=(*hashes, bytes(32)))}


def _hash_fewer(files: Files) -> Files:
    hashes = InclusionProof.decode(files[proof_name(LAST)]).hashes
    return {proof_name(LAST): _another_proof(files, hashes=hashes[:-1])}


def _beyond(files: Files) -> Files:
    return {entry_name(LAST + 1): files[entry_name(LAST)], proof_name(LAST + 1): files[proof_name(LAST)]}


def _moved(files: Files) -> Files:
    return {entry_name(LAST): files[entry_name(LAST - 1)], proof_name(LAST): files[proof_name(LAST - 1)]}


def _edited(files: Files) -> Files:
    return {entry_name(0): files[entry_name(0)].replace(b"prn-ada", b"prn-eve")}


@pytest.mark.parametrize("alter", [_hash, _hash_more, _hash_fewer, _beyond, _moved, _edited])
def test_an_entry_that_is_not_in_the_log_where_it_says_fails_at_step_3(
    handed: Handed, tmp_path: Path, alter: Callable[[Files], Files]
) -> None:
    files = handed.files()
    assert follow(handed, tmp_path / "whole", few(files), 1, 2, 3).returncode == 0
    done = follow(handed, tmp_path / "desk", forged(few(files), alter(files)), 1, 2, 3)
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1].startswith("not in the log: ")


def test_a_file_of_another_digest_or_that_is_not_listed_fails_at_step_1(handed: Handed, tmp_path: Path) -> None:
    files = handed.files()
    for number, changed in enumerate(({"report.html": b"x"}, {"more.txt": b"x"})):
        assert follow(handed, tmp_path / str(number), {**files, **changed}, 1).returncode != 0


def test_a_head_that_another_key_or_another_log_signed_fails_at_step_2(handed: Handed, tmp_path: Path) -> None:
    files = handed.files()
    stranger = SignerKey.generate(handed.key.name)
    assert follow(handed, tmp_path / "1", files, 1, 2, key=stranger.verifier.vkey).returncode != 0
    elsewhere = TreeHead("other.example.org", handed.tree.size, handed.tree.root())
    signed = sign_note(elsewhere.text(), handed.key).encode()
    done = follow(handed, tmp_path / "2", forged(files, {archive.CHECKPOINT: signed}), 1, 2)
    assert (done.returncode, done.stdout) == (1, "Signature Verified Successfully\n")


@pytest.mark.parametrize("name", sorted(archive.ATTESTATIONS))
def test_an_attestation_that_the_log_does_not_name_fails_at_step_4(handed: Handed, tmp_path: Path, name: str) -> None:
    files = handed.files()
    altered = forged(files, {name: files[name] + b"\n"})
    assert follow(handed, tmp_path / "desk", altered, 1, 2).returncode == 0
    assert follow(handed, tmp_path / "again", altered, 1, 2, 4).returncode != 0


@pytest.mark.parametrize(("name", "step"), [(archive.STATEMENT, 5), (archive.MODEL_SIGNATURE, 6)])
def test_an_attestation_whose_signature_is_wrong_fails_at_its_step(
    handed: Handed, tmp_path: Path, name: str, step: int
) -> None:
    files = handed.files()
    start = files[name].index(b'"payload"') + 40
    changed = files[name][:start] + (b"A" if files[name][start] != ord("A") else b"B") + files[name][start + 1 :]
    assert follow(handed, tmp_path / "desk", forged(files, {name: changed}), 1, step).returncode != 0


@pytest.mark.parametrize("program", ["sha256sum", "model_signing"])
@pytest.mark.parametrize("alter", [_bit, lambda data: data + b"\x00"])
def test_an_altered_adapter_is_refused_by_either_command_of_step_7(
    handed: Handed, tmp_path: Path, program: str, alter: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter.safetensors").write_bytes(alter(handed.adapter()))
    files = handed.files()
    told = steps(files[archive.HOWTO].decode("ascii"))[7].splitlines()
    (command,) = [line for line in told if program in line]
    (tmp_path / "bundle" / "attestations").mkdir(parents=True)
    for name in archive.ATTESTATIONS:
        (tmp_path / "bundle" / name).write_bytes(files[name])
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LC_ALL": "C"}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path / "bundle",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "FAILED" in done.stdout or "Hash mismatch" in done.stderr


def test_the_page_gives_the_fingerprint_to_be_compared(handed: Handed) -> None:
    assert handed.verifier.fingerprint in handed.files()[archive.HOWTO].decode("ascii")
