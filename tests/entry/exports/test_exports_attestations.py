"""attestations/ of a bundle of the platform, read by libraries that no one here wrote: securesystemslib and in-toto."""

import hashlib
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from tests.entry.exports.conftest import Handed

from tunewarden.domain.events import RequestApproved
from tunewarden_audit import bundle as archive

ADAPTER = "adapter.safetensors"


@pytest.fixture
def attested(handed: Handed) -> dict[str, bytes]:
    return {name: data for name, data in handed.files().items() if name in archive.ATTESTATIONS}


def opened(envelope: dict[str, Any], key: bytes) -> dict[str, Any]:
    """The payload of a DSSE envelope whose signature securesystemslib accepts. It wants an id of the key, a hint."""
    named = {**envelope, "signatures": [{**one, "keyid": "release"} for one in envelope["signatures"]]}
    found = Envelope.from_dict(named)
    found.verify([SSlibKey.from_crypto(load_pem_public_key(key), keyid="release")], 1)  # type: ignore[arg-type]
    return dict(json.loads(found.payload))


def envelopes(attested: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    return {
        archive.STATEMENT: json.loads(attested[archive.STATEMENT]),
        archive.MODEL_SIGNATURE: json.loads(attested[archive.MODEL_SIGNATURE])["dsseEnvelope"],
    }


def test_the_key_id_of_the_envelope_is_the_digest_of_the_key_in_the_bundle(attested: dict[str, bytes]) -> None:
    (signature,) = envelopes(attested)[archive.STATEMENT]["signatures"]
    assert signature["keyid"] == hashlib.sha256(attested[archive.RELEASE_KEY]).hexdigest()


@pytest.mark.parametrize("name", [archive.STATEMENT, archive.MODEL_SIGNATURE])
def test_another_dsse_implementation_accepts_both_envelopes_and_refuses_another_payload(
    attested: dict[str, bytes], name: str
) -> None:
    envelope = envelopes(attested)[name]
    assert opened(envelope, attested[archive.RELEASE_KEY])
    other = json.loads(b64decode(envelope["payload"]).replace(b"adapter", b"adaptor", 1))
    forged = {**envelope, "payload": b64encode(json.dumps(other).encode()).decode()}
    with pytest.raises(VerificationError):
        opened(forged, attested[archive.RELEASE_KEY])


@pytest.mark.parametrize("name", [archive.STATEMENT, archive.MODEL_SIGNATURE])
def test_the_in_toto_library_reads_the_payload_as_a_statement_without_a_member_it_does_not_know(
    attested: dict[str, bytes], name: str
) -> None:
    payload = opened(envelopes(attested)[name], attested[archive.RELEASE_KEY])
    Statement.copy_from_pb(ParseDict(payload, statement_pb2.Statement())).validate()


def test_the_provenance_has_what_slsa_asks_for_and_its_own_member_is_named_as_slsa_wants(
    handed: Handed, attested: dict[str, bytes]
) -> None:
    """slsa.dev/spec/v1.0/provenance: required members, type URIs, extension fields named after their vendor."""
    payload = opened(envelopes(attested)[archive.STATEMENT], attested[archive.RELEASE_KEY])
    assert payload["predicateType"] == "https://slsa.dev/provenance/v1"
    digest = hashlib.sha256(handed.adapter()).hexdigest()
    assert payload["subject"] == [{"name": ADAPTER, "digest": {"sha256": digest}}]
    predicate = payload["predicate"]
    assert predicate.keys() == {"buildDefinition", "runDetails", "tunewarden_lineage"}
    definition, run = predicate["buildDefinition"], predicate["runDetails"]
    assert definition.keys() == {"buildType", "externalParameters", "internalParameters", "resolvedDependencies"}
    assert ":" in definition["buildType"]
    assert ":" in run["builder"]["id"]
    assert definition["externalParameters"].keys() == {"request", "plan"}
    for one in (*definition["resolvedDependencies"], *run["byproducts"], *run["builder"]["builderDependencies"]):
        assert one.keys() == {"name", "digest"}
        assert len(bytes.fromhex(one["digest"]["sha256"])) == 32


def test_the_provenance_says_who_asked_and_who_approved_as_the_log_says_it(
    handed: Handed, attested: dict[str, bytes]
) -> None:
    payload = opened(envelopes(attested)[archive.STATEMENT], attested[archive.RELEASE_KEY])
    said = payload["predicate"]["tunewarden_lineage"]
    report = handed.told.lineage().report
    approvers = [entry.actor for entry in report.approvals if isinstance(entry.event, RequestApproved)]
    assert (said["requested_by"], [said["approved_by"]]) == (report.request.actor, approvers)
    assert said["approved_by"] != said["requested_by"]
