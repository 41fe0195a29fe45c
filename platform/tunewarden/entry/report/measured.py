"""What the measuring step found: utility, fairness, explanation and one attack on privacy.

Read from its details document, part by part; a part that is missing is None and is shown as not assessed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from markupsafe import Markup

from tunewarden.domain.gates import Bound, Finding
from tunewarden.entry.report.charts import Dot, Scale, dots
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.figures import count, exact, exact_interval, interval
from tunewarden.entry.report.reading import Figure, Part

_MOST_GROUPS, _MOST_TERMS = 24, 12
_LABEL = 18
_GAINS = {
    "gain_over_majority": "Gain over the majority class",
    "gain_over_base": "Gain over the untrained base",
    "balanced_accuracy": "Every class counting alike",
}
_GAPS = {
    "accuracy_gap": "Furthest behind in accuracy",
    "recall_gap": "Furthest behind in the recall of a class",
    "assessed_share": "Share of rows in compared groups",
}
_GAPS_OF_TOKENS = {
    "accuracy_gap": "Furthest behind in tokens predicted right",
    "assessed_share": "Share of rows in compared groups",
}
_TESTS = {
    "comprehensiveness_over_random": "More lost without them than without random words",
    "sufficiency_under_random": "Less lost with only them than with only random words",
    "convergence_delta": "Share of the answer left unaccounted for",
}
_TESTS_OF_PROMPTS = {member: name for member, name in _TESTS.items() if member != "convergence_delta"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table under a chart."""

    name: str
    value: str | Name


_UNCALIBRATED = Row(
    "Rates, calibration and intersections",
    "not measured: each would be one more noisy release about these persons, for every grouped column",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A finding, the picture of it, and the same numbers as a table."""

    finding: str
    picture: Markup
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Utility:
    """The section on utility; `accuracy` and `majority` are also told in the summary, `exactness` under the limits."""

    chart: Chart
    facts: tuple[Row, ...]
    exactness: str
    accuracy: str
    majority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group compared with everybody else.

    `calibration` says how much more the model overstates its certainty about the group; empty where it states none.
    """

    name: str
    persons: str
    accuracy: str
    shortfall: str
    calibration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """The section on fairness; `finding` and `picture` are None where no group could be compared.

    `accuracy` says in a word or two what of, as the head of a column.
    """

    accuracy: str
    finding: str | None
    picture: Markup | None
    groups: tuple[Group, ...]
    too_small: tuple[Row, ...]
    facts: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The section on explanation: `texts` says which were explained, `method` how, `lost` in what losses are told."""

    chart: Chart
    method: str
    lost: str
    texts: str
    facts: tuple[Row, ...]
    terms: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack that was tried."""

    auc: str
    persons: str


def utility(part: Part, noisy: Part) -> Utility | None:
    """The accuracy beside that of the untrained base and of the majority class; `noisy` says what figures cost."""
    accuracy, base = part.at("accuracy").figure, part.at("base_accuracy").figure
    majority = part.at("majority_accuracy").figure
    if accuracy is None or base is None or majority is None:
        return None
    named = [("This adapter", accuracy), ("Untrained base", base), ("Majority class", majority)]
    n = f", n = {_counted(part.at('persons'), 'person')}"
    return Utility(
        chart=Chart(
            finding=_gain(part.at("gain_over_majority").figure),
            picture=shares(named, "Share of rows answered right"),
            rows=(*(Row(name, exact_interval(figure)) for name, figure in named), *_recalls(part)),
        ),
        facts=(
            Row("Held out", held_out(part)),
            Row("How exact", exactness(noisy)),
            *_figures(part, _GAINS),
        ),
        exactness=exactness(noisy),
        accuracy=interval(accuracy) + n,
        majority=interval(majority),
    )


def fairness(part: Part, limit: Finding | None, noisy: Part) -> Fairness | None:
    """Every group against the rest. `limit` is the gate's rule on the accuracy gap, if one judged it.

    Where none did, it is what the plan declared that a group may be behind (`compared.py`). `noisy` says what figures
    cost, where they are noisy.
    """
    assessed = sorted(_assessed(part), key=lambda one: (-one[1].value, one[0].name))
    if part.at("assessed").value is None or len(assessed) != len(list(part.at("assessed").items())):
        return None  # a group that cannot be read is not a group that is too small
    gaps = [figure for _, figure in assessed]
    judged = limit is not None and limit.bound is Bound.AT_MOST
    most = limit.limit if limit is not None and judged else _tolerated(part)
    finding = _gap_finding(gaps, most) if gaps else None
    return Fairness(
        accuracy="Tokens right" if part.at("tokens").value else "Accuracy",
        finding=finding,
        picture=None if finding is None else _gaps(assessed, most, finding),
        groups=tuple(group for group, _ in assessed),
        too_small=tuple(_too_small(part)),
        facts=(
            Row("Held out", _counted(part.at("persons"), "person")),
            Row("A group needs", _counted(part.at("least_persons"), "person")),
            Row(
                "Limit of the gate" if judged else "Tolerance of the plan",
                "none" if most is None else f"{exact(most)} behind the rest",
            ),
            *_figures(part, _GAPS_OF_TOKENS if part.at("tokens").value else _GAPS),
            *(() if noisy.at("epsilon").number is None else (_UNCALIBRATED,)),
        ),
    )


def _tolerated(part: Part) -> Decimal | None:
    compared = part.at("decided", "comparisons").items()
    return next((one.at("tolerance").number for one in compared if one.at("metric").text == "accuracy"), None)


def explanation(part: Part) -> Explanation | None:
    """Whether the words called important matter more than words drawn at random."""
    names = {
        "Without them": part.at("comprehensiveness").figure,
        "Without random": part.at("random_comprehensiveness").figure,
        "Only them": part.at("sufficiency").figure,
        "Only random": part.at("random_sufficiency").figure,
    }
    named = [(name, figure) for name, figure in names.items() if figure is not None]
    if len(named) != len(names):
        return None
    ablated = part.at("method").text == "feature-ablation"
    return Explanation(
        chart=Chart(
            finding=_trust(part),
            picture=_losses(named),
            rows=tuple(Row(name, exact_interval(figure)) for name, figure in named),
        ),
        method="Taking away one word after the other" if ablated else "Integrated gradients",
        lost="Nats a token lost" if ablated else "Probability lost",
        texts=_explained(part),
        facts=tuple(_figures(part, _TESTS_OF_PROMPTS if ablated else _TESTS)),
        terms=tuple(_terms(part)),
    )


def attack(part: Part) -> Attack | None:
    """The membership attack; None where it was not tried or had too few persons."""
    auc = part.at("auc").figure
    if auc is None:
        return None
    trained, held_out = part.at("trained").whole or 0, part.at("held_out").whole or 0
    if part.at("canaries").value:
        sides = f"{count(trained, 'made-up person')} who took part and {held_out:,} who did not"
    else:
        sides = f"{count(trained, 'trained person')} and {count(held_out, 'held-out person')}"
    return Attack(auc=interval(auc), persons=sides)


def _gain(gain: Figure | None) -> str:
    if gain is None:
        return "How often each answer is right"
    if gain.low > 0:
        return f"Right {points(gain.value)} points more often than always giving the most frequent answer"
    return "Not shown to be right more often than always giving the most frequent answer"


def _trust(part: Part) -> str:
    """Whether the explanation does better than chance on both counts."""
    found = [part.at(member).figure for member in ("comprehensiveness_over_random", "sufficiency_under_random")]
    if all(figure is not None and figure.low > 0 for figure in found):
        return "Words called important matter more than words drawn at random"
    return "Words called important are not shown to matter more than words drawn at random"


def _figures(part: Part, names: Mapping[str, str]) -> Iterator[Row]:
    """The figures that are there, in the order of `names`."""
    for member, name in names.items():
        figure = part.at(member).figure
        yield Row(name, "not assessed" if figure is None else exact_interval(figure))


def _recalls(part: Part) -> Iterator[Row]:
    for item in part.at("recalls").items():
        label, recall = item.at("label").whole, item.at("recall").figure
        if label is not None and recall is not None:
            yield Row(f"Recall of class {label}", exact_interval(recall))


def _assessed(part: Part) -> Iterator[tuple[Group, Figure]]:
    for item in part.at("assessed").items():
        attribute, group = item.at("attribute").text, item.at("group").text
        shortfall, accuracy = item.at("shortfall").figure, item.at("accuracy").number
        persons = item.at("persons").whole
        if attribute is None or group is None or shortfall is None or accuracy is None:
            continue
        yield (
            Group(
                name=f"{attribute}: {group}",
                persons="withheld" if persons is None else f"{persons:,}",
                accuracy=exact(accuracy),
                shortfall=exact_interval(shortfall),
                calibration="" if (found := item.at("calibration").figure) is None else exact_interval(found),
            ),
            shortfall,
        )


def _too_small(part: Part) -> Iterator[Row]:
    for item in part.at("not_assessable").items():
        attribute, group, persons = item.at("attribute").text, item.at("group").text, item.at("persons").whole
        name = f"{attribute or 'unknown attribute'}: {'smaller groups together' if group is None else group}"
        yield Row(name, "fewer than can be told" if persons is None else count(persons, "person"))


def _terms(part: Part) -> Iterator[Row]:
    for item in list(part.at("terms").items())[:_MOST_TERMS]:
        term, weight, texts = item.at("term").text, item.at("weight").number, item.at("texts").whole
        if term is not None and weight is not None and texts is not None:
            yield Row(term, f"{exact(weight)}, in {count(texts, 'text')}")


def shares(named: list[tuple[str, Figure]], of_what: str) -> Markup:
    """The figures on one scale from 0 to 1, the first one in bold; `of_what` begins the picture's words."""
    scale = Scale(
        low=Decimal(0),
        high=Decimal(1),
        ticks=((Decimal(0), "0"), (Decimal("0.5"), "0.5"), (Decimal(1), "1")),
    )
    rows = [
        Dot(label=name, figure=figure, text=interval(figure), strong=not number)
        for number, (name, figure) in enumerate(named)
    ]
    alt = f"{of_what}: {'; '.join(f'{row.label} {row.text}' for row in rows)}."
    return dots(rows, scale, alt=alt)


def _losses(named: list[tuple[str, Figure]]) -> Markup:
    low = min(Decimal(0), *(figure.low for _, figure in named))
    high = max(Decimal("0.1"), *(figure.high for _, figure in named))
    ticks = ((Decimal(0), "0"), (high, f"{high.quantize(Decimal('0.01'))}"))
    rows = [
        Dot(label=name, figure=figure, text=interval(figure), strong=not number % 2)
        for number, (name, figure) in enumerate(named)
    ]
    alt = f"Probability lost: {'; '.join(f'{row.label} {row.text}' for row in rows)}."
    return dots(rows, Scale(low=low, high=high, ticks=ticks), alt=alt)


def _gaps(assessed: list[tuple[Group, Figure]], most: Decimal | None, finding: str) -> Markup:
    """The shortfalls, the worst first, with the gate's limit drawn."""
    shown = [(_fit(group.name), figure) for group, figure in assessed[:_MOST_GROUPS]]
    ends = [end for _, figure in shown for end in (figure.low, figure.high)] + ([most] if most is not None else [])
    low, high = min(Decimal("-0.1"), *ends), max(Decimal("0.1"), *ends)
    scale = Scale(
        low=low,
        high=high,
        ticks=((low, "ahead"), (Decimal(0), "0"), (high, "behind")),
        marks=() if most is None else ((most, f"limit {exact(most)}"),),
    )
    rows = [Dot(label=name, figure=figure, text=interval(figure)) for name, figure in shown]
    alt = f"{finding}. Behind the rest by: {'; '.join(f'{row.label} {row.text}' for row in rows)}."
    return dots(rows, scale, alt=alt)


def _gap_finding(gaps: list[Figure], most: Decimal | None) -> str:
    worst = max(gaps, key=lambda gap: gap.high)
    if most is None:
        return f"No compared group is more than {points(worst.high)} points behind the rest"
    beyond = sum(gap.high > most for gap in gaps)
    if not beyond:
        return f"No compared group is more than {points(most)} points behind the rest"
    return f"For {beyond} of {count(len(gaps), 'group')}, more than {points(most)} points behind cannot be ruled out"


def points(share: Decimal, rounding: str = ROUND_HALF_EVEN) -> str:
    """A difference of shares in points, to a tenth."""
    return exact((share * 100).quantize(Decimal("0.1"), rounding))


def held_out(part: Part) -> str:
    """How many persons and rows; where figures are noisy, about how many persons."""
    persons, rows = _counted(part.at("persons"), "person"), part.at("rows").whole
    return f"about {persons}" if rows is None else f"{persons}, {count(rows, 'row')}"


def exactness(noisy: Part) -> str:
    """Whether noise was added to the figures about held-out persons, and what they may lose."""
    epsilon, delta = noisy.at("epsilon").number, noisy.at("delta").number
    if epsilon is None or delta is None:
        return "exact figures"
    return f"noisy figures: epsilon {exact(epsilon)} at delta {exact(delta)} for one of these persons"


def _explained(part: Part) -> str:
    """Whose texts were explained."""
    if part.at("made_up").value:
        return _counted(part.at("persons"), "made-up text")
    return f"one text of each of {_counted(part.at('persons'), 'held-out person')}"


def _counted(part: Part, one: str) -> str:
    return f"an unknown number of {one}s" if part.whole is None else count(part.whole, one)


def _fit(text: str) -> str:
    return text if len(text) <= _LABEL else text[: _LABEL - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
