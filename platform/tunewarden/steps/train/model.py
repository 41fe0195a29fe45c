"""The model that is trained: encoder, LoRA adapter, mean of the token states, linear head; and its file.

An adapter file is one safetensors file: the LoRA tensors under the names that PEFT gives them, the head beside them,
and what they belong to in the header.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model, set_peft_model_state_dict
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.canonical import Plain, encode, to_plain
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan, Recipe
from tunewarden.steps.train import base_model
from tunewarden.steps.train.texts import pad, tokenize

_HEADER = "tunewarden"
_PEFT_PREFIX = "base_model.model."  # what PEFT writes before the names of an encoder's layers
_ROWS_AT_ONCE = 64


class TextClassifier(nn.Module):
    """Texts -> one logit for each class."""

    def __init__(self, encoder: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """int64[rows, tokens] twice -> float32[rows, classes]. A row's logits depend on that row only."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        logits: torch.Tensor = self.head((states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0))
        return logits

    def trainable(self) -> dict[str, nn.Parameter]:
        """The LoRA matrices and the head, by name."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}


def build(
    directory: Path, weights: Digest, recipe: Recipe, classes: int
) -> tuple[TextClassifier, PreTrainedTokenizerBase]:
    """An untrained model over the base model in `directory`, and its tokenizer.

    Raises `Corrupted` for other weights than `weights` and `Refused` where a LoRA target matches no linear layer.
    """
    encoder, tokenizer = base_model.load(directory, weights)
    for target in recipe.lora_targets:
        _require_linear(encoder, target)
    lora = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        target_modules=list(recipe.lora_targets),
        lora_dropout=0.0,
        bias="none",
    )
    return TextClassifier(inject_adapter_in_model(lora, encoder), encoder.config.hidden_size, classes), tokenizer


def adapter_bytes(model: TextClassifier, plan: Plan) -> bytes:
    """The trained tensors of `model` as one safetensors file that names its plan. The same weights, the same bytes."""
    return safetensors.torch.save(_state(model), metadata={_HEADER: _header(model, plan)})


def load_adapter(model: TextClassifier, data: bytes, plan: Plan) -> None:
    """Put the tensors of an adapter file into `model`.

    Raises `Corrupted` for bytes that are no adapter of this form, and `PlanMismatch` for an adapter of another plan.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"][_HEADER]
        tensors = safetensors.torch.load(data)
    except (ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
        raise Corrupted("adapter_malformed", "The adapter is not a safetensors file with its header.") from error
    if header != _header(model, plan):
        raise PlanMismatch(
            "adapter_of_another_plan",
            "The adapter was trained under another plan, on another base model or for other classes.",
            remedy="Use the adapter that the training of this plan made.",
        )
    if {name: tensor.shape for name, tensor in tensors.items()} != {n: t.shape for n, t in _state(model).items()}:
        raise Corrupted("adapter_malformed", "The adapter does not have the tensors that its plan asks for.")
    head = {name.removeprefix("head."): tensors.pop(name) for name in ("head.weight", "head.bias")}
    model.head.load_state_dict(head)
    set_peft_model_state_dict(model.encoder, {n.removeprefix(_PEFT_PREFIX): t for n, t in tensors.items()})


@torch.no_grad()
def logits(
    model: TextClassifier, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], recipe: Recipe
) -> NDArray[np.float32]:
    """The model's logits for `texts`, in their order: float32[texts, classes]."""
    model.eval()
    tokens = tokenize(tokenizer, texts, recipe)
    result = np.empty((len(texts), model.head.out_features), dtype=np.float32)
    by_length = np.argsort(tokens.lengths(), kind="stable")  # similar lengths together: less padding to compute
    device = model.head.weight.device
    for begin in range(0, len(texts), _ROWS_AT_ONCE):
        rows = by_length[begin : begin + _ROWS_AT_ONCE]
        input_ids, mask = pad(tokens, rows)
        result[rows] = model(input_ids.to(device), mask.to(device)).float().cpu().numpy()
    return result


def _require_linear(encoder: PreTrainedModel, target: str) -> None:
    matched = [module for name, module in encoder.named_modules() if f".{name}".endswith(f".{target}")]
    if not matched or not all(isinstance(module, nn.Linear) for module in matched):
        raise Refused(
            "lora_target_not_linear",
            f"{len(matched)} layers of the base model match a LoRA target, and not all are linear layers."
            if matched
            else "A LoRA target matches no layer of the base model.",
            remedy="Name linear layers of the base model, for example 'query' and 'value' of a BERT encoder.",
            param="hyperparameters.lora_targets",
        )


def _state(model: TextClassifier) -> dict[str, torch.Tensor]:
    # save_embedding_layers=False: PEFT would otherwise ask a model hub whether the vocabulary was resized.
    lora = get_peft_model_state_dict(model.encoder, save_embedding_layers=False)
    tensors = {_PEFT_PREFIX + name: tensor for name, tensor in lora.items()}
    tensors |= {f"head.{name}": tensor for name, tensor in model.head.state_dict().items()}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _header(model: TextClassifier, plan: Plan) -> str:
    header: Plain = {
        "base_model": plan.base_model.digest,
        "classes": model.head.out_features,
        "form": "tunewarden-adapter-1",
        "plan": plan.digest(),
        "recipe": to_plain(plan.recipe),
    }
    return encode(header).decode()
