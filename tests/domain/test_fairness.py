"""The fairness declaration: made from the house's policy, for what the dataset can show, and never looser."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import from_plain, to_plain
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.fairness import FairnessDeclaration, FairnessPolicy, GroupMetric, Tolerance

tolerances = st.decimals("0", "0.99", places=2)
POLICY = FairnessPolicy(
    tolerances=(
        Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal("0.10")),
        Tolerance(metric=GroupMetric.TRUE_POSITIVE, at_most=Decimal("0.15")),
    )
)
EVERY = frozenset(GroupMetric)


def declared(
    asked: dict[GroupMetric, Decimal], measurable: frozenset[GroupMetric] = EVERY, depth: int = 2
) -> FairnessDeclaration:
    return POLICY.declared({"sex", "age"}, measurable, asked, depth=depth)


def test_a_declaration_says_everything_that_is_going_to_be_compared() -> None:
    said = declared({})
    assert said.attributes == ("age", "sex")
    assert said.tolerances == POLICY.tolerances
    assert (said.minimum, said.least, said.alpha, said.depth) == (200, 30, Decimal("0.05"), 2)
    assert (said.reference, said.split, said.policy) == ("rest", "held-out-persons", POLICY.digest())
    assert from_plain(FairnessDeclaration, to_plain(said)) == said


@given(st.dictionaries(st.sampled_from(GroupMetric), tolerances))
def test_whoever_asks_may_be_stricter_and_never_looser(asked: dict[GroupMetric, Decimal]) -> None:
    policy = {each.metric: each.at_most for each in POLICY.tolerances}
    if any(at_most > policy.get(metric, at_most) for metric, at_most in asked.items()):
        with pytest.raises(Refused) as refused:
            declared(asked)
        assert refused.value.code == "fairness_looser"
    else:
        said = declared(asked)
        assert {each.metric: each.at_most for each in said.tolerances} == policy | asked
        for metric, at_most in policy.items():
            tolerated = said.tolerance(metric)
            assert tolerated is not None
            assert tolerated <= at_most


def test_what_the_policy_does_not_name_is_declared_as_added() -> None:
    stricter = declared({GroupMetric.TRUE_POSITIVE: Decimal("0.01")})
    assert stricter.added == ()
    assert to_plain(stricter) == to_plain(replace(stricter, added=())), "as plans of before have it"
    more = declared({GroupMetric.SELECTED: Decimal("0.99"), GroupMetric.FALSE_POSITIVE: Decimal("0.99")})
    assert more.added == (GroupMetric.FALSE_POSITIVE, GroupMetric.SELECTED)
    for wrong in ((GroupMetric.ACCURACY,), (GroupMetric.LOSS,)):
        with pytest.raises(Malformed):
            replace(more, added=wrong)


def test_what_cannot_be_measured_is_not_promised_and_cannot_be_asked_for() -> None:
    only = frozenset({GroupMetric.ACCURACY})
    assert [each.metric for each in declared({}, only, depth=1).tolerances] == ["accuracy"]
    assert declared({}, only, depth=1).depth == 1
    with pytest.raises(Refused) as refused:
        declared({GroupMetric.SELECTED: Decimal("0.1")}, only)
    assert refused.value.code == "fairness_not_measurable"


def test_any_change_changes_the_digest() -> None:
    said = declared({})
    changes = [
        replace(said, attributes=("age",)),
        replace(said, tolerances=said.tolerances[:1]),
        replace(said, minimum=100),
        replace(said, least=40),
        replace(said, alpha=Decimal("0.01")),
        replace(said, depth=1),
        replace(said, added=(GroupMetric.TRUE_POSITIVE,)),
        replace(said, policy=replace(POLICY, minimum=201).digest()),
    ]
    assert len({each.digest() for each in [said, *changes]}) == len(changes) + 1


@pytest.mark.parametrize("at_most", ["-0.01", "1", "NaN", "Infinity"])
def test_a_tolerance_is_a_share_of_people(at_most: str) -> None:
    with pytest.raises(Malformed):
        Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal(at_most))


def test_a_policy_that_makes_no_sense_is_refused() -> None:
    accuracy, rate = POLICY.tolerances
    for change in (
        {"tolerances": ()},
        {"tolerances": (rate,)},
        {"tolerances": (rate, accuracy)},
        {"tolerances": (accuracy, accuracy)},
        {"least": 9},
        {"minimum": 29},
        {"alpha": Decimal(0)},
        {"alpha": Decimal("0.5")},
        {"alpha": Decimal("NaN")},
        {"depth": 0},
        {"depth": 3},
    ):
        with pytest.raises(Malformed):
            replace(POLICY, **change)  # type: ignore[arg-type]
