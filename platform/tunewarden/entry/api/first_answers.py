"""The answers to what was done, sealed and written beside the requests that got them, and never in their way.

What is not written yet is known here; a process that is killed loses it, and then who asks again is sent to the thing
itself. So the answer of a request costs it no second transaction, and under load many are written in one.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock

from tunewarden.domain.canonical import decode, encode, from_plain
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.names import Action
from tunewarden.drivers.identity import holds_token
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases.ports import Envelopes, Resource
from tunewarden.usecases.repeats import Answered, Kept, Repeats

LARGEST = 64 * 1024
"""Bytes; a larger answer is not kept."""
_TOGETHER_SECONDS = 0.1  # a client that repeats by itself does so after half a second at the earliest


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the access policy was asked about who called, and allowed."""

    action: Action
    resource: Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """What was answered, and what had to be allowed for it.

    One that `is_secret` holds a key, is never written, and is not given again.
    """

    status: int
    headers: Mapping[str, str]
    body: str
    asked: tuple[Asked, ...]

    @property
    def is_secret(self) -> bool:
        return holds_token(self.body)


class FirstAnswers:
    """Writes them in a thread of its own. Safe to use from several threads."""

    def __init__(self, repeats: Repeats, envelopes: Envelopes) -> None:
        self._repeats, self._envelopes = repeats, envelopes
        self._waiting: dict[str, tuple[str, FirstAnswer]] = {}  # by the id of what is kept: by which request
        self._is_writing = False
        self._closed = Event()
        self._lock = Lock()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")

    def put(self, kept: Kept, answer: FirstAnswer) -> None:
        """It is known here from now on, and written soon."""
        with self._lock:
            if self._closed.is_set():
                return
            self._waiting[kept.id] = (kept.by, answer)
            if self._is_writing:
                return
            self._is_writing = True
        self._writer.submit(self._write_all)

    def of(self, kept: Kept) -> FirstAnswer | None:
        """Of this request; None where it is lost. Not asked for one whose answer is known to be secret."""
        with self._lock:
            waiting = self._waiting.get(kept.id)
        if waiting is not None and waiting[0] == kept.by:
            return waiting[1]
        if kept.answer is None:
            return None
        try:
            return from_plain(FirstAnswer, decode(self._envelopes.open(kept.id, kept.answer)))
        except TunewardenError as error:
            logger.warning("answer_unreadable", code=error.code)
            return None

    def close(self) -> None:
        """Write what waits; from then on nothing is kept."""
        with self._lock:
            self._closed.set()
        self._writer.shutdown()

    def _write_all(self) -> None:
        try:
            while batch := self._next():
                self._write(batch)
                self._closed.wait(_TOGETHER_SECONDS)  # each batch holds up all units of work for a flush to the disk
        except BaseException:
            with self._lock:
                self._is_writing = False
            raise

    def _next(self) -> dict[str, tuple[str, FirstAnswer]]:
        """What waits now; nothing once this thread is done."""
        with self._lock:
            self._is_writing = bool(self._waiting)
            return dict(self._waiting)

    def _write(self, batch: Mapping[str, tuple[str, FirstAnswer]]) -> None:
        try:
            self._repeats.answered([self._sealed(identifier, *one) for identifier, one in batch.items()])
        except TunewardenError as error:
            logger.warning("answers_unwritten", code=error.code)  # it was done and answered all the same
        finally:
            with self._lock:
                for identifier, one in batch.items():
                    if self._waiting.get(identifier) is one:
                        del self._waiting[identifier]

    def _sealed(self, identifier: str, by: str, answer: FirstAnswer) -> Answered:
        if answer.is_secret:
            return Answered(id=identifier, by=by, answer=None)
        return Answered(id=identifier, by=by, answer=self._envelopes.seal(identifier, encode(answer)))
