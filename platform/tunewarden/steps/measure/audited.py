"""The audit of an adapter by the canaries of its training: what the model makes of each of them, and the verdict.

`audit.py` and `extraction.py` hold the statistics; here the model is asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Plan, Task
from tunewarden.steps.measure.audit import Audit, audit, label_scores
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.trained import Trained
from tunewarden.steps.train.canaries import canary_rows, read_canaries
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.objective import row_losses
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import pad
from tunewarden.usecases.ports import Blobs

_ROWS_AT_ONCE = 64


def audited(
    blobs: Blobs, plan: Plan, trained: Trained, model: TextModel, tokenizer: PreTrainedTokenizerBase
) -> Audit | None:
    """Audit `model`, which has the adapter; None where the training had no canaries or claims no epsilon.

    Raises `NotFound` or `Corrupted`, and `PlanMismatch` where the canaries are of another plan.
    """
    if trained.canaries is None or trained.epsilon is None or trained.delta is None:
        return None
    members = read_canaries(blobs, trained.canaries, plan).members
    rows = canary_rows(members, tokenizer, plan.recipe)
    completes = plan.recipe.task is Task.COMPLETION
    return audit(
        scores=secret_scores(model, rows) if completes else class_scores(model, rows),
        present=np.array([canary.present for canary in members]),
        claimed=trained.epsilon,
        delta=trained.delta,
    )


@torch.no_grad()
def class_scores(model: TextModel, rows: Rows) -> Floats:
    """How sure `model` is of the label of each person in `rows`, who are canaries: float64[persons]."""
    model.eval()
    logits = [model(*(part.to(model.device) for part in pad(rows.tokens, batch))) for batch in _batches(rows)]
    return label_scores(torch.cat(logits).double().cpu().numpy(), rows.labels, _owners(rows))


def secret_scores(model: TextModel, rows: Rows) -> Floats:
    """How much likelier each person's completion became by the adapter, in nats a token: float64[persons]."""
    with without_adapter(model):
        before = completion_losses(model, rows)
    gained, owners = before - completion_losses(model, rows), _owners(rows)
    return np.asarray(np.bincount(owners, weights=gained) / np.bincount(owners), dtype=np.float64)


@torch.no_grad()
def completion_losses(model: TextModel, rows: Rows) -> Floats:
    """The mean loss of each row's completion: float64[rows]."""
    model.eval()
    return torch.cat([row_losses(model, rows, batch).double().cpu() for batch in _batches(rows)]).numpy()


@contextmanager
def without_adapter(model: TextModel) -> Iterator[None]:
    """Inside it, the model computes as its base model does."""
    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    trained = list(model.trainable().values())
    for layer in layers:
        layer.enable_adapters(enabled=False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(enabled=True)
        for parameter in trained:  # PEFT freezes what it disables, and need not thaw all of it again
            parameter.requires_grad_(True)


def _batches(rows: Rows) -> list[np.ndarray]:
    every = np.arange(len(rows.labels))
    return [every[begin : begin + _ROWS_AT_ONCE] for begin in range(0, len(every), _ROWS_AT_ONCE)]


def _owners(rows: Rows) -> np.ndarray:
    return np.repeat(np.arange(rows.persons), np.diff(rows.starts))
