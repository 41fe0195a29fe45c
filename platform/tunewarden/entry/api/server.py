"""The HTTP server of an api process."""

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from socket import socket
from typing import cast

import uvicorn
from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from tunewarden.entry.api.doors import Doors
from tunewarden.entry.settings import Settings

_GRACE_SECONDS = 5
_NOT_STARTED = 3  # exit code, as that of `uvicorn`
_PROCESSOR = 36  # of the fields after a thread's name: on which one it ran last (proc(5), field 39)


class Server(uvicorn.Server):
    """Has few threads, and tells streams to end before it waits: by themselves they would last for an hour.

    Threads of one interpreter take turns: the more there are, the longer whoever writes keeps all others waiting.
    """

    def __init__(self, config: uvicorn.Config, threads: int = 8) -> None:
        super().__init__(config)
        self._threads = threads

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        current_default_thread_limiter().total_tokens = self._threads
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        cast(Doors, cast(FastAPI, self.config.app).state.doors).live.close()
        await super().shutdown(sockets)


def keep_to_one_processor() -> None:
    """Let this thread, and all that it starts, run on the processor on which it runs now; only Linux can.

    Threads of one interpreter run one at a time. Where each has a processor of its own, whatever the database is asked
    wakes another one up for nothing, which costs half as much again as the whole request.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may not let it; then it is slower
            said = Path("/proc/thread-self/stat").read_text(encoding="ascii", errors="replace")
            os.sched_setaffinity(0, {int(said.rpartition(")")[2].split()[_PROCESSOR])})


def configured(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How an api process is served.

    With h11, whatever else is installed: it refuses a head of more than 64 KiB, and the faster parser has no bound.
    """
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="h11",
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def serve(app: FastAPI, settings: Settings) -> None:
    """Answer until the process is told to stop; what is under way then gets five seconds. Exits if it cannot begin."""
    app.openapi()  # now: a refusal looks names up in it, and the first one would keep all others waiting
    gc.collect()
    gc.freeze()  # what is there now stays: to look through it again and again keeps everybody waiting each time
    if settings.one_processor:
        keep_to_one_processor()
    server = Server(configured(app, settings), settings.request_threads)
    with suppress(KeyboardInterrupt):  # it is raised again once everything has ended
        server.run()
    if not server.started:
        sys.exit(_NOT_STARTED)
