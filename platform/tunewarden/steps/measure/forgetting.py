"""What the model can still do of what its base could: asked with sentences that are shipped, made up and nobody's.

`sentences.txt` has pairs that say the same in other words, in English and Spanish. A model that completes texts is
asked how surprised it is by each sentence, given its first word: *forgetting* is how much its loss rose. One that tells
classes has no such task, so its encoder is asked which sentence means the same: each is compared with all the other
halves by the cosine of what the encoder makes of them (the mean of its token states, as the head sees it), and its own
half has to be the nearest; *forgetting* is how many fewer are found. Each is asked with the adapter and without.

Sixty pairs are a probe, not an examination: what they do not ask may be forgotten all the same. Neither figure is
about a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.gates import Measurement
from tunewarden.domain.training import Recipe
from tunewarden.steps.measure.answers import predictions
from tunewarden.steps.measure.audited import without_adapter
from tunewarden.steps.measure.intervals import Booleans, Figure, Floats, critical, mean, paired_gain, share
from tunewarden.steps.train.model import TextClassifier, TextCompleter, TextModel
from tunewarden.steps.train.texts import pad, tokenize, tokenize_pairs

Pairs = Sequence[tuple[str, str]]
SENTENCES = Path(__file__).with_name("sentences.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """What was found. The figures are losses, nats a token, or shares of sentences found.

    Attributes:
        sentences: that were asked.
        losses: whether the figures are losses.
        before, after: of the base and with the adapter.
        lost: how much the loss rose, or how many fewer are found; paired. None where a loss is not a number.
    """

    sentences: int
    losses: bool
    before: Figure | None
    after: Figure | None
    lost: Figure | None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts texts."""
        metric = "utility.forgotten_loss" if self.losses else "utility.forgotten_pairs"
        return () if self.lost is None else (self.lost.measured(metric, self.sentences),)


def forgetting(model: TextModel, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, most: int) -> Forgetting:
    """Ask `model`, which has the adapter, with it and without, of the first `most` pairs.

    Leaves it in evaluation mode.
    """
    asked = pairs()[:most]
    match model:
        case TextCompleter():
            with without_adapter(model):
                base = _losses(model, tokenizer, recipe, asked)
            return _risen(base, _losses(model, tokenizer, recipe, asked))
        case TextClassifier():
            with without_adapter(model):
                base_found = _found(model, tokenizer, recipe, asked)
            return _fewer(base_found, _found(model, tokenizer, recipe, asked))
    raise AssertionError("every task has one of these two models")


@cache
def pairs() -> Pairs:
    """The sentences that are shipped, each with its other half."""
    lines = SENTENCES.read_text(encoding="utf-8").splitlines()
    halves = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple((one, other) for one, other in halves)


def nearest(ones: Floats, others: Floats) -> Booleans:
    """Whether each of `ones`, and then each of `others`, is nearest to its own half: bool[2 * pairs].

    Both are float64[pairs, width]. A tie with another half is no find.
    """
    norms = (each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-12) for each in (ones, others))
    one, other = norms
    cosine = one @ other.T
    own = np.diag(cosine).copy()
    np.fill_diagonal(cosine, -np.inf)
    return np.concatenate([own > cosine.max(axis=1), own > cosine.max(axis=0)])


def _fewer(before: Booleans, after: Booleans) -> Forgetting:
    pair = np.tile(np.arange(len(before) // 2), 2)  # the halves of a pair are not independent
    z = critical()
    return Forgetting(
        sentences=len(before),
        losses=False,
        before=share(before, pair, z).figure(),
        after=share(after, pair, z).figure(),
        lost=paired_gain(before, after, pair).figure(),
    )


def _risen(before: Floats, after: Floats) -> Forgetting:
    finite = bool(np.isfinite(before).all() and np.isfinite(after).all())
    return Forgetting(
        sentences=2 * len(before),
        losses=True,
        before=mean(before).figure() if finite else None,
        after=mean(after).figure() if finite else None,
        lost=mean(after - before).figure() if finite else None,
    )


def _losses(model: TextCompleter, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, asked: Pairs) -> Floats:
    """Of each pair, the mean over its halves: float64[pairs]."""
    begun = [sentence.split(" ", 1) for pair in asked for sentence in pair]
    prompts, rest = [first for first, _ in begun], [after for _, after in begun]
    tokens, begins = tokenize_pairs(tokenizer, prompts, rest, recipe)
    return np.asarray(predictions(model, tokens, begins, recipe.max_tokens).losses.reshape(-1, 2).mean(axis=1))


def _found(model: TextClassifier, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, asked: Pairs) -> Booleans:
    ones, others = zip(*asked, strict=True)
    return nearest(*(_states(model, tokenizer, recipe, half) for half in (ones, others)))


@torch.no_grad()
def _states(model: TextClassifier, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, texts: Sequence[str]) -> Floats:
    """What the head is given of each text: float64[texts, width]."""
    model.eval()
    states: list[torch.Tensor] = []
    seen = model.head.register_forward_pre_hook(lambda _, given: states.append(given[0].double().cpu()))
    try:
        model(*(part.to(model.device) for part in pad(tokenize(tokenizer, texts, recipe), np.arange(len(texts)))))
    finally:
        seen.remove()
    return np.asarray(states[0].numpy())
