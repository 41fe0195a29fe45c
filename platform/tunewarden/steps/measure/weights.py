"""The same model with other weights, for a while: as it was before training, drawn anew, or folded together."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor

from tunewarden.domain.training import Precision
from tunewarden.steps.train.model import TextModel

Weights = Mapping[str, Tensor]
"""Name -> what a trained tensor of a model holds."""


def held(model: TextModel) -> Weights:
    """A copy of what training may change: the LoRA matrices, and the head where there is one."""
    return {name: parameter.detach().clone() for name, parameter in model.trainable().items()}


def redrawn(weights: Weights) -> Weights:
    """As many numbers of the same sizes, which belong together in no way: each tensor's own, shuffled by a fixed seed.

    So they are as large as the trained ones, and only what training put together is gone (Adebayo et al. 2018, arXiv
    1810.03292: an explanation that survives this does not explain the model).
    """
    generator = torch.Generator().manual_seed(0)  # repeatable; nothing private hangs on it
    return {
        name: tensor.flatten()[torch.randperm(tensor.numel(), generator=generator).to(tensor.device)].view_as(tensor)
        for name, tensor in weights.items()
    }


@contextmanager
def with_weights(model: TextModel, weights: Weights) -> Iterator[None]:
    """Inside it, `model` computes with `weights`, which have the names of `held`."""
    own = held(model)
    _put(model, weights)
    try:
        yield
    finally:
        _put(model, own)


@contextmanager
def folded(model: TextModel) -> Iterator[None]:
    """Inside it, what LoRA adds is part of the layers it is added to, so `model` answers the same with less work.

    Only sums round otherwise. Where the model computes in bfloat16 it stays as it is: what training added would be lost
    in the sum. Afterwards each layer has its own weights again, to the last bit. Inside, `with_weights` does nothing.
    """
    exact = model.precision is Precision.FLOAT32
    layers = [layer for layer in model.modules() if exact and isinstance(layer, LoraLayer)]
    own = [layer.get_base_layer().weight.data for layer in layers]
    try:
        for layer, weight in zip(layers, own, strict=True):
            layer.get_base_layer().weight.data = weight.clone()
            layer.merge()
        yield
    finally:
        for layer, weight in zip(layers, own, strict=True):
            layer.get_base_layer().weight.data = weight
            layer.merged_adapters.clear()


@torch.no_grad()
def _put(model: TextModel, weights: Weights) -> None:
    for name, parameter in model.trainable().items():
        parameter.copy_(weights[name])
