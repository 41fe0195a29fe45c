"""Whether this process can answer as it should: its database is there, with its tables, and the policy is fresh.

Whoever sends requests asks it (a probe of Kubernetes, a load balancer). Strangers may, so it is looked at once a second
at most, and they learn yes or no; what is missing is in the diagnostic log.
"""

import time
from collections.abc import Callable, Mapping
from threading import Lock

from sqlalchemy import Engine

from tunewarden.domain.errors import TunewardenError
from tunewarden.drivers.sql_engine import has_our_tables
from tunewarden.drivers.stored_policies import StoredEngine
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases.ports import Platform

_APART_SECONDS = 1.0

Check = Callable[[], bool]


class Readiness:
    """Asks its checks, in order. Safe to use from several threads."""

    def __init__(self, checks: Mapping[str, Check], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._checks, self._monotonic = checks, monotonic
        self._missing = ""
        self._looked = -_APART_SECONDS
        self._lock = Lock()

    def __call__(self) -> bool:
        """Whether every check says so. One that cannot be asked says no."""
        with self._lock:
            now = self._monotonic()
            if now - self._looked >= _APART_SECONDS:
                missing = next((name for name, check in self._checks.items() if not _says_yes(check)), "")
                if missing != self._missing:
                    logger.warning("not_ready", missing=missing) if missing else logger.info("ready")
                self._missing, self._looked = missing, now
            return not self._missing


def readiness(engine: Engine, platform: Platform) -> Readiness:
    """Of an api over the database behind `engine`."""
    checks: dict[str, Check] = {"tables": lambda: has_our_tables(engine)}
    if isinstance(platform.engine, StoredEngine):
        checks["policy"] = platform.engine.live.is_fresh
    return Readiness(checks)


def _says_yes(check: Check) -> bool:
    try:
        return check()
    except TunewardenError:
        return False
