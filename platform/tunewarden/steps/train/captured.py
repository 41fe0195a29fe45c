"""Linear layers whose rows' gradients go to persons, and the numbers that these add up in.

For `single_pass` alone. A row's gradient of a linear layer's weight is the product of the gradients of its outputs and
its inputs, summed over the row's tokens; so the first dimension of what a layer is given must be rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import linear

from tunewarden.domain.errors import Refused


class TrainedLayer:
    """A linear layer with trained parameters.

    Attributes:
        name: the path of its module.
        parts: name, shape and place among the numbers of a person of each of its trained parameters.
        used: whether a gradient came by since this was last set to False.
    """

    def __init__(self, name: str, module: nn.Linear, begin: int) -> None:
        self.name, self.module, self.used = name, module, False
        self.parts: dict[str, tuple[torch.Size, slice]] = {}
        for own, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                self.parts[own] = (parameter.shape, slice(begin, begin + parameter.numel()))
                begin += parameter.numel()
        self.end = begin

    @property
    def parameter(self) -> str:
        """The name of the first of its trained parameters."""
        return f"{self.name}.{next(iter(self.parts))}"

    def forward(self, persons: "Persons", inputs: torch.Tensor) -> torch.Tensor:
        """What the layer computes; once the backward pass has come by, `persons` have their gradients."""
        weight, bias = self.module.weight, self.module.bias
        outputs: torch.Tensor = _Captured.apply(inputs, weight, bias, self, persons)  # type: ignore[no-untyped-call]
        return outputs

    def has_gradient(self) -> bool:
        """Whether PyTorch has a gradient of its own for one of the parameters, which nobody clipped."""
        return any(self.module.get_parameter(own).grad is not None for own in self.parts)


def trained_layers(model: nn.Module) -> list[TrainedLayer]:
    """The layers that hold the trainable parameters of `model`; raises `Refused` for one that is held otherwise.

    That is: by anything but a plain linear layer (embeddings, prompts, scalings, magnitudes, expert matrices), or by
    two layers, whose gradients would be clipped as if they were of different numbers.
    """
    layers: list[TrainedLayer] = []
    seen: set[nn.Parameter] = set()
    for name, module in model.named_modules(remove_duplicate=False):
        own = {part: p for part, p in module.named_parameters(recurse=False) if p.requires_grad}
        for part, parameter in own.items():
            if type(module) is not nn.Linear or parameter in seen:
                raise not_covered(f"{name}.{part}")
        seen.update(own.values())
        if own and type(module) is nn.Linear:
            layers.append(TrainedLayer(name, module, layers[-1].end if layers else 0))
    return layers


class Persons:
    """The gradients of some persons: float32[persons, numbers], in one piece that is used again and again."""

    def __init__(self, layers: list[TrainedLayer], device: torch.device) -> None:
        self._layers, self._sums = layers, torch.empty((0, layers[-1].end), device=device)
        self._count, self._rows, self._one_row_each = 0, 0, False
        self._owners: slice | torch.Tensor | None = None
        self._seen: set[TrainedLayer] = set()

    def begin(self, count: int, *, one_row_each: bool) -> None:
        """Forget the last persons, and expect so many; `one_row_each` says that no second row of anybody comes."""
        if count > len(self._sums):
            self._sums = self._sums.new_empty((count, self._sums.shape[1]))
        self._count, self._one_row_each = count, one_row_each
        if not one_row_each:
            self._sums[:count].zero_()

    @contextmanager
    def take(self, owners: NDArray[np.int64]) -> Iterator[None]:
        """While this is open, row i of what the layers are given belongs to person `owners[i]`.

        Where everybody has one row, owners come in order.
        """
        self._rows, self._seen = len(owners), set()
        if self._one_row_each:
            self._owners = slice(int(owners[0]), int(owners[0]) + len(owners))
        else:
            self._owners = torch.from_numpy(owners).to(self._sums.device)
        try:
            yield
        finally:
            owned, self._owners = self._owners, None
        for layer in self._layers:
            if self._one_row_each and layer not in self._seen:  # what stands there is of other persons
                for _, place in layer.parts.values():
                    self._sums[owned, place] = 0.0

    def add(self, layer: TrainedLayer, inputs: torch.Tensor, gradient: torch.Tensor) -> None:
        """Add to the persons of the rows at hand what `layer` owes them.

        inputs: [rows, ..., in]; gradient of the outputs: [rows, ..., out]. Raises `Refused` where the first dimension
        is not rows: a layer that sees the batch as one row would have it clipped as one person.
        """
        if self._owners is None or inputs.dim() < 2 or not len(inputs) == len(gradient) == self._rows:
            raise not_covered(layer.parameter)
        outputs = gradient.reshape(self._rows, -1, gradient.shape[-1])
        for own, (shape, place) in layer.parts.items():
            if own == "bias":
                self._put(layer, place, outputs.sum(dim=1, dtype=torch.float32))
                continue
            product = (outputs.transpose(1, 2), inputs.reshape(self._rows, -1, inputs.shape[-1]))
            if isinstance(self._owners, slice) and layer not in self._seen and outputs.dtype is torch.float32:
                torch.bmm(*product, out=self._sums[self._owners, place].view(-1, *shape))  # straight into place
            else:
                self._put(layer, place, torch.bmm(*product).flatten(1).float())
        self._seen.add(layer)
        layer.used = True

    def clipped_sum(self, clip: float, weights: NDArray[np.float64]) -> torch.Tensor:
        """Each person's gradient scaled to the norm `clip` where it is longer, and all added up: float32[numbers].

        `weights`, float64[persons] of 0 to 1, multiply what was clipped, or the clip would take them back. Persons with
        a norm that is not finite contribute zero.
        """
        sums = self._sums[: self._count]
        norms = torch.linalg.vector_norm(sums, dim=1)
        finite = torch.isfinite(norms)
        if not finite.all():
            sums[~finite] = 0.0  # a factor alone would not do: zero times NaN is NaN
        factors = torch.where(finite, clip / norms.clamp(min=clip), 0.0)
        return (factors * torch.from_numpy(weights).to(factors)) @ sums

    def _put(self, layer: TrainedLayer, place: slice, of_rows: torch.Tensor) -> None:
        if isinstance(self._owners, torch.Tensor):
            self._sums[:, place].index_add_(0, self._owners, of_rows)
        elif layer in self._seen:  # the layer is used more than once in a pass
            self._sums[self._owners, place] += of_rows
        else:
            self._sums[self._owners, place] = of_rows


class _Captured(torch.autograd.Function):
    """A linear layer whose backward pass hands over what the gradients of rows are made of, and returns none itself.

    Computes in autocast's type where autocast is on. Keeps what PyTorch's own keeps: the inputs and the weight.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        layer: TrainedLayer,
        persons: Persons,
    ) -> torch.Tensor:
        kind = inputs.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else inputs.dtype
        cast, weight = inputs.to(dtype), weight.to(dtype)
        ctx.save_for_backward(cast, weight)
        ctx.layer, ctx.persons, ctx.dtype = layer, persons, inputs.dtype
        return linear(cast, weight, None if bias is None else bias.to(dtype))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, None, None, None, None]:
        inputs, weight = ctx.saved_tensors
        ctx.persons.add(ctx.layer, inputs, gradient)
        return (gradient @ weight).to(ctx.dtype) if ctx.needs_input_grad[0] else None, None, None, None, None


def not_covered(name: str) -> Refused:
    """The refusal of a trainable parameter by its name, which is no one's data."""
    return Refused(
        "parameter_not_covered",
        f"The trainable parameter '{name}' gets no gradient for each row, so it cannot be trained privately.",
        remedy="Train LoRA matrices on linear layers only.",
        param="hyperparameters.lora_targets",
    )
