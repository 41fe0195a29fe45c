"""Uploads on their way in: a form of type multipart/form-data (RFC 7578) whose file never lies on a disk in plain.

The form is read once the caller is known, so nobody makes the platform keep what it would not take. What does not fit
into memory waits in a nameless file, encrypted under a key that only this request has.
"""

import hashlib
import io
import os
import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Annotated, Any, BinaryIO, cast

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Malformed
from tunewarden.entry.api.caller import Called

_LONGEST_PURPOSE = 64
_MOST_FIELDS = 8
_LARGEST_FIELD = 4096  # bytes
_FEW_DIGITS = re.compile(r"[0-9]{1,9}")

_ANCHOR, _SECONDS = "expires_after[anchor]", "expires_after[seconds]"
_BYTES: Mapping[str, Any] = {"type": "string", "contentMediaType": "application/octet-stream"}


def _described(file: str, fields: Mapping[str, Any], optional: Mapping[str, Any]) -> dict[str, Any]:
    properties = {file: _BYTES, **fields, **optional}
    schema = {"type": "object", "required": [file, *fields], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


FORM = _described(
    "file",
    {"purpose": {"type": "string", "maxLength": _LONGEST_PURPOSE}},
    {
        _ANCHOR: {"type": "string", "enum": ["created_at"]},
        _SECONDS: {"type": "integer", "minimum": 3600, "maximum": 2592000},
    },
)
"""What the interface description says of the body."""
PART_FORM = _described("data", {}, {})
"""The same of a part."""


class SealedSpool(io.RawIOBase):
    """Bytes that are written once and then read from the beginning, on a disk that never sees them in plain.

    AES-256-CTR (NIST SP 800-38A) under a key of this object alone. Not authenticated: who can change a nameless file
    of this process can change the process.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._hash = hashlib.sha256()
        # A key is used for one stream, so its counter may begin at zero.
        self._cipher = Cipher(AES256(os.urandom(32)), CTR(bytes(16)))
        self._sealing: CipherContext | None = self._cipher.encryptor()
        self._opening = self._cipher.decryptor()

    def writable(self) -> bool:
        return self._sealing is not None

    def readable(self) -> bool:
        return self._sealing is None

    def write(self, data: Any) -> int:
        """Add to the end; raises `UnsupportedOperation` once it was rewound."""
        if self._sealing is None:
            raise io.UnsupportedOperation("it is read by now")
        self._hash.update(data)
        self._file.write(self._sealing.update(bytes(data)))
        return len(data)

    def digest(self) -> str:
        """SHA-256 of what was written, 64 hex digits."""
        return self._hash.hexdigest()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """To the beginning; from then on it can only be read."""
        if (offset, whence) != (0, os.SEEK_SET):
            raise io.UnsupportedOperation("only to the beginning")
        self._sealing, self._opening = None, self._cipher.decryptor()
        return self._file.seek(0)

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        if self._sealing is not None:
            raise io.UnsupportedOperation("it is written still")
        piece = self._opening.update(self._file.read(len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Give the room back."""
        self._file.close()
        super().close()


class _Form(MultiPartParser):
    """Starlette's, but for where files wait."""

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_part.file is not None:
            spool = cast("Any", SealedSpool())
            self._files_to_close_on_error.append(spool)
            self._current_part.file.file.close()  # empty, and in memory
            self._current_part.file.file = spool


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploading:
    """A form that is whole. `size` is that of the content, in bytes; `lifetime_seconds` None where none was asked for.

    A part has neither a name, nor a purpose, nor a lifetime.
    """

    content: BinaryIO
    size: int
    filename: str = ""
    purpose: str = ""
    lifetime_seconds: int | None = None


async def _uploaded(request: Request, _known: Called) -> AsyncIterator[Uploading]:
    async with _form_of(request) as form:
        file, purpose = _file_in(form, "file"), form.get("purpose")
        if not isinstance(purpose, str) or len(purpose) > _LONGEST_PURPOSE:
            raise _malformed(f"It has no 'purpose' of at most {_LONGEST_PURPOSE} characters.", "purpose")
        yield Uploading(
            filename=file.filename or "",
            purpose=purpose,
            content=file.file,
            size=file.size or 0,
            lifetime_seconds=_lifetime_in(form),
        )


async def _part(request: Request, _known: Called) -> AsyncIterator[Uploading]:
    async with _form_of(request) as form:
        data = _file_in(form, "data")
        yield Uploading(content=data.file, size=data.size or 0)


Uploaded = Annotated[Uploading, Depends(_uploaded)]
PartUploaded = Annotated[Uploading, Depends(_part)]


@asynccontextmanager
async def _form_of(request: Request) -> AsyncIterator[FormData]:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise _malformed("It is not of the type multipart/form-data.")
    parser = _Form(
        request.headers, request.stream(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FIELD
    )
    try:
        form = await parser.parse()
    except MultiPartException:
        raise _malformed("Its parts cannot be told apart, or there are too many.") from None
    try:
        if (ticket := getattr(request.state, "ticket", None)) is not None:
            await run_in_threadpool(ticket.present, _digest(form))
        yield form
    finally:
        await form.close()


def _digest(form: FormData) -> str:
    """Of what a form says, 64 hex digits: the same whatever the boundary between its parts."""
    said = [[name, *_said(part)] for name, part in form.multi_items()]
    return hashlib.sha256(encode(said)).hexdigest()


def _said(part: UploadFile | str) -> tuple[str, ...]:
    if isinstance(part, str):
        return (part,)
    return part.filename or "", cast("SealedSpool", part.file).digest()


def _file_in(form: FormData, name: str) -> UploadFile:
    file = form.get(name)
    if not isinstance(file, UploadFile):
        raise _malformed(f"It has no file of the name '{name}'.", name)
    return file


def _lifetime_in(form: FormData) -> int | None:
    """Seconds from the upload on; whether they are too many is asked later. Raises `Malformed`."""
    anchor, seconds = form.get(_ANCHOR), form.get(_SECONDS)
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise _malformed("How long a file is kept counts from 'created_at'.", "expires_after.anchor")
    if not (isinstance(seconds, str) and _FEW_DIGITS.fullmatch(seconds)):
        raise _malformed("How long a file is kept is a number of seconds.", "expires_after.seconds")
    return int(seconds)


def _malformed(what: str, param: str = "file") -> Malformed:
    return Malformed("form_malformed", f"The form cannot be used. {what}", param=param)
