"""The three processes on one machine: started, watched, stopped together."""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from tunewarden.drivers.sql_engine import migrate
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import create_keys

_RESTARTED = frozenset({"api", "worker"})
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class _Child:
    name: str
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "tunewarden", self.name])
        logger.info("process_started", process=self.name, pid=self.process.pid)

    def ended(self) -> int | None:
        return None if self.process is None else self.process.poll()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()  # a step can be repeated; what it was charged stays charged
            self.process.wait()


def supervise(settings: Settings, stopping: threading.Event) -> int:
    """Run api, worker and sealer until told to stop; returns the exit code.

    The api and the worker are started again when they die. The sealer is not: it stays down when it refused to sign,
    and everything else goes on, unsealed, until a person has looked.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_keys(settings)
    migrate(settings.database)
    children = [_Child("sealer"), _Child("api"), _Child("worker")]
    for child in children:
        child.start()
    while not stopping.wait(_PAUSE_SECONDS):
        for child in children:
            code = child.ended()
            if code is None:
                continue
            logger.error("process_ended", process=child.name, code=code)
            child.process = None
            if child.name in _RESTARTED:
                time.sleep(_PAUSE_SECONDS)
                child.start()
    for child in reversed(children):
        child.stop()
    return 0
