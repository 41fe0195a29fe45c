"""What a model answers, each text as if it were alone.

How far a text is padded, and beside how many others it is computed, changes how sums round; at a close call that turns
the answer (measured in bfloat16: by 0.4 % of a gradient's norm). So one person's long text could turn the answers to
others, and whoever takes part would move a noisy figure by more than their own share. Here a text is padded to a length
that follows from its own alone, in batches that always have as many rows. Not covered: a processor that rounds a row
differently by its place in a batch of the same shape.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn.functional import pad as lengthened
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.intervals import Floats, Integers
from tunewarden.steps.train.model import TextClassifier
from tunewarden.steps.train.texts import pad, tokenize

_ROWS = 32
_SHORTEST = 16


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


def _batches(lengths: Integers, longest: int) -> Iterator[tuple[int, Integers]]:
    """(padded length, indices of at most `_ROWS` texts): every text once, with others of the same padded length.

    That is a power of two, or what texts are cut to.
    """
    widths = np.maximum(_SHORTEST, 2 ** np.ceil(np.log2(np.maximum(1, lengths))).astype(np.int64))
    widths = np.minimum(widths, longest)
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        for begin in range(0, len(rows), _ROWS):
            yield int(width), rows[begin : begin + _ROWS]
