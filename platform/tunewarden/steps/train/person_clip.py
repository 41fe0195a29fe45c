"""One clipped gradient for each person, whatever the number of their rows and however these are cut into micro-batches.

Opacus computes a gradient for every row; the rest is here, because Opacus clips rows and the privacy unit is the
person. A person's loss is the mean over that person's rows in the update. A mean over the batch appears nowhere:
through it one person would change the gradients of all others before they are clipped.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from opacus.grad_sample import GradSampleHooks
from torch import nn
from torch.nn.functional import cross_entropy

from tunewarden.domain.errors import Refused
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextClassifier
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import pad

Gradients = dict[str, torch.Tensor]
"""Name of a trainable parameter -> float32 tensor of its shape, or of its shape behind a dimension of persons."""


class PersonClipper:
    """Sums of per-person gradients of `model`, each person clipped once to the norm `clip`.

    Puts hooks on the model; `close` takes them off. Raises `Refused` for a trainable parameter of anything but a linear
    layer: for those alone the gradients of the rows have been compared with brute force.
    """

    def __init__(self, model: TextClassifier, rows: Rows, clip: float, compute: Compute) -> None:
        self._model, self._rows, self._clip, self._compute = model, rows, clip, compute
        self._trainable = model.trainable()
        self._device = model.head.weight.device
        # Opacus watches layers in training mode only. All others stay in evaluation mode: with dropout the gradient of
        # a person would depend on chance and on the cut into micro-batches, and the noise regularises anyway.
        for prefix, module in model.named_modules():
            own = [name for name, p in module.named_parameters(prefix, recurse=False) if p.requires_grad]
            if own and type(module) is not nn.Linear:
                raise _not_covered(own[0])
            module.training = bool(own)
        self._hooks = GradSampleHooks(model, loss_reduction="sum")

    def close(self) -> None:
        """Leave the model as it was found."""
        self._hooks.cleanup()
        self._model.zero_grad(set_to_none=True)
        self._model.eval()

    def require_covered(self) -> None:
        """Raise `Refused` unless every trainable parameter gets a gradient for each row; tried on two made-up rows."""
        rows = torch.zeros((2, 3), dtype=torch.int64)
        self._row_gradients(rows, torch.ones_like(rows), torch.zeros(2, dtype=torch.int64), torch.ones(2))

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        """The sum over `persons` of each one's clipped gradient; `persons` holds the rows of each, at least one.

        Adding or removing one person changes it by at most the clip, but for float32 rounding. A person whose gradient
        is not finite contributes nothing. Nobody at all gives zeros.
        """
        total = {name: _zeros(parameter) for name, parameter in self._trainable.items()}
        for begin in range(0, len(persons), self._compute.persons_at_once):
            gradients = self._person_gradients(persons[begin : begin + self._compute.persons_at_once])
            for name, clipped in clip_and_sum(gradients, self._clip).items():
                total[name] += clipped
        return total

    def _person_gradients(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        """The gradient of each person's mean loss. A person's rows may fall into several micro-batches."""
        counts = np.array([len(rows) for rows in persons])
        rows = np.concatenate(persons)
        owners, shares = np.repeat(np.arange(len(persons)), counts), np.repeat(1.0 / counts, counts)
        by_length = np.argsort(self._rows.tokens.lengths()[rows], kind="stable")  # less padding to compute
        sums = {name: _zeros(parameter, len(persons)) for name, parameter in self._trainable.items()}
        for begin in range(0, len(rows), self._compute.micro_batch_rows):
            batch = by_length[begin : begin + self._compute.micro_batch_rows]
            labels = torch.from_numpy(self._rows.labels[rows[batch]])
            weights = torch.from_numpy(shares[batch]).float()
            of_rows = self._row_gradients(*pad(self._rows.tokens, rows[batch]), labels, weights)
            index = torch.from_numpy(owners[batch]).to(self._device)
            for name, gradient in of_rows.items():
                sums[name].index_add_(0, index, gradient)
        return sums

    def _row_gradients(
        self, input_ids: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
    ) -> Gradients:
        """The gradient of each row's loss times its weight, behind a dimension of rows."""
        logits = self._model(input_ids.to(self._device), mask.to(self._device))
        losses = cross_entropy(logits.float(), labels.to(self._device), reduction="none")
        with warnings.catch_warnings():
            # The lowest adapted layer reads frozen embeddings. PyTorch warns that its hook then sees no gradient of the
            # input; Opacus needs the gradient of the output only.
            warnings.filterwarnings("ignore", message="Full backward hook is firing", category=UserWarning)
            torch.autograd.backward((losses * weights.to(self._device)).sum())
        gradients = {name: _of_rows(name, parameter, len(labels)) for name, parameter in self._trainable.items()}
        for parameter in self._trainable.values():
            parameter.grad = None
        self._hooks.set_grad_sample_to_none()
        return gradients


def clip_and_sum(gradients: Gradients, clip: float) -> Gradients:
    """Scale each person's gradient to the norm `clip` where it is longer, and add them up. Norms are of float32.

    Persons with a norm that is not finite contribute zero.
    """
    norms = torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients.values()]).sum(dim=0).sqrt()
    finite = torch.isfinite(norms)
    factors = torch.where(finite, clip / norms.clamp(min=clip), 0.0)
    clipped = {}
    for name, gradient in gradients.items():
        gradient[~finite] = 0.0  # a factor alone would not do: zero times NaN is NaN
        clipped[name] = torch.tensordot(factors, gradient, dims=1)
    return clipped


def _zeros(parameter: nn.Parameter, *persons: int) -> torch.Tensor:
    return torch.zeros((*persons, *parameter.shape), dtype=torch.float32, device=parameter.device)


def _of_rows(name: str, parameter: nn.Parameter, rows: int) -> torch.Tensor:
    # Of another shape where a layer sees the batch as one sample, as the encoder of prompt tuning does; that would be
    # clipped as one person, without a word.
    gradient = getattr(parameter, "grad_sample", None)
    if not isinstance(gradient, torch.Tensor) or gradient.shape != (rows, *parameter.shape):
        raise _not_covered(name)
    return gradient.float()


def _not_covered(name: str) -> Refused:
    return Refused(
        "parameter_not_covered",
        f"The trainable parameter '{name}' gets no gradient for each row, so it cannot be trained privately.",
        remedy="Train LoRA matrices on linear layers only.",
        param="hyperparameters.lora_targets",
    )
