"""Maps of made-up texts: each word with what it adds to the answer or takes from it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from transformers import BatchEncoding

from tunewarden.steps.measure.intervals import Floats, decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WordWeight:
    """A word as it stands in its text; `weight` is its share of all magnitudes, below 0 where it takes away."""

    word: str
    weight: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeMap:
    """A made-up text, word by word.

    Attributes:
        answer: the number of the class that was predicted; None where a completion was written, which is not shown.
        chance: of that class; of a completion, the mean chance of its tokens.
    """

    words: tuple[WordWeight, ...]
    answer: int | None
    chance: Decimal


def probe_map(
    text: str, encoding: BatchEncoding, row: int, weights: Floats, answer: int | None, chance: float
) -> ProbeMap:
    """Of the text in `row` of `encoding`; `weights` is float64[tokens], and pieces of one word are added up."""
    pieces: dict[int, list[int]] = defaultdict(list)
    for token, word in enumerate(encoding.word_ids(row)):
        if word is not None:
            pieces[word].append(token)
    spans = [encoding.word_to_chars(row, word) for word in pieces]
    return word_map(
        [text[start:end].strip() for start, end in spans],
        [float(weights[tokens].sum()) for tokens in pieces.values()],
        answer,
        chance,
    )


def word_map(words: Sequence[str], weights: Sequence[float], answer: int | None, chance: float) -> ProbeMap:
    """Of words and what each adds to the answer, in the order of the text."""
    total = sum(abs(weight) for weight in weights)
    return ProbeMap(
        words=tuple(
            WordWeight(word=word, weight=decimal(weight / total if total else 0.0))
            for word, weight in zip(words, weights, strict=True)
        ),
        answer=answer,
        chance=decimal(chance),
    )
