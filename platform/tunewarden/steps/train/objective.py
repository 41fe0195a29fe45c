"""What a row costs: a loss for each row, that depends on that row alone.

A mean over the batch appears nowhere, neither of rows nor of tokens: through it one person would change the gradients
of all others before these are clipped. That is why the losses of the model library (`labels=`) are not used: they
divide by the tokens of the whole batch.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from tunewarden.domain.training import Precision
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import Tokens, pad

RowLosses = Callable[[TextModel, Rows, NDArray[np.int64]], torch.Tensor]
"""(model, rows, indices of the rows wanted) -> float32[rows wanted], each one's own loss."""

_IGNORED, _STEP = -100, 16


def row_losses(model: TextModel, rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
    """The cross entropy of each row's class or, where completions are learnt, its mean over the completion's tokens.

    float32[batch]; `batch` holds indices of `rows`.
    """
    longest = int(rows.tokens.lengths()[batch].max())
    most = getattr(getattr(model.adapted, "config", None), "max_position_embeddings", None) or longest
    width = max(longest, min(int(padded_to(np.array(longest), model.precision)), most // _STEP * _STEP))
    input_ids, mask = (tensor.to(model.device) for tensor in pad(rows.tokens, batch, width))
    if rows.completions is None:
        labels = torch.from_numpy(rows.labels[batch]).to(model.device)
        return cross_entropy(model(input_ids, mask), labels, reduction="none")
    return _completion_losses(model, input_ids, mask, rows.completions[batch])


def padded_to(lengths: NDArray[np.int64], precision: Precision) -> NDArray[np.int64]:
    """How many tokens a row of such a length is padded to at least.

    The number of places that a row is computed at decides how its sums are rounded. That is nothing in float32. In
    bfloat16 a long row of one person would move, through the padding, what all others of a micro-batch contribute:
    by more than the clip, once they are many. So there rows of the same rounded length are computed together, and
    behind each is at least one place of padding: attention without any takes another way, that rounds otherwise.
    """
    return lengths if precision is Precision.FLOAT32 else (lengths // _STEP + 1) * _STEP


def trial_rows(rows: Rows) -> Rows:
    """Two made-up rows of two made-up persons, of the same kind as `rows` and of different length."""
    return Rows(
        tokens=Tokens(ids=np.zeros(5, dtype=np.int32), starts=np.array([0, 3, 5]), truncated=0),
        labels=np.zeros(2, dtype=np.int64),
        starts=np.array([0, 1, 2]),
        completions=None if rows.completions is None else np.ones(2, dtype=np.int64),
    )


def _completion_losses(
    model: TextModel, input_ids: torch.Tensor, mask: torch.Tensor, starts: NDArray[np.int64]
) -> torch.Tensor:
    # Logits are computed from the place on that predicts the first token of the earliest completion: prompts are long
    # and vocabularies wide.
    first = int(starts.min())
    logits = model(input_ids, mask, input_ids.shape[1] - first + 1)
    places = torch.arange(first, input_ids.shape[1], device=input_ids.device)
    counted = (places >= torch.from_numpy(starts).to(input_ids.device)[:, None]) & (mask[:, first:] == 1)
    # The last place predicts what nobody wrote.
    targets = torch.full(logits.shape[:2], _IGNORED, device=input_ids.device)
    targets[:, :-1] = torch.where(counted, input_ids[:, first:], _IGNORED)
    losses = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction="none")
    return losses.view_as(targets).sum(dim=1) / counted.sum(dim=1)
