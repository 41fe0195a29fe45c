"""Points of a learning curve, and what a plan that declares one promises."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.domain.test_training import plan

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.curve import LearningCurve
from tunewarden.domain.errors import Malformed
from tunewarden.domain.training import Plan


def curve(*shares: str) -> LearningCurve:
    return LearningCurve(shares=tuple(map(Decimal, shares)), epsilon=Decimal(12))


@pytest.mark.parametrize("shares", [("0.5",), ("0.25", "0.5"), ("0.5", "0.95"), ("0.05", "0.1", "0.3", "0.5")], ids=str)
def test_one_to_four_ascending_shares_with_a_half_are_a_curve(shares: tuple[str, ...]) -> None:
    assert curve(*shares).shares == tuple(map(Decimal, shares))


@pytest.mark.parametrize(
    "shares",
    [
        *((), ("0.25",), ("0.5", "0.25"), ("0.5", "0.5"), ("0.5", "1"), ("0", "0.5"), ("-0.5", "0.5"), ("0.51", "0.5")),
        *(("NaN", "0.5"), ("sNaN", "0.5"), ("0.5", "Infinity"), ("0.1", "0.2", "0.3", "0.4", "0.5")),
    ],
    ids=str,
)
def test_what_is_no_curve_is_refused(shares: tuple[str, ...]) -> None:
    with pytest.raises(Malformed) as refused:
        curve(*shares)
    assert refused.value.code == "curve_out_of_range"


def test_a_plan_promises_as_many_updates_for_each_part_as_for_the_model() -> None:
    alone = plan()
    with_curve = replace(alone, curve=curve("0.25", "0.5"))
    assert (alone.promised, alone.promised_epsilon, alone.parts) == (alone.mechanism, alone.epsilon, ())
    assert with_curve.promised == alone.mechanism.times(3 * alone.mechanism.updates)
    assert with_curve.promised_epsilon == 12
    assert with_curve.mechanism == alone.mechanism
    assert with_curve.digest() != alone.digest(), "who approves approves the curve"


def test_a_plan_with_a_curve_is_read_as_it_was_written_and_one_of_before_has_none() -> None:
    declared = replace(plan(), curve=curve("0.5"))
    assert from_plain(Plan, decode(encode(to_plain(declared)))) == declared
    assert b"curve" not in encode(to_plain(plan()))
