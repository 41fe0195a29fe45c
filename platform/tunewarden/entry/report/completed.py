"""What the measuring step found of a model that completes texts; `measured.py` reads of one that tells classes."""

from collections.abc import Iterator
from dataclasses import dataclass

from tunewarden.entry.report.figures import count, exact_interval, interval
from tunewarden.entry.report.measured import Chart, Row, exactness, held_out, points, shares
from tunewarden.entry.report.reading import Figure, Part

_MORE = {
    "gain_over_base": "Gain over the untrained base",
    "exact_match": "Whole completions written alike",
    "base_exact_match": "By the untrained base",
}
_EXACT_ONLY = {
    "loss": "Loss, nats a token",
    "base_loss": "Of the untrained base",
    "perplexity": "Perplexity",
    "base_perplexity": "Of the untrained base",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Completions:
    """The section on utility; `accuracy` and `base` are also told in the summary, `exactness` under the limits."""

    chart: Chart
    facts: tuple[Row, ...]
    exactness: str
    accuracy: str
    base: str


def completions(part: Part, noisy: Part, left_out: Part) -> Completions | None:
    """The token accuracy beside that of the untrained base; `noisy` says what figures cost. None for other models."""
    accuracy, base = part.at("token_accuracy").figure, part.at("base_token_accuracy").figure
    if accuracy is None or base is None:
        return None
    named = [("This adapter", accuracy), ("Untrained base", base)]
    n = f", n = {count(part.at('persons').whole or 0, 'person')}"
    return Completions(
        chart=Chart(
            finding=_gain(part.at("gain_over_base").figure),
            picture=shares(named, "Share of tokens predicted right"),
            rows=tuple(Row(name, exact_interval(figure)) for name, figure in named),
        ),
        facts=tuple(_facts(part, noisy, left_out)),
        exactness=exactness(noisy),
        accuracy=interval(accuracy) + n,
        base=interval(base),
    )


def _gain(gain: Figure | None) -> str:
    if gain is not None and gain.low > 0:
        return f"Predicts {points(gain.value)} points more of what people wrote than without its training"
    return "Not shown to predict more of what people wrote than without its training"


def _facts(part: Part, noisy: Part, left_out: Part) -> Iterator[Row]:
    yield Row("Held out", held_out(part))
    if left_out.whole:
        yield Row("Left out", f"{count(left_out.whole, 'row')} with nothing to complete")
    yield Row("How exact", exactness(noisy))
    private = noisy.at("epsilon").number is not None
    for member, name in (_MORE if private else _MORE | _EXACT_ONLY).items():
        figure = part.at(member).figure
        yield Row(name, "not assessed" if figure is None else exact_interval(figure))
    if private:
        yield Row("Loss and perplexity", "not stated: nothing bounds what one person adds to them")
