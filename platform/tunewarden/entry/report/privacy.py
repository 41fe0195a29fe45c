"""What one person may lose by this training: the mechanism, epsilon in plain words and as a picture, the budget."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from markupsafe import Markup

from tunewarden.domain.events import BudgetCharged, BudgetReserved, BudgetSettled, DatasetRegistered
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Spend
from tunewarden.domain.training import Plan
from tunewarden.entry.report.admitted import admitted_facts, figure_facts
from tunewarden.entry.report.charts import Bar, bars
from tunewarden.entry.report.facts import Fact, Said, indices, of, only
from tunewarden.entry.report.figures import count, exact, percent
from tunewarden.entry.report.reading import Part

_COMPARED = (Decimal(1), Decimal(3))
_WEAK = Decimal("0.95")


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """The section on privacy.

    Attributes:
        promise: what holds for one person, or why the log does not say it.
        right: in percent, how often an observer is right at most.
        weak: whether that is so often that the bound alone rules out little.
    """

    promise: Said
    epsilon: str
    delta: str
    right: str
    picture: Markup
    weak: bool
    mechanism: tuple[Fact, ...]
    budget: tuple[Fact, ...]
    executed: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What the log says about updates and budget; None where the log has no settlement."""

    planned: Mechanism
    epsilon: Decimal
    delta: Decimal
    parts: int
    charged: int
    returned: int | None
    spent: Decimal | None
    limit: Decimal
    limit_delta: Decimal
    reserved_log: tuple[int, ...]
    charged_log: tuple[int, ...]
    settled_log: tuple[int, ...]
    limit_log: tuple[int, ...]

    @property
    def as_promised(self) -> bool:
        """Whether no more updates were charged than epsilon was reserved for."""
        return self.charged <= self.planned.updates


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What the training step says it ran; a part that its document does not have is None."""

    updates: int | None
    noise: Decimal | None
    rate: Decimal | None
    epsilon: Decimal | None
    model: Decimal | None
    record: Decimal | None
    tighter: Decimal | None
    log: tuple[int, ...]


def spending(report: LineageReport, plan: Plan) -> Spending:
    """From the entries; the plan stands in only where a request has no reservation in the log."""
    reserved = of(report.budget, BudgetReserved)
    charged = [(entry, event) for entry, event in of(report.budget, BudgetCharged) if event.what is Spend.TRAINING]
    settled = of(report.budget, BudgetSettled)
    limit = only(report.dataset, DatasetRegistered)
    last = settled[-1][1] if settled else None
    return Spending(
        planned=reserved[-1][1].mechanism if reserved else plan.mechanism,
        epsilon=reserved[-1][1].epsilon if reserved else plan.epsilon,
        delta=reserved[-1][1].delta if reserved else plan.delta,
        parts=len(reserved[-1][1].curve) if reserved else 0,
        charged=last.charged if last else max((event.charged for _, event in charged), default=0),
        returned=last.returned if last else None,
        spent=last.epsilon_spent if last else None,
        limit=limit.epsilon_limit,
        limit_delta=limit.delta,
        reserved_log=indices(entry for entry, _ in reserved) or (report.request.index,),
        charged_log=indices(entry for entry, _ in charged),
        settled_log=indices(entry for entry, _ in settled),
        limit_log=(report.dataset.index,),
    )


def privacy(report: LineageReport, plan: Plan, training: Part, training_log: tuple[int, ...]) -> Privacy:
    """The section; `training` is the details document of the training step, whose entry is `training_log`."""
    found, executed = spending(report, plan), _executed(training, training_log)
    epsilon, delta = _bound(found, executed)
    often = most_often_right(epsilon, delta)
    return Privacy(
        promise=_promise(found, executed),
        epsilon=exact(epsilon),
        delta=exact(delta),
        right=percent(often, ROUND_CEILING),
        weak=often > _WEAK,
        picture=_picture(epsilon, delta),
        mechanism=_mechanism(found),
        budget=(*_budget(found), *admitted_facts(report), *figure_facts(report)),
        executed=_executed_facts(executed, found),
    )


def most_often_right(epsilon: Decimal, delta: Decimal) -> Decimal:
    """How often an observer is right at most who guesses whether one person's data was used, both being equally likely.

    (e^epsilon + delta) / (1 + e^epsilon), from the bound on errors of any test in Kairouz, Oh and Viswanath, arXiv
    1311.0776, section 2; for delta 0 it is the bound on an even belief of Wood et al. 2018. In [0.5, 1].
    """
    odds = epsilon.exp()
    return min(Decimal(1), (odds + delta) / (1 + odds))


def _executed(training: Part, log: tuple[int, ...]) -> Executed:
    said = training.at("executed")
    values = {item.at("metric").text: item.at("high").number for item in training.at("measurements").items()}
    return Executed(
        updates=said.at("updates").whole,
        noise=said.at("noise_multiplier").number,
        rate=said.at("sampling_rate").number,
        epsilon=values.get("privacy.epsilon"),
        model=values.get("privacy.epsilon_model"),
        record=values.get("privacy.epsilon_record"),
        tighter=values.get("privacy.epsilon_pld"),
        log=log,
    )


def _bound(found: Spending, executed: Executed) -> tuple[Decimal, Decimal]:
    """An epsilon that covers this training, and its delta.

    The plan's where no more was charged; else what the training step says; else all trainings on the dataset together.
    """
    if found.as_promised or (executed.epsilon is None and found.spent is None):
        return found.epsilon, found.delta
    if executed.epsilon is not None:
        return max(found.epsilon, executed.epsilon), found.delta
    return max(found.epsilon, found.spent or found.epsilon), found.limit_delta


def _promise(found: Spending, executed: Executed) -> Said:
    promised = f"epsilon {exact(found.epsilon)} at delta {exact(found.delta)}"
    log = (*found.reserved_log, *found.charged_log[-1:], *found.settled_log)
    if found.as_promised:
        return Said(f"For one person, this training costs at most {promised}.", log)
    epsilon, delta = _bound(found, executed)
    return Said(
        f"{found.charged - found.planned.updates:,} updates more than planned were charged, because an attempt was "
        f"repeated: for one person, this training costs more than the planned {promised}, "
        f"but at most epsilon {exact(epsilon)} at delta {exact(delta)}.",
        (*log, *executed.log),
    )


def _picture(epsilon: Decimal, delta: Decimal) -> Markup:
    half = Decimal("0.5")
    here = most_often_right(epsilon, delta)
    rows = [Bar(label="Data not used", share=half, text="50 %, a coin")]
    for other in (each for each in _COMPARED if each < epsilon):
        share = most_often_right(other, delta)
        rows.append(Bar(label=f"Epsilon {other}", share=share, text=f"{percent(share, ROUND_CEILING)} at most"))
    rows.append(Bar(label="This training", share=here, text=f"{percent(here, ROUND_CEILING)} at most", strong=True))
    return bars(
        rows,
        ticks=[(Decimal(0), "0 %"), (half, "50 %"), (Decimal(1), "100 %")],
        alt=f"How often an observer is right about one person: 50 % without the data, {percent(here, ROUND_CEILING)} "
        "at most after this training.",
    )


def _mechanism(found: Spending) -> tuple[Fact, ...]:
    planned, log = found.planned, found.reserved_log
    return (
        Fact("Privacy unit", _unit(planned), log),
        Fact("Neighbouring relation", f"{planned.relation.replace('-', ' ')} person, with all their records", log),
        Fact("Mechanism", "Gaussian noise on Poisson-sampled, clipped sums", log),
        Fact("Sampler", f"every {planned.unit} by a draw of its own, afresh in every update; it may be nobody", log),
        Fact("Randomness", "the operating system's, for draws and noise; no seed is chosen, kept or logged", log),
        Fact(
            "Composition",
            "Renyi accounting; later trainings may be chosen in view of earlier ones",
            log,
        ),
        Fact("Trust model", "central: the platform sees the records, and who sees the model does not", log),
        Fact("Sampling rate", f"{exact(planned.sampling_rate)} of the {planned.unit}s in an update, expected", log),
        Fact("Noise multiplier", f"{exact(planned.noise_multiplier)} times the clipping norm", log),
        Fact("Updates planned", exact(planned.updates) + _of_which(found.parts), log),
    )


def _of_which(parts: int) -> str:
    if not parts:
        return ""
    return f", as many for the model as for each of {count(parts, 'part')} of the persons in its learning curve"


def _unit(planned: Mechanism) -> str:
    if planned.unit is PrivacyUnit.PERSON:
        return "person: everything of one person counts together"
    return (
        f"record: each is drawn and clipped for itself, of one person at most {planned.contributions}; "
        "every epsilon here is a person's all the same"
    )


def _budget(found: Spending) -> tuple[Fact, ...]:
    settled = found.settled_log or found.reserved_log  # while it is only reserved, that is the last word
    charged = Fact("Updates charged", f"{found.charged:,} of {count(found.planned.updates, 'planned update')}")
    return (
        Fact(
            "Limit of the dataset",
            f"epsilon {exact(found.limit)} at delta {exact(found.limit_delta)}, all trainings together",
            found.limit_log,
        ),
        Fact("Reserved", f"epsilon {exact(found.epsilon)} at delta {exact(found.delta)}", found.reserved_log),
        Fact(charged.label, charged.value, (*found.charged_log, *found.settled_log)),
        Fact("Updates given back", "not settled" if found.returned is None else exact(found.returned), settled),
        Fact(
            "Spent on the dataset by then",
            "not settled" if found.spent is None else f"epsilon {exact(found.spent)}, all trainings together",
            settled,
        ),
    )


def _executed_facts(executed: Executed, found: Spending) -> tuple[Fact, ...]:
    """Claims of the training step, beside what the log charged."""
    told = (
        ("Updates", executed.updates, f"; the log charged {found.charged:,}"),
        ("Noise multiplier", executed.noise, ""),
        ("Sampling rate", executed.rate, ""),
        ("Epsilon of that", executed.epsilon, ", by Renyi accounting, which decides"),
        ("Epsilon of the model", executed.model, ", without its learning curve"),
        ("Epsilon of one record", executed.record, ", which promises nothing to a person who has several"),
        ("Epsilon, tighter", executed.tighter, ", by privacy-loss distributions, which decide nothing"),
    )
    return tuple(Fact(label, exact(value) + more, executed.log) for label, value, more in told if value is not None)


def recipe_facts(report: LineageReport, plan: Plan) -> tuple[Fact, ...]:
    """How the adapter was trained, from the plan."""
    recipe, log = plan.recipe, (report.request.index,)
    return (
        Fact("Adapter", f"LoRA, rank {recipe.lora_rank}, on {', '.join(recipe.lora_targets)}", log),
        Fact("Clipping norm", f"{exact(recipe.clip)} for one {plan.mechanism.unit}", log),
        Fact("Expected in an update", count(recipe.expected_units, plan.mechanism.unit), log),
        Fact("Rows of one person in an update", f"at most {recipe.rows_per_person}", log),
        Fact("Learning rate", f"{exact(recipe.learning_rate)} (AdamW)", log),
        Fact("Computed in", f"{recipe.precision}; noise is {recipe.noise.replace('-', ' ')}", log),
        Fact("Made-up persons", f"{recipe.canaries:,} canaries, half of them trained on, to see what leaks", log),
        Fact("Text", f"cut to {recipe.max_tokens} tokens{', lower-cased' if recipe.lower_case else ''}", log),
    )
