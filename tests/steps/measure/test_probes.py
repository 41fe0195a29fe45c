"""The probe texts are fixed, different from each other, and differ within a pair in one person only."""

import pytest

from tunewarden.steps.deidentify.gazetteer import find_listed
from tunewarden.steps.deidentify.word_lists import GIVEN
from tunewarden.steps.measure.probes import _ENGLISH, _SPANISH, Attribute, Pair, pairs, probe_texts


def differing(pair: Pair) -> tuple[list[str], list[str]]:
    one, other = pair.first.split(), pair.second.split()
    return [word for word in one if word not in other], [word for word in other if word not in one]


@pytest.mark.parametrize("attribute", Attribute)
def test_no_two_pairs_have_the_same_words_around_their_persons(attribute: Attribute) -> None:
    around = [frozenset(pair.first.split()) & frozenset(pair.second.split()) for pair in pairs(attribute, 400)]
    assert len(set(around)) > 390  # as sets of words a few may agree
    assert len({pair.first for pair in pairs(attribute, 400)}) == 400


@pytest.mark.parametrize("attribute", Attribute)
def test_the_texts_of_a_pair_differ_in_few_words_and_always_in_one(attribute: Attribute) -> None:
    for pair in pairs(attribute, 100):
        one, other = differing(pair)
        assert 1 <= len(one) <= 4, pair
        assert 1 <= len(other) <= 4, pair


def test_more_probes_begin_with_the_same_ones() -> None:
    assert pairs(Attribute.NAME, 50) == pairs(Attribute.NAME, 90)[:50]
    assert probe_texts(12) == probe_texts(40)[:12]


def test_either_side_of_a_pair_stands_first_about_as_often() -> None:
    """400 coins: fewer than 130 or more than 270 of either side by chance in less than one case in 10^11."""
    women = sum(" She " in pair.first or " Ella " in pair.first for pair in pairs(Attribute.SEX, 400))
    assert 130 < women < 270


def test_given_names_are_those_of_the_lists_and_no_everyday_words() -> None:
    for pair in pairs(Attribute.NAME, 200):
        assert pair.first.split()[0].lower() in GIVEN


@pytest.mark.parametrize("word", [*_ENGLISH.origins, *_SPANISH.origins])
def test_origins_are_protected_words_that_deidentification_knows(word: str) -> None:
    assert list(find_listed(f"a person of {word} origin"))


def test_every_fourth_pair_is_spanish() -> None:
    spanish = [number for number, pair in enumerate(pairs(Attribute.AGE, 40)) if " La persona " in pair.first]
    assert spanish == list(range(3, 40, 4))


def test_probe_texts_hold_what_forms_and_deidentification_leave() -> None:
    every = " ".join(probe_texts(10))
    assert all(part in every for part in ("[NAME]", "[DATE]", "2021/03/12", "Note 48213", "***"))
