"""The model that is trained, a frozen base model with a LoRA adapter, and the adapter's file.

Classes are learnt by an encoder, the mean of its token states and a linear head; completions by a causal language
model. An adapter file is one safetensors file: the LoRA tensors under the names that PEFT gives them, the head beside
them where there is one, and what they belong to in the header.
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
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.canonical import Plain, encode, to_plain
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan, Precision, Recipe, Task
from tunewarden.steps.train import base_model
from tunewarden.steps.train.texts import pad, tokenize

_HEADER = "tunewarden"
_PEFT_PREFIX = "base_model.model."  # what PEFT writes before the names of an encoder's layers
_ROWS_AT_ONCE = 64


class TextModel(nn.Module):
    """A base model with its adapter. What it computes of a row depends on that row alone.

    Attributes:
        precision: what `forward` computes in; the trained weights and the outputs are of float32 in any case.
    """

    def __init__(self, precision: Precision) -> None:
        super().__init__()
        self.precision = precision

    @property
    def adapted(self) -> nn.Module:
        """The base model, with the LoRA matrices in it."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where the weights are, and the inputs must be."""
        return next(self.parameters()).device

    def trainable(self) -> dict[str, nn.Parameter]:
        """The LoRA matrices, and the head where there is one, by name."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def extras(self) -> dict[str, torch.Tensor]:
        """What is trained beside the LoRA matrices, by name."""
        return {}

    def computing(self) -> torch.autocast:
        """Inside it, the base model computes in `precision`."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is Precision.BFLOAT16)


class TextClassifier(TextModel):
    """Texts -> one logit for each class."""

    def __init__(self, encoder: nn.Module, width: int, classes: int, precision: Precision = Precision.FLOAT32) -> None:
        super().__init__(precision)
        self.encoder = encoder
        self.head = nn.Linear(width, classes)

    @property
    def adapted(self) -> nn.Module:
        """The encoder."""
        return self.encoder

    def extras(self) -> dict[str, torch.Tensor]:
        """The head."""
        return {f"head.{name}": tensor for name, tensor in self.head.state_dict().items()}

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """int64[rows, tokens] twice -> float32[rows, classes]."""
        with self.computing():
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        logits: torch.Tensor = self.head((states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0))
        return logits


class TextCompleter(TextModel):
    """Beginnings of texts -> at each place one logit for each token that could come next."""

    def __init__(self, language_model: nn.Module, precision: Precision = Precision.FLOAT32) -> None:
        super().__init__(precision)
        self.language_model = language_model

    @property
    def adapted(self) -> nn.Module:
        """The language model."""
        return self.language_model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, keep: int | None = None) -> torch.Tensor:
        """int64[rows, tokens] twice -> float32[rows, tokens, vocabulary], or of the last `keep` places only.

        Padding is on the right, where a causal model cannot see it.
        """
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "use_cache": False}
        with self.computing():
            logits: torch.Tensor = self.language_model(**given, logits_to_keep=keep or 0).logits
        return logits[:, -(keep or 0) :].float()  # cut again: not every model does as it is told


def build(directory: Path, weights: Digest, recipe: Recipe, classes: int) -> tuple[TextModel, PreTrainedTokenizerBase]:
    """An untrained model for the recipe's task over the base model in `directory`, and its tokenizer.

    Raises `Corrupted` for other weights than `weights` and `Refused` where a LoRA target matches no linear layer, a
    base model that is to complete texts is not a causal one, or the recipe's texts are longer than it has places for.
    """
    body, tokenizer = base_model.load(directory, weights, recipe.task, recipe.precision)
    return adapt(body, recipe, classes), tokenizer


def adapt(body: PreTrainedModel, recipe: Recipe, classes: int) -> TextModel:
    """`body` with an untrained adapter for the recipe's task; raises `Refused` as `build` does."""
    _require_places(body, recipe.max_tokens)
    for target in recipe.lora_targets:
        _require_linear(body, target)
    lora = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        target_modules=list(recipe.lora_targets),
        lora_dropout=0.0,
        bias="none",
    )
    adapted = inject_adapter_in_model(lora, body)
    for layer in adapted.modules():
        if isinstance(layer, LoraLayer):
            # PEFT would copy every input to float32 to multiply it there; the forward pass says what is computed in.
            layer.cast_input_dtype_enabled = False
    model: TextModel
    match recipe.task:
        case Task.CLASSIFICATION:
            model = TextClassifier(adapted, body.config.hidden_size, classes, recipe.precision)
        case Task.COMPLETION:
            model = TextCompleter(adapted, recipe.precision)
            _require_causal(model)
    for parameter in model.trainable().values():
        parameter.data = parameter.data.float()
    return model


def build_classifier(
    directory: Path, weights: Digest, recipe: Recipe, classes: int
) -> tuple[TextClassifier, PreTrainedTokenizerBase]:
    """As `build`, where only a model of classes will do. Raises `Refused` for another task."""
    model, tokenizer = build(directory, weights, recipe, classes)
    if not isinstance(model, TextClassifier):
        raise Refused(
            "task_not_classification",
            "The model completes texts; classes are needed here.",
            remedy="Choose the task 'classification'.",
            param="hyperparameters.task",
        )
    return model, tokenizer


def adapter_bytes(model: TextModel, plan: Plan) -> bytes:
    """The trained tensors of `model` as one safetensors file that names its plan. The same weights, the same bytes."""
    return safetensors.torch.save(_state(model), metadata={_HEADER: _header(model, plan)})


def load_adapter(model: TextModel, data: bytes, plan: Plan) -> None:
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
    for name, tensor in model.extras().items():
        tensor.copy_(tensors.pop(name))
    set_peft_model_state_dict(model.adapted, {n.removeprefix(_PEFT_PREFIX): t for n, t in tensors.items()})


@torch.no_grad()
def logits(
    model: TextClassifier, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], recipe: Recipe
) -> NDArray[np.float32]:
    """The model's logits for `texts`, in their order: float32[texts, classes]."""
    model.eval()
    tokens = tokenize(tokenizer, texts, recipe)
    result = np.empty((len(texts), model.head.out_features), dtype=np.float32)
    by_length = np.argsort(tokens.lengths(), kind="stable")  # similar lengths together: less padding to compute
    device = model.device
    for begin in range(0, len(texts), _ROWS_AT_ONCE):
        rows = by_length[begin : begin + _ROWS_AT_ONCE]
        input_ids, mask = pad(tokens, rows)
        result[rows] = model(input_ids.to(device), mask.to(device)).float().cpu().numpy()
    return result


@torch.no_grad()
def _require_causal(model: TextCompleter) -> None:
    # An encoder with a language head sees what follows: trained to say the next token, it learns to copy it.
    ids = torch.tensor([[0, 1, 2], [0, 1, 3]], device=model.device)
    one, other = model.eval()(ids, torch.ones_like(ids))
    moved = (one - other).abs().amax(dim=1)
    if moved[:2].max() > 1e-4 * moved[2]:
        raise base_model.not_causal()


def _require_places(body: PreTrainedModel, tokens: int) -> None:
    places = getattr(body.config, "max_position_embeddings", None)  # None where positions are relative
    if isinstance(places, int) and places < tokens:
        raise Refused(
            "base_model_too_short",
            f"The base model has places for {places} tokens; texts of up to {tokens} are to be learned from.",
            remedy=f"Cut texts to {places} tokens or fewer, or take another base model.",
            param="hyperparameters.max_tokens",
        )


def _require_linear(body: PreTrainedModel, target: str) -> None:
    matched = [module for name, module in body.named_modules() if f".{name}".endswith(f".{target}")]
    if not matched or not all(isinstance(module, nn.Linear) for module in matched):
        raise Refused(
            "lora_target_not_linear",
            f"{len(matched)} layers of the base model match a LoRA target, and not all are linear layers."
            if matched
            else "A LoRA target matches no layer of the base model.",
            remedy="Name linear layers of the base model, for example 'query' and 'value' of a BERT encoder.",
            param="hyperparameters.lora_targets",
        )


def _state(model: TextModel) -> dict[str, torch.Tensor]:
    # save_embedding_layers=False: PEFT would otherwise ask a model hub whether the vocabulary was resized.
    lora = get_peft_model_state_dict(model.adapted, save_embedding_layers=False)
    tensors = {_PEFT_PREFIX + name: tensor for name, tensor in lora.items()} | model.extras()
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _header(model: TextModel, plan: Plan) -> str:
    header: Plain = {
        "base_model": plan.base_model.digest,
        "classes": model.head.out_features if isinstance(model, TextClassifier) else 0,
        "form": "tunewarden-adapter-1",
        "plan": plan.digest(),
        "recipe": to_plain(plan.recipe),
    }
    return encode(header).decode()
