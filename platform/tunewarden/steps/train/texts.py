"""Texts -> tokens, exactly as the recipe says, for training and for measuring alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Texts of different length, one after the other.

    Attributes:
        ids: int32[all tokens].
        starts: int64[texts + 1]; text i is ids[starts[i]:starts[i + 1]].
        truncated: how many texts were longer than the recipe allows.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    truncated: int

    def lengths(self) -> NDArray[np.int64]:
        """How many tokens each text has: int64[texts]."""
        return np.diff(self.starts)


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], recipe: Recipe) -> Tokens:
    """Cut to `recipe.max_tokens`, special tokens included. No texts give no tokens."""
    if not texts:
        return Tokens(ids=np.empty(0, dtype=np.int32), starts=np.zeros(1, dtype=np.int64), truncated=0)
    prepared = [text.lower() for text in texts] if recipe.lower_case else list(texts)
    encoded = tokenizer(
        prepared, truncation=True, max_length=recipe.max_tokens, return_overflowing_tokens=True, padding=False
    )
    # A longer text comes back in several pieces: the first is the text as the recipe cuts it, the others tell of a cut.
    _, first, pieces = np.unique(encoded["overflow_to_sample_mapping"], return_index=True, return_counts=True)
    kept = [encoded["input_ids"][piece] for piece in first]
    return Tokens(
        ids=np.fromiter((token for ids in kept for token in ids), dtype=np.int32),
        starts=np.concatenate(([0], np.cumsum([len(ids) for ids in kept], dtype=np.int64))),
        truncated=int((pieces > 1).sum()),
    )


def pad(tokens: Tokens, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    """(input ids, attention mask) of `rows`, padded to the longest of them: int64[rows, tokens] each.

    Padding is token 0, whatever the tokenizer calls it: the mask keeps it out of every sum.
    """
    lengths = tokens.lengths()[rows]
    places = np.arange(lengths.max())
    mask = places < lengths[:, None]
    ids = np.where(mask, tokens.ids[np.minimum(tokens.starts[rows][:, None] + places, len(tokens.ids) - 1)], 0)
    return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(mask.astype(np.int64))
