"""Structured identifiers in the ways in which people write them, in English and in Spanish, and what is none.

Each pitfall of Presidio's own patterns that had to be stepped around is a test here or in `test_recognisers.py`.
"""

import time
from decimal import Decimal

import pytest

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Refused
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify import patterns_table as module
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.patterns_table import Table
from tunewarden.steps.deidentify.recognisers import PatternRecogniser
from tunewarden.steps.deidentify.spans import resolve

PROFILE = Profile(
    name=PolicyName("patterns"),
    method=Method.NONE,
    languages=("en", "es"),
    threshold=Decimal("0.40"),
    engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
    operators={},
    default=Operator.REPLACE,
)
DETECTOR = Detector(PROFILE)
TABLE: Table = PatternRecogniser(("en", "es")).table


def marked(text: str) -> str:
    """The text with every found identifier as its kind."""
    result, position = "", 0
    for span in resolve(DETECTOR.find([text])[0]):
        result += f"{text[position : span.start]}[{span.entity.upper()}]"
        position = span.end
    return result + text[position:]


@pytest.mark.parametrize(
    "date",
    [
        *(
            "15 May 2001",
            "May 15th, 2001",
            "Jan 2003",
            "January of 2003",
            "3/14/2019",
            "2019-03-14",
            "14.03.2019",
            "14-03-19",
        ),
        *(
            "3rd of May",
            "the 3rd of May 2019",
            "May the 3rd",
            "Sept. 4, 2010",
            "4-Sep-2010",
            "17JUN2016",
            "2019-03",
            "06/2016",
        ),
        *(
            "2019-03-14T10:30:00Z",
            "20190314",
            "3-5 May 2019",
            "March third, nineteen eighty two",
            "17-VI-2016",
            "Dec 25",
        ),
        *("3 de mayo de 2019", "3 mayo 2019", "mayo de 2019", "mayo del 2019", "1º de enero de 2010", "17-jun-16"),
        *("tres de mayo de dos mil diez", "del 3 al 5 de mayo de 2019", "17 / 06 / 2016", "agosto 06"),
    ],
)
def test_dates_are_found_as_they_are_written(date: str) -> None:
    left = marked(f"Seen {date}.")
    assert "[DATE]" in left
    assert not any(character.isdecimal() for character in left)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("back on 7/5", "back on [DATE]"),
        ("the week of 3 May", "the week of [DATE]"),
        ("born in 1961", "born in [DATE]"),
        ("since March", "since [DATE]"),
        ("en octubre de 2005", "en [DATE]"),
        ("DOB 3/14/52", "DOB [DATE]"),
        ("F. Nacimiento: 14/3/52", "F. Nacimiento: [DATE]"),
        ("a 45-year-old man", "a [AGE]-year-old man"),
        ("93 yo F", "[AGE] yo [SEX]"),
        ("45 y/o male", "[AGE] y/o [SEX]"),
        ("45M with pain", "[AGE][SEX] with pain"),
        ("8 YOM PLAYING", "[AGE] YO[SEX] PLAYING"),
        ("aged 45", "aged [AGE]"),
        ("Age: 7", "Age: [AGE]"),
        ("a 6-month-old girl", "a [AGE] girl"),
        ("forty-five-year-old", "[AGE]-year-old"),
        ("in her 40s", "in her [AGE]"),
        ("varón de 45 años", "[SEX] de [AGE]"),
        ("lactante de 3 meses", "lactante de [AGE]"),
        ("Edad: 53 años Sexo: H.", "Edad: [AGE] Sexo: [SEX]."),
        ("mujer de cuarenta y cinco años", "[SEX] de [AGE]"),
        ("Sex: F", "Sex: [SEX]"),
        ("Gender: male", "Gender: [SEX]"),
        ("Call 415-555-0134 x22", "Call [PHONE]"),
        ("(415) 555-0134", "[PHONE]"),
        ("415.555.0134", "[PHONE]"),
        ("tel +44 20 7946 0958", "tel [PHONE]"),
        ("Tel. 915 551 234", "Tel. [PHONE]"),
        ("móvil 655-12-34-56", "móvil [PHONE]"),
        ("06 12 34 56 78", "[PHONE]"),
        ("call 555-0134", "call [PHONE]"),
        ("it is five five five oh one three four", "it is [PHONE]"),
        ("fax 415-555-0135", "fax [FAX]"),
        ("Fax: 915551235", "Fax: [FAX]"),
        ("Mail j.doe+er@clinic.local now", "Mail [EMAIL] now"),
        ("john.smith[at]example[dot]com", "[EMAIL]"),
        ("see https://example.org/u/1. Then", "see [URL]. Then"),
        ("www.example.org", "[URL]"),
        ("from 192.168.10.4 by", "from [IP] by"),
        ("IPv6 2001:db8::ff00:42:8329", "IPv6 [IP]"),
        ("00:1B:44:11:3A:B7", "[MAC]"),
        ("123e4567-e89b-12d3-a456-426614174000", "[OTHER-ID]"),
        ("username: zed99", "username: [USERNAME]"),
        ("follow @zed_99", "follow [USERNAME]"),
    ],
)
def test_times_ages_and_ways_to_reach_a_person(text: str, expected: str) -> None:
    assert marked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My ssn is 123456789", "My ssn is [SSN]"),
        ("SSN 123-45-6789", "SSN [SSN]"),
        ("On file: 078-05-1121.", "On file: [SSN]."),
        ("523 14 8877", "[SSN]"),
        ("MRN: 0012345", "MRN: [MEDICAL-RECORD]"),
        ("MRN# 49-28-055", "MRN# [MEDICAL-RECORD]"),
        ("chart # H-48213", "chart # [MEDICAL-RECORD]"),
        ('"mrn": "00998877"', '"mrn": "[MEDICAL-RECORD]"'),
        ("| MRN | 5512345 |", "| MRN | [MEDICAL-RECORD] |"),
        ("**NHC:** 2569870", "**NHC:** [MEDICAL-RECORD]"),
        ("Historia clínica nº 4821-B", "Historia clínica nº [MEDICAL-RECORD]"),
        ("Member ID XGH48213", "Member ID [HEALTH-PLAN]"),
        ("MBI 1EG4-TE5-MK73", "MBI [HEALTH-PLAN]"),
        ("NASS: 28 12345678 40", "NASS: [HEALTH-PLAN]"),
        ("acct 4821334", "acct [ACCOUNT]"),
        ("sort code 12-34-56", "sort code [ACCOUNT]"),
        ("NPI 1234567893", "NPI [LICENCE]"),
        ("DEA BB1388568", "DEA [LICENCE]"),
        ("driver's license D1234567", "driver's license [LICENCE]"),
        ("NºCol: 28 28 20943", "NºCol: [LICENCE]"),
        ("VIN 1HGCM82633A004352", "VIN [VEHICLE]"),
        ("license plate ABC 1234", "license plate [VEHICLE]"),
        ("matrícula 1234 BCD", "matrícula [VEHICLE]"),
        ("Pump S/N 48-2213-A was", "Pump S/N [DEVICE] was"),
        ("IMEI 490154203237518", "IMEI [DEVICE]"),
        ("UDI (01)00643169007222(17)160712", "UDI [DEVICE]"),
        ("fingerprint ID 4471", "fingerprint ID [BIOMETRIC]"),
        ("huella dactilar: H-2231", "huella dactilar: [BIOMETRIC]"),
        ("photo IMG_2031.jpg", "photo [PHOTOGRAPH]"),
        ("foto guardada como cara-2031.png", "foto guardada como [PHOTOGRAPH]"),
        ("passport AB1234567", "passport [PASSPORT]"),
        ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "[PASSPORT]"),
        ("DNI 12345678Z", "DNI [NATIONAL-ID]"),
        ("12345678-Z", "[NATIONAL-ID]"),
        ("NIE X1234567L", "NIE [NATIONAL-ID]"),
        ("NHS number 943 476 5919", "NHS number [NATIONAL-ID]"),
        ("AB 12 34 56 C", "[NATIONAL-ID]"),
        ("RSSMRA85T10A562S", "[NATIONAL-ID]"),
        ("1 85 05 78 006 084 91", "[NATIONAL-ID]"),
        ("PESEL 44051401359", "PESEL [NATIONAL-ID]"),
        ("IBAN ES91 2100 0418 4502 0005 1332", "IBAN [IBAN]"),
        ("Card 4111 1111 1111 1111 ok", "Card [CARD] ok"),
        ("4111.1111.1111.1111", "[CARD]"),
        ("card ending in 4242", "card ending in [CARD]"),
        ("no. 18403/91", "no. [OTHER-ID]"),
        ("nos. 123/90, 456/91 and 789/92", "nos. [OTHER-ID]"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "[ACCOUNT]"),
    ],
)
def test_numbers_that_somebody_issued(text: str, expected: str) -> None:
    assert marked(text) == expected


@pytest.mark.parametrize(
    "address",
    [
        *(
            "12 Invented Road, Apt 4, Hollow Falls, OH 44017",
            "12 invented road",
            "501 N Walnut Dr, Flagstaff, AZ 86001",
        ),
        *("10 Downing Street, London SW1A 2AA", "Flat 2, 12 High Street", "P.O. Box 39365", "Calle Inventada, 23, 1D"),
        *(
            "C/ Mayor 3, 2º B, 28013 Madrid",
            "Avda. de la Paz, s/n",
            "calle inventada 129, 8C",
            "Hauptstraße 5, 10115 Berlin",
        ),
        *("HAUPTSTR. 31", "12 rue de la Paix, 75002 Paris", "Calle 78b # 69-240"),
    ],
)
def test_street_addresses_are_found_whole(address: str) -> None:
    assert marked(f"Seen at {address}; ok") == "Seen at [ADDRESS]; ok"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zip 44017", "zip [POSTCODE]"),
        ("in Hollow Falls, OH 44017-1234", "in Hollow Falls, OH [POSTCODE]"),
        ("CP: 28035.", "CP: [POSTCODE]."),
        ("at SW1A 2AA", "at [POSTCODE]"),
        ("K1A 0B1", "[POSTCODE]"),
        ("40.41678, -3.70379", "[COORDINATES]"),
        ("40°25\u2032N 3°42\u2032W", "[COORDINATES]"),
        ("Localidad/ Provincia: Madrid.", "Localidad/ Provincia: [PLACE]."),
        ("Nationality: Ruritanian", "Nationality: [DEMOGRAPHIC]"),
    ],
)
def test_places_by_code_or_label(text: str, expected: str) -> None:
    assert marked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 98, pain 10/10, temp 98.6, SpO2 97%, WBC 11000.",
        "2 days of cough 2/2 smoke, took 400 mg ibuprofen x3, 5 ft 10, L arm.",
        "Glasgow 15/15, GCS 14, 1500 ml, 20-30 minutos, 10.500/mm3, 250 mg/12 h, T3N0M0, 10x10 cm, TA 120/80",
        "HbA1c 7.2, glucosa 92 mg/dl (60-100), 3/5 strength, C4-C5, L5-S1, pH 7.35, 1:2, version 2.5.1",
        "Article 8 § 2, Protocol No. 11, Hospital Day 3, room 12, table 4",
        "cuadro de 3 meses de evolución, hace 5 años, a los 3 meses de la intervención",
        "PT MAY RETURN IN 3 WKS. He may march 3 times. They may not.",
        "catéter 5F, bicarbonato 1 M, 7 French, valor de referencia: 15-100 ng/ml",
    ],
)
def test_doses_scores_and_measures_are_left_alone(text: str) -> None:
    assert marked(text) == text


def test_a_table_says_in_its_head_what_its_cells_are() -> None:
    text = "mrn,age,name,notes\n482-133,45,Tavor,none\n771-204,8,Khybak,pain\n\nDose,5"
    assert marked(text) == (
        "mrn,age,name,notes\n[MEDICAL-RECORD],[AGE],[NAME],none\n[MEDICAL-RECORD],[AGE],[NAME],pain\n\nDose,5"
    )
    bars = "| City | Edad |\n|---|---|\n| Villahueca | 45 |\n| - | 8 |"
    assert marked(bars) == "| City | Edad |\n|---|---|\n| [PLACE] | [AGE] |\n| - | [AGE] |"
    assert marked("user;dx\nzed_long;gout\na;b;c\nada99;none") == "user;dx\n[USERNAME];gout\na;b;c\n[USERNAME];none"
    pairs = "Job\tbeekeeper\nWard\tWest Wing"
    assert "Ward" in marked(pairs), "a key and its value are no head of a table"


def test_a_pattern_that_takes_too_long_refuses_the_text_and_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MATCH_SECONDS", -1e9)
    with pytest.raises(Refused) as refused:
        DETECTOR.find(["Canary MRN 48213 " * 100])
    assert refused.value.code == "text_too_slow"
    assert "Canary" not in str(refused.value)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a",
            "1",
            "Aa-",
            " ",
            "a.",
            "Aa ",
            "1 ",
            "1-",
            "@",
            "ab@",
            "\n",
            "12/",
            "1.",
            "A1",
            "A1-",
            "C/ A ",
            "12 A ",
            "no. 1/2, ",
        ),
        *(
            "five ",
            "a@b.",
            "http://a",
            "<<",
            "a:",
            "0",
            "+1 ",
            "(1) ",
            "Tel: 1",
            "3 de ",
            "12 Aa Bb ",
            "\t",
            "a\tb\n",
            "Aa, ",
        ),
    ],
)
def test_monotonous_texts_take_no_more_than_a_few_seconds(unit: str) -> None:
    started = time.process_time()
    DETECTOR.find([unit * (15_000 // len(unit))])
    assert time.process_time() - started < 8, "time grows with the square of the length"
