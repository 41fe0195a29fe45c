"""The lineage bundle: a zip archive with exactly one byte sequence for one content. FORMAT.md describes every file.

Members are stored, sorted by name, and dated 1980-01-01, so a bundle never expands, and reading ends with the simplest
of checks: writing the content again must give the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunewarden_audit import canonical

LARGEST_BUNDLE = 64 * 1024 * 1024  # bytes
MOST_FILES = 60_000  # a zip without extensions counts to 65,535

MANIFEST = "MANIFEST.sha256"
CHECKPOINT = "checkpoint"
VKEY = "vkey.txt"
LINEAGE = "lineage.json"
REPORT = "report.html"
REQUIRED = frozenset({MANIFEST, CHECKPOINT, VKEY, LINEAGE, REPORT})

VERDICTS = "verdicts.json"
PROV = "lineage.prov.json"
ML_BOM = "ml-bom.cdx.json"
MODEL_CARD = "model-card.md"
HOWTO = "HOWTO-VERIFY.txt"
EXPORTS = frozenset({VERDICTS, PROV, ML_BOM, MODEL_CARD, HOWTO})  # the entries told again in other people's formats

MODEL_SIGNATURE = "attestations/model.sig"
STATEMENT = "attestations/provenance.dsse.json"
RELEASE_KEY = "attestations/release-key.pem"
ATTESTATIONS = frozenset({MODEL_SIGNATURE, STATEMENT, RELEASE_KEY})  # all three or none

_NUMBERED = re.compile(r"(entries|proofs|consistency)/([0-9]{20})\.json")
_DOCUMENT = re.compile(r"documents/([0-9a-f]{64})\.json")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?")
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")  # PKWARE APPNOTE 6.3.9 section 4.3.7
_SIGNATURE = b"PK\x03\x04"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


class InvalidBundle(ValueError):
    """The archive, or a proof file in it, is not what the format says. The message never quotes content."""


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """proofs/<index>.json: the path of leaf `index` to the root of the tree of `size` leaves, lowest first."""

    index: int
    size: int
    hashes: tuple[bytes, ...]

    def encode(self) -> bytes:
        return canonical.encode({"hashes": _texts(self.hashes), "index": self.index, "size": self.size})

    @classmethod
    def decode(cls, data: bytes) -> InclusionProof:
        """Raises InvalidBundle. Not checked: whether it proves anything."""
        index, size, hashes = _proof_members(data, "index", "size")
        return cls(index, size, hashes)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """consistency/<old_size>.json: that the tree of `old_size` leaves is the beginning of the tree of `size` leaves."""

    old_size: int
    size: int
    hashes: tuple[bytes, ...]

    def encode(self) -> bytes:
        return canonical.encode({"hashes": _texts(self.hashes), "old_size": self.old_size, "size": self.size})

    @classmethod
    def decode(cls, data: bytes) -> ConsistencyProof:
        """Raises InvalidBundle. Not checked: whether it proves anything."""
        old_size, size, hashes = _proof_members(data, "old_size", "size")
        return cls(old_size, size, hashes)


def pack(
    *,
    checkpoint: str,
    vkey: str,
    entries: Mapping[int, bytes],
    proofs: Iterable[InclusionProof],
    documents: Iterable[bytes],
    lineage: bytes,
    report: bytes,
    consistency: Iterable[ConsistencyProof] = (),
    others: Mapping[str, bytes] | None = None,
) -> bytes:
    """The bundle of these contents: the same contents give the same bytes.

    `entries` maps log index to the entry's exact bytes; `documents` are canonical JSON whose SHA-256 some entry names;
    `lineage` is canonical JSON with the member `entries`, the sorted indices it rests on; `others` are files of
    `EXPORTS` and `ATTESTATIONS` by name. Nothing is verified here: run `verify` on the result. Raises InvalidBundle
    when it would be larger than a reader accepts.
    """
    files = {CHECKPOINT: checkpoint.encode(), VKEY: f"{vkey}\n".encode(), LINEAGE: lineage, REPORT: report}
    files |= {entry_name(index): entry for index, entry in entries.items()}
    files |= {proof_name(proof.index): proof.encode() for proof in proofs}
    files |= {consistency_name(proof.old_size): proof.encode() for proof in consistency}
    files |= {document_name(hashlib.sha256(document).hexdigest()): document for document in documents}
    files |= others or {}
    files[MANIFEST] = manifest(files)
    return write_bundle(files)


def manifest(files: Mapping[str, bytes]) -> bytes:
    """MANIFEST.sha256 for these files, as `sha256sum` writes it; a manifest among them is left out."""
    names = sorted(name for name in files if name != MANIFEST)
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in names).encode()


def write_bundle(files: Mapping[str, bytes]) -> bytes:
    """The one archive of these files. Raises InvalidBundle for unsafe names and for more than a reader accepts."""
    if len(files) > MOST_FILES:
        raise InvalidBundle(f"{len(files):,} files are more than a bundle holds ({MOST_FILES:,})")
    if sum(map(len, files.values())) > LARGEST_BUNDLE:
        raise InvalidBundle(f"the files are larger than a bundle holds ({LARGEST_BUNDLE:,} bytes)")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            if not _SAFE_NAME.fullmatch(name):
                raise InvalidBundle(f"{name!a} is not a name that a bundle may hold")
            member = zipfile.ZipInfo(name, _FIRST_DAY)
            member.create_system = 3  # Unix, whatever wrote it
            member.external_attr = _REGULAR_FILE
            archive.writestr(member, files[name])
    return buffer.getvalue()


def read_bundle(data: bytes) -> dict[str, bytes]:
    """The files of a bundle by name; raises InvalidBundle for anything that `write_bundle` would not have written.

    Nothing is decompressed, so nothing can expand. Not checked: that the files are the ones a bundle needs.
    """
    if len(data) > LARGEST_BUNDLE:
        raise InvalidBundle(f"larger than {LARGEST_BUNDLE:,} bytes")
    if not data.startswith(_SIGNATURE):
        raise InvalidBundle("does not begin as a zip archive does")
    files: dict[str, bytes] = {}
    for name, body in _members(data):
        if name in files:
            raise InvalidBundle(f"{name} is there twice")
        files[name] = body
        if len(files) > MOST_FILES:
            raise InvalidBundle(f"more than {MOST_FILES:,} files")
    if write_bundle(files) != data:
        raise InvalidBundle("the bytes between or after the files are not the ones this content gives")
    return files


def entry_name(index: int) -> str:
    return f"entries/{index:020d}.json"


def proof_name(index: int) -> str:
    return f"proofs/{index:020d}.json"


def consistency_name(old_size: int) -> str:
    return f"consistency/{old_size:020d}.json"


def document_name(digest: str) -> str:
    """`digest` is the SHA-256 in 64 hex digits."""
    return f"documents/{digest}.json"


def is_known(name: str) -> bool:
    """Whether the format has a file of this name."""
    single = REQUIRED | EXPORTS | ATTESTATIONS
    return name in single or bool(_NUMBERED.fullmatch(name) or _DOCUMENT.fullmatch(name))


def numbered(files: Iterable[str], folder: str) -> list[int]:
    """The indices (or sizes) of the files in one of the numbered folders, ascending."""
    found = (_NUMBERED.fullmatch(name) for name in files)
    return sorted(int(match[2]) for match in found if match and match[1] == folder)


def document_digests(files: Iterable[str]) -> list[str]:
    """The digests in the names of the documents, ascending."""
    found = (_DOCUMENT.fullmatch(name) for name in files)
    return sorted(match[1] for match in found if match)


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and content of each member, walking the local headers from the front."""
    offset = 0
    while data[offset : offset + 4] == _SIGNATURE:
        if len(data) - offset < _LOCAL_HEADER.size:
            raise InvalidBundle("cut off inside a member's header")
        header = _LOCAL_HEADER.unpack_from(data, offset)
        method, checksum, stored, size, name_length, extra_length = header[3], *header[6:]
        name_end = offset + _LOCAL_HEADER.size + name_length
        start = name_end + extra_length
        name = data[offset + _LOCAL_HEADER.size : name_end].decode("ascii", "replace")
        if not _SAFE_NAME.fullmatch(name):
            raise InvalidBundle(f"{name[:100]!a} is not a name that a bundle may hold")
        if method != zipfile.ZIP_STORED or stored != size:
            raise InvalidBundle(f"{name} is compressed; a bundle's files are stored, so that none can expand")
        if start + size > len(data):
            raise InvalidBundle(f"cut off inside {name}")
        body = data[start : start + size]
        if zlib.crc32(body) != checksum:
            raise InvalidBundle(f"{name} does not have the checksum in its header")
        yield name, body
        offset = start + size


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(value).decode("ascii") for value in hashes]


def _proof_members(data: bytes, first: str, second: str) -> tuple[int, int, tuple[bytes, ...]]:
    """The two whole numbers and the hashes of a proof file with exactly these members."""
    try:
        value = canonical.decode(data)
    except canonical.NotCanonical as error:
        raise InvalidBundle(f"a proof file: {error}") from None
    if not isinstance(value, dict) or value.keys() != {first, second, "hashes"}:
        raise InvalidBundle(f"a proof file has the members hashes, {first} and {second}")
    numbers = (value[first], value[second])
    if any(type(number) is not int or number < 0 for number in numbers):
        raise InvalidBundle(f"{first} and {second} of a proof file are whole numbers")
    try:
        hashes = tuple(base64.b64decode(text, validate=True) for text in value["hashes"])
    except (binascii.Error, TypeError, ValueError):
        raise InvalidBundle("the hashes of a proof file are base64") from None
    if _texts(hashes) != value["hashes"]:
        raise InvalidBundle("the hashes of a proof file are a list of strict base64")
    return numbers[0], numbers[1], hashes
