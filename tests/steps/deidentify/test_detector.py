"""The whole way of a text: found by patterns, rules and the model, settled, transformed; Presidio's traps are tests."""

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify import patterns_table
from tunewarden.steps.deidentify.deidentifier import Deidentifier
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.person import Known, Person

ANN = Person(pseudonym="a" * 64, key=b"a" * 32)


def strict(operators: dict[EntityType, Operator] | None = None, languages: tuple[str, ...] = ("en", "es")) -> Profile:
    return Profile(
        name=PolicyName("strict"),
        method=Method.NONE,
        languages=languages,
        threshold=Decimal("0.4"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.2")),
        operators=operators or {},
        default=Operator.REPLACE,
    )


def clean(deidentifier: Deidentifier, text: str, person: Person = ANN) -> str:
    (cleaned,) = deidentifier.clean([text], person)
    return cleaned.text


@pytest.mark.parametrize(
    ("text", "hidden", "kept"),
    [
        ("Seen 15 May 2001 by Dr. Khybakova at Tavor Hospital.", ["15 May 2001", "Khybakova"], ["Seen", "by Dr."]),
        ("patient says her name is zoltana khybak and she lives in leeds", ["zoltana", "khybak", "leeds"], ["she"]),
        (
            "El paciente, Joaquín Tavor Ruiz, natural de Burgos, refiere dolor.",
            ["Joaquín", "Tavor", "Burgos"],
            ["dolor"],
        ),
        ("My ssn is 123456789 and my card 4111 1111 1111 1111.", ["123456789", "4111"], ["My ssn is"]),
        ("Mail zoltan.khybak@example.org or call (415) 555-0134.", ["khybak", "555-0134"], ["or call"]),
        (
            "The applicant, a Cypriot national, was born in 1925 (no. 18403/91).",
            ["Cypriot", "1925", "18403/91"],
            ["applicant"],
        ),
    ],
)
def test_identifiers_of_both_languages_and_all_voices_give_way_and_the_rest_stays(
    default: Deidentifier, text: str, hidden: list[str], kept: list[str]
) -> None:
    cleaned = clean(default, text)
    assert not [value for value in hidden if value in cleaned], cleaned
    assert not [value for value in kept if value not in cleaned], cleaned


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 98, pain 10/10, temp 98.6, SpO2 97%, WBC 11000.",
        "Take 400 mg of ibuprofen twice daily with food for Crohn disease and a Foley catheter.",
        "Exploración abdominal normal, signo de Murphy negativo, se pauta paracetamol 1 g cada 8 horas.",
    ],
)
def test_clinical_prose_is_left_alone_in_both_languages(default: Deidentifier, text: str) -> None:
    assert clean(default, text) == text


def test_doing_it_again_changes_nothing(default: Deidentifier) -> None:
    once = clean(default, "Patient: Zoltan Khybak, DOB 3/14/1952, MRN 004821377, aged 71, lives in Tavor Falls.")
    assert clean(default, once) == once
    assert "Khybak" not in once


def test_what_we_wrote_before_is_no_context_and_no_identifier(default: Deidentifier) -> None:
    text = "[NAME] was seen again; tetanus shot on [DATE], record [MEDICAL-RECORD-7f3a9c01]."
    assert default.detector.find([text], scale=0.5) == [[]]
    assert clean(default, f"[NAME] Khybakova, {text}").startswith("[NAME]")


def test_a_name_found_once_is_found_everywhere_in_the_text(default: Deidentifier) -> None:
    cleaned = clean(default, "Patient: Zoltan O'Khybak. Zoltan denies pain. O'Khybak's wife says he sleeps.")
    assert "Zoltan" not in cleaned
    assert "Khybak" not in cleaned


def test_the_persons_own_columns_are_searched_for_in_their_texts() -> None:
    patterns_only = Deidentifier(Detector(strict()))
    known = Person(pseudonym="a" * 64, key=b"a" * 32, known=(Known(entity=EntityType.NAME, value="Zoltana Khybakova"),))
    text = "then khybakova z. said that zoltana's arm hurts, zoltna again"
    assert not [word for word in ("khybakova", "zoltana", "zoltna") if word in clean(patterns_only, text, known)]
    assert "khybakova" in clean(patterns_only, text), "without the column nothing says that these are names"


def test_a_kept_kind_is_not_touched_and_does_not_uncover_what_another_kind_covers() -> None:
    keeps = Deidentifier(Detector(strict({EntityType.IP: Operator.KEEP, EntityType.ADDRESS: Operator.KEEP})))
    assert "10.0.0.7" in clean(keeps, "Seen from 10.0.0.7 by tablet.")
    assert "44017" not in clean(keeps, "Lives at 12 Invented Road, Hollow Falls, OH 44017.")


def test_half_the_thresholds_look_twice_as_closely() -> None:
    detector = Detector(strict())
    text = "The number 482137 stands alone; Invented Words Here too."
    assert len(detector.find([text], scale=0.25)[0]) > len(detector.find([text])[0])


def test_batches_find_what_single_texts_find(default: Deidentifier) -> None:
    texts = [
        "Seen by Dr. Khybakova.",
        "",
        "x",
        "Lives in Leeds with Zoltan Tavor. " * 40,
        "\ud800",
        "שלום 😀 cafe\u0301",
    ]
    alone = [[(span.start, span.end, span.entity) for span in default.detector.find([text])[0]] for text in texts]
    together = [[(span.start, span.end, span.entity) for span in found] for found in default.detector.find(texts)]
    assert together == alone


def test_disguised_identifiers_are_found_and_hidden_whole(default: Deidentifier) -> None:
    text = "Write to john.smith[at]example[dot]com or "
    text += "\uff4a\uff4f\uff48\uff4e\uff20example.org, tel 4\u200b1\u200b5-555-0134."
    cleaned = clean(default, text)
    assert not [piece for piece in ("smith", "\uff4a\uff4f\uff48\uff4e", "0134", "example") if piece in cleaned], (
        cleaned
    )


def test_a_long_text_is_read_to_its_end(default: Deidentifier) -> None:
    filler = "The wound was cleaned and dressed. " * 400
    assert "Khybakova" not in clean(default, f"{filler}Seen by Dr. Khybakova. {filler}Again Dr. Khybakova.")


def test_a_language_without_recognisers_is_refused() -> None:
    with pytest.raises(Malformed) as refused:
        Detector(strict(languages=("en", "fi")))
    assert refused.value.code == "language_without_recogniser"


def test_a_text_that_takes_too_long_is_refused_and_no_pattern_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns_table, "MATCH_SECONDS", -1e9)
    slow = Detector(strict())
    with pytest.raises(Refused) as refused:
        slow.find(["Canary Tavorell 3/14/1952 " * 5_000])
    assert refused.value.code == "text_too_slow"
    assert "Canary" not in str(refused.value)


IDENTIFIERS = st.sampled_from(
    [
        ("MRN ", "004821377"),
        ("Call ", "(415) 555-0134"),
        ("Mail ", "zoltan.khybak@example.org"),
        ("DOB ", "3/14/1952"),
        ("Seen by Dr. ", "Khybakova"),
        ("SSN ", "523-14-8877"),
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
        "…",
        "no pain; 2/10",
    ]
)


@given(st.lists(st.tuples(FILLERS, IDENTIFIERS, FILLERS), min_size=1, max_size=4))
def test_nothing_of_a_found_identifier_is_left(pieces: list[tuple[str, tuple[str, str], str]]) -> None:
    text = "".join(f"{before}. {label}{value}. {after}. " for before, (label, value), after in pieces)
    (cleaned,) = PATTERNS_ONLY.clean([text], ANN)
    for span in cleaned.spans:
        original = text[span.start : span.end]
        assert len(original) < 4 or original not in cleaned.text
    for _, (_, value), _ in pieces:
        assert value not in cleaned.text
    assert clean(PATTERNS_ONLY, cleaned.text) == cleaned.text, "doing it again changes nothing"


PATTERNS_ONLY = Deidentifier(Detector(strict()))
