"""What the log says about the persons whose budget a training was charged to."""

from tunewarden.domain.events import BudgetCharged, BudgetSettled, CohortAdmitted
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.privacy import Spend
from tunewarden.entry.report.facts import Fact, of
from tunewarden.entry.report.figures import exact

_WHO = {Spend.TRAINING: "Persons trained on", Spend.METRICS: "Persons measured on"}


def admitted_facts(report: LineageReport) -> tuple[Fact, ...]:
    """Who was admitted under which limit; nothing for a request of before persons were admitted."""
    return tuple(
        Fact(_WHO[event.what], f"{_counted(event)}; {_limited(event)}", (entry.index,))
        for entry, event in of(report.budget, CohortAdmitted)
    )


def figure_facts(report: LineageReport) -> tuple[Fact, ...]:
    """What was charged for noisy figures; nothing where exact ones left, or none."""
    charged = [(entry, event) for entry, event in of(report.budget, BudgetCharged) if event.what is Spend.METRICS]
    settled = [event for _, event in of(report.budget, BudgetSettled)]
    if not charged:
        return ()
    total = max(event.charged for _, event in charged)
    returned = f"; {settled[-1].metrics_returned:,} given back" if settled else ""
    return (Fact("Noisy figures charged", f"{total:,}{returned}", tuple(entry.index for entry, _ in charged)),)


def _counted(event: CohortAdmitted) -> str:
    left_out = f", {event.left_out:,} left out because they had no budget left" if event.left_out else ""
    return f"{event.persons:,} admitted{left_out}"


def _limited(event: CohortAdmitted) -> str:
    where = "the dataset" if event.namespace is None else f"every dataset of the namespace {event.namespace}"
    counted = f"; {len(event.others):,} others that some of them are in were counted" if event.others else ""
    return f"one may lose epsilon {exact(event.epsilon)} at delta {exact(event.delta)} over {where}{counted}"
