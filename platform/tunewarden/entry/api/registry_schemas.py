"""How model versions, their promotions and aliases travel over the API."""

from collections.abc import Set
from typing import Annotated

from pydantic import Field, StringConstraints

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.entries import Entry
from tunewarden.domain.gates import Verdict
from tunewarden.domain.names import EVERYWHERE
from tunewarden.domain.overrides import OverrideReason, final
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion, PromotionState
from tunewarden.domain.removals import Clearing, RemovalReason
from tunewarden.domain.serving import Stretch
from tunewarden.entry.api.schemas import DigestText, Json, Strict
from tunewarden.entry.report.unassessed import too_few
from tunewarden.usecases.proposals import Unassessed

AliasText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class PromotionIn(Strict):
    alias: AliasText


class PromotionApprovalIn(Strict):
    """`unassessed` is that of the promotion: how many groups and comparisons are signed for without any figure."""

    verdict: DigestText
    unassessed: int = Field(default=0, ge=0, le=1_000_000)


class OverrideIn(Strict):
    """`verdict` is that of the promotion, and what the gate still says."""

    verdict: DigestText
    reason: OverrideReason


class RemovalIn(Strict):
    reason: RemovalReason


def model_out(model: ModelVersion, name: str, aliases: list[AliasTarget], purposes: Set[Purpose]) -> Json:
    """The OpenAI `model` object."""
    return {
        "id": name,
        "object": "model",
        "created": int(model.registered_at.timestamp()),
        "owned_by": "tunewarden",
        "governance": {
            "model": model.id,
            "request": model.request,
            "project": None if model.project == EVERYWHERE else model.project,
            "plan": model.plan,
            "adapter": model.adapter,
            "aliases": [target.alias for target in aliases if target.model == model.id],
            "purposes": sorted(purposes),
            "retired": model.retired,
        },
    }


def promotion_out(promotion: Promotion, verdict: Verdict | None, unassessed: Unassessed, fault: str = "") -> Json:
    """Our `promotion` object: the digest to approve, and every finding behind it.

    `unassessed` is the number to sign for and `not_assessable` what is in it: `metric` is null where the whole group
    could not be compared, `group` of all smaller groups together. What is counted beyond that are rates that could not
    be compared, which no document names. `fault` is that of `proposals.Told`; with it, there may be no verdict.
    """
    can_be_overridden = promotion.state is PromotionState.REFUSED and verdict is not None and not final(verdict)
    return {
        "id": promotion.id,
        "object": "promotion",
        "model": promotion.model,
        "alias": promotion.alias,
        "state": promotion.state,
        "proposed_by": promotion.proposed_by,
        "approved_by": promotion.approved_by,
        "verdict": promotion.verdict,
        "unassessed": unassessed.count,
        "not_assessable": [
            {"attribute": one.attribute, "group": one.group, "metric": one.metric, "label": one.label}
            for one in too_few(unassessed.details)
        ],
        "overridable": can_be_overridden and not fault,
        "overrides": [{"by": one.by, "role": one.role, "reason": one.reason} for one in promotion.overrides],
        "fault": fault or None,
        "gate": None
        if verdict is None
        else {"name": verdict.gate, "digest": verdict.gate_digest, "outcome": verdict.outcome},
        "findings": [
            {
                "metric": finding.metric,
                "bound": finding.bound,
                "limit": str(finding.limit),
                "outcome": finding.outcome,
                "hard": finding.hard,
                "measured": None
                if finding.measured is None
                else {
                    "low": str(finding.measured.low),
                    "value": str(finding.measured.value),
                    "high": str(finding.measured.high),
                    "n": finding.measured.n,
                },
            }
            for finding in (verdict.findings if verdict else ())
        ],
    }


def alias_out(target: AliasTarget) -> Json:
    """Our `alias` object; `model` is null where it names nothing, `clearing` who wants it taken off."""
    return {
        "object": "alias",
        "alias": target.alias,
        "model": target.model,
        "promotion": target.promotion,
        "project": target.project,
        "clearing": clearing_out(target.clearing),
    }


def clearing_out(asked: Clearing | None) -> Json | None:
    """Who wants an alias taken off what it names."""
    return None if asked is None else {"by": asked.by, "role": asked.role, "reason": asked.reason}


def stretch_out(stretch: Stretch) -> Json:
    """What an alias named, from one entry of the log to another; `until` is null where it names it still.

    Where `end_known` is false it named something else by `until`, and nobody can tell since when.
    """
    return {
        "object": "alias.served",
        "alias": stretch.alias,
        "project": stretch.project,
        "model": stretch.model,
        "since": _entry(stretch.since),
        "until": None if stretch.until is None else _entry(stretch.until),
        "end_known": stretch.is_end_known,
    }


def _entry(entry: Entry) -> Json:
    return {"at": instant_text(entry.at), "index": entry.index, "by": entry.actor}
