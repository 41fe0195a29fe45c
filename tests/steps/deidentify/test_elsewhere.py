"""Values from other texts: whatever the second look would call a leak is found before, and nothing else."""

from hypothesis import given, settings, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.elsewhere import Value, elsewhere, worth_looking_for
from tunewarden.steps.deidentify.residual import stands_in
from tunewarden.steps.deidentify.spans import resolve

WORDS = (
    "Long",
    "long",
    "Rose",
    "Khybak",
    "khybak",
    "El",
    "Baño",
    "BAN\u0303O",
    "4471",
    "9",
    "de",
    "ﬁr",
    "\U0001f525",
    "İ",
)
GAPS = (" ", "-", ", ", "\n", "", " \u200b")
texts = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GAPS)), max_size=12).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


def value(text: str) -> Value:
    return Value(entity=EntityType.OTHER_ID, text=text, score=0.6)


def found(text: str, *values: str) -> list[str]:
    return [text[span.start : span.end] for span in elsewhere(text, [value(each) for each in values])]


@settings(max_examples=500)
@given(texts, st.lists(texts, max_size=3))
def test_nothing_that_would_be_a_leak_is_left(text: str, values: list[str]) -> None:
    known = [value(each) for each in values]
    hidden = resolve(elsewhere(text, known))
    hidden = resolve([*hidden, *elsewhere(text, known, hidden)])
    assert not stands_in(text, [(span.start, span.end) for span in hidden], values)


def test_a_value_is_found_in_any_case_and_with_anything_between_its_words() -> None:
    assert found("band 4471-9, BAND 4471 9; 44719", "4471/9") == ["4471-9", "4471 9"]
    assert found("seen by DR KHYBAK", "Dr. Khybak") == ["DR KHYBAK"]


def test_a_value_keeps_its_kind_and_its_score() -> None:
    (span,) = elsewhere("id 4471-9", [value("4471-9")])
    assert (span.entity, span.score) == (EntityType.OTHER_ID, 0.6)


def test_short_values_parts_of_words_and_words_of_prose_in_small_letters_are_let_be() -> None:
    assert not worth_looking_for("4 5")
    assert found("45 years", "45") == []
    assert found("subkhybaks", "khybak") == []
    assert found("It takes as long as ever. Mr. Long agreed.", "Long") == ["Long"]
    assert found("", "Khybak") == found("Khybak") == []
