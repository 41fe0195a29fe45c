"""Makes golden.zip, the small bundle whose bytes are pinned: `python tests/audit/golden.py` writes it anew.

The key is a test key whose private half everybody can read here; nobody may trust it.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tunewarden_audit.bundle import ConsistencyProof, InclusionProof, pack
from tunewarden_audit.canonical import encode
from tunewarden_audit.log import seal
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import SignerKey

GOLDEN = Path(__file__).parent / "golden.zip"
KEY = SignerKey("log.example/2026", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OLD_SIZE = 4

PLAN = encode({"base_model": "starter", "noise_multiplier": "1.1", "purpose": "research", "unit": "person"})
EVIDENCE = encode({"measurements": [{"high": "0.93", "low": "0.88", "metric": "accuracy", "n": 332, "value": "0.91"}]})


class Parts(NamedTuple):
    """What the bundle is packed from; a test changes one part and packs again."""

    entries: tuple[bytes, ...]
    cited: tuple[int, ...]
    old_checkpoint: str
    checkpoint: str


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parts() -> Parts:
    facts: list[tuple[str, str, dict[str, object]]] = [
        ("pr-steward", "DatasetRegistered", {"dataset": "ds-1", "epsilon_limit": "8", "purposes": ["research"]}),
        ("pr-ann", "ActionRefused", {"action": "request.submit", "code": "purpose_not_allowed", "resource": "ds-1"}),
        ("pr-ann", "RequestSubmitted", {"plan": digest(PLAN), "request": "ft-1"}),
        ("pr-eve", "ActionRefused", {"action": "request.approve", "code": "access_denied", "resource": "ft-9"}),
        ("pr-bob", "RequestApproved", {"plan": digest(PLAN), "request": "ft-1"}),
        ("pr-worker", "StepFinished", {"evidence": digest(EVIDENCE), "output": digest(b"adapter"), "request": "ft-1"}),
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
    return Parts(entries, (0, 1, 2, 4, 5, 6), old.checkpoint, new.checkpoint)


def build() -> bytes:
    made = parts()
    tree = Tree(leaf_hash(entry) for entry in made.entries)
    return pack(
        checkpoint=made.checkpoint,
        vkey=KEY.verifier.vkey,
        entries={index: made.entries[index] for index in made.cited},
        proofs=[InclusionProof(index, tree.size, tuple(tree.inclusion_proof(index))) for index in made.cited],
        consistency=[ConsistencyProof(OLD_SIZE, tree.size, tuple(tree.consistency_proof(OLD_SIZE)))],
        documents=[PLAN, EVIDENCE],
        lineage=encode({"entries": list(made.cited), "model": "md-1"}),
        report=b"<!doctype html><title>Lineage of md-1</title><p>Approved by pr-bob [4].</p>\n",
    )


if __name__ == "__main__":
    GOLDEN.write_bytes(build())
