"""Tokens and windows: every character that says something is read once, at its place, whatever the text."""

import unicodedata

import pytest
from hypothesis import example, given, strategies as st
from tokenizers import Tokenizer

from tunewarden.steps.deidentify.tagger.model import folder, tokenizer
from tunewarden.steps.deidentify.tagger.windows import LONGEST, OVERLAP, Shape, shape_of, tokenise, windows

TOKENIZER = tokenizer(folder())
ANYTHING = st.text(st.characters(), max_size=80)
HARD = st.text(
    st.sampled_from(
        "ab Z\u00e9\u0301\u200b\u200d\u00ad\ufeff\U0001f468\u202e\u05e9.@-'\u2019\r\n\t0\u0967\ud800\u5f35\ufb01\u0130"
    ),
    max_size=60,
)


@pytest.fixture(scope="module")
def vocabulary() -> Tokenizer:
    return TOKENIZER


@given(st.integers(0, 5000))
def test_every_token_is_judged_in_exactly_one_window(count: int) -> None:
    judged = [token for window in windows(count) for token in range(window.first, window.last)]

    assert judged == list(range(count))


@given(st.integers(1, 5000))
def test_a_token_is_judged_away_from_the_edges_that_are_not_those_of_the_text(count: int) -> None:
    for window in windows(count):
        assert window.end - window.start <= LONGEST - 2
        assert window.start == 0 or window.first - window.start >= OVERLAP // 2
        assert window.end == count or window.end - window.last >= OVERLAP // 2


@given(st.one_of(ANYTHING, HARD))
@example("")
@example("\ud800 Ann \udfff")
@example("e\u0301tude Müller\u200b Mu\u0308ller")
@example("\U0001f468\u200d\U0001f469\u200d\U0001f467 Ann")
def test_every_token_lies_where_its_characters_are(text: str) -> None:
    (tokens,) = tokenise(TOKENIZER, [text])

    assert all(0 <= start < end <= len(text) for start, end in zip(tokens.starts, tokens.ends, strict=True))
    assert list(tokens.starts) == sorted(tokens.starts)
    for number, start, end in zip(tokens.ids, tokens.starts, tokens.ends, strict=True):
        piece = TOKENIZER.id_to_token(number).removeprefix("##")
        if piece != "[UNK]":
            assert piece in _folded(text[start:end]) or piece == text[start:end]


@given(st.one_of(ANYTHING, HARD))
def test_no_letter_and_no_digit_is_left_out(text: str) -> None:
    (tokens,) = tokenise(TOKENIZER, [text])
    read = {place for start, end in zip(tokens.starts, tokens.ends, strict=True) for place in range(start, end)}

    for place, character in enumerate(text):
        if unicodedata.category(character)[0] in "LN" and character != "\ufffd":
            assert place in read


@given(st.lists(st.one_of(ANYTHING, HARD), max_size=4))
def test_a_text_has_the_same_tokens_alone_and_among_others(texts: list[str]) -> None:
    assert tokenise(TOKENIZER, texts) == [tokenise(TOKENIZER, [text])[0] for text in texts]


def test_a_long_text_is_not_cut(vocabulary: Tokenizer) -> None:
    text = "The patient Ann was seen. " * 5000

    (tokens,) = tokenise(vocabulary, [text])

    assert tokens.ends[-1] == len(text) - 1
    assert sum(window.last - window.first for window in windows(len(tokens))) == len(tokens)


def test_pieces_of_one_word_share_its_number_and_shape(vocabulary: Tokenizer) -> None:
    (tokens,) = tokenise(vocabulary, ["Dr. Wojciechowska came"])

    pieces = [word for word, start in zip(tokens.words, tokens.starts, strict=True) if 4 <= start < 17]
    shapes = {shape for shape, start in zip(tokens.shapes, tokens.starts, strict=True) if 4 <= start < 17}
    assert len(pieces) > 1
    assert len(set(pieces)) == 1
    assert shapes == {Shape.TITLE}


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("ann", Shape.LOWER),
        ("Ann", Shape.TITLE),
        ("ANN", Shape.UPPER),
        ("A", Shape.CAPITAL),
        ("McCoy", Shape.MIXED),
        ("1975", Shape.DIGITS),
        ("A12", Shape.CODE),
        ("-", Shape.OTHER),
    ],
)
def test_the_shape_of_a_word_is_how_it_is_written(word: str, shape: Shape) -> None:
    assert shape_of(word) is shape


def _folded(text: str) -> str:
    """Without accents and control characters, in lower case: as the tokenizer reads it."""
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(each for each in decomposed if unicodedata.category(each)[0] not in "MC").lower()
