"""The Python client of Sigstore: its Merkle module and its reader of checkpoints, both private to it, hence pinned.

Sigstore's Merkle module verifies inclusion only, and does not look whether an index lies inside the tree: its caller
does. That one alteration is left out here.
"""

import base64
from types import SimpleNamespace

import pytest
from tests.foreign.cases import Case, wrong
from tests.foreign.conftest import Cases

sigstore_merkle = pytest.importorskip("sigstore._internal.merkle", reason="the package sigstore is not installed here")

from sigstore._internal.rekor.checkpoint import SignedCheckpoint  # noqa: E402 - after the skip
from sigstore._internal.trust import Keyring, RekorKeyring  # noqa: E402
from sigstore._utils import KeyID  # noqa: E402
from sigstore.errors import VerificationError  # noqa: E402
from sigstore_models.common.v1 import PublicKey, PublicKeyDetails  # noqa: E402


def included(case: Case) -> bool:
    fields = case.fields
    proof = SimpleNamespace(
        log_index=fields["index"], tree_size=fields["size"], root_hash=fields["root"], hashes=fields["proof"]
    )
    entry = SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=fields["entry"]))
    try:
        sigstore_merkle.verify_merkle_inclusion(entry)
    except VerificationError:
        return False
    return True


def signed(case: Case) -> bool:
    key = PublicKey(
        raw_bytes=base64.b64encode(case.fields["spki"]), key_details=PublicKeyDetails.PKIX_ED25519, valid_for=None
    )
    try:
        checkpoint = SignedCheckpoint.from_text(case.fields["note"].decode())
        checkpoint.signed_note.verify(RekorKeyring(Keyring([key])), KeyID(case.fields["key_id"]))
    except VerificationError:
        return False
    return True


def test_sigstore_accepts_our_inclusion_proofs_and_refuses_altered_ones(cases: Cases) -> None:
    asked = [case for case in cases["inclusion"] if case.altered != "index beyond the size"]
    assert wrong(asked, [included(case) for case in asked]) == []


def test_sigstore_accepts_our_checkpoints_and_refuses_altered_ones(cases: Cases) -> None:
    assert wrong(cases["checkpoint"], [signed(case) for case in cases["checkpoint"]]) == []
