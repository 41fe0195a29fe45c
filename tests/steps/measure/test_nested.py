"""Ten steps and the twenty-one they are among: the numbers of the rules, and what comes of them."""

import numpy as np
import pytest
from tests.steps.measure.test_attributing import TEXTS, asked
from tests.steps.measure.test_explanation import AbruptModel, explained_of, notes, tokenizer
from transformers import PreTrainedTokenizerBase

from tunewarden.steps.measure import attributing
from tunewarden.steps.measure.attributing import Explained, complete, integrate, read
from tunewarden.steps.measure.nested import nested, rule
from tunewarden.steps.train.model import TextClassifier

__all__ = ["asked", "tokenizer"]


def test_the_first_sum_is_that_of_gauss_with_ten_points() -> None:
    places, (ten, _) = rule()
    nodes, weights = np.polynomial.legendre.leggauss(10)
    assert np.allclose(2 * places[ten > 0] - 1, nodes, rtol=0, atol=1e-15)
    assert np.allclose(2 * ten[ten > 0], weights, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("row", "degree"), [(0, 19), (1, 31)])
def test_each_sum_is_exact_for_polynomials_up_to_its_degree_and_no_further(row: int, degree: int) -> None:
    """On the way from -1 to 1, where an even power of x is 2 / (power + 1) in all."""
    places, weights = rule()
    away = [abs(2 * weights[row] @ (2 * places - 1) ** power - 2 / (power + 1)) for power in range(0, degree + 2, 2)]
    assert max(away[:-1]) < 1e-14 < 1e-12 < away[-1]


@pytest.mark.parametrize("at_once", [2**11, 12])
def test_the_ten_are_those_of_captum(
    asked: tuple[TextClassifier, Explained], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """In one go, and step by step."""
    _, explained = asked
    given = read(explained, TEXTS)
    monkeypatch.setitem(attributing._TOKENS_AT_ONCE, "cpu", at_once)
    found, ten = nested(given, explained.embeddings), integrate(given, explained.embeddings, steps=10)
    assert float(ten.abs().max()) > 0.01
    assert float((found.ten - ten).abs().max()) < 1e-6
    assert not found.twenty_one[~given.removable].any(), "nothing is put down to the marks around a text"


def test_the_twenty_one_miss_less_of_a_steep_answer_than_the_ten(tokenizer: PreTrainedTokenizerBase) -> None:
    """What they add up to is the change of the answer, which is known."""
    model = AbruptModel(len(tokenizer), tokenizer.convert_tokens_to_ids("burn"), strength=20.0).eval()
    explained = explained_of(model, tokenizer)
    given = read(explained, notes(8, "burn"))
    found = nested(given, explained.embeddings)
    missed = [
        np.abs(complete(given, explained.embeddings, (0,), first=weights).missed).mean()
        for weights in (found.ten, found.twenty_one)
    ]
    assert missed[1] < missed[0] / 4
