"""What cannot be clipped person by person is refused by name, before anything is charged."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from tests.steps.train.language import SIZE, completer, llama, rows_of
from torch import nn
from transformers import MixtralConfig, MixtralForCausalLM

from tunewarden.domain.errors import Refused
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextCompleter, TextModel
from tunewarden.steps.train.objective import row_losses
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.single_pass import SinglePassClipper

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")
COUNTS, CLIP = (1, 3, 2), 0.3


def of_peft(config: object, body: nn.Module | None = None) -> TextCompleter:
    return TextCompleter(get_peft_model(body or llama(), config))


@contextmanager
def refused(name: str) -> Iterator[None]:
    with pytest.raises(Refused, match=name) as caught:
        yield
    assert caught.value.code == "parameter_not_covered"


def lora(**changed: object) -> LoraConfig:
    return LoraConfig(r=2, **{"target_modules": ["q_proj"], "task_type": "CAUSAL_LM"} | changed)


def clipper_of(model: TextModel) -> SinglePassClipper:
    return SinglePassClipper(model, rows_of(COUNTS), CLIP, Compute())


def test_dora_is_refused_by_name() -> None:
    with refused("lora_magnitude_vector"):
        clipper_of(of_peft(lora(use_dora=True)))


def test_ia3_is_refused_by_name() -> None:
    with refused("ia3_l"):
        clipper_of(of_peft(IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj"], feedforward_modules=[])))


@pytest.mark.parametrize("kind", [PromptTuningConfig, PrefixTuningConfig])
def test_prompts_and_prefixes_are_refused_by_name(kind: type[PromptTuningConfig]) -> None:
    with refused("prompt_encoder"):
        clipper_of(of_peft(kind(task_type="CAUSAL_LM", num_virtual_tokens=3)))


def test_prefixes_behind_linear_layers_are_refused_by_name() -> None:
    shape = {"num_virtual_tokens": 3, "prefix_projection": True, "encoder_hidden_size": 8}
    with refused("prompt_encoder"):
        clipper_of(of_peft(PrefixTuningConfig(task_type="CAUSAL_LM", **shape))).require_covered()


def test_lora_on_embeddings_is_refused_by_name() -> None:
    with refused("lora_embedding_"):
        clipper_of(of_peft(lora(target_modules=["embed_tokens"])))


def test_trained_embeddings_are_refused_by_name() -> None:
    with refused("embed_tokens"):
        clipper_of(of_peft(lora(modules_to_save=["embed_tokens"])))


def test_trained_tied_embeddings_are_refused_by_name() -> None:
    model = completer()
    model.language_model.lm_head.weight = model.language_model.model.embed_tokens.weight
    model.language_model.lm_head.weight.requires_grad_(True)
    with refused("embed_tokens|lm_head"):
        clipper_of(model)


def test_one_matrix_in_two_layers_is_refused_by_name() -> None:
    model = completer()
    first, second = (layer.mlp.down_proj.lora_A["default"] for layer in model.language_model.model.layers)
    second.weight = first.weight
    with refused(r"layers\.1\.mlp\.down_proj\.lora_A"):
        clipper_of(model)


def mixture() -> MixtralForCausalLM:
    return MixtralForCausalLM(
        MixtralConfig(
            vocab_size=SIZE,
            hidden_size=16,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            num_local_experts=2,
        )
    )


def test_expert_matrices_are_refused_by_name() -> None:
    config = lora(target_modules=[], target_parameters=["mlp.experts.gate_up_proj"])
    with refused("lora_A"):
        clipper_of(of_peft(config, mixture())).require_covered()


def test_a_matrix_that_is_also_used_past_its_layer_is_refused_by_name() -> None:
    model = completer()
    matrix = model.language_model.model.layers[0].self_attn.q_proj.lora_A["default"].weight

    def decayed(model: TextModel, rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
        return row_losses(model, rows, batch) + matrix.square().sum()

    clipper = SinglePassClipper(model, rows_of(COUNTS), CLIP, Compute(), decayed)
    with refused(r"q_proj\.lora_A"):
        clipper.require_covered()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_trained_layer_that_nothing_reaches_is_refused_by_name() -> None:
    model = completer()
    model.add_module("spare", nn.Linear(2, 2))
    with refused(r"spare\.weight"):
        clipper_of(model).require_covered()


def test_a_covered_model_is_accepted_and_left_as_it_was() -> None:
    language_model = completer()
    rows = rows_of(COUNTS)
    before = [vars(module).get("forward") for module in language_model.modules()]
    clipper = SinglePassClipper(language_model, rows, CLIP, Compute(gradient_checkpointing=True))
    clipper.require_covered()
    clipper.close()
    assert [vars(module).get("forward") for module in language_model.modules()] == before
    row_losses(language_model, rows, np.arange(3)).sum().backward()
    assert all(parameter.grad is not None for parameter in language_model.trainable().values())
