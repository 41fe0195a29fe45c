"""`tunewarden serve`: what ends is started again, unless all is to stop."""

import os
import sys
import threading
from pathlib import Path

from structlog.testing import capture_logs

from tunewarden.entry.cli.serve import supervise
from tunewarden.entry.settings import Settings

WAITING = (sys.executable, "-c", "import time; time.sleep(600)")


class Told(threading.Event):
    """To stop, in the `last` pause; before each, the api of which the process id stands in a file has ended."""

    def __init__(self, file: Path, last: int) -> None:
        super().__init__()
        self._file, self._last, self._pauses = file, last, 0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._pauses += 1
        if self._pauses == 1:
            while not (said := self._file.read_text() if self._file.exists() else ""):
                super().wait(0.01)
            os.waitid(os.P_PID, int(said), os.WEXITED | os.WNOWAIT)
        if self._pauses == self._last:
            self.set()
        return self.is_set()


def started(folder: Path, last: int) -> list[str]:
    """Names of the processes that were started, the api of which ends at once each time."""
    file = folder / "pid"
    ending = (sys.executable, "-c", f"import os, pathlib; pathlib.Path({str(file)!r}).write_text(str(os.getpid()))")
    commands = {"api": ending, "worker": WAITING, "sealer": WAITING}
    with capture_logs() as logs:
        assert supervise(Settings(home=folder / "home"), Told(file, last), commands) == 0
    return [one["process"] for one in logs if one["event"] == "process_started"]


def test_what_ended_is_started_again_after_a_pause(tmp_path: Path) -> None:
    assert started(tmp_path, 3) == ["sealer", "api", "worker", "api"]


def test_what_ended_is_not_started_again_where_all_is_to_stop_in_that_pause(tmp_path: Path) -> None:
    assert started(tmp_path, 2) == ["sealer", "api", "worker"]
