"""The three processes on one machine: started, watched, stopped together."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tunewarden.drivers.sql_engine import migrate
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.sealer import REFUSED
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import create_keys

_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 1.0
_AS_EVER: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(slots=True)
class _Child:
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if self.name == "sealer" or not _signs(name)}
        self.process = subprocess.Popen(self.command, env=environment)
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


def _signs(variable: str) -> bool:
    """Whether an environment variable holds the log's signing key, which is the sealer's alone."""
    return variable.upper() == "TUNEWARDEN_SIGNING_KEY_PEM"


def supervise(settings: Settings, stopping: threading.Event, commands: Mapping[str, Sequence[str]] = _AS_EVER) -> int:
    """Run api, worker and sealer, and where there are sinks or webhooks the exporter or the notifier.

    Until told to stop; returns the exit code.

    What dies is started again, but for a sealer that refused to sign: it stays down, and everything else goes on,
    unsealed, until a person has looked. `commands` start those of them that they name; `tunewarden NAME` the others.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_keys(settings)
    migrate(settings.database)
    further = [("exporter", settings.sinks_file is not None), ("notifier", settings.webhooks)]
    names = ["sealer", "api", "worker", *(name for name, is_wanted in further if is_wanted)]
    ours = (sys.executable, "-m", "tunewarden")
    children = [_Child(name, commands.get(name, (*ours, name))) for name in names]
    for child in children:
        child.start()
    while not stopping.wait(_PAUSE_SECONDS):
        for child in children:
            code = child.ended()
            if code is None or stopping.is_set():  # Ctrl-C reaches the children too: they are to end, and stay so
                continue
            logger.error("process_ended", process=child.name, code=code)
            child.process = None
            if child.name != "sealer" or code != REFUSED:
                if stopping.wait(_PAUSE_SECONDS):
                    break
                child.start()
    for child in reversed(children):
        child.stop()
    return 0
