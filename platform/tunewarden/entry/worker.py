"""The worker: erases whom it is to erase, takes approved requests and carries each one step further, one at a time."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import PrincipalId, RequestId, Role
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.leftovers import remove_ended
from tunewarden.entry.settings import Settings
from tunewarden.steps import GUARDED
from tunewarden.usecases import destroying, discarding, erasures, jobs
from tunewarden.usecases.ports import Platform, Principal

WORKER = Principal(id=PrincipalId("worker"), roles=frozenset({Role.WORKER}), kind=PrincipalKind.SERVICE)
_PAUSE_AFTER_A_CRASH_SECONDS = 2.0
_OVERDUE, _LOOKED_FOR_EVERY = "uploads-overdue", timedelta(minutes=1)


def run(settings: Settings, platform: Platform, pipeline: jobs.Pipeline, stopping: Callable[[], bool]) -> int:
    """Work until told to stop; returns the exit code."""
    name = f"{os.uname().nodename}-{os.getpid()}"
    logger.info("worker_started", worker=name)
    while not stopping():
        if not work_once(settings, platform, pipeline, name):
            time.sleep(settings.poll_interval_seconds)
    return 0


def work_once(settings: Settings, platform: Platform, pipeline: jobs.Pipeline, name: str) -> bool:
    """Carry out what erasures wait, then take one step of one request, if any waits; whether anything was done.

    Erasures come first, so that no step begins with a person who was to be erased before it. They wait for the step
    under way to end. What requests that have ended left in the scratch folder goes too.
    """
    erased = _erase(platform) or _discard(platform, name)
    remove_ended(settings.scratch_directory, platform)
    lease = timedelta(seconds=settings.lease_seconds)
    request = platform.claims.take(name, jobs.waiting(platform), platform.clock(), lease)
    if request is None:
        return erased
    with _Heartbeat(platform, name, request, lease):
        try:
            bound = replace(WORKER, bound_to=request)  # to this request, and to no other
            done = jobs.advance(platform, bound, pipeline, GUARDED, request)
            logger.info("step_done", request=request, state=done.state)
        except TunewardenError as error:
            logger.warning("step_ended", request=request, code=error.code)
        except Exception as error:
            # The step is repeated by whoever takes it next. Only the type is said: the text may hold data.
            logger.error("step_crashed", request=request, error=type(error).__name__)
            time.sleep(_PAUSE_AFTER_A_CRASH_SECONDS)
    return True


def _erase(platform: Platform) -> bool:
    """Every erasure that waits, and datasets whose retention has ended; what cannot be done now is tried again."""
    is_any_done = False
    for dataset in destroying.due(platform):
        try:
            destroying.destroy(platform, WORKER, dataset)
            logger.info("dataset_destroyed", dataset=dataset)
            is_any_done = True
        except TunewardenError as error:
            logger.error("destruction_waits", dataset=dataset, code=error.code)
    for erasure in erasures.waiting(platform):
        try:
            ended = erasures.carry_out(platform, WORKER, erasure)
            logger.info("erasure_ended", erasure=erasure, state=ended.state)
            is_any_done = True
        except TunewardenError as error:
            logger.error("erasure_waits", erasure=erasure, code=error.code)
    return is_any_done


def _discard(platform: Platform, name: str) -> bool:
    """Uploads whose time is over. Looked for once a minute, by one worker of all: nobody is given them meanwhile."""
    if platform.claims.take(name, [_OVERDUE], platform.clock(), _LOOKED_FOR_EVERY) is None:
        return False
    found = discarding.overdue(platform)
    due = [partial(discarding.expire, platform, WORKER, file, found.seen) for file in found.files]
    due += [partial(discarding.collect, platform, WORKER, upload, found.seen) for upload in found.uploads]
    if due and not discarding.may_discard(platform, WORKER):  # said here once, and not in the log for each
        logger.error("discarding_not_allowed", overdue=len(due))
        return False
    for one in due:
        try:
            one()
        except TunewardenError as error:
            logger.error("discarding_waits", code=error.code)
    return bool(due)


class _Heartbeat:
    """Renews a claim while a step runs, and gives it up afterwards."""

    def __init__(self, platform: Platform, worker: str, request: RequestId, lease: timedelta) -> None:
        self._platform, self._worker, self._request, self._lease = platform, worker, request, lease
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._platform.claims.release(self._worker, self._request)

    def _beat(self) -> None:
        while not self._over.wait(self._lease.total_seconds() / 3):
            self._platform.claims.renew(self._worker, self._request, self._platform.clock(), self._lease)
