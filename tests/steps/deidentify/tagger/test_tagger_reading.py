"""The shipped recogniser reads whole texts, alone or together, in either precision, and finds who is named."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.inference import Tagger, fastest

NOTE = "Maria Gonzalez, 45 years old, was seen by Dr. Okafor at Mercy Hospital in Boston on 5 May 2001."
THRESHOLD = 0.2
TAGGER = Tagger()


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return TAGGER


def found(tagger: Tagger, text: str, threshold: float = THRESHOLD) -> dict[str, EntityType]:
    (reading,) = tagger.probabilities([text])
    return {text[span.start : span.end]: span.entity for span in tagger.spans(reading, threshold)}


def hidden(tagger: Tagger, text: str, threshold: float = THRESHOLD) -> str:
    (reading,) = tagger.probabilities([text])
    for span in tagger.spans(reading, threshold):
        text = text[: span.start] + "#" * (span.end - span.start) + text[span.end :]
    return text


def test_who_where_and_when_are_found_with_their_kinds(tagger: Tagger) -> None:
    kinds = found(tagger, NOTE)

    assert kinds["Maria Gonzalez"] is EntityType.NAME
    assert kinds["Okafor"] is EntityType.NAME
    assert kinds["Boston"] is EntityType.PLACE
    assert kinds["5 May 2001"] is EntityType.DATE


@pytest.mark.parametrize("write", [str.lower, str.upper, str.title])
def test_names_are_found_in_any_case(tagger: Tagger, write: "type[str]") -> None:
    text = write("The patient Maria Gonzalez was seen by Dr. Okafor in Boston.")

    rest = hidden(tagger, text).lower()

    assert not [name for name in ("maria", "gonzalez", "okafor", "boston") if name in rest]


def test_spanish_names_are_found(tagger: Tagger) -> None:
    text = "Paciente Lucía Fernández Ruiz, remitida por el Dr. Javier Ortega, vive en Sevilla."

    rest = hidden(tagger, text)

    assert not [name for name in ("Lucía", "Fernández", "Ruiz", "Javier", "Ortega", "Sevilla") if name in rest]


@pytest.mark.parametrize(
    "text",
    [
        "Start metformin 500 mg twice daily with meals and recheck in the clinic.",
        "The left knee is swollen, and there is no fever, chest pain or shortness of breath.",
        "Se inicia tratamiento con omeprazol y se solicita una ecografía abdominal.",
    ],
)
def test_a_note_without_anybody_in_it_is_left_as_it_is(tagger: Tagger, text: str) -> None:
    assert hidden(tagger, text) == text


def test_a_name_at_the_end_of_a_long_text_is_found(tagger: Tagger) -> None:
    text = "The wound was clean and dry. " * 4000 + "Signed by Dr. Okafor."

    assert found(tagger, text) == {"Okafor": EntityType.NAME}


def test_texts_are_read_alike_alone_and_among_others(tagger: Tagger) -> None:
    texts = [NOTE, "", "Ann", NOTE * 30, "\ud800", " \n ", "No complaints."]

    together = tagger.probabilities(texts)

    assert [reading.text for reading in together] == texts
    for text, reading in zip(texts, together, strict=True):
        (alone,) = tagger.probabilities([text])
        assert reading.tokens == alone.tokens
        np.testing.assert_allclose(reading.probabilities, alone.probabilities, atol=0.05)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=60), max_size=5))
def test_every_text_can_be_read_and_its_probabilities_are_some(texts: list[str]) -> None:
    for reading in TAGGER.probabilities(texts):
        assert len(reading.tokens) == len(reading.probabilities)
        np.testing.assert_allclose(reading.probabilities.sum(axis=1), 1, atol=1e-3)


@pytest.mark.skipif(fastest() is torch.float32, reason="this processor does not multiply in bfloat16")
def test_half_the_precision_finds_the_same(tagger: Tagger) -> None:
    exact = Tagger(dtype=torch.float32)
    texts = [NOTE, NOTE.lower(), NOTE.upper()]

    for fast, slow in zip(tagger.probabilities(texts), exact.probabilities(texts), strict=True):
        np.testing.assert_allclose(fast.probabilities, slow.probabilities, atol=0.1)
        assert [(span.start, span.end) for span in tagger.spans(fast, THRESHOLD)] == [
            (span.start, span.end) for span in exact.spans(slow, THRESHOLD)
        ]
