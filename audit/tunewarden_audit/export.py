"""Writing a log as static files: C2SP tlog-tiles, made once and then only extended.

Full tiles never change and are never written again. A partial tile stays until the full one is there. The checkpoint
comes last, so that a reader who sees it finds everything that it asks for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tunewarden_audit import merkle, tiles
from tunewarden_audit.note import TreeHead, VerifierKey, signed_head
from tunewarden_audit.static_log import CHECKPOINT, StaticLog
from tunewarden_audit.tiles import TiledTree, entries_path, tile_path

ReadEntries = Callable[[int, int], Sequence[bytes]]
"""(first index, count) -> the exact bytes of that many entries."""


class RefusedToExport(Exception):
    """What lies in the directory, or what was read, does not belong to the signed log; nothing was published."""


def write_tiles(directory: Path, note: str, keys: Sequence[VerifierKey], read: ReadEntries) -> TreeHead:
    """Bring `directory` up to the signed head in `note`; returns that head. Raises RefusedToExport, InvalidNote.

    `read` is asked for whole tiles of entries, in order, from the first tile that is not complete yet.
    """
    # 1. What is published is what the log signed.
    head = signed_head(note.encode(), keys)
    log = StaticLog(directory)
    # 2. The directory holds an earlier state of the same log, or nothing.
    done = _published(log, directory, keys, head)
    # 3. Entries and their hashes; only tiles that were not complete.
    for index, width in tiles.widths(head.size, 0):
        if (index + 1) * tiles.WIDTH <= done:
            continue
        entries = read(index * tiles.WIDTH, width)
        _write(directory / entries_path(index, width), tiles.join_entries(entries))
        _write(directory / tile_path(0, index, width), b"".join(merkle.leaf_hash(entry) for entry in entries))
    # 4. The levels above, each from full tiles of the one below.
    for level in range(1, tiles.levels(head.size)):
        for index, width in tiles.widths(head.size, level):
            if (index + 1) * tiles.WIDTH <= done >> (tiles.HEIGHT * level):
                continue
            below = range(index * tiles.WIDTH, index * tiles.WIDTH + width)
            roots = [tiles.tile_root(log.hashes(level - 1, child, tiles.WIDTH)) for child in below]
            _write(directory / tile_path(level, index, width), b"".join(roots))
    # 5. What was written gives the signed root.
    if merkle.root_of(TiledTree(head.size, log.hashes)) != head.root:
        raise RefusedToExport(f"the entries do not give the root that was signed for size {head.size}")
    # 6. Point of no return: the checkpoint makes it visible.
    _write(directory / CHECKPOINT, note.encode())
    return head


def _published(log: StaticLog, directory: Path, keys: Sequence[VerifierKey], head: TreeHead) -> int:
    """How many entries the directory's own checkpoint covers."""
    if not (directory / CHECKPOINT).exists():
        return 0
    old = signed_head(log.checkpoint(), keys)
    if old.origin != head.origin or old.size > head.size:
        raise RefusedToExport("the directory holds another log, or a later state of this one")
    return old.size


def _write(path: Path, data: bytes) -> None:
    """Beside it, flushed, renamed: a reader sees all of a file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
