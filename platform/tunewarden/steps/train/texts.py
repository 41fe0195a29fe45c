"""Texts -> tokens, exactly as the recipe says, for training and for measuring alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.training import Recipe

_PAIRS_AT_ONCE = 4096


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
    return _joined(kept, int((pieces > 1).sum()))


def tokenize_pairs(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], completions: Sequence[str], recipe: Recipe
) -> tuple[Tokens, NDArray[np.int64]]:
    """Each prompt with its completion behind it, and where that begins: int64[texts].

    The tokenizer's mark of a beginning stands first and its mark of an end last, where it has such marks. What is
    longer than `recipe.max_tokens` loses the beginning of its prompt first, then the end of its completion, of which
    one token at least is left. Prompt and completion are tokenised apart, so that the cut between them is nobody's
    choice. Raises `Refused` for a completion without a token and for one that nothing stands before.
    """
    if recipe.max_tokens < 2:
        raise Malformed("recipe_out_of_range", "A prompt with its completion needs two tokens.", param="max_tokens")
    mark = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    kept, places, truncated = [], [], 0
    for before, after in zip(
        _plain_ids(tokenizer, prompts, recipe), _plain_ids(tokenizer, completions, recipe), strict=True
    ):
        if not after or not (mark or before):
            raise Refused(
                "completion_empty",
                "A record has no completion, or nothing that the completion could follow.",
                remedy="Leave such records out of the dataset.",
                who="steward",
            )
        learnt = (after + end)[: recipe.max_tokens - 1]
        room = recipe.max_tokens - len(learnt) - len(mark)
        given = mark + before[max(0, len(before) - room) :]
        kept.append(given + learnt)
        places.append(len(given))
        truncated += len(given) + len(learnt) < len(mark) + len(before) + len(after) + len(end)
    return _joined(kept, truncated), np.array(places, dtype=np.int64)


def completable(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], completions: Sequence[str], recipe: Recipe
) -> NDArray[np.bool_]:
    """Of each prompt with its completion, whether `tokenize_pairs` takes it: bool[texts]."""
    alone = tokenizer.bos_token_id is not None  # a mark of the beginning is enough to stand before
    fits = np.empty(len(prompts), dtype=np.bool_)
    for begin in range(0, len(prompts), _PAIRS_AT_ONCE):
        some = slice(begin, begin + _PAIRS_AT_ONCE)
        pairs = zip(
            _plain_ids(tokenizer, prompts[some], recipe), _plain_ids(tokenizer, completions[some], recipe), strict=True
        )
        fits[some] = [bool(after and (alone or before)) for before, after in pairs]
    return fits


def pad(tokens: Tokens, rows: NDArray[np.int64], to: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """(input ids, attention mask) of `rows`, padded to the longest of them or to `to` tokens: int64[rows, tokens] each.

    Padding is token 0, whatever the tokenizer calls it: the mask keeps it out of every sum.
    """
    lengths = tokens.lengths()[rows]
    places = np.arange(to or lengths.max())
    mask = places < lengths[:, None]
    ids = np.where(mask, tokens.ids[np.minimum(tokens.starts[rows][:, None] + places, len(tokens.ids) - 1)], 0)
    return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(mask.astype(np.int64))


def _plain_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], recipe: Recipe) -> list[list[int]]:
    # Without special tokens: those a language model needs are put where they belong by hand. A text longer than the
    # model is cut later, so the tokenizer need not warn of it.
    prepared = [text.lower() for text in texts] if recipe.lower_case else list(texts)
    encoded = (
        tokenizer(prepared, add_special_tokens=False, padding=False, verbose=False) if prepared else {"input_ids": []}
    )
    return [list(ids) for ids in encoded["input_ids"]]


def _joined(texts: Sequence[Sequence[int]], truncated: int) -> Tokens:
    return Tokens(
        ids=np.fromiter((token for ids in texts for token in ids), dtype=np.int32),
        starts=np.concatenate(([0], np.cumsum([len(ids) for ids in texts], dtype=np.int64))),
        truncated=truncated,
    )
