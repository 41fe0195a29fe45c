"""From probabilities to spans: whole words, joined where they belong together, at any threshold."""

import itertools

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.inference import Reading, spans
from tunewarden.steps.deidentify.tagger.labels import LABELS, NUMBER
from tunewarden.steps.deidentify.tagger.model import folder, tokenizer
from tunewarden.steps.deidentify.tagger.windows import tokenise

TOKENIZER = tokenizer(folder())
NAME, PLACE, DATE = EntityType.NAME, EntityType.PLACE, EntityType.DATE


def reading(text: str, *found: tuple[str, EntityType, float]) -> Reading:
    """A text in which the pieces of `found` were read as what they say, every other one as nothing."""
    (tokens,) = tokenise(TOKENIZER, [text])
    probabilities = np.zeros((len(tokens), 1 + len(LABELS)), dtype=np.float32)
    probabilities[:, 0] = 1
    for piece, entity, probability in found:
        begin = text.index(piece)
        for token, start in enumerate(tokens.starts):
            if begin <= start < begin + len(piece):
                probabilities[token] = 0
                probabilities[token, [0, NUMBER[entity]]] = 1 - probability, probability
    return Reading(text=text, tokens=tokens, probabilities=probabilities)


def found(given: Reading, threshold: float = 0.5) -> list[tuple[str, EntityType]]:
    return [(given.text[span.start : span.end], span.entity) for span in spans(given, threshold)]


def test_a_piece_of_a_word_marks_the_word() -> None:
    text = "seen Wojciechowska today"
    (tokens,) = tokenise(TOKENIZER, [text])
    second = next(place for place, start in enumerate(tokens.starts) if start > 5)
    piece = text[tokens.starts[second] : tokens.ends[second]]

    assert found(reading(text, (piece, NAME, 0.9))) == [("Wojciechowska", NAME)]


@pytest.mark.parametrize("name", ["Ann Lee", "Ann-Lee", "O'Brien", "O\u2019Brien", "Ann Marie Lee"])
def test_words_of_one_kind_are_joined_over_a_space_a_hyphen_and_an_apostrophe(name: str) -> None:
    parts = [(part, NAME, 0.9) for part in name.replace("-", " ").replace("'", " ").replace("\u2019", " ").split()]

    assert found(reading(f"by {name} here", *parts)) == [(name, NAME)]


@pytest.mark.parametrize("between", [", ", "\n", " and ", "  ", "/"])
def test_words_with_more_between_them_stay_apart(between: str) -> None:
    given = reading(f"by Ann{between}Lee", ("Ann", NAME, 0.9), ("Lee", NAME, 0.9))

    assert found(given) == [("Ann", NAME), ("Lee", NAME)]


def test_neighbours_of_different_kinds_stay_apart() -> None:
    given = reading("Ann Madrid 1975", ("Ann", NAME, 0.9), ("Madrid", PLACE, 0.8), ("1975", DATE, 0.7))

    assert found(given) == [("Ann", NAME), ("Madrid", PLACE), ("1975", DATE)]


def test_a_span_is_as_sure_as_its_surest_word_and_a_lower_threshold_finds_more() -> None:
    given = reading("Ann Lee", ("Ann", NAME, 0.9), ("Lee", NAME, 0.3))

    assert [round(span.score, 4) for span in spans(given, 0.2)] == [0.9]
    assert found(given, 0.2) == [("Ann Lee", NAME)]
    assert found(given, 0.5) == [("Ann", NAME)]
    assert found(given, 0.95) == []


def test_punctuation_at_the_ends_is_left_and_alone_is_nothing() -> None:
    given = reading("(Ann). !", ("(Ann).", NAME, 0.9), ("!", PLACE, 0.9))

    assert found(given) == [("Ann", NAME)]


def test_punctuation_inside_belongs_to_the_span() -> None:
    assert found(reading("on 5 May, 2001.", ("5 May, 2001", DATE, 0.9))) == [("5 May, 2001", DATE)]


def test_the_accent_of_the_last_letter_belongs_to_the_word() -> None:
    assert found(reading("by Jose\u0301 here", ("Jose", NAME, 0.9))) == [("Jose\u0301", NAME)]


def test_the_kind_is_what_the_pieces_of_a_word_say_together() -> None:
    given = reading("Wojciechowska", ("Wojciechowska", NAME, 0.6))
    given.probabilities[0, NUMBER[PLACE]] = 0.9
    given.probabilities[0, NUMBER[NAME]] = 0.05

    assert found(given) == [("Wojciechowska", NAME)]


def test_an_empty_text_has_no_spans() -> None:
    assert found(reading("")) == []
    assert found(reading(" \n")) == []


@given(st.text(max_size=60), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_spans_are_disjoint_in_order_inside_the_text_and_cover_every_word_that_reaches_the_threshold(
    text: str, threshold: float, seed: int
) -> None:
    (tokens,) = tokenise(TOKENIZER, [text])
    chance = np.random.default_rng(seed)
    probabilities = chance.dirichlet([0.3] * (1 + len(LABELS)), len(tokens)).astype(np.float32)
    given = Reading(text=text, tokens=tokens, probabilities=probabilities)

    result = spans(given, threshold)

    assert all(0 <= span.start < span.end <= len(text) for span in result)
    assert all(one.end <= other.start for one, other in itertools.pairwise(result))
    assert all(threshold - 1e-6 <= span.score <= 1 for span in result)
    hidden = {place for span in result for place in range(span.start, span.end)}
    for token in np.flatnonzero(1 - given.probabilities[:, 0] >= threshold):
        for place in range(tokens.starts[token], tokens.ends[token]):
            assert place in hidden or not text[place].isalnum()
