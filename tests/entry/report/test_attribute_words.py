"""What the report says of protected attributes: laid apart, read so often, destroyed; and nothing where none were."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.conftest import digest

from tunewarden.domain.attribute_events import AttributesDestroyed, AttributesKept, AttributesRead
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import DatasetRetired, Event
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.names import DatasetId, PrincipalId, RequestId
from tunewarden.entry.report.attribute_words import readings, told_of_attributes

ABOUT: Any = {"request": RequestId("ftjob-1"), "dataset": DatasetId("ds-1")}
VERSION: Any = {"version": digest("v"), "table": digest("t"), "attempt": 3}
GONE = AttributesDestroyed(**ABOUT)


def read(reads: int) -> AttributesRead:
    return AttributesRead(**ABOUT, **VERSION, reads=reads)


def report(*told: Event) -> LineageReport:
    """With these entries at 7, 8 ..."""
    at = datetime(2026, 11, 26, tzinfo=UTC)
    entries = tuple(
        Entry(index=index, actor=PrincipalId("worker"), at=at, event=event) for index, event in enumerate(told, 7)
    )
    parts: Any = dict.fromkeys((field.name for field in fields(LineageReport)), ())
    return LineageReport(**{**parts, "attributes": entries})


def test_it_is_said_how_often_they_were_read_and_that_they_are_gone() -> None:
    kept = AttributesKept(**ABOUT, **VERSION)
    (said,) = readings(report(kept, read(4), read(5), GONE))
    assert "2 times for this model and 5 times from this dataset" in said.text
    assert "destroyed when measuring was over" in said.text
    assert said.log == (8, 9, 10)


def test_it_is_said_where_they_are_still_there() -> None:
    (said,) = readings(report(read(1)))
    assert "1 time for this model" in said.text
    assert "not destroyed yet" in said.text


def test_of_a_model_of_before_nothing_is_said() -> None:
    assert readings(report()) == ()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (AttributesKept(**ABOUT, **VERSION), "training is not given them"),
        (read(1), "for the first time"),
        (read(3), "were read 2 times before"),
        (GONE, "Destroyed the protected attributes"),
        (DatasetRetired(dataset=DatasetId("ds-1")), ""),
    ],
    ids=str,
)
def test_each_entry_has_its_words(event: Event, words: str) -> None:
    assert words in told_of_attributes(event)
    assert bool(told_of_attributes(event)) == bool(words)
