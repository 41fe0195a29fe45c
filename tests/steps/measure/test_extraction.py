"""Planted secrets: a language model trained without noise writes them down, and one trained with it does not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.steps.measure.tales import plan_for
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Plan
from tunewarden.drivers.accounting import epsilon
from tunewarden.steps.measure.audited import secret_scores, without_adapter
from tunewarden.steps.measure.extraction import WRITES_NOTHING, Extraction, extract
from tunewarden.steps.train.canaries import Canary, canary_rows, draw_canaries
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextModel, build
from tunewarden.steps.train.noise import NoiseStream
from tunewarden.steps.train.single_pass import SinglePassClipper

CANARIES, UPDATES = 24, 100
CLIP, NOISE = 1.0, Decimal(40)
SECRETS = 10**6


@dataclass(frozen=True)
class Trained:
    """A model, and the canaries of which some took part in its training."""

    model: TextModel
    tokenizer: PreTrainedTokenizerBase
    plan: Plan
    canaries: tuple[Canary, ...]

    def extracted(self) -> Extraction:
        return extract(self.model, self.tokenizer, self.plan.recipe, self.canaries)


@pytest.fixture(scope="module")
def train(base: Path) -> Callable[[bool], Trained]:
    """Trains on canaries alone: as the plan says, or without noise and in effect without clipping."""

    def trained(private: bool) -> Trained:
        plan = plan_for(base, canaries=CANARIES)
        model, tokenizer = build(base, plan.base_model.digest, plan.recipe, 0)
        canaries = draw_canaries(plan, tokenizer, 0).members
        rows = canary_rows([canary for canary in canaries if canary.present], tokenizer, plan.recipe)
        persons = [rows.of(person) for person in range(rows.persons)]
        clip = CLIP if private else 1e6
        clipper = SinglePassClipper(model, rows, clip, Compute(threads=1))
        optimizer = torch.optim.AdamW(model.trainable().values(), lr=float(plan.recipe.learning_rate), weight_decay=0.0)
        for _ in range(UPDATES):
            total = clipper.clipped_sum(persons)
            for name, parameter in model.trainable().items():
                noise = torch.from_numpy(NoiseStream().normal(parameter.numel())).view_as(parameter)
                noisy = total[name] + float(NOISE) * CLIP * noise if private else total[name]
                parameter.grad = (noisy / len(persons)).to(parameter)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        clipper.close()
        return Trained(model=model, tokenizer=tokenizer, plan=plan, canaries=canaries)

    return trained


@pytest.fixture(scope="module")
def leaky(train: Callable[[bool], Trained]) -> Trained:
    return train(False)


@pytest.fixture(scope="module")
def private(train: Callable[[bool], Trained]) -> Trained:
    return train(True)


def test_without_noise_the_secrets_are_written_down(leaky: Trained) -> None:
    found = leaky.extracted()
    assert found.extracted >= 0.9 * found.secrets > 0
    assert found.exposure is not None
    assert found.exposure.low > 6, "7 is the most that is looked for"


def test_with_noise_they_are_not(private: Trained) -> None:
    """A secret that the model knows nothing of is among its four likeliest of a million with 1 in 250,000.

    Ranked among 127 others its exposure is 1.4 bits with a deviation of 1.4: the mean over ten secrets or so is above 5
    in less than one of 10**6 runs.
    """
    assert epsilon([private.plan.mechanism], private.plan.delta) < 2
    found = private.extracted()
    assert found.extracted == 0
    assert found.exposure is not None
    assert found.exposure.value < 5


def test_what_the_secrets_gained_tells_who_took_part_only_without_noise(leaky: Trained, private: Trained) -> None:
    """By chance alone the two sides of some 12 canaries are apart in one of 10**6 runs."""
    apart = {}
    for name, trained in (("leaky", leaky), ("private", private)):
        rows = canary_rows(trained.canaries, trained.tokenizer, trained.plan.recipe)
        present = np.array([canary.present for canary in trained.canaries])
        scores = secret_scores(trained.model, rows)
        apart[name] = scores[present].min() > scores[~present].max()
    assert apart == {"leaky": True, "private": False}


def test_without_its_adapter_a_model_is_its_base_and_with_it_itself_again(leaky: Trained, base: Path) -> None:
    ids = torch.tensor([[2, 20, 21, 22]])
    before = leaky.model(ids, torch.ones_like(ids))
    with without_adapter(leaky.model):
        off = leaky.model(ids, torch.ones_like(ids))
    untrained, _ = build(base, leaky.plan.base_model.digest, leaky.plan.recipe, 0)
    assert torch.allclose(off, untrained(ids, torch.ones_like(ids)), atol=1e-5)
    assert torch.equal(leaky.model(ids, torch.ones_like(ids)), before)
    assert not torch.allclose(off, before, atol=1e-2)
    assert all(parameter.requires_grad for parameter in leaky.model.trainable().values())
    assert len(leaky.model.trainable()) == len(untrained.trainable())


def test_only_secrets_of_the_training_are_counted(leaky: Trained) -> None:
    absent = [replace(canary, present=False) for canary in leaky.canaries]
    assert extract(leaky.model, leaky.tokenizer, leaky.plan.recipe, absent) == WRITES_NOTHING


def test_what_is_written_after_a_secret_does_not_hide_it(leaky: Trained) -> None:
    """As by a tokenizer that marks the end of a text, which the model was never shown."""
    marked = leaky.tokenizer.eos_token
    leaky.tokenizer.eos_token = None
    without = leaky.extracted()
    leaky.tokenizer.eos_token = "[UNK]"  # no text ends so
    otherwise = leaky.extracted()
    leaky.tokenizer.eos_token = marked
    assert without.extracted == otherwise.extracted == leaky.extracted().extracted


def test_a_model_that_writes_nothing_has_nothing_extracted() -> None:
    (found,) = WRITES_NOTHING.measurements()
    assert (found.metric, found.low, found.high, found.n) == ("privacy.secret_extraction", 0, 0, 0)


def test_few_secrets_that_held_prove_little() -> None:
    """Clopper and Pearson: none of 72 is the least for a limit of one in twenty."""
    for secrets, proves in ((71, False), (72, True)):
        (found,) = Extraction(secrets=secrets, extracted=0, exposure=None).measurements()
        assert (found.high <= Decimal("0.05")) is proves
