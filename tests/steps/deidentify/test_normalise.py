"""What a text looks like to the recognisers, and the way back to the characters that were given."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tunewarden.steps.deidentify.normalise import folded, normalise


def wide(text: str) -> str:
    """The text in full-width forms."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


@pytest.mark.parametrize(
    ("given_text", "read"),
    [
        ("Mail john.smith[at]example[dot]com now", "Mail john.smith@example.com now"),
        ("write to john dot smith at example dot com please", "write to john.smith@example.com please"),
        ("me at john.smith at example.com", "me at john.smith@example.com"),
        ("juan punto paz arroba ejemplo punto es", "juan.paz@ejemplo.es"),
        ("maria . lopez @ ejemplo . es", "maria.lopez@ejemplo.es"),
        ("ada (at) clinic (dot) org", "ada@clinic.org"),
        (wide("john@example.com"), "john@example.com"),
        ("jo\u200bhn.sm\u00adith@example.org", "john.smith@example.org"),
        ("\u202eJohn\u202c", "John"),
        ("Pаtriсk Ѕmith", "Patrick Smith"),  # noqa: RUF001  Cyrillic a, c and S
        ("J o h n  S m i t h came", "John  Smith came"),
        ("J o h n S m i t h", "John Smith"),
        ("call 5 5 5 - 0 1 3 4 now", "call 555-0134 now"),
        ("his name is T-A-V-O-R", "his name is TAVOR"),
        ("415\u2011555\u20130134", "415-555-0134"),
        ("tel ٤١٥", "tel 415"),
        ("ﬁfty", "fifty"),
        ("Jose\u0301", "José"),
        ("a\r\nb", "a\nb"),
        ("Dr.\u00a0Tavor", "Dr. Tavor"),
    ],
)
def test_disguises_are_taken_off(given_text: str, read: str) -> None:
    normalised = normalise(given_text)
    assert normalised.text == read
    assert normalised.original(0, len(read))[1] <= len(given_text)


@pytest.mark.parametrize(
    "text",
    [
        "look at example.com and at 5 . ok",
        "grades a b c and a, b, c",
        "pain 0 1 2 3 4 5 6 7 8 9 10",
        "Москва и Анна",  # a text in Cyrillic is none in disguise
        "He was seen at home. Dot the i at once.",
        "BP 120/80, T 98.6, C4-C5, x-ray",
    ],
)
def test_plain_text_is_read_as_it_is(text: str) -> None:
    assert normalise(text).text == text
    assert normalise(text).layers == ()


def test_every_character_of_a_disguised_identifier_is_covered() -> None:
    text = "Mail  j\u200bohn [at] ex\u00adample (dot) co\u200dm now"
    normalised = normalise(text)
    start = normalised.text.index("john@")
    end = normalised.text.index(" now")
    first, last = normalised.original(start, end)
    assert text[first:last] == "j\u200bohn [at] ex\u00adample (dot) co\u200dm"


def test_a_character_is_not_cut_from_its_marks() -> None:
    text = "x\u0323\u0307y"  # no code point stands for x with both
    assert normalise(text).original(0, 1) == (0, 3)
    family = "\U0001f469\u200d\U0001f467!"
    assert normalise(family).original(0, 1) == (0, 3)


PIECES = st.sampled_from(
    [
        *("Ada", "J o h n", "5 5 5 - 0 1 3 4", "a dot b at c dot com", " ", "\r\n", "\n", "\r", "e\u0301", "n\u0303"),
        *(
            "\u200b",
            "\u202e",
            "\u00ad",
            "\ufeff",
            "ﬁ",
            "½",
            "…",
            wide("A"),
            "😀",
            "👩🏽\u200d⚕\ufe0f",
            "שלום",
            "مرحبا",
            "가",
            "ᄀ\u1161",
        ),
        *("Аnna", "-", "\u2013", "\u2019", "٣", "[at]", "@", ".", "İ", "ß", "\u0301", "x\u0323\u0307", "12/03"),  # noqa: RUF001
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join)


@given(TEXTS)
def test_the_way_back_is_ordered_and_stays_inside_the_text(text: str) -> None:
    normalised = normalise(text)
    starts = [normalised.original(at, at + 1) for at in range(len(normalised.text))]
    assert all(0 <= start < end <= len(text) for start, end in starts)
    assert all(before <= after for (before, _), (after, _) in pairwise(starts))
    assert all(before <= after for (_, before), (_, after) in pairwise(starts))


@given(TEXTS, st.data())
def test_a_longer_span_covers_what_its_parts_cover(text: str, data: st.DataObject) -> None:
    normalised = normalise(text)
    length = len(normalised.text)
    if length < 2:
        return
    start = data.draw(st.integers(0, length - 2))
    end = data.draw(st.integers(start + 1, length))
    first, last = normalised.original(start, end)
    parts = [normalised.original(at, at + 1) for at in range(start, end)]
    assert first == min(part[0] for part in parts)
    assert last == max(part[1] for part in parts)


@given(TEXTS, st.data())
def test_what_a_span_covers_is_read_as_that_span_again(text: str, data: st.DataObject) -> None:
    normalised = normalise(text)
    length = len(normalised.text)
    if not length:
        return
    start = data.draw(st.integers(0, length - 1))
    first, last = normalised.original(start, length)
    covered = folded(normalise(text[first:last]).text)
    # What stood before may have changed what follows (a spaced-out word is told by its beginning), never lost it.
    seen = "".join(character for character in covered if character.isalnum())
    sought = "".join(character for character in folded(normalised.text[start:]) if character.isalnum())
    assert seen.endswith(sought[-3:]) or len(seen) >= len(sought)


@given(st.text(alphabet=st.characters(max_codepoint=0x7E, exclude_characters="\r"), max_size=80))
def test_where_nothing_is_folded_the_map_is_the_identity(text: str) -> None:
    normalised = normalise(text)
    if not normalised.layers:
        assert normalised.text == text
        assert all(normalised.original(at, at + 1) == (at, at + 1) for at in range(len(text)))


@given(st.text(max_size=60))
def test_folding_keeps_the_length(text: str) -> None:
    assert len(folded(text)) == len(text)


def test_folding_takes_case_and_accents() -> None:
    assert folded("MÉDICO Ñandú") == "medico nandu"


@pytest.mark.parametrize(
    "unit", ["a ", "1 ", "a.", "a at ", "a dot ", "\u200b", "e\u0301", "a-", "ﬁ", "\u0410", "a\u0410", "\r\n"]
)
def test_time_grows_with_the_length_of_the_text(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    started = time.process_time()
    normalise(text)
    assert time.process_time() - started < 5, "time grows with the square of the length"
