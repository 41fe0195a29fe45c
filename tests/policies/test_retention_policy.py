"""The retention classes in the repository are complete and lawful, and a file with a fault is refused whole."""

from calendar import monthrange
from datetime import date, timedelta
from pathlib import Path

import pytest

from tunewarden.domain.errors import Malformed
from tunewarden.domain.events import EVENT_TYPES
from tunewarden.domain.retention import LEAST_DAYS
from tunewarden.drivers.policies import FilePolicies


def test_every_event_type_has_a_class_with_its_article_of_law(policies: Path) -> None:
    retention = FilePolicies(policies).retention()
    assert retention.events.keys() == EVENT_TYPES.keys()
    for name, kind in retention.classes.items():
        assert kind.days is None or kind.days >= LEAST_DAYS
        assert name == "permanent" or "Art." in kind.because or "CFR" in kind.because
    assert set(retention.events.values()) == retention.classes.keys(), "a class that nothing has is a mistake"


def test_what_explains_the_log_itself_is_kept_for_ever(policies: Path) -> None:
    retention = FilePolicies(policies).retention()
    for name in EVENT_TYPES:
        if name.startswith(("Hold", "Prune", "SigningKey")):
            assert retention.classes[retention.events[name]].days is None, name


@pytest.mark.parametrize(("name", "months"), [("logs-6m", 6), ("hipaa-6y", 72), ("aia-10y", 120)])
def test_whatever_the_day_of_an_entry_it_is_kept_to_the_end_of_the_last_day_of_its_period(
    policies: Path, name: str, months: int
) -> None:
    """Regulation (EEC, Euratom) No 1182/71 Art. 3(2)(c): the last day is the one with the same date."""
    kind = FilePolicies(policies).retention().classes[name]
    days = [date(2019, 1, 1) + timedelta(days=number) for number in range(3000)]
    for made in days:
        last = months_after(made, months)
        assert not kind.over(made, last), made
    assert any(kind.over(made, months_after(made, months) + timedelta(days=1)) for made in days), "no day too many"


def months_after(day: date, months: int) -> date:
    """The same date so many months later; the last of the month where it has no such date."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("days = 184", "days = 183", "shorter than 184"),
        ("days = 184", 'days = "184"', "not a whole number"),
        ("days = 184", "days = true", "not a whole number"),
        ("days = 184", "weeks = 30", "missing or unknown: weeks"),
        ('KeyCreated = "hipaa-6y"', "", "KeyCreated"),
        ('KeyCreated = "hipaa-6y"', 'KeyCreated = "hipaa-7y"', "hipaa-7y"),
        ('KeyCreated = "hipaa-6y"', "KeyCreated = 6", "KeyCreated is not a text"),
        ("[events]", '[events]\nKeyMade = "hipaa-6y"', "KeyMade"),
        ("[events]", "[event]", "missing or unknown: event"),
    ],
)
def test_a_file_with_a_fault_is_refused(policies: Path, tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = (policies / "retention.toml").read_text()
    assert old in text
    (tmp_path / "retention.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(Malformed, match=fault):
        FilePolicies(tmp_path).retention()
