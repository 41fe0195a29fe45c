"""Made-up values: check digits are right, by the validators of Presidio where it has one, and dates are real days."""

from collections.abc import Callable
from datetime import date
from random import Random

import pytest
from hypothesis import given, strategies as st
from presidio_analyzer import PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EsNieRecognizer,
    EsNifRecognizer,
    IbanRecognizer,
    InAadhaarRecognizer,
    MedicalLicenseRecognizer,
    NhsRecognizer,
    PlPeselRecognizer,
    UsNpiRecognizer,
    UsSsnRecognizer,
)

from tunewarden.steps.deidentify.synthesis import issued, people, times
from tunewarden.steps.deidentify.synthesis.contact import ascii_of, email, phone
from tunewarden.steps.deidentify.synthesis.splits import Split

seeds = st.integers(0, 2**32)
VALIDATED: tuple[tuple[Callable[[Random], str], PatternRecognizer], ...] = (
    (issued.card, CreditCardRecognizer()),
    (issued.iban, IbanRecognizer()),
    (issued.nhs, NhsRecognizer()),
    (issued.dni, EsNifRecognizer()),
    (issued.nie, EsNieRecognizer()),
    (issued.npi, UsNpiRecognizer()),
    (issued.dea, MedicalLicenseRecognizer()),
    (issued.pesel, PlPeselRecognizer()),
    (issued.aadhaar, InAadhaarRecognizer()),
)


@pytest.mark.parametrize(("make", "recogniser"), VALIDATED)
@given(seed=seeds)
def test_a_number_passes_the_check_of_its_issuer(
    make: Callable[[Random], str], recogniser: PatternRecognizer, seed: int
) -> None:
    number = make(Random(seed)).replace(" ", "").replace("-", "")
    assert recogniser.validate_result(number) is not False
    last, letters = number[-1], "TRWAGMYFPDXBNJZSQVHLCKE"
    other = str((int(last) + 1) % 10) if last.isdigit() else letters[letters.index(last) - 1]
    assert recogniser.validate_result(number[:-1] + other) is False  # the validator does look at the check digit


@given(seed=seeds)
def test_a_social_security_number_is_one_that_may_be_issued(seed: int) -> None:
    number = issued.ssn(Random(seed))
    assert not UsSsnRecognizer().invalidate_result(number)
    assert number[:3] not in {"000", "666"}
    assert number[0] != "9"


@given(seed=seeds)
def test_numbers_that_end_with_a_luhn_digit_do(seed: int) -> None:
    for make in (issued.sin, issued.imei):
        number = make(Random(seed)).replace(" ", "").replace("-", "")
        assert issued.luhn(number[:-1]) == number


def test_check_digits_are_those_of_the_known_examples() -> None:
    assert issued.luhn("7992739871") == "79927398713"  # the usual example of the formula
    assert issued.luhn("49015420323751") == "490154203237518"  # an IMEI of the standard's own example


@given(seed=seeds)
def test_a_vehicle_identification_number_has_its_check_digit_and_no_i_o_or_q(seed: int) -> None:
    number = issued.vin(Random(seed))
    assert len(number) == 17
    assert not set(number) & set("IOQ")
    values = dict(zip("ABCDEFGH", range(1, 9), strict=True)) | dict(zip("JKLMN", range(1, 6), strict=True))
    values |= {"P": 7, "R": 9} | dict(zip("STUVWXYZ", range(2, 10), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(
        (values.get(each) or int(each)) * weight for each, weight in zip(number, weights, strict=True) if weight
    )
    assert number[8] == "0123456789X"[total % 11]


@given(seed=seeds)
def test_a_medicare_number_has_the_form_of_its_issuer(seed: int) -> None:
    number = issued.mbi(Random(seed)).replace("-", "")
    assert len(number) == 11
    assert number[0] in "123456789"
    assert all(number[place].isalpha() for place in (1, 4, 7, 8))
    assert all(number[place].isdigit() for place in (3, 6, 9, 10))
    assert not set(number) & set("SLOIBZ")


@pytest.mark.parametrize(
    ("number", "language", "said"),
    [
        (45, "en", "forty-five"),
        (45, "es", "cuarenta y cinco"),
        (100, "es", "cien"),
        (531, "es", "quinientos treinta y uno"),
        (2004, "en", "two thousand four"),
        (1982, "es", "mil novecientos ochenta y dos"),
        (12, "en", "twelve"),
        (22, "es", "veintidós"),
    ],
)
def test_numbers_are_said_as_people_say_them(number: int, language: str, said: str) -> None:
    assert times.in_words(number, language) == said


def test_years_are_said_in_pairs_in_english() -> None:
    assert times.year_in_words(1982, "en") == "nineteen eighty-two"
    assert times.year_in_words(1905, "en") == "nineteen oh five"
    assert times.year_in_words(1900, "en") == "nineteen hundred"
    assert times.year_in_words(2003, "en") == "two thousand three"


@given(seed=seeds, language=st.sampled_from(("en", "es")))
def test_a_day_is_a_day_of_the_calendar(seed: int, language: str) -> None:
    text = times.day(Random(seed), language, 1990, 2020)
    if text[:4].isdigit() and text.count("-") == 2:
        date.fromisoformat(text)
    assert any(character.isdigit() for character in text)


def test_names_come_from_many_origins_and_of_both_genders() -> None:
    known = people.origins()
    assert len(known) >= 40
    assert all(origin.women and origin.men and origin.surnames for origin in known.values())
    assert all(name.strip() == name for origin in known.values() for name in origin.surnames)


@given(seed=seeds, split=st.sampled_from(tuple(Split)), language=st.sampled_from(("en", "es")))
def test_every_way_to_write_a_name_holds_the_surname_or_is_initials(seed: int, split: Split, language: str) -> None:
    chance = Random(seed)
    who = people.person(chance, split, language)
    assert who.surname.upper() in people.full(who, chance).upper()
    assert who.surname.upper() in people.reversed_(who, chance).upper()
    assert who.surname in people.initialled(who, chance)
    assert len(people.initials(who, chance)) <= 8


def test_surnames_to_measure_with_are_not_those_to_train_with() -> None:
    chance = Random(1)
    trained = {people.person(chance, Split.TRAIN, "en").surname for _ in range(3000)}
    measured = [people.person(chance, Split.PLANTED, "en").surname for _ in range(3000)]
    assert sum(surname in trained for surname in measured) / len(measured) < 0.15


@given(seed=seeds, country=st.sampled_from(("us", "uk", "es", "de", "fr", "mx", "co", "in", "au", "xx")))
def test_a_telephone_number_has_seven_digits_or_more(seed: int, country: str) -> None:
    assert sum(character.isdigit() for character in phone(Random(seed), country)) >= 7


@given(seed=seeds)
def test_an_address_of_mail_is_plain_and_has_one_at(seed: int) -> None:
    who = people.person(Random(seed), Split.TRAIN, "en")
    address = email(who, Random(seed))
    assert address.count("@") == 1
    assert address.isascii()
    assert " " not in address


def test_accents_are_left_out_of_addresses() -> None:
    assert ascii_of("Öztürk-Peña") == "ozturkpena"
    assert ascii_of("王") == "x"
