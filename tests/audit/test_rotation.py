"""Following the log's key through rotations: forwards, backwards, and never anywhere else."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewarden_audit.bundle import ConsistencyProof, InclusionProof, pack
from tunewarden_audit.canonical import encode
from tunewarden_audit.export import write_tiles
from tunewarden_audit.log import (
    RefusedToSign,
    RotationBegun,
    RotationForged,
    SignedStateBroken,
    hand_over,
    seal,
    signable,
)
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import COSIGNATURE, InvalidNote, SignerKey, TreeHead, VerifierKey, open_note, sign_note
from tunewarden_audit.recipe import Grade
from tunewarden_audit.static_log import verify_tiles
from tunewarden_audit.trust import InvalidRotation, Rotation, Trust, read_rotation, read_trust, rotate, rotation_text
from tunewarden_audit.verify import verify

ORIGIN = "log.example/2026"
FIRST, SECOND, THIRD = (SignerKey.generate(ORIGIN) for _ in range(3))
STRANGER = SignerKey.generate(ORIGIN)
LOW_ORDER = bytes(32)  # y = 0, a point of order four
Fact = dict[str, str]


def entry(kind: str, fact: object) -> bytes:
    return encode({"actor": "sealer", "at": "2026-11-21T02:00:00.000Z", "fact": fact, "type": kind, "v": 1})


def rotation(old: SignerKey, new: SignerKey) -> bytes:
    return entry("SigningKeyRotated", rotate(old, new))


def other(number: int) -> bytes:
    return entry("DatasetRetired", {"dataset": f"ds-{number}"})


ONCE = (other(0), other(1), rotation(FIRST, SECOND), other(3), other(4))
TWICE = (other(0), rotation(FIRST, SECOND), other(2), rotation(SECOND, THIRD), other(4))


def head(size: int, *keys: SignerKey, entries: tuple[bytes, ...] = ONCE) -> str:
    """A checkpoint of the first `size` entries with the signatures of these keys."""
    text = TreeHead(ORIGIN, size, Tree(map(leaf_hash, entries[:size])).root()).text()
    note = sign_note(text, keys[0])
    return note + "".join(sign_note(text, key).rpartition("\n\n")[2] for key in keys[1:])


def packed(checkpoint: str, vkey: VerifierKey, entries: tuple[bytes, ...] = ONCE, since: int | None = None) -> bytes:
    tree = Tree(map(leaf_hash, entries))
    indices = range(len(entries))
    return pack(
        checkpoint=checkpoint,
        vkey=vkey.vkey,
        entries=dict(enumerate(entries)),
        proofs=[InclusionProof(index, tree.size, tuple(tree.inclusion_proof(index))) for index in indices],
        consistency=[ConsistencyProof(since, tree.size, tuple(tree.consistency_proof(since)))] if since else [],
        documents=[],
        lineage=encode({"entries": list(indices)}),
        report=b"<!doctype html>",
    )


def verdict(data: bytes, *keys: SignerKey, since: str | None = None) -> Grade:
    given = [key.verifier for key in keys]
    return verify(data, given, since.encode() if since else None).verdict


def test_whoever_holds_the_old_or_the_new_key_verifies_what_the_new_key_signed() -> None:
    data = packed(head(5, SECOND), SECOND.verifier)
    for key in (FIRST, SECOND):
        assert verdict(data, key) is Grade.CONSISTENT
    assert verdict(data, STRANGER) is Grade.INVALID


def test_a_chain_of_rotations_is_followed_from_any_of_its_keys() -> None:
    data = packed(head(5, THIRD, entries=TWICE), THIRD.verifier, TWICE)
    for key in (FIRST, SECOND, THIRD):
        assert verdict(data, key) is Grade.CONSISTENT


def test_the_head_that_covers_the_rotation_carries_both_signatures() -> None:
    entries = ONCE[:3]
    data = packed(head(3, SECOND, FIRST), SECOND.verifier, entries)
    for key in (FIRST, SECOND):
        assert verdict(data, key) is Grade.CONSISTENT


def test_the_old_key_alone_signs_nothing_that_covers_its_rotation() -> None:
    """A thief of the old key, or a sealer that was not told."""
    data = packed(head(5, FIRST), SECOND.verifier)
    for key in (FIRST, SECOND):
        assert verdict(data, key) is Grade.INVALID


def test_the_bundle_must_name_the_newest_key() -> None:
    assert verdict(packed(head(5, SECOND), FIRST.verifier), FIRST) is Grade.INVALID


def test_a_checkpoint_kept_from_before_is_verified_with_the_new_key() -> None:
    data = packed(head(5, SECOND), SECOND.verifier, since=2)
    for key in (FIRST, SECOND):
        assert verdict(data, key, since=head(2, FIRST)) is Grade.CONSISTENT


def test_the_new_key_signed_nothing_before_its_rotation_nor_the_old_one_after() -> None:
    kept = {2: head(2, SECOND), 4: head(4, FIRST)}
    for size, checkpoint in kept.items():
        data = packed(head(5, SECOND), SECOND.verifier, since=size)
        assert verdict(data, SECOND, since=checkpoint) is Grade.INVALID


def test_a_log_that_forked_before_the_rotation_is_still_seen_to_have_diverged() -> None:
    forked = (other(7), *ONCE[1:])
    data = packed(head(5, SECOND), SECOND.verifier, since=2)
    assert verdict(data, SECOND, since=head(2, FIRST, entries=forked)) is Grade.DIVERGED


def swapped(fact: Fact) -> Fact:
    return {**fact, "old_signature": fact["new_signature"], "new_signature": fact["old_signature"]}


def without_new(fact: Fact) -> Fact:
    return {**fact, "new_signature": b64encode(bytes(64)).decode()}


def without_old(fact: Fact) -> Fact:
    return {**fact, "old_signature": ""}


def strangers_signature(fact: Fact) -> Fact:
    text = rotation_text(FIRST.verifier, SECOND.verifier)
    return {**fact, "old_signature": b64encode(STRANGER.private.sign(text)).decode()}


def spare_bits(fact: Fact) -> Fact:
    """The same signature in base64 that no writer makes: a bit after its end."""
    signature = fact["old_signature"]
    return {**fact, "old_signature": f"{signature[:-3]}{chr(ord(signature[-3]) + 1)}=="}


def low_order_key(fact: Fact) -> Fact:
    return {**fact, "new_key": VerifierKey(ORIGIN, LOW_ORDER).vkey}


def witness_key(fact: Fact) -> Fact:
    return {**fact, "new_key": SignerKey(ORIGIN, SECOND.private, COSIGNATURE).verifier.vkey}


def no_key(fact: Fact) -> Fact:
    return {**fact, "new_key": "key"}


def one_more_member(fact: Fact) -> Fact:
    return {**fact, "because": "x"}


def no_text(fact: Fact) -> dict[str, Any]:
    return {**fact, "old_key": 1}


FORGERIES = [
    swapped,
    without_new,
    without_old,
    strangers_signature,
    spare_bits,
    low_order_key,
    witness_key,
    no_key,
    one_more_member,
    no_text,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_rotation_is_invalid_and_the_sealer_does_not_sign_it(forge: Callable[[Fact], object]) -> None:
    forged = entry("SigningKeyRotated", forge(rotate(FIRST, SECOND)))
    entries = (*ONCE[:2], forged, *ONCE[3:])
    with pytest.raises(InvalidRotation, match="entry 2"):
        read_rotation(2, forged)
    data = packed(head(5, SECOND, entries=entries), SECOND.verifier, entries)
    report = verify(data, [FIRST.verifier])
    assert report.verdict is Grade.INVALID
    assert next(check.grade for check in report.checks if check.name == "key") is Grade.INVALID
    with pytest.raises(RotationForged, match="entry 2"):
        signable(FIRST.verifier, 0, entries)


def test_an_entry_that_no_auditor_could_be_handed_is_not_signed() -> None:
    with pytest.raises(RefusedToSign, match="entry 7 is longer than 65,535 bytes"):
        signable(FIRST.verifier, 6, [other(0), bytes(65_536)])


def test_a_rotation_of_another_log_is_invalid() -> None:
    old, new = SignerKey.generate("log.example/other"), SignerKey.generate("log.example/other")
    entries = (*ONCE[:2], rotation(old, new), *ONCE[3:])
    data = packed(head(5, FIRST, entries=entries), FIRST.verifier, entries)
    assert verdict(data, FIRST) is Grade.INVALID
    with pytest.raises(RotationForged, match="another key"):
        signable(FIRST.verifier, 0, entries)


def test_keys_that_cannot_follow_each_other_are_not_rotated() -> None:
    for new in (FIRST, SignerKey.generate("log.example/other"), SignerKey.generate(ORIGIN, COSIGNATURE)):
        with pytest.raises(InvalidRotation):
            rotate(FIRST, new)


def test_two_successors_of_one_key_are_invalid() -> None:
    entries = (other(0), rotation(FIRST, SECOND), rotation(FIRST, THIRD), other(3))
    for key in (FIRST, SECOND, THIRD):
        assert verdict(packed(head(4, key, entries=entries), key.verifier, entries), FIRST) is Grade.INVALID


def test_a_strangers_rotation_lends_no_trust() -> None:
    """Rotations among keys that nobody trusts are allowed to be there; they lead nowhere."""
    entries = (other(0), rotation(STRANGER, THIRD), other(2))
    trust = read_trust([FIRST.verifier], dict(enumerate(entries)))
    assert trust.keys == {FIRST.verifier}
    assert verdict(packed(head(3, THIRD, entries=entries), THIRD.verifier, entries), FIRST) is Grade.INVALID


def test_a_key_that_comes_back_signs_nothing() -> None:
    steps = (Rotation(1, FIRST.verifier, SECOND.verifier), Rotation(3, SECOND.verifier, FIRST.verifier))
    trust = Trust((FIRST.verifier,), steps)
    assert not any(trust.may_sign(FIRST.verifier, size) for size in (2, 3, 4, 9))


@pytest.mark.parametrize(("size", "signers"), [(1, {FIRST}), (2, {SECOND}), (3, {SECOND}), (4, {THIRD}), (99, {THIRD})])
def test_at_every_size_one_key_counts(size: int, signers: set[SignerKey]) -> None:
    trust = read_trust([SECOND.verifier], dict(enumerate(TWICE)))
    assert {key for key in (FIRST, SECOND, THIRD) if trust.may_sign(key.verifier, size)} == signers


def test_the_signed_text_is_the_one_that_the_format_states() -> None:
    old, new = FIRST.verifier, SECOND.verifier
    assert rotation_text(old, new).decode() == f"tunewarden key rotation v1\n{ORIGIN}\n{old.vkey}\n{new.vkey}\n"
    with pytest.raises(InvalidNote):
        open_note(sign_note(rotation_text(old, new).decode(), STRANGER), [old, new])


def test_the_sealer_stops_before_the_rotation_and_goes_on_with_the_new_key_only() -> None:
    assert signable(FIRST.verifier, 0, ONCE) == ONCE[:2]
    with pytest.raises(RotationBegun) as begun:
        signable(FIRST.verifier, 2, ONCE[2:])
    assert begun.value.rotation == Rotation(2, FIRST.verifier, SECOND.verifier)
    leaves = [leaf_hash(body) for body in ONCE]
    before = seal(FIRST, None, leaves[:2])
    assert before is not None
    for other_entry in (ONCE[3], rotation(FIRST, THIRD), rotation(STRANGER, SECOND), rotation(SECOND, FIRST)):
        with pytest.raises(RotationForged, match="entry 2"):
            hand_over(FIRST, SECOND, before, leaves[1:2], other_entry)
    both = hand_over(FIRST, SECOND, before, leaves[1:2], ONCE[2])
    assert open_note(both.checkpoint, [FIRST.verifier]).text == open_note(both.checkpoint, [SECOND.verifier]).text
    assert both.checkpoint == head(3, SECOND, FIRST)
    with pytest.raises(SignedStateBroken, match="another key is in force"):
        seal(FIRST, both, leaves[2:])
    after = seal(SECOND, both, leaves[2:])
    assert after is not None
    assert after.checkpoint == head(5, SECOND)


def static(directory: Path, checkpoint: str, key: SignerKey, entries: tuple[bytes, ...] = TWICE) -> Path:
    def leaves(start: int, count: int) -> list[tuple[bytes, bytes | None]]:
        return [(leaf_hash(each), each) for each in entries[start : start + count]]

    write_tiles(directory, checkpoint, [key.verifier], leaves)
    return directory


@pytest.mark.parametrize("given", [FIRST, SECOND, THIRD], ids=["first", "second", "third"])
def test_static_files_verify_with_any_key_of_the_chain_and_so_does_an_earlier_head(
    tmp_path: Path, given: SignerKey
) -> None:
    directory = static(tmp_path, head(5, THIRD, entries=TWICE), THIRD)
    assert verify_tiles(directory, [given.verifier]).verdict is Grade.CONSISTENT
    old = head(1, FIRST, entries=TWICE).encode()
    assert verify_tiles(directory, [given.verifier], since=old).verdict is Grade.CONSISTENT


def test_static_files_that_a_retired_key_signed_or_a_stranger_are_invalid(tmp_path: Path) -> None:
    directory = static(tmp_path / "retired", head(5, FIRST, entries=TWICE), FIRST)
    assert verify_tiles(directory, [FIRST.verifier]).verdict is Grade.INVALID
    directory = static(tmp_path / "stranger", head(5, STRANGER, entries=TWICE), STRANGER)
    assert verify_tiles(directory, [FIRST.verifier]).verdict is Grade.INVALID


def test_a_rotation_that_was_altered_leads_to_no_key(tmp_path: Path) -> None:
    forged = (TWICE[0], entry("SigningKeyRotated", {**rotate(FIRST, STRANGER), "old_signature": "AA=="}), *TWICE[2:])
    directory = static(tmp_path, head(5, STRANGER, entries=forged), STRANGER, forged)
    report = verify_tiles(directory, [FIRST.verifier])
    assert report.verdict is Grade.INVALID
    assert "rotates the log's key" in report.checks[0].because


def test_a_rotation_is_found_wherever_in_the_log_it_stands(tmp_path: Path) -> None:
    long = (*(other(number) for number in range(259)), rotation(FIRST, SECOND), *(other(number) for number in range(3)))
    directory = static(tmp_path, head(len(long), SECOND, entries=long), SECOND, long)
    assert verify_tiles(directory, [FIRST.verifier]).verdict is Grade.CONSISTENT
    old = head(258, SECOND, entries=long).encode()
    assert verify_tiles(directory, [FIRST.verifier], since=old).verdict is Grade.INVALID, "not its key's time yet"
