"""Explanations put to the test on made-up texts: are they stable, about this model, and about what they should be?

The texts are those of `probes.py`, the same for every model, so the answers and what moves them may be shown word by
word. What may be shown of them follows from the weights alone, and the weights are what the epsilon of the training
covers. Not shown: how the model answers texts like those of the dataset; `explanation.py` and `fairness.py` measure
what of that may leave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from torch import Tensor

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.attended import Attended, attended
from tunewarden.steps.measure.attributing import (
    Explained,
    Texts,
    batches,
    complete,
    gradient_x_activation,
    integrate,
    neutral_tokens,
    numbers,
    read,
)
from tunewarden.steps.measure.explained_membership import ExplainedMembership
from tunewarden.steps.measure.in_domain import Exchanged
from tunewarden.steps.measure.intervals import exactly
from tunewarden.steps.measure.maps import ProbeMap, probe_map
from tunewarden.steps.measure.nested import nested
from tunewarden.steps.measure.neutral import neutral_pairs
from tunewarden.steps.measure.probes import Attribute, probe_texts
from tunewarden.steps.measure.shortcuts import Shortcuts, Weighed, shortcuts, weighed
from tunewarden.steps.measure.stability import Stability, Ways, stability
from tunewarden.steps.measure.swaps import LEAST_PAIRS, Answers, Say, Swapped, ask_pairs, swapped
from tunewarden.steps.measure.weights import Weights, folded, held, redrawn, with_weights
from tunewarden.steps.train.model import TextModel

SHOWN = 8
"""Texts whose words are shown."""
_FEWER_STEPS = 10
_MORE = 3  # times as many pairs are asked of an attribute where the first leave too much open
_BASE_ONE_IN = 4  # of the pairs are put to the untrained model, which no gate judges


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrutiny:
    """What was found on made-up texts.

    Attributes:
        neutral: the number of the token that stands for what is taken away or where integration begins.
        swaps: by protected attribute.
        maps: of the first of the texts.
        leaks: what the report would have shown that it may not (`leaks.py`), and no longer does; None before it was
            looked for.
        attended: how much of what moves an answer is the protected term; None where no classes are told.
        exchanged: of texts of held-out persons; empty where exact figures may not leave.
        membership: what attributions add to an attack; None where too few persons or canaries can be attacked.
    """

    neutral: int
    stability: Stability
    shortcuts: Shortcuts
    swaps: tuple[Swapped, ...]
    maps: tuple[ProbeMap, ...]
    leaks: int | None = field(default=None, metadata=LATER)
    attended: Attended | None = field(default=None, metadata=LATER)
    exchanged: tuple[Exchanged, ...] = field(default=(), metadata=LATER)
    membership: ExplainedMembership | None = field(default=None, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge."""
        found = [*self.stability.measurements(), *self.shortcuts.measurements()]
        for each in (*self.swaps, self.attended, *self.exchanged, self.membership):
            found.extend(() if each is None else each.measurements())
        if self.leaks is not None:
            found.append(exactly("explanation.leaks", Decimal(self.leaks), self.stability.texts))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much is looked at: texts that are attributed, and pairs of texts for each protected attribute."""

    texts: int
    pairs: int


def scrutinise(model: TextModel, explained: Explained, say: Say, untrained: Weights, depth: Depth) -> Scrutiny:
    """Of a model of classes, which `explained` and `say` ask; `untrained` are its weights before training.

    At least two texts and eight pairs.
    """
    ways, shares, maps = list[Ways](), list[Weighed](), dict[str, ProbeMap]()
    chosen, shuffled = probe_texts(depth.texts), redrawn(held(model))
    for some in batches(chosen, explained.length):
        with folded(model):
            given = read(explained, some)
            both = nested(given, explained.embeddings)
            found = complete(given, explained.embeddings, first=both.twenty_one)
            others = _others(given, explained, both.ten)
        with with_weights(model, shuffled), folded(model):
            by_chance = integrate(given, explained.embeddings, steps=_FEWER_STEPS)
        ways.append(Ways(removable=given.removable, chosen=found.weights, others=others, redrawn=by_chance))
        chances = given.chances()
        for row, text in enumerate(some):
            weights = numbers(found.weights[row])
            shares.append(weighed(text, given.encoding, row, weights))
            maps[text] = probe_map(text, given.encoding, row, weights, int(given.predicted[row]), float(chances[row]))
    return Scrutiny(
        neutral=neutral_tokens(explained.tokenizer)[0],
        stability=stability(ways),
        shortcuts=shortcuts(shares),
        swaps=_swaps(model, say, untrained, depth.pairs),
        maps=tuple(maps[text] for text in chosen[:SHOWN]),
        attended=attended(model, explained, untrained, depth.texts),
    )


def _others(given: Texts, explained: Explained, fewer: Tensor) -> dict[str, Tensor]:
    another = neutral_tokens(explained.tokenizer)[1]
    return {
        "steps": fewer,
        "baseline": integrate(given, explained.embeddings, nothing=another, steps=_FEWER_STEPS),
        "gradient-x-activation": gradient_x_activation(given, explained.embeddings),
    }


def _swaps(model: TextModel, say: Say, untrained: Weights, pairs: int) -> tuple[Swapped, ...]:
    """Where the first pairs leave open how much more protected terms do, more are asked.

    Whether they do hangs on how many pairs answered otherwise than the neutral ones beside them, and not on which of
    the two flipped: so it does not favour one answer over the other.
    """
    with with_weights(model, untrained):
        base = ask_pairs(say, pairs // _BASE_ONE_IN)
    answers = _asked(say, tuple(Attribute), pairs)
    if pairs >= LEAST_PAIRS:
        open_yet = [name for name, both in answers.items() if not both.swapped(name, base).settled]
        more = _asked(say, open_yet, pairs * _MORE, after=pairs)
        answers |= {name: answers[name].then(more[name]) for name in open_yet}
    return tuple(both.swapped(name, base) for name, both in answers.items())


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is said to the pairs of an attribute, and to the neutral pairs beside them."""

    protected: Answers
    neutral: Answers

    def then(self, more: "_Beside") -> "_Beside":
        return _Beside(self.protected.then(more.protected), self.neutral.then(more.neutral))

    def swapped(self, attribute: Attribute, base: Mapping[Attribute, Answers]) -> Swapped:
        return swapped(attribute, self.protected, base[attribute], self.neutral)


def _asked(say: Say, attributes: Sequence[Attribute], pairs: int, *, after: int = 0) -> dict[Attribute, _Beside]:
    if not attributes:
        return {}
    protected = ask_pairs(say, pairs, attributes=attributes, after=after)
    neutral = ask_pairs(say, pairs, of=neutral_pairs, attributes=attributes, after=after)
    return {name: _Beside(protected[name], neutral[name]) for name in attributes}
