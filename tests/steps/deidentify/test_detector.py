"""What is recognised and what becomes of it. Each pitfall of Presidio that had to be stepped around is a test."""

from decimal import Decimal
from time import process_time

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.deidentification import EntityType, Operator, Profile
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify import recognisers as module
from tunewarden.steps.deidentify.detector import Deidentifier
from tunewarden.steps.deidentify.recognisers import PatternTableRecogniser, recognisers
from tunewarden.steps.deidentify.spans import Span, resolve


def strict(operators: dict[EntityType, Operator] | None = None, language: str = "en") -> Profile:
    return Profile(
        name=PolicyName("strict"),
        language=language,
        threshold=Decimal("0.4"),
        operators=operators or {},
        default=Operator.REPLACE,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seen 15 May 2001 and May 15th, 2001.", "Seen [DATE] and [DATE]."),
        ("Here Jan 2003, then 3/14/2019 and 2019-03-14.", "Here [DATE], then [DATE] and [DATE]."),
        ("Burnt on the 4TH OF JULY, back on 7/5", "Burnt on the [DATE], back on [DATE]"),
        ("My ssn is 123456789", "My ssn is [SSN]"),
        ("SSN 123-45-6789", "SSN [SSN]"),
        ("MRN: 0012345, chart # H-48213", "MRN: [MEDICAL-RECORD], chart # [MEDICAL-RECORD]"),
        ("93 yo F, husband is 88 yo", "[AGE] yo F, husband is 88 yo"),
        ("Call 415-555-0134 x22, fax 415-555-0135", "Call [PHONE], fax [FAX]"),
        ("Mail j.doe+er@clinic.local now", "Mail [EMAIL] now"),
        ("See https://example.org/u/1. Then go", "See [URL]. Then go"),
        ("From 192.168.10.4 by tablet", "From [IP] by tablet"),
        ("Lives at 12 Invented Road, Apt 4, Hollow Falls, OH 44017.", "Lives at [ADDRESS]."),
        ("Card 4111 1111 1111 1111 ok", "Card [CARD] ok"),
        ("Member ID XGH48213 and acct 4821334", "Member ID [HEALTH-PLAN] and acct [ACCOUNT]"),
        ("VIN 1HGCM82633A004352 at the scene", "VIN [VEHICLE] at the scene"),
        ("Pump S/N 48-2213-A was checked", "Pump S/N [DEVICE] was checked"),
        ("Discussed with Okonkwo Tavorell, RN today", "Discussed with [NAME], RN today"),
        ("Spoke with wife Nkechi; Dr. May agrees", "Spoke with wife [NAME]; Dr. [NAME] agrees"),
        ("mr. tavorell was asleep", "mr. [NAME] was asleep"),
        ("Seen by Dr. A. Lyon-Cañón and Mr K. De la Tavor.", "Seen by Dr. [NAME] and Mr [NAME]."),
    ],
)
def test_identifiers_give_way_to_their_type_and_the_rest_stays_readable(
    default: Deidentifier, text: str, expected: str
) -> None:
    assert default.clean(text).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 98, pain 10/10, temp 98.6, SpO2 97%, WBC 11000.",
        "2 days of cough 2/2 smoke, took 400 mg ibuprofen x3, 5 ft 10, L arm.",
        "Review of Systems: Normal. Past Medical History: Asthma.",
        "8 YOM PLAYING WITH ROMAN CANDLE WHEN HIS BROTHER THREW ONE. DX: SECOND DEGREE BURN, TYPE R",
        "PT MAY RETURN IN 3 WKS. SISTER OPENED DOOR AND FATHER PULLED PT OUT. LEFT PRIOR TO MD EVAL.",
    ],
)
def test_clinical_prose_is_left_alone_in_either_case(default: Deidentifier, text: str) -> None:
    assert default.clean(text).text == text


def test_upper_case_names_are_found_by_title_and_label_and_end_before_the_prose(default: Deidentifier) -> None:
    text = "PATIENT: ZOLTAN KHYBAK PRESENTS WITH PAIN. MR. DROUSKI STATES HE FELL. SEEN BY DR. TAVOR TODAY"
    expected = "PATIENT: [NAME] PRESENTS WITH PAIN. MR. [NAME] STATES HE FELL. SEEN BY DR. [NAME] TODAY"
    assert default.clean(text).text == expected


def test_context_counts_without_lemmas_and_only_as_a_whole_word(default: Deidentifier) -> None:
    passport = "912803456"
    (found,) = default.find(f"her passport {passport}")
    assert found.entity is EntityType.OTHER_ID
    weak = Deidentifier(strict(), [item for item in recognisers() if item.name == "UsSsnRecognizer"])
    assert weak.find("social security 912-803456")
    assert not weak.find("antisocial 912-803456")
    assert not weak.find("[SSN] 912-803456"), "a placeholder is no context"


def test_a_name_found_once_is_found_everywhere_in_the_text(default: Deidentifier) -> None:
    text = "Patient: Zoltan O'Khybak. Zoltan denies pain. O'Khybak's wife says the zoltan card is lost."
    cleaned = default.clean(text).text
    assert "Zoltan" not in cleaned
    assert "Khybak" not in cleaned
    assert "zoltan card" in cleaned, "a word in lower case is no name"


def test_the_persons_own_id_is_taken_out_but_a_row_number_is_not_searched_for(default: Deidentifier) -> None:
    assert default.clean("Study arm p-0a1, P-0A1x", ["P-0A1"]).text == "Study arm [PERSON-ID], P-0A1x"


def test_where_spans_overlap_the_best_supported_kind_names_the_union() -> None:
    weak_long = Span(start=0, end=20, entity=EntityType.PHONE, score=0.1)
    sure_short = Span(start=5, end=10, entity=EntityType.SSN, score=1.0)
    behind = Span(start=18, end=25, entity=EntityType.DATE, score=0.5)
    apart = Span(start=25, end=30, entity=EntityType.NAME, score=0.5)
    assert resolve([apart, behind, sure_short, weak_long]) == (
        Span(start=0, end=25, entity=EntityType.SSN, score=1.0),
        apart,
    )


def test_a_dashed_social_security_number_is_not_called_a_phone_number(default: Deidentifier) -> None:
    assert default.clean("On file: 078-05-1121.").text == "On file: [SSN]."


def test_every_operator_does_what_it_says() -> None:
    profile = strict({EntityType.DATE: Operator.MASK, EntityType.EMAIL: Operator.REDACT, EntityType.IP: Operator.KEEP})
    deidentifier = Deidentifier(profile, recognisers())
    cleaned = deidentifier.clean("Seen 3/14/2019, mail a@b.org, from 10.0.0.7, Dr. Tavorell.")
    assert cleaned.text == "Seen *********, mail , from 10.0.0.7, Dr. [NAME]."
    assert EntityType.IP not in {span.entity for span in cleaned.spans}


def test_a_kept_kind_does_not_uncover_what_another_kind_covers() -> None:
    deidentifier = Deidentifier(strict({EntityType.ADDRESS: Operator.KEEP}), recognisers())
    assert "44017" not in deidentifier.clean("Lives at 12 Invented Road, Hollow Falls, OH 44017.").text


def test_a_language_without_recognisers_is_refused() -> None:
    with pytest.raises(Malformed) as refused:
        Deidentifier(strict(language="es"), recognisers())
    assert refused.value.code == "language_without_recogniser"


def test_a_pattern_that_takes_too_long_refuses_the_text_and_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MATCH_SECONDS", 1e-9)
    slow = Deidentifier(strict(), [PatternTableRecogniser()])
    with pytest.raises(Refused) as refused:
        slow.clean("Canary Tavorell " * 50_000)
    assert refused.value.code == "text_too_slow"
    assert "Canary" not in str(refused.value)


@pytest.mark.parametrize("unit", ["a", "1", "Aa-", " ", "a.", "Aa ", "1 ", "1-", "@", "ab@", "\n"])
def test_monotonous_texts_take_no_more_than_a_few_seconds_in_a_million_characters(
    default: Deidentifier, unit: str
) -> None:
    started = process_time()
    default.clean(unit * (50_000 // len(unit)))
    assert process_time() - started < 5, "time grows with the square of the length"


IDENTIFIERS = st.sampled_from(
    [
        ("MRN ", "004821377"),
        ("Call ", "(415) 555-0134"),
        ("Mail ", "zoltan.khybak@example.org"),
        ("DOB ", "3/14/1952"),
        ("Seen by Dr. ", "Khybakova"),
        ("Patient: ", "Zoltán Drouské"),
        ("SSN ", "523-14-8877"),
        ("Lives at ", "12 Invented Road, Hollow Falls, OH 44017"),
    ]
)
FILLERS = st.sampled_from(
    [
        "burn of hand",
        "😀👩🏽‍⚕️",
        "cafe\u0301 au lait",
        "\r\n",
        "\n\n",
        "שלום",
        "\u200bx\u200b",
        "ﬁne",
        "ß",
        "İ",
        "…",
        "no pain; 2/10",
    ]
)


@given(st.lists(st.tuples(FILLERS, IDENTIFIERS, FILLERS), min_size=1, max_size=5))
def test_nothing_of_a_found_identifier_is_left_and_everything_around_it_is(
    default: Deidentifier, pieces: list[tuple[str, tuple[str, str], str]]
) -> None:
    text = "".join(f"{before}. {label}{value}. {after}. " for before, (label, value), after in pieces)
    cleaned = default.clean(text)
    for span in cleaned.spans:
        original = text[span.start : span.end]
        assert len(original) < 4 or original not in cleaned.text
    for before, (_, value), after in pieces:
        assert value not in cleaned.text
        assert before in cleaned.text
        assert after in cleaned.text
    assert default.clean(cleaned.text).text == cleaned.text, "doing it again changes nothing"


@given(st.text(max_size=200))
def test_any_text_at_all_can_be_cleaned_and_only_spans_change(default: Deidentifier, text: str) -> None:
    cleaned = default.clean(text)
    rebuilt, position = "", 0
    for span in cleaned.spans:
        rebuilt += text[position : span.start] + f"[{span.entity.value.upper()}]"
        position = span.end
    assert cleaned.text == rebuilt + text[position:]
