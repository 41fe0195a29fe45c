"""How many updates all attempts of one request have paid for, so that the evidence counts repeated ones too.

The ledger is what budgets are decided on; this is the step's own count of the same, kept beside the checkpoint.
"""

import os
from pathlib import Path

from tunewarden.domain.errors import Corrupted


class Spent:
    """A durable count in the file `path`; 0 where there is none yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def updates(self) -> int:
        """The count. Raises `Corrupted` for a file that does not hold one."""
        try:
            return int(self._path.read_text("ascii"))
        except FileNotFoundError:
            return 0
        except ValueError as error:
            raise Corrupted("count_malformed", "The count of this training's updates is damaged.") from error

    def add(self, updates: int) -> None:
        """Count `updates` more, durably. To be called before they are charged: too high is safe, too low is not."""
        total = self.updates() + updates
        unfinished = self._path.with_suffix(".unfinished")
        with unfinished.open("w", encoding="ascii") as file:
            file.write(str(total))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path)
