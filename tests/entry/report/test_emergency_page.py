"""The page of emergencies, and the words in which reports tell of them."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from tests.domain.test_events import example

from tunewarden.domain.break_glass import LONGEST, Emergency, EmergencyFinding, EmergencyReason, Standing, opened
from tunewarden.domain.emergency_events import AliasRolledBack, EmergencyEvent
from tunewarden.domain.names import EmergencyId, ModelId, PrincipalId
from tunewarden.entry.report.emergency_pages import render_emergencies
from tunewarden.entry.report.emergency_words import ACTS, FINDINGS, REASONS, STANDINGS, told_of

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
GAIL, BOB, PIA, PAT = (PrincipalId(f"prn-{name}") for name in ("gail", "bob", "pia", "pat"))


def an_emergency(number: int = 1, at: datetime = NOW, incident: str = "INC-1") -> Emergency:
    return opened(EmergencyId(f"bgl-{number:032x}"), GAIL, incident, EmergencyReason.DATA_LEAK, at, ())


def forms(page: str) -> set[str]:
    return {word for word in ("confirm", "close", "review") if f'/{word}"' in page}


@pytest.mark.parametrize(
    ("reader", "now", "expected"),
    [
        (BOB, NOW, {"confirm", "close"}),
        (GAIL, NOW, {"close"}),
        (BOB, NOW + timedelta(minutes=15), {"review"}),
        (GAIL, NOW + timedelta(minutes=15), set()),
    ],
)
def test_the_page_offers_what_its_reader_could_do_now(reader: PrincipalId, now: datetime, expected: set[str]) -> None:
    assert forms(render_emergencies([an_emergency()], reader, now)) == expected


def test_who_confirmed_is_offered_no_review_and_a_reviewed_one_nothing() -> None:
    confirmed = an_emergency().confirm(PIA, NOW)
    over = NOW + LONGEST
    assert forms(render_emergencies([confirmed], PIA, over)) == set()
    assert forms(render_emergencies([confirmed], PAT, over)) == {"review"}
    reviewed = confirmed.review(PAT, EmergencyFinding.MISUSED, over)
    page = render_emergencies([reviewed], BOB, over)
    assert forms(page) == set()
    assert "it was misused" in page


def test_what_is_in_force_comes_first_then_what_waits_then_the_newest() -> None:
    reviewed = an_emergency(1, NOW, "INC-1").close(GAIL, NOW).review(PIA, EmergencyFinding.JUSTIFIED, NOW)
    waits = an_emergency(2, NOW - timedelta(days=2), "INC-2")
    newer = an_emergency(3, NOW - timedelta(days=1), "INC-3")
    runs = an_emergency(4, NOW - timedelta(minutes=5), "INC-4")
    page = render_emergencies([reviewed, waits, newer, runs], PAT, NOW)
    places = [page.index(f"{incident}:") for incident in ("INC-4", "INC-3", "INC-2", "INC-1")]
    assert places == sorted(places)


def test_without_any_the_page_says_so() -> None:
    assert "There was none" in render_emergencies([], PIA, NOW)


def test_every_word_of_the_vocabularies_and_every_event_has_words() -> None:
    assert (STANDINGS.keys(), REASONS.keys(), FINDINGS.keys()) == (
        set(Standing),
        set(EmergencyReason),
        set(EmergencyFinding),
    )
    assert ACTS.keys() == set(get_args(EmergencyEvent))
    for kind in get_args(EmergencyEvent):
        words = told_of(example(kind), ModelId("modelid-1"))
        assert words
        assert ("emergency" in words.lower()) is (getattr(example(kind), "emergency", None) is not None), words


def test_an_alias_goes_back_to_one_model_version_and_away_from_another() -> None:
    event = example(AliasRolledBack)
    assert isinstance(event, AliasRolledBack)
    assert "back to this model version" in told_of(event, event.model)
    assert "back from this model version" in told_of(event, ModelId("mdl-9"))
