"""Shortcuts: how much of what moves an answer is form and not words.

A model may answer by what de-identification or a form left in a text, by numbers, or by what happens to stand first or
last (Geirhos et al. 2020, arXiv 2004.07780). Of made-up texts that hold all of these, the share of the attributions'
magnitude that falls on each kind is told, beside the share of tokens that are of that kind: what chance would give.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from transformers import BatchEncoding

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import Booleans, Figure, Floats, decimal, within_one

_PLACEHOLDER = re.compile(r"\[[^\[\]]{1,40}\]|<[^<>]{1,40}>")
_NUMBER = re.compile(r"\d")
_WORDS = re.compile(r"\w")
_FORM = "form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """A kind of token: its mean share of a text's attribution, and its mean share of the tokens."""

    kind: str
    share: Figure
    tokens: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """What was found on `texts` made-up texts; the kind "form" is all placeholders, numbers and marks together."""

    texts: int
    kinds: tuple[Shortcut, ...]

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts texts."""
        (form,) = (kind for kind in self.kinds if kind.kind == _FORM)
        return (form.share.measured("explanation.form_share", self.texts),)


@dataclass(frozen=True, slots=True)
class Weighed:
    """The magnitude of a text's tokens, one at least, and what kinds each is of: float64[tokens], bool[tokens] each."""

    weights: Floats
    kinds: dict[str, Booleans]


def weighed(text: str, encoding: BatchEncoding, row: int, weights: Floats) -> Weighed:
    """Of the text in `row` of `encoding`; `weights` is float64[tokens]. Marks around a text are no tokens of it."""
    words_of = encoding.word_ids(row)
    own = np.array([token for token, word in enumerate(words_of) if word is not None], dtype=np.int64)
    words = np.array([words_of[token] for token in own])
    spans = [span for token in own if (span := encoding.token_to_chars(row, int(token))) is not None]
    hidden = [match.span() for match in _PLACEHOLDER.finditer(text)]
    placeholder = _which(any(a <= span.start and span.end <= b for a, b in hidden) for span in spans)
    number = _which(_NUMBER.search(text[span.start : span.end]) for span in spans) & ~placeholder
    mark = _which(not _WORDS.search(text[span.start : span.end]) for span in spans) & ~placeholder
    kinds = {"placeholder": placeholder, "number": number, "mark": mark, _FORM: placeholder | number | mark}
    kinds |= {"first word": words == words[0], "last word": words == words[-1]}
    return Weighed(np.abs(weights[own]), kinds)


def shortcuts(texts: Sequence[Weighed]) -> Shortcuts:
    """Of at least two texts, each with a token."""
    return Shortcuts(
        texts=len(texts),
        kinds=tuple(
            Shortcut(
                kind=kind,
                share=within_one(np.array([_part(text.weights, text.kinds[kind]) for text in texts])),
                tokens=decimal(float(np.mean([text.kinds[kind].mean() for text in texts]))),
            )
            for kind in texts[0].kinds
        ),
    )


def _part(weights: Floats, which: Booleans) -> float:
    total = weights.sum()
    return float(weights[which].sum() / total) if total > 0 else 0.0


def _which(found: Iterable[object]) -> Booleans:
    return np.array([bool(each) for each in found], dtype=np.bool_)
