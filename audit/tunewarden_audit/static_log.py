"""Verifying a whole log from its static files: any C2SP tlog-tiles directory, this platform's or another log's.

A numbered recipe that opens no socket and streams: it holds a few tiles at a time, whatever the size of the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tunewarden_audit import merkle, tiles
from tunewarden_audit.note import LONGEST_NOTE, TreeHead, VerifierKey
from tunewarden_audit.quorum import witnessed
from tunewarden_audit.recipe import Found, Grade, Recipe, Report, Stopped
from tunewarden_audit.tiles import InvalidTile, TiledTree, entries_path, tile_path
from tunewarden_audit.trust import Trust, is_rotation, read_trust

CHECKPOINT = "checkpoint"
ENTRIES = "tile/entries"
_BUNDLE = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?")


class StaticLog:
    """The files under one directory; nothing in them is believed by whoever reads here."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def checkpoint(self) -> bytes:
        """The signed note, up to one byte more than the longest one: its reader then refuses it."""
        data = self._read(CHECKPOINT, LONGEST_NOTE)
        if data is None:
            raise Stopped(f"{CHECKPOINT} is not in the directory", Grade.INCOMPLETE)
        return data

    def hashes(self, level: int, index: int, width: int) -> list[bytes]:
        """The first `width` hashes of a tile; the full tile serves too, because a partial one may be gone by then.

        Raises InvalidTile, or Stopped (INCOMPLETE) where there is no such file.
        """
        found = self._tile(lambda wide: tile_path(level, index, wide), width, tiles.WIDTH * merkle.HASH_BYTES)
        if found is None:
            raise Stopped(f"{tile_path(level, index, width)} is not in the directory", Grade.INCOMPLETE)
        return tiles.split_hashes(*found)[:width]

    def entries(self, index: int, width: int) -> list[bytes] | None:
        """The first `width` entries of a bundle; None where there is no such file. Raises InvalidTile."""
        found = self._tile(lambda wide: entries_path(index, wide), width, tiles.LARGEST_BUNDLE)
        return None if found is None else tiles.split_entries(*found)[:width]

    def rotations(self) -> dict[int, bytes]:
        """The entries that say that the log's key was rotated, by index, from the bundles that are there.

        Raises InvalidTile. The bytes of a bundle are searched whole, so a log without rotations costs next to nothing.
        """
        found: dict[int, bytes] = {}
        for path in sorted((self._directory / ENTRIES).rglob("*")):
            named = _BUNDLE.fullmatch(path.relative_to(self._directory / ENTRIES).as_posix())
            data = self._read(f"{ENTRIES}/{named[0]}", tiles.LARGEST_BUNDLE) if named else None
            if named and data and is_rotation(data):
                first = tiles.parse_index(named[1]) * tiles.WIDTH
                entries = tiles.split_entries(data, int(named[2] or tiles.WIDTH))
                found |= {first + at: entry for at, entry in enumerate(entries) if is_rotation(entry)}
        return found

    def _tile(self, path_of: tiles.PathOf, width: int, limit: int) -> tuple[bytes, int] | None:
        """The file and how many it must hold."""
        for held in (width, tiles.WIDTH):
            data = self._read(path_of(held), limit)
            if data is not None:
                return data, held
        return None

    def _read(self, name: str, limit: int) -> bytes | None:
        path = self._directory / name
        if not path.is_file():  # a directory, or a pipe on which a reader would wait for ever
            return None
        with path.open("rb") as file:
            return file.read(limit + 1)


def verify_tiles(
    directory: Path,
    keys: Sequence[VerifierKey],
    *,
    since: bytes | None = None,
    first: int = 0,
    witnesses: Sequence[VerifierKey] = (),
    quorum: int | None = None,
) -> Report:
    """Verify every hash and every entry of a log's static files.

    `keys` are the log's keys as the auditor got them over another channel. `since` is a checkpoint of the same log that
    the auditor kept. `first` is the log's published minimum index (C2SP tlog-tiles, "Pruning"): bundles that end at or
    before it may be absent. `witnesses` and `quorum` are as in `verify`. Total but for OSError: every content of the
    directory gives a report. Not checked: what the entries say (see `conduct`), and whether the log has grown since.
    """
    log, recipe = StaticLog(directory), Recipe()

    # 1. The log signed this tree head: from here on the root is trusted. Rotations lead from the keys given to its key.
    signed = recipe.check("tree head", lambda: _head(log, keys))
    if signed is None:
        return recipe.report()
    head, trust = signed

    # 2. Each full tile's root stands in the level above, so all tiles belong to one tree.
    recipe.check("hash tiles", lambda: _hash_tiles(log, head.size))

    # 3. That tree is the signed one.
    recipe.check("root", lambda: _root(log, head))

    # 4. Every entry has the leaf hash at its index.
    recipe.check("entries", lambda: _entries(log, head.size, first))

    # 5. The log that the auditor saw before is the beginning of this one.
    if since is not None:
        recipe.check("history", lambda: _history(log, head, trust, since))

    # 6. Others have seen this head: the log did not show it to this auditor alone.
    if witnesses or quorum is not None:
        recipe.check("witnesses", lambda: witnessed(log.checkpoint(), witnesses, quorum))
    return recipe.report()


def read_entries(directory: Path, size: int) -> Iterator[tuple[int, bytes]]:
    """Index and bytes of the entries in the bundles, in order, as far as they are there; verify the directory first.

    Raises InvalidTile.
    """
    log = StaticLog(directory)
    for index, width in tiles.widths(size, 0):
        for offset, entry in enumerate(log.entries(index, width) or ()):
            yield index * tiles.WIDTH + offset, entry


def _head(log: StaticLog, keys: Sequence[VerifierKey]) -> Found[tuple[TreeHead, Trust]]:
    trust = read_trust(keys, log.rotations())
    head = trust.signed_head(log.checkpoint())
    if head.size == 0:
        raise Stopped("the signed log is empty: a head of size 0 proves nothing")
    return Found((head, trust), f"{head.origin!a} signed size {head.size}, root {head.root.hex()}")


def _hash_tiles(log: StaticLog, size: int) -> Found[None]:
    count = 0
    for level in range(tiles.levels(size)):
        for index, width in tiles.widths(size, level):
            hashes = log.hashes(level, index, width)
            count += 1
            if width == tiles.WIDTH:
                above, offset = divmod(index, tiles.WIDTH)
                _require_above(log, size, level, above, offset, tiles.tile_root(hashes))
    return Found(None, f"{count} hash tiles belong to one tree")


def _require_above(log: StaticLog, size: int, level: int, above: int, offset: int, root: bytes) -> None:
    name = tile_path(level + 1, above)
    if log.hashes(level + 1, above, _width(size, level + 1, above))[offset] != root:
        raise InvalidTile(f"the tile below position {offset} of {name} has another root than stands there")


def _root(log: StaticLog, head: TreeHead) -> Found[None]:
    if merkle.root_of(TiledTree(head.size, log.hashes)) != head.root:
        raise Stopped(f"the tiles give another root than the one signed for size {head.size}")
    return Found(None, f"the tiles give the signed root of size {head.size}")


def _entries(log: StaticLog, size: int, first: int) -> Found[None]:
    absent = pruned = 0
    for index, width in tiles.widths(size, 0):
        leaves = log.hashes(0, index, width)  # first, so that a signed size for which there are no tiles ends here
        entries = log.entries(index, width)
        if entries is None:
            if (index + 1) * tiles.WIDTH <= first:
                pruned += width
            else:
                absent += width
            continue
        for offset, (entry, leaf) in enumerate(zip(entries, leaves, strict=True)):
            if merkle.leaf_hash(entry) != leaf:
                raise InvalidTile(f"entry {index * tiles.WIDTH + offset} does not have the leaf hash at its index")
    if absent:
        raise Stopped(f"{absent} of {size} entries are not in the directory; the others are", Grade.INCOMPLETE)
    below = f"; {pruned} below the minimum index {first} are pruned" if pruned else ""
    return Found(None, f"{size - pruned} entries have the leaf hash at their index{below}")


def _history(log: StaticLog, head: TreeHead, trust: Trust, since: bytes) -> Found[None]:
    old = trust.signed_head(since)
    if old.origin != head.origin:
        raise Stopped("your earlier checkpoint is of another log (its origin differs)")
    if old.size > head.size:
        because = f"the log had {old.size} entries when you last saw it, here it has {head.size}: rolled back, or old"
        raise Stopped(because, Grade.DIVERGED)
    if old.size == 0:
        raise Stopped("your earlier checkpoint is of an empty log: everything grows out of that")
    # Out of the tiles of the present size: the partial ones of the old size need not be there any more.
    if merkle.root_of(TiledTree(head.size, log.hashes), old.size) != old.root:
        raise Stopped(f"the first {old.size} entries are not the ones you saw then", Grade.DIVERGED)
    return Found(None, f"the log you saw at size {old.size} is the beginning of this one")


def _width(size: int, level: int, index: int) -> int:
    """How many hashes a tile has in the tree of `size` leaves."""
    return min((size >> (tiles.HEIGHT * level)) - index * tiles.WIDTH, tiles.WIDTH)
