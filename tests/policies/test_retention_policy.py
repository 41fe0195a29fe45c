"""The retention classes in the repository are complete and lawful, and a file with a fault is refused whole."""

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


def test_records_of_high_risk_models_are_kept_ten_years_and_hipaa_documentation_six(policies: Path) -> None:
    retention = FilePolicies(policies).retention()
    assert retention.classes["aia-10y"].days == 3653
    assert retention.classes["hipaa-6y"].days == 2192


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("days = 183", "days = 182", "shorter than 183"),
        ("days = 183", 'days = "183"', "not a whole number"),
        ("days = 183", "days = true", "not a whole number"),
        ("days = 183", "weeks = 30", "missing or unknown: weeks"),
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
