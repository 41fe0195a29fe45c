"""The model card as a page for paper and screen, made from the JSON card and from nothing else.

Every figure on it is one of that card, with every digit, and with the index of its log entry; the foot has the digest
of the card. So who holds the page and the JSON can hold one against the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tunewarden.domain.canonical import Plain, digest_of
from tunewarden.domain.gates import Bound, Outcome
from tunewarden.domain.names import Role
from tunewarden.domain.overrides import OverrideReason
from tunewarden.entry.report.compared import OUTCOMES as STANDINGS, WORDS_OF, Outcome as Shown
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.figures import exact, exact_interval
from tunewarden.entry.report.override_words import REASONS, ROLES
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.render import environment
from tunewarden.entry.report.unassessed import group_name
from tunewarden.entry.report.words import OUTCOMES, spaced

_FAMILIES: Mapping[str, str] = {
    "utility": "Utility",
    "fairness": "Fairness",
    "explanation": "Explanation",
    "privacy": "Privacy",
    "train": "Training",
    "deid": "De-identification",
}
"""What the first word of a metric's name stands for, in the order of the page; others follow under their own word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One figure."""

    metric: str
    meaning: str
    unit: str
    figure: str
    n: str
    log: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """One rule of a verdict. `is_hard` where nobody may let it pass."""

    metric: str
    limit: str
    figure: str
    outcome: str
    word: str
    is_hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One promotion; `overridden` are the sentences that stand in red."""

    alias: str
    by: Name
    at: str
    outcome: str
    word: str
    gate: str
    gate_digest: Name
    verdict: Name
    rules: tuple[Ruled, ...]
    overridden: tuple[str, ...]
    approved: tuple[Name, str] | None
    log: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group; a text that is empty is not known."""

    name: str
    persons: str
    accuracy: str
    behind: str
    calibration: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One comparison that is not cleared."""

    name: str
    what: str
    behind: str
    tolerance: str
    outcome: Shown


def render_card(card: Mapping[str, Plain]) -> str:
    """Any card that `card` made; a member of another form than it writes is left out or shown as not known."""
    part = Part(card)
    return (
        environment()
        .get_template("card.html")
        .render(
            digest=Name(digest_of(card)),
            part=part,
            model=_name(part.at("model")),
            adapter=_name(part.at("adapter")),
            dataset=_name(part.at("dataset")),
            voices=tuple(_voices(part)),
            purpose=spaced(part.at("purpose").text or ""),
            decisions=tuple(_decision(one) for one in part.at("promotions").items()),
            names=tuple(
                (one.at("alias").text, one.at("model").text == part.at("model").text, one.at("at").text)
                for one in part.at("aliases").items()
            ),
            families=tuple(_families(part)),
            groups=tuple(_group(one) for one in part.at("fairness", "groups").items()),
            too_small=tuple(_group_name(one) for one in part.at("fairness", "too_small").items()),
            merged=tuple(one.text or "" for one in part.at("fairness", "merged").items()),
            open_comparisons=tuple(_open(part)),
            comparisons=len(list(part.at("fairness", "comparisons").items())),
            outcomes=OUTCOMES,
        )
    )


def _voices(card: Part) -> Iterator[tuple[str, Name, int | None]]:
    """Who asked for the training and who agreed to its plan."""
    yield "Asked for by", _name(card.at("requested", "actor")), card.at("requested", "index").whole
    for label, member in (("Plan approved by", "approvals"), ("Plan endorsed by", "endorsements")):
        for one in card.at(member).items():
            yield label, _name(one.at("actor")), one.at("index").whole


def _decision(one: Part) -> Decided:
    outcome = Outcome(one.at("outcome").text or Outcome.UNKNOWN)
    halves = list(one.at("overridden").items())
    approved = one.at("approved")
    indices = (one.at("index"), one.at("judged"), *(half.at("index") for half in halves), approved.at("index"))
    return Decided(
        alias=one.at("alias").text or "",
        by=_name(one.at("actor")),
        at=_instant(one.at("at")),
        outcome=outcome.value,
        word=OUTCOMES[outcome],
        gate=one.at("gate").text or "",
        gate_digest=_name(one.at("gate_digest")),
        verdict=_name(one.at("verdict")),
        rules=tuple(_ruled(finding) for finding in one.at("findings").items()),
        overridden=tuple(_half(half) for half in halves),
        approved=None if approved.value is None else (_name(approved.at("actor")), _instant(approved.at("at"))),
        log=tuple(sorted({part.whole for part in indices if part.whole is not None})),
    )


def _half(half: Part) -> str:
    role, reason = Role(half.at("role").text or ""), OverrideReason(half.at("reason").text or "")
    return f"{ROLES[role]} let it pass, because {REASONS[reason]}"


def _ruled(finding: Part) -> Ruled:
    outcome, limit = Outcome(finding.at("outcome").text or Outcome.UNKNOWN), finding.at("limit").number
    bound = "at most" if finding.at("bound").text == Bound.AT_MOST else "at least"
    return Ruled(
        metric=finding.at("metric").text or "",
        limit="" if limit is None else f"{bound} {exact(limit)}",
        figure=_figure(finding.at("measured")) or "not measured",
        outcome=outcome.value,
        word=OUTCOMES[outcome],
        is_hard=finding.at("hard").value is True,
    )


def _families(card: Part) -> Iterator[tuple[str, tuple[Measured, ...]]]:
    found: dict[str, list[Measured]] = {family: [] for family in _FAMILIES}
    for one in card.at("measured").items():
        figure = measured(one)
        found.setdefault(figure.metric.partition(".")[0], []).append(figure)
    for family, figures in found.items():
        if figures:
            yield _FAMILIES.get(family, family), tuple(figures)


def measured(one: Part) -> Measured:
    """A measurement with its unit, its meaning and the index of its entry, as JSON has it here and in evidence."""
    n = one.at("n").whole
    return Measured(
        metric=one.at("metric").text or "",
        meaning=one.at("meaning").text or "",
        unit=one.at("unit").text or "",
        figure=_figure(one),
        n="" if n is None else f"{n:,} {one.at('n_counts').text or ''}".rstrip(),
        log=one.at("index").whole,
    )


def _group(one: Part) -> Group:
    persons, accuracy = one.at("persons").whole, one.at("accuracy").number
    return Group(
        name=_group_name(one),
        persons="withheld" if persons is None else f"{persons:,}",
        accuracy="" if accuracy is None else exact(accuracy),
        behind=_figure(one.at("shortfall")),
        calibration=_figure(one.at("calibration")),
    )


def _group_name(one: Part) -> str:
    return group_name(one.at("attribute").text or "", one.at("group").text)


def _open(card: Part) -> Iterator[Comparison]:
    """What is neither cleared nor without a shown loss, the worst first."""
    found = []
    for one in card.at("fairness", "comparisons").items():
        outcome, tolerance = STANDINGS.get(one.at("standing").text or ""), one.at("tolerance").number
        if outcome is None or outcome.mark == "pass":
            continue
        words = WORDS_OF.get(one.at("metric").text or "", "")
        found.append(
            Comparison(
                name=_group_name(one),
                what=words.format(label=one.at("label").whole),
                behind=_figure(one.at("behind")),
                tolerance="" if tolerance is None else exact(tolerance),
                outcome=outcome,
            )
        )
    yield from sorted(found, key=lambda one: (one.outcome.place, one.name, one.what))


def _figure(part: Part) -> str:
    found = part.figure
    return "" if found is None else exact_interval(found)


def _name(part: Part) -> Name:
    return Name(part.text or "")


def _instant(part: Part) -> str:
    """To the second, as every page has it."""
    return f"{(part.text or '')[:19]}Z"
