"""Uploads that come in parts, and how long what was uploaded is kept: the rules, without any bytes.

Names and bounds are those of the OpenAI API (`/v1/files`, `/v1/uploads`), so that its client works unchanged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tunewarden.domain.canonical import LATER
from tunewarden.domain.errors import IllegalTransition, Malformed
from tunewarden.domain.names import EVERYWHERE, Digest, FileId, PartId, PrincipalId, ProjectId, UploadId

UPLOAD_LASTS = timedelta(hours=1)
"""From its beginning; then its parts are gone, whether all had come or not."""
SHORTEST_LIFE, LONGEST_LIFE = timedelta(hours=1), timedelta(days=30)
"""How long a file may be asked to be kept."""
MOST_PARTS = 1000
MOST_PENDING = 16
"""Uploads of one person that are under way at once."""
LARGEST_PART = 64 * 1024 * 1024
"""Bytes."""


class UploadState(StrEnum):
    """How far an upload is; `EXPIRED` is never stored before its parts are gone."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes that came; `size` is how many. Which part of the file it is, is said at the end."""

    id: PartId
    digest: Digest
    size: int
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of `size` bytes that comes in parts; once complete it is `file`.

    Attributes:
        parts: in the order in which they came; empty once the upload is over.
        lifetime_seconds: for how long the file is to be kept, from when it is whole; None for as long as it is needed.
    """

    id: UploadId
    owner: PrincipalId
    filename: str
    purpose: str
    size: int
    begun_at: datetime
    parts: tuple[Part, ...] = ()
    state: UploadState = UploadState.PENDING
    file: FileId | None = None
    lifetime_seconds: int | None = None
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)

    @property
    def expires_at(self) -> datetime:
        """From when on nothing more is taken."""
        return self.begun_at + UPLOAD_LASTS

    def state_at(self, now: datetime) -> UploadState:
        """How far it is, whether its parts have been collected yet or not."""
        is_over = self.state is UploadState.PENDING and now >= self.expires_at
        return UploadState.EXPIRED if is_over else self.state

    def require_pending(self, now: datetime) -> None:
        """Raise `IllegalTransition` for one that is over."""
        state = self.state_at(now)
        if state is not UploadState.PENDING:
            raise IllegalTransition(
                "upload_over", f"The upload is {state}: nothing more is taken.", remedy="Begin another upload."
            )

    def with_part(self, part: Part, now: datetime) -> "Upload":
        """With one part more. Raises `IllegalTransition`, and `Malformed` for an empty one, one too many or too much.

        The client repeats a part whose answer was lost, so twice the bytes are taken, of which the caller then chooses.
        """
        self.require_room(part.size, now)
        return replace(self, parts=(*self.parts, part))

    def require_room(self, size: int, now: datetime) -> None:
        """Raise as `with_part` does for a part of so many bytes."""
        self.require_pending(now)
        if size == 0:
            raise Malformed("part_empty", "The part has no bytes.", param="data")
        if len(self.parts) >= MOST_PARTS:
            raise Malformed("parts_too_many", f"An upload has at most {MOST_PARTS} parts.", param="data")
        if sum(one.size for one in self.parts) + size > 2 * self.size:
            raise Malformed(
                "parts_too_large", "The parts are more than twice the file that was announced.", param="data"
            )

    def ordered(self, chosen: Sequence[PartId], now: datetime) -> Sequence[Part]:
        """The parts that make the file. Raises `IllegalTransition`, and `Malformed` where they do not.

        Each is one of ours, stands once, and together they have exactly the bytes that were announced.
        """
        self.require_pending(now)
        known = {part.id: part for part in self.parts}
        if len(set(chosen)) < len(chosen) or not known.keys() >= set(chosen):
            raise Malformed("parts_unknown", "A part stands twice, or is none of this upload.", param="part_ids")
        parts = [known[one] for one in chosen]
        size = sum(part.size for part in parts)
        if size != self.size:
            raise Malformed(
                "upload_size_differs",
                f"The parts have {size} bytes, and {self.size} were announced.",
                param="part_ids",
            )
        return parts

    def ended(self, state: UploadState, file: FileId | None = None) -> "Upload":
        """Over, without its parts and without its name, which the file has."""
        return replace(self, state=state, file=file, parts=(), filename="")


def file_of(upload: UploadId) -> FileId:
    """Which file it becomes: the same however often it is completed."""
    return FileId(f"file-{upload.removeprefix('upload-')}")


def require_lifetime(seconds: int | None) -> None:
    """Raise `Malformed` for a time that is too short or too long to keep a file; None is as long as it is needed."""
    shortest, longest = int(SHORTEST_LIFE.total_seconds()), int(LONGEST_LIFE.total_seconds())
    if seconds is not None and not shortest <= seconds <= longest:
        raise Malformed(
            "lifetime_out_of_range",
            f"A file is kept {shortest} to {longest} seconds.",
            param="expires_after.seconds",
        )
