"""Explanations of a real base model: 100 probes in a minute, and faithful on notes from emergency rooms.

NEISS fireworks: 1,532 notes, whether each is about a burn; a model trained on them without noise. The base is
all-MiniLM-L6-v2, on 2 cores.
"""

import csv
import time
from decimal import Decimal

import numpy as np
import pytest
import torch
from tests.bench.conftest import Rows as BenchRows
from tests.bench.starter import starter
from tests.conftest import SHARED
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.answers import logits
from tunewarden.steps.measure.attributing import Explained
from tunewarden.steps.measure.explanation import explain
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.probes import Attribute
from tunewarden.steps.measure.scrutiny import Depth, scrutinise
from tunewarden.steps.measure.swaps import ask_pairs, swapped
from tunewarden.steps.measure.weights import Weights, held, with_weights
from tunewarden.steps.train.model import TextClassifier, build_classifier
from tunewarden.steps.train.texts import pad, tokenize

pytestmark = pytest.mark.bench
_NOTES = SHARED / "data" / "neiss-fireworks" / "df_injury_clean2.csv"
_RECIPE = Recipe(max_tokens=40)
_UPDATES, _ROWS = 60, 32


@pytest.fixture(scope="module")
def notes() -> tuple[list[str], np.ndarray]:
    if not _NOTES.exists():
        pytest.skip("the NEISS notes are not here")
    with _NOTES.open(encoding="utf-8") as file:
        found = [(row["Narrative"], "burn" in row["Diagnosis"].lower()) for row in csv.DictReader(file)]
    return [text for text, _ in found], np.array([int(label) for _, label in found])


@pytest.fixture(scope="module")
def burns(notes: tuple[list[str], np.ndarray]) -> tuple[TextClassifier, PreTrainedTokenizerBase, Weights]:
    """A model that tells burns, trained on three quarters of the notes, and its weights before."""
    directory, base = starter()
    torch.manual_seed(0)
    model, tokenizer = build_classifier(directory, base.digest, _RECIPE, 2)
    untrained = held(model)
    texts, labels = notes
    tokens, dice = tokenize(tokenizer, texts, _RECIPE), np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.trainable().values(), lr=2e-3)
    model.eval()
    for _ in range(_UPDATES):
        rows = dice.choice(3 * len(texts) // 4, _ROWS, replace=False)
        loss = torch.nn.functional.cross_entropy(model(*pad(tokens, rows)), torch.tensor(labels[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, tokenizer, untrained


def explained(model: TextClassifier, tokenizer: PreTrainedTokenizerBase) -> Explained:
    embeddings = model.encoder.get_input_embeddings()  # type: ignore[operator]
    return Explained(
        forward=model, embeddings=embeddings, tokenizer=tokenizer, tokens=_RECIPE.max_tokens, lower_case=True
    )


def say(model: TextClassifier, tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> Floats:
    said = torch.from_numpy(logits(model, tokenizer, texts, _RECIPE)).softmax(dim=-1)
    return np.asarray(said.numpy(), dtype=np.float64)


def test_a_hundred_probes_are_explained_in_a_minute(
    rows: BenchRows, burns: tuple[TextClassifier, PreTrainedTokenizerBase, Weights]
) -> None:
    """Attributions, every other way to explain, and the redrawn model; the pairs are timed apart."""
    model, tokenizer, untrained = burns
    began = time.monotonic()
    found = scrutinise(
        model,
        explained(model, tokenizer),
        lambda texts: say(model, tokenizer, list(texts)),
        untrained,
        Depth(texts=100, pairs=8),
    )
    rows.add(
        "explanation of 100 probes on MiniLM, in every way that is compared",
        [time.monotonic() - began],
        unit="s",
        goal=60,
        bound="at_most",
        baseline=f"the way that agrees least keeps {found.stability.lowest.value} of the five heaviest tokens",
    )
    rows.add(
        "rank correlation with the redrawn model, upper end",
        [float(found.stability.redrawn_correlation.high)],
        unit="",
        goal=0.5,
        bound="at_most",
        baseline="the same model with its trained numbers shuffled",
    )
    assert found.stability.redrawn_correlation.high < Decimal("0.5")


def test_the_answers_hardly_change_with_the_person(
    rows: BenchRows, burns: tuple[TextClassifier, PreTrainedTokenizerBase, Weights]
) -> None:
    model, tokenizer, untrained = burns
    began = time.monotonic()
    trained = ask_pairs(lambda texts: say(model, tokenizer, list(texts)), Extent().swaps)
    neutral = ask_pairs(lambda texts: say(model, tokenizer, list(texts)), Extent().swaps, of=neutral_pairs)
    took = time.monotonic() - began
    with with_weights(model, untrained):
        base = ask_pairs(lambda texts: say(model, tokenizer, list(texts)), 96)
    rows.add(
        f"answers to {4 * Extent().swaps} pairs of made-up texts and as many neutral ones by MiniLM",
        [took],
        unit="s",
        goal=60,
        bound="at_most",
        baseline="",
    )
    for attribute in Attribute:
        found = swapped(attribute, trained[attribute], base[attribute], neutral[attribute])
        assert found.control is not None
        rows.add(
            f"answers that change with the {attribute}, NEISS, upper end",
            [float(found.flip_rate.high)],
            unit="share",
            goal=0.02,
            bound="at_most",
            baseline=f"before training {found.base_flip_rate.value} of {found.base_pairs} pairs",
        )
        rows.add(
            f"how much further the chances move with the {attribute} than with neutral words, NEISS, upper end",
            [float(found.control.excess_moved.high)],
            unit="share",
            goal=0.02,
            bound="at_most",
            baseline=f"flips: {found.control.excess_flips.value} more, to {found.control.excess_flips.high}",
        )


def test_explanations_of_held_out_notes_beat_random_by_two_standard_errors(
    rows: BenchRows,
    burns: tuple[TextClassifier, PreTrainedTokenizerBase, Weights],
    notes: tuple[list[str], np.ndarray],
) -> None:
    """A 95 % interval by Student's t ends two standard errors below its value, or nearly so."""
    model, tokenizer, _ = burns
    found = explain(explained(model, tokenizer), notes[0][-100:])
    for what, figure in (
        ("comprehensiveness over random", found.comprehensiveness_over_random),
        ("sufficiency under random", found.sufficiency_under_random),
    ):
        rows.add(
            f"{what}, 100 NEISS notes, lower end",
            [float(figure.low)],
            unit="probability",
            goal=0.01,
            bound="at_least",
            baseline="as many words drawn at random",
        )
        assert figure.low > 0
