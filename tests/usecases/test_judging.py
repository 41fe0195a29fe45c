"""What gates said of many requests is read at once, and a broken document of a gate is told where it belongs."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.conftest import ANN, BOB, Stage
from tests.usecases.test_reading_back import worked_off

from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Gate, Outcome
from tunewarden.domain.names import Alias, RequestId
from tunewarden.usecases import following, judging, models, requests
from tunewarden.usecases.ports import View


class Watched:
    """A view that writes down what the log is asked."""

    def __init__(self, view: View, asked: list[str]) -> None:
        self._view, self._asked = view, asked

    def __getattr__(self, name: str) -> Any:
        if name.startswith("entries"):
            self._asked.append(name)
        return getattr(self._view, name)

    def __enter__(self) -> Any:
        self._view.__enter__()
        return self

    def __exit__(self, *ended: Any) -> None:
        self._view.__exit__(*ended)


def watched(stage: Stage) -> tuple[Any, list[str]]:
    asked: list[str] = []
    return replace(stage.platform, view=lambda: Watched(stage.platform.view(), asked)), asked


def test_the_log_is_asked_once_for_a_page_of_jobs_and_never_searched(stage: Stage) -> None:
    one = worked_off(stage)
    page = [replace(one, id=RequestId(f"ftjob-{number:032x}")) for number in range(1_000, 1_100)]
    platform, asked = watched(stage)
    found = judging.judgements(platform, [*page, one])
    assert asked == ["entries_about"]
    assert (len(found), [said.outcome for said in found[one.id]]) == (101, [Outcome.PASS])
    assert {said.outcome for other in page for said in found[other.id]} == {None}


def test_nothing_is_asked_where_no_job_has_begun(stage: Stage) -> None:
    waiting = replace(worked_off(stage), attempt=0)
    platform, asked = watched(stage)
    (said,) = judging.judgements(platform, [waiting])[waiting.id]
    assert (asked, said.outcome) == ([], None)


def test_what_was_written_about_a_job_is_not_searched_for_either(stage: Stage) -> None:
    request = worked_off(stage)
    platform, asked = watched(stage)
    told = requests.events(platform, ANN, request.id)
    news = following.news(platform, ANN, request.id, told[1].index)
    assert (asked, list(news.entries)) == (["entries_about"] * 2, told[1:])


@pytest.mark.parametrize("broken", [b"other bytes", None], ids=["bytes", "form"])
def test_a_broken_gate_is_told_at_its_verdict_and_hides_no_other(stage: Stage, broken: bytes | None) -> None:
    request, whole = worked_off(stage), worked_off(stage)
    gate = stage.policies.gates["promotion"]
    strict = Gate(name=gate.name, rules=(replace(gate.rules[0], limit=Decimal("0.99")),))
    stage.policies.gates["promotion"] = strict
    assert request.model is not None
    with pytest.raises(Refused):
        models.propose(stage.platform, BOB, request.model, Alias.STAGING)
    digest = strict.digest()
    if broken is None:  # the bytes of the digest, and no gate: as a later version may have written it
        stage.blobs.read = _instead(stage, digest, b'{"of":"another version"}')  # type: ignore[method-assign]
    else:
        stage.blobs.stored[digest] = broken
    found = judging.judgements(stage.platform, [request, whole])
    first, last = found[request.id]
    assert (first.outcome, first.fault, first.findings[0][1] is None) == (Outcome.PASS, "", False)
    code = "record_malformed" if broken is None else "blob_corrupted"
    assert (last.outcome, last.fault, last.findings[0][1]) == (Outcome.FAIL, code, None)
    (other,) = found[whole.id]
    assert (other.outcome, other.fault, other.findings[0][1] is None) == (Outcome.PASS, "", False)


def _instead(stage: Stage, digest: str, data: bytes) -> Any:
    read = stage.blobs.read
    return lambda asked: data if asked == digest else read(asked)
