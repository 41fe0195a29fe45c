"""The way from the training loop in a Ray worker to whoever may charge the ledger, and back.

The process that carries the job out holds the database and the right to charge; the loop holds neither. Between them
stands a desk, a Ray actor of its own: the loop asks and waits, the job's process pays and answers. No answer, no
update: when the desk is gone, asking fails.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import ray
from ray.actor import ActorHandle

from tunewarden.domain.errors import TunewardenError

_PATIENCE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One of our errors on its way from the worker; an exception itself would lose its parts in Ray's envelope."""

    kind: type[TunewardenError]
    code: str
    reason: str
    remedy: str
    who: str
    param: str

    def error(self) -> TunewardenError:
        """The error again."""
        return self.kind(self.code, self.reason, remedy=self.remedy, who=self.who, param=self.param)


class _Desk:
    """What waits between the two: questions one way, answers the other."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[int | Failure] = asyncio.Queue()
        self._paid: asyncio.Queue[None] = asyncio.Queue()

    async def ask(self, updates: int) -> None:
        """For the loop: returns when `updates` further updates are paid for."""
        await self._messages.put(updates)
        await self._paid.get()

    async def fail(self, failure: Failure) -> None:
        """For the loop: why it stops."""
        await self._messages.put(failure)

    async def next(self) -> int | Failure:
        """For the job's process: the next message, waiting for one."""
        return await self._messages.get()

    async def pay(self) -> None:
        """For the job's process: the last question is paid for."""
        await self._paid.put(None)


def open_desk() -> ActorHandle:
    """A desk that lives as long as this process holds it or is alive."""
    handle: ActorHandle = ray.remote(num_cpus=0)(_Desk).remote()
    return handle


def close_desk(desk: ActorHandle) -> None:
    """From now on every question fails."""
    ray.kill(desk)


def charge_at(desk: ActorHandle) -> Callable[[int], None]:
    """For the loop: a `charge` that waits for the answer of the job's process, and raises where none can come."""

    def charge(updates: int) -> None:
        ray.get(desk.ask.remote(updates))

    return charge


def report_failure(desk: ActorHandle, error: TunewardenError) -> None:
    """For the loop: tell the job's process why the training stops."""
    failure = Failure(
        kind=type(error),
        code=error.code,
        reason=error.reason,
        remedy=error.remedy,
        who=error.who,
        param=error.param,
    )
    ray.get(desk.fail.remote(failure))


def serve(desk: ActorHandle, charge: Callable[[int], None], ended: Callable[[], bool]) -> None:
    """For the job's process: pay what the loop asks for until the training has `ended`.

    Raises what `charge` raises, and the loop's own error where it reported one.
    """
    waiting = desk.next.remote()
    while True:
        over = ended()  # looked at before the messages: a loop reports before it ends
        ready, _ = ray.wait([waiting], timeout=_PATIENCE_SECONDS)
        if not ready:
            if over:
                return
            continue
        message = ray.get(waiting)
        if isinstance(message, Failure):
            raise message.error()
        charge(message)
        ray.get(desk.pay.remote())
        waiting = desk.next.remote()
