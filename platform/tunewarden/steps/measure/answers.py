"""What a model answers, each text as if it were alone.

How far a text is padded, and beside how many others it is computed, changes how sums round; at a close call that turns
the answer (measured in bfloat16: by 0.4 % of a gradient's norm). So one person's long text could turn the answers to
others, and whoever takes part would move a noisy figure by more than their own share. Here a text is padded to a length
that follows from its own alone, in batches that always have as many rows. Not covered: a processor that rounds a row
differently by its place in a batch of the same shape.

Of completions the same holds: how many places are computed at once follows from the row's own shape and the model's
vocabulary. There, attention without any padding takes another way that rounds otherwise, so every batch ends with one
row that is nobody's and padded.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn.functional import cross_entropy, pad as lengthened
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.completion_utility import Predicted
from tunewarden.steps.measure.intervals import Booleans, Floats, Integers
from tunewarden.steps.train.model import TextClassifier, TextCompleter
from tunewarden.steps.train.texts import Tokens, pad, tokenize

_ROWS = 32
_SHORTEST = 16
_NUMBERS = 2**26  # logits that are computed at once, if more than one row's


@torch.no_grad()
def logits(model: TextClassifier, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], recipe: Recipe) -> Floats:
    """The model's logits for `texts`, in their order: float64[texts, classes]. Leaves it in evaluation mode."""
    model.eval()
    tokens = tokenize(tokenizer, texts, recipe)
    result = np.empty((len(texts), model.head.out_features), dtype=np.float64)
    for width, rows in _batches(tokens.lengths(), recipe.max_tokens):
        filled = np.resize(rows, _ROWS)  # repeated from the beginning
        given = (lengthened(part, (0, width - part.shape[1])).to(model.device) for part in pad(tokens, filled))
        result[rows] = model(*given).double().cpu().numpy()[: len(rows)]
    return result


@torch.no_grad()
def predictions(model: TextCompleter, tokens: Tokens, begins: Integers, longest: int) -> Predicted:
    """What `model` makes of the completion of each row of `tokens`, given all that stands before each of its tokens.

    `begins` is int64[rows], the place where a row's completion begins: 1 or more, and within the row. Texts were cut to
    `longest` tokens. Leaves the model in evaluation mode.
    """
    model.eval()
    lengths = tokens.lengths()
    starts = np.concatenate(([0], np.cumsum(lengths - begins, dtype=np.int64)))
    right, losses = np.zeros(starts[-1], dtype=np.bool_), np.zeros(len(lengths))
    for width, rows in _batches(lengths, longest):
        kept = np.minimum(width, _power_of_two(width - begins[rows] + 1))  # places, from the last one backwards
        for places in np.unique(kept):
            same = rows[kept == places]
            at_once = max(1, min(_ROWS, _NUMBERS // (int(places) * _vocabulary(model))))
            for begin in range(0, len(same), at_once):
                some = same[begin : begin + at_once]
                hits, costs = _predicted(model, tokens, np.resize(some, at_once), width, int(places))
                for row, hit, cost in zip(some, hits, costs, strict=False):  # the rest is repeated
                    right[starts[row] : starts[row + 1]] = hit[begins[row] - width : lengths[row] - width or None]
                    losses[row] = cost[begins[row] - width : lengths[row] - width or None].mean()
    return Predicted(right=right, starts=starts, losses=losses)


def _predicted(
    model: TextCompleter, tokens: Tokens, rows: Integers, width: int, places: int
) -> tuple[Booleans, Floats]:
    """Whether the token at each of the last places is the likeliest there, and what it costs: [rows, places] each.

    The first of those places is nobody's where fewer places are computed than there are: nothing before it says what
    comes.
    """
    ids, mask = (lengthened(part, (0, width - part.shape[1])) for part in pad(tokens, rows))
    nobody = torch.zeros(1, width, dtype=torch.int64)
    ids, mask = torch.cat((ids, nobody)), torch.cat((mask, nobody.index_fill(1, torch.tensor([0]), 1)))
    logits = model(ids.to(model.device), mask.to(model.device), places)[:-1, :-1]
    written = ids[:-1, width - places + 1 :].to(model.device)
    costs = cross_entropy(logits.flatten(0, 1), written.flatten(), reduction="none").view(written.shape)
    hits = logits.argmax(dim=-1) == written
    first = ((0, 0), (1, 0))
    return np.pad(hits.cpu().numpy(), first), np.pad(costs.double().cpu().numpy(), first)


def _vocabulary(model: TextCompleter) -> int:
    size = getattr(getattr(model.adapted, "config", None), "vocab_size", None)
    return size if isinstance(size, int) else _NUMBERS


def _power_of_two(numbers: Integers) -> Integers:
    """The least one that is no smaller than each of `numbers`, of 1 or more."""
    return 2 ** np.ceil(np.log2(numbers)).astype(np.int64)


def _batches(lengths: Integers, longest: int) -> Iterator[tuple[int, Integers]]:
    """(padded length, indices of at most `_ROWS` texts): every text once, with others of the same padded length.

    That is a power of two, one and a half times one, or what texts are cut to.
    """
    longer = _power_of_two(np.maximum(1, lengths))
    widths = np.where(lengths <= longer * 3 // 4, longer * 3 // 4, longer)
    widths = np.minimum(np.maximum(_SHORTEST, widths), longest)
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        for begin in range(0, len(rows), _ROWS):
            yield int(width), rows[begin : begin + _ROWS]
