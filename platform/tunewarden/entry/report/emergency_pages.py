"""The page of emergencies: what waits for somebody, and what there was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tunewarden.domain.break_glass import IN_FORCE, OPEN_TASK, Emergency, EmergencyFinding, Standing
from tunewarden.domain.names import PrincipalId
from tunewarden.entry.report.emergency_words import FINDINGS, REASONS, STANDINGS
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.figures import instant
from tunewarden.entry.report.render import environment

_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One emergency, and what the reader may want to do with it; whether they may, the use case says."""

    id: Name
    incident: str
    reason: str
    opened_by: Name
    opened_at: str
    standing: str
    is_urgent: bool
    until: str
    confirmed_by: Name | None
    reviewed_by: Name | None
    finding: str
    can_confirm: bool
    can_close: bool
    can_review: bool


def render_emergencies(found: Sequence[Emergency], reader: PrincipalId, now: datetime) -> str:
    """Those in force first, then those without a review, then the newest; at most a hundred."""
    order = {True: 0, False: 1}
    newest = sorted(found, key=lambda one: one.opened_at, reverse=True)
    sorted_by_need = sorted(
        newest, key=lambda one: (order[one.standing(now) in IN_FORCE], order[one.standing(now) in OPEN_TASK])
    )
    rows = [_row(one, reader, now) for one in sorted_by_need[:_MOST]]
    findings = [(one.value, FINDINGS[one]) for one in EmergencyFinding]
    return environment().get_template("emergencies.html").render(rows=rows, findings=findings)


def _row(one: Emergency, reader: PrincipalId, now: datetime) -> Row:
    standing = one.standing(now)
    mine = reader == one.opened_by
    return Row(
        id=Name(one.id),
        incident=one.incident,
        reason=REASONS[one.reason],
        opened_by=Name(one.opened_by),
        opened_at=instant(one.opened_at),
        standing=STANDINGS[standing],
        is_urgent=standing is not Standing.REVIEWED,
        until=instant(one.confirm_by if standing is Standing.OPENED else one.ends_at),
        confirmed_by=None if one.confirmed_by is None else Name(one.confirmed_by),
        reviewed_by=None if one.reviewed_by is None else Name(one.reviewed_by),
        finding="" if one.finding is None else FINDINGS[one.finding],
        can_confirm=standing is Standing.OPENED and not mine,
        can_close=standing in IN_FORCE,
        can_review=standing in OPEN_TASK and reader not in {one.opened_by, one.confirmed_by},
    )
