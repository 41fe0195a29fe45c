"""An api that is killed while clients create jobs, and one that is told to stop while somebody uploads."""

import os
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from tests.faults.serving import Api
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.events import BudgetReserved, RequestSubmitted

DATASET: dict[str, Any] = {
    "name": "Emergency notes",
    "purposes": ["research"],
    "lawful_basis": "public-task",
    "sensitivity": "special-category",
    "retain_until": "2099-01-01",
    "columns": {"text": "note", "label": "burn", "person": "patient", "protected": ["sex"]},
    "budget": {"epsilon": "100", "delta": "0.5"},
}
NOTES = b"note,burn,patient,sex\n" + b"".join(b"a burn,%s,p%d,f\n" % ((b"no", b"yes")[n % 2], n) for n in range(60))


@dataclass(slots=True)
class Crowd:
    """Clients that repeat what got no answer, as the real one does by itself; until there is one, however long."""

    api: Api
    token: str
    file: str
    client: OpenAI = field(init=False)
    answered: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.client = OpenAI(base_url=f"{self.api.address}/v1", api_key=self.token, max_retries=100)

    def ask(self, number: int, **more: Any) -> str:
        governance = {"purpose": "research", "privacy": {"epsilon": "0.1", "delta": "0.0001"}}
        job = self.client.fine_tuning.jobs.create(
            model="tiny",
            training_file=self.file,
            metadata={"number": f"{number}"},
            extra_body={"governance": governance},
            **more,
        )
        with self.lock:
            self.answered[job.id] += 1
        return job.id


def free_port() -> int:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def killed_while_they_create(theatre: Theatre, api: Api, jobs: int, at_once: int, kills: int) -> Crowd:
    """Kill the api whenever another share of the jobs was answered; give every client its answer in the end."""
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    file = theatre.upload("dana", NOTES)
    theatre.must("dana", "POST", f"/v1/datasets/{dataset}/versions", json={"file_id": file})
    crowd = Crowd(api=api, token=theatre.tokens["ann"], file=file)
    api.start()
    with ThreadPoolExecutor(at_once) as pool:
        asked = [pool.submit(crowd.ask, number) for number in range(jobs)]
        for kill in range(kills):
            while len(crowd.answered) < (kill + 1) * jobs // (kills + 2):
                for one in asked:
                    assert not one.done() or one.result()
                time.sleep(0.005)
            assert api.end(signal.SIGKILL) == -signal.SIGKILL
            api.start()
        told = [one.result() for one in asked]
    assert len(set(told)) == jobs, "somebody got the job of somebody else"
    return crowd


def require_each_once(theatre: Theatre, crowd: Crowd, jobs: int) -> None:
    with theatre.platform.view() as view:
        requests = view.requests.all()
        events = [entry.event for entry in view.entries()]
    assert {one.id for one in requests} == set(crowd.answered)
    assert len({one.metadata["number"] for one in requests}) == len(requests) == jobs
    for kind in (RequestSubmitted, BudgetReserved):
        assert Counter(event.request for event in events if isinstance(event, kind)) == dict.fromkeys(crowd.answered, 1)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    made = in_folder(tmp_path / "home")
    yield made
    made.close()


def test_an_api_that_is_killed_does_what_is_asked_once_and_one_that_is_stopped_ends_what_it_began(
    theatre: Theatre,
) -> None:
    api = Api(theatre.settings.home, free_port())
    try:
        crowd = killed_while_they_create(theatre, api, jobs=24, at_once=12, kills=1)
        with closing(crowd.client):
            require_each_once(theatre, crowd, 24)
            the_real_client_finds_what_was_done_where_the_answer_was_lost(theatre, crowd)
            require_each_once(theatre, crowd, 24)
        what_was_begun_is_answered_before_the_end(theatre, api)
    finally:
        if api.process is not None:
            api.process.kill()
            api.process.wait()


def the_real_client_finds_what_was_done_where_the_answer_was_lost(theatre: Theatre, crowd: Crowd) -> None:
    first = crowd.ask(0, extra_headers={"x-stainless-retry-count": "1"})
    with closing(sqlite3.connect(theatre.settings.home / "tunewarden.db")) as database:
        database.execute("UPDATE repeats SET answer = NULL")
        database.commit()
    assert crowd.ask(0, extra_headers={"x-stainless-retry-count": "1"}) == first


def what_was_begun_is_answered_before_the_end(theatre: Theatre, api: Api) -> None:
    body = b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n' + (
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="n.csv"\r\n\r\na,b\n1,2\n\r\n--x--\r\n'
    )
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {theatre.tokens['dana']}\r\nconnection: close\r\n"
        f"content-type: multipart/form-data; boundary=x\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    with closing(socket.create_connection(("127.0.0.1", api.port), timeout=15)) as sending:
        sending.sendall(head + body[:100])
        time.sleep(0.3)
        assert api.process is not None
        api.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", api.port), timeout=5)
        assert api.process.poll() is None
        sending.sendall(body[100:])
        answer = b"".join(iter(lambda: sending.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    assert api.process.wait(10) in {0, -signal.SIGTERM}
    with theatre.platform.view() as view:
        assert [one.filename for one in view.files.all()].count("n.csv") == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux lets a process say where it runs")
@pytest.mark.parametrize("one", [True, False])
def test_an_api_keeps_to_one_processor_unless_it_is_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: bool
) -> None:
    monkeypatch.setenv("TUNEWARDEN_ONE_PROCESSOR", str(one))
    theatre = in_folder(tmp_path / "home")
    theatre.close()
    api = Api(theatre.settings.home, free_port())
    api.start()
    assert api.process is not None
    tasks = {int(task.name): (task / "comm").read_text() for task in Path(f"/proc/{api.process.pid}/task").iterdir()}
    of_python = [thread for thread, name in tasks.items() if name == tasks[api.process.pid]]  # an allocator has its own
    allowed = {frozenset(os.sched_getaffinity(thread)) for thread in of_python}
    api.end(signal.SIGTERM)
    assert len(of_python) > 1
    assert {len(each) for each in allowed} == {1 if one else len(os.sched_getaffinity(0))}
    assert len(allowed) == 1, "all threads keep to the same one"
