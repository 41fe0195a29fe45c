"""Sending a file: whole if it is small, else in parts that a second call goes on with.

What came so far is kept beside the login, per platform and file, without anything of its content: ids of parts, the
file's size and when it was changed. The platform keeps the parts for an hour.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tunewarden.domain.errors import Malformed, NotFound, TunewardenError, Unavailable
from tunewarden.domain.files import LARGEST_PART, MOST_PARTS
from tunewarden.entry.cli.client.api import PATIENCE_SECONDS, Api, Json
from tunewarden.entry.cli.client.credentials import folder, read_private, write_private
from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.client.talk import at, word
from tunewarden.entry.cli.exits import Exit

PART = 8 * 1024 * 1024
"""Bytes of a part, and of the largest file that is sent whole."""
_KEPT_SECONDS = 86_400.0
"""How long it is kept how far an upload was; the platform keeps its parts for an hour."""
_WHOLE_PATIENCE = 600.0
"""Seconds for the last call, in which the platform reads and seals all parts once more."""

Seen = Callable[[int, int], None]
"""Told how many bytes of how many are there."""


@dataclass(slots=True, kw_only=True)
class _Begun:
    """An upload under way. `parts` are the ids of its parts, in order; `expires_at` Unix seconds."""

    upload: str
    expires_at: int
    parts: list[str] = field(default_factory=list)


def send(
    api: Api, file: Path, *, name: str, seen: Seen, now: Callable[[], float] = time.time, part: int = PART
) -> Json:
    """Upload a file; the `file` object that it became.

    Raises `NotFound` and `Malformed` for what is no file with something in it, and as `Api.post` does. Where it stops,
    calling it again within the hour goes on from the last part that came, if the file is what it was.
    """
    content, size = opened(file)
    with content:
        if size <= part:
            seen(0, size)
            form = {"file": (name, content.read(part + 1))}
            made = api.post("/v1/files", files=form, data={"purpose": "fine-tune"}, patience=_WHOLE_PATIENCE)
            seen(size, size)
            return made
        return _in_parts(api, file, content, size, name, seen, now, _part_size(size, part))


def opened(file: Path) -> tuple[BinaryIO, int]:
    """A file to upload, and how many bytes it has. Raises `NotFound`, `Malformed` and `Unavailable`."""
    try:
        size = file.stat().st_size if file.is_file() else None
        if size:
            return file.open("rb"), size
    except OSError as error:
        raise Unavailable("file_unreadable", f"The file cannot be read ({type(error).__name__}).") from None
    if size is None:
        raise NotFound("file_not_found", "There is no file of that name.", param="file")
    raise Malformed("file_empty", "The file has no bytes.", param="file")


def _in_parts(
    api: Api, file: Path, content: BinaryIO, size: int, name: str, seen: Seen, now: Callable[[], float], part: int
) -> Json:
    memory = _memory(api, file, size, part)
    begun = _remembered(memory, now())
    if begun is not None:
        try:
            return _go_on(api, begun, memory, content, size, seen, part)
        except Declined as error:
            if not _is_useless(error):
                raise
            content.seek(0)  # over meanwhile, or damaged on the way: from the beginning
    _forget_old(memory.parent, now())
    said = {"filename": name, "purpose": "fine-tune", "bytes": size, "mime_type": "application/octet-stream"}
    started = api.post("/v1/uploads", said)
    begun = _Begun(upload=word(started, "id"), expires_at=int(started.get("expires_at") or 0))
    return _go_on(api, begun, memory, content, size, seen, part)


def _go_on(api: Api, begun: _Begun, memory: Path, content: BinaryIO, size: int, seen: Seen, part: int) -> Json:
    checksum = hashlib.md5(usedforsecurity=False)  # the contract's; it shows a file that changed on the way
    there = 0
    for number, piece in enumerate(_pieces(content, part)):
        checksum.update(piece)
        if number >= len(begun.parts):
            sent = api.post(at("/v1/uploads/{}/parts", begun.upload), files={"data": ("part", piece)})
            begun.parts.append(word(sent, "id"))
            _remember(memory, begun)
        there += len(piece)
        seen(min(there, size), size)
    whole = {"part_ids": begun.parts, "md5": checksum.hexdigest()}
    try:
        done = api.post(at("/v1/uploads/{}/complete", begun.upload), whole, patience=_WHOLE_PATIENCE)
    except Declined as error:
        if _is_useless(error):
            _forget(memory)
        raise
    _forget(memory)
    made = done.get("file")
    return made if isinstance(made, dict) else {}


def _is_useless(error: Declined) -> bool:
    """Whether the parts that came are no use any more: the upload is over, gone, or damaged on the way."""
    return error.code == "upload_over" or error.exit_code in {Exit.USAGE, Exit.NOT_FOUND, Exit.CONFLICT}


def _pieces(content: BinaryIO, part: int) -> Iterator[bytes]:
    while piece := content.read(part):
        yield piece


def _part_size(size: int, part: int) -> int:
    """Large enough that there are not too many. Raises `Malformed` for a file that no upload can hold."""
    needed = max(part, -(-size // MOST_PARTS))
    if needed > LARGEST_PART:
        raise Malformed("file_too_large", f"A file has at most {MOST_PARTS * LARGEST_PART:,} bytes.", param="file")
    return needed


def _memory(api: Api, file: Path, size: int, part: int) -> Path:
    """Where it is written down how far an upload is: one place per platform, key, project, file and its state."""
    whose = hashlib.sha256(api.credentials.key.encode()).hexdigest()
    facts = [
        api.credentials.address.text,
        whose,
        api.credentials.project,
        str(file.resolve()),
        size,
        file.stat().st_mtime_ns,
        part,
    ]
    return folder() / "uploads" / (hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32] + ".json")


def _remembered(memory: Path, now: float) -> _Begun | None:
    """An upload that can be gone on with; None for any doubt."""
    try:
        said = json.loads(read_private(memory))
        found = _Begun(
            upload=str(said["upload"]), expires_at=int(said["expires_at"]), parts=[str(one) for one in said["parts"]]
        )
    except (TunewardenError, ValueError, KeyError, TypeError):
        return None
    return found if found.expires_at - PATIENCE_SECONDS > now else None


def _remember(memory: Path, begun: _Begun) -> None:
    """Where that can be done: without it a second call begins anew."""
    said = {"upload": begun.upload, "expires_at": begun.expires_at, "parts": begun.parts}
    with contextlib.suppress(Unavailable):
        write_private(memory, json.dumps(said) + "\n")


def _forget(memory: Path) -> None:
    with contextlib.suppress(OSError):
        memory.unlink()


def _forget_old(memories: Path, now: float) -> None:
    with contextlib.suppress(OSError):
        for one in memories.glob("*.json"):
            if one.stat().st_mtime + _KEPT_SECONDS < now:
                _forget(one)
