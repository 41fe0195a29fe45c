"""How explanations did when they were put to the test on made-up texts; a part that cannot be read is left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from markupsafe import Markup

from tunewarden.entry.report.charts import Bar, bars
from tunewarden.entry.report.figures import count, exact, exact_interval, interval
from tunewarden.entry.report.heatmap import Word, heatmap
from tunewarden.entry.report.measured import Chart, Row, shares
from tunewarden.entry.report.reading import Figure, Part
from tunewarden.entry.report.scrutinised_further import attacked, attended, exchanged, membership

_WAYS = {
    "steps": "Fewer steps",
    "baseline": "Another start",
    "gradient-x-activation": "One gradient",
    "shapley": "Shapley values",
}
_TERMS = {"sex": "Sex", "age": "Age", "origin": "Origin or religion", "name": "Given name"}
_KINDS = {
    "form": "All form",
    "placeholder": "Placeholders",
    "number": "Numbers, dates",
    "mark": "Marks",
    "first word": "First word",
    "last word": "Last word",
}
_MINUS = "\N{MINUS SIGN}"
_HEAVY = 3  # words that are named beside a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A made-up text with what each of its words adds; `answer` says what it adds to."""

    answer: str
    picture: Markup
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A protected attribute: pairs, those with another answer, how far chances move, and both before training.

    And what neutral words in the same place do, and how much more the protected ones; empty in documents of before.
    """

    name: str
    pairs: str
    flips: str
    moved: str
    base_flips: str
    base_moved: str
    neutral_flips: str = ""
    neutral_moved: str = ""
    excess_flips: str = ""
    excess_moved: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrutinised:
    """The section on explanations under test.

    Attributes:
        verdict: stable or not, in words.
        swaps: None where no classes are told.
        leaks: None where it was not looked.
        neutral: whether the pairs were held against neutral words.
        attended, exchanged, membership: see `scrutinised_further.py`; empty where that was not measured.
        attacked: who was attacked with attributions.
    """

    texts: str
    verdict: str
    stable: bool
    ways: Chart
    redrawn: tuple[Row, ...]
    shortcuts: Chart
    swaps: Chart | None
    terms: tuple[Term, ...]
    shown: tuple[Shown, ...]
    leaks: str | None
    neutral: bool = False
    attended: tuple[Row, ...] = ()
    exchanged: tuple[Row, ...] = ()
    membership: tuple[Row, ...] = ()
    attacked: str = ""


def scrutinised(part: Part) -> Scrutinised | None:
    """None for a document without that part, or where it cannot be read."""
    stability = part.at("stability")
    ways = [(_WAYS.get(name, name), figure) for name, figure in _named(stability, "agreements", "between", "overlap")]
    told = dict(_named(part.at("shortcuts"), "kinds", "kind", "share"))
    kinds = [(name, told[kind]) for kind, name in _KINDS.items() if kind in told]
    lowest, texts, stable = stability.at("lowest").figure, stability.at("texts").whole, stability.at("stable").value
    if not ways or not kinds or lowest is None or texts is None or not isinstance(stable, bool):
        return None
    swaps = [(_TERMS.get(name, name), figure) for name, figure in _named(part, "swaps", "attribute", "flip_rate")]
    return Scrutinised(
        texts=count(texts, "made-up text"),
        verdict=_verdict(lowest, stable=stable),
        stable=stable,
        ways=_chart("How much of the five heaviest words stays", ways, "Share of the five heaviest words in common"),
        redrawn=tuple(_redrawn(stability)),
        shortcuts=_shortcuts(kinds, part.at("shortcuts")),
        swaps=_swaps(swaps, dict(_neutral(part))) if swaps else None,
        terms=tuple(_terms(part)),
        shown=tuple(_shown(item) for item in part.at("maps").items()),
        leaks=_leaks(part.at("leaks").whole),
        neutral=any(item.at("control").at("excess_flips").figure is not None for item in part.at("swaps").items()),
        attended=attended(part.at("attended")),
        exchanged=exchanged(part, _TERMS),
        membership=membership(part.at("membership")),
        attacked=attacked(part.at("membership")),
    )


def _verdict(lowest: Figure, *, stable: bool) -> str:
    if stable:
        return "The explanations agree however they are computed"
    return f"Unstable: another way to explain keeps only {interval(lowest)} of the five heaviest words"


def _chart(finding: str, named: list[tuple[str, Figure]], of_what: str) -> Chart:
    return Chart(
        finding=finding,
        picture=shares(named, of_what),
        rows=tuple(Row(name, exact_interval(figure)) for name, figure in named),
    )


def _redrawn(stability: Part) -> Iterator[Row]:
    names = {"redrawn_correlation": "Rank correlation", "redrawn_overlap": "Of the five heaviest words, the same"}
    for member, name in names.items():
        yield Row(name, _figure(stability.at(member)))


def _shortcuts(kinds: list[tuple[str, Figure]], part: Part) -> Chart:
    by_chance = {
        _KINDS.get(item.at("kind").text or "", ""): item.at("tokens").number for item in part.at("kinds").items()
    }
    ticks = ((Decimal(0), "0"), (Decimal("0.5"), "0.5"), (Decimal(1), "1"))
    rows = [
        Bar(label=name, share=min(Decimal(1), max(Decimal(0), figure.value)), text=interval(figure), strong=not number)
        for number, (name, figure) in enumerate(kinds)
    ]
    alt = f"Share of what moves the answers: {'; '.join(f'{row.label} {row.text}' for row in rows)}."
    return Chart(
        finding="How much of what moves the answers is form and not words",
        picture=bars(rows, ticks=ticks, alt=alt),
        rows=tuple(
            Row(name, f"{exact_interval(figure)}; of the tokens {_or_unknown(by_chance.get(name))}")
            for name, figure in kinds
        ),
    )


def _or_unknown(number: Decimal | None) -> str:
    return "an unknown share" if number is None else exact(number)


def _swaps(named: list[tuple[str, Figure]], neutral: Mapping[str, Figure]) -> Chart:
    """`neutral` is what neutral words in the same place do, by the same names; it is said first, where it is known."""
    name, worst = max(named, key=lambda one: one[1].high)
    changed = f"up to {_percent(worst.high)} of the answers change with the person"
    finding = f"{name}: {changed} alone"
    if name in neutral:
        finding = f"{name}: up to {_percent(neutral[name].high)} of the answers change with a neutral word, {changed}"
    return _chart(finding, named, "Share of pairs with another answer")


def _neutral(part: Part) -> Iterator[tuple[str, Figure]]:
    for item in part.at("swaps").items():
        name, found = item.at("attribute").text, item.at("control").at("flip_rate").figure
        if name is not None and found is not None:
            yield _TERMS.get(name, name), found


def _percent(part: Decimal) -> str:
    return f"{exact((part * 100).quantize(Decimal('0.1'), ROUND_CEILING))}\N{NO-BREAK SPACE}%"


def _terms(part: Part) -> Iterator[Term]:
    for item in part.at("swaps").items():
        pairs, control = item.at("pairs").whole, item.at("control")
        yield Term(
            name=_TERMS.get(item.at("attribute").text or "", "unknown attribute"),
            pairs="unknown" if pairs is None else f"{pairs:,}",
            flips=_figure(item.at("flip_rate")),
            moved=_figure(item.at("moved")),
            base_flips=_figure(item.at("base_flip_rate")),
            base_moved=_figure(item.at("base_moved")),
            neutral_flips=_figure(control.at("flip_rate")),
            neutral_moved=_figure(control.at("moved")),
            excess_flips=_figure(control.at("excess_flips")),
            excess_moved=_figure(control.at("excess_moved")),
        )


def _figure(part: Part) -> str:
    return "not assessed" if part.figure is None else exact_interval(part.figure)


def _shown(item: Part) -> Shown:
    words = [
        Word(text=each.at("word").text or "", weight=each.at("weight").number or Decimal(0))
        for each in item.at("words").items()
    ]
    answer, chance = item.at("answer").whole, item.at("chance").number
    what = "What the model goes on to write" if answer is None else f"Class {answer}"
    sure = "an unknown chance" if chance is None else f"{exact(chance)}{' a token' if answer is None else ''}"
    heavy = sorted(words, key=lambda word: -abs(word.weight))[:_HEAVY]
    named = ", ".join(f"“{word.text}” {_signed(word.weight)}" for word in heavy)
    return Shown(
        answer=f"{what}, chance {sure}: {named}",
        picture=heatmap(words, alt=f"{what}: {'; '.join(f'{word.text} {_signed(word.weight)}' for word in words)}."),
        words=", ".join(f"{word.text} {_signed(word.weight)}" for word in words),
    )


def _signed(weight: Decimal) -> str:
    return f"{'+' if weight >= 0 else _MINUS}{abs(weight).quantize(Decimal('0.01'))}"


def _leaks(leaks: int | None) -> str | None:
    if leaks is None:
        return None
    if leaks == 0:
        return "Nothing that is shown here repeats a record or a canary, or looks like an identifier."
    what = count(leaks, "word or text", "words or texts")
    return f"{what} would have said something of somebody and had to be left out."


def _named(part: Part, list_of: str, name: str, figure: str) -> Iterator[tuple[str, Figure]]:
    for item in part.at(list_of).items():
        text, found = item.at(name).text, item.at(figure).figure
        if text is not None and found is not None:
            yield text, found
