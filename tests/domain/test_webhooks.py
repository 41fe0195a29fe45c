"""What entries of the log mean to endpoints, when it is tried again, and which secrets sign."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import ADA, NOW
from tests.domain.test_events import example

from tunewarden.domain.emergency_events import AliasRolledBack
from tunewarden.domain.errors import IllegalTransition, Malformed
from tunewarden.domain.events import EVENT_TYPES, AliasMoved, GateJudged, PromotionProposed, RequestEnded
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import EVERYWHERE, ModelId, RequestId, WebhookId
from tunewarden.domain.training import NEXT, State
from tunewarden.domain.webhooks import (
    OVERLAP,
    PAUSES,
    Webhook,
    WebhookEnd,
    WebhookType,
    due,
    notices,
    require_name,
)

T = WebhookType


def types(event: object, before: object = None) -> list[WebhookType]:
    return [one.type for one in notices(event, before)]  # type: ignore[arg-type]


def test_every_type_is_told_by_some_entry_and_each_names_the_thing_by_an_id_of_ours() -> None:
    told: set[WebhookType] = set()
    for kind in EVENT_TYPES.values():
        event = example(kind)
        variants = [event]
        if isinstance(event, RequestEnded):
            variants = [replace(event, state=state) for state in State if not NEXT[state]]
        elif isinstance(event, GateJudged | PromotionProposed):
            variants = [replace(event, outcome=outcome) for outcome in Outcome]
        elif isinstance(event, AliasMoved):
            told |= {one.type for one in notices(event, example(AliasRolledBack))}
        for one in variants:
            told |= {notice.type for notice in notices(one)}
            assert all(notice.id.endswith("-1") for notice in notices(one))
    assert told == set(WebhookType)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.MEASURED, [T.JOB_SUCCEEDED]),
        (State.CANCELLED, [T.JOB_CANCELLED]),
        (State.FAILED, [T.JOB_FAILED]),
        (State.BLOCKED, [T.JOB_FAILED]),
        (State.REJECTED, [T.JOB_FAILED, T.APPROVAL_DENIED]),
    ],
)
def test_how_a_job_ended_is_said_in_the_words_of_the_contract(state: State, expected: list[WebhookType]) -> None:
    assert types(RequestEnded(request=RequestId("ftjob-1"), state=state, because="")) == expected


def test_every_terminal_state_means_something() -> None:
    for state in State:
        if not NEXT[state]:
            assert types(RequestEnded(request=RequestId("ftjob-1"), state=state, because=""))


def test_an_alias_that_goes_back_is_rolled_back_and_any_other_move_is_a_promotion() -> None:
    moved = example(AliasMoved)
    assert types(moved, example(AliasRolledBack)) == [T.MODEL_ROLLED_BACK]
    assert types(moved, example(GateJudged)) == types(moved) == [T.MODEL_PROMOTED]


@pytest.mark.parametrize(("outcome", "expected"), [(Outcome.PASS, 0), (Outcome.FAIL, 1), (Outcome.UNKNOWN, 1)])
def test_a_gate_that_passes_is_no_news(outcome: Outcome, expected: int) -> None:
    judged = example(GateJudged)
    assert isinstance(judged, GateJudged)
    assert types(replace(judged, outcome=outcome)) == [T.GATE_FAILED] * expected


def test_attempts_are_made_at_the_times_of_the_standard_and_a_tenth_later_at_most() -> None:
    hours = [pause.total_seconds() / 3600 for pause in PAUSES]
    assert hours[2:] == [5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    for attempts, pause in enumerate(PAUSES):
        assert due(attempts, NOW, 0.0) == NOW + pause
        assert due(attempts, NOW, 0.5) == NOW + pause * 1.05
    assert due(len(PAUSES), NOW, 0.0) is None


def endpoint() -> Webhook:
    return Webhook(
        id=WebhookId("webhook-1"),
        project=EVERYWHERE,
        made_by=ADA.id,
        made_at=NOW,
        changed_at=NOW,
        name="ours",
        types=frozenset({T.GATE_FAILED}),
        url="sealed url",
        secret="first",
        since=0,
    )


def test_a_secret_that_was_kept_signs_along_until_its_day_is_over() -> None:
    kept = endpoint().rotated("second", NOW, keep_old=True)
    assert kept.secrets(NOW) == ("second", "first")
    assert kept.secrets(NOW + OVERLAP - timedelta(seconds=1)) == ("second", "first")
    assert kept.secrets(NOW + OVERLAP) == ("second",)
    assert kept.rotated("third", NOW, keep_old=False).secrets(NOW) == ("third",)
    assert endpoint().rotated("second", NOW, keep_old=False).secrets(NOW) == ("second",)


def test_an_endpoint_is_disabled_once() -> None:
    ended = endpoint().disabled(WebhookEnd.GONE, NOW)
    assert (ended.is_live, ended.ended, endpoint().is_live) == (False, WebhookEnd.GONE, True)
    with pytest.raises(IllegalTransition):
        ended.disabled(WebhookEnd.TOO_MUCH_WAITS, NOW)


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "a\x00", "\u202egnp"])
def test_a_name_is_what_a_screen_can_show(name: str) -> None:
    with pytest.raises(Malformed):
        require_name(name)
    assert require_name("Pager of the night shift, é") == "Pager of the night shift, é"


def test_a_model_is_named_by_its_id() -> None:
    moved = example(AliasMoved)
    assert isinstance(moved, AliasMoved)
    (one,) = notices(replace(moved, model=ModelId("model-7")))
    assert (one.kind, one.id) == ("model", "model-7")
