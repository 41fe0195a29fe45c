"""The rules of gates, for all evidence that can be written down."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.errors import Malformed
from tunewarden.domain.gates import Bound, Evidence, Gate, Measurement, Outcome, Rule, judge
from tunewarden.domain.names import Digest, PolicyName

ADAPTER, OTHER, STEP = (Digest("sha256:" + digit * 64) for digit in "abc")
METRICS = ("utility.accuracy", "fairness.accuracy_gap", "privacy.epsilon")

numbers = st.decimals(min_value=-2, max_value=2, places=2)
bounds = st.sampled_from(Bound)


@st.composite
def measurements(draw: st.DrawFn, metric: str | None = None) -> Measurement:
    low, value, high = sorted(draw(st.tuples(numbers, numbers, numbers)))
    name = metric or draw(st.sampled_from(METRICS))
    return Measurement(metric=name, low=low, value=value, high=high, n=draw(st.integers(0, 9)))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    made = rule(draw(st.sampled_from(METRICS)), draw(bounds), draw(numbers))
    return replace(made, otherwise=draw(st.sampled_from([Outcome.FAIL, Outcome.UNKNOWN])))


gates = st.lists(rules(), min_size=1, max_size=6, unique_by=lambda rule: (rule.metric, rule.bound)).map(
    lambda chosen: Gate(name=PolicyName("promotion"), rules=tuple(chosen))
)
evidences = st.lists(
    st.builds(
        Evidence,
        about=st.sampled_from([ADAPTER, OTHER]),
        produced_by=st.just(STEP),
        measurements=st.lists(measurements(), max_size=4).map(tuple),
    ),
    max_size=4,
)


def rule(metric: str, bound: Bound, limit: Decimal) -> Rule:
    return Rule(metric=metric, bound=bound, limit=limit, because="it matters", remedy="do better")


def gate(*rules: Rule) -> Gate:
    return Gate(name=PolicyName("promotion"), rules=rules)


def evidence(*found: Measurement, about: Digest = ADAPTER) -> Evidence:
    return Evidence(about=about, produced_by=STEP, measurements=found)


def measured(metric: str, low: str, value: str, high: str) -> Measurement:
    return Measurement(metric=metric, low=Decimal(low), value=Decimal(value), high=Decimal(high), n=100)


@given(gates, evidences)
def test_every_gate_reaches_a_verdict_on_any_evidence(gate: Gate, known: list[Evidence]) -> None:
    verdict = judge(gate, ADAPTER, known)
    assert [(f.metric, f.bound, f.limit) for f in verdict.findings] == [
        (r.metric, r.bound, r.limit) for r in gate.rules
    ]
    assert (verdict.gate_digest, verdict.about) == (gate.digest(), ADAPTER)


@given(gates, evidences)
def test_a_verdict_passes_only_if_every_rule_passes(gate: Gate, known: list[Evidence]) -> None:
    verdict = judge(gate, ADAPTER, known)
    assert (verdict.outcome is Outcome.PASS) == all(f.outcome is Outcome.PASS for f in verdict.findings)
    assert (verdict.outcome is Outcome.FAIL) == any(f.outcome is Outcome.FAIL for f in verdict.findings)


@given(gates, evidences, st.randoms(use_true_random=False))
def test_the_order_and_grouping_of_evidence_do_not_matter(gate: Gate, known: list[Evidence], random: Random) -> None:
    single = [replace(item, measurements=(m,)) for item in known for m in item.measurements]
    random.shuffle(single)
    assert judge(gate, ADAPTER, single) == judge(gate, ADAPTER, known)


@given(gates, evidences)
def test_the_same_evidence_twice_changes_nothing(gate: Gate, known: list[Evidence]) -> None:
    assert judge(gate, ADAPTER, [*known, *known]) == judge(gate, ADAPTER, known)


@given(gates, evidences)
def test_evidence_about_another_digest_counts_as_missing(gate: Gate, known: list[Evidence]) -> None:
    own = [item for item in known if item.about == ADAPTER]
    assert judge(gate, ADAPTER, known) == judge(gate, ADAPTER, own)


@given(gates)
def test_no_evidence_is_unknown_and_blocks(gate: Gate) -> None:
    verdict = judge(gate, ADAPTER, [])
    assert verdict.outcome is Outcome.UNKNOWN
    assert all(finding.measured is None for finding in verdict.findings)


@given(bounds, numbers, measurements(METRICS[0]), measurements(METRICS[0]))
def test_contradictory_evidence_is_unknown_whatever_it_says(
    bound: Bound, limit: Decimal, first: Measurement, second: Measurement
) -> None:
    verdict = judge(gate(rule(METRICS[0], bound, limit)), ADAPTER, [evidence(first), evidence(second)])
    if first != second:
        assert verdict.outcome is Outcome.UNKNOWN
        assert verdict.findings[0].measured is None


@given(gates, evidences, measurements())
def test_one_more_measurement_never_turns_a_failure_of_its_own_metric_into_a_pass(
    gate: Gate, known: list[Evidence], more: Measurement
) -> None:
    before, after = judge(gate, ADAPTER, known), judge(gate, ADAPTER, [*known, evidence(more)])
    for old, new in zip(before.findings, after.findings, strict=True):
        assert not (old.outcome is Outcome.FAIL and new.outcome is Outcome.PASS)


@given(bounds, numbers, st.decimals(min_value=0, max_value=1, places=2), measurements(METRICS[0]))
def test_a_stricter_limit_never_turns_a_failure_into_a_pass(
    bound: Bound, limit: Decimal, step: Decimal, found: Measurement
) -> None:
    stricter = limit - step if bound is Bound.AT_MOST else limit + step
    loose = judge(gate(rule(METRICS[0], bound, limit)), ADAPTER, [evidence(found)])
    tight = judge(gate(rule(METRICS[0], bound, stricter)), ADAPTER, [evidence(found)])
    assert loose.outcome is Outcome.PASS or tight.outcome is Outcome.FAIL


@given(bounds, numbers, measurements(METRICS[0]), st.decimals(min_value=0, max_value=1, places=2))
def test_a_wider_interval_never_turns_a_failure_into_a_pass(
    bound: Bound, limit: Decimal, found: Measurement, wider: Decimal
) -> None:
    wide = replace(found, low=found.low - wider, high=found.high + wider)
    one_rule = gate(rule(METRICS[0], bound, limit))
    narrow_outcome = judge(one_rule, ADAPTER, [evidence(found)]).outcome
    assert narrow_outcome is Outcome.PASS or judge(one_rule, ADAPTER, [evidence(wide)]).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("bound", "limit", "outcome"),
    [
        (Bound.AT_MOST, "0.30", Outcome.PASS),
        (Bound.AT_MOST, "0.29", Outcome.FAIL),
        (Bound.AT_LEAST, "0.10", Outcome.PASS),
        (Bound.AT_LEAST, "0.11", Outcome.FAIL),
    ],
)
def test_the_far_end_of_the_interval_is_judged_and_the_limit_itself_passes(
    bound: Bound, limit: str, outcome: Outcome
) -> None:
    found = evidence(measured(METRICS[0], "0.10", "0.20", "0.30"))
    assert judge(gate(rule(METRICS[0], bound, Decimal(limit))), ADAPTER, [found]).outcome is outcome


def test_one_failing_rule_is_not_outweighed_by_good_ones() -> None:
    good, bad = measured(METRICS[0], "1", "1", "1"), measured(METRICS[1], "0.4", "0.5", "0.6")
    verdict = judge(
        gate(rule(METRICS[0], Bound.AT_LEAST, Decimal("0.5")), rule(METRICS[1], Bound.AT_MOST, Decimal("0.5"))),
        ADAPTER,
        [evidence(good, bad)],
    )
    assert [finding.outcome for finding in verdict.findings] == [Outcome.PASS, Outcome.FAIL]
    assert verdict.outcome is Outcome.FAIL


def test_a_failure_is_named_before_an_unknown() -> None:
    found = evidence(measured(METRICS[0], "0", "0", "0"))
    both = gate(rule(METRICS[0], Bound.AT_LEAST, Decimal(1)), rule(METRICS[1], Bound.AT_LEAST, Decimal(1)))
    assert judge(both, ADAPTER, [found]).outcome is Outcome.FAIL


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", ["low", "value", "high"])
def test_a_measurement_that_is_no_finite_number_cannot_be_written_down(number: str, place: str) -> None:
    ends = {"low": Decimal(0), "value": Decimal(0), "high": Decimal(0), place: Decimal(number)}
    with pytest.raises(Malformed, match="finite"):
        Measurement(metric=METRICS[0], n=1, **ends)


def test_a_measurement_keeps_its_value_inside_its_interval() -> None:
    with pytest.raises(Malformed, match="low <= value <= high"):
        measured(METRICS[0], "0.2", "0.1", "0.3")


def test_an_empty_gate_is_refused() -> None:
    with pytest.raises(Malformed, match="at least one rule"):
        gate()


def test_a_gate_with_two_limits_for_one_metric_is_refused() -> None:
    with pytest.raises(Malformed, match="two rules"):
        gate(rule(METRICS[0], Bound.AT_MOST, Decimal(1)), rule(METRICS[0], Bound.AT_MOST, Decimal(2)))


@pytest.mark.parametrize("limit", ["NaN", "Infinity", "-Infinity"])
def test_a_rule_whose_limit_is_no_number_cannot_exist(limit: str) -> None:
    with pytest.raises(Malformed):
        rule("utility.accuracy", Bound.AT_LEAST, Decimal(limit))


@given(gates, evidences)
def test_a_rule_that_does_not_hold_says_what_it_is_said_to_mean_and_never_passes(
    gate: Gate, known: list[Evidence]
) -> None:
    for rule, finding in zip(gate.rules, judge(gate, ADAPTER, known).findings, strict=True):
        assert finding.otherwise is rule.otherwise
        allowed = {Outcome.PASS, rule.otherwise} if finding.measured else {Outcome.UNKNOWN}
        assert finding.outcome in allowed


@given(gates, evidences)
def test_what_a_rule_means_when_it_does_not_hold_changes_nothing_of_what_passes(
    gate: Gate, known: list[Evidence]
) -> None:
    as_failures = replace(gate, rules=tuple(replace(rule, otherwise=Outcome.FAIL) for rule in gate.rules))
    said, strict = judge(gate, ADAPTER, known), judge(as_failures, ADAPTER, known)
    assert (said.outcome is Outcome.PASS) == (strict.outcome is Outcome.PASS)
    assert said.outcome is not Outcome.FAIL or strict.outcome is Outcome.FAIL


@given(gates, evidences, st.data())
def test_a_stricter_gate_never_turns_a_failure_or_a_doubt_into_a_pass(
    gate: Gate, known: list[Evidence], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(gate.rules) - 1))
    step = data.draw(st.decimals(min_value=0, max_value=1, places=2))
    old = gate.rules[number]
    tighter = replace(old, limit=old.limit - step if old.bound is Bound.AT_MOST else old.limit + step)
    rules = (*gate.rules[:number], tighter, *gate.rules[number + 1 :])
    before, after = judge(gate, ADAPTER, known), judge(replace(gate, rules=rules), ADAPTER, known)
    assert before.outcome is Outcome.PASS or after.outcome is not Outcome.PASS
    assert before.outcome is not Outcome.FAIL or after.outcome is Outcome.FAIL


def test_a_doubt_beside_a_failure_is_a_failure_and_alone_it_is_none() -> None:
    doubt = replace(rule(METRICS[0], Bound.AT_MOST, Decimal(0)), otherwise=Outcome.UNKNOWN)
    found = evidence(measured(METRICS[0], "1", "1", "1"), measured(METRICS[1], "1", "1", "1"))
    assert judge(gate(doubt), ADAPTER, [found]).outcome is Outcome.UNKNOWN
    assert judge(gate(doubt, rule(METRICS[1], Bound.AT_MOST, Decimal(0))), ADAPTER, [found]).outcome is Outcome.FAIL


def test_a_rule_cannot_pass_where_it_does_not_hold() -> None:
    with pytest.raises(Malformed, match="failure"):
        replace(rule(METRICS[0], Bound.AT_MOST, Decimal(0)), otherwise=Outcome.PASS)


def test_a_gate_of_before_has_the_digest_that_it_had() -> None:
    """Pinned: a rule without `otherwise` is hashed as before there was one."""
    plain = to_plain(gate(rule(METRICS[0], Bound.AT_MOST, Decimal(1))))
    assert "otherwise" not in str(plain)
    assert "otherwise" not in str(to_plain(judge(gate(rule(METRICS[0], Bound.AT_MOST, Decimal(1))), ADAPTER, [])))
