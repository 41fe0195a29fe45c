"""The release key, from a file and in memory: the stock verifier accepts what it signed and refuses anything else."""

import hashlib
import json
import stat
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from model_signing import verifying
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from tunewarden.domain.canonical import decode, encode
from tunewarden.domain.errors import Corrupted, Refused, Unavailable
from tunewarden.drivers.memory_release import MemoryRelease
from tunewarden.drivers.release import KeyFileRelease, load_or_create_release_key, load_release_key
from tunewarden.usecases.ports import Attested, Release
from tunewarden_audit.attestations import verify_attestations
from tunewarden_audit.bundle import MODEL_SIGNATURE, RELEASE_KEY, STATEMENT

ADAPTER = b"weights" * 1000
HEX = hashlib.sha256(ADAPTER).hexdigest()
SUBJECT = [{"name": "adapter.safetensors", "digest": {"sha256": HEX}}]
SAID = encode(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": SUBJECT,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
)


@pytest.fixture(params=["file", "memory"])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Release:
    if request.param == "memory":
        return MemoryRelease()
    load_or_create_release_key(tmp_path / "release.key")
    return KeyFileRelease(tmp_path / "release.key")


@pytest.fixture
def attested(release: Release) -> Attested:
    return release.attest(BytesIO(ADAPTER), SAID)


@pytest.fixture
def handed_over(attested: Attested, tmp_path: Path) -> Path:
    """What somebody has who downloaded the adapter and its attestations."""
    place = tmp_path / "download"
    (place / "adapter").mkdir(parents=True)
    (place / "adapter" / "adapter.safetensors").write_bytes(ADAPTER)
    (place / "model.sig").write_bytes(attested.signature)
    (place / "release-key.pem").write_bytes(attested.key)
    return place


def verify_model(place: Path) -> None:
    """What `model_signing verify key adapter --signature model.sig --public_key release-key.pem` does."""
    config = verifying.Config().use_elliptic_key_verifier(public_key=place / "release-key.pem")
    config.verify(place / "adapter", place / "model.sig")


def test_the_librarys_own_verifier_accepts_the_adapter(handed_over: Path) -> None:
    verify_model(handed_over)


@pytest.mark.parametrize("altered", [b"x" + ADAPTER[1:], ADAPTER + b"\x00", ADAPTER[:-1]])
def test_the_librarys_own_verifier_refuses_an_altered_adapter(handed_over: Path, altered: bytes) -> None:
    (handed_over / "adapter" / "adapter.safetensors").write_bytes(altered)
    with pytest.raises(ValueError, match="Hash mismatch"):
        verify_model(handed_over)


def test_the_librarys_own_verifier_refuses_another_key(handed_over: Path) -> None:
    other = MemoryRelease().attest(BytesIO(ADAPTER), SAID)
    (handed_over / "release-key.pem").write_bytes(other.key)
    with pytest.raises(ValueError, match="Key mismatch"):
        verify_model(handed_over)


def test_the_statement_is_signed_as_another_dsse_implementation_reads_it(attested: Attested) -> None:
    envelope = Envelope.from_dict(_without_keyid(json.loads(attested.statement)))
    key = SSlibKey.from_crypto(serialization.load_pem_public_key(attested.key), keyid="release")
    assert set(envelope.verify([key], 1)) == {"release"}
    assert envelope.payload == SAID


def _without_keyid(envelope: dict[str, object]) -> dict[str, object]:
    """securesystemslib looks keys up by an id of its own; DSSE says that a keyid is a hint and nothing more."""
    (signature,) = envelope["signatures"]  # type: ignore[misc]
    return {**envelope, "signatures": [{**signature, "keyid": "release"}]}


def test_the_auditors_verifier_accepts_all_three(attested: Attested) -> None:
    accept(attested)


def test_a_key_that_is_replaced_while_the_worker_runs_signs_everything_that_follows(tmp_path: Path) -> None:
    load_or_create_release_key(tmp_path / "release.key")
    release = KeyFileRelease(tmp_path / "release.key")
    before = release.attest(BytesIO(ADAPTER), SAID)
    (tmp_path / "release.key").unlink()
    load_or_create_release_key(tmp_path / "release.key")
    after = release.attest(BytesIO(ADAPTER), SAID)
    assert after.key != before.key
    accept(after)


def accept(attested: Attested) -> None:
    files = {MODEL_SIGNATURE: attested.signature, STATEMENT: attested.statement, RELEASE_KEY: attested.key}
    members = {"signature": attested.signature, "statement": attested.statement, "release_key": attested.key}
    named = {member: "sha256:" + hashlib.sha256(data).hexdigest() for member, data in members.items()}
    verify_attestations(files, HEX, named)


def test_the_envelope_is_canonical_and_carries_the_statement_as_it_was(attested: Attested) -> None:
    envelope = decode(attested.statement)
    assert isinstance(envelope, dict)
    assert b64decode(str(envelope["payload"])) == SAID


def test_no_private_key_is_in_what_is_handed_over(attested: Attested) -> None:
    assert b"PRIVATE" not in attested.signature + attested.statement + attested.key


def test_a_key_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "release.key"
    made = load_or_create_release_key(path)
    assert load_or_create_release_key(path).private_numbers() == made.private_numbers()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path], "no draft is left behind"
    path.chmod(0o640)
    with pytest.raises(Refused, match=r"has mode 0640.*0600"):
        load_release_key(path)


def test_a_missing_key_is_not_made_where_it_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"release\.key cannot be read"):
        load_release_key(tmp_path / "release.key")
    assert list(tmp_path.iterdir()) == []


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b"") -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"canary",
        pem(ed25519.Ed25519PrivateKey.generate()),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
    ],
)
def test_any_other_key_is_corrupted_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "release.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Corrupted, match="ECDSA P-256") as caught:
        load_release_key(path)
    assert "canary" not in str(caught.value)
