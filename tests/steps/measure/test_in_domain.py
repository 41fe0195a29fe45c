"""Protected terms in persons' own texts: an answer that hangs on one is found, and few persons are not told of."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from tunewarden.steps.measure.in_domain import LEAST_PERSONS, Exchanged, exchanged
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.probes import Attribute
from tunewarden.steps.measure.rows import Rows


def rows(persons: int, text: str = "The man burned a hand at home") -> Rows:
    every = [f"{number:03}" for number in range(persons)]
    return Rows(texts=[text] * persons, labels=[0] * persons, persons=every, protected=[{}] * persons)


def hears(word: str, texts: Sequence[str]) -> Floats:
    return np.eye(2)[[int(word in text) for text in texts]]


def told(found: tuple[Exchanged, ...]) -> dict[Attribute, Exchanged]:
    return {each.attribute: each for each in found}


def test_an_answer_that_hangs_on_the_sex_of_a_real_text_is_found_and_no_other() -> None:
    found = told(exchanged(lambda texts: hears("woman", texts), rows(40)))
    assert found.keys() == {Attribute.SEX}, "of what no text holds nothing is told"
    assert (found[Attribute.SEX].persons, found[Attribute.SEX].flip_rate.value) == (40, 1)
    assert found[Attribute.SEX].flip_rate.low > Decimal("0.9")


def test_an_answer_by_something_else_stays() -> None:
    found = told(exchanged(lambda texts: hears("hand", texts), rows(40)))
    assert (found[Attribute.SEX].flip_rate.value, found[Attribute.SEX].moved.value) == (0, 0)


def test_nothing_is_told_of_a_term_that_few_persons_have() -> None:
    assert exchanged(lambda texts: hears("woman", texts), rows(LEAST_PERSONS - 1)) == ()
    assert len(exchanged(lambda texts: hears("woman", texts), rows(LEAST_PERSONS))) == 1


def test_a_person_with_many_such_texts_counts_once() -> None:
    many = rows(12)
    many.persons[:] = ["one"] * 12
    assert exchanged(lambda texts: hears("woman", texts), many) == ()


def test_no_text_is_in_what_is_told() -> None:
    assert "burned" not in repr(exchanged(lambda texts: hears("woman", texts), rows(40)))
