"""One clipped gradient for each person from one backward pass: the way that training takes.

The trained layers are made to add each row's gradient to the numbers of that row's person, and to give PyTorch no
gradient of their weights. So there is no second pass (as ghost clipping needs), nothing is summed before it is
clipped, and rows may be cut into micro-batches, and layers recomputed, in any way. The gradient of a row and of a
linear layer is the product of the layer's inputs and the gradients of its outputs (Goodfellow, arXiv 1510.01799;
here the product itself is kept, which for LoRA matrices is small). `person_clip` does the same by other means and is
what this is compared with.

Sums and norms are of float32. Not checked here: that rows do not depend on each other within the model; the
certificate of a training does that.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from tunewarden.domain.errors import Refused
from tunewarden.domain.training import Precision
from tunewarden.steps.train.captured import Persons, not_covered, trained_layers
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.objective import RowLosses, padded_to, row_losses, trial_rows
from tunewarden.steps.train.person_clip import Gradients
from tunewarden.steps.train.rows import Rows


class SinglePassClipper:
    """Sums of per-person gradients of `model`, each person clipped once to the norm `clip`.

    A person's loss is the mean of the losses of that person's rows. Changes how the model's trained layers compute;
    `close` changes them back. Raises `Refused` for a trainable parameter of anything but a linear layer of its own,
    and for a precision that this processor does not have.
    """

    def __init__(
        self, model: TextModel, rows: Rows, clip: float, compute: Compute, losses: RowLosses = row_losses
    ) -> None:
        require_precision(model.precision, bfloat16=bfloat16_found(model.device))
        self._model, self._rows, self._clip, self._compute, self._losses = model, rows, clip, compute, losses
        self._layers = trained_layers(model)
        self._persons = Persons(self._layers, model.device)
        # Dropout off: with it the gradient of a person would depend on chance and on the cut into micro-batches, and
        # the noise regularises anyway.
        model.eval()
        self._changed: list[nn.Module] = []
        for layer in self._layers:
            self._replace(layer.module, partial(layer.forward, self._persons))
        if compute.gradient_checkpointing:
            # Not the library's own switch: that one works in training mode only, which would turn dropout on.
            for module in model.modules():
                if isinstance(module, GradientCheckpointingLayer):
                    self._replace(module, partial(_recomputed, module.forward))

    def close(self) -> None:
        """Leave the model as it was found."""
        for module in self._changed:
            vars(module).pop("forward", None)
        self._model.eval()

    def require_covered(self) -> None:
        """Raise `Refused` unless every trainable parameter gets a gradient for each row; tried on two made-up rows."""
        for layer in self._layers:
            layer.used = False
        self._add_gradients(trial_rows(self._rows), [np.array([0]), np.array([1])], 2)
        for layer in self._layers:
            if not layer.used:
                raise not_covered(layer.parameter)

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        """The sum over `persons` of each one's clipped gradient; `persons` holds the rows of each, at least one.

        Adding or removing one person changes it by at most the clip, but for rounding. A person whose gradient is not
        finite contributes nothing. Nobody at all gives zeros.
        """
        lengths = self._rows.tokens.lengths()
        by_length = sorted(persons, key=lambda rows: int(lengths[rows].max()))  # less padding to compute
        rows_at_once = self._compute.micro_batch_rows
        total = torch.zeros(self._layers[-1].end, device=self._model.device)
        for begin in range(0, len(persons), self._compute.persons_at_once):
            some = by_length[begin : begin + self._compute.persons_at_once]
            self._add_gradients(self._rows, some, rows_at_once)
            total += self._persons.clipped_sum(self._clip, self._rows.weights(some))
        return {
            f"{layer.name}.{own}": total[place].view(shape)
            for layer in self._layers
            for own, (shape, place) in layer.parts.items()
        }

    def _add_gradients(self, rows: Rows, persons: Sequence[NDArray[np.int64]], rows_at_once: int) -> None:
        """Give each of `persons` the gradient of their mean loss; rows of one may fall into several micro-batches."""
        self._model.zero_grad(set_to_none=True)  # what others left behind must not be taken for ours
        indices, counts = np.concatenate(persons), np.array([len(theirs) for theirs in persons])
        by_length = np.argsort(rows.tokens.lengths()[indices], kind="stable")
        indices, shares = indices[by_length], np.repeat(1.0 / counts, counts)[by_length]
        owners = np.repeat(np.arange(len(persons)), counts)[by_length]
        one_row_each = len(indices) == len(persons)
        if one_row_each:
            owners = np.arange(len(persons))  # numbered as they come, so that those of a batch lie side by side
        self._persons.begin(len(persons), one_row_each=one_row_each)
        for batch in self._cut(rows.tokens.lengths()[indices], rows_at_once):
            losses = self._losses(self._model, rows, indices[batch])
            weights = torch.from_numpy(shares[batch]).to(losses)
            with self._persons.take(owners[batch]):
                torch.autograd.backward((losses * weights).sum())
            for layer in self._layers:
                if layer.has_gradient():  # its weight was used elsewhere too, and that was not clipped
                    self._model.zero_grad(set_to_none=True)
                    raise not_covered(layer.parameter)

    def _cut(self, lengths: NDArray[np.int64], at_once: int) -> Iterator[slice]:
        """Micro-batches of rows of rising `lengths`; in bfloat16 only of rows that are padded to the same length."""
        widths = padded_to(lengths, self._model.precision)
        end = 0
        while end < len(lengths):
            begin, end = end, min(end + at_once, len(lengths))
            if self._model.precision is not Precision.FLOAT32:
                end = min(end, int(np.searchsorted(widths, widths[begin], side="right")))
            yield slice(begin, end)

    def _replace(self, module: nn.Module, forward: Callable[..., torch.Tensor]) -> None:
        vars(module)["forward"] = forward
        self._changed.append(module)


def require_precision(precision: Precision, *, bfloat16: bool) -> None:
    """Raise `Refused` where `precision` is bfloat16 and the processor has no such numbers (`bfloat16` is False)."""
    if precision is Precision.BFLOAT16 and not bfloat16:
        raise Refused(
            "precision_unsupported",
            "The processor that would train has no bfloat16 arithmetic.",
            remedy="Ask for the precision 'float32', or have the training run on a processor with bfloat16.",
            param="hyperparameters.precision",
        )


def bfloat16_found(device: torch.device) -> bool:
    """Whether the processor behind `device` computes in bfloat16 itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _recomputed(forward: Callable[..., torch.Tensor], *given: object, **named: object) -> torch.Tensor:
    # Nothing is drawn at random in evaluation mode, so no state of a generator need be kept for the second time.
    outputs: torch.Tensor = checkpoint(partial(forward, **named), *given, use_reentrant=False, preserve_rng_state=False)
    return outputs
