"""Utility of a model that completes texts, on persons it never saw: how often it writes on as they did.

*Token accuracy*: of the tokens of a completion, the share that the model holds likeliest given all that really stands
before them; a person's is the mean over that person's rows, and everybody counts alike. *Exact match*: the completion
is written to its last token by greedy decoding, which is so exactly where every one of its tokens is the likeliest; so
nothing need be generated, and a completion is as long as the recipe lets it be. The *untrained base* is the same model
without its adapter, asked about the same rows.

Shares have Wilson's interval over persons, or that of noisy tables. Loss, perplexity and the gain over the base have
none in closed form: where exact figures may leave, they are bootstrapped over persons, of whom there have to be
`LEAST_PERSONS`. Losses have no bound that one person keeps, so no noisy figure of them is made. What is not measured:
whether a completion that differs is as good as the one that was written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.groups import LEAST_PERSONS
from tunewarden.steps.measure.intervals import (
    Booleans,
    Figure,
    Floats,
    Integers,
    Interval,
    bootstrap,
    by_person,
    critical,
    person_share,
)
from tunewarden.steps.measure.noisy import Share, gain_over_base, persons_in, share, share_figure
from tunewarden.steps.measure.tables import RIGHT, WRONG, Table

_LARGEST = 700.0  # nats: e to this is still a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """What a model makes of completions, each token given all that stands before it.

    Attributes:
        right: bool[tokens], whether the token that is written is the likeliest; rows one after another.
        starts: int64[rows + 1]; the tokens of row i are starts[i] to starts[i + 1] - 1, at least one.
        losses: float64[rows], the mean over the row's tokens, in nats.
    """

    right: Booleans
    starts: Integers
    losses: Floats

    def shares(self) -> Floats:
        """The share of each row's tokens that is right: float64[rows]."""
        rows = np.repeat(np.arange(len(self.losses)), np.diff(self.starts))
        hits = np.bincount(rows, weights=self.right, minlength=len(self.losses))
        return np.asarray(hits / np.diff(self.starts), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionUtility:
    """What is measured.

    Attributes:
        rows, persons: held out; noisy figures count persons only.
        token_accuracy, exact_match: of the adapter, in [0, 1]; of the base beside them. None where too few are known.
        gain_over_base: of token accuracy, paired by person.
        loss, perplexity: of the adapter and of the base, nats a token and e to that; None where figures are noisy.
    """

    rows: int | None
    persons: int
    token_accuracy: Figure | None
    base_token_accuracy: Figure | None
    gain_over_base: Figure | None
    exact_match: Figure | None
    base_exact_match: Figure | None
    loss: Figure | None
    base_loss: Figure | None
    perplexity: Figure | None
    base_perplexity: Figure | None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons. What could not be stated is missing."""
        found = {
            "utility.token_accuracy": self.token_accuracy,
            "utility.token_gain_over_base": self.gain_over_base,
            "utility.exact_match": self.exact_match,
            "utility.completion_loss": self.loss,
            "utility.perplexity": self.perplexity,
        }
        return tuple(figure.measured(metric, self.persons) for metric, figure in found.items() if figure is not None)


def completion_utility(*, before: Predicted, after: Predicted, persons: Integers) -> CompletionUtility:
    """Compare the adapter with the untrained base on held-out rows, at least one; `persons` is int64[rows]."""
    z = critical()
    gains = by_person(after.shares() - before.shares(), persons)
    loss, base_loss = (_loss(by_person(each.losses, persons)) for each in (after, before))
    return CompletionUtility(
        rows=len(persons),
        persons=len(gains),
        token_accuracy=person_share(after.shares(), persons, z).figure(),
        base_token_accuracy=person_share(before.shares(), persons, z).figure(),
        gain_over_base=bootstrap(gains).figure() if len(gains) >= LEAST_PERSONS else None,
        exact_match=person_share(_whole(after), persons, z).figure(),
        base_exact_match=person_share(_whole(before), persons, z).figure(),
        loss=_stated(loss),
        base_loss=_stated(base_loss),
        perplexity=_stated(_perplexity(loss)),
        base_perplexity=_stated(_perplexity(base_loss)),
    )


def noisy_completion_utility(tables: Sequence[Table], sigma: float) -> CompletionUtility:
    """What can be said from the first two tables of `completion_tables`. Figures over too few persons are None."""
    z, tokens, whole = critical(), tables[0].cells, tables[1].cells
    accuracy, base = _shares(tokens, sigma, z)
    exact, base_exact = _shares(whole, sigma, z)
    return CompletionUtility(
        rows=None,
        persons=persons_in(tables),
        token_accuracy=share_figure(accuracy),
        base_token_accuracy=share_figure(base),
        gain_over_base=gain_over_base(accuracy, base, tokens, sigma),
        exact_match=share_figure(exact),
        base_exact_match=share_figure(base_exact),
        loss=None,
        base_loss=None,
        perplexity=None,
        base_perplexity=None,
    )


def _shares(cells: Floats, sigma: float, z: float) -> tuple[Share | None, Share | None]:
    """Of the adapter and of the base, from one table of both."""
    return share(cells[:, RIGHT], cells[:, WRONG], sigma, z), share(cells[RIGHT], cells[WRONG], sigma, z)


def _whole(predicted: Predicted) -> Floats:
    return np.asarray(predicted.shares() == 1.0, dtype=np.float64)


def _loss(each: Floats) -> Interval | None:
    """None for few persons, and for a model that makes no numbers."""
    return bootstrap(each) if len(each) >= LEAST_PERSONS and bool(np.isfinite(each).all()) else None


def _perplexity(loss: Interval | None) -> Interval | None:
    if loss is None or loss.high > _LARGEST:
        return None
    return Interval(low=exp(loss.low), value=exp(loss.value), high=exp(loss.high))


def _stated(interval: Interval | None) -> Figure | None:
    return None if interval is None else interval.figure()
