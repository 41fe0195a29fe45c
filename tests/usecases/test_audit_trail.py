"""The log, page by page: newest first, both ways, within a period, and never read without end."""

from collections.abc import Callable, Collection
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st
from tests.conftest import ANN, EVE, NOW, OTTO, Stage, made_stage

from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.events import ActionRefused, KeyRevoked
from tunewarden.domain.names import PrincipalId, PruneId
from tunewarden.usecases import audit_trail
from tunewarden.usecases.audit_trail import Period, trail

EVER = Period()


def written(stage: Stage, gaps: list[int]) -> None:
    """An entry each, so many seconds after the one before."""
    for gap in gaps:
        stage.clock.advance(timedelta(seconds=gap))
        with stage.platform.work(ANN.id) as work:
            work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
            work.commit()


def pruned(stage: Stage, gone: Collection[int]) -> None:
    """These entries have lost their bodies, and a further entry is there."""
    with stage.platform.work(ANN.id) as work:
        work.drop_bodies(PruneId("prune-1"), sorted(gone))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
        work.commit()


def indices(found: audit_trail.Trail) -> list[int]:
    return [entry.index for entry in found.entries]


def every(divisor: int) -> Callable[[Entry], bool]:
    return lambda entry: entry.index % divisor == 0


@given(
    gaps=st.lists(st.integers(min_value=0, max_value=300), max_size=30),
    divisor=st.integers(min_value=1, max_value=4),
    limit=st.integers(min_value=1, max_value=7),
    since=st.none() | st.integers(min_value=-10, max_value=2_000),
    length=st.none() | st.integers(min_value=0, max_value=2_000),
    gone=st.sets(st.integers(min_value=0, max_value=29)),
)
def test_walking_the_pages_either_way_finds_what_a_plain_search_finds(
    gaps: list[int], divisor: int, limit: int, since: int | None, length: int | None, gone: set[int]
) -> None:
    stage = made_stage()
    written(stage, gaps)
    pruned(stage, gone & set(range(len(gaps))))
    begin = None if since is None else NOW + timedelta(seconds=since)
    period = Period(since=begin, until=None if length is None else (begin or NOW) + timedelta(seconds=length))
    plain = [one.index for one in stage.entries() if period.holds(one.at) and every(divisor)(one)][::-1]

    def page(**where: int) -> audit_trail.Trail:
        return trail(stage.platform, OTTO, every(divisor), period, limit, **where)

    down, found = page(), []
    while down.entries:
        found += indices(down)
        assert down.has_more == (len(found) < len(plain))
        down = page(after=found[-1])
    assert found == plain
    up, found = page(before=-1), []
    while up.entries:
        found = indices(up) + found
        up = page(before=found[0])
    assert found == plain


def test_a_search_that_finds_nothing_ends_and_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    written(stage, [1] * 30)
    monkeypatch.setattr(audit_trail, "MOST_READ", 10)
    with pytest.raises(Malformed) as caught:
        trail(stage.platform, OTTO, lambda entry: entry.index == 0, EVER, 5)
    assert caught.value.code == "audit_period_too_long"
    some = trail(stage.platform, OTTO, lambda entry: entry.index in (0, 25), EVER, 5)
    assert (indices(some), some.has_more) == ([25], True)
    narrow = Period(until=NOW + timedelta(seconds=2))
    assert indices(trail(stage.platform, OTTO, lambda entry: entry.index == 0, narrow, 5, after=9)) == [0]


def test_what_lost_its_body_is_looked_at_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    written(stage, [1] * 30)
    pruned(stage, range(1, 30))
    monkeypatch.setattr(audit_trail, "MOST_READ", 10)
    with pytest.raises(Malformed):
        trail(stage.platform, OTTO, lambda entry: entry.index == 0, EVER, 5)
    assert indices(trail(stage.platform, OTTO, every(1), EVER, 5)) == [30]
    assert indices(trail(stage.platform, OTTO, every(1), Period(until=NOW + timedelta(seconds=2)), 5, after=9)) == [0]


def test_who_may_not_read_the_log_finds_none_and_that_is_kept(stage: Stage) -> None:
    written(stage, [1])
    with pytest.raises(NotFound):
        trail(stage.platform, EVE, every(1), EVER, 5)
    assert isinstance(stage.entries()[-1].event, ActionRefused)


def test_an_empty_log_has_an_empty_page(stage: Stage) -> None:
    found = trail(stage.platform, OTTO, every(1), EVER, 5)
    assert (found.entries, found.has_more) == ([], False)
