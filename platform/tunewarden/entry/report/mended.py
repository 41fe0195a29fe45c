"""What training did about unfairness, what else was tried, what a further plan could declare, and what privacy costs.

Read from the approved plan, the measuring step's details document and the last verdict. What another document says in
another form is not guessed: that part is None, and not shown as if nothing were the matter.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tunewarden.domain.canonical import decimal_text
from tunewarden.domain.gates import Outcome
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan
from tunewarden.entry.report.compared import WORDS_OF, Outcome as Shown
from tunewarden.entry.report.facts import Said
from tunewarden.entry.report.figures import count, exact, exact_interval
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.verdicts import Verdict

_SWAPPED = "explanation."  # of its metrics, those that end with a kind of term
_BURDENS = MappingProxyType(
    {
        "more-than-its-part": Shown("fail", "PAYS MORE", 0),
        "undecided": Shown("unknown", "UNDECIDED", 1),
        "within-the-limit": Shown("pass", "WITHIN THE LIMIT", 2),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The model as it is, or with thresholds by the groups of an attribute, on the same persons."""

    name: str
    accuracy: str
    furthest: str
    gaps: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a further plan could declare: `body` is for the request, and nothing is submitted by itself."""

    name: str
    because: str
    warning: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """All of it.

    Attributes:
        done: what this training did; empty where the plan declared nothing.
        tried: two lines for each attribute that thresholds were tried on, on so many `persons`.
        gains: what the thresholds change in accuracy, attribute by attribute.
        looked: whether the document says what was tried at all.
    """

    done: tuple[Said, ...]
    tried: tuple[Way, ...]
    gains: tuple[str, ...]
    persons: str
    offers: tuple[Offer, ...]
    looked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """What privacy costs one group."""

    group: str
    price: str
    excess: str
    outcome: Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What privacy costs, from two small models that were alike but for it."""

    finding: str
    outcome: Shown
    persons: str
    without: str
    private: str
    limit: str
    lines: tuple[Burden, ...]


def mended(measure: Part, plan: Plan, verdicts: Sequence[Verdict], asked: tuple[int, ...]) -> Mended:
    """`measure` is the whole details document of the measuring step; `asked` the entry that names the plan."""
    part = measure.at("mitigated")
    tried = list(part.at("thresholds").items())
    return Mended(
        done=tuple(Said(text, asked) for text in _done(plan.mitigation)),
        tried=tuple(way for item in tried for way in _ways(item)),
        gains=tuple(_gains(tried)),
        persons=count(part.at("persons").whole or 0, "held-out person"),
        offers=(*_swaps(plan, verdicts), *_weights(plan, part.at("class_weights"))),
        looked=part.value is not None,
    )


def price(part: Part) -> Price | None:
    """Of the document's part on twins; None where there are none, or a line cannot be read."""
    whole, items = part.at("price").figure, list(part.at("costs").items())
    lines = sorted(_burdens(items), key=lambda line: (line.outcome.place, line.group))
    limit, trained, asked = part.at("limit").number, part.at("trained").whole, part.at("measured").whole
    without, private = part.at("without").figure, part.at("private").figure
    if limit is None or trained is None or asked is None or without is None or private is None or whole is None:
        return None
    if len(lines) != len(items):
        return None
    outcome = lines[0].outcome if lines else _BURDENS["undecided"]
    return Price(
        finding=_paid(outcome, lines),
        outcome=outcome,
        persons=f"trained on {count(trained, 'held-out person')}, asked about {asked:,} others",
        without=exact_interval(without),
        private=exact_interval(private),
        limit=exact(limit),
        lines=tuple(lines),
    )


def _done(mitigation: Mitigation | None) -> Iterator[str]:
    if mitigation is None:
        return
    if mitigation.swaps:
        kinds = ", ".join(mitigation.swaps)
        yield f"Each text with a term of {kinds} was trained on with the other term too, as a text of the same person."
    if mitigation.weights:
        weights = ", ".join(f"class {label}: {exact(weight)}" for label, weight in enumerate(mitigation.weights))
        yield f"Classes counted by weights that the plan declared ({weights})."


def _ways(item: Part) -> Iterator[Way]:
    attribute = item.at("attribute").text
    for member, name in (("candidate", "the model as it is"), ("adjusted", "with a threshold for each group")):
        way = item.at(member)
        accuracy, confirmed, undecided = way.at("accuracy").figure, way.at("confirmed").whole, way.at("open").whole
        if attribute is not None and accuracy is not None and confirmed is not None and undecided is not None:
            yield Way(
                name=f"{attribute}: {name}",
                accuracy=exact_interval(accuracy),
                furthest=_furthest(way.at("furthest")),
                gaps=f"{confirmed} confirmed, {undecided} not decided",
            )


def _furthest(part: Part) -> str:
    group, behind, words = part.at("group").text, part.at("behind").figure, WORDS_OF.get(part.at("metric").text or "")
    if group is None or behind is None or words is None:
        return "no two groups could be compared"
    told = words.format(label=part.at("label").whole)
    return f"{group or '(no value)'}, {told}: {exact(behind.value)} ({exact(behind.low)} to {exact(behind.high)})"


def _gains(items: Sequence[Part]) -> Iterator[str]:
    for item in items:
        attribute, gain, left = item.at("attribute").text, item.at("gain").figure, item.at("left_as_is").whole
        if attribute is not None and gain is not None:
            kept = f"; {count(left, 'group')} too small for a threshold kept the answers" if left else ""
            yield f"{attribute}: with thresholds the share right changes by {exact_interval(gain)}{kept}"


def _swaps(plan: Plan, verdicts: Sequence[Verdict]) -> Iterator[Offer]:
    """For every protected term by which the last gate that looked was not satisfied."""
    stopped = {
        rule.metric.rpartition(".")[2]
        for verdict in verdicts[-1:]
        for rule in verdict.rules
        if rule.metric.startswith(_SWAPPED) and rule.outcome is not Outcome.PASS
    }
    now = () if plan.mitigation is None else plan.mitigation.swaps
    wanted = sorted({*now, *(swap for swap in Swap if swap in stopped)})
    if set(wanted) == set(now) or plan.mechanism.unit is PrivacyUnit.RECORD:
        return
    weights = () if plan.mitigation is None else plan.mitigation.weights
    yield Offer(
        name="Train with exchanged terms",
        because=f"Answers that change with {', '.join(sorted(set(wanted) - set(now)))} were not ruled out.",
        warning="Terms are exchanged by lists, so a copy may read badly. The promise to a person stays the same; it is "
        "a new training and is paid for as one.",
        body=_body(Mitigation(weights=weights, swaps=tuple(wanted))),
    )


def _weights(plan: Plan, part: Part) -> Iterator[Offer]:
    weights = [weight for item in part.items() if (weight := item.number) is not None]
    if len(weights) < 2 or len(set(weights)) == 1 or (plan.mitigation is not None and plan.mitigation.weights):
        return
    swaps = () if plan.mitigation is None else plan.mitigation.swaps
    yield Offer(
        name="Train with weights of classes",
        because="A gap was not ruled out, and one class is rarer than the other among held-out persons.",
        warning="Weights by group would need protected attributes in training, which never sees them; by class they "
        "may help a group that has the rarer class more often, or not. What counts less is learnt less.",
        body=_body(Mitigation(weights=tuple(weights), swaps=swaps)),
    )


def _body(mitigation: Mitigation) -> str:
    said = {"weights": [decimal_text(weight) for weight in mitigation.weights], "swaps": list(mitigation.swaps)}
    return json.dumps({"governance": {"mitigation": {name: value for name, value in said.items() if value}}})


def _burdens(items: Sequence[Part]) -> Iterator[Burden]:
    for item in items:
        attribute, group, outcome = (item.at(member).text for member in ("attribute", "group", "burden"))
        own, excess = item.at("price").figure, item.at("excess").figure
        shown = _BURDENS.get(outcome or "")
        if attribute is None or group is None or own is None or excess is None or shown is None:
            continue
        yield Burden(
            group=f"{attribute}: {group or '(no value)'}",
            price=exact_interval(own),
            excess=exact_interval(excess),
            outcome=shown,
        )


def _paid(outcome: Shown, lines: Sequence[Burden]) -> str:
    number = sum(line.outcome is outcome for line in lines)
    match outcome.place:
        case 0:
            return f"Of {count(len(lines), 'group')} {number} lose more to privacy than all do, by more than the limit"
        case 1 if not lines:
            return "No two groups had persons enough to be compared"
        case 1:
            return f"Of {count(len(lines), 'group')} {number} may lose more to privacy than the limit, or may not"
    return "No group loses more to privacy, beyond the limit, than all do on average"
