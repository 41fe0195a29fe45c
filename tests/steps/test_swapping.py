"""The same text about another person: what is exchanged, what stays, and that nothing but the text decides."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.mitigations import Swap
from tunewarden.steps.measure.probes import Attribute, pairs
from tunewarden.steps.records import CleanRecord, prompt_and_completion
from tunewarden.steps.swapping import exchanged, swapped_text


@pytest.mark.parametrize(
    ("text", "swap", "other"),
    [
        ("39YOM WAS BURNED", Swap.SEX, "39YOF WAS BURNED"),
        ("63 YO F pt, 10 y/o m", Swap.SEX, "63 YO M pt, 10 y/o f"),
        ("The woman burned her hand; he told her to wait.", Swap.SEX, "The man burned his hand; she told him to wait."),
        ("His son came, ellos son así", Swap.SEX, "Her daughter came, ellos son así"),
        ("El niño vio a la señora; él volvió", Swap.SEX, "La niña vio al señor; ella volvió"),
        ("Un hombre y una MUJER", Swap.SEX, "Una mujer y un HOMBRE"),
        ("39YOM, a 20-year-old, 45 years old", Swap.AGE, "68YOM, a 87-year-old, 62 years old"),
        ("12 year old with the old burn", Swap.AGE, None),
        ("the old man and A Teenager", Swap.AGE, "the young man and A Pensioner"),
        ("Paciente de 34 años", Swap.AGE, "Paciente de 73 años"),
        ("cut on hand, day 12", Swap.SEX, None),
        ("cut on hand, day 12", Swap.AGE, None),
        ("cut on hand", Swap.ORIGIN, None),
        ("will may hope for rose", Swap.NAME, None),
        ("", Swap.SEX, None),
    ],
)
def test_a_protected_term_is_exchanged_and_nothing_else(text: str, swap: Swap, other: str | None) -> None:
    assert swapped_text(text, swap) == other


@pytest.mark.parametrize("swap", [Swap.ORIGIN, Swap.NAME])
def test_of_many_terms_another_one_takes_the_place_and_case_and_the_text_decides_which(swap: Swap) -> None:
    texts = [f"{'A person of polish origin' if swap is Swap.ORIGIN else 'Maria'} came on day {n}" for n in range(40)]
    others = [swapped_text(text, swap) for text in texts]
    assert len({(other or "").rpartition(" day")[0] for other in others}) > 10, "all of them are met"
    assert all(other is not None and other != text for text, other in zip(texts, others, strict=True))
    assert others == [swapped_text(text, swap) for text in texts]


@pytest.mark.parametrize("attribute", Attribute)
def test_the_terms_that_the_gate_asks_about_are_those_that_are_exchanged(attribute: Attribute) -> None:
    made_up = [side for pair in pairs(attribute, 200) for side in (pair.first, pair.second)]
    changed = sum(swapped_text(text, Swap(attribute)) is not None for text in made_up)
    assert changed == len(made_up)


def test_the_words_for_what_is_exchanged_are_those_of_the_metrics() -> None:
    assert list(map(str, Swap)) == list(map(str, Attribute))


@given(st.text(max_size=60), st.sampled_from(Swap))
def test_any_text_can_be_asked_about_and_a_copy_never_says_the_same(text: str, swap: Swap) -> None:
    assert swapped_text(text, swap) != text


def test_a_copy_is_of_the_same_person_and_keeps_its_label_and_where_its_completion_begins() -> None:
    record = CleanRecord(person="a" * 64, label=1, text="The man fell\nShe said that he was well", completion=13)
    copy = exchanged(record, Swap.SEX)
    assert copy is not None
    assert prompt_and_completion(copy) == ("The woman fell", "He said that she was well")
    assert (copy.person, copy.label) == (record.person, record.label)
    assert exchanged(replace(record, text="A burn\nof hand", completion=7), Swap.SEX) is None
