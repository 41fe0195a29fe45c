"""A plan's promise in plain words, for a privacy officer who has to approve it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from textwrap import fill

from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan
from tunewarden.entry.report.figures import exact, listed, percent
from tunewarden.entry.report.privacy import most_often_right
from tunewarden.entry.report.tradeoff import Point, curve, most_right, picture

_WIDTH = 88
_BEFORE = (Decimal("0.01"), Decimal("0.1"), Decimal("0.5"), Decimal("0.9"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Of one dataset: what one person may lose over all trainings, has lost, and may still lose."""

    limit: Decimal
    delta: Decimal
    spent: Decimal
    left: Decimal


def tell(plan: Plan, budget: Budget | None, svg: Path | None) -> str:
    """The whole text; the picture is written to `svg`."""
    from tunewarden.drivers import accounting

    here = curve(lambda epsilons: accounting.deltas([plan.promised], epsilons))
    told = figures(plan)
    record = None if told["epsilon_of_one_record"] is None else Decimal(told["epsilon_of_one_record"])
    text = explained(plan, here, tighter=Decimal(told["epsilon_pld"] or 0), record=record, budget=budget)
    if svg is None:
        return text
    svg.write_text(str(picture(plan.promised_epsilon, plan.delta, here)), encoding="utf-8")
    return f"{text}\n\nThe picture is in {svg}."


def figures(plan: Plan) -> dict[str, str | None]:
    """A plan's promise as decimals: for one person, by both ways of accounting, and for a record where that is less."""
    from tunewarden.drivers import accounting

    alone = None
    if plan.mechanism.unit is not PrivacyUnit.PERSON:
        alone = f"{accounting.epsilon([plan.promised.for_one_unit()], plan.delta):f}"
    return {
        "epsilon": f"{plan.promised_epsilon:f}",
        "delta": f"{plan.delta:f}",
        "epsilon_pld": f"{accounting.epsilon_pld([plan.promised], plan.delta):f}",
        "epsilon_of_one_record": alone,
    }


def explained(
    plan: Plan, here: Sequence[Point], *, tighter: Decimal, record: Decimal | None, budget: Budget | None
) -> str:
    """The whole text. `here` is the mechanism's own curve; `record` epsilon of one record, where that is the unit."""
    parts = [
        _section("What is promised", _promise(plan, tighter, record)),
        _section("What an observer can learn about one person", _observer(plan, here)),
        _table(plan),
        _section("What the noise costs", _cost(plan)),
    ]
    if budget is not None:
        parts.append(_section("What is left of the budget", _budget(budget)))
    parts.append(_section("What this does not say", _limits(plan)))
    return "\n\n".join(parts)


def belief_after(before: Decimal, epsilon: Decimal) -> Decimal:
    """How sure an observer is at most that a person's data was used, who was `before` sure of it: odds times e^epsilon.

    With probability delta it may be more: up to certainty (Kairouz, Oh and Viswanath, arXiv 1311.0776, theorem 3.2: the
    outcomes of any such mechanism can be made from one that tells all with probability delta, and else keeps epsilon).
    """
    odds = before / (1 - before) * epsilon.exp()
    return odds / (1 + odds)


def _promise(plan: Plan, tighter: Decimal, record: Decimal | None) -> Iterator[str]:
    mechanism, recipe = plan.mechanism, plan.recipe
    yield (
        f"Epsilon {exact(plan.promised_epsilon)} at delta {exact(plan.delta)} for one person: whatever the trained "
        "model shows, it is at most e to the epsilon times likelier, or less likely, with this person's records than "
        "without any of them. The chance that this fails is at most delta. By a tighter calculation, which decides "
        f"nothing, epsilon is {exact(tighter)}."
    )
    if plan.curve is not None:
        shares = listed(percent(share) for share in plan.curve.shares)
        yield (
            f"In this is a learning curve: models are trained on {shares} of the persons too, by the mechanism of the "
            "model, to see what the last half of the data gains. They are asked about the held-out persons and "
            f"removed; nobody is given them. The model alone would cost epsilon {exact(plan.epsilon)}. All trainings "
            f"together take about {exact(sum(plan.curve.shares, Decimal(1)))} times as long as that of the model."
        )
    if record is not None:
        yield (
            f"Records are drawn and clipped one by one, and of one person at most {mechanism.contributions} are used. "
            f"For a record alone epsilon would be {exact(record)}; that protects nobody who has several."
        )
    yield (
        f"In each of {exact(mechanism.updates)} updates every {mechanism.unit} takes part with probability "
        f"{exact(mechanism.sampling_rate)}, its gradient is clipped to norm {exact(recipe.clip)}, and noise of "
        f"{exact(mechanism.noise_multiplier)} times that is added to the sum "
        f"({recipe.noise.replace('-', ' ')}, from the operating system's randomness)."
    )


def _observer(plan: Plan, here: Sequence[Point]) -> Iterator[str]:
    often = most_often_right(plan.promised_epsilon, plan.delta)
    yield (
        "Somebody knows everything about everybody else, and for one person only that a coin was tossed whether their "
        f"records are used. Who then sees the whole model guesses right {percent(most_right(here), ROUND_CEILING)} of "
        f"the time at most; epsilon and delta alone would allow {percent(often, ROUND_CEILING)}. A coin is right 50 %."
    )
    yield (
        "Who was surer or less sure beforehand can become surer by so much, at most (with probability delta by more):"
    )


def _table(plan: Plan) -> str:
    rows = [f"  {'sure before':>12}  {'sure afterwards':>16}"]
    for before in _BEFORE:
        after = percent(belief_after(before, plan.promised_epsilon), ROUND_CEILING)
        rows.append(f"  {percent(before):>12}  {'at most ' + after:>16}")
    return "\n".join(rows)


def _cost(plan: Plan) -> Iterator[str]:
    share, units = plan.mechanism.noise_multiplier / plan.recipe.expected_units, exact(plan.recipe.expected_units)
    yield (
        f"On each trained number of an update the noise is {float(share):.4f} of what a mean over {units} "
        f"{plan.mechanism.unit}s can reach when all of them pull one way."
    )
    yield (
        "Rule of thumb, not a forecast: on notes of an emergency room, one sentence each, of 1,201 persons, 0.0047 "
        "(epsilon 8) gave accuracy 0.91 and 0.0084 (epsilon 3) gave 0.84, the majority being 0.58. A label that the "
        "text shows less plainly was not learnt at 0.0058 from 969 persons. Nothing else was measured for this rule."
    )


def _budget(budget: Budget) -> Iterator[str]:
    yield (
        f"On this dataset one person may lose epsilon {exact(budget.limit)} at delta {exact(budget.delta)} over all "
        "trainings. "
        f"Spent for ever: {exact(budget.spent)}. Neither spent nor promised: {exact(budget.left)}. Epsilons of several "
        "trainings are not added; together they cost less than their sum."
    )


def _limits(plan: Plan) -> Iterator[str]:
    yield (
        "It bounds what the model adds to what is known, not what can be inferred about a person from what is true of "
        "many. It holds for whoever is trained on; of persons who are held out, figures are noisy and charged too, or "
        "exact where their steward declared so. It does not say that the texts are free of identifiers."
    )
    if plan.mechanism.unit is PrivacyUnit.PERSON:
        yield "A person is whatever stands in the person column: who is in it twice under two names is two."


def _section(title: str, paragraphs: Iterator[str]) -> str:
    return "\n".join([title.upper(), *(fill(text, _WIDTH) for text in paragraphs)])
