"""Labels: each corpus' words and each of our kinds mean one of them."""

import pytest

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.labels import CONLL, LABELS, MEDDOCAN, NUMBER, TAB, label_of


def test_every_kind_of_identifier_has_a_label_that_is_not_none() -> None:
    assert {label_of(entity) for entity in EntityType} <= set(range(1, 1 + len(LABELS)))


@pytest.mark.parametrize("entity", LABELS)
def test_a_label_stands_for_its_own_kind(entity: EntityType) -> None:
    assert LABELS[label_of(entity) - 1] is entity
    assert NUMBER[entity] == label_of(entity)


def test_numbers_of_every_kind_are_one_label_and_places_with_a_number_are_addresses() -> None:
    numbers = (EntityType.SSN, EntityType.PHONE, EntityType.MEDICAL_RECORD, EntityType.IBAN, EntityType.USERNAME)
    assert {label_of(entity) for entity in numbers} == {NUMBER[EntityType.OTHER_ID]}
    assert label_of(EntityType.POSTCODE) == NUMBER[EntityType.ADDRESS]


def test_the_order_of_the_labels_is_the_one_the_shipped_weights_were_trained_with() -> None:
    assert [label.value for label in LABELS] == [
        "name", "place", "organisation", "demographic", "occupation", "relative", "sex", "age", "date", "address",
        "other-id", "particular",
    ]  # fmt: skip


def test_the_corpora_name_people_alike() -> None:
    names = {TAB["PERSON"], CONLL["PER"], CONLL["person"]}
    names |= {entity for kind, entity in MEDDOCAN.items() if kind.startswith("NOMBRE_")}
    assert names == {EntityType.NAME}
