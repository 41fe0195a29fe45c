"""Following a request: what is new of it, for who may see it; and which requests new entries are about."""

import pytest
from tests.conftest import ANN, EVE, Stage
from tests.usecases.test_requests import ask

from tunewarden.domain.errors import NotFound
from tunewarden.domain.events import ActionRefused, RequestEnded
from tunewarden.domain.names import RequestId
from tunewarden.domain.training import State
from tunewarden.usecases import requests
from tunewarden.usecases.following import is_told_of, news, touched


def ask_for(stage: Stage) -> RequestId:
    return requests.submit(stage.platform, ANN, ask(stage.dataset()))[0].id


def test_news_are_what_the_log_has_about_the_request_from_there_on(stage: Stage) -> None:
    first, second = ask_for(stage), ask_for(stage)
    whole = news(stage.platform, ANN, first, 0)
    assert list(whole.entries) == requests.events(stage.platform, ANN, first)
    assert (len(whole.entries), whole.is_all, whole.is_over) == (2, True, False)
    after = whole.entries[-1].index + 1
    assert news(stage.platform, ANN, first, after).entries == []
    requests.cancel(stage.platform, ANN, second)
    assert news(stage.platform, ANN, first, after).entries == []
    requests.cancel(stage.platform, ANN, first)
    rest = news(stage.platform, ANN, first, after)
    assert [type(entry.event).__name__ for entry in rest.entries] == ["BudgetSettled", "RequestEnded"]
    assert rest.is_over


def test_news_say_how_far_the_log_was_looked_through(stage: Stage) -> None:
    first = ask_for(stage)
    ask_for(stage)
    with stage.platform.view() as view:
        size = view.size()
    whole = news(stage.platform, ANN, first, 0)
    assert whole.looked == size
    assert whole.entries[-1].index < size - 1


def test_whether_an_entry_is_about_a_request_is_told_from_that_entry_alone(stage: Stage) -> None:
    first, second = ask_for(stage), ask_for(stage)
    of_first = news(stage.platform, ANN, first, 0).entries[-1].index
    assert is_told_of(stage.platform, ANN, first, of_first)
    assert not is_told_of(stage.platform, ANN, second, of_first)
    assert not is_told_of(stage.platform, ANN, first, None)
    assert not is_told_of(stage.platform, ANN, first, of_first + 1000)
    with pytest.raises(NotFound):
        is_told_of(stage.platform, EVE, first, of_first)


def test_who_may_not_see_the_request_is_told_no_news_and_that_is_written_down(stage: Stage) -> None:
    request = ask_for(stage)
    with pytest.raises(NotFound):
        news(stage.platform, EVE, request, 0)
    assert isinstance(stage.entries()[-1].event, ActionRefused)
    with pytest.raises(NotFound):
        news(stage.platform, ANN, RequestId("ftjob-x"), 0)


def test_of_more_than_it_tells_at_once_the_rest_comes_after(stage: Stage) -> None:
    request = ask_for(stage)
    with stage.platform.work(ANN.id) as work:
        for _ in range(600):
            work.record(RequestEnded(request=request, state=State.CANCELLED, because=""))
        work.commit()
    first = news(stage.platform, ANN, request, 0)
    assert (len(first.entries), first.is_all) == (500, False)
    rest = news(stage.platform, ANN, request, first.entries[-1].index + 1)
    assert (len(rest.entries), rest.is_all) == (102, True)


def test_new_entries_ring_for_the_requests_that_they_are_about_and_for_all_where_they_are_many(stage: Stage) -> None:
    first, second = ask_for(stage), ask_for(stage)
    with stage.platform.view() as view:
        size, about = touched(view, 0)
        assert about is not None
        assert {first, second} <= about
        assert touched(view, size) == (size, frozenset())
    requests.cancel(stage.platform, ANN, second)
    with stage.platform.view() as view:
        assert touched(view, size) == (size + 2, {second})
    with stage.platform.work(ANN.id) as work:
        for _ in range(2001):
            work.record(RequestEnded(request=first, state=State.CANCELLED, because=""))
        work.commit()
    with stage.platform.view() as view:
        assert touched(view, size) == (size + 2003, None)
