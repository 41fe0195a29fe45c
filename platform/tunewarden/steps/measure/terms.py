"""The words that weigh most over many explained texts, and no word that could point at one of them.

A word is listed only where 10 or more different texts of as many persons have it: a text that one person has twelve
times, or that twelve persons have word for word, counts once. Never listed are words that are not purely letters
(record numbers, dates), the placeholders that de-identification left ("[NAME]", "<DATE>"), given names, and what else
looks like an identifier.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from transformers import BatchEncoding

from tunewarden.steps.deidentify.normalise import folded
from tunewarden.steps.deidentify.word_lists import GIVEN
from tunewarden.steps.measure.intervals import Floats, decimal
from tunewarden.steps.measure.recognised import recognised

LEAST_TEXTS = 10
_LISTED = 20
WeighedWords = list[tuple[str, float]]
"""(word, what it adds to the answer), in the order of the text."""
_PLACEHOLDER = re.compile(r"\[[^\[\]]{1,40}\]|<[^<>]{1,40}>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word that is listed.

    Attributes:
        weight: its share of all that the words of a text add to or take from the answer, averaged over its texts.
        texts: how many different texts of different persons have it, 10 or more.
    """

    term: str
    weight: Decimal
    texts: int


def global_terms(texts: Mapping[str, WeighedWords]) -> tuple[Term, ...]:
    """The heaviest words of `texts`, of which each is another person's, or several persons' alike."""
    weights: dict[str, list[float]] = defaultdict(list)
    for words in texts.values():
        total = sum(abs(weight) for _, weight in words)
        shares: dict[str, float] = defaultdict(float)
        for word, weight in words:
            shares[word] += abs(weight) / total if total else 0.0
        for word, part in shares.items():
            weights[word].append(part)
    common = {word: parts for word, parts in weights.items() if len(parts) >= LEAST_TEXTS and _listable(word)}
    ordered = sorted(common, key=lambda word: (-sum(common[word]) / len(common[word]), word))
    heaviest = islice((word for word in ordered if not recognised([word])[0]), _LISTED)
    return tuple(
        Term(term=word, weight=decimal(sum(common[word]) / len(common[word])), texts=len(common[word]))
        for word in heaviest
    )


def weighed_words(text: str, encoding: BatchEncoding, row: int, attributions: Floats) -> WeighedWords:
    """The words of one text with the sum of their pieces' attributions; placeholders become empty words.

    `row` is the text's place in `encoding`; `attributions` is float64[tokens].
    """
    hidden = [match.span() for match in _PLACEHOLDER.finditer(text)]
    pieces: dict[int, list[int]] = defaultdict(list)
    for token, word in enumerate(encoding.word_ids(row)):
        if word is not None:
            pieces[word].append(token)
    words: WeighedWords = []
    for word, tokens in pieces.items():
        start, end = encoding.word_to_chars(row, word)
        inside = any(begin <= start and end <= finish for begin, finish in hidden)
        words.append(("" if inside else text[start:end].lower(), float(attributions[tokens].sum())))
    return words


def _listable(word: str) -> bool:
    return len(word) > 1 and word.isalpha() and folded(word) not in GIVEN
