"""How much of what moves an answer is the protected term, and not the rest of the text?

On made-up texts, each about somebody: the share of the attributions' magnitude that falls on the words that a
protected pair exchanges, beside the share on the neutral words in their place (`neutral.py`), and beside the share of
the model as training began. The encoder was then as it came and the head drawn by a fixed seed, so this is what the
encoder alone puts there for a question that means nothing; what is more came with the training.

Told, and no gate judges it. An explanation shows where a model looks, and looking is no harm: a flip is, and that has
rules. Nor is a low share a proof: attributions may miss what acts together with other words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from transformers import BatchEncoding

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.attributing import Explained, batches, integrate, numbers, read
from tunewarden.steps.measure.intervals import Figure, Floats, mean, within_one
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.probes import Attribute, Pair, pairs
from tunewarden.steps.measure.weights import Weights, folded, with_weights
from tunewarden.steps.train.model import TextModel

MOST_TEXTS = 32
_STEPS = 10
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """Shares of all that moves an answer, over made-up texts of all attributes, as many of each.

    Attributes:
        protected, neutral, base: on protected terms, on the neutral words in their place, and on protected terms by the
            model as training began.
        over_neutral, over_base: how much larger the first is, paired by text.
    """

    texts: int
    protected: Figure
    neutral: Figure
    base: Figure
    over_neutral: Figure
    over_base: Figure

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates could judge; n counts texts."""
        return (
            self.protected.measured("explanation.protected_share", self.texts),
            self.over_neutral.measured("explanation.protected_share_over_neutral", self.texts),
            self.over_base.measured("explanation.protected_share_over_base", self.texts),
        )


def attended(model: TextModel, explained: Explained, untrained: Weights, texts: int) -> Attended:
    """Of so many texts, `MOST_TEXTS` at most and two at least; `untrained` is the model as training began."""
    each = max(1, min(texts, MOST_TEXTS) // len(Attribute))
    protected, neutral = ([pair for name in Attribute for pair in of(name, each)] for of in (pairs, neutral_pairs))
    with folded(model):
        mine, control = _shares(explained, protected), _shares(explained, neutral)
    with with_weights(model, untrained), folded(model):
        base = _shares(explained, protected)
    return Attended(
        texts=len(protected),
        protected=within_one(mine),
        neutral=within_one(control),
        base=within_one(base),
        over_neutral=mean(mine - control).figure(),
        over_base=mean(mine - base).figure(),
    )


def differing(pair: Pair) -> tuple[Span, ...]:
    """Which characters of the first text are words that the second has others for; there are some."""
    words, found = _words(pair.first), []
    match = SequenceMatcher(
        None, [pair.first[a:b] for a, b in words], [pair.second[a:b] for a, b in _words(pair.second)], autojunk=False
    )
    for kind, begin, end, _, _ in match.get_opcodes():
        if kind in {"replace", "delete"}:
            found.append((words[begin][0], words[end - 1][1]))
    return tuple(found)


def _words(text: str) -> list[Span]:
    found, begin = [], 0
    for word in text.split():
        begin = text.index(word, begin)
        found.append((begin, begin + len(word)))
        begin += len(word)
    return found


def _shares(explained: Explained, asked: Sequence[Pair]) -> Floats:
    """Of the first text of each pair, in their order: float64[pairs]."""
    where = {pair.first: number for number, pair in enumerate(asked)}
    shares = np.zeros(len(asked))
    for some in batches(list(where), explained.length):
        given = read(explained, some)
        weights = integrate(given, explained.embeddings, steps=_STEPS)
        for row, text in enumerate(some):
            number = where[text]
            shares[number] = _share(numbers(weights[row]), given.encoding, row, differing(asked[number]))
    return shares


def _share(weights: Floats, encoding: BatchEncoding, row: int, spans: Sequence[Span]) -> float:
    magnitudes = np.abs(weights)
    whole = float(magnitudes.sum())
    inside = 0.0
    for token, word in enumerate(encoding.word_ids(row)):
        if word is None:
            continue
        place = encoding.token_to_chars(row, token)
        if place is not None and any(begin <= place.start and place.end <= end for begin, end in spans):
            inside += float(magnitudes[token])
    return inside / whole if whole > 0 else 0.0
