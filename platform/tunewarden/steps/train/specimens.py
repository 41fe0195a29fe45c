"""Made-up persons and made-up weights to try a training on: no record is read, and the weights come back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan
from tunewarden.steps.train.model import TextClassifier, TextModel
from tunewarden.steps.train.rows import Rows, class_weights
from tunewarden.steps.train.texts import Tokens, tokenize, tokenize_pairs

_WORDS_OF_ROWS = ((3,), (24,), (2, 7), (1, 3, 2, 1), (4,))
"""The rows of each made-up person, in words: short, long, several of different length, many, and the poisoned one."""

PERSONS = len(_WORDS_OF_ROWS)
"""How many, where the person is the privacy unit."""

_PERTURBATION = 0.05  # small against trained weights, large against the rounding of float32 gradients
_SEED = 271828  # of made-up weights only; no noise and no sampling comes from here


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimens:
    """Made-up persons.

    Attributes:
        rows: theirs, through the tokenizer of the training.
        poison: a token that the last person has and nobody else.
    """

    rows: Rows
    poison: int

    @property
    def persons(self) -> Sequence[NDArray[np.int64]]:
        """The rows of each."""
        return [self.rows.of(person) for person in range(self.rows.persons)]


def make_up(model: TextModel, tokenizer: PreTrainedTokenizerBase, plan: Plan) -> Specimens:
    """Persons whose texts are words of the tokenizer's vocabulary; always the same ones. Classes by turns.

    Where the record is the privacy unit, each row stands for somebody.
    """
    words, lengths = _words(tokenizer), [length for theirs in _WORDS_OF_ROWS for length in theirs]
    texts = [
        " ".join(words[(7 * row + 3 * place) % len(words)] for place in range(length))
        for row, length in enumerate(lengths)
    ]
    classes, completions = 1, None
    if isinstance(model, TextClassifier):
        classes = model.head.out_features
        tokens = tokenize(tokenizer, texts, plan.recipe)
    else:
        prompts = [words[(5 * row + 1) % len(words)] for row in range(len(texts))]
        tokens, completions = tokenize_pairs(tokenizer, prompts, texts, plan.recipe)
    tokens, poison = _poisoned(tokens, _embedding(model).num_embeddings)
    by_person = plan.mechanism.unit is PrivacyUnit.PERSON
    of_each = [len(theirs) for theirs in _WORDS_OF_ROWS] if by_person else [1] * len(texts)
    rows = Rows(
        tokens=tokens,
        labels=np.arange(len(texts), dtype=np.int64) % classes,
        starts=np.concatenate(([0], np.cumsum(of_each, dtype=np.int64))),
        completions=completions,
        class_weights=class_weights(plan),
    )
    return Specimens(rows=rows, poison=poison)


def crowd(persons: int, most_rows: int) -> Rows:
    """Many persons with 1 to `most_rows` rows each, one empty token in every row: for sampling only."""
    counts = 1 + np.arange(persons, dtype=np.int64) % most_rows
    total = int(counts.sum())
    return Rows(
        tokens=Tokens(ids=np.zeros(total, dtype=np.int32), starts=np.arange(total + 1, dtype=np.int64), truncated=0),
        labels=np.zeros(total, dtype=np.int64),
        starts=np.concatenate(([0], np.cumsum(counts))),
    )


@contextmanager
def made_up_weights(model: TextModel) -> Iterator[None]:
    """Meanwhile every trainable number is moved a little; afterwards the model is what it was, bit for bit.

    LoRA starts with matrices that are zero, and so are half of its gradients then: nothing could be compared.
    """
    weights, modes = model.trainable(), [(module, module.training) for module in model.modules()]
    kept = {name: parameter.detach().clone() for name, parameter in weights.items()}
    generator = torch.Generator().manual_seed(_SEED)
    model.eval()
    try:
        with torch.no_grad():
            for parameter in weights.values():
                parameter.add_(_PERTURBATION * torch.randn(parameter.shape, generator=generator).to(parameter))
        yield
    finally:
        with torch.no_grad():
            for name, parameter in weights.items():
                parameter.copy_(kept[name])
                parameter.grad = None
        for module, training in modes:
            module.training = training


@contextmanager
def poisoned(model: TextModel, token: int) -> Iterator[None]:
    """Meanwhile the state of `token` is not a number, so neither is the gradient of whoever has it."""

    def poison(_module: nn.Module, given: tuple[torch.Tensor, ...], states: torch.Tensor) -> torch.Tensor:
        return states.masked_fill((given[0] == token).unsqueeze(-1), float("nan"))

    hook = _embedding(model).register_forward_hook(poison)
    try:
        yield
    finally:
        hook.remove()


def _embedding(model: TextModel) -> nn.Embedding:
    """Of the tokens."""
    return cast(nn.Embedding, cast(PreTrainedModel, model.adapted).get_input_embeddings())


def _words(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    bare = {token.strip("▁Ġ#") for token in tokenizer.get_vocab()}
    words = sorted(word for word in bare if word.isascii() and word.isalpha() and len(word) > 1)
    step = max(1, len(words) // 97)  # from all over the vocabulary, and few enough
    return words[::step] or ["a"]


def _poisoned(tokens: Tokens, vocabulary: int) -> tuple[Tokens, int]:
    """The last text with a token in its middle that no other text has."""
    begin, end = (int(place) for place in tokens.starts[-2:])
    others = {0, *tokens.ids[:begin].tolist()}  # 0 is what `pad` pads with
    poison = max(token for token in range(vocabulary) if token not in others)
    ids = tokens.ids.copy()
    ids[begin + (end - begin - 1) // 2] = poison
    return replace(tokens, ids=ids), poison
