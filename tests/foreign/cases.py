"""What every foreign verifier is asked: our proofs and checkpoints as we make them, and altered ones.

A case is one line of JSON, so that a program in another language answers all of them in one call. Binary values are
base64. `valid` is what the verifier must say; it is told, but a program that answered by it would be ours.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import COSIGNATURE, SignerKey, TreeHead, add_signature, cosign, sign_note

LARGEST = 65  # leaves: 65 * 66 / 2 = 2,145 pairs of index and size
DEEP = 65_537  # leaves of one tree more, with long proofs
DEEP_INDICES = (0, 1, 21_845, 65_534, 65_535, 65_536)
KEY = SignerKey("log.example/2026", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ENTRIES = tuple(b'{"entry":%d}' % number for number in range(DEEP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question: its kind, what was done to it, and its values."""

    kind: str
    altered: str  # empty: as we made it
    fields: dict[str, Any]

    @property
    def valid(self) -> bool:
        return not self.altered

    def line(self) -> str:
        """One line of JSON, without the answer."""
        return json.dumps({"kind": self.kind, **_encoded(self.fields)})


def lines(cases: Sequence[Case]) -> str:
    return "".join(f"{case.line()}\n" for case in cases)


def wrong(cases: Sequence[Case], answers: Sequence[bool]) -> list[str]:
    """The cases that were answered otherwise than they must be."""
    assert len(answers) == len(cases)
    return [
        f"{case.kind} {case.altered or 'as made'}: {case.line()[:120]}"
        for case, answer in zip(cases, answers, strict=True)
        if answer is not case.valid
    ]


def inclusion_cases() -> Iterator[Case]:
    """Every leaf of every tree of 1 to 65 leaves and six of a large one, as made and in up to seven alterations."""
    for size in (*range(1, LARGEST + 1), DEEP):
        tree = Tree(map(leaf_hash, ENTRIES[:size]))
        for index in range(size) if size <= LARGEST else DEEP_INDICES:
            made = {
                "index": index,
                "size": size,
                "entry": ENTRIES[index],
                "proof": tree.inclusion_proof(index),
                "root": tree.root(),
            }
            yield Case(kind="inclusion", altered="", fields=made)
            for altered, changes in _altered_inclusion(made):
                yield Case(kind="inclusion", altered=altered, fields={**made, **changes})


def consistency_cases() -> Iterator[Case]:
    """Every pair of sizes from 1 to 65 and six with a large tree, as made and in up to six alterations."""
    trees = {size: Tree(map(leaf_hash, ENTRIES[:size])) for size in (*range(1, LARGEST + 1), DEEP)}
    trees |= {index + 1: Tree(map(leaf_hash, ENTRIES[: index + 1])) for index in DEEP_INDICES}
    for size in (*range(1, LARGEST + 1), DEEP):
        for old_size in range(1, size + 1) if size <= LARGEST else (index + 1 for index in DEEP_INDICES):
            made = {
                "old_size": old_size,
                "size": size,
                "proof": trees[size].consistency_proof(old_size),
                "old_root": trees[old_size].root(),
                "root": trees[size].root(),
            }
            yield Case(kind="consistency", altered="", fields=made)
            for altered, changes in _altered_consistency(made):
                yield Case(kind="consistency", altered=altered, fields={**made, **changes})


def checkpoint_cases() -> Iterator[Case]:
    """Our signed checkpoint, also with other signatures around ours, and in eight alterations."""
    head = TreeHead(KEY.name, 7, Tree(map(leaf_hash, ENTRIES[:7])).root())
    made = sign_note(head.text(), KEY)
    witness = SignerKey("witness.example", Ed25519PrivateKey.from_private_bytes(bytes(32)), COSIGNATURE)
    forger = SignerKey(KEY.name, Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01"))
    stranger = SignerKey("stranger.example", forger.private)
    text, signature = made.split("\n\n")
    broken = base64.b64encode(flipped(base64.b64decode(signature.split(" ")[2]), 100)).decode()
    forms = {
        "": made,
        "size": made.replace("\n7\n", "\n8\n"),
        "origin": made.replace("log.example/2026\n", "log.example/2027\n", 1),
        "root": made.replace(text.split("\n")[2], base64.b64encode(bytes(32)).decode()),
        "signature": f"{text}\n\n{signature.rsplit(' ', 1)[0]} {broken}\n",
        "signed by another key of that name": sign_note(head.text(), forger),
        "signed by nobody known": sign_note(head.text(), stranger),
        "CRLF": made.replace("\n", "\r\n"),
        "cut off": text + "\n",
    }
    for altered, note in forms.items():
        yield _checkpoint(note, altered)
    yield _checkpoint(add_signature(made, sign_note(head.text(), stranger).split("\n\n")[1]))
    yield _checkpoint(add_signature(made, cosign(made, witness, 1_800_000_000)))


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit changed, counted from the front and round again."""
    place, shift = divmod(bit % (8 * len(data)), 8)
    return data[:place] + bytes([data[place] ^ 1 << shift]) + data[place + 1 :]


def _checkpoint(note: str, altered: str = "") -> Case:
    spki = bytes.fromhex("302a300506032b6570032100") + KEY.verifier.public  # RFC 8410
    fields = {"note": note.encode(), "vkey": KEY.verifier.vkey, "key_id": KEY.verifier.key_id, "spki": spki}
    return Case(kind="checkpoint", altered=altered, fields=fields)


def _altered_inclusion(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    index, size, proof = made["index"], made["size"], made["proof"]
    bit = 31 * index + size
    yield "entry", {"entry": flipped(made["entry"], bit)}
    yield "root", {"root": flipped(made["root"], bit)}
    yield "one hash more", {"proof": [*proof, bytes(32)]}
    yield "index beyond the size", {"index": size}
    if proof:
        yield "hash", {"proof": _with_flipped(proof, bit)}
        yield "one hash fewer", {"proof": proof[:-1]}
        yield "another index", {"index": (index + 1) % size}


def _altered_consistency(made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    proof = made["proof"]
    bit = 31 * made["old_size"] + made["size"]
    yield "old root", {"old_root": flipped(made["old_root"], bit)}
    yield "new root", {"root": flipped(made["root"], bit)}
    yield "one hash more", {"proof": [*proof, bytes(32)]}
    if proof:
        yield "hash", {"proof": _with_flipped(proof, bit)}
        yield "one hash fewer", {"proof": proof[:-1]}
        yield "roots exchanged", {"old_root": made["root"], "root": made["old_root"]}


def _with_flipped(proof: Sequence[bytes], bit: int) -> list[bytes]:
    place = bit % len(proof)
    return [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]]


def _encoded(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in fields.items()}


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return [_text(item) for item in value] if isinstance(value, list) else value
