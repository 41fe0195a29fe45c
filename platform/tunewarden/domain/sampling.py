"""What a random sample that people read says about all the records: exact one-sided bounds, and how large it has to be.

Of a simple random sample of documents, `leaks` were marked. The chance that a document leaks is then at most the
one-sided bound of Clopper and Pearson (1934, Biometrika 26:404), exact for the binomial distribution and on the safe
side for sampling without replacement. People miss things, so identifiers that were put in on purpose ("seeds") are
counted too: if a reader sees a leak with probability s, the rate of marked documents is s times the rate of leaking
ones, and the bound is divided by the lower bound of s. Each of the two is taken at half the level, so that both hold
together (Bonferroni).

A sample that failed is spent. Whoever may draw again and again passes by luck in the end, so after k failed samples of
the same data the level is 1/2^k of what it was (alpha-spending): 5 % for the first sample, and not more than
5 % + 2.5 % + ... = 10 % for any number of them together.

Not checked: whether seeds are as hard to see as real leaks. They are written like identifiers that have none of their
own to hide among; a leak that only somebody who knows the person would notice is missed by this and by every reader.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from itertools import count
from math import exp, lgamma, log, log1p

from tunewarden.domain.errors import Malformed
from tunewarden.domain.gates import LARGEST_SAMPLE, Bound, Gate, Measurement, Rule, SamplingPlan

__all__ = [
    "ADJUSTED",
    "ALPHA",
    "LEAK_RATE",
    "SENSITIVITY",
    "SamplingPlan",
    "documents_for",
    "level",
    "lower_bound",
    "plan_for",
    "require_attainable",
    "review_measurements",
    "upper_bound",
]

LEAK_RATE = "deid.review.leak_rate"
SENSITIVITY = "deid.review.sensitivity"
ADJUSTED = "deid.review.adjusted_leak_rate"

ALPHA = 0.05
"""How often a bound may be wrong: 95 % confidence."""

_MICRO = Decimal("0.000001")
_MANY_FAILURES = 1000  # beyond, the level would be too small for a float; no sample passes at either


def level(failed_before: int) -> float:
    """The level of a sample after `failed_before` failed ones of the same data: ALPHA / 2^failed_before."""
    return ALPHA * 0.5 ** min(failed_before, _MANY_FAILURES)


def upper_bound(hits: int, n: int, alpha: float = ALPHA) -> float:
    """The largest chance of a hit with which `hits` or fewer in `n` are seen with probability `alpha` or more.

    The exact one-sided upper bound of Clopper and Pearson; 1 where nothing was observed. `alpha` is above 0 and below
    0.5. Rounded up, never down, by less than 1e-12.
    """
    if not 0 <= hits <= n or not 0 < alpha < 0.5:
        raise ValueError("a bound needs 0 <= hits <= n and 0 < alpha < 0.5")
    if hits == n:
        return 1.0
    # At the observed share, the chance of so few is still above a half (a median is at most one away from its mean).
    low, high = hits / n, 1.0
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _chance_of_at_most(hits, n, middle) > alpha:
            low = middle
        else:
            high = middle
    return high


def lower_bound(hits: int, n: int, alpha: float = ALPHA) -> float:
    """The exact one-sided lower bound of the chance of a hit; 0 where nothing was observed. As `upper_bound`."""
    return max(0.0, 1.0 - upper_bound(n - hits, n, alpha))


def review_measurements(
    *, leaks: int, documents: int, found: int, seeds: int, failed_before: int = 0
) -> tuple[Measurement, Measurement, Measurement]:
    """What a finished review is worth to a gate.

    Args:
        leaks: documents of the sample in which a reader marked something, of `documents`.
        found: seeds that a reader marked, of `seeds`.
        failed_before: samples of the same data that failed before this one.

    Both ends of the leak rate and of the sensitivity are one-sided bounds, each at the level by itself. `high` of the
    adjusted rate is the leak rate's upper bound over the sensitivity's lower bound, at half the level each, at most 1.
    """
    alpha = level(failed_before)
    return (
        _share(LEAK_RATE, leaks, documents, alpha),
        _share(SENSITIVITY, found, seeds, alpha),
        _adjusted(leaks, documents, found, seeds, alpha / 2),
    )


def documents_for(limit: float, leaks: int = 0, alpha: float = ALPHA) -> int:
    """The fewest documents of which `leaks` may leak while the upper bound is below `limit` (0 < limit < 1)."""
    _require_share(limit)
    low, high = leaks, leaks + 1
    while upper_bound(leaks, high, alpha) >= limit:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(leaks, middle, alpha) < limit:
            high = middle
        else:
            low = middle
    return high


def plan_for(
    limit: float, sensitivity: float, *, leaks: int = 0, missed: int = 0, failed_before: int = 0
) -> SamplingPlan:
    """The plan with the fewest texts to read that can show what a gate asks for.

    Args:
        limit: of the adjusted leak rate, which is to end up below it (0 < limit < 1).
        sensitivity: its lower bound is to be at least this (0 < sensitivity < 1).
        leaks, missed: how many documents may leak and how many seeds may be missed all the same.
        failed_before: as in `review_measurements`.

    Raises `Malformed` where that would take more than 100,000 documents or seeds.
    """
    _require_share(limit)
    _require_share(sensitivity)
    alpha = level(failed_before)
    fewest_documents, fewest_seeds = (
        documents_for(limit, leaks, alpha / 2),
        documents_for(1 - sensitivity, missed, alpha),
    )
    if max(fewest_documents, fewest_seeds) > LARGEST_SAMPLE:
        raise Malformed("plan_too_large", f"No plan of at most {LARGEST_SAMPLE} documents and seeds can show that.")
    best = (2 * LARGEST_SAMPLE, fewest_seeds)
    for seeds in count(fewest_seeds):
        if seeds + fewest_documents >= sum(best):
            break
        documents = documents_for(limit * lower_bound(seeds - missed, seeds, alpha / 2), leaks, alpha / 2)
        best = min(best, (documents, seeds), key=sum)
    return SamplingPlan(documents=best[0], seeds=best[1])


def require_attainable(gate: Gate) -> None:
    """Raises `Malformed` for a gate with a rule on a review that not even a flawless one could keep.

    A gate without a plan has no reviews, so no rule about them can ever be kept.
    """
    for rule in gate.rules:
        if rule.metric not in {LEAK_RATE, SENSITIVITY, ADJUSTED}:
            continue
        if gate.review is None or not _kept(rule, _flawless(gate.review)):
            raise Malformed(
                "review_unattainable",
                f"The rule on {rule.metric} cannot be kept by any review: "
                + ("the gate has no sampling plan." if gate.review is None else "its sampling plan is too small."),
                remedy="Give the gate a sampling plan that is large enough for the limit.",
                who="administrator",
            )


def _flawless(plan: SamplingPlan) -> tuple[Measurement, ...]:
    return review_measurements(leaks=0, documents=plan.documents, found=plan.seeds, seeds=plan.seeds)


def _kept(rule: Rule, measured: tuple[Measurement, ...]) -> bool:
    (one,) = (each for each in measured if each.metric == rule.metric)
    return one.high <= rule.limit if rule.bound is Bound.AT_MOST else one.low >= rule.limit


def _chance_of_at_most(hits: int, n: int, p: float) -> float:
    """P(X <= hits) of a binomial X for hits/n < p < 1, summed down from its largest term."""
    term = exp(lgamma(n + 1) - lgamma(hits + 1) - lgamma(n - hits + 1) + hits * log(p) + (n - hits) * log1p(-p))
    total, ratio = term, (1 - p) / p
    for k in range(hits, 0, -1):
        term *= ratio * k / (n - k + 1)
        total += term
        if term < total * 1e-18:
            break
    return total


def _share(metric: str, hits: int, n: int, alpha: float) -> Measurement:
    value = Fraction(hits, n) if n else Fraction(0)
    return _measurement(metric, lower_bound(hits, n, alpha), value, upper_bound(hits, n, alpha), n)


def _adjusted(leaks: int, documents: int, found: int, seeds: int, alpha: float) -> Measurement:
    """The share of documents that leak, those that a reader missed included. Where no seed was found it may be any."""
    seen = lower_bound(found, seeds, alpha)
    high = upper_bound(leaks, documents, alpha) / seen if seen else 1.0
    value = Fraction(leaks, documents) * Fraction(seeds, found) if documents and found else Fraction(found == 0)
    # A reader may have missed nothing, so the lower end is that of what was marked.
    low = lower_bound(leaks, documents, alpha)
    return _measurement(ADJUSTED, low, min(value, Fraction(1)), min(high, 1.0), documents)


def _measurement(metric: str, low: float, value: Fraction, high: float, n: int) -> Measurement:
    """Rounded outwards to a millionth, like every exact interval of de-identification."""
    return Measurement(
        metric=metric,
        low=Decimal(low).quantize(_MICRO, ROUND_FLOOR),
        value=(Decimal(value.numerator) / Decimal(value.denominator)).quantize(_MICRO, ROUND_HALF_EVEN),
        high=Decimal(high).quantize(_MICRO, ROUND_CEILING),
        n=n,
    )


def _require_share(number: float) -> None:
    if not 0 < number < 1:
        raise Malformed("share_out_of_range", "A limit and a sensitivity lie between 0 and 1.")
