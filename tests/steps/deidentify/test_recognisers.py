"""What is recognised beside the model: names by what stands around them, listed places, and words of context."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from presidio_analyzer import EntityRecognizer
from presidio_analyzer.predefined_recognizers import UsSsnRecognizer

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify.detector import Detector
from tunewarden.steps.deidentify.recognisers import ENTITY_OF, LANGUAGE, PATTERNS, recognisers
from tunewarden.steps.deidentify.spans import Span, resolve


def profile(*languages: str) -> Profile:
    return Profile(
        name=PolicyName("patterns"),
        method=Method.NONE,
        languages=languages,
        threshold=Decimal("0.40"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.5")),
        operators={},
        default=Operator.REPLACE,
    )


BOTH = Detector(profile("en", "es"))


def marked(text: str, detector: Detector = BOTH) -> str:
    """The text with every found identifier as its kind."""
    result, position = "", 0
    for span in resolve(detector.find([text])[0]):
        result += f"{text[position : span.start]}[{span.entity.upper()}]"
        position = span.end
    return result + text[position:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Discussed with Okonkwo Tavorell, RN today", "Discussed with [NAME], RN today"),
        ("Spoke with wife Nkechi; Dr. May agrees", "Spoke with wife [NAME]; Dr. [NAME] agrees"),
        ("mr. tavorell was asleep", "mr. [NAME] was asleep"),
        ("Seen by Dr. A. Lyon-Cañón and Mr K. De la Tavor.", "Seen by Dr. [NAME] and Mr [NAME]."),
        ("hi my name is tavor khybak ok", "hi my name is [NAME] ok"),
        ("Patient name: Khybak, Zoltan\nDose: 5", "Patient name: [NAME]\nDose: 5"),
        ("Nombre: Pedro.\nApellidos: De Miguel Bueno.\n", "Nombre: [NAME].\nApellidos: [NAME].\n"),
        ("Médico: Ana Ros Selas  NºCol: 28", "Médico: [NAME]  NºCol: 28"),
        ("Dra. María de los Ángeles García-López acude", "Dra. [NAME] acude"),
        ("D. Juan Pérez y Dña. Luisa Gómez", "[NAME] y Dña. [NAME]"),
        ("Su hermana Lucía refiere", "Su hermana [NAME] refiere"),
        ("Remitido por: Dr. José Ramón Vidal Blanco.", "Remitido por: Dr. [NAME]."),
        ("Dr. Gabriel de Arriba, Sección", "Dr. [NAME], Sección"),
    ],
)
def test_names_are_found_by_titles_labels_and_relations(text: str, expected: str) -> None:
    assert marked(text) == expected


def test_a_label_of_several_words_is_no_speaker_though_its_last_word_is_one() -> None:
    assert marked("Attending physician: Quorvath says no") == "Attending physician: [NAME] says no"
    assert marked("Physician: Quorvath says no") == "Physician: Quorvath says no"


def test_upper_case_names_are_found_by_title_and_label_and_end_before_the_prose() -> None:
    text = "PATIENT: ZOLTAN KHYBAK PRESENTS WITH PAIN. MR. DROUSKI STATES HE FELL. SEEN BY DR. TAVOR TODAY"
    assert marked(text) == "PATIENT: [NAME] PRESENTS WITH PAIN. MR. [NAME] STATES HE FELL. SEEN BY DR. [NAME] TODAY"


@pytest.mark.parametrize(
    "text",
    [
        "Review of Systems: Normal. Past Medical History: Asthma.",
        "8 times he was PLAYING WITH ROMAN CANDLE WHEN HIS BROTHER THREW ONE. DX: SECOND DEGREE BURN, TYPE R",
        "SISTER OPENED DOOR AND FATHER PULLED PT OUT. LEFT PRIOR TO MD EVAL.",
        "A Parkinson Tremor Scale was used. Positive Rapid Strep Test.",
        "pt: Tell me more. Patient: Uh yeah it does",
        "Informe clínico del paciente: Presentamos el caso",
        "Contacto. Paciente: Presentamos el caso; médico: Hablamos con él",
        "the patient (II) was seen, ELISA and ANA negative",
    ],
)
def test_prose_and_runs_of_capitals_alone_are_no_names(text: str) -> None:
    assert marked(text) == text


def test_a_run_of_capitalised_words_alone_is_only_worth_a_second_look() -> None:
    text = "Then Quorvath Zemblin answered and nothing else was said."
    assert BOTH.find([text]) == [[]]
    (candidates,) = BOTH.find([text], scale=0.5)
    assert Span(start=5, end=21, entity=EntityType.NAME, score=0.3) in candidates


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a Romanian national of Romania", "a [DEMOGRAPHIC] national of [PLACE]"),
        ("nació en Sevilla (España)", "nació en [PLACE] ([PLACE])"),
        ("de nacionalidad peruana", "de nacionalidad [DEMOGRAPHIC]"),
        ("moved from West Virginia", "moved from [PLACE]"),
        ("a 14 French catheter and Brussels sprouts", "a 14 French catheter and Brussels sprouts"),
        ("he will turkey trot in china cups", "he will turkey trot in china cups"),
    ],
)
def test_listed_places_and_peoples_count_unless_they_name_a_thing(text: str, expected: str) -> None:
    assert marked(text) == expected


def only_ssn(_: Sequence[str]) -> Sequence[EntityRecognizer]:
    return [UsSsnRecognizer(supported_language=LANGUAGE)]


def test_context_counts_without_lemmas_and_only_as_a_whole_word() -> None:
    weak = Detector(profile("en"), recognise=only_ssn)
    assert weak.find(["social security 912-803456"]) != [[]]
    assert weak.find(["antisocial 912-803456"]) == [[]]
    assert weak.find(["[SSN] 912-803456"]) == [[]], "a placeholder is no context"
    assert weak.find(["912-803456 is the ssn"]) == [[]], "behind it counts only where the recogniser says so"


def test_context_behind_a_number_counts_where_its_pattern_says_so() -> None:
    assert marked("555-0134 is my cell") == "[PHONE] is my cell"
    assert marked("555-0134 is my score") == "[OTHER-ID] is my score"


def test_undashed_numbers_are_found_by_their_label_and_a_dashed_one_is_no_phone() -> None:
    assert marked("My ssn is 123456789") == "My ssn is [SSN]"
    assert marked("bank account 945456787654") == "bank account [ACCOUNT]"
    assert marked("On file: 078-05-1121.") == "On file: [SSN]."
    assert marked("id 123e4567-e89b-12d3-a456-426614174000") == "id [OTHER-ID]"


def test_duplicate_and_public_are_no_licence_and_short_codes_are_none() -> None:
    text = "a public duplicate of A1, H1 and INTRODUCTORY form"
    assert marked(text) == text


def test_a_text_of_more_than_a_million_characters_is_read_to_its_end() -> None:
    text = "no pain here. " * 72_000 + "MRN 48213"
    assert [span.entity for span in BOTH.find([text])[0]] == [EntityType.MEDICAL_RECORD]


def test_disguised_identifiers_are_found_whole() -> None:
    wide = "".join(chr(ord(character) + 0xFEE0) for character in "j.smith@example.com")
    text = f"mail j\u200bohn.smith[at]example[dot]com or {wide}, ssn 523\u201314\u20138877"
    assert marked(text) == "mail [EMAIL] or [EMAIL], ssn [SSN]"


def test_the_same_is_found_with_either_kind_of_line_end() -> None:
    text = "Nombre: Pedro Ros\nDomicilio: C/ Mayor 3\nTel. 915 551 234\n"
    assert marked(text.replace("\n", "\r\n")) == marked(text).replace("\n", "\r\n")


def test_words_of_a_language_count_only_where_the_profile_names_it() -> None:
    english, spanish = Detector(profile("en")), Detector(profile("es"))
    assert marked("3 de mayo de 2019", spanish) == "[DATE]"
    assert "mayo" in marked("visto en mayo", english)
    assert marked("MRN 48213, DNI 12345678Z", spanish) == marked("MRN 48213, DNI 12345678Z", english)


@pytest.mark.parametrize("languages", [("xx",), ("en", "xx"), ()])
def test_a_language_without_recognisers_is_refused(languages: tuple[str, ...]) -> None:
    with pytest.raises(Malformed) as refused:
        recognisers(languages)
    assert refused.value.code == "language_without_recogniser"


def test_every_recogniser_speaks_the_one_internal_language_and_words_that_are_known() -> None:
    for each in recognisers(tuple(PATTERNS)):
        assert each.supported_language == LANGUAGE
        assert set(each.supported_entities) <= set(ENTITY_OF)
