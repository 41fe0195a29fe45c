"""Gates: rules over measurements, judged without weights, so that a good thing never pays for a bad one.

Missing, contradictory and foreign evidence is UNKNOWN, and UNKNOWN blocks exactly as FAIL does. The far end of the 95 %
interval is judged, so a small sample cannot pass by luck. A rule about how much is known, and not about how good it is,
says UNKNOWN where it does not hold: "nobody can tell" is another message than "it is bad", and asks for other remedies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tunewarden.domain.canonical import LATER, digest_of
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Digest, PolicyName

LARGEST_SAMPLE = 100_000
"""Nobody reads more than that."""


class Outcome(StrEnum):
    """Of a rule and of a verdict."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Bound(StrEnum):
    """Which side of the limit is good."""

    AT_MOST = "at-most"
    AT_LEAST = "at-least"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One value with its 95 % interval: low <= value <= high.

    Attributes:
        metric: a name of `policies/metrics.toml`, which states unit, direction and interval method.
        n: how many units (persons, spans, rows: see the metric) it was measured on, 0 or more.
    """

    metric: str
    low: Decimal
    value: Decimal
    high: Decimal
    n: int

    def __post_init__(self) -> None:
        if not all(number.is_finite() for number in (self.low, self.value, self.high)):
            raise Malformed("measurement_not_finite", "A measurement has to be a finite number.")
        if not self.low <= self.value <= self.high or self.n < 0:
            raise Malformed("measurement_disordered", "A measurement needs low <= value <= high and n >= 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Measurements about one digest, with what produced them.

    Attributes:
        about: what was measured.
        produced_by: digest of the identity of the step that measured.
        details: digest of a document with the tables behind the measurements; None where there is none.
    """

    about: Digest
    produced_by: Digest
    measurements: tuple[Measurement, ...]
    details: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition. `because` says why it exists, `remedy` what to do when it does not hold.

    Attributes:
        otherwise: what it means that it does not hold: FAIL, or UNKNOWN where the metric counts what could not be told.
        hard: nobody can let pass what it stops (`overrides.py`).
    """

    metric: str
    bound: Bound
    limit: Decimal
    because: str
    remedy: str
    otherwise: Outcome = field(default=Outcome.FAIL, metadata=LATER)
    hard: bool = field(default=False, metadata=LATER)

    def __post_init__(self) -> None:
        if not self.limit.is_finite():
            raise Malformed("limit_not_finite", "The limit of a rule has to be a finite number.")
        if self.otherwise is Outcome.PASS:
            raise Malformed("rule_passes_anyway", "A rule that does not hold is a failure, or nothing is known.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingPlan:
    """How much of the output people read before they are asked what they found; fixed before anybody reads.

    Attributes:
        documents: records that are read as they were released; 1 or more.
        seeds: other records that are read with a made-up identifier in them, to see what the readers miss; 0 or more.
    """

    documents: int
    seeds: int

    def __post_init__(self) -> None:
        if not 1 <= self.documents <= LARGEST_SAMPLE or not 0 <= self.seeds <= LARGEST_SAMPLE:
            raise Malformed(
                "sampling_plan_out_of_range",
                f"A sampling plan has 1 to {LARGEST_SAMPLE} documents and 0 to {LARGEST_SAMPLE} seeds.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Rules that guard one transition. Never empty: an empty gate would let everything pass.

    Attributes:
        review: the sample that people read before the gate can pass. None means that it accepts what was measured
            without anybody reading: a report on its verdict has to say "not reviewed by a person".
    """

    name: PolicyName
    rules: tuple[Rule, ...]
    review: SamplingPlan | None = None

    def __post_init__(self) -> None:
        if not self.rules:
            raise Malformed("gate_empty", "A gate needs at least one rule.")
        if len({(rule.metric, rule.bound) for rule in self.rules}) != len(self.rules):
            raise Malformed("gate_contradicts_itself", "A gate has two rules for one metric and bound.")

    def digest(self) -> Digest:
        """What a verdict pins."""
        return digest_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one rule. `measured` is None where there was no evidence or it contradicted itself.

    `otherwise` and `hard` are the rule's, so that whoever reads the finding alone can judge again.
    """

    metric: str
    bound: Bound
    limit: Decimal
    outcome: Outcome
    measured: Measurement | None
    otherwise: Outcome = field(default=Outcome.FAIL, metadata=LATER)
    hard: bool = field(default=False, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All findings of one gate about one digest."""

    gate: PolicyName
    gate_digest: Digest
    about: Digest
    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        """PASS only if every finding passes; FAIL if any fails; UNKNOWN otherwise."""
        outcomes = {finding.outcome for finding in self.findings}
        if outcomes == {Outcome.PASS}:
            return Outcome.PASS
        return Outcome.FAIL if Outcome.FAIL in outcomes else Outcome.UNKNOWN


def judge(gate: Gate, about: Digest, evidence: Sequence[Evidence]) -> Verdict:
    """Judge everything known about `about`. Pure and total: no clock, no input or output, never raises.

    Evidence about another digest counts as missing.
    """
    known = [measurement for item in evidence if item.about == about for measurement in item.measurements]
    findings = tuple(_find(rule, known) for rule in gate.rules)
    return Verdict(gate=gate.name, gate_digest=gate.digest(), about=about, findings=findings)


def _find(rule: Rule, known: Sequence[Measurement]) -> Finding:
    candidates = {measurement for measurement in known if measurement.metric == rule.metric}
    measured = candidates.pop() if len(candidates) == 1 else None
    return Finding(
        metric=rule.metric,
        bound=rule.bound,
        limit=rule.limit,
        outcome=_outcome(rule, measured),
        measured=measured,
        otherwise=rule.otherwise,
        hard=rule.hard,
    )


def _outcome(rule: Rule, measured: Measurement | None) -> Outcome:
    if measured is None:
        return Outcome.UNKNOWN
    match rule.bound:
        case Bound.AT_MOST:
            return Outcome.PASS if measured.high <= rule.limit else rule.otherwise
        case Bound.AT_LEAST:
            return Outcome.PASS if measured.low >= rule.limit else rule.otherwise
