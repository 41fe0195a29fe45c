"""The shipped gates of training block on every single thing that they ask for."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.deidentification import Method, Operator, Profile, parse_profile
from tunewarden.domain.demands import require_agreement_claimed, require_purpose, require_transformed
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Bound, Evidence, Gate, Measurement, Outcome, Rule, judge
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.deidentify.planted import PLANTED

ABOUT = digest_bytes(b"clean version")
GATES = ("training", "training-reviewed", "training-limited")
FOR_ALL = ("training", "training-reviewed")
LIMITED = "hipaa-limited-dataset"
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
        ("training-limited", "deid.planted_recall.name"),
        ("training-limited", "deid.value_leaks_per_1000_records"),
        ("training-limited", "deid.attested"),
        ("training-limited", "deid.data_use_agreement"),
        ("training-reviewed", "deid.k_anonymity"),
        ("training-reviewed", "deid.review.adjusted_leak_rate"),
        ("training-reviewed", "deid.review.sensitivity"),
    ],
)
def test_a_gate_asks_for(policies: Path, name: str, metric: str) -> None:
    assert metric in {rule.metric for rule in gate_of(policies, name).rules}


@pytest.mark.parametrize("name", FOR_ALL)
def test_profiles_that_transform_what_is_asked_for_can_be_used_and_others_cannot(policies: Path, name: str) -> None:
    gate = gate_of(policies, name)
    for fits in ("default", "default-k5", "hipaa-safe-harbor", "gdpr-pseudonymised"):
        require_transformed(profile_of(policies, fits), gate)
    with pytest.raises(Refused, match="demands to be found and transformed: date"):
        require_transformed(profile_of(policies, LIMITED), gate)
    names_stay = replace(profile_of(policies, "default"), operators={EntityType.NAME: Operator.KEEP})
    with pytest.raises(Refused, match="demands to be found and transformed: name"):
        require_transformed(names_stay, gate)


def test_a_limited_data_set_has_a_gate_and_no_other_profile_passes_it(policies: Path) -> None:
    gate, profile = gate_of(policies, "training-limited"), profile_of(policies, LIMITED)
    require_transformed(profile, gate)
    require_agreement_claimed(profile, gate)
    for other in ("default", "hipaa-safe-harbor", "gdpr-pseudonymised"):
        with pytest.raises(Refused, match="is for limited data sets"):
            require_agreement_claimed(profile_of(policies, other), gate)
    named = replace(
        profile, operators={**profile.operators, EntityType.OCCUPATION: Operator.REPLACE}, method=Method.NONE
    )
    with pytest.raises(Refused, match="is for limited data sets"):
        require_agreement_claimed(named, gate)


def test_the_gate_of_limited_data_sets_asks_what_training_asks_but_for_dates_and_what_stays_in(policies: Path) -> None:
    """Else the way around a stricter gate would be another name for the data."""
    limits = {rule.metric: (rule.bound, rule.limit) for rule in gate_of(policies, "training").rules}
    limited = {rule.metric: (rule.bound, rule.limit) for rule in gate_of(policies, "training-limited").rules}
    differing = {metric for metric in limits.keys() | limited.keys() if limits.get(metric) != limited.get(metric)}
    assert differing == {"deid.planted_recall.date", "deid.planted_recall", "deid.data_use_agreement"}
    assert "deid.planted_recall.date" not in limited


def test_all_kinds_that_a_limited_data_set_takes_out_have_to_be_found_as_often_as_elsewhere(policies: Path) -> None:
    profile = profile_of(policies, LIMITED)
    out = sum(profile.operator(kind) is not Operator.KEEP for kind in PLANTED)
    limits = [
        next(rule.limit for rule in gate_of(policies, name).rules if rule.metric == "deid.planted_recall")
        for name in ("training", "training-limited")
    ]
    assert (limits[0] * out / len(PLANTED)).quantize(Decimal("0.001")) == limits[1]


@pytest.mark.parametrize("purpose", Purpose)
def test_a_limited_data_set_is_for_the_purposes_of_the_law_only_and_other_methods_for_all(purpose: Purpose) -> None:
    for method in Method:
        if method is Method.LIMITED_DATASET and purpose not in {
            Purpose.RESEARCH,
            Purpose.PUBLIC_HEALTH,
            Purpose.CARE_QUALITY,
        }:
            with pytest.raises(Refused, match="may be used for care-quality, public-health, research only"):
                require_purpose(method, purpose)
        else:
            require_purpose(method, purpose)
