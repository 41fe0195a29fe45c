"""The worker acts for one request at a time, and as a program."""

from typing import Any

from tests.conftest import Stage
from tests.usecases.test_binding import waiting

from tunewarden.domain.identities import PrincipalKind
from tunewarden.entry import worker
from tunewarden.entry.settings import Settings
from tunewarden.usecases import jobs


def test_each_step_is_taken_by_a_worker_that_is_bound_to_its_request(stage: Stage, monkeypatch: Any) -> None:
    """What the use case is given; what a bound worker cannot do with it, tests/usecases/test_binding.py shows."""
    asked, advance = [], jobs.advance

    def watching(platform: Any, principal: Any, *more: Any) -> Any:
        asked.append((principal.bound_to, more[-1], principal.kind))
        return advance(platform, principal, *more)

    monkeypatch.setattr(jobs, "advance", watching)
    requests = waiting(stage)
    while worker.work_once(Settings(), stage.platform, stage.steps, "worker-1"):
        pass
    assert {one for _, one, _ in asked} == set(requests)
    assert all(bound == one and kind is PrincipalKind.SERVICE for bound, one, kind in asked)
