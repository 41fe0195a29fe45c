"""An answer is given again whenever it was written, also just between two looks."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from fastapi.testclient import TestClient
from tests.entry.api.test_once import DATASET
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_repeats import SqlRepeats
from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.once import Once
from tunewarden.entry.running import Running
from tunewarden.usecases.repeats import Answered, Kept

HELD_SECONDS = 30.0


@dataclass(slots=True)
class Overtaken:
    """Repeats of which whoever looks first sees a row without its answer, which is then written before they go on."""

    repeats: SqlRepeats
    once: list[Once] = field(default_factory=list)
    seen: threading.Event = field(default_factory=threading.Event)
    written: threading.Event = field(default_factory=threading.Event)

    def find(self, identifier: str, now: datetime) -> Kept | None:
        found = self.repeats.find(identifier, now)
        if found is not None and not self.seen.is_set():
            assert found.answer is None
            self.seen.set()
            assert self.written.wait(HELD_SECONDS)
            while self.once[0]._answers._waiting:  # what is written is not known in memory any more
                time.sleep(0.001)
        return found

    def answered(self, answers: Sequence[Answered]) -> None:
        assert self.seen.wait(HELD_SECONDS)
        self.repeats.answered(answers)
        self.written.set()

    def sweep(self, now: datetime) -> None:
        pass


@pytest.fixture
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("answers") / "home")
    with made.client:
        yield made
    made.close()


def test_an_answer_that_is_written_while_it_is_looked_for_is_not_lost(theatre: Theatre) -> None:
    assert theatre.running.once is not None
    repeats = Overtaken(SqlRepeats(connect(theatre.settings.database)))
    once = Once(repeats, theatre.running.once._words, theatre.platform.envelopes, theatre.platform.clock)
    repeats.once.append(once)
    app = create_app(theatre.platform, theatre.settings, running=replace(Running(), once=once))
    headers = {"authorization": f"Bearer {theatre.tokens['dana']}", "idempotency-key": "overtaken"}
    with TestClient(app) as client:
        first, second = (
            client.post("/v1/datasets", json=DATASET, headers=headers, follow_redirects=False) for _ in range(2)
        )
    assert first.status_code == 200
    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["idempotency-replayed"] == "true"
