"""What was let pass that a gate had stopped, in plain words."""

from collections.abc import Iterator, Mapping

from tunewarden.domain.events import PromotionApproved, PromotionProposed
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.names import Role
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.overrides import DECIDING, OverrideReason
from tunewarden.entry.report.facts import Said, indices, of
from tunewarden.entry.report.figures import instant, listed

REASONS: Mapping[OverrideReason, str] = {
    OverrideReason.TOO_FEW_PERSONS: "there are no more people to measure it on",
    OverrideReason.NOT_SERVED: "the model is not used for whom or what it is about",
    OverrideReason.WATCHED: "it is watched where the model is used",
    OverrideReason.BETTER_THAN_NOW: "what the alias named before was worse in this",
}
ROLES: Mapping[Role, str] = {Role.APPROVER: "an approver", Role.PRIVACY_OFFICER: "a privacy officer"}


def told(event: GateOverridden) -> str:
    """A line of the time line."""
    return (
        f"Let pass what the gate had stopped, as {ROLES.get(event.role, event.role)}, because {REASONS[event.reason]}"
    )


def overridden(report: LineageReport) -> tuple[Said, ...]:
    """Each promotion of which somebody let pass what its gate had stopped, in one sentence."""
    return tuple(_overridden(report))


def _overridden(report: LineageReport) -> Iterator[Said]:
    decided = of(report.promotions, GateOverridden)
    approved = {event.promotion: entry for entry, event in of(report.promotions, PromotionApproved)}
    for entry, event in of(report.promotions, PromotionProposed):
        halves = [(half, said) for half, said in decided if said.promotion == event.promotion]
        if not halves:
            continue
        who = listed(f"{ROLES.get(said.role, said.role)} (because {REASONS[said.reason]})" for _, said in halves)
        consent = approved.get(event.promotion)
        yield Said(
            f"The gate had stopped the promotion to {event.alias}; {who} let it pass"
            + ("" if {said.role for _, said in halves} >= DECIDING else ", which takes both of them")
            + ("; it was not approved." if consent is None else f"; it was approved at {instant(consent.at)}."),
            indices((entry, *(half for half, _ in halves), *([] if consent is None else [consent]))),
        )
