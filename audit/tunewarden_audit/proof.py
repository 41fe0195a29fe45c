"""One file that proves one entry: c2sp.org/tlog-proof@v1, an inclusion proof and the checkpoint it leads to."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden_audit import merkle
from tunewarden_audit.merkle import HASH_BYTES, LONGEST_PROOF, InvalidProof
from tunewarden_audit.note import LONGEST_NOTE, TreeHead, VerifierKey, signed_head

FIRST_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class EntryProof:
    """The leaf at `index` of the tree that `checkpoint` (a signed note) is about; hashes lowest first."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    def text(self) -> str:
        """The file's content. We write no extra data, and read over that of others."""
        path = "".join(f"{base64.b64encode(value).decode('ascii')}\n" for value in self.hashes)
        return f"{FIRST_LINE}\nindex {self.index}\n{path}\n{self.checkpoint}"

    @classmethod
    def parse(cls, data: bytes) -> EntryProof:
        """Raises InvalidProof. Not checked: whether it proves anything."""
        if len(data) > LONGEST_NOTE:
            raise InvalidProof(f"the proof file is longer than {LONGEST_NOTE:,} bytes")
        try:
            head, separator, checkpoint = data.decode("utf-8").partition("\n\n")
        except UnicodeDecodeError:
            raise InvalidProof("the proof file is not UTF-8") from None
        lines = head.split("\n")
        if lines.pop(0) != FIRST_LINE or not separator:
            raise InvalidProof(f"a proof file begins with {FIRST_LINE} and has an empty line before the checkpoint")
        if lines and lines[0].startswith("extra "):
            _strict(lines.pop(0).removeprefix("extra "))  # not authenticated, so it means nothing here
        index = _INDEX.fullmatch(lines.pop(0)) if lines else None
        if index is None:
            raise InvalidProof("the proof file has no line with the entry's index where one belongs")
        if len(lines) > LONGEST_PROOF:
            raise InvalidProof(f"the proof has {len(lines)} hashes; no tree needs more than {LONGEST_PROOF}")
        return cls(int(index[1]), tuple(_hash(line) for line in lines), checkpoint)

    def verify(self, entry: bytes, keys: Sequence[VerifierKey]) -> TreeHead:
        """The signed head that covers the entry; raises InvalidProof or InvalidNote.

        1. A trusted key signed the checkpoint. 2. The path leads from the entry's leaf to its root.
        """
        # 1
        head = signed_head(self.checkpoint, keys)
        # 2
        merkle.verify_inclusion(self.index, head.size, merkle.leaf_hash(entry), self.hashes, head.root)
        return head


def _hash(line: str) -> bytes:
    value = _strict(line)
    if len(value) != HASH_BYTES:
        raise InvalidProof(f"a hash is not {HASH_BYTES} bytes long")
    return value


def _strict(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidProof("a line of the proof file is not base64") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise InvalidProof("a line of the proof file is not strict base64")
    return data
