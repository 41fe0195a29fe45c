"""One clipped gradient for each person, whatever the number of their rows and however these are cut into micro-batches.

The checker: `single_pass` trains, this computes the same by other means and is what that is compared with. Opacus
computes a gradient for every row; the rest is here, because Opacus clips rows and the privacy unit is the person. A
person's loss is the mean over that person's rows in the update.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from opacus.grad_sample import GradSampleHooks
from torch import nn

from tunewarden.steps.train.captured import not_covered
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.objective import RowLosses, row_losses, trial_rows
from tunewarden.steps.train.rows import Rows

Gradients = dict[str, torch.Tensor]
"""Name of a trainable parameter -> float32 tensor of its shape, or of its shape behind a dimension of persons."""


class PersonClipper:
    """Sums of per-person gradients of `model`, each person clipped once to the norm `clip`.

    Puts hooks on the model; `close` takes them off. Raises `Refused` for a trainable parameter of anything but a linear
    layer: for those alone the gradients of the rows have been compared with brute force.
    """

    def __init__(
        self, model: TextModel, rows: Rows, clip: float, compute: Compute, losses: RowLosses = row_losses
    ) -> None:
        self._model, self._rows, self._clip, self._compute, self._losses = model, rows, clip, compute, losses
        self._trainable = model.trainable()
        # Opacus watches layers in training mode only. All others stay in evaluation mode: with dropout the gradient of
        # a person would depend on chance and on the cut into micro-batches, and the noise regularises anyway.
        for prefix, module in model.named_modules():
            own = [name for name, p in module.named_parameters(prefix, recurse=False) if p.requires_grad]
            if own and type(module) is not nn.Linear:
                raise not_covered(own[0])
            module.training = bool(own)
        self._hooks = GradSampleHooks(model, loss_reduction="sum")

    def close(self) -> None:
        """Leave the model as it was found."""
        self._hooks.cleanup()
        self._model.zero_grad(set_to_none=True)
        self._model.eval()

    def require_covered(self) -> None:
        """Raise `Refused` unless every trainable parameter gets a gradient for each row; tried on two made-up rows."""
        self._row_gradients(trial_rows(self._rows), np.arange(2), np.ones(2))

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        """The sum over `persons` of each one's clipped gradient; `persons` holds the rows of each, at least one.

        Adding or removing one person changes it by at most the clip, but for float32 rounding. A person whose gradient
        is not finite contributes nothing. Nobody at all gives zeros.
        """
        total = {name: _zeros(parameter) for name, parameter in self._trainable.items()}
        for begin in range(0, len(persons), self._compute.persons_at_once):
            some = persons[begin : begin + self._compute.persons_at_once]
            weights = torch.from_numpy(self._rows.weights(some)).to(self._model.device, torch.float32)
            for name, clipped in clip_and_sum(self._person_gradients(some), self._clip, weights).items():
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
            index = torch.from_numpy(owners[batch]).to(self._model.device)
            for name, gradient in self._row_gradients(self._rows, rows[batch], shares[batch]).items():
                sums[name].index_add_(0, index, gradient)
        return sums

    def _row_gradients(self, rows: Rows, batch: NDArray[np.int64], weights: NDArray[np.float64]) -> Gradients:
        """The gradient of each row's loss times its weight, behind a dimension of rows."""
        losses = self._losses(self._model, rows, batch)
        with warnings.catch_warnings():
            # The lowest adapted layer reads frozen embeddings. PyTorch warns that its hook then sees no gradient of the
            # input; Opacus needs the gradient of the output only.
            warnings.filterwarnings("ignore", message="Full backward hook is firing", category=UserWarning)
            torch.autograd.backward((losses * torch.from_numpy(weights).to(losses)).sum())
        gradients = {name: _of_rows(name, parameter, len(batch)) for name, parameter in self._trainable.items()}
        for parameter in self._trainable.values():
            parameter.grad = None
        self._hooks.set_grad_sample_to_none()
        return gradients


def clip_and_sum(gradients: Gradients, clip: float, weights: torch.Tensor | None = None) -> Gradients:
    """Scale each person's gradient to the norm `clip` where it is longer, and add them up. Norms are of float32.

    `weights`, float32[persons] of 0 to 1, multiply what was clipped. Persons with a norm that is not finite contribute
    zero.
    """
    norms = torch.stack([gradient.flatten(1).square().sum(dim=1) for gradient in gradients.values()]).sum(dim=0).sqrt()
    finite = torch.isfinite(norms)
    factors = torch.where(finite, clip / norms.clamp(min=clip), 0.0)
    if weights is not None:
        factors = factors * weights
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
        raise not_covered(name)
    return gradient.float()
