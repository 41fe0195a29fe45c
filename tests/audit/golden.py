"""Makes golden.zip, the small bundle whose bytes are pinned: `python tests/audit/golden.py` writes it anew.

The keys are test keys whose private halves everybody can read here; nobody may trust them.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tunewarden_audit import bundle, retold
from tunewarden_audit.attestations import (
    ADAPTER,
    MEDIA_TYPE,
    MODEL_SIGNING,
    PAYLOAD_TYPE,
    PROVENANCE,
    STATEMENT_TYPE,
    pre_authentication_encoding,
)
from tunewarden_audit.bundle import ConsistencyProof, InclusionProof, pack
from tunewarden_audit.canonical import decode, encode
from tunewarden_audit.log import seal
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import SignerKey

GOLDEN = Path(__file__).parent / "golden.zip"
KEY = SignerKey("log.example/2026", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
RELEASE_KEY = ec.derive_private_key(int.from_bytes(bytes(range(1, 33)), "big"), ec.SECP256R1())
OLD_SIZE = 4

PLAN = encode({"base_model": "starter", "noise_multiplier": "1.1", "purpose": "research", "unit": "person"})
EVIDENCE = encode({"measurements": [{"high": "0.93", "low": "0.88", "metric": "accuracy", "n": 332, "value": "0.91"}]})
WEIGHTS = b"adapter"


class Parts(NamedTuple):
    """What the bundle is packed from; a test changes one part and packs again."""

    entries: tuple[bytes, ...]
    cited: tuple[int, ...]
    old_checkpoint: str
    checkpoint: str


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def envelope(statement: object, key: ec.EllipticCurvePrivateKey = RELEASE_KEY) -> dict[str, object]:
    """A DSSE envelope, signed without randomness (RFC 6979), so that the bundle can be made anew byte for byte."""
    payload = encode(statement)
    hashing = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    signature = key.sign(pre_authentication_encoding(payload), hashing)
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
    }


def pem(key: ec.EllipticCurvePrivateKey = RELEASE_KEY) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def attestations(adapter: bytes = WEIGHTS, key: ec.EllipticCurvePrivateKey = RELEASE_KEY) -> dict[str, bytes]:
    """The three files, as the worker's release key makes them for an adapter."""
    hexadecimal = hashlib.sha256(adapter).hexdigest()
    statement = {
        "_type": STATEMENT_TYPE,
        "predicate": {"buildDefinition": {}, "runDetails": {}},
        "predicateType": PROVENANCE,
        "subject": [{"digest": {"sha256": hexadecimal}, "name": ADAPTER}],
    }
    over = hashlib.sha256(bytes.fromhex(hexadecimal)).hexdigest()
    manifest = {
        "_type": STATEMENT_TYPE,
        "predicate": {
            "resources": [{"algorithm": "sha256", "digest": hexadecimal, "name": ADAPTER}],
            "serialization": {"allow_symlinks": False, "hash_type": "sha256", "ignore_paths": [], "method": "files"},
        },
        "predicateType": MODEL_SIGNING,
        "subject": [{"digest": {"sha256": over}, "name": "adapter"}],
    }
    signature = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(pem(key)).hexdigest()}, "tlogEntries": []},
        "dsseEnvelope": envelope(manifest, key),
    }
    return {
        bundle.MODEL_SIGNATURE: json.dumps(signature).encode(),
        bundle.STATEMENT: encode(envelope(statement, key)),
        bundle.RELEASE_KEY: pem(key),
    }


def parts() -> Parts:
    signed = {name: digest(data) for name, data in attestations().items()}
    judged = {"about": digest(WEIGHTS), "findings": [], "gate": "promotion", "outcome": "pass", "request": "ft-1"}
    registered = {
        "adapter": digest(WEIGHTS),
        "model": "md-1",
        "plan": digest(PLAN),
        "release_key": signed[bundle.RELEASE_KEY],
        "request": "ft-1",
        "signature": signed[bundle.MODEL_SIGNATURE],
        "statement": signed[bundle.STATEMENT],
    }
    facts: list[tuple[str, str, dict[str, object]]] = [
        ("pr-steward", "DatasetRegistered", {"dataset": "ds-1", "epsilon_limit": "8", "purposes": ["research"]}),
        ("pr-ann", "ActionRefused", {"action": "request.submit", "code": "purpose_not_allowed", "resource": "ds-1"}),
        ("pr-ann", "RequestSubmitted", {"plan": digest(PLAN), "request": "ft-1"}),
        ("pr-eve", "ActionRefused", {"action": "request.approve", "code": "access_denied", "resource": "ft-9"}),
        ("pr-bob", "RequestApproved", {"plan": digest(PLAN), "request": "ft-1"}),
        ("pr-worker", "StepFinished", {"evidence": digest(EVIDENCE), "output": digest(WEIGHTS), "request": "ft-1"}),
        ("pr-worker", "ModelRegistered", registered),
        ("pr-cy", "GateJudged", judged),
        ("pr-cy", "AliasMoved", {"alias": "production", "model": "md-1", "previous": None}),
    ]
    entries = tuple(
        encode({"actor": actor, "at": f"2026-11-21T02:00:{second:02d}.000Z", "fact": fact, "type": kind, "v": 1})
        for second, (actor, kind, fact) in enumerate(facts)
    )
    leaves = [leaf_hash(entry) for entry in entries]
    old = seal(KEY, None, leaves[:OLD_SIZE])
    new = seal(KEY, old, leaves[OLD_SIZE - 1 :])
    assert old is not None
    assert new is not None
    return Parts(entries, (0, 1, 2, 4, 5, 6, 7, 8), old.checkpoint, new.checkpoint)


def build() -> bytes:
    made = parts()
    tree = Tree(leaf_hash(entry) for entry in made.entries)
    cited = {index: made.entries[index] for index in made.cited}
    approval = {"actor": "pr-bob", "at": "2026-11-21T02:00:04.000Z", "index": 4, "plan": digest(PLAN)}
    return pack(
        checkpoint=made.checkpoint,
        vkey=KEY.verifier.vkey,
        entries=cited,
        proofs=[InclusionProof(index, tree.size, tuple(tree.inclusion_proof(index))) for index in made.cited],
        consistency=[ConsistencyProof(OLD_SIZE, tree.size, tuple(tree.consistency_proof(OLD_SIZE)))],
        documents=[PLAN, EVIDENCE],
        lineage=encode({"approvals": [approval], "entries": list(made.cited), "model": "md-1"}),
        report=b"<!doctype html><title>Lineage of md-1</title><p>Approved by pr-bob [4].</p>\n",
        others={
            **attestations(),
            bundle.PROV: encode({"entity": {digest(WEIGHTS): {"tw:index": 6}}}),
            bundle.VERDICTS: encode(retold.verdicts({index: decode(entry) for index, entry in cited.items()})),
            bundle.ML_BOM: encode({"bomFormat": "CycloneDX", "specVersion": "1.6"}),
            bundle.MODEL_CARD: b"# md-1\n",
            bundle.HOWTO: b"See FORMAT.md, section 8.\n",
        },
    )


if __name__ == "__main__":
    GOLDEN.write_bytes(build())
