"""The static layout of a log: C2SP tlog-tiles (c2sp.org/tlog-tiles), and the hashes of the tree read out of it.

A tile holds up to 256 neighbouring hashes of one height: at level 0 leaf hashes, at level L the roots of 256**L leaves.
Only full tiles are hashed into the level above. An entry bundle holds the entries of one level-0 tile, each behind its
length in two bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tunewarden_audit.merkle import HASH_BYTES, node_hash

WIDTH = 256
HEIGHT = 8  # of the tree inside a tile: 2**8 == WIDTH
LARGEST_ENTRY = 65_535  # bytes: what two bytes of length can say
LARGEST_BUNDLE = WIDTH * (2 + LARGEST_ENTRY)
HIGHEST_LEVEL = 63

_GROUPS = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}")


class InvalidTile(ValueError):
    """A tile or an entry bundle is not what its place in the tree asks for; the message names the check."""


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """`tile/<L>/<N>`, with `.p/<W>` for a partial tile of 1 to 255 hashes."""
    return f"tile/{level}/{_index_path(index)}{_partial(width)}"


def entries_path(index: int, width: int = WIDTH) -> str:
    """`tile/entries/<N>`, with `.p/<W>` for a partial bundle."""
    return f"tile/entries/{_index_path(index)}{_partial(width)}"


def widths(size: int, level: int) -> Iterator[tuple[int, int]]:
    """(index, width) of every tile of one level in the tree of `size` leaves: full ones, then at most one partial."""
    count = size >> (HEIGHT * level)
    for index in range(count // WIDTH):
        yield index, WIDTH
    if count % WIDTH:
        yield count // WIDTH, count % WIDTH


def levels(size: int) -> int:
    """How many levels have tiles in the tree of `size` leaves."""
    return (size.bit_length() + HEIGHT - 1) // HEIGHT


def split_hashes(data: bytes, width: int) -> list[bytes]:
    """The hashes of a tile of that width; raises InvalidTile where it holds fewer, more or a broken one."""
    if len(data) != width * HASH_BYTES or width > WIDTH:
        raise InvalidTile(f"a tile of {len(data)} bytes does not hold {width} hashes of {HASH_BYTES} bytes")
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]


def tile_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a full tile: the hash that stands for it one level above."""
    if len(hashes) != WIDTH:
        raise InvalidTile(f"only a full tile has a place in the level above; this one has {len(hashes)} hashes")
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def join_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle; raises InvalidTile for an entry that two bytes of length cannot announce."""
    if any(len(entry) > LARGEST_ENTRY for entry in entries):
        raise InvalidTile(f"an entry is longer than {LARGEST_ENTRY:,} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def split_entries(data: bytes, width: int) -> list[bytes]:
    """The entries of a bundle of that width; raises InvalidTile where it is cut off or goes on after the last."""
    entries: list[bytes] = []
    offset = 0
    while offset < len(data) and len(entries) < WIDTH:
        start = offset + 2
        end = start + int.from_bytes(data[offset:start], "big")
        if end > len(data):
            raise InvalidTile("an entry bundle is cut off inside an entry")
        entries.append(data[start:end])
        offset = end
    if offset != len(data) or len(entries) != width:
        raise InvalidTile(f"an entry bundle holds {len(entries)} entries, {width} were expected")
    return entries


PathOf = Callable[[int], str]
"""width -> path of one tile or bundle."""

ReadTile = Callable[[int, int, int], Sequence[bytes]]
"""(level, index, width) -> at least the first `width` hashes of that tile."""


class TiledTree:
    """The nodes of the tree of `size` leaves, out of tiles; keeps the tiles it has read. See `merkle.Nodes`."""

    def __init__(self, size: int, read: ReadTile) -> None:
        self.size = size
        self._read = read
        self._kept: dict[tuple[int, int], list[list[bytes]]] = {}

    def node(self, height: int, index: int) -> bytes:
        """The root of the perfect subtree of leaves [index * 2**height, (index + 1) * 2**height)."""
        level, inside = divmod(height, HEIGHT)
        tile, offset = divmod(index << inside, WIDTH)
        return self._tile(level, tile)[inside][offset >> inside]

    def _tile(self, level: int, index: int) -> list[list[bytes]]:
        """All perfect subtrees inside one tile, by height above its own hashes."""
        if (level, index) not in self._kept:
            width = min((self.size >> (HEIGHT * level)) - index * WIDTH, WIDTH)
            rows = [list(self._read(level, index, width))[:width]]
            while len(rows[-1]) > 1:
                below = rows[-1]
                rows.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
            self._kept[level, index] = rows
        return self._kept[level, index]


def parse_index(path: str) -> int:
    """The inverse of a path's `<N>`; raises InvalidTile."""
    if not _GROUPS.fullmatch(path):
        raise InvalidTile("a tile's index is written in groups of three digits, all but the last behind an x")
    index = int(path.replace("x", "").replace("/", ""))
    if _index_path(index) != path:
        raise InvalidTile("a tile's index has a group too many")
    return index


def _index_path(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"
