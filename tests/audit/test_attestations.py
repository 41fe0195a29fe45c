"""What the release key said: each way to exchange the adapter, the key or a document is named by check 9."""

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tunewarden_audit import bundle
from tunewarden_audit.attestations import InvalidAttestation, load_release_key, verify_attestations
from tunewarden_audit.canonical import encode
from tunewarden_audit.verify import Grade, verify

ADAPTER = hashlib.sha256(b"adapter").hexdigest()


def named(files: dict[str, bytes]) -> dict[str, str]:
    """The digests as an entry would name them for these files: so only what they say is judged."""
    members = {"signature": bundle.MODEL_SIGNATURE, "statement": bundle.STATEMENT, "release_key": bundle.RELEASE_KEY}
    return {member: "sha256:" + hashlib.sha256(files[name]).hexdigest() for member, name in members.items()}


def checked(data: bytes, golden: Any) -> tuple[Grade, str]:
    """Grade and reason of check 9."""
    (check,) = [check for check in verify(data, [golden.KEY.verifier]).checks if check.name == "attestations"]
    return check.grade, check.because


def test_attestations_of_the_adapter_are_accepted(golden: Any) -> None:
    made = golden.attestations()
    verify_attestations(made, ADAPTER, named(made))


@pytest.mark.parametrize("name", sorted(bundle.ATTESTATIONS))
def test_one_changed_byte_with_a_mended_manifest_fails_because_the_entry_names_another(
    golden: Any, files: dict[str, bytes], forge: Any, name: str
) -> None:
    changed = files[name].replace(b"A", b"B", 1)
    assert changed != files[name]
    grade, because = checked(forge({name: changed}), golden)
    assert (grade, because) == (Grade.INVALID, f"{name} is not the one that the log's entry names")


def test_everything_signed_anew_with_another_key_fails_because_the_entry_names_the_key(golden: Any, forge: Any) -> None:
    grade, because = checked(forge(golden.attestations(key=ec.generate_private_key(ec.SECP256R1()))), golden)
    assert grade is Grade.INVALID
    assert "is not the one that the log's entry names" in because


@pytest.mark.parametrize("name", sorted(bundle.ATTESTATIONS))
def test_an_attestation_that_an_entry_names_and_that_is_not_here_is_incomplete(
    golden: Any, forge: Any, name: str
) -> None:
    entry = "entry 6"
    assert checked(forge({name: None}), golden) == (
        Grade.INCOMPLETE,
        f"{name} is named by {entry} but not in the bundle",
    )


def test_attestations_that_no_entry_names_are_invalid_and_none_at_all_is_said(golden: Any, forge: Any) -> None:
    gone = {bundle.entry_name(6): None, bundle.proof_name(6): None}
    grade, because = checked(forge(gone), golden)
    assert (grade, because) == (Grade.INVALID, "attestations/model.sig is named by no entry")
    without = dict.fromkeys(bundle.ATTESTATIONS)
    assert checked(forge({**gone, **without}), golden) == (Grade.CONSISTENT, "none: no entry here names any")


def test_attestations_of_another_adapter_are_refused(golden: Any) -> None:
    made = golden.attestations(b"another adapter")
    with pytest.raises(InvalidAttestation, match=r"provenance\.dsse\.json is about something else than the adapter"):
        verify_attestations(made, ADAPTER, named(made))
    made = golden.attestations(b"another adapter") | {bundle.STATEMENT: golden.attestations()[bundle.STATEMENT]}
    with pytest.raises(InvalidAttestation, match=r"model\.sig covers something else than the adapter"):
        verify_attestations(made, ADAPTER, named(made))


@pytest.mark.parametrize("name", [bundle.STATEMENT, bundle.MODEL_SIGNATURE])
def test_a_document_signed_by_another_key_is_refused(golden: Any, name: str) -> None:
    stranger = golden.attestations(key=ec.generate_private_key(ec.SECP256R1()))
    made = golden.attestations() | {name: stranger[name]}
    with pytest.raises(InvalidAttestation, match="is not signed by the release key"):
        verify_attestations(made, ADAPTER, named(made))


def edited(data: bytes, *path: str, value: object) -> bytes:
    """The JSON with another value at a path; `payload` on the way is looked into, and its signature left as it was."""
    whole = inner = json.loads(data)
    for step in path[:-1]:
        inner = inner[int(step) if step.isdigit() else step]
    inner[path[-1]] = value
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    ("name", "path", "value", "because"),
    [
        (bundle.STATEMENT, ["payloadType"], "text/plain", "does not carry an in-toto Statement"),
        (bundle.STATEMENT, ["signatures"], [], "does not have exactly one signature"),
        (bundle.STATEMENT, ["signatures"], [{}, {}], "does not have exactly one signature"),
        (bundle.STATEMENT, ["signatures"], ["x"], "does not have the members"),
        (bundle.STATEMENT, ["signatures"], [{"sig": 1}], "not base64"),
        (bundle.STATEMENT, ["signatures"], [{"sig": "AAAA"}], "is not signed by the release key"),
        (bundle.STATEMENT, ["payload"], "*", "not base64"),
        (bundle.STATEMENT, ["payload"], "e30=", "is not signed by the release key"),
        (bundle.MODEL_SIGNATURE, ["mediaType"], "x", r"not a Sigstore bundle v0\.3"),
        (bundle.MODEL_SIGNATURE, ["dsseEnvelope"], None, "does not have the members"),
        (bundle.MODEL_SIGNATURE, ["dsseEnvelope", "payload"], "e30=", "is not signed by the release key"),
    ],
)
def test_an_envelope_of_another_form_is_refused(
    golden: Any, name: str, path: list[str], value: object, because: str
) -> None:
    made = golden.attestations()
    made[name] = edited(made[name], *path, value=value)
    with pytest.raises(InvalidAttestation, match=because):
        verify_attestations(made, ADAPTER, named(made))


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"_type": "x"}, "does not carry an in-toto Statement v1"),
        ({"predicateType": "x"}, r"is not SLSA provenance v1"),
        ({"subject": []}, "about something else"),
        ({"subject": [{"digest": {"sha256": ADAPTER}, "name": "other"}]}, "about something else"),
        ({"subject": [{"digest": {"sha256": ADAPTER}, "name": "adapter.safetensors"}] * 2}, "about something else"),
    ],
)
def test_a_well_signed_statement_about_anything_else_is_refused(
    golden: Any, changes: dict[str, object], because: str
) -> None:
    made = golden.attestations()
    statement = json.loads(base64.b64decode(json.loads(made[bundle.STATEMENT])["payload"])) | changes
    made[bundle.STATEMENT] = encode(golden.envelope(statement))
    with pytest.raises(InvalidAttestation, match=because):
        verify_attestations(made, ADAPTER, named(made))


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"predicateType": "x"}, r"is not a model signature v1\.0"),
        ({"predicate": None}, "does not have the members"),
        ({"predicate": {"resources": []}}, "covers something else"),
        ({"subject": []}, "exactly one subject"),
        ({"subject": [{"digest": {"sha256": ADAPTER}}]}, "contradicts itself"),
    ],
)
def test_a_well_signed_model_signature_over_anything_else_is_refused(
    golden: Any, changes: dict[str, object], because: str
) -> None:
    made = golden.attestations()
    whole = json.loads(made[bundle.MODEL_SIGNATURE])
    payload = json.loads(base64.b64decode(whole["dsseEnvelope"]["payload"])) | changes
    whole["dsseEnvelope"] = golden.envelope(payload)
    made[bundle.MODEL_SIGNATURE] = json.dumps(whole).encode()
    with pytest.raises(InvalidAttestation, match=because):
        verify_attestations(made, ADAPTER, named(made))


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"a":1,"a":2}', b'{"a":1.5}', b"[" * 100_000])
@pytest.mark.parametrize("name", [bundle.STATEMENT, bundle.MODEL_SIGNATURE])
def test_a_document_that_is_no_json_or_can_be_read_in_two_ways_is_refused(golden: Any, name: str, data: bytes) -> None:
    made = golden.attestations() | {name: data}
    with pytest.raises(InvalidAttestation):
        verify_attestations(made, ADAPTER, named(made))


def test_an_attestation_beyond_the_limit_is_refused(golden: Any) -> None:
    made = golden.attestations() | {bundle.STATEMENT: b" " * 1_000_001}
    with pytest.raises(InvalidAttestation, match="longer than 1,000,000 bytes"):
        verify_attestations(made, ADAPTER, named(made))


def test_only_one_pem_block_with_a_p256_key_is_a_release_key(golden: Any) -> None:
    def pem(key: Any) -> bytes:
        return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    load_release_key(golden.pem())
    for data, because in (
        (pem(ec.generate_private_key(ec.SECP384R1())), "not an ECDSA P-256 key"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "not an ECDSA P-256 key"),
        (golden.pem() * 2, "one PEM block and nothing else"),
        (golden.pem() + b"\n", "one PEM block and nothing else"),
        (golden.pem().replace(b"\n", b"\r\n"), "one PEM block and nothing else"),
        (b"", "not a public key"),
        (b"\xff", "not a public key"),
    ):
        with pytest.raises(InvalidAttestation, match=because):
            load_release_key(data)
