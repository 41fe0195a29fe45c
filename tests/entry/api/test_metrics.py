"""What operators see of a running api: true counts, in the format, for whoever has the token, and of nobody."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.entry.api.conftest import Gatehouse, Open

from tunewarden.domain.errors import Malformed, Unavailable
from tunewarden.domain.names import Action
from tunewarden.drivers.memory import MemoryState, memory_views
from tunewarden.entry.api.metrics import TYPE, Metrics, read_token
from tunewarden.usecases.ports import Decision

TOKEN = "scrape-" + "x" * 40
_LABEL = r'[a-z]+="[^"\\\n]*"'
LINE = re.compile(
    rf"# (HELP|TYPE) tunewarden_[a-z_]+ .+|tunewarden_[a-z_]+(\{{{_LABEL}(,{_LABEL})*\}})? [0-9][0-9.e+-]*"
)


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "metrics-token"
    path.touch(mode=0o600)
    path.write_text(TOKEN + "\n")
    return path


@pytest.fixture
def gate(opened: Open, token: Path) -> Gatehouse:
    return opened(metrics_token_file=token)


def scraped(gate: Gatehouse) -> dict[str, float]:
    answer = gate.bring(TOKEN, "GET", "/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TYPE)
    assert answer.text.endswith("\n")
    lines = answer.text.splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_requests_and_decisions_are_counted_by_our_words(gate: Gatehouse) -> None:
    before = scraped(gate)
    assert before["tunewarden_ready"] == 1
    assert gate.ask("ann", "GET", "/v1/fine_tuning/jobs").status_code == 200
    assert gate.ask("ann", "GET", "/v1/fine_tuning/jobs/ftjob-x").status_code == 404
    assert gate.ask("ann", "POST", "/v1/datasets", json={}).status_code == 422
    assert gate.ask("ann", "POST", "/v1/grants", json={"principal": "prn-x", "role": "steward"}).status_code == 403
    after = scraped(gate)

    def of(method: str, route: str, status: str) -> float:
        return after[f'tunewarden_http_requests_total{{method="{method}",route="{route}",status="{status}"}}']

    assert of("GET", "/v1/fine_tuning/jobs", "2xx") == 1
    assert of("GET", "/v1/fine_tuning/jobs/{job_id}", "4xx") == 1
    assert of("POST", "/v1/datasets", "4xx") == 1
    bucket = 'tunewarden_http_request_seconds_bucket{method="GET",route="/v1/fine_tuning/jobs",le="+Inf"}'
    assert after[bucket] == after[bucket.replace("_bucket", "_count").replace(',le="+Inf"', "")] == 1


def test_what_is_allowed_and_refused_is_counted_by_action() -> None:
    metrics = Metrics(memory_views(MemoryState()), lambda: True)
    says = iter((True, False, False))
    access: Any = metrics.counting(lambda *_: Decision(allowed=next(says), because="a test"))
    assert [access(None, Action.READ_POLICY, None).allowed for _ in range(3)] == [True, False, False]
    said = metrics.text()
    assert 'tunewarden_access_decisions_total{action="read-policy",decision="allowed"} 1\n' in said
    assert 'tunewarden_access_decisions_total{action="read-policy",decision="refused"} 2\n' in said


def test_buckets_hold_what_is_within_them_and_in_those_below() -> None:
    metrics = Metrics(memory_views(MemoryState()), lambda: False)
    for seconds in (0.005, 0.006, 11.0):
        metrics.answered("GET", "/x", 200, seconds)
    lines = [line for line in metrics.text().splitlines() if "seconds_bucket" in line]
    assert [int(line.split()[-1]) for line in lines] == [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]
    assert 'le="+Inf"' in lines[-1]
    assert "tunewarden_ready 0\n" in metrics.text()


def test_nothing_that_a_caller_typed_becomes_a_label(gate: Gatehouse) -> None:
    for method, path in (("GET", "/v1/doctor-quux"), ("QUUX", "/v1/files"), ("GET", "/v1/files/doctor-quux")):
        gate.ask("ann", method, path)
    text = gate.bring(TOKEN, "GET", "/metrics").text
    assert "quux" not in text.lower()
    assert 'method="other"' in text
    assert 'route="none"' in text


@pytest.mark.parametrize("credential", ["", "x", TOKEN[:-1], TOKEN + "x", "\u00e9"])
def test_nobody_else_reads_them(gate: Gatehouse, credential: str) -> None:
    headers = {"authorization": f"Bearer {credential}".encode()}
    assert gate.client.get("/metrics", headers=headers).status_code == 401


def test_a_key_of_a_person_does_not_open_them_and_their_token_opens_nothing_else(gate: Gatehouse) -> None:
    assert {gate.ask(who, "GET", "/metrics").status_code for who in gate.tokens} == {401}
    assert gate.bring(TOKEN, "GET", "/v1/files").status_code == 401


def test_without_a_token_there_are_none(opened: Open) -> None:
    assert opened().ask("ada", "GET", "/metrics").status_code == 404


def test_a_token_that_is_short_open_to_others_or_away_is_refused_at_the_start(token: Path, tmp_path: Path) -> None:
    assert read_token(token) == TOKEN
    token.chmod(0o640)
    with pytest.raises(Malformed, match="readable by others"):
        read_token(token)
    token.chmod(0o600)
    token.write_text("short")
    with pytest.raises(Malformed, match="fewer than 32"):
        read_token(token)
    with pytest.raises(Unavailable):
        read_token(tmp_path / "away")


def test_jobs_and_entries_are_looked_at_every_ten_seconds_at_most() -> None:
    looked, now, state = [], [0.0], MemoryState()
    views = memory_views(state)

    def view() -> Any:
        looked.append(1)
        return views()

    metrics = Metrics(view, lambda: True, lambda: now[0])
    for now[0] in (0.0, 5.0, 9.9, 10.0):
        assert "tunewarden_log_entries_total 0\n" in metrics.text()
    assert len(looked) == 2
    assert 'tunewarden_jobs{state="' in metrics.text()


def test_streams_that_are_open_are_counted() -> None:
    metrics = Metrics(memory_views(MemoryState()), lambda: True, streams=lambda: 7)
    assert "\ntunewarden_streams 7\n" in metrics.text()
