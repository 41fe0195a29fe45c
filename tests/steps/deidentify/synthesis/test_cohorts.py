"""Groups of names are compared on the same sentences, and no group's names are the recogniser's own lists."""

import pytest

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.synthesis.cohorts import GENDERS, ORIGINS, cohort_texts
from tunewarden.steps.deidentify.synthesis.contact import ascii_of
from tunewarden.steps.deidentify.tagger.gold import GoldText
from tunewarden.steps.deidentify.word_lists import AMBIGUOUS, GIVEN, SURNAMES

EACH = 90


@pytest.fixture(scope="module")
def groups() -> dict[tuple[str, str], list[GoldText]]:
    found: dict[tuple[str, str], list[GoldText]] = {}
    for origin, gender, text in cohort_texts(EACH, seed=4):
        found.setdefault((origin, gender), []).append(text)
    return found


def test_every_origin_has_as_many_texts_for_women_as_for_men(groups: dict[tuple[str, str], list[GoldText]]) -> None:
    assert groups.keys() == {(origin, gender) for origin in ORIGINS for gender in GENDERS}
    assert len(ORIGINS) >= 8
    assert {len(texts) for texts in groups.values()} == {EACH}


def test_only_the_name_differs_between_groups(groups: dict[tuple[str, str], list[GoldText]]) -> None:
    around = {
        group: [text.text[: text.spans[0].start] + "|" + text.text[text.spans[0].end :] for text in texts]
        for group, texts in groups.items()
    }
    first, *others = around.values()
    assert all(other == first for other in others)
    assert all(len(text.spans) == 1 for texts in groups.values() for text in texts)
    assert {text.spans[0].entity for texts in groups.values() for text in texts} == {EntityType.NAME}


def test_names_are_written_in_the_same_forms_in_every_group(groups: dict[tuple[str, str], list[GoldText]]) -> None:
    def form(text: GoldText) -> tuple[bool, bool]:
        name = text.text[text.spans[0].start : text.spans[0].end]
        return "," in name, "." in name

    first, *others = [[form(text) for text in texts] for texts in groups.values()]
    assert all(other == first for other in others)
    assert len(set(first)) > 1


def test_the_names_of_a_group_vary(groups: dict[tuple[str, str], list[GoldText]]) -> None:
    for texts in groups.values():
        assert len({text.text[text.spans[0].start : text.spans[0].end] for text in texts}) > EACH / 3


def test_in_no_group_are_most_whole_names_words_of_the_recognisers_lists(
    groups: dict[tuple[str, str], list[GoldText]],
) -> None:
    listed = GIVEN | AMBIGUOUS | SURNAMES
    for group, texts in groups.items():
        names = [text.text[text.spans[0].start : text.spans[0].end].replace(",", " ").split() for text in texts]
        known = [all(ascii_of(word) in listed for word in name) for name in names if len(name) > 1]
        assert sum(known) / len(known) < 0.4, group


def test_the_same_seed_makes_the_same_texts_in_spanish_too() -> None:
    assert list(cohort_texts(3, 1, "es")) == list(cohort_texts(3, 1, "es"))
    assert list(cohort_texts(3, 1, "es")) != list(cohort_texts(3, 2, "es"))
