"""Records cut into blocks, and what was made of each block, kept on disk until all of it is done.

Blocks are the same whatever does the work and however often it was begun, so that the same texts are always read
together: a model's last digits depend on what it reads at once.
"""

import secrets
import shutil
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tunewarden.domain.errors import Corrupted, Malformed

MOST_RECORDS = 256
MOST_BYTES = 1 << 18
LONGEST_LINE = 16 << 20
_NONCE_BYTES = 12

Check = Callable[[int, bytes], object]
"""(index of a record, its line) -> anything; raises for a line that is not a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Records that are read together.

    Attributes:
        number: of the block, from 0.
        first: index of its first record.
        offset: of that record's line in the blob, in bytes.
        records: how many, `MOST_RECORDS` at most, and of `MOST_BYTES` together unless it is one.
    """

    number: int
    first: int
    offset: int
    records: int


class Blocks:
    """Where every block of a blob lies: 16 bytes a block in memory."""

    def __init__(self, stream: BinaryIO, check: Check) -> None:
        """Read `stream` once. Raises what `check` raises, and `Malformed` for a line longer than `LONGEST_LINE`."""
        self._firsts, self._offsets = array("Q"), array("Q")
        self.records, offset, begun = 0, 0, 0
        while line := stream.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                raise _too_long(self.records)
            check(self.records, line.removesuffix(b"\n"))
            full = not self._firsts or self.records - self._firsts[-1] == MOST_RECORDS
            if full or offset + len(line) - begun > MOST_BYTES:
                self._firsts.append(self.records)
                self._offsets.append(offset)
                begun = offset
            self.records += 1
            offset += len(line)

    def __len__(self) -> int:
        return len(self._firsts)

    def __iter__(self) -> Iterator[Block]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> Block:
        first = self._firsts[number]
        after = self._firsts[number + 1] if number + 1 < len(self) else self.records
        return Block(number=number, first=first, offset=self._offsets[number], records=after - first)


def lines_of(stream: BinaryIO, block: Block) -> list[bytes]:
    """The lines of one block, without their line feeds; `stream` has to be seekable."""
    stream.seek(block.offset)
    lines = [stream.readline(LONGEST_LINE + 1).removesuffix(b"\n") for _ in range(block.records)]
    if not all(lines):
        raise Corrupted("block_cut_off", f"Block {block.number} does not have the records that it had before.")
    return lines


class Journal:
    """What was made of each block: a file for each, sealed with AES-256-GCM, the block's number as associated data.

    A file stands there whole or not at all. One that cannot be opened (another key, damage, another block's) counts as
    not there, and its block is done again. Several processes may write; two that do the same block write the same.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        """`key` has 32 bytes; whoever has it can read where identifiers stood, but no word of a text."""
        self._folder, self._cipher = folder, AESGCM(key)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, number: int, made: bytes) -> None:
        """Block `number` is done."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        draft = self._folder / f"{number}.{secrets.token_hex(8)}.draft"
        draft.write_bytes(nonce + self._cipher.encrypt(nonce, made, _bound_to(number)))
        draft.replace(self._folder / str(number))

    def get(self, number: int) -> bytes | None:
        """What was made of block `number`; None where it has still to be done."""
        try:
            sealed = (self._folder / str(number)).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(number))
        except (InvalidTag, ValueError):
            return None

    def made(self, number: int) -> bytes:
        """What was made of block `number`. Raises `Corrupted` where that is gone."""
        found = self.get(number)
        if found is None:
            raise Corrupted(
                "scratch_lost",
                f"What was made of block {number} is no longer in the scratch folder, or was changed there.",
                remedy="Let the step run again.",
                who="administrator",
            )
        return found

    def begin(self, number: int) -> int:
        """Somebody begins with block `number`; returns how often that happened since `nobody_began`."""
        with (self._folder / f"{number}.begun").open("ab") as file:
            file.write(b".")
            return file.tell()

    def nobody_began(self) -> None:
        """Forget who began with what and did not finish."""
        for begun in self._folder.glob("*.begun"):
            begun.unlink(missing_ok=True)

    def discard(self) -> None:
        """Take all of it away."""
        shutil.rmtree(self._folder, ignore_errors=True)


def journal_key(secret: bytes, name: str) -> bytes:
    """A key for the journal `name` alone (HKDF-SHA256, RFC 5869); `secret` cannot be derived from it."""
    return HKDF(
        algorithm=SHA256(), length=32, salt=None, info=b"tunewarden deidentify journal " + name.encode()
    ).derive(secret)


def _bound_to(number: int) -> bytes:
    return b"block " + str(number).encode()


def _too_long(record: int) -> Malformed:
    return Malformed(
        "text_too_long",
        f"Record {record} (counted from 0) has more than {LONGEST_LINE} bytes.",
        remedy="Split it into several records of the same person.",
        who="steward",
        param="file",
    )
