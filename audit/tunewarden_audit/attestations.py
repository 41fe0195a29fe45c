"""What the release key said of the adapter: an OpenSSF model signature and an in-toto Statement in DSSE envelopes.

Sources: DSSE v1.0.2 (protocol.md), in-toto Statement v1, OpenSSF Model Signing v1.0 (a Sigstore bundle v0.3), FIPS
186-5 (ECDSA on P-256 with SHA-256). The log's entry ModelRegistered names the digests of the two documents and of the
key, so whoever trusts the log needs no other source for the key.

Not checked: the adapter itself, which is not in the bundle (`model_signing verify key` does that), and whether what the
Statement says besides its subject is true.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tunewarden_audit import bundle, canonical
from tunewarden_audit.canonical import NotCanonical

LONGEST = 1_000_000  # bytes of one attestation
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
MODEL_SIGNING = "https://model_signing/signature/v1.0"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ADAPTER = "adapter.safetensors"  # what the adapter's file is called in both documents
NAMED_BY = {"signature": bundle.MODEL_SIGNATURE, "statement": bundle.STATEMENT, "release_key": bundle.RELEASE_KEY}
"""Member of the fact ModelRegistered -> the file whose SHA-256 it is."""


class InvalidAttestation(ValueError):
    """An attestation is not what it claims to be. The message never quotes its content."""


def verify_attestations(files: Mapping[str, bytes], adapter: str, named: Mapping[str, str]) -> None:
    """Verify the three files for the adapter with this SHA-256 (64 hex digits); raises InvalidAttestation.

    `named` are the digests (`sha256:` and hex) that the log's entry gives, by member of `NAMED_BY`.
    """
    # 1. The three files are the ones that the log names: the key too, so nobody can sign anew with another.
    for member, name in NAMED_BY.items():
        _require(len(files[name]) <= LONGEST, f"{name} is longer than {LONGEST:,} bytes")
        found = "sha256:" + hashlib.sha256(files[name]).hexdigest()
        _require(found == named.get(member), f"{name} is not the one that the log's entry names")

    # 2. The key is one that can be trusted to mean one thing.
    key = load_release_key(files[bundle.RELEASE_KEY])

    # 3. The Statement is signed by it and is about this adapter and nothing else.
    envelope = _object(_json(files[bundle.STATEMENT], bundle.STATEMENT), bundle.STATEMENT)
    statement = open_envelope(envelope, key, bundle.STATEMENT)
    _require(statement.get("predicateType") == PROVENANCE, f"{bundle.STATEMENT} is not SLSA provenance v1")
    subject = [{"digest": {"sha256": adapter}, "name": ADAPTER}]
    _require(statement.get("subject") == subject, f"{bundle.STATEMENT} is about something else than the adapter")

    # 4. The model signature is signed by it and covers one file, the adapter.
    signature = _object(_json(files[bundle.MODEL_SIGNATURE], bundle.MODEL_SIGNATURE), bundle.MODEL_SIGNATURE)
    _require(signature.get("mediaType") == MEDIA_TYPE, f"{bundle.MODEL_SIGNATURE} is not a Sigstore bundle v0.3")
    payload = open_envelope(_member(signature, "dsseEnvelope"), key, bundle.MODEL_SIGNATURE)
    _require(payload.get("predicateType") == MODEL_SIGNING, f"{bundle.MODEL_SIGNATURE} is not a model signature v1.0")
    _require_model(payload, adapter)


def load_release_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The ECDSA P-256 public key in one PEM block and nothing else; raises InvalidAttestation."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidAttestation(f"{bundle.RELEASE_KEY} is not a public key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise InvalidAttestation(f"{bundle.RELEASE_KEY} is not an ECDSA P-256 key")
    written = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _require(written == pem, f"{bundle.RELEASE_KEY} is not one PEM block and nothing else")
    return key


def pre_authentication_encoding(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What a DSSE signature is over (PAE, DSSE protocol.md, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def open_envelope(envelope: Mapping[str, Any], key: ec.EllipticCurvePublicKey, name: str) -> Mapping[str, Any]:
    """The in-toto Statement in a DSSE envelope that has one signature, by `key`; raises InvalidAttestation.

    `name` is the file's, for the message.
    """
    _require(envelope.get("payloadType") == PAYLOAD_TYPE, f"{name} does not carry an in-toto Statement")
    signed = _only(envelope.get("signatures"), f"{name} does not have exactly one signature")
    payload = _base64(envelope.get("payload"), name)
    signature = _base64(_object(signed, name).get("sig"), name)
    try:
        key.verify(signature, pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise InvalidAttestation(f"{name} is not signed by the release key") from None
    statement = _object(_json(payload, name), name)
    _require(statement.get("_type") == STATEMENT_TYPE, f"{name} does not carry an in-toto Statement v1")
    return statement


def _require_model(payload: Mapping[str, Any], adapter: str) -> None:
    """The manifest of OpenSSF Model Signing lists one resource; its subject is the digest over the list's digests."""
    name = bundle.MODEL_SIGNATURE
    resource = {"algorithm": "sha256", "digest": adapter, "name": ADAPTER}
    predicate = _object(payload.get("predicate"), name)
    _require(predicate.get("resources") == [resource], f"{name} covers something else than the adapter")
    subject = _only(payload.get("subject"), f"{name} does not have exactly one subject")
    over = hashlib.sha256(bytes.fromhex(adapter)).hexdigest()
    digest = _object(subject, name).get("digest")
    _require(digest == {"sha256": over}, f"{name} contradicts itself: its subject is not the digest of its list")


def _member(value: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    return _object(value.get(member), bundle.MODEL_SIGNATURE)


def _only(value: object, because: str) -> object:
    """The one thing in a list of one."""
    if not isinstance(value, list) or len(value) != 1:
        raise InvalidAttestation(because)
    return value[0]


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidAttestation(f"{name} does not have the members that its format asks for")
    return value


def _json(data: bytes, name: str) -> object:
    try:
        return canonical.read(data)
    except NotCanonical as error:
        raise InvalidAttestation(f"{name}: {error}") from None


def _base64(text: object, name: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    _require(data != b"", f"{name} holds something that is not base64")
    return data


def _require(condition: bool, because: str) -> None:
    if not condition:
        raise InvalidAttestation(because)
