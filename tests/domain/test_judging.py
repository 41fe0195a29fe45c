"""What no evidence, however it is dealt, makes of a gate: with rules that say UNKNOWN, hard rules and overrides."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st
from tests.domain.test_gates import ADAPTER, METRICS, OTHER, STEP, evidence, evidences, measurements, numbers, rule
from tests.domain.test_overrides import BARRED, BOB, PIA, gates, half

from tunewarden.domain.canonical import digest_of, from_plain, to_plain
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.gates import Bound, Evidence, Gate, Measurement, Outcome, Verdict, judge
from tunewarden.domain.names import Role
from tunewarden.domain.overrides import final, is_green, stopping


def two_let_it_pass(verdict: Verdict) -> bool:
    """Whether the two who may, together, open it."""
    return is_green(verdict, [half(verdict, BOB), half(verdict, PIA, Role.PRIVACY_OFFICER)], BARRED)


@st.composite
def metric_of(draw: st.DrawFn, gate: Gate) -> str:
    return draw(st.sampled_from([rule.metric for rule in gate.rules]))


@given(gates(), evidences, st.data())
def test_a_metric_of_which_nothing_is_known_never_passes_and_nobody_lets_it_pass(
    gate: Gate, known: list[Evidence], data: st.DataObject
) -> None:
    metric = data.draw(metric_of(gate))
    rest = [
        replace(one, measurements=tuple(each for each in one.measurements if each.metric != metric)) for one in known
    ]
    verdict = judge(gate, ADAPTER, rest)
    assert verdict.outcome is not Outcome.PASS
    assert metric in {finding.metric for finding in final(verdict)}
    assert not two_let_it_pass(verdict)


@given(gates(), evidences, st.data())
def test_a_contradiction_about_any_metric_never_passes_and_nobody_lets_it_pass(
    gate: Gate, known: list[Evidence], data: st.DataObject
) -> None:
    """Whoever measured it, and whatever else is known."""
    metric = data.draw(metric_of(gate))
    first = data.draw(measurements(metric))
    second = replace(first, n=first.n + data.draw(st.integers(1, 9)))
    by_another = replace(evidence(second), produced_by=OTHER)
    verdict = judge(gate, ADAPTER, [*known, evidence(first), by_another])
    assert verdict.outcome is not Outcome.PASS
    assert not two_let_it_pass(verdict)


@given(gates(), evidences)
def test_evidence_about_something_else_alone_opens_nothing_even_for_two(gate: Gate, known: list[Evidence]) -> None:
    foreign = [replace(one, about=OTHER) for one in known]
    verdict = judge(gate, ADAPTER, foreign)
    assert verdict == judge(gate, ADAPTER, [])
    assert not two_let_it_pass(verdict)


@given(gates(), evidences, st.randoms(use_true_random=False))
def test_what_two_decided_on_is_the_same_verdict_in_whatever_order_evidence_comes(
    gate: Gate, known: list[Evidence], random: Random
) -> None:
    dealt = [replace(one, measurements=(each,)) for one in [*known, *known] for each in one.measurements]
    random.shuffle(dealt)
    one, other = judge(gate, ADAPTER, known), judge(gate, ADAPTER, dealt)
    assert digest_of(one) == digest_of(other)
    assert final(one) == final(other)


@given(gates(), evidences, st.randoms(use_true_random=False))
def test_the_order_of_rules_changes_no_outcome_and_nothing_that_is_final(
    gate: Gate, known: list[Evidence], random: Random
) -> None:
    rules = list(gate.rules)
    random.shuffle(rules)
    one, other = judge(gate, ADAPTER, known), judge(replace(gate, rules=tuple(rules)), ADAPTER, known)
    assert one.outcome is other.outcome
    assert {finding.metric for finding in stopping(one)} == {finding.metric for finding in stopping(other)}
    assert bool(final(one)) == bool(final(other))


@given(gates(), evidences, st.data())
def test_no_way_of_making_a_gate_stricter_opens_what_was_shut(
    gate: Gate, known: list[Evidence], data: st.DataObject
) -> None:
    """A tighter limit, a rule made hard, one more rule: neither the gate nor two persons pass more than before."""
    number = data.draw(st.integers(0, len(gate.rules) - 1))
    old, step = gate.rules[number], data.draw(st.decimals(min_value=0, max_value=1, places=2))
    taken = {(one.metric, one.bound) for one in gate.rules}
    free = [(metric, bound) for metric in METRICS for bound in Bound if (metric, bound) not in taken]
    stricter = [
        replace(gate, rules=(*gate.rules[:number], replace(old, hard=True), *gate.rules[number + 1 :])),
        replace(
            gate,
            rules=(
                *gate.rules[:number],
                replace(old, limit=old.limit - step if old.bound is Bound.AT_MOST else old.limit + step),
                *gate.rules[number + 1 :],
            ),
        ),
        replace(gate, rules=(*gate.rules, rule(*data.draw(st.sampled_from(free)), data.draw(numbers)))),
    ]
    before = judge(gate, ADAPTER, known)
    for each in stricter:
        after = judge(each, ADAPTER, known)
        assert before.outcome is Outcome.PASS or after.outcome is not Outcome.PASS
        assert before.outcome is not Outcome.FAIL or after.outcome is Outcome.FAIL
        assert two_let_it_pass(before) or not two_let_it_pass(after)


@given(gates(), evidences)
def test_of_a_gate_all_of_whose_rules_are_hard_two_let_nothing_pass(gate: Gate, known: list[Evidence]) -> None:
    verdict = judge(replace(gate, rules=tuple(replace(one, hard=True) for one in gate.rules)), ADAPTER, known)
    assert two_let_it_pass(verdict) is (verdict.outcome is Outcome.PASS)


@given(gates(), evidences)
def test_a_verdict_is_one_of_three_and_only_one_of_them_moves_an_alias_by_itself(
    gate: Gate, known: list[Evidence]
) -> None:
    verdict = judge(gate, ADAPTER, known)
    assert is_green(verdict, [], BARRED) is (verdict.outcome is Outcome.PASS)
    stopped = {finding.outcome for finding in stopping(verdict)}
    assert verdict.outcome is (
        Outcome.FAIL if Outcome.FAIL in stopped else Outcome.UNKNOWN if stopped else Outcome.PASS
    )


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", "1e", ""])
@pytest.mark.parametrize("place", ["low", "value", "high"])
def test_stored_evidence_with_what_is_no_number_is_not_read_at_all(number: str, place: str) -> None:
    """Not from a document that somebody else wrote either, so the gate is never asked about it."""
    good = Measurement(metric=METRICS[0], low=Decimal(0), value=Decimal(0), high=Decimal(0), n=1)
    plain = cast(Any, to_plain(Evidence(about=ADAPTER, produced_by=STEP, measurements=(good,))))
    plain["measurements"][0][place] = number
    with pytest.raises(TunewardenError):
        from_plain(Evidence, plain)
