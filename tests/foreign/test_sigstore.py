"""The Python client of Sigstore: its Merkle module and its reader of checkpoints, both private to it, hence pinned.

Sigstore's Merkle module verifies inclusion only, and does not look whether an index lies inside the tree: its caller
does. That one alteration is left out here.

The other way round, we read a checkpoint that Sigstore's log Rekor v2 signed, under the key that the package brings.
"""

import base64
import hashlib
import json
from pathlib import Path
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

from tunewarden_audit.note import InvalidNote, VerifierKey, load_key, signed_head  # noqa: E402

REKOR = """\
log2025-1.rekor.sigstore.dev
34356369
dA9mMr0smTXgo7nGsE01Zdc5KOOqTs2/zYfdSqxO+ks=

— log2025-1.rekor.sigstore.dev zxGZFQZgTebN28s0D7vKP5gX8R+CsXCved700HCQAHgDHbdkaH3tfx7+DMPkccNhzs\
nSy7LijLzWMa+evZduylLs0wc=
"""
"""The head that the public log Rekor v2 showed on 2026-07-20."""


def rekor_key() -> VerifierKey:
    """The log's key as the package ships it, as a vkey."""
    stored = Path(sigstore_merkle.__file__).parents[1] / "_store"
    for roots in stored.glob("*/trusted_root.json"):
        for log in json.loads(roots.read_text())["tlogs"]:
            name = log["baseUrl"].removeprefix("https://")
            if name == REKOR.partition("\n")[0]:
                key = b"\x01" + base64.b64decode(log["publicKey"]["rawBytes"])[-32:]
                key_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex()
                return load_key(f"{name}+{key_id}+{base64.b64encode(key).decode()}")
    pytest.skip("this sigstore does not bring that log's key along")


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


def test_we_read_a_checkpoint_of_rekor_v2_and_refuse_it_with_any_other_digit() -> None:
    key = rekor_key()
    assert signed_head(REKOR, [key]).size == 34356369
    for old, new in (("34356369", "34356368"), ("dA9m", "dB9m"), ("ZgTebN", "ZgTebM"), ("\n", "\r\n")):
        with pytest.raises(InvalidNote):
            signed_head(REKOR.replace(old, new, 1), [key])
