"""Which key may sign which head: the keys that the auditor brings, and those that the log handed over to or from.

A log changes its key by an entry of type SigningKeyRotated, signed by the old and by the new key (FORMAT.md, section
10). Whoever trusts one of the two trusts the other, each for its own part of the log's life: heads that cover the entry
need the new key, heads before it the old one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tunewarden_audit import canonical
from tunewarden_audit.note import InvalidNote, SignerKey, TreeHead, VerifierKey, load_key, open_note

ROTATED = "SigningKeyRotated"
_HEADER = "tunewarden key rotation v1"  # no key's name, and so no origin, has a space: it begins no checkpoint
_MEMBERS = {"new_key", "new_signature", "old_key", "old_signature"}


class InvalidRotation(ValueError):
    """An entry that claims to hand the log over to another key, and does not. The message never quotes the entry."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A hand-over whose two signatures were verified: `index` is that of its entry."""

    index: int
    old: VerifierKey
    new: VerifierKey


@dataclass(frozen=True, slots=True)
class Trust:
    """The keys that an auditor trusts, and what follows from the rotations at hand.

    Raises InvalidRotation where two rotations hand over from one key, or to one: a chain has neither.
    """

    given: tuple[VerifierKey, ...]
    rotations: tuple[Rotation, ...] = ()

    def __post_init__(self) -> None:
        for ends in ([step.old for step in self.rotations], [step.new for step in self.rotations]):
            if len(set(ends)) < len(ends):
                raise InvalidRotation("two rotations of the log's key hand over from, or to, one and the same key")

    @property
    def keys(self) -> frozenset[VerifierKey]:
        """Those given, and all that rotations lead to from them, forwards and backwards."""
        reached = set(self.given)
        forwards = {step.old: step.new for step in self.rotations}
        backwards = {step.new: step.old for step in self.rotations}
        for key, way in product(self.given, (forwards, backwards)):
            after = way.get(key)
            while after is not None and after not in reached:
                reached.add(after)
                after = way.get(after)
        return frozenset(reached)

    @property
    def newest(self) -> frozenset[VerifierKey]:
        """Those that no rotation at hand has retired."""
        return self.keys - {step.old for step in self.rotations}

    def may_sign(self, key: VerifierKey, size: int) -> bool:
        """Whether the signature of this trusted key counts under a head of that many entries."""
        begun = all(step.index < size for step in self.rotations if step.new == key)
        ended = any(step.index < size for step in self.rotations if step.old == key)
        return begun and not ended

    def signed_head(self, text: bytes | str) -> TreeHead:
        """The tree head in a checkpoint that the key of its time signed under the log's name; raises InvalidNote."""
        signed = open_note(text, self.keys)
        head = TreeHead.parse(signed.text)
        own = [key for key in signed.signed_by if not key.is_witness and key.name == head.origin]
        if not own:
            raise InvalidNote("the origin of the checkpoint is not the name of the key that signed it")
        if not any(self.may_sign(key, head.size) for key in own):
            raise InvalidNote("the key that signed the checkpoint was not the log's key at that size: it was rotated")
        return head


def rotation_text(old: VerifierKey, new: VerifierKey) -> bytes:
    """What both keys sign; their common name is the log's origin."""
    return f"{_HEADER}\n{old.name}\n{old.vkey}\n{new.vkey}\n".encode()


def rotate(old: SignerKey, new: SignerKey) -> dict[str, str]:
    """The members of the entry's fact. Raises InvalidRotation for keys that cannot follow each other."""
    _require_pair(old.verifier, new.verifier)
    text = rotation_text(old.verifier, new.verifier)
    return {
        "new_key": new.verifier.vkey,
        "new_signature": base64.b64encode(new.private.sign(text)).decode("ascii"),
        "old_key": old.verifier.vkey,
        "old_signature": base64.b64encode(old.private.sign(text)).decode("ascii"),
    }


def is_rotation(entry: bytes) -> bool:
    """Whether an entry claims to be a rotation; cheap, and never wrong about canonical bytes."""
    return b'"type":"SigningKeyRotated"' in entry


def read_rotation(index: int, entry: bytes) -> Rotation | None:
    """The rotation in an entry, None where it is of another type; raises InvalidRotation.

    1. Both keys are sound, of one log, and not the same. 2. The old key signed. 3. The new key signed.
    """
    body = canonical.decode(entry) if is_rotation(entry) else None
    if not isinstance(body, dict) or body.get("type") != ROTATED:
        return None
    fact = body.get("fact")
    if (
        not isinstance(fact, dict)
        or fact.keys() != _MEMBERS
        or not all(isinstance(text, str) for text in fact.values())
    ):
        raise InvalidRotation(f"entry {index} rotates the log's key and is not two keys and two signatures")
    try:
        old, new = load_key(fact["old_key"]), load_key(fact["new_key"])  # 1
        _require_pair(old, new)
        _require_signature(old, old, new, fact["old_signature"])  # 2
        _require_signature(new, old, new, fact["new_signature"])  # 3
    except ValueError as error:
        raise InvalidRotation(f"entry {index} rotates the log's key: {error}") from None
    return Rotation(index, old, new)


def read_trust(given: Sequence[VerifierKey], entries: Mapping[int, bytes]) -> Trust:
    """What follows from the rotations among these entries for the keys given; raises InvalidRotation.

    Not checked: that the entries are in the log. A rotation needs no more than its signatures; that it is logged, the
    other checks show.
    """
    found = (read_rotation(index, entries[index]) for index in sorted(entries))
    trust = Trust(tuple(given), tuple(step for step in found if step is not None))
    _require_one_log(trust.given, trust.rotations)
    return trust


def _require_one_log(given: Iterable[VerifierKey], rotations: Iterable[Rotation]) -> None:
    origins = {key.name for key in given}
    for step in rotations:
        if step.old.name not in origins:
            raise InvalidRotation(f"entry {step.index} rotates the key of another log (its origin differs)")


def _require_pair(old: VerifierKey, new: VerifierKey) -> None:
    if old.name != new.name:
        raise InvalidRotation("the two keys are of different origins")
    if old.is_witness or new.is_witness:
        raise InvalidRotation("a witness's key signs no log")
    if old == new:
        raise InvalidRotation("the new key is the old one")


def _require_signature(key: VerifierKey, old: VerifierKey, new: VerifierKey, text: str) -> None:
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if base64.b64encode(signature).decode("ascii") != text or not key.verifies(rotation_text(old, new), signature):
        raise InvalidRotation(f"the signature of the {'old' if key == old else 'new'} key is wrong")
