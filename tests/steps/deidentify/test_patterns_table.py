"""Trying patterns only where they can match skips nothing, against every pattern tried at every character."""

import re
from itertools import islice
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.normalise import folded, normalise
from tunewarden.steps.deidentify.patterns import Found, Pattern, Start, labelled
from tunewarden.steps.deidentify.patterns_issued import ISSUED
from tunewarden.steps.deidentify.patterns_table import Entry, Table, found
from tunewarden.steps.deidentify.recognisers import PatternRecogniser
from tunewarden.steps.deidentify.synthesis import Split, generate
from tunewarden.steps.deidentify.tagger.corpora import Part, court_cases, spanish_cases

DATA = Path(__file__).parents[4] / "shared" / "data"
TABLE: Table = PatternRecogniser(("en", "es")).table
ENTRIES = [Entry.of(pattern) for pattern in TABLE.patterns]


def _brute_force(text: str, *, by_words: bool = False) -> set[Found]:
    """Every pattern tried at every character; `by_words`: those with words only where one of them stands.

    One pattern has fewer words than its expression takes, on purpose ("via", "col").
    """
    made = set()
    for entry in ENTRIES:
        if entry.pattern.start is Start.ANYWHERE:
            matches = list(entry.rule.finditer(text))
        else:
            matches = [match for at in range(len(text)) if (match := entry.rule.match(text, at)) is not None]
        if by_words and entry.pattern.start is Start.WORD:
            matches = [match for match in matches if _word_at(text, match.start()) in entry.pattern.words]
        made.update(each for match in matches if (each := found(match, entry)) is not None)
    return made


def _word_at(text: str, start: int) -> str:
    match = regex.compile(r"\p{L}[\p{L}\p{M}]*+").match(text, start)
    return "" if match is None else folded(match.group())


FRAGMENTS = st.sampled_from(
    [
        *"MRN |no. |Tel.: |de |on |in |Calle |C/ Mayor |age |años| yo F|-year-old|may|May ".split("|"),
        *(
            "3",
            "12",
            "120",
            "2019",
            "48213",
            "415-555-0134",
            "12/03/2019",
            "12345678Z",
            "ES91",
            "4111 1111 1111 1111",
            "A1B2",
        ),
        *(
            " ",
            "\n",
            "-",
            "/",
            ".",
            ",",
            ":",
            "#",
            "(",
            ")",
            "+",
            "@",
            "ada@b.org",
            "AB 12 34 56 C",
            "IMG_2031.jpg",
            "x",
            "É",
            "ñ",
        ),
        *(
            "Straße 5",
            "Road",
            "12 Invented ",
            "OH 44017",
            "SW1A 2AA",
            "NHC",
            "vin",
            "varón de ",
            "five ",
            "tres ",
            "enero",
        ),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FRAGMENTS | st.text(max_size=3), max_size=12).map("".join))
def test_trying_patterns_only_where_they_can_begin_skips_nothing(text: str) -> None:
    assert set(TABLE.find(text)) == _brute_force(text)


DIGITS = st.text("0123456789", min_size=1, max_size=13)
BETWEEN = st.sampled_from([" ", "-", ".", "/", "", ",", ":", "A", "X", "k", " - ", "\n"])


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(DIGITS, BETWEEN).map("".join), min_size=1, max_size=6).map("".join))
def test_asking_patterns_together_skips_no_number(text: str) -> None:
    assert set(TABLE.find(text)) == _brute_force(text)


NUMBERS_ISSUED = [pattern for pattern in ISSUED if pattern.start is Start.NUMBER]


@pytest.mark.parametrize("pattern", NUMBERS_ISSUED, ids=lambda pattern: pattern.regex[30:70])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_an_issued_number_begins_with_is_as_long_as_its_pattern_says(
    pattern: Pattern, data: st.DataObject
) -> None:
    """Numbers made from the form itself, without what may stand around them."""
    start = pattern.regex.index(")", pattern.regex.index("|")) + 1
    form = pattern.regex[start : pattern.regex.rindex("(?![")].replace("(?<same>", "(?P<same>").replace("(?<!\\d)", "")
    number = data.draw(st.from_regex(re.compile(form, re.IGNORECASE | re.ASCII), fullmatch=True))
    first = re.match(r"\d+", number)
    assert first is not None
    assert pattern.run[0] <= len(first.group()) <= pattern.run[1]


def test_a_pattern_that_refers_to_a_group_by_its_number_is_not_taken() -> None:
    with pytest.raises(ValueError, match="by its name"):
        Table([Pattern(entity=EntityType.SSN, score=1, start=Start.NUMBER, regex=r"(\d)\1")])


def test_a_label_counts_with_and_without_accents_and_only_as_a_whole_word() -> None:
    table = Table([labelled(EntityType.PHONE, "teléfono|ext line", value=r"(?<v>\d{3})")])
    assert [
        found.span.start for found in table.find("telefono 123, TELÉFONO: 123, subtelefono 123, ext\nline 123")
    ] == [9, 24, 55]


def test_trying_patterns_only_where_they_can_begin_skips_nothing_in_made_up_texts() -> None:
    for gold in generate(40, 11, Split.TRAIN):
        text = normalise(gold.text).text
        assert set(TABLE.find(text)) == _brute_force(text, by_words=True)


@pytest.mark.skipif(not DATA.is_dir(), reason="the public corpora are not here")
def test_trying_patterns_only_where_they_can_begin_skips_nothing_in_real_texts() -> None:
    for read in (court_cases, spanish_cases):
        for gold in islice(read(DATA, Part.HELD_OUT), 3):
            text = normalise(gold.text[:3000]).text
            assert set(TABLE.find(text)) == _brute_force(text, by_words=True)
