"""Candidates in every text of a blob, block by block: the expensive part, done once for each block.

A process that finds needs a description of the work (`Finding`) and a detector; what it found goes into the journal as
places and kinds, never as words. Who does the blocks, this process or several (`scale`), changes nothing of it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from tunewarden.domain.canonical import decode, digest_of, from_plain
from tunewarden.domain.deidentification import Profile
from tunewarden.domain.errors import Corrupted, Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.blocks import MOST_BYTES, MOST_RECORDS, Block, Blocks, Journal, journal_key, lines_of
from tunewarden.steps.deidentify.detector import Detector, Recognise
from tunewarden.steps.deidentify.recognisers import recognisers
from tunewarden.steps.deidentify.spans import Span
from tunewarden.usecases.ports import Blobs

OpenBlobs = Callable[[], Blobs]
"""Opens the blobs anew, in whatever process it is called. It travels to the workers, so it may hold no key that is
stored anywhere, only where one lies; and those of a step under way, which are lent to them in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How a process makes its detector. `models` and `threads` as in `Detector`."""

    models: Path | None = None
    threads: int = 1
    recognise: Recognise = recognisers

    def detector(self, profile: bytes) -> Detector:
        """The detector of a profile in its canonical form. Raises as `Detector` does."""
        return Detector(
            from_plain(Profile, decode(profile)), models=self.models, threads=self.threads, recognise=self.recognise
        )


class Finds(Protocol):
    """What is needed of a detector."""

    def find(self, texts: Sequence[str], *, scale: float = 1.0) -> list[list[Span]]:
        """Candidates in each text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Which texts are read how, and where the journal lies. It holds no text and can be sent to another process.

    Attributes:
        blob: one canonical JSON object with a member "text" a line.
        profile: its canonical bytes.
        detector: digest of what recognises; another detector has another journal.
        scale: of the thresholds, as in `Detector.find`.
        scratch: folder for journals, of this job alone.
        key: of the journal, from `journal_key`.
    """

    blob: Digest
    profile: bytes
    detector: Digest
    scale: float
    scratch: Path
    key: bytes = field(repr=False)

    def journal(self) -> Journal:
        """Of this very work."""
        return Journal(self.scratch / self.name(), self.key)

    def name(self) -> str:
        """The journal's folder; it says nothing of the texts."""
        return journal_name(self.blob, self.profile, self.detector, self.scale)


def journal_name(blob: Digest, profile: bytes, detector: Digest, scale: float) -> str:
    """The same for the same work only."""
    work = [blob, decode(profile), detector, repr(scale), MOST_RECORDS, MOST_BYTES]
    return "found-" + digest_of(work).removeprefix("sha256:")


def finding(blob: Digest, *, profile: bytes, detector: Digest, scale: float, scratch: Path, secret: bytes) -> Finding:
    """The work on one blob; the journal's key is derived from `secret`."""
    name = journal_name(blob, profile, detector, scale)
    return Finding(
        blob=blob,
        profile=profile,
        detector=detector,
        scale=scale,
        scratch=scratch,
        key=journal_key(secret, name),
    )


def find_block(stream: BinaryIO, block: Block, detector: Finds, work: Finding, journal: Journal) -> None:
    """Do one block, unless it is done. Raises what the detector raises, with the record's index."""
    if journal.get(block.number) is not None:
        return
    texts = [_text(line) for line in lines_of(stream, block)]
    journal.put(block.number, _packed(_found(detector, texts, block.first, work.scale)))


def undone(blocks: Blocks, journal: Journal) -> list[int]:
    """Numbers of the blocks that have still to be done."""
    return [block.number for block in blocks if journal.get(block.number) is None]


def found_in(blocks: Blocks, journal: Journal) -> Iterator[list[Span]]:
    """What was found in each record of the blob, in order. Raises `Corrupted` where the journal does not have it."""
    for block in blocks:
        found = _unpacked(journal.made(block.number))
        if len(found) != block.records:
            raise Corrupted("scratch_lost", f"What was made of block {block.number} is of another block.")
        yield from found


def _found(detector: Finds, texts: Sequence[str], first: int, scale: float) -> list[list[Span]]:
    try:
        return detector.find(texts, scale=scale)
    except Refused:
        if len(texts) == 1:
            raise
    found: list[list[Span]] = []  # one after the other, to say which one it is
    for index, text in enumerate(texts, start=first):
        try:
            found += detector.find([text], scale=scale)
        except Refused as refused:
            raise type(refused)(
                refused.code,
                f"Record {index} (counted from 0): {refused.reason}",
                remedy=refused.remedy,
                who=refused.who,
                param=refused.param,
            ) from None
    return found


def _text(line: bytes) -> str:
    record = decode(line)
    if not isinstance(record, dict) or not isinstance(text := record.get("text"), str):
        raise Corrupted("record_without_text", "A record has no text.")
    return text


def _packed(found: Sequence[Sequence[Span]]) -> bytes:
    rows = [[[span.start, span.end, span.entity.value, float(span.score)] for span in spans] for spans in found]
    return json.dumps(rows, separators=(",", ":")).encode()


def _unpacked(made: bytes) -> list[list[Span]]:
    return [
        [Span(start=start, end=end, entity=EntityType(entity), score=score) for start, end, entity, score in spans]
        for spans in json.loads(made)
    ]
