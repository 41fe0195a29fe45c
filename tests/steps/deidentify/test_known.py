"""Values of the person's own columns, looked for in the person's own texts."""

import time

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.known import distinctive, sweep
from tunewarden.steps.deidentify.known_dates import readings
from tunewarden.steps.deidentify.person import Known
from tunewarden.steps.deidentify.spans import resolve


def hidden(text: str, *known: tuple[EntityType, str]) -> str:
    result, position = "", 0
    for span in resolve(sweep(text, [Known(entity=entity, value=value) for entity, value in known])):
        result += text[position : span.start] + "#"
        position = span.end
    return result + text[position:]


WIDE_SMITHSON = "".join(chr(ord(letter) + 0xFEE0) for letter in "Smithson")
ROBERT = (EntityType.NAME, "Robert James Smithson")
ROSE = (EntityType.NAME, "Rose Tavorell-Núñez")
JOSE = (EntityType.NAME, "José Francisco de la Peñalba")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Robert James Smithson came", "# came"),
        ("ROBERT SMITHSON CAME", "# CAME"),
        ("Smithson, Robert came", "# came"),
        ("Bob came, Bobby left, ask Rob", "# came, # left, ask #"),
        ("J. Smithson and R. J. Smithson came", "# and # came"),
        ("Smithson, R. came", "# came"),
        ("R.J.S. came, so did R. S. here", "# came, so did # here"),
        ("Smihtson or Smithsn or Smithsson or Smithsen came", "# or # or # or # came"),
        ("rsmithson and robertsmithson log in", "# and # log in"),
        (f"Ro\u200bbert {WIDE_SMITHSON} came", "# came"),
        ("Robertson, Smith, smitten came", "Robertson, Smith, smitten came"),
    ],
)
def test_a_name_is_found_as_people_write_it(text: str, expected: str) -> None:
    assert hidden(text, ROBERT) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pepe llegó con Paco Peñalba", "# llegó con #"),
        ("JOSE FRANCISCO DE LA PENALBA", "#"),
        ("Peñalba, José ingresa", "# ingresa"),
        ("D. José F. de la Peñalba", "D. #"),
    ],
)
def test_spanish_short_forms_particles_and_accents(text: str, expected: str) -> None:
    assert hidden(text, JOSE) == expected


def test_a_name_that_is_a_word_counts_where_something_says_so() -> None:
    assert hidden("The rose garden. Rose smiled, a rose bush.", ROSE) == "The rose garden. # smiled, a rose bush."
    assert hidden("Hi, my name is rose tavorell ok. The end.", ROSE) == "Hi, my name is # ok. The end."
    assert hidden("so rose how do you feel", ROSE) == "so # how do you feel"
    will = (EntityType.NAME, "Will Tavor")
    assert hidden("he will come will tavor and then he will go", will) == "he will come # and then he will go"


def test_where_capitals_say_nothing_a_name_that_is_a_word_is_rather_hidden_once_too_often() -> None:
    april, don = (EntityType.NAME, "April Lyrou"), (EntityType.NAME, "Don Mccarty")
    assert hidden("all right april let me take a look", april) == "all right # let me take a look"
    assert hidden("since april it hurts", april) == "since # it hurts"
    assert hidden("don tells me that they don't hurt", don) == "# tells me that they don't hurt"
    assert hidden("Seen in clinic. It hurts since april.", april) == "Seen in clinic. It hurts since april."


@pytest.mark.parametrize(
    "written",
    [
        *(
            "10/03/1963",
            "3/10/63",
            "3.10.1963",
            "1963-10-03",
            "1963/10/3",
            "19631003",
            "3 October 1963",
            "October 3rd, 1963",
        ),
        *("3rd of October 1963", "Oct 3", "3 de octubre de 1963", "3 octubre 1963", "3-oct-63"),
    ],
)
def test_a_date_is_found_in_other_formats_than_the_columns(written: str) -> None:
    assert hidden(f"born {written}.", (EntityType.DATE, "1963-10-03")) == "born #."


def test_another_date_is_left_to_the_recognisers() -> None:
    assert (
        hidden("seen 4 October 1963, 10/04/1963", (EntityType.DATE, "1963-10-03")) == "seen 4 October 1963, 10/04/1963"
    )


@given(st.dates())
def test_iso_dates_have_one_reading_and_no_text_without_a_year_has_any(day: object) -> None:
    assert readings(str(day)) == {day}
    assert readings(str(day)[5:]) == frozenset()


@pytest.mark.parametrize(
    ("known", "text", "expected"),
    [
        (
            (EntityType.PHONE, "+1 415-555-0134"),
            "call (415) 555 0134 or 4155550134, not 415-555-0135",
            "call # or #, not 415-555-0135",
        ),
        ((EntityType.PHONE, "915 551 234"), "tel. +34 915551234 y 91-555-12-34", "tel. # y #"),
        ((EntityType.MEDICAL_RECORD, "H-48213"), "h48213, H 48213 and H48214", "#, # and H48214"),
        ((EntityType.SSN, "123-45-6789"), "ssn 123456789", "ssn #"),
        ((EntityType.PERSON_ID, "P-0A1"), "arm p-0a1, P-0A1x", "arm #, P-0A1x"),
        ((EntityType.EMAIL, "Ada.Tavor@clinic.org"), "ada.tavor@CLINIC.org and ada.tavor", "# and #"),
        (
            (EntityType.ADDRESS, "12 Invented Road, Apt 4, Hollow Falls, OH 44017"),
            "lives on invented road in Hollow Falls",
            "lives on # in #",
        ),
        (
            (EntityType.ADDRESS, "C/ Inventada 3, 2º B, Villahueca"),
            "vive en la calle Inventada, Villahueca",
            "vive en la calle #, #",
        ),
        ((EntityType.PLACE, "Hollow Falls"), "in HOLLOW  FALLS", "in #"),
        ((EntityType.OCCUPATION, "beekeeper"), "a Beekeeper, no bee", "a #, no bee"),
    ],
)
def test_other_values_are_found_in_other_dress(known: tuple[EntityType, str], text: str, expected: str) -> None:
    assert hidden(text, known) == expected


@pytest.mark.parametrize(
    ("entity", "value", "worth"),
    [
        (EntityType.PERSON_ID, "17", False),
        (EntityType.PERSON_ID, "P-0A1", True),
        (EntityType.PERSON_ID, "482133", True),
        (EntityType.AGE, "1000000", False),
        (EntityType.SEX, "Female", False),
        (EntityType.NAME, "Li", True),
        (EntityType.NAME, "J", False),
        (EntityType.DATE, "1963-10-03", True),
        (EntityType.DATE, "1963", False),
        (EntityType.PLACE, "home", False),
        (EntityType.PLACE, "Cluj", True),
        (EntityType.PHONE, "123", False),
    ],
)
def test_values_too_short_or_too_common_are_not_looked_for(entity: EntityType, value: str, worth: bool) -> None:
    assert distinctive(value, entity) is worth
    if not worth:
        assert hidden(f"x {value} y", (entity, value)) == f"x {value} y"


@given(st.text(max_size=80), st.sampled_from(EntityType), st.text(max_size=30))
def test_any_text_and_any_value_can_be_swept(text: str, entity: EntityType, value: str) -> None:
    for span in sweep(text, [Known(entity=entity, value=value)]):
        assert 0 <= span.start < span.end <= len(text)


@given(st.sampled_from(["Zoltan Khybak", "khybak", "ZOLTAN", "Khybak, Zoltan"]), st.text(alphabet=" .,;\n", max_size=5))
def test_a_known_name_is_gone_whatever_stands_around_it(name: str, around: str) -> None:
    left = hidden(f"{around}{name}{around}", (EntityType.NAME, "Zoltan Khybak"))
    assert "khybak" not in left.lower()
    assert "zoltan" not in left.lower()


@pytest.mark.parametrize("unit", ["a ", "1", "smithso ", "robert ", "r.j.", "3/1", "12 invented "])
def test_time_grows_with_the_length_of_the_text(unit: str) -> None:
    known = [Known(entity=entity, value=value) for entity, value in (ROBERT, (EntityType.DATE, "1963-10-03"))]
    known += [
        Known(entity=EntityType.PHONE, value="1" * 10),
        Known(entity=EntityType.ADDRESS, value="12 Invented Road"),
    ]
    text = unit * (200_000 // len(unit))
    started = time.process_time()
    for _ in sweep(text, known):
        pass
    assert time.process_time() - started < 8, "time grows with the square of the length"
