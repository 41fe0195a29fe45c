"""Whether anybody may use the model version: proposals, who approved them, and what aliases name it."""

from collections.abc import Iterator

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import (
    PromiseDisproved,
    PromotionApproved,
    PromotionProposed,
    ReportAttested,
    SignatureWithdrawn,
)
from tunewarden.domain.lineage import LineageReport
from tunewarden.domain.override_events import GateOverridden
from tunewarden.entry.report import deid_words, words
from tunewarden.entry.report.facts import Said, indices, introduced, of
from tunewarden.entry.report.figures import exact, instant, listed, short
from tunewarden.entry.report.removal_words import Named, named, retired


def standing(report: LineageReport) -> tuple[Said, ...]:
    """What the aliases say now, and the last proposal."""
    aliases = tuple(
        Said(f"The alias {alias} {_became(one)} {instant(one.entry.at)}.", (one.entry.index,))
        for alias, one in named(report).items()
    )
    none = Said("No alias has ever named it, so nobody may use it.", (report.model.index,))
    return (
        *_disproved(report),
        *_withdrawn(report),
        *retired(report),
        *(aliases or (none,)),
        *promotions(report)[-1:],
    )


def _became(one: Named) -> str:
    if one.names_it:
        return "names it since"
    return "was taken off it at" if one.was_taken_off else "moved on from it at"


def promotions(report: LineageReport) -> tuple[Said, ...]:
    """Every proposal, in log order, with what became of it."""
    return tuple(_promotions(report))


def who(report: LineageReport, entry: Entry) -> str:
    """A principal with the roles that the log states, for a sentence: `the approver prn-...`."""
    held = {role for _, event in introduced(report) if event.principal == entry.actor for role in event.roles}
    return f"the {listed(words.spaced(role) for role in sorted(held)) if held else 'principal'} {short(entry.actor)}"


def _disproved(report: LineageReport) -> Iterator[Said]:
    """That it was shown to leak more than its training claims."""
    for entry, event in of(report.alarms, PromiseDisproved):
        yield Said(
            f"Its promise of privacy is broken: made-up persons show an epsilon of {exact(event.shown)} or more "
            f"at delta {exact(event.delta)}, and {exact(event.claimed)} is claimed.",
            (entry.index,),
        )


def _withdrawn(report: LineageReport) -> Iterator[Said]:
    """That what it was trained on is no longer signed for, where nobody has signed since."""
    said = [entry for entry in report.reviews if isinstance(entry.event, ReportAttested | SignatureWithdrawn)]
    if said and isinstance(said[-1].event, SignatureWithdrawn):
        why = deid_words.WITHDRAWALS[said[-1].event.because]
        yield Said(
            f"The signature about its records was withdrawn at {instant(said[-1].at)} by {who(report, said[-1])}: "
            f"{why}. Nobody may promote it or take it away until somebody has signed anew.",
            (said[-1].index,),
        )


def _promotions(report: LineageReport) -> Iterator[Said]:
    approved = {event.promotion: entry for entry, event in of(report.promotions, PromotionApproved)}
    for entry, event in of(report.promotions, PromotionProposed):
        said = f"Proposed for {event.alias} by {who(report, entry)}; the gate said {words.OUTCOMES[event.outcome]}"
        halves = [half for half, one in of(report.promotions, GateOverridden) if one.promotion == event.promotion]
        if halves:
            said = f"{said}, and {listed(who(report, half) for half in halves)} let that pass"
        consent = approved.get(event.promotion)
        if consent is None:
            yield Said(f"{said}; not approved.", indices((entry, *halves)))
        else:
            yield Said(
                f"{said}; approved by {who(report, consent)} at {instant(consent.at)}.",
                indices((entry, *halves, consent)),
            )
