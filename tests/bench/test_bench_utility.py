"""What privacy costs in quality: real texts, a real base model, and the same training without clipping and noise.

Two tasks, two classes each. NEISS: whether an emergency-room note on fireworks is about a burn (1,532 persons, a note
each). Banking77 in place of SST-2, which is not here: whether a bank's customer asks about a card (2,000 questions,
each a person's). A quarter is held out. Three trainings each, with their own split; a Wilson interval over all of them
together stands beside the figures.
"""

import csv
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.bench.conftest import Rows as BenchRows
from tests.bench.starter import starter
from tests.conftest import SHARED
from tests.steps.train.conftest import MECHANISM, Purse, base, plan

from tunewarden.domain.names import RequestId
from tunewarden.domain.training import Plan, Recipe
from tunewarden.drivers.accounting import calibrate
from tunewarden.steps.train.checkpoint import Belonging, restore
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import build_classifier, logits
from tunewarden.steps.train.recipe import Training, train
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import tokenize

__all__ = ["base", "plan"]

pytestmark = pytest.mark.bench
_REPETITIONS = int(os.environ.get("REPETITIONS", "3"))
_UPDATES, _EXPECTED = int(os.environ.get("UPDATES", "25")), 128
_RECIPE = Recipe(max_tokens=40, expected_units=_EXPECTED)
_GOALS = {Decimal(3): 0.9, Decimal(8): 0.95}


@dataclass(frozen=True, slots=True)
class Task:
    """Texts, one for each person, and their classes."""

    name: str
    texts: Sequence[str]
    labels: np.ndarray


def neiss() -> Task:
    with (SHARED / "data" / "neiss-fireworks" / "df_injury_clean2.csv").open(encoding="utf-8") as file:
        found = [(row["Narrative"], "burn" in row["Diagnosis"].lower()) for row in csv.DictReader(file)]
    return Task("NEISS, burn or not", [text for text, _ in found], np.array([label for _, label in found]))


def banking() -> Task:
    with (SHARED / "data" / "banking77" / "train.csv").open(encoding="utf-8") as file:
        found = [(row["text"], "card" in row["category"]) for row in csv.DictReader(file)][::5]
    return Task("Banking77, card or not", [text for text, _ in found], np.array([label for _, label in found]))


def private(plan: Plan, task: Task, epsilon: Decimal | None) -> Plan:
    """The plan at `epsilon`; for None its twin: a clip that nobody reaches and noise that nobody sees."""
    persons = len(task.texts) * 3 // 4
    rate = (Decimal(_EXPECTED) / persons).quantize(Decimal("0.0001"))
    template = replace(MECHANISM, sampling_rate=rate, updates=_UPDATES)
    changed = replace(
        plan,
        recipe=_RECIPE,
        delta=Decimal("0.00001"),
        base_model=starter()[1],
    )
    if epsilon is None:
        recipe = replace(_RECIPE, clip=Decimal(1000))
        return replace(changed, recipe=recipe, mechanism=replace(template, noise_multiplier=Decimal("1e-9")))
    return replace(changed, epsilon=epsilon, mechanism=calibrate(template, epsilon, changed.delta))


def correct(plan: Plan, task: Task, place: Path, seed: int) -> tuple[int, int]:
    """How many held-out texts the trained model classifies correctly, of how many."""
    directory = starter()[0]
    order = np.random.default_rng(seed).permutation(len(task.texts))
    held_out, trained = np.split(order, [len(order) // 4])
    model, tokenizer = build_classifier(directory, plan.base_model.digest, plan.recipe, 2)
    rows = Rows(
        tokens=tokenize(tokenizer, [task.texts[row] for row in trained], plan.recipe),
        labels=task.labels[trained].astype(np.int64),
        starts=np.arange(len(trained) + 1, dtype=np.int64),
    )
    training = Training(
        belonging=Belonging(request=RequestId("req-1"), plan=plan.digest()),
        plan=plan,
        classes=2,
        rows=rows,
        directory=directory,
        checkpoint=place / f"{plan.epsilon}-{plan.recipe.clip}-{seed}.safetensors",
        compute=Compute(threads=torch.get_num_threads()),
    )
    train(training, Purse().charge, lambda _certificate: None)
    restore(training.checkpoint, model.trainable())
    said = logits(model, tokenizer, [task.texts[row] for row in held_out], plan.recipe).argmax(axis=1)
    return int((said == task.labels[held_out]).sum()), len(held_out)


def wilson(right: int, of: int) -> str:
    """A 95 % interval of a share, in words."""
    z, share = 1.96, right / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{middle - half:.3f}-{middle + half:.3f}"


@pytest.mark.parametrize("which", [neiss, banking])
def test_what_privacy_costs_in_quality(rows: BenchRows, plan: Plan, tmp_path: Path, which: type) -> None:
    if not (SHARED / "data").is_dir():
        pytest.skip("the shared data are not here")
    task: Task = which()
    shares: dict[Decimal | None, list[float]] = {}
    for epsilon in (None, Decimal(8), Decimal(3)):
        asked = private(plan, task, epsilon)
        counted = [correct(asked, task, tmp_path, seed) for seed in range(_REPETITIONS)]
        right, of = (sum(numbers) for numbers in zip(*counted, strict=True))
        shares[epsilon] = [right / of for right, of in counted]
        beside = float(np.mean(shares[None]))
        majority = max(task.labels.mean(), 1 - task.labels.mean())
        rows.add(
            f"{task.name}: accuracy, " + (f"epsilon {epsilon}" if epsilon else "not private"),
            shares[epsilon],
            unit="share",
            goal=_GOALS[epsilon] * beside if epsilon else majority,
            bound="at_least",
            baseline=f"95 % {wilson(right, of)}; not private {beside:.3f}; always the larger class {majority:.3f}",
        )
