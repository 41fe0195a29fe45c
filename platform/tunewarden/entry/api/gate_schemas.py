"""How gates, and what they said, travel over the API."""

from decimal import Decimal

from tunewarden.domain.gates import Finding, Gate, Measurement, Rule
from tunewarden.entry.api.schemas import Json
from tunewarden.usecases.judging import Judgement


def gate_out(gate: Gate, guards: str) -> Json:
    """Our `gate` object: what it guards, and every rule with why it is there and what helps."""
    review = gate.review
    return {
        "id": gate.name,
        "object": "gate",
        "guards": guards,
        "digest": gate.digest(),
        "rules": [rule_out(rule) for rule in gate.rules],
        "review": None if review is None else {"documents": review.documents, "seeds": review.seeds},
    }


def rule_out(rule: Rule) -> Json:
    """One condition; `limit` is a decimal in the metric's unit (`policies/metrics.toml`)."""
    return {
        "metric": rule.metric,
        "bound": rule.bound,
        "limit": str(rule.limit),
        "because": rule.because,
        "remedy": rule.remedy,
        "otherwise": rule.otherwise,
        "hard": rule.hard,
    }


def judgement_out(said: Judgement) -> Json:
    """What a gate said of a request, as the log has it; `outcome` is null where it was not asked yet.

    `fault` is the code of what is wrong with the gate's document; then nobody can say why its rules are there.
    """
    return {
        "object": "gate.verdict",
        "gate": said.name,
        "guards": said.guards,
        "digest": said.digest,
        "outcome": said.outcome,
        "index": said.index,
        "fault": said.fault or None,
        "rules": [
            {
                **_finding_out(finding),
                "because": None if rule is None else rule.because,
                "remedy": None if rule is None else rule.remedy,
            }
            for finding, rule in said.findings
        ],
    }


def measured_out(measured: Measurement | None) -> Json | None:
    """A value with its 95 % interval and its n; null where nothing was measured, or it was contradicted."""
    if measured is None:
        return None
    told: dict[str, Decimal] = {"low": measured.low, "value": measured.value, "high": measured.high}
    return {**{name: str(value) for name, value in told.items()}, "n": measured.n}


def _finding_out(finding: Finding) -> Json:
    return {
        "metric": finding.metric,
        "bound": finding.bound,
        "limit": str(finding.limit),
        "outcome": finding.outcome,
        "hard": finding.hard,
        "measured": measured_out(finding.measured),
    }
