"""A record of several persons: whatever protects any of them protects it, and all of them are counted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.steps.deidentify.test_release import HERE, KEY, PROFILE, Desk, Keys, record

from tunewarden.domain.deidentification import Operator
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.pseudonyms import budget_pseudonym, pseudonym
from tunewarden.steps.deidentify.duplicates import Duplicates
from tunewarden.steps.deidentify.owners import Owners, strictest
from tunewarden.steps.deidentify.quasi import Census
from tunewarden.steps.deidentify.source import SourceRecord
from tunewarden.steps.deidentify.stated import Left
from tunewarden.steps.records import read_budgets, read_protected, read_records

ANN, BEN, CLO = "P-000001", "P-000002", "P-000003"


def shared(text: str, *persons: str, **known: str) -> SourceRecord:
    return replace(record(text, persons[0], **known), others=persons[1:])


def names(*persons: str) -> tuple[str, ...]:
    return tuple(pseudonym(KEY, HERE, person) for person in persons)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_everybody_is_an_owner_of_the_released_record_and_has_a_budget(desk: Desk) -> None:
    manifest, counted = desk.release([shared("Burn.", ANN, BEN), record("Cut.", CLO), shared("Burn.", CLO, BEN)])
    assert [one.persons for one in read_records(desk.blobs, manifest)] == [names(ANN, BEN), names(CLO), names(CLO, BEN)]
    assert (manifest.persons, counted.persons, counted.shared) == (3, 3, 2)
    assert {row.person: row.budget for row in read_budgets(desk.blobs, manifest)} == {
        pseudonym(KEY, HERE, one): budget_pseudonym(KEY, HERE, one).hex() for one in (ANN, BEN, CLO)
    }
    assert list(read_protected(desk.blobs, manifest)) == [{"sex": "F"}] * 3


@pytest.mark.parametrize("erased", [ANN, BEN])
def test_a_record_goes_with_any_of_its_persons_whichever_was_erased(tmp_path: Path, erased: str) -> None:
    desk = Desk(tmp_path, vault=Keys(erased=frozenset({erased})))
    left = BEN if erased == ANN else ANN
    manifest, _ = desk.release([shared("Burn 1.", ANN, BEN), record("Burn 2.", left), record("Burn 3.", CLO)])
    assert desk.texts(manifest) == ["Burn 2.", "Burn 3."]
    assert (manifest.rows, manifest.erased, manifest.persons) == (2, 1, 2)
    assert desk.left_out == [0]
    assert {row.person for row in read_budgets(desk.blobs, manifest)} == set(names(left, CLO))


def test_a_person_all_of_whose_records_went_with_somebody_else_is_not_counted(tmp_path: Path) -> None:
    desk = Desk(tmp_path, vault=Keys(erased=frozenset({ANN})))
    manifest, _ = desk.release([shared("Burn.", ANN, BEN), record("Cut.", CLO)])
    assert [row.person for row in read_budgets(desk.blobs, manifest)] == list(names(CLO))


def test_keys_are_asked_for_everybody(desk: Desk) -> None:
    desk.release([shared("Burn.", ANN, BEN), shared("Cut.", BEN, CLO)])
    assert set(desk.vault.asked) == {3}


@pytest.mark.parametrize("persons", [(ANN, BEN), (BEN, ANN)])
def test_what_the_columns_know_of_any_of_them_is_hidden_in_what_they_share(desk: Desk, persons: Sequence[str]) -> None:
    manifest, _ = desk.release(
        [
            record("a burn", ANN, name="Nightingale, Zebediah"),
            record("a burn", BEN, phone="(555) 555-0134"),
            shared("zebediah, call 555.555.0134, id p-000001 or p-000002", *persons),
        ]
    )
    assert desk.texts(manifest)[2] == "[NAME], call [PHONE], id [PERSON-ID] or [PERSON-ID]"


def test_whoever_is_named_last_is_looked_for_by_the_name_in_the_column(desk: Desk) -> None:
    manifest, _ = desk.release([shared("beside zq 77 x lay nobody", ANN, BEN, "zq77x")])
    assert desk.texts(manifest) == ["beside [PERSON-ID] lay nobody"]


def test_what_is_found_in_a_shared_record_is_hidden_in_the_records_of_each_and_of_nobody_else(desk: Desk) -> None:
    manifest, _ = desk.release(
        [
            shared("Patient: Mr. Zoltan Khybak. MRN: 88213.", ANN, BEN, name="Nightingale"),
            *(record("khybak and nightingale read band 88213", person) for person in (ANN, BEN, CLO)),
        ]
    )
    _, of_ann, of_ben, of_clo = desk.texts(manifest)
    assert of_ann == of_ben == "[NAME] and [NAME] read band [MEDICAL-RECORD]"
    assert of_clo == "khybak and nightingale read band 88213"


def test_a_record_that_goes_with_one_person_still_says_what_to_hide_of_the_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path, vault=Keys(erased=frozenset({ANN})))
    manifest, _ = desk.release(
        [shared("Patient: Mr. Zoltan Khybak.", ANN, BEN, phone="(555) 555-0134"), record("khybak, 555.555.0134", BEN)]
    )
    assert desk.texts(manifest) == ["[NAME], [PHONE]"]


def test_a_second_look_knows_the_values_of_each_of_them(desk: Desk) -> None:
    desk.release([record("MRN: 88213.", ANN), record("MRN: 77102.", BEN), shared("Burn.", ANN, BEN)])
    assert set(desk.looked[2].values) >= {"88213", "77102"}


def test_made_up_values_are_the_first_persons(tmp_path: Path) -> None:
    desk = Desk(tmp_path, profile=replace(PROFILE, operators={EntityType.PHONE: Operator.SURROGATE}))
    text = "call 617-555-0134"
    manifest, _ = desk.release([record(text, ANN), shared(text, ANN, BEN), shared(text, BEN, ANN), record(text, BEN)])
    first, with_ben, with_ann, second = desk.texts(manifest)
    assert first == with_ben != with_ann == second


def test_a_person_named_twice_is_one(desk: Desk) -> None:
    manifest, _ = desk.release([shared("Burn.", ANN, ANN, BEN)])
    assert [one.persons for one in read_records(desk.blobs, manifest)] == [names(ANN, BEN)]


def test_what_is_readable_of_a_shared_record_is_readable_of_each(desk: Desk) -> None:
    desk.release([shared("93-year-old with a burn.", ANN, BEN), record("Burn.", CLO)])
    left = Left(PROFILE)
    for seen in desk.seen:
        left.witnesses().seen(seen)
    assert isinstance(left.census, Census)
    assert isinstance(left.duplicates, Duplicates)
    assert sorted(left.census.classes().sizes) == [1, 2]


def test_k_holds_for_everybody_where_records_are_shared(tmp_path: Path) -> None:
    profile = replace(PROFILE, k=3)
    desk = Desk(tmp_path, profile=profile)
    ages = [record(f"{20 + person}-year-old with a burn.", f"P-{person:06}") for person in range(9)]
    manifest, counted = desk.release(
        [*ages, shared("93-year-old.", "P-000000", "P-000009"), record("Cut.", "P-000009")]
    )
    left = Left(profile)
    for seen in desk.seen:
        left.witnesses().seen(seen)
    assert left.census.classes().k >= 3
    assert counted.generalised >= 2
    assert "93" not in " ".join(desk.texts(manifest))


def test_what_has_to_give_way_for_the_second_person_gives_way_in_what_is_shared(tmp_path: Path) -> None:
    desk = Desk(tmp_path, profile=replace(PROFILE, k=3))
    crowd = [record("30-year-old with a burn.", f"P-{person:06}") for person in range(9)]
    crowd += [record("Burn.", f"P-{person:06}") for person in range(20, 23)]
    manifest, counted = desk.release(
        [*crowd, shared("31-year-old.", "P-000000", "P-000009"), record("93-year-old.", "P-000009")]
    )
    of_first, *_, both, own = desk.texts(manifest)
    assert "30-34" in of_first, "the first person's own record says as much as before"
    assert (both, own) == ("[AGE]-year-old.", "[AGE]-year-old.")
    assert counted.generalised == 1


def test_of_what_has_to_give_way_for_any_of_them_the_farthest_is_done() -> None:
    owners = Owners(pseudonyms=("a", "b"), key=None)
    suppressed = {
        "a": {EntityType.AGE: Operator.REPLACE, "sex": Operator.REPLACE},
        "b": {EntityType.AGE: Operator.BAND, EntityType.SEX: Operator.REPLACE},
        "c": {EntityType.PLACE: Operator.REPLACE},
    }
    expected = {EntityType.AGE: Operator.REPLACE, EntityType.SEX: Operator.REPLACE, "sex": Operator.REPLACE}
    assert strictest(owners, suppressed, PROFILE) == expected
    other_way = replace(owners, pseudonyms=("b", "a"))
    assert strictest(other_way, suppressed, PROFILE) == expected


def test_no_word_of_a_person_is_in_what_describes_the_owners() -> None:
    assert "\\x" not in repr(Owners(pseudonyms=names(ANN, BEN), key=bytes(32)))
