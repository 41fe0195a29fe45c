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
from tunewarden_audit.recipe import Stopped
from tunewarden_audit.static_log import CHECKPOINT, StaticLog
from tunewarden_audit.tiles import TiledTree, entries_path, tile_path

ReadLeaves = Callable[[int, int], Sequence[tuple[bytes, bytes | None]]]
"""(first index, count) -> leaf hash and exact bytes of that many entries; None for bytes that are not kept any more."""


class RefusedToExport(Exception):
    """What lies in the directory, or what was read, does not belong to the signed log; nothing was published."""


def write_tiles(directory: Path, note: str, keys: Sequence[VerifierKey], read: ReadLeaves) -> TreeHead:
    """Bring `directory` up to the signed head in `note`; returns that head. Raises RefusedToExport, InvalidNote.

    `read` is asked for whole tiles, in order, from the first one that is not complete yet. A bundle cannot be written
    without the bytes of all its entries, so it is left out where some are gone and were not exported before; the hash
    tiles are there, and a reader calls the directory incomplete. Nothing that was exported before is taken back.
    """
    # 1. What is published is what the log signed.
    head = signed_head(note.encode(), keys)
    # 2. The directory holds an earlier state of the same log, or nothing. Who signed it does not matter, see 5.
    old = _earlier(directory, head)
    log = StaticLog(directory)
    try:
        # 3. Entries and their hashes; only tiles that were not complete.
        _write_leaves(directory, log, head.size, old.size, read)
        # 4. The levels above, each from full tiles of the one below.
        _write_levels(directory, log, head.size, old.size)
        # 5. All of it gives the signed root, and the beginning of it what was published before.
        tree = TiledTree(head.size, log.hashes)
        if merkle.root_of(tree) != head.root:
            raise RefusedToExport(f"the entries do not give the root that was signed for size {head.size}")
        if merkle.root_of(tree, old.size) != old.root:
            raise RefusedToExport(f"the directory's own checkpoint, of size {old.size}, is of another history")
    except Stopped as missing:
        raise RefusedToExport(f"the directory is not whole: {missing.because}") from None
    # 6. Point of no return: the checkpoint makes it visible.
    _write(directory / CHECKPOINT, note.encode())
    return head


def _earlier(directory: Path, head: TreeHead) -> TreeHead:
    """What the directory's own checkpoint says; an empty log where there is none. Not checked: its signature."""
    if not (directory / CHECKPOINT).exists():
        return TreeHead(head.origin, 0, merkle.EMPTY_ROOT)
    text = StaticLog(directory).checkpoint().decode("utf-8", "replace")
    old = TreeHead.parse(text.partition("\n\n")[0] + "\n")
    if old.origin != head.origin or old.size > head.size:
        raise RefusedToExport("the directory holds another log, or a later state of this one")
    return old


def _write_leaves(directory: Path, log: StaticLog, size: int, done: int, read: ReadLeaves) -> None:
    for index, width in tiles.widths(size, 0):
        if (index + 1) * tiles.WIDTH <= done:
            continue
        leaves = _with_exported(
            read(index * tiles.WIDTH, width), log.entries(index, max(0, done - index * tiles.WIDTH))
        )
        _require_leaves(leaves, index, width)
        entries = [entry for _, entry in leaves if entry is not None]
        if len(entries) == width:
            _write(directory / entries_path(index, width), tiles.join_entries(entries))
        _write(directory / tile_path(0, index, width), b"".join(leaf for leaf, _ in leaves))


def _with_exported(
    leaves: Sequence[tuple[bytes, bytes | None]], exported: Sequence[bytes] | None
) -> list[tuple[bytes, bytes | None]]:
    """What was dropped since, but lies in the partial bundle of an earlier export, is kept with the larger one."""
    kept: list[bytes | None] = [*(exported or ())]
    kept += [None] * (len(leaves) - len(kept))
    return [(leaf, kept[at] if entry is None else entry) for at, (leaf, entry) in enumerate(leaves)]


def _write_levels(directory: Path, log: StaticLog, size: int, done: int) -> None:
    for level in range(1, tiles.levels(size)):
        for index, width in tiles.widths(size, level):
            if (index + 1) * tiles.WIDTH <= done >> (tiles.HEIGHT * level):
                continue
            below = range(index * tiles.WIDTH, index * tiles.WIDTH + width)
            roots = [tiles.tile_root(log.hashes(level - 1, child, tiles.WIDTH)) for child in below]
            _write(directory / tile_path(level, index, width), b"".join(roots))


def _require_leaves(leaves: Sequence[tuple[bytes, bytes | None]], index: int, width: int) -> None:
    """As many as were asked for, each hash that of its bytes. Whether the other hashes are right, the root shows."""
    if len(leaves) != width:
        raise RefusedToExport(f"{len(leaves)} entries were read from {index * tiles.WIDTH} on, {width} were signed")
    for offset, (leaf, entry) in enumerate(leaves):
        if entry is not None and merkle.leaf_hash(entry) != leaf:
            raise RefusedToExport(f"entry {index * tiles.WIDTH + offset} is not what its leaf hash says")


def _write(path: Path, data: bytes) -> None:
    """Beside it, flushed, renamed: a reader sees all of a file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
