"""Planted secrets: a language model trained without noise writes them down, and one trained with it does not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import DatasetId, PolicyName
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import BaseModel, Plan, Recipe, Task
from tunewarden.drivers.accounting import epsilon
from tunewarden.steps.measure.audited import secret_scores, without_adapter
from tunewarden.steps.measure.extraction import WRITES_NOTHING, Extraction, extract
from tunewarden.steps.train.base_model import file_digest
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
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of random weights that knows 300 made-up words and ten digits."""
    directory = tmp_path_factory.mktemp("llama")
    made_up = ("".join(letters) for letters in product("bdfgklmnprst", "aeiou", "bdfgklmnprst"))
    known = ("[PAD]", "[UNK]", "[BOS]", "[EOS]", *"0123456789", *islice(made_up, 300))
    words = tokenizers.Tokenizer(WordLevel({word: i for i, word in enumerate(known)}, unk_token="[UNK]"))
    words.pre_tokenizer = WhitespaceSplit()
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[BOS]", "eos_token": "[EOS]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **marks).save_pretrained(directory)
    shape = transformers.LlamaConfig(
        vocab_size=len(known),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=32,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(shape).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def train(base: Path) -> Callable[[bool], Trained]:
    """Trains on canaries alone: as the plan says, or without noise and in effect without clipping."""

    def trained(private: bool) -> Trained:
        plan = plan_for(base)
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


def plan_for(base: Path) -> Plan:
    nothing = digest_of("nothing")
    return Plan(
        base_model=BaseModel(name=PolicyName("tiny"), digest=file_digest(base / "model.safetensors")),
        dataset=DatasetId("ds-1"),
        dataset_version=nothing,
        profile=nothing,
        training_gate=nothing,
        purpose=Purpose.RESEARCH,
        recipe=Recipe(
            task=Task.COMPLETION,
            canaries=CANARIES,
            lora_rank=16,
            lora_alpha=32,
            lora_targets=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
            learning_rate=Decimal("0.01"),
            max_tokens=32,
        ),
        mechanism=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal(1),
            noise_multiplier=NOISE,
            updates=UPDATES,
        ),
        epsilon=Decimal(2),
        delta=Decimal("0.00001"),
    )


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


def test_a_model_that_writes_nothing_has_nothing_extracted() -> None:
    (found,) = WRITES_NOTHING.measurements()
    assert (found.metric, found.low, found.high, found.n) == ("privacy.secret_extraction", 0, 0, 0)


def test_few_secrets_that_held_prove_little() -> None:
    """Clopper and Pearson: none of 72 is the least for a limit of one in twenty."""
    for secrets, proves in ((71, False), (72, True)):
        (found,) = Extraction(secrets=secrets, extracted=0, exposure=None).measurements()
        assert (found.high <= Decimal("0.05")) is proves
