"""Bytes that are made when they are read: what a blob is written from without ever standing in a file in plain."""

import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO


def stream_of(lines: Iterable[bytes]) -> BinaryIO:
    """A stream of these lines, each ended by a line feed; a line is asked for only when it is read."""
    return joined(line + b"\n" for line in lines)


def joined(pieces: Iterator[bytes]) -> BinaryIO:
    """A stream of these pieces, none of which is empty, one after the other; each is asked for when it is read."""
    return io.BufferedReader(_Pieces(pieces))


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
