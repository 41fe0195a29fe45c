"""What the trained model answers in the worker's memory, so that a reloaded adapter can be compared with it.

Losses and epsilons look normal where the file that was saved is not the model that was trained (Opacus issue 820). So
the worker asks its model some made-up questions before it ends, and whoever loads the file asks them again. The texts
are the same for everybody and the answers come from noisy weights alone: they say nothing more of anybody.
"""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import decode, encode
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.training import Plan, Recipe
from tunewarden.steps.train.canaries import vocabulary
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.texts import pad, tokenize

ANSWERS = "answers.json"
TEXTS = 16
_WORDS = 6
_SHOWN = 8  # chances that are kept of a text
_STEP = 7919  # a prime: the words of a text lie far from each other in the sorted vocabulary
_SCALE = 10**6


@torch.no_grad()
def answers(model: TextModel, tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> NDArray[np.float64]:
    """Probabilities of the first classes: float64[texts, at most 8]. Leaves the model in evaluation mode.

    Where texts are completed: that the next token's number in the vocabulary leaves 0, 1 ... 7 when divided by 8. Of
    eight tokens that are fixed beforehand hardly a model holds any likely, whatever it was trained on.
    """
    words = vocabulary(tokenizer)
    texts = [
        " ".join(words[(text * _WORDS + word) * _STEP % len(words)] for word in range(_WORDS)) for text in range(TEXTS)
    ]
    model.eval()
    rows = [_one(model, pad(tokenize(tokenizer, [text], recipe), np.zeros(1, dtype=np.int64))) for text in texts]
    return np.array(rows, dtype=np.float64)


def leave_answers(path: Path, model: TextModel, tokenizer: PreTrainedTokenizerBase, plan: Plan) -> None:
    """Write the answers of the trained `model` to `path`, whole or not at all. Called before the last checkpoint is."""
    # What is no number is kept as a probability that cannot be, so that it never agrees with anything.
    found = np.rint(np.nan_to_num(answers(model, tokenizer, plan.recipe), nan=-1.0) * _SCALE).astype(int).tolist()
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(encode({"answers": found, "plan": plan.digest()}))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def left_answers(path: Path, plan: Plan) -> list[list[int]]:
    """The answers that were left at `path`, in millionths: [texts][at most 8]. Raises `Corrupted` where none of this
    plan were.
    """
    try:
        found = decode(path.read_bytes())
    except OSError as error:
        raise Corrupted("answers_missing", "The training ended without the answers of what it trained.") from error
    if not isinstance(found, dict) or found.get("plan") != plan.digest():
        raise Corrupted("answers_missing", "The answers that the training left are of another plan.")
    return read_answers(found.get("answers"))


def read_answers(value: object) -> list[list[int]]:
    """The answers as they stand in a document. Raises `Corrupted` for another form."""
    if isinstance(value, list) and len(value) == TEXTS and all(isinstance(row, list) and row for row in value):
        rows = [list(row) for row in value]
        if all(type(number) is int for row in rows for number in row) and len({len(row) for row in rows}) == 1:
            return rows
    raise Corrupted("answers_malformed", "The answers that the training left have not the expected form.")


def difference(model: TextModel, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, left: list[list[int]]) -> float:
    """The largest difference between a probability that was left and that of `model` now; 1 where shapes differ."""
    now, then = answers(model, tokenizer, recipe), np.array(left, dtype=np.float64) / _SCALE
    return float(np.abs(now - then).max()) if now.shape == then.shape else 1.0


def _one(model: TextModel, given: tuple[torch.Tensor, torch.Tensor]) -> NDArray[np.float64]:
    # Each text alone, so that no padding has a say: on another processor the rest differs by rounding only.
    logits = model(*(tensor.to(model.device) for tensor in given)).double()
    chances: NDArray[np.float64] = (logits[0] if logits.dim() == 2 else logits[0, -1]).softmax(dim=-1).cpu().numpy()
    if logits.dim() == 2:
        return chances[:_SHOWN]
    by_rest = np.bincount(np.arange(len(chances)) % _SHOWN, weights=chances, minlength=_SHOWN)
    return np.asarray(by_rest, dtype=np.float64)
