"""Sealing: extending the log's tree by the entries that wait, and signing the new head. Pure; the sealer does the I/O.

A log must never sign two heads that do not belong to one history. So the sealer keeps its last signed head outside the
database (see `custody`), and both functions here refuse when the database no longer holds what that head covers: a
restored backup, a truncated tail, a forked or edited database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tunewarden_audit.merkle import Frontier, leaf_hash
from tunewarden_audit.note import InvalidNote, SignerKey, TreeHead, VerifierKey, add_signature, open_note, sign_note
from tunewarden_audit.tiles import LARGEST_ENTRY
from tunewarden_audit.trust import Rotation, read_rotation


class RefusedToSign(Exception):
    """The sealer must stay down until a person has looked; signing would fork the log."""


class SignedStateBroken(RefusedToSign):
    """The sealer's own state does not hold together: another key is in force, or its parts disagree."""


class LogShortened(RefusedToSign):
    """The database holds fewer entries than were signed: a restored backup or a deleted tail."""


class LogRewritten(RefusedToSign):
    """The database holds other entries than were signed: an edit, a reordering or a fork."""


class RotationForged(RefusedToSign):
    """An entry claims to hand the log over to another key, and this log's key did not sign that."""


class RotationBegun(RefusedToSign):
    """The next entry hands the log over to another key, so this key must not sign beyond it."""

    def __init__(self, rotation: Rotation) -> None:
        super().__init__(
            f"entry {rotation.index} hands the log over to another key; "
            "finish that with: tunewarden log rotate-key NEW_KEY_FILE"
        )
        self.rotation = rotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What the sealer remembers: the last head it signed and just enough of the tree to go on from there."""

    checkpoint: str  # the signed note
    key: str  # vkey line of the key that signs from here on
    frontier: Frontier  # of exactly the signed leaves
    last_leaf: bytes  # leaf hash of the last signed entry, 32 bytes

    @property
    def size(self) -> int:
        return self.frontier.size

    @property
    def overlap(self) -> int:
        """The index from which `seal` wants leaf hashes next: the last signed entry, to see that it is still there."""
        return self.size - 1


def seal(key: SignerKey, last: Signed | None, leaf_hashes: Iterable[bytes]) -> Signed | None:
    """Sign a head over everything the log holds.

    `leaf_hashes` are those of the database's entries from index `last.overlap` on (from 0 when nothing was signed yet),
    in order, computed from the entries' bytes and not read from a stored column. Returns what must be written to the
    state file and flushed *before* the checkpoint is shown to anyone; None when the log is still empty. With nothing
    new the same head is signed again, which gives the same bytes. Raises RefusedToSign.
    """
    leaves = list(leaf_hashes)
    if last is not None:
        # 1. What we remember is what we signed.
        _require_own(key.verifier, last)
        # 2. The last entry we signed is still where it was.
        _require_overlap(last, leaves)
    if not leaves:
        return None
    # 3. Extend the tree by what is new.
    frontier = last.frontier.extend(leaves[1:]) if last else Frontier().extend(leaves)
    # 4. Sign. The point of no return is the caller's write to the state file.
    head = TreeHead(key.name, frontier.size, frontier.root())
    note = sign_note(head.text(), key)
    return Signed(checkpoint=note, key=key.verifier.vkey, frontier=frontier, last_leaf=leaves[-1])


def hand_over(old: SignerKey, new: SignerKey, last: Signed | None, overlap: Iterable[bytes], entry: bytes) -> Signed:
    """Sign the head that ends with the rotation with both keys; from there on only the new one signs.

    `overlap` is the leaf hash of the last signed entry as the database has it, nothing where none was signed yet;
    `entry` the bytes of the one after it. The new key's signature stands first. Once the result is in the state file,
    `seal` refuses the old key. Raises RefusedToSign.
    """
    # 1. These very bytes, whose hash is signed, say so: the database may have changed since somebody looked.
    index = 0 if last is None else last.size
    rotation = _rotation(index, entry)
    if rotation is None or (rotation.old, rotation.new) != (old.verifier, new.verifier):
        raise RotationForged(f"entry {index} does not hand the log over from this key to that one: call the auditor")
    # 2. The old key signs, and the new one.
    signed = seal(old, last, [*overlap, leaf_hash(entry)])
    assert signed is not None
    text, old_line = signed.checkpoint.rsplit("\n\n", 1)
    note = add_signature(sign_note(f"{text}\n", new), old_line)
    return replace(signed, checkpoint=note, key=new.verifier.vkey)


def signable(key: VerifierKey, first: int, bodies: Sequence[bytes]) -> Sequence[bytes]:
    """Which of the entries from index `first` on this key may sign: those before the one that retires it.

    Raises RotationBegun where that is the very first, RotationForged, and RefusedToSign for an entry that is too long.
    """
    for offset, body in enumerate(bodies):
        if len(body) > LARGEST_ENTRY:  # once signed, no bundle of static files could ever hold it
            raise RefusedToSign(f"entry {first + offset} is longer than {LARGEST_ENTRY:,} bytes: call the auditor")
        rotation = _rotation(first + offset, body)
        if rotation is None:
            continue
        if rotation.old != key:
            raise RotationForged(f"entry {first + offset} rotates another key than the log's: call the auditor")
        if offset == 0:
            raise RotationBegun(rotation)
        return bodies[:offset]
    return bodies


def require_length(last: Signed, found: int) -> None:
    """The database holds at least as many entries as were signed; raises LogShortened."""
    if found < last.size:
        raise LogShortened(_shortened(found, last.size))


def replay(key: VerifierKey, last: Signed, leaf_hashes: Iterable[bytes]) -> None:
    """At start: check that the database still holds the whole tree that was signed last; raises RefusedToSign.

    `leaf_hashes` are those of all entries from index 0, computed from the entries' bytes; what comes after the signed
    ones is not read. One hash per entry: about a second for a million.
    """
    # 1. What we remember is what we signed.
    _require_own(key, last)
    # 2. Everything we signed is still there,
    found = Frontier().extend(islice(leaf_hashes, last.size))
    if found.size < last.size:
        raise LogShortened(_shortened(found.size, last.size))
    # 3. and is what we signed.
    if found != last.frontier:
        raise LogRewritten(
            f"the first {last.size} entries of the database are not the ones that were signed; "
            "keep the database and the state file as they are and call the log's owner and the auditor"
        )


def _rotation(index: int, entry: bytes) -> Rotation | None:
    try:
        return read_rotation(index, entry)
    except ValueError as error:
        raise RotationForged(f"{error}; nobody but the sealer may write such an entry: call the auditor") from None


def _require_own(key: VerifierKey, last: Signed) -> None:
    if last.key != key.vkey:
        raise SignedStateBroken(
            f"the sealer's state is not signed by its key {key.name!a}: another key is in force. "
            "After a rotation give the sealer the new key; otherwise restore the state file of this key"
        )
    try:
        head = TreeHead.parse(open_note(last.checkpoint, [key]).text)
    except InvalidNote as error:
        raise SignedStateBroken(
            f"the sealer's state is not signed by its key {key.name!a}: {error}; restore the state file of this key"
        ) from None
    if (head.origin, head.size, head.root) != (key.name, last.frontier.size, last.frontier.root()):
        raise SignedStateBroken("the frontier in the sealer's state is not the tree it signed; restore the state file")


def _require_overlap(last: Signed, leaves: Sequence[bytes]) -> None:
    """What the database gave begins with the last signed entry."""
    if not leaves:
        raise LogShortened(_shortened(last.overlap, last.size))
    if leaves[0] != last.last_leaf:
        raise LogRewritten(
            f"entry {last.overlap} of the database is not the one that was signed; "
            "keep the database and the state file as they are and call the log's owner and the auditor"
        )


def _shortened(found: int, signed: int) -> str:
    return (
        f"the database holds at most {found} of the {signed} entries that were signed (a restored backup?); "
        "restore a newer copy of the database, never an older state file"
    )
