"""Every kind of entry, as it leaves for a SIEM."""

from datetime import UTC, datetime

import pytest
from tests.domain.test_events import example

from tunewarden.domain.entries import entry_bytes
from tunewarden.domain.events import EVENT_TYPES
from tunewarden.domain.names import PrincipalId
from tunewarden.drivers.sql_log import StoredTreeHead
from tunewarden.entry.siem.events import Exported, of_entry, of_head, tested
from tunewarden_audit.merkle import leaf_hash

ORIGIN = "log.example/2026"
AT = datetime(2026, 11, 21, 2, 3, 4, 567000, tzinfo=UTC)
HEAD = StoredTreeHead(size=99, root=b"r" * 32, note=f"{ORIGIN}\n99\ncnJy\n\n\u2014 {ORIGIN} c2ln\n", sealed_at=AT)


def exported(name: str, index: int = 7) -> Exported:
    body = entry_bytes(example(EVENT_TYPES[name]), actor=PrincipalId("prn-1"), at=AT)
    return of_entry(ORIGIN, index, leaf_hash(body), body, HEAD)


def everything() -> dict[str, Exported]:
    found = {name: exported(name) for name in EVENT_TYPES}
    others = (of_entry(ORIGIN, 8, b"\1" * 32, None, HEAD), of_head(ORIGIN, HEAD), tested(ORIGIN, AT))
    return found | {event.type: event for event in others}


@pytest.fixture(params=sorted(everything()))
def event(request: pytest.FixtureRequest) -> Exported:
    return everything()[request.param]
