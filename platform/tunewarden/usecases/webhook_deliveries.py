"""What waits to be delivered to endpoints: a queue of no evidence, beside the log from which it is made."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhook_words import WebhookType
from tunewarden.domain.webhooks import Failing

MOST_WAITING = 10_000
TEST_LASTS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message for an endpoint; its id is the same at each attempt.

    Attributes:
        entry: index of the entry that it is about; None for a test.
        about: the id of the thing.
        at: when it happened.
        attempts: that were made.
        next_at: not before then is the next one.
        status: what the endpoint answered to a test; None before. 0 where it did not answer.
    """

    webhook: WebhookId
    message: str
    entry: int | None
    type: WebhookType
    about: str
    at: datetime
    attempts: int
    next_at: datetime
    status: int | None = None


class Deliveries(Protocol):
    """The queue. Not trusted to be complete by anybody: what is true stands in the log."""

    def place(self) -> int | None:
        """The first entry of the log that was not looked at yet; None before any was."""

    def put(self, found: Sequence[Delivery], place: int) -> None:
        """Queue these and move the place there, both or neither; what is queued already stays as it is."""

    def put_test(self, test: Delivery) -> None:
        """Queue a test. Those from more than a minute before it are forgotten: nobody waits for them any more."""

    def due(self, now: datetime) -> Sequence[Delivery]:
        """For each endpoint a test that is due, or else, of what is, what happened first; of a held one tests alone.

        So of an endpoint that takes little at a time some messages come to their end: turn about, none would.
        """

    def waiting(self, webhook: WebhookId) -> int:
        """How many wait, tests left out."""

    def done(self, delivery: Delivery) -> None:
        """It was delivered, or given up."""

    def again(self, delivery: Delivery) -> None:
        """It waits, with these attempts and until then."""

    def answered(self, test: Delivery) -> None:
        """This is what became of the test."""

    def take_answer(self, test: Delivery) -> int | None:
        """The status that a test got, which is forgotten by it; None while there is none."""

    def clear(self, webhook: WebhookId) -> None:
        """Nothing waits for it any more, and nothing is known of how it failed."""

    def failing(self, webhook: WebhookId) -> Failing | None:
        """Since when it takes nothing; None where it took the last one."""

    def put_failing(self, webhook: WebhookId, failing: Failing | None) -> None:
        """So it is from here on."""

    def endpoints(self) -> Set[WebhookId]:
        """Those of which anything is kept here."""
