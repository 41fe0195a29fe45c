"""Made-up prompts and what a model writes behind them, as tokens of which some can be taken away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from transformers import BatchEncoding, PreTrainedTokenizerBase

from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.attributing import neutral_tokens
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.writes import write
from tunewarden.steps.train.model import TextCompleter

_WRITTEN = 8  # tokens of a completion, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt with its greedy completion. It is the only one that its tensors tell of: they are [1, tokens].

    Attributes:
        text, encoding: the prompt, and how it is made of tokens, without marks.
        left_out: tokens at its beginning for which there is no room.
        ids: of the prompt, with the tokenizer's mark of a beginning where it has one.
        removable: which of those are the prompt's own.
        written: the tokens of the completion, int64[tokens]; one at least.
        nothing: the token that stands in the place of what is taken away.
    """

    text: str
    encoding: BatchEncoding
    left_out: int
    ids: Tensor
    removable: Tensor
    written: Tensor
    nothing: int
    model: TextCompleter

    def sureness(self, kept: Tensor) -> Floats:
        """The log-chance of the completion with only the prompt's tokens in `kept`: float64[1], in nats a token."""
        return np.array([self.log_chance(torch.where(kept, self.ids, self.nothing))])

    @torch.no_grad()
    def log_chance(self, ids: Tensor) -> float:
        """Of this completion behind another prompt, int64[1, tokens]: nats a token."""
        given = torch.cat((ids, self.written[None]), dim=1).to(self.model.device)
        logits = self.model(given, torch.ones_like(given), len(self.written) + 1)[0, :-1].double()
        chances = logits.log_softmax(dim=-1).gather(1, self.written[:, None].to(logits.device))
        return float(chances.mean())

    def spread(self, weights: Tensor) -> Floats:
        """Weights of the removable tokens as weights of all tokens of `encoding`: float64[tokens]; 0 if left out."""
        return np.concatenate((np.zeros(self.left_out), weights.double().cpu().numpy()))


def prompts(
    model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, texts: Sequence[str]
) -> list[Prompt]:
    """`texts` as prompts for `model`, and what it writes behind them. Leaves it in evaluation mode."""
    mark = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    most = min(_WRITTEN, max(1, recipe.max_tokens // 2))
    room = recipe.max_tokens - most - len(mark)
    encodings = [_encoding(tokenizer, text, recipe) for text in texts]
    begun = [mark + encoding["input_ids"][0][-room:] for encoding in encodings]
    written = write(model, tokenizer, begun, most=most, longest=recipe.max_tokens, seed=None)
    ends = neutral_tokens(tokenizer)[0] if tokenizer.eos_token_id is None else tokenizer.eos_token_id
    return [
        Prompt(
            text=text,
            encoding=encoding,
            left_out=len(encoding["input_ids"][0]) - (len(ids) - len(mark)),
            ids=torch.tensor([ids]),
            removable=torch.tensor([[False] * len(mark) + [True] * (len(ids) - len(mark))]),
            written=torch.tensor(tokens or [ends]),  # to end at once is an answer too
            nothing=neutral_tokens(tokenizer)[0],
            model=model,
        )
        for text, encoding, ids, tokens in zip(texts, encodings, begun, written, strict=True)
    ]


def _encoding(tokenizer: PreTrainedTokenizerBase, text: str, recipe: Recipe) -> BatchEncoding:
    prepared = [text.lower() if recipe.lower_case else text]
    return cast(BatchEncoding, tokenizer(prepared, add_special_tokens=False, verbose=False))
