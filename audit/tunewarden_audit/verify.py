"""Verifying a lineage bundle: a numbered recipe, for a reader who does not trust whoever wrote the bundle.

It opens no socket, reads no clock and no file, and knows nothing of Tunewarden's own code. What a verdict does *not*
say stands in FORMAT.md, section "What a verdict does not show".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from tunewarden_audit import bundle, canonical, merkle, note
from tunewarden_audit.bundle import InvalidBundle
from tunewarden_audit.canonical import NotCanonical
from tunewarden_audit.merkle import InvalidProof
from tunewarden_audit.note import InvalidKey, InvalidNote, TreeHead, VerifierKey

LONGEST_ENTRY = 65_535  # bytes: the limit of C2SP tlog-tiles
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

T = TypeVar("T")
Files = Mapping[str, bytes]


class Grade(IntEnum):
    """What a check found, and the worst of them: the verdict. The number is the exit code."""

    CONSISTENT = 0
    INCOMPLETE = 3  # nothing contradicts, but something needed is not there
    DIVERGED = 4  # two heads that the log signed do not belong to one history
    INVALID = 5  # something is not what it says it is


@dataclass(frozen=True, slots=True)
class Check:
    """One step of the recipe and what came of it, in one line."""

    number: int
    name: str
    grade: Grade
    because: str


@dataclass(frozen=True, slots=True)
class Report:
    """All checks that were made, in the order of the recipe."""

    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Grade:
        """The worst grade: nothing good makes up for it."""
        return max(check.grade for check in self.checks)


class _Stopped(Exception):
    """A check that ends without a value for those after it."""

    def __init__(self, because: str, grade: Grade = Grade.INVALID) -> None:
        super().__init__(because)
        self.because = because
        self.grade = grade


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    """A value for the checks that follow, and what the report says of it."""

    value: T
    because: str
    grade: Grade = Grade.CONSISTENT


def verify(data: bytes, keys: Sequence[VerifierKey] = (), since: bytes | None = None) -> Report:
    """Verify a bundle; total: every input gives a report, none raises.

    `keys` are the log's keys as the auditor got them over another channel; without any, the one in the bundle is used
    and the verdict is at most INCOMPLETE. `since` is a checkpoint of the same log that the auditor kept: then the
    bundle's head must grow out of it, shown by consistency/<its size>.json in the bundle.
    """
    checks: list[Check] = []

    # 1. The archive is well formed and has the one byte sequence that its content gives.
    files = _check(checks, 1, "archive", lambda: _archive(data))
    if files is None:
        return Report(tuple(checks))

    # 2. Every file is known to the format and has the digest that the manifest lists; none is missing.
    _check(checks, 2, "manifest", lambda: _manifest(files))

    # 3. Whose signature counts: the auditor's key, not the bundle's.
    trusted = _check(checks, 3, "key", lambda: _key(files, keys))

    # 4. The log signed this tree head: from here on the root is trusted.
    head = _check(checks, 4, "tree head", lambda: _head(files, trusted))

    # 5. Every entry can be read in one way only.
    entries = _check(checks, 5, "entries", lambda: _entries(files))

    # 6. Every entry is in the signed tree, at its index.
    _check(checks, 6, "inclusion", lambda: _inclusion(files, head))

    # 7. Every document is the one that an entry names.
    _check(checks, 7, "documents", lambda: _documents(files, entries))

    # 8. The lineage rests on entries that are here, and on all of them.
    _check(checks, 8, "lineage", lambda: _lineage(files))

    # 9. The log that the auditor saw before is the beginning of this one.
    if since is not None:
        _check(checks, 9, "history", lambda: _history(files, trusted, head, since))
    return Report(tuple(checks))


def _check(checks: list[Check], number: int, name: str, step: Callable[[], _Found[T]]) -> T | None:
    """Make one check, write its line, and hand its value on; None when there is none."""
    try:
        found = step()
    except _Stopped as stop:
        checks.append(Check(number, name, stop.grade, stop.because))
    except (InvalidBundle, InvalidKey, InvalidNote, InvalidProof) as error:
        checks.append(Check(number, name, Grade.INVALID, str(error)))
    else:
        checks.append(Check(number, name, found.grade, found.because))
        return found.value
    return None


def _archive(data: bytes) -> _Found[dict[str, bytes]]:
    files = bundle.read_bundle(data)
    return _Found(files, f"{len(files)} files, {len(data):,} bytes, exactly as the format writes them")


def _manifest(files: Files) -> _Found[None]:
    listed = _listed(_file(files, bundle.MANIFEST))
    for name in sorted(files.keys() - {bundle.MANIFEST}):
        if not bundle.is_known(name):
            raise _Stopped(f"{name} is not a file of this format")
        if listed.get(name) != hashlib.sha256(files[name]).hexdigest():
            raise _Stopped(f"{name} does not have the digest in {bundle.MANIFEST}")
    if missing := sorted(listed.keys() - files.keys()):
        raise _Stopped(f"{missing[0]!a} is in {bundle.MANIFEST} but not in the bundle")
    if bundle.manifest(files) != files[bundle.MANIFEST]:
        raise _Stopped(f"{bundle.MANIFEST} is not written as sha256sum writes it, sorted by name")
    if absent := sorted(bundle.REQUIRED - files.keys()):
        raise _Stopped(f"{absent[0]} is not in the bundle", Grade.INCOMPLETE)
    return _Found(None, f"{len(listed)} files have the digests that {bundle.MANIFEST} lists")


def _key(files: Files, keys: Sequence[VerifierKey]) -> _Found[tuple[VerifierKey, ...]]:
    text = _text(files, bundle.VKEY)
    advertised = note.load_key(text)
    if text != f"{advertised.vkey}\n":
        raise _Stopped(f"{bundle.VKEY} is not one line with the key and nothing else")
    fingerprint = advertised.fingerprint
    if not keys:
        because = f"taken from the bundle itself; compare its fingerprint with the log's owner: {fingerprint}"
        return _Found((advertised,), because, Grade.INCOMPLETE)
    if advertised not in keys:
        because = f"{bundle.VKEY} holds another key than the one you gave; its fingerprint is {fingerprint}"
        return _Found(tuple(keys), because, Grade.INVALID)
    return _Found(tuple(keys), f"given by you, fingerprint {fingerprint}")


def _head(files: Files, trusted: Sequence[VerifierKey] | None) -> _Found[TreeHead]:
    if trusted is None:
        raise _Stopped("not checked: there is no key to trust", Grade.INCOMPLETE)
    head = _signed_head(_file(files, bundle.CHECKPOINT), trusted)
    if head.size == 0:
        raise _Stopped("the signed log is empty: a head of size 0 proves nothing")
    return _Found(head, f"{head.origin!a} signed size {head.size}, root {head.root.hex()}")


def _entries(files: Files) -> _Found[dict[int, object]]:
    entries = {}
    for index in bundle.numbered(files, "entries"):
        name = bundle.entry_name(index)
        entries[index] = _entry(name, files[name])
    if not entries:
        raise _Stopped("the bundle holds no entry", Grade.INCOMPLETE)
    return _Found(entries, f"{len(entries)} entries, each canonical JSON with time, type and actor")


def _inclusion(files: Files, head: TreeHead | None) -> _Found[None]:
    if head is None:
        raise _Stopped("not checked: there is no signed tree head", Grade.INCOMPLETE)
    indices = bundle.numbered(files, "entries")
    for index in indices:
        _included(files, index, head)
    if idle := sorted(set(bundle.numbered(files, "proofs")) - set(indices)):
        raise _Stopped(f"{bundle.proof_name(idle[0])} proves an entry that is not here")
    return _Found(None, f"{len(indices)} entries are in the signed tree of size {head.size}")


def _documents(files: Files, entries: Mapping[int, object] | None) -> _Found[None]:
    if entries is None:
        raise _Stopped("not checked: the entries cannot be read", Grade.INCOMPLETE)
    named = {digest for entry in entries.values() for digest in _digests(entry)}
    held = bundle.document_digests(files)
    for digest in held:
        name = bundle.document_name(digest)
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise _Stopped(f"{name} does not have the digest in its name")
        if digest not in named:
            raise _Stopped(f"{name} is named by no entry")
        _decoded(name, files[name])
    return _Found(
        None, f"{len(held)} documents, each named by an entry; {len(named - set(held))} named digests stay outside"
    )


def _lineage(files: Files) -> _Found[None]:
    lineage = _decoded(bundle.LINEAGE, _file(files, bundle.LINEAGE))
    cited = lineage.get("entries") if isinstance(lineage, dict) else None
    if not isinstance(cited, list) or any(type(index) is not int for index in cited) or cited != sorted(set(cited)):
        raise _Stopped(f"{bundle.LINEAGE} has no sorted list of log indices named entries")
    held = set(bundle.numbered(files, "entries"))
    if uncited := sorted(held - set(cited)):
        raise _Stopped(f"entry {uncited[0]} is in the bundle but {bundle.LINEAGE} does not cite it")
    if missing := sorted(set(cited) - held):
        raise _Stopped(f"entry {missing[0]} is cited but not in the bundle", Grade.INCOMPLETE)
    return _Found(None, f"all {len(cited)} cited entries are here")


def _history(files: Files, trusted: Sequence[VerifierKey] | None, head: TreeHead | None, since: bytes) -> _Found[None]:
    if trusted is None or head is None:
        raise _Stopped("not checked: there is no signed tree head", Grade.INCOMPLETE)
    old = _signed_head(since, trusted)
    if old.origin != head.origin:
        raise _Stopped("your earlier checkpoint is of another log (its origin differs)")
    if old.size > head.size:
        raise _Stopped(
            f"the log had {old.size} entries when you last saw it, here it has {head.size}: rolled back, or old",
            Grade.DIVERGED,
        )
    hashes: tuple[bytes, ...] = ()
    if old.size < head.size:
        name = bundle.consistency_name(old.size)
        if name not in files:
            raise _Stopped(f"{name} is not in the bundle; ask for one made since size {old.size}", Grade.INCOMPLETE)
        proof = bundle.ConsistencyProof.decode(files[name])
        if (proof.old_size, proof.size) != (old.size, head.size):
            raise _Stopped(f"{name} is about other sizes than {old.size} and {head.size}")
        hashes = proof.hashes
    try:
        merkle.verify_consistency(old.size, head.size, hashes, old.root, head.root)
    except InvalidProof as error:
        raise _Stopped(str(error), Grade.DIVERGED) from None
    return _Found(None, f"the log you saw at size {old.size} is the beginning of this one")


def _signed_head(text: bytes, trusted: Sequence[VerifierKey]) -> TreeHead:
    """The tree head in a checkpoint that a trusted key signed under the log's own name."""
    signed = note.open_note(text, trusted)
    head = TreeHead.parse(signed.text)
    if head.origin not in {key.name for key in signed.signed_by}:
        raise _Stopped("the origin of the checkpoint is not the name of the key that signed it")
    return head


def _entry(name: str, data: bytes) -> object:
    if len(data) > LONGEST_ENTRY:
        raise _Stopped(f"{name} is longer than {LONGEST_ENTRY:,} bytes")
    entry = _decoded(name, data)
    if not isinstance(entry, dict) or type(entry.get("v")) is not int or entry["v"] != 1:
        raise _Stopped(f"{name} is not an entry of version 1")
    at, kind, actor = (entry.get(member) for member in ("at", "type", "actor"))
    if not isinstance(at, str) or not _INSTANT.fullmatch(at):
        raise _Stopped(f"{name} has no time like 2026-01-31T00:00:00.000Z in its member at")
    if not (isinstance(kind, str) and kind and isinstance(actor, str) and actor):
        raise _Stopped(f"{name} lacks type or actor")
    return entry


def _included(files: Files, index: int, head: TreeHead) -> None:
    name = bundle.proof_name(index)
    proof = bundle.InclusionProof.decode(_file(files, name))
    if (proof.index, proof.size) != (index, head.size):
        raise _Stopped(f"{name} is about another index or size than {index} and {head.size}")
    leaf = merkle.leaf_hash(files[bundle.entry_name(index)])
    try:
        merkle.verify_inclusion(index, head.size, leaf, proof.hashes, head.root)
    except InvalidProof as error:
        raise _Stopped(f"{bundle.entry_name(index)}: {error}") from None


def _listed(data: bytes) -> dict[str, str]:
    """Name to digest, as far as the lines can be read: the exact form is checked once every digest has been."""
    lines = (line.partition("  ") for line in data.decode("ascii", "replace").splitlines())
    return {name: digest for digest, _, name in lines}


def _digests(value: object) -> Iterator[str]:
    """Every sha256:<hex> that stands as a whole string anywhere in an entry."""
    if isinstance(value, str):
        if match := _DIGEST.fullmatch(value):
            yield match[1]
    elif isinstance(value, list):
        for item in value:
            yield from _digests(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _digests(item)


def _decoded(name: str, data: bytes) -> object:
    try:
        return canonical.decode(data)
    except NotCanonical as error:
        raise _Stopped(f"{name}: {error}") from None


def _file(files: Files, name: str) -> bytes:
    if name not in files:
        raise _Stopped(f"{name} is not in the bundle", Grade.INCOMPLETE)
    return files[name]


def _text(files: Files, name: str) -> str:
    try:
        return _file(files, name).decode("utf-8")
    except UnicodeDecodeError:
        raise _Stopped(f"{name} is not UTF-8") from None
