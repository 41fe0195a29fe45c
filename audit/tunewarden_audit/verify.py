"""Verifying a lineage bundle: a numbered recipe, for a reader who does not trust whoever wrote the bundle.

It opens no socket, reads no clock and no file, and knows nothing of Tunewarden's own code. What a verdict does *not*
say stands in FORMAT.md, section "What a verdict does not show".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tunewarden_audit import bundle, canonical, curve, declared, excess, merkle, note, retold, ruled, twins
from tunewarden_audit.attestations import NAMED_BY, verify_attestations
from tunewarden_audit.canonical import NotCanonical
from tunewarden_audit.merkle import InvalidProof
from tunewarden_audit.note import TreeHead, VerifierKey
from tunewarden_audit.quorum import witnessed
from tunewarden_audit.recipe import Check, Found, Grade, Recipe, Report, Stopped
from tunewarden_audit.trust import Trust, read_trust

__all__ = ["Check", "Grade", "Report", "verify"]

LONGEST_ENTRY = 65_535  # bytes: the limit of C2SP tlog-tiles
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")

Entries = Mapping[int, Mapping[str, Any]]

Files = Mapping[str, bytes]


def verify(
    data: bytes,
    keys: Sequence[VerifierKey] = (),
    since: bytes | None = None,
    *,
    witnesses: Sequence[VerifierKey] = (),
    quorum: int | None = None,
) -> Report:
    """Verify a bundle; total: every input gives a report, none raises.

    `keys` are the log's keys as the auditor got them over another channel; without any, the one in the bundle is used
    and the verdict is at most INCOMPLETE. `since` is a checkpoint of the same log that the auditor kept: then the
    bundle's head must grow out of it, shown by consistency/<its size>.json in the bundle. `witnesses` are the keys of
    witnesses whom the auditor trusts to see what others see; `quorum` of them (all, unless given) must have cosigned.
    """
    recipe = Recipe()

    # 1. The archive is well formed and has the one byte sequence that its content gives.
    files = recipe.check("archive", lambda: _archive(data))
    if files is None:
        return recipe.report()

    # 2. Every file is known to the format and has the digest that the manifest lists; none is missing.
    recipe.check("manifest", lambda: _manifest(files))

    # 3. Whose signature counts: the auditor's key, not the bundle's, and what it handed over to or took over from.
    trusted = recipe.check("key", lambda: _key(files, keys))

    # 4. The log signed this tree head: from here on the root is trusted.
    head = recipe.check("tree head", lambda: _head(files, trusted))

    # 5. Every entry can be read in one way only.
    entries = recipe.check("entries", lambda: _entries(files))

    # 6. Every entry is in the signed tree, at its index.
    recipe.check("inclusion", lambda: _inclusion(files, head))

    # 7. Every document is the one that an entry names.
    recipe.check("documents", lambda: _documents(files, entries))

    # 8. The lineage rests on entries that are here, and on all of them, and does not contradict them.
    recipe.check("lineage", lambda: _lineage(files, entries))

    # 9. What was signed when the model was registered is about its adapter, by the key that the log names.
    recipe.check("attestations", lambda: _attestations(files, entries))

    # 10. The log that the auditor saw before is the beginning of this one.
    if since is not None:
        recipe.check("history", lambda: _history(files, trusted, head, since))

    # 11. Others have seen this head: the log did not show it to this auditor alone.
    if witnesses or quorum is not None:
        recipe.check("witnesses", lambda: witnessed(_file(files, bundle.CHECKPOINT), witnesses, quorum))
    return recipe.report()


def _archive(data: bytes) -> Found[dict[str, bytes]]:
    files = bundle.read_bundle(data)
    return Found(files, f"{len(files)} files, {len(data):,} bytes, exactly as the format writes them")


def _manifest(files: Files) -> Found[None]:
    listed = _listed(_file(files, bundle.MANIFEST))
    for name in sorted(files.keys() - {bundle.MANIFEST}):
        if not bundle.is_known(name):
            raise Stopped(f"{name} is not a file of this format")
        if listed.get(name) != hashlib.sha256(files[name]).hexdigest():
            raise Stopped(f"{name} does not have the digest in {bundle.MANIFEST}")
    if missing := sorted(listed.keys() - files.keys()):
        raise Stopped(f"{missing[0]!a} is in {bundle.MANIFEST} but not in the bundle")
    if bundle.manifest(files) != files[bundle.MANIFEST]:
        raise Stopped(f"{bundle.MANIFEST} is not written as sha256sum writes it, sorted by name")
    if absent := sorted(bundle.REQUIRED - files.keys()):
        raise Stopped(f"{absent[0]} is not in the bundle", Grade.INCOMPLETE)
    return Found(None, f"{len(listed)} files have the digests that {bundle.MANIFEST} lists")


def _key(files: Files, keys: Sequence[VerifierKey]) -> Found[Trust]:
    text = _text(files, bundle.VKEY)
    advertised = note.load_key(text)
    if text != f"{advertised.vkey}\n":
        raise Stopped(f"{bundle.VKEY} is not one line with the key and nothing else")
    fingerprint = advertised.fingerprint
    trust = read_trust(keys or (advertised,), _raw_entries(files))
    if not keys:
        because = f"taken from the bundle itself; compare its fingerprint with the log's owner: {fingerprint}"
        return Found(trust, because, Grade.INCOMPLETE)
    if advertised not in trust.newest:
        because = f"{bundle.VKEY} holds another key than yours or its successor; its fingerprint is {fingerprint}"
        return Found(trust, because, Grade.INVALID)
    if advertised not in keys:
        return Found(trust, f"your key handed the log over to the one with fingerprint {fingerprint}")
    return Found(trust, f"given by you, fingerprint {fingerprint}")


def _head(files: Files, trusted: Trust | None) -> Found[TreeHead]:
    if trusted is None:
        raise Stopped("not checked: there is no key to trust", Grade.INCOMPLETE)
    head = trusted.signed_head(_file(files, bundle.CHECKPOINT))
    if head.size == 0:
        raise Stopped("the signed log is empty: a head of size 0 proves nothing")
    return Found(head, f"{head.origin!a} signed size {head.size}, root {head.root.hex()}")


def _entries(files: Files) -> Found[Entries]:
    entries: dict[int, Mapping[str, Any]] = {}
    for index in bundle.numbered(files, "entries"):
        name = bundle.entry_name(index)
        entries[index] = _entry(name, files[name])
    if not entries:
        raise Stopped("the bundle holds no entry", Grade.INCOMPLETE)
    return Found(entries, f"{len(entries)} entries, each canonical JSON with time, type and actor")


def _inclusion(files: Files, head: TreeHead | None) -> Found[None]:
    if head is None:
        raise Stopped("not checked: there is no signed tree head", Grade.INCOMPLETE)
    indices = bundle.numbered(files, "entries")
    for index in indices:
        _included(files, index, head)
    if idle := sorted(set(bundle.numbered(files, "proofs")) - set(indices)):
        raise Stopped(f"{bundle.proof_name(idle[0])} proves an entry that is not here")
    return Found(None, f"{len(indices)} entries are in the signed tree of size {head.size}")


def _documents(files: Files, entries: Entries | None) -> Found[None]:
    if entries is None:
        raise Stopped("not checked: the entries cannot be read", Grade.INCOMPLETE)
    named = set(retold.digests(list(entries.values())))
    held = bundle.document_digests(files)
    documents: dict[str, object] = {}
    for digest in held:
        name = bundle.document_name(digest)
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise Stopped(f"{name} does not have the digest in its name")
        if digest not in named:
            raise Stopped(f"{name} is named by no entry")
        documents[digest] = _decoded(name, files[name])
    compared = declared.require_declared(entries, documents)
    ruled.require_ruled(entries, documents)
    excess.require_excess(entries, documents)
    twins.require_asked(entries, documents)
    curve.require_curve(entries, documents)
    signed = {hashlib.sha256(files[name]).hexdigest() for name in bundle.ATTESTATIONS & files.keys()}
    outside = len(named - set(held) - signed)
    groups = "; groups of people were compared as the plan had declared" if compared else ""
    return Found(None, f"{len(held)} documents, each named by an entry; {outside} named digests stay outside{groups}")


def _lineage(files: Files, entries: Entries | None) -> Found[None]:
    lineage = _decoded(bundle.LINEAGE, _file(files, bundle.LINEAGE))
    cited = lineage.get("entries") if isinstance(lineage, dict) else None
    if not isinstance(cited, list) or any(type(index) is not int for index in cited) or cited != sorted(set(cited)):
        raise Stopped(f"{bundle.LINEAGE} has no sorted list of log indices named entries")
    held = set(bundle.numbered(files, "entries"))
    if uncited := sorted(held - set(cited)):
        raise Stopped(f"entry {uncited[0]} is in the bundle but {bundle.LINEAGE} does not cite it")
    if missing := sorted(set(cited) - held):
        raise Stopped(f"entry {missing[0]} is cited but not in the bundle", Grade.INCOMPLETE)
    if entries is None:
        raise Stopped("not checked: the entries cannot be read", Grade.INCOMPLETE)
    return Found(None, f"all {len(cited)} cited entries are here; {_retold(files, entries)} agree with them")


def _retold(files: Files, entries: Entries) -> str:
    """The names of the files that tell the entries again, as far as they are here; none contradicts them."""
    documents = [_decoded(name, files[name]) for name in map(bundle.document_name, bundle.document_digests(files))]
    known = frozenset(retold.digests([*entries.values(), *documents]))
    told = [name for name in (bundle.LINEAGE, bundle.PROV) if name in files]
    for name in told:
        retold.require_faithful(name, _decoded(name, files[name]), entries, known)
    if bundle.PROV in files:
        retold.require_graph(_decoded(bundle.PROV, files[bundle.PROV]), entries)
    if bundle.VERDICTS in files:
        retold.require_verdicts(_decoded(bundle.VERDICTS, files[bundle.VERDICTS]), entries)
        told.append(bundle.VERDICTS)
    return ", ".join(told)


def _attestations(files: Files, entries: Entries | None) -> Found[None]:
    if entries is None:
        raise Stopped("not checked: the entries cannot be read", Grade.INCOMPLETE)
    held = sorted(bundle.ATTESTATIONS & files.keys())
    index, named, adapter = _named_attestations(entries)
    if index is None:
        if held:
            raise Stopped(f"{held[0]} is named by no entry")
        return Found(None, "none: no entry here names any")
    if missing := sorted(bundle.ATTESTATIONS - files.keys()):
        raise Stopped(f"{missing[0]} is named by entry {index} but not in the bundle", Grade.INCOMPLETE)
    verify_attestations(files, adapter, named)
    return Found(None, f"entry {index} names them; the release key signed the adapter {adapter} and its provenance")


def _named_attestations(entries: Entries) -> tuple[int | None, Mapping[str, str], str]:
    """The entry that registers the model with attestations, the digests it names, and the adapter's digest in hex."""
    found = []
    for index, entry in sorted(entries.items()):
        fact = entry.get("fact")
        if entry["type"] == "ModelRegistered" and isinstance(fact, dict):
            named = {member: fact[member] for member in NAMED_BY if isinstance(fact.get(member), str)}
            adapter = _DIGEST.fullmatch(str(fact.get("adapter")))
            if named and adapter is not None:
                found.append((index, named, adapter[1]))
    if len(found) > 1:
        raise Stopped(f"entries {found[0][0]} and {found[1][0]} both name attestations; a bundle is about one model")
    return found[0] if found else (None, {}, "")


def _history(files: Files, trusted: Trust | None, head: TreeHead | None, since: bytes) -> Found[None]:
    if trusted is None or head is None:
        raise Stopped("not checked: there is no signed tree head", Grade.INCOMPLETE)
    old = trusted.signed_head(since)
    if old.origin != head.origin:
        raise Stopped("your earlier checkpoint is of another log (its origin differs)")
    if old.size > head.size:
        raise Stopped(
            f"the log had {old.size} entries when you last saw it, here it has {head.size}: rolled back, or old",
            Grade.DIVERGED,
        )
    hashes: tuple[bytes, ...] = ()
    if old.size < head.size:
        name = bundle.consistency_name(old.size)
        if name not in files:
            raise Stopped(f"{name} is not in the bundle; ask for one made since size {old.size}", Grade.INCOMPLETE)
        proof = bundle.ConsistencyProof.decode(files[name])
        if (proof.old_size, proof.size) != (old.size, head.size):
            raise Stopped(f"{name} is about other sizes than {old.size} and {head.size}")
        hashes = proof.hashes
    try:
        merkle.verify_consistency(old.size, head.size, hashes, old.root, head.root)
    except InvalidProof as error:
        raise Stopped(str(error), Grade.DIVERGED) from None
    return Found(None, f"the log you saw at size {old.size} is the beginning of this one")


def _entry(name: str, data: bytes) -> dict[str, Any]:
    if len(data) > LONGEST_ENTRY:
        raise Stopped(f"{name} is longer than {LONGEST_ENTRY:,} bytes")
    entry = _decoded(name, data)
    if not isinstance(entry, dict) or type(entry.get("v")) is not int or entry["v"] != 1:
        raise Stopped(f"{name} is not an entry of version 1")
    at, kind, actor = (entry.get(member) for member in ("at", "type", "actor"))
    if not isinstance(at, str) or not _INSTANT.fullmatch(at):
        raise Stopped(f"{name} has no time like 2026-01-31T00:00:00.000Z in its member at")
    if not (isinstance(kind, str) and kind and isinstance(actor, str) and actor):
        raise Stopped(f"{name} lacks type or actor")
    return entry


def _included(files: Files, index: int, head: TreeHead) -> None:
    name = bundle.proof_name(index)
    proof = bundle.InclusionProof.decode(_file(files, name))
    if (proof.index, proof.size) != (index, head.size):
        raise Stopped(f"{name} is about another index or size than {index} and {head.size}")
    leaf = merkle.leaf_hash(files[bundle.entry_name(index)])
    try:
        merkle.verify_inclusion(index, head.size, leaf, proof.hashes, head.root)
    except InvalidProof as error:
        raise Stopped(f"{bundle.entry_name(index)}: {error}") from None


def _listed(data: bytes) -> dict[str, str]:
    """Name to digest, as far as the lines can be read: the exact form is checked once every digest has been."""
    lines = (line.partition("  ") for line in data.decode("ascii", "replace").splitlines())
    return {name: digest for digest, _, name in lines}


def _decoded(name: str, data: bytes) -> object:
    try:
        return canonical.decode(data)
    except NotCanonical as error:
        raise Stopped(f"{name}: {error}") from None


def _raw_entries(files: Files) -> dict[int, bytes]:
    return {index: files[bundle.entry_name(index)] for index in bundle.numbered(files, "entries")}


def _file(files: Files, name: str) -> bytes:
    if name not in files:
        raise Stopped(f"{name} is not in the bundle", Grade.INCOMPLETE)
    return files[name]


def _text(files: Files, name: str) -> str:
    try:
        return _file(files, name).decode("utf-8")
    except UnicodeDecodeError:
        raise Stopped(f"{name} is not UTF-8") from None
