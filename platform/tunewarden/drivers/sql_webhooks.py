"""What waits to be delivered to endpoints, in SQL; and how far the log was looked through for it."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, func, insert, select, union, update

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.names import WebhookId
from tunewarden.domain.webhook_words import WebhookType
from tunewarden.domain.webhooks import Failing
from tunewarden.drivers.sql_engine import reading
from tunewarden.drivers.sql_schema import WEBHOOK_DELIVERIES, WEBHOOK_FAILING, WEBHOOK_PLACE
from tunewarden.usecases.webhook_deliveries import TEST_LASTS, Delivery

_D, _F = WEBHOOK_DELIVERIES.c, WEBHOOK_FAILING.c


class SqlDeliveries:
    """`usecases.webhook_deliveries.Deliveries`. Instants are kept to the millisecond."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._reading = engine, reading(engine)

    def place(self) -> int | None:
        with self._reading.connect() as connection:
            found: int | None = connection.scalar(select(WEBHOOK_PLACE.c.next_index))
        return found

    def put(self, found: Sequence[Delivery], place: int) -> None:
        with self._engine.begin() as connection:
            moved = connection.execute(update(WEBHOOK_PLACE).values(next_index=place))
            if not moved.rowcount:
                connection.execute(insert(WEBHOOK_PLACE).values(one=1, next_index=place))
            for one in found:
                if connection.scalar(select(_D.message).where(_its(one))) is None:
                    connection.execute(insert(WEBHOOK_DELIVERIES).values(_row(one)))

    def put_test(self, test: Delivery) -> None:
        is_old = _D.entry.is_(None) & (_D.at < instant_text(test.at - TEST_LASTS))
        with self._engine.begin() as connection:
            connection.execute(delete(WEBHOOK_DELIVERIES).where(is_old))
            connection.execute(insert(WEBHOOK_DELIVERIES).values(_row(test)))

    def due(self, now: datetime) -> Sequence[Delivery]:
        held = select(_F.webhook).where(_F.held_until > instant_text(now))
        may_be_sent = _D.entry.is_(None) | _D.webhook.not_in(held)
        is_due = (_D.next_at <= instant_text(now)) & _D.status.is_(None) & may_be_sent
        turn = (_D.entry.nulls_first(), _D.next_at, _D.message)
        first = select(WEBHOOK_DELIVERIES).where(is_due).order_by(*turn).limit(1)
        with self._reading.connect() as connection:
            endpoints = connection.scalars(select(_D.webhook).where(is_due).distinct()).all()
            rows = [connection.execute(first.where(_D.webhook == one)).one_or_none() for one in endpoints]
        return [_read(row) for row in rows if row is not None]

    def waiting(self, webhook: WebhookId) -> int:
        with self._reading.connect() as connection:
            found = select(func.count()).where((_D.webhook == webhook) & _D.entry.is_not(None))
            return connection.scalar(found) or 0

    def done(self, delivery: Delivery) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(WEBHOOK_DELIVERIES).where(_its(delivery)))

    def again(self, delivery: Delivery) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(WEBHOOK_DELIVERIES)
                .where(_its(delivery))
                .values(attempts=delivery.attempts, next_at=instant_text(delivery.next_at))
            )

    def answered(self, test: Delivery) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(WEBHOOK_DELIVERIES).where(_its(test)).values(status=test.status))

    def take_answer(self, test: Delivery) -> int | None:
        with self._reading.connect() as connection:
            status: int | None = connection.scalar(select(_D.status).where(_its(test)))
        if status is not None:
            self.done(test)
        return status

    def clear(self, webhook: WebhookId) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(WEBHOOK_DELIVERIES).where(_D.webhook == webhook))
            connection.execute(delete(WEBHOOK_FAILING).where(_F.webhook == webhook))

    def failing(self, webhook: WebhookId) -> Failing | None:
        with self._reading.connect() as connection:
            row = connection.execute(select(WEBHOOK_FAILING).where(_F.webhook == webhook)).one_or_none()
        if row is None:
            return None
        changed_at, since = (datetime.fromisoformat(text) for text in (row.changed_at, row.since))
        until = None if row.held_until is None else datetime.fromisoformat(row.held_until)
        return Failing(changed_at=changed_at, since=since, given_up=row.given_up, held_until=until)

    def put_failing(self, webhook: WebhookId, failing: Failing | None) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(WEBHOOK_FAILING).where(_F.webhook == webhook))
            if failing is not None:
                connection.execute(insert(WEBHOOK_FAILING).values(webhook=webhook, **_failing_row(failing)))

    def endpoints(self) -> Set[WebhookId]:
        with self._reading.connect() as connection:
            return {WebhookId(one) for one in connection.scalars(union(select(_D.webhook), select(_F.webhook)))}


def _its(delivery: Delivery) -> Any:
    return (_D.webhook == delivery.webhook) & (_D.message == delivery.message)


def _failing_row(failing: Failing) -> dict[str, Any]:
    return {
        "changed_at": instant_text(failing.changed_at),
        "since": instant_text(failing.since),
        "given_up": failing.given_up,
        "held_until": None if failing.held_until is None else instant_text(failing.held_until),
    }


def _row(one: Delivery) -> dict[str, Any]:
    return {
        "webhook": one.webhook,
        "message": one.message,
        "entry": one.entry,
        "type": one.type,
        "about": one.about,
        "at": instant_text(one.at),
        "attempts": one.attempts,
        "next_at": instant_text(one.next_at),
        "status": one.status,
    }


def _read(row: Row[Any]) -> Delivery:
    return Delivery(
        webhook=WebhookId(row.webhook),
        message=row.message,
        entry=row.entry,
        type=WebhookType(row.type),
        about=row.about,
        at=datetime.fromisoformat(row.at),
        attempts=row.attempts,
        next_at=datetime.fromisoformat(row.next_at),
        status=row.status,
    )
