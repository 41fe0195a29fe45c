"""The pages on which people decide whether an alias may name a model version."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.overrides import DECIDING, OverrideReason, final
from tunewarden.domain.registry import Promotion, PromotionState
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.figures import instant, listed
from tunewarden.entry.report.override_words import REASONS, ROLES
from tunewarden.entry.report.render import environment
from tunewarden.entry.report.unassessed import too_few
from tunewarden.entry.report.verdicts import Judged, Metrics, judged
from tunewarden.entry.report.words import OUTCOMES
from tunewarden.usecases.proposals import Proposal

_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One line of the list."""

    id: Name
    alias: str
    model: Name
    proposed_by: Name
    is_urgent: bool
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """What one person let pass."""

    by: Name
    role: str
    reason: str
    at: str


def render_promotions(found: Sequence[Promotion]) -> str:
    """Those that one person let pass first, then those that wait for approval, then the newest; at most a hundred."""
    newest = list(found)
    newest.reverse()
    newest.sort(key=_place)  # keeps the order of those that are alike
    rows = [_waiting(one) for one in newest[:_MOST]]
    return environment().get_template("promotions.html").render(rows=rows, unlisted=max(0, len(newest) - _MOST))


def render_promotion(found: Proposal, reader: PrincipalId, metrics: Metrics) -> str:
    """One of them. A form is offered to whom it could be of use; whether they may, the use case says."""
    promotion, verdict = found.promotion, found.verdict
    rules = {(rule.metric, rule.bound): rule for rule in found.gate.rules}
    told = [judged(one, rules[one.metric, one.bound], metrics) for one in verdict.findings]
    stopped_for_good = [one.metric for one in final(verdict)]
    refused, awaits = (promotion.state is state for state in (PromotionState.REFUSED, PromotionState.AWAITING_APPROVAL))
    decided = reader in {one.by for one in promotion.overrides}
    named = too_few(found.unassessed.details)
    return (
        environment()
        .get_template("promotion.html")
        .render(
            id=Name(promotion.id),
            model=Name(promotion.model),
            alias=str(promotion.alias),
            proposed_by=Name(promotion.proposed_by),
            approved_by=None if promotion.approved_by is None else Name(promotion.approved_by),
            verdict=Name(promotion.verdict),
            gate=verdict.gate,
            gate_digest=Name(verdict.gate_digest),
            outcome=verdict.outcome.value,
            outcomes={outcome.value: word for outcome, word in OUTCOMES.items()},
            standing=_standing(promotion),
            stopping=_stopping(told),
            passing=[one for one in told if one.outcome is Outcome.PASS],
            stopped_for_good=listed(stopped_for_good) if stopped_for_good else "",
            halves=[
                Half(by=Name(one.by), role=ROLES[one.role], reason=REASONS[one.reason], at=instant(one.at))
                for one in promotion.overrides
            ],
            missing=listed(ROLES[role] for role in sorted(DECIDING - {one.role for one in promotion.overrides})),
            is_own=found.is_own,
            is_refused=refused,
            can_override=refused and not stopped_for_good and not found.is_own and not decided,
            can_approve=awaits and reader != promotion.proposed_by,
            unassessed=found.unassessed.count,
            too_few=[one.words for one in named],
            unnamed=max(0, found.unassessed.count - len(named)),
            reasons=[(reason.value, REASONS[reason]) for reason in OverrideReason],
        )
    )


def _stopping(told: Sequence[Judged]) -> Sequence[Judged]:
    """What the gate stopped, failures first, and among them what is hard."""
    stopped = [one for one in told if one.outcome is not Outcome.PASS]
    return sorted(stopped, key=lambda one: (one.outcome is not Outcome.FAIL, not one.hard))


def _place(one: Promotion) -> int:
    if one.state is PromotionState.AWAITING_APPROVAL:
        return 1
    return 0 if one.overrides else 2


def _waiting(one: Promotion) -> Waiting:
    return Waiting(
        id=Name(one.id),
        alias=str(one.alias),
        model=Name(one.model),
        proposed_by=Name(one.proposed_by),
        is_urgent=bool(one.overrides),
        standing=_standing(one),
    )


def _standing(one: Promotion) -> str:
    match one.state, len(one.overrides):
        case PromotionState.APPROVED, 0:
            return "approved"
        case PromotionState.APPROVED, _:
            return "approved, over what the gate stopped"
        case PromotionState.AWAITING_APPROVAL, 0:
            return "waits for approval"
        case PromotionState.AWAITING_APPROVAL, _:
            return "stopped by the gate, let pass by two persons, and waits for approval"
        case PromotionState.REFUSED, 0:
            return "stopped by the gate"
    return "stopped by the gate; one of two persons lets it pass"
