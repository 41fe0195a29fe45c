"""The way from the training loop in a Ray worker to whoever may charge the ledger, and back.

The process that carries the job out holds the database and the right to charge; the loop holds neither. Between them
stands a desk, a Ray actor of its own: the loop asks and waits, the job's process pays and answers. No answer, no
update: when the desk is gone, asking fails. Before it asks for the first time, the loop hands in its certificate.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

import ray
from ray.actor import ActorHandle

from tunewarden.domain.errors import TunewardenError
from tunewarden.steps.train.certificate import Certificate
from tunewarden.usecases.ports import Charge
from tunewarden.usecases.work import Receipt

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


Message = int | Certificate | Failure
"""From the loop: so many updates to be paid for, what it was found to do, or why it stops."""


class _Desk:
    """What waits between the two: messages one way, receipts the other."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._paid: asyncio.Queue[Receipt] = asyncio.Queue()

    async def ask(self, updates: int) -> Receipt:
        """For the loop: returns when `updates` further updates are paid for."""
        await self._messages.put(updates)
        return await self._paid.get()

    async def tell(self, message: Certificate | Failure) -> None:
        """For the loop: what needs no answer."""
        await self._messages.put(message)

    async def next(self) -> Message:
        """For the job's process: the next message, waiting for one."""
        return await self._messages.get()

    async def pay(self, receipt: Receipt) -> None:
        """For the job's process: the last question is paid for."""
        await self._paid.put(receipt)


def open_desk() -> ActorHandle:
    """A desk that lives as long as this process holds it or is alive."""
    handle: ActorHandle = ray.remote(num_cpus=0)(_Desk).remote()
    return handle


def close_desk(desk: ActorHandle) -> None:
    """From now on every question fails."""
    ray.kill(desk)


def charge_at(desk: ActorHandle) -> Charge:
    """For the loop: a `charge` that waits for the answer of the job's process, and raises where none can come."""

    def charge(updates: int) -> Receipt:
        receipt: Receipt = ray.get(desk.ask.remote(updates))
        return receipt

    return charge


def hand_in_at(desk: ActorHandle) -> Callable[[Certificate], None]:
    """For the loop: the way of its certificate to the job's process."""

    def hand_in(certificate: Certificate) -> None:
        ray.get(desk.tell.remote(certificate))

    return hand_in


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
    ray.get(desk.tell.remote(failure))


def serve(desk: ActorHandle, charge: Charge, take: Callable[[Certificate], None], ended: Callable[[], bool]) -> None:
    """For the job's process: pay what the loop asks for, and take its certificate, until the training has `ended`.

    Raises what `charge` and `take` raise, and the loop's own error where it reported one.
    """
    waiting = desk.next.remote()
    while True:
        over = ended()  # looked at before the messages: a loop reports before it ends
        ready, _ = ray.wait([waiting], timeout=_PATIENCE_SECONDS)
        if not ready:
            if over:
                return
            continue
        message: Message = ray.get(waiting)
        match message:
            case int():
                ray.get(desk.pay.remote(charge(message)))
            case Certificate():
                take(message)
            case Failure():
                raise message.error()
            case _:
                assert_never(message)
        waiting = desk.next.remote()
