"""A prompt and its completion are de-identified as one text, and never run into each other."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from tests.steps.deidentify.test_release import PROFILE, Desk, record

from tunewarden.domain.deidentification import Operator
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.border import moved, parted
from tunewarden.steps.deidentify.operators import Transformer
from tunewarden.steps.deidentify.person import Person
from tunewarden.steps.deidentify.source import SourceRecord
from tunewarden.steps.deidentify.spans import Span, resolve
from tunewarden.steps.records import CleanRecord, prompt_and_completion, read_records

NOBODY = Person(pseudonym="0" * 64, key=bytes(32))
SHOUTING = st.text("ab \n", max_size=12)
"""Of letters that no operator writes: what stays of a text can be told from what was made."""
KINDS = (EntityType.PHONE, EntityType.URL, EntityType.NAME, EntityType.USERNAME)
TRANSFORMER = Transformer(
    replace(
        PROFILE,
        operators={
            EntityType.PHONE: Operator.REPLACE,
            EntityType.URL: Operator.REDACT,
            EntityType.NAME: Operator.MASK,
            EntityType.USERNAME: Operator.HMAC,
        },
    )
)


def pair(prompt: str, completion: str, person: str = "P-000001", **known: str) -> SourceRecord:
    return replace(record(f"{prompt}\n{completion}", person, **known), completion=len(prompt) + 1)


@st.composite
def texts_and_spans(draw: st.DrawFn) -> tuple[str, str, tuple[Span, ...]]:
    prompt, completion = draw(SHOUTING), draw(SHOUTING)
    whole = len(prompt) + 1 + len(completion)
    places = st.tuples(st.integers(0, whole - 1), st.integers(1, 6), st.sampled_from(KINDS))
    found = [
        Span(start=start, end=min(start + length, whole), entity=kind, score=0.9)
        for start, length, kind in draw(st.lists(places, max_size=5))
    ]
    return prompt, completion, resolve(found)


@given(texts_and_spans())
def test_no_span_reaches_over_the_border_and_all_else_that_was_covered_stays_so(
    given_: tuple[str, str, tuple[Span, ...]],
) -> None:
    prompt, _, spans = given_
    border = len(prompt) + 1
    parts = parted(spans, border)
    covered = {place for span in spans for place in range(span.start, span.end)}
    assert {place for span in parts for place in range(span.start, span.end)} == covered - {border - 1}
    assert all(span.start < span.end for span in parts)
    assert all(span.end < border or span.start >= border for span in parts)
    assert list(parts) == sorted(parts, key=lambda span: span.start)


@given(texts_and_spans())
def test_prompt_and_completion_come_out_as_if_each_had_been_alone(given_: tuple[str, str, tuple[Span, ...]]) -> None:
    prompt, completion, spans = given_
    text, border = f"{prompt}\n{completion}", len(prompt) + 1
    parts = parted(spans, border)
    cleaned = TRANSFORMER.apply(text, parts, NOBODY)
    place = moved(cleaned, text, border)
    before = TRANSFORMER.apply(prompt, [span for span in parts if span.end < border], NOBODY).text
    after = [replace(span, start=span.start - border, end=span.end - border) for span in parts if span.start >= border]
    # Of a blank behind something redacted the line feed before it has a say.
    behind = TRANSFORMER.apply(f"\n{completion}", [replace(s, start=s.start + 1, end=s.end + 1) for s in after], NOBODY)
    released = CleanRecord(person="0" * 64, label=0, text=cleaned.text, completion=place)
    assert prompt_and_completion(released) == (before, behind.text[1:])


@pytest.mark.parametrize("operator", [Operator.REPLACE, Operator.REDACT, Operator.MASK])
def test_a_name_that_runs_from_the_prompt_into_the_completion_is_hidden_on_both_sides(
    tmp_path: Path, operator: Operator
) -> None:
    desk = Desk(tmp_path, profile=replace(PROFILE, operators={}, default=operator))
    manifest, _ = desk.release([pair("seen with Zebediah", "Nightingale today", name="Zebediah Nightingale")])
    (released,) = read_records(desk.blobs, manifest)
    prompt, completion = prompt_and_completion(released)
    assert "ebed" not in prompt.lower()
    assert "night" not in completion.lower()
    assert prompt.startswith("seen with")
    assert completion.endswith("today")
    assert desk.looked[0].text == released.text
    for start, end in desk.looked[0].replaced:
        assert not start < (released.completion or 0) <= end


def test_what_is_found_in_the_prompt_is_hidden_in_the_completion(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    manifest, _ = desk.release([pair("Patient: Mr. Zoltan Khybak. MRN: 88213.", "khybak has band 88213")])
    (released,) = read_records(desk.blobs, manifest)
    assert prompt_and_completion(released)[1] == "[NAME] has band [MEDICAL-RECORD]"


def test_a_completion_of_which_nothing_is_left_stays_and_is_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, profile=replace(PROFILE, operators={}, default=Operator.REDACT))
    manifest, counted = desk.release(
        [pair("His number?", "617-555-0134"), pair("617-555-0134", "His number."), pair("What?", "A burn.")]
    )
    kept = [prompt_and_completion(one) for one in read_records(desk.blobs, manifest)]
    assert kept == [("His number?", ""), ("", "His number."), ("What?", "A burn.")]
    assert (counted.rows, counted.emptied) == (3, 1)


@pytest.mark.parametrize("border", [-7, 0, 3, 13, 99])
def test_a_border_without_a_line_feed_is_corrupted_and_nothing_is_released(tmp_path: Path, border: int) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(Corrupted) as refused:
        desk.release([replace(pair("What?", "A burn."), completion=border)])
    assert refused.value.code == "record_malformed"


def test_a_record_without_a_completion_has_none_to_give() -> None:
    for completion in (None, 0, 2):
        with pytest.raises(Corrupted):
            prompt_and_completion(CleanRecord(person="0" * 64, label=0, text="a\nb", completion=completion and 1))
