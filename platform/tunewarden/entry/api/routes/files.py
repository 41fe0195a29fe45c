"""/v1/files"""

from typing import Annotated

from fastapi import APIRouter, Form, UploadFile

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import FileId
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import Json, file_out, page, receipt_out
from tunewarden.usecases import files

router = APIRouter(prefix="/v1/files", tags=["files"])


@router.post("", summary="Upload a file")
def upload(called: Called, file: UploadFile, purpose: Annotated[str, Form(max_length=64)]) -> Json:
    """Store bytes, encrypted. Nothing is read out of them before a dataset names their columns."""
    limit = called.settings.largest_upload_bytes
    if file.size is None or file.size > limit:
        raise Malformed("file_too_large", f"A file may have at most {limit} bytes.", param="file")
    stored, receipt = files.upload(
        called.platform, called.principal, filename=file.filename or "", purpose=purpose, content=file.file
    )
    return {**file_out(stored), "governance": {"receipt": receipt_out(receipt)}}


@router.get("", summary="List your files")
def listed(called: Called) -> Json:
    """Oldest first."""
    return page([file_out(one) for one in files.listed(called.platform, called.principal)])


@router.get("/{file_id}", summary="One file")
def get(called: Called, file_id: str) -> Json:
    """Its facts; contents are never given out."""
    return file_out(files.get(called.platform, called.principal, FileId(file_id)))
