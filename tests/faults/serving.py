"""An api that a test kills: wired as `tunewarden api`, with the quick policies and accountant of the theatre.

`python -m tests.faults.serving PORT`; the home is that of the environment.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import httpx
from tests.conftest import FewPolicies, linear_accountant, linear_calibration

from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.server import serve
from tunewarden.entry.running import running
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build
from tunewarden.usecases.counting import put_in_force

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Api:
    """A process that can be started again at the same place."""

    home: Path
    port: int
    database: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Until it is ready."""
        environment = {**os.environ, "TUNEWARDEN_HOME": str(self.home.absolute()), "OMP_NUM_THREADS": "1"}
        environment["TUNEWARDEN_DATABASE_URL"] = self.database
        command = [sys.executable, "-m", "tests.faults.serving", str(self.port)]
        self.process = subprocess.Popen(command, env=environment, cwd=_ROOT)
        for _ in range(2_400):  # a machine may be busy, and the clients of the one before ask all the time
            try:
                if httpx.get(f"{self.address}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the api did not start")

    def end(self, signal: int, seconds: float = 20) -> int:
        """Send a signal and wait; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal)
        return self.process.wait(seconds)


def main(port: int) -> None:
    settings = Settings(requests_per_minute=1_000_000, port=port)
    built = build(settings)
    policies = FewPolicies(restart=partial(put_in_force, built.work, built.view))
    platform = replace(built, policies=policies, accountant=linear_accountant, calibrate=linear_calibration)
    app = create_app(platform, settings, running=running(settings, platform))
    serve(app, settings)


if __name__ == "__main__":
    main(int(sys.argv[1]))
