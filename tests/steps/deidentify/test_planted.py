"""Planted identifiers stand where they are said to stand, and every kind can be planted in both languages."""

from random import Random

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.identifiers import SAFE_HARBOR, EntityType
from tunewarden.steps.deidentify.planted import PLANTED, covered, language_of, planted, put
from tunewarden.steps.deidentify.spans import Span

seeds = st.integers(0, 2**32)
languages = st.sampled_from(("en", "es"))


def test_every_kind_that_a_row_of_safe_harbor_stands_on_is_planted() -> None:
    stood_on = {entity for entities in SAFE_HARBOR.values() for entity in entities}
    assert stood_on - set(PLANTED) == {EntityType.PERSON_ID}


@pytest.mark.parametrize("entity", PLANTED)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_kind_is_planted_in_both_languages_and_never_twice_the_same(entity: EntityType, language: str) -> None:
    chance = Random(7)
    plants = [planted(entity, chance, language) for _ in range(30)]
    assert {plant.entity for plant in plants} == {entity}
    assert all(any(character.isalnum() for character in plant.value) for plant in plants)
    assert len({plant.value for plant in plants}) > 12


@given(entity=st.sampled_from(PLANTED), seed=seeds, language=languages, text=st.text(max_size=200))
def test_the_identifier_stands_where_put_says_and_the_text_is_kept(
    entity: EntityType, seed: int, language: str, text: str
) -> None:
    chance = Random(seed)
    plant = planted(entity, chance, language)
    changed, start, end = put(plant, text, chance)
    assert changed[start:end].lower() == plant.value.lower()
    sentence = (plant.before + plant.value + plant.after).lower()
    assert sentence in changed.lower()
    rest = changed[: start - len(plant.before)] + changed[end + len(plant.after) + 1 :]
    assert rest.replace(" ", "") == text.replace(" ", "")


@given(seed=seeds)
def test_the_same_seed_plants_the_same(seed: int) -> None:
    assert planted(EntityType.NAME, Random(seed)) == planted(EntityType.NAME, Random(seed))


def test_in_a_text_of_capitals_the_plant_is_in_capitals_and_in_one_without_it_has_none() -> None:
    plant = planted(EntityType.NAME, Random(3))
    shouted, start, end = put(plant, "39YOM WITH CHEST PAIN SINCE LAST NIGHT. GIVEN ASA 81 mg.", Random(3))
    assert shouted[start:end] == plant.value.upper()
    whispered, start, end = put(plant, "so i went home and it got worse. then i called", Random(3))
    assert whispered[start:end] == plant.value.lower()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The patient was seen in the clinic and is doing well with her knee.", "en"),
        ("El paciente acude a la consulta por dolor en el pecho desde ayer.", "es"),
        ("", "en"),
        ("39YOM LAC", "en"),
    ],
)
def test_the_language_of_a_text_is_guessed_by_its_stop_words(text: str, language: str) -> None:
    assert language_of(text) == language


def test_an_identifier_is_covered_only_if_all_its_letters_and_digits_are() -> None:
    text = "call 555-1234 now"
    whole = Span(start=5, end=13, entity=EntityType.PHONE, score=1.0)
    but_one = Span(start=5, end=12, entity=EntityType.PHONE, score=1.0)
    halves = (
        Span(start=5, end=8, entity=EntityType.PHONE, score=1.0),
        Span(start=9, end=13, entity=EntityType.PHONE, score=1.0),
    )
    assert covered(text, 5, 13, [whole])
    assert not covered(text, 5, 13, [but_one])
    assert covered(text, 5, 13, halves)  # the sign between them tells nothing
    assert not covered(text, 5, 13, ())
