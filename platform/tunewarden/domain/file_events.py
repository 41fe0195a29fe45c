"""Facts about uploads and how they end: a part of the closed set of `events.py`, under the same law.

Of a part only its size is said: a part may be so short that its digest could be guessed.
"""

from dataclasses import dataclass, field

from tunewarden.domain.canonical import LATER
from tunewarden.domain.files import UploadState
from tunewarden.domain.names import EVERYWHERE, FileId, PartId, ProjectId, UploadId


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTaken:
    """Who had uploaded it got its content back."""

    file: FileId


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDeleted:
    """Somebody deleted an upload: so many keys of its content were destroyed; 0 where that was done before."""

    file: FileId
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileExpired:
    """The same, because the time was over for which it was to be kept."""

    file: FileId
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadBegun:
    """A file of so many bytes comes in parts."""

    upload: UploadId
    size: int
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAdded:
    """A part of so many bytes came."""

    upload: UploadId
    part: PartId
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadEnded:
    """It is complete, and a file; or was given up; its parts are gone, with so many keys."""

    upload: UploadId
    state: UploadState
    keys: int
    file: FileId | None


FileEvent = FileTaken | FileDeleted | FileExpired | UploadBegun | PartAdded | UploadEnded
