"""The shipped gates of training block on every single thing that they ask for."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.deidentification import Operator, Profile, parse_profile
from tunewarden.domain.demands import require_transformed
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Bound, Evidence, Gate, Measurement, Outcome, Rule, judge
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.drivers.policies import FilePolicies

ABOUT = digest_bytes(b"clean version")
GATES = ("training", "training-reviewed")
STEP = Decimal("0.000001")


def gate_of(policies: Path, name: str) -> Gate:
    return FilePolicies(policies).gate(PolicyName(name))


def profile_of(policies: Path, name: str) -> Profile:
    return parse_profile(name, (policies / "deid" / f"{name}.toml").read_text(encoding="utf-8"))


def at(rule: Rule, value: Decimal) -> Measurement:
    return Measurement(metric=rule.metric, low=value, value=value, high=value, n=100)


def verdict(gate: Gate, *measured: Measurement) -> Outcome:
    return judge(gate, ABOUT, [Evidence(about=ABOUT, produced_by=ABOUT, measurements=measured)]).outcome


@pytest.mark.parametrize("name", GATES)
def test_what_keeps_every_limit_exactly_passes(policies: Path, name: str) -> None:
    gate = gate_of(policies, name)
    assert verdict(gate, *(at(rule, rule.limit) for rule in gate.rules)) is Outcome.PASS


@pytest.mark.parametrize("name", GATES)
def test_each_rule_alone_blocks(policies: Path, name: str) -> None:
    gate = gate_of(policies, name)
    for broken in gate.rules:
        others = [at(rule, rule.limit) for rule in gate.rules if rule is not broken]
        worse = broken.limit + STEP if broken.bound is Bound.AT_MOST else broken.limit - STEP
        assert verdict(gate, *others, at(broken, worse)) is Outcome.FAIL, broken.metric
        assert verdict(gate, *others) is Outcome.UNKNOWN, broken.metric


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("training", "deid.planted_recall.name"),
        ("training", "deid.value_leaks_per_1000_records"),
        ("training", "deid.rescan_hits_per_1000_records"),
        ("training", "deid.name_recall_gap"),
        ("training", "deid.attested"),
        ("training-reviewed", "deid.k_anonymity"),
        ("training-reviewed", "deid.review.adjusted_leak_rate"),
        ("training-reviewed", "deid.review.sensitivity"),
    ],
)
def test_a_gate_asks_for(policies: Path, name: str, metric: str) -> None:
    assert metric in {rule.metric for rule in gate_of(policies, name).rules}


@pytest.mark.parametrize("name", GATES)
def test_profiles_that_transform_what_is_asked_for_can_be_used_and_others_cannot(policies: Path, name: str) -> None:
    gate = gate_of(policies, name)
    for fits in ("default", "hipaa-safe-harbor", "gdpr-pseudonymised"):
        require_transformed(profile_of(policies, fits), gate)
    with pytest.raises(Refused, match="demands to be found and transformed: date"):
        require_transformed(profile_of(policies, "hipaa-limited-dataset"), gate)
    names_stay = replace(profile_of(policies, "default"), operators={EntityType.NAME: Operator.KEEP})
    with pytest.raises(Refused, match="demands to be found and transformed: name"):
        require_transformed(names_stay, gate)
