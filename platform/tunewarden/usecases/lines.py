"""Lines that are made when they are read: what a blob is written from without ever standing in a file in plain."""

import io
from collections.abc import Iterator
from typing import BinaryIO


def stream_of(lines: Iterator[bytes]) -> BinaryIO:
    """A stream of these lines, each ended by a line feed; a line is asked for only when it is read."""
    return io.BufferedReader(_Lines(lines))


class _Lines(io.RawIOBase):
    def __init__(self, lines: Iterator[bytes]) -> None:
        super().__init__()
        self._lines, self._rest = lines, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest:
            line = next(self._lines, None)
            self._rest = memoryview(b"" if line is None else line + b"\n")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
