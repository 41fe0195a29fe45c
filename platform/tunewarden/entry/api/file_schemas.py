"""How files and uploads travel over the API: as the OpenAI contract has them, ours beside it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tunewarden.domain.files import MOST_PARTS, Part, Upload
from tunewarden.domain.names import UploadId
from tunewarden.entry.api.numbers import Whole
from tunewarden.entry.api.schemas import Json, Lenient, Word, place_out
from tunewarden.usecases.ports import StoredFile


class ExpiresAfterIn(Lenient):
    anchor: Literal["created_at"]
    seconds: Whole


class UploadIn(Lenient):
    """`mime_type` decides nothing: what a file is, its name and its content say."""

    bytes: Annotated[int, Field(ge=1, le=2**53)]
    filename: Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")]
    mime_type: Annotated[str, StringConstraints(max_length=255)]
    purpose: Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")]
    expires_after: ExpiresAfterIn | None = None


class CompletionIn(Lenient):
    part_ids: Annotated[list[Word], Field(min_length=1, max_length=MOST_PARTS)]
    md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{32}$")] | None = None


def file_out(stored: StoredFile) -> Json:
    """The OpenAI `file` object."""
    return {
        "id": stored.id,
        "object": "file",
        "bytes": stored.size,
        "created_at": seconds(stored.uploaded_at),
        "expires_at": None if stored.expires_at is None else seconds(stored.expires_at),
        "filename": stored.filename,
        "purpose": stored.purpose,
        "status": "processed",
        "status_details": None,
        "digest": stored.digest,
        "project": place_out(stored.project),
    }


def upload_out(upload: Upload, now: datetime, file: StoredFile | None = None) -> Json:
    """The OpenAI `upload` object."""
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.size,
        "created_at": seconds(upload.begun_at),
        "expires_at": seconds(upload.expires_at),
        "filename": upload.filename if file is None else file.filename,
        "purpose": upload.purpose,
        "status": upload.state_at(now),
        "file": None if file is None else file_out(file),
        "project": place_out(upload.project),
    }


def part_out(upload: UploadId, part: Part) -> Json:
    """The OpenAI `upload.part` object."""
    return {"id": part.id, "object": "upload.part", "created_at": seconds(part.added_at), "upload_id": upload}


def seconds(instant: datetime) -> int:
    """Unix seconds, in which the contract tells time."""
    return int(instant.timestamp())
