"""Three outcomes: gaps are confirmed and not invented, nobody is cleared without being shown, and the rest is said.

Simulations are of fixed seeds. Their thresholds are such that another seed would fall outside less than once in 10**6:
P(Bin(300, 0.02) > 21) and P(Bin(300, 0.90) < 243) are both below that.
"""

from dataclasses import replace
from decimal import Decimal
from random import Random
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.steps.measure.simulated import ACCURACY, SIZES, World, declaration, outcome, verdict

from tunewarden.domain.fairness import FairnessDeclaration, FairnessPolicy, GroupMetric
from tunewarden.domain.gates import Outcome
from tunewarden.steps.measure.comparing import Bounds, Compared, Standing, compare, standing
from tunewarden.steps.measure.decided import Decided
from tunewarden.steps.measure.group_rows import ClassRows, TextRows, decide_classes, decide_texts
from tunewarden.steps.measure.intervals import Figure, difference, wilson

MANY = 300
SAID = declaration()
POLICY = FairnessPolicy(tolerances=SAID.tolerances)
PLACES = Decimal("0.0001")


def shares(rest: float, own: float, size: int) -> Bounds:
    return lambda z: difference(wilson(rest, 2000, z), wilson(own, size, z))


def compared(group: str, own: float, size: int, rest: float = 0.5, metric: GroupMetric = ACCURACY) -> Compared:
    return Compared(
        attribute="group", group=group, metric=metric, label=None, size=size, shown=size, behind=shares(rest, own, size)
    )


families = st.lists(st.tuples(st.floats(0.05, 0.95), st.integers(30, 3000)), min_size=1, max_size=8).map(
    lambda drawn: [compared(f"g{number}", own, size) for number, (own, size) in enumerate(drawn)]
)


def p_value(behind: Bounds) -> float:
    """The level at which the interval touches 0, by bisection of the quantile; 1 where the group is not behind."""
    low, high = 1e-9, 40.0
    if behind(low).low <= 0:  # type: ignore[union-attr]
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if behind(middle).low > 0 else (low, middle)  # type: ignore[union-attr]
    return 2 * (1 - NormalDist().cdf(low))


@given(families)
def test_what_is_apart_is_what_holms_procedure_rejects(family: list[Compared]) -> None:
    found = compare(family, SAID)
    ordered = sorted(range(len(family)), key=lambda number: p_value(family[number].behind))
    rejected = set[int]()
    for step, number in enumerate(ordered):
        level, p = 0.05 / (len(family) - step), p_value(family[number].behind)
        if abs(p - level) < 1e-6:
            return  # too close to call by bisection
        if p > level:
            break
        rejected.add(number)
    assert {number for number, each in enumerate(found) if each.apart} == rejected


@given(families)
def test_the_ends_that_are_stated_agree_with_what_was_decided(family: list[Compared]) -> None:
    for each in compare(family, SAID):
        assert (each.behind.low >= 0) or not each.apart
        assert each.apart or each.behind.low <= 0
        again = standing(each.metric, each.behind, each.tolerance, apart=each.apart, enough=(each.persons or 0) >= 200)
        assert again is each.standing


@given(families, st.randoms(use_true_random=False))
def test_the_order_of_comparisons_does_not_matter(family: list[Compared], random: Random) -> None:
    shuffled = list(family)
    random.shuffle(shuffled)
    assert set(compare(shuffled, SAID)) == set(compare(family, SAID))


@given(families, st.sampled_from(["0", "0.02", "0.05"]))
def test_a_stricter_tolerance_clears_nobody_and_lets_nobody_off(family: list[Compared], tolerance: str) -> None:
    strict = declaration(accuracy=tolerance)
    for loose, tight in zip(compare(family, SAID), compare(family, strict), strict=True):
        assert loose.standing is Standing.CLEARED or tight.standing is not Standing.CLEARED
        assert loose.standing is not Standing.CONFIRMED or tight.standing is Standing.CONFIRMED


@given(families)
def test_more_comparisons_turn_no_confirmed_gap_into_a_cleared_one(family: list[Compared]) -> None:
    alone = {each.group: each.standing for one in family for each in compare([one], SAID)}
    for each in compare(family, SAID):
        if alone[each.group] is Standing.CONFIRMED:
            assert each.standing is not Standing.CLEARED


@given(families, st.lists(st.floats(0.05, 0.95), max_size=8))
def test_what_who_asked_added_changes_nothing_of_what_the_policy_finds(
    family: list[Compared], rates: list[float]
) -> None:
    more = POLICY.declared({"group"}, frozenset(GroupMetric), {GroupMetric.SELECTED: Decimal("0.99")}, depth=2)
    added = [compared(f"s{n}", own, 500, metric=GroupMetric.SELECTED) for n, own in enumerate(rates)]
    found = compare([*added, *family], more)
    assert found[: len(family)] == compare(family, SAID)
    assert len(found) == len(family) + len(added)


def test_what_is_not_declared_is_not_compared() -> None:
    assert compare([compared("a", 0.1, 500, metric=GroupMetric.SELECTED)], SAID) == ()


@pytest.mark.parametrize(
    ("low", "value", "high", "apart", "enough", "expected"),
    [
        ("0.0100", "0.1001", "0.2000", True, True, Standing.CONFIRMED),
        ("0.0100", "0.1000", "0.2000", True, True, Standing.UNDECIDED),
        ("-0.0500", "0.2000", "0.3000", False, True, Standing.UNDECIDED),
        ("-0.0500", "0.2000", "0.3000", False, False, Standing.NOT_ASSESSABLE),
        ("0.0100", "0.0500", "0.1000", True, False, Standing.CLEARED),
        ("0.0100", "0.0500", "0.1001", True, True, Standing.UNDECIDED),
    ],
)
def test_the_tolerance_itself_is_tolerated_and_the_last_place_counts(
    low: str, value: str, high: str, *, apart: bool, enough: bool, expected: Standing
) -> None:
    behind = Figure(low=Decimal(low), value=Decimal(value), high=Decimal(high))
    assert standing(ACCURACY, behind, Decimal("0.1"), apart=apart, enough=enough) is expected


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.9])
def test_fair_models_are_blocked_in_at_most_two_of_a_hundred(rate: float) -> None:
    world, rng = World.of(SIZES), np.random.default_rng(1)
    found = [outcome(world.decided(rng, rate, said=SAID)) for _ in range(MANY)]
    assert found.count(Outcome.FAIL) <= 21
    assert found.count(Outcome.PASS) >= 255


@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_a_gap_of_20_points_in_a_group_of_100_is_caught_in_nine_of_ten(rate: float) -> None:
    world, rng = World.of(SIZES), np.random.default_rng(2)
    found = [outcome(world.decided(rng, rate, gap={"d": 0.2}, said=SAID)) for _ in range(MANY)]
    assert found.count(Outcome.FAIL) >= 243


def test_a_gap_of_12_points_in_a_large_group_is_never_cleared() -> None:
    """At the tolerance itself one of twenty may be; two points beyond, with 800 persons, less than 1 in 1,000 are."""
    world, rng = World.of(SIZES), np.random.default_rng(3)
    found = [outcome(world.decided(rng, 0.8, gap={"b": 0.12}, said=SAID)) for _ in range(100)]
    assert found.count(Outcome.PASS) <= 6


def one_row_each(groups: list[str], *, right: bool = True, said: FairnessDeclaration = SAID) -> Decided:
    labels = np.arange(len(groups)) % 2
    rows = ClassRows(
        labels=labels,
        predicted=labels if right else 1 - labels,
        persons=np.arange(len(groups)),
    )
    return decide_classes(rows, {"group": groups}, said)


@pytest.mark.parametrize("groups", [["a"] * 5000, [""] * 5000, ["a"] * 5000 + ["b"] * 29], ids=["one", "none", "few"])
def test_a_group_that_is_absent_alone_or_tiny_never_passes(groups: list[str]) -> None:
    found = one_row_each(groups)
    assert found.comparisons == ()
    assert outcome(found) is Outcome.UNKNOWN


def test_without_protected_attributes_nothing_is_known() -> None:
    rows = ClassRows(labels=np.zeros(500, int), predicted=np.zeros(500, int), persons=np.arange(500))
    assert outcome(decide_classes(rows, {}, replace(SAID, attributes=()))) is Outcome.UNKNOWN


def test_a_perfect_model_passes_and_one_that_is_always_wrong_is_at_least_fair() -> None:
    groups = ["a"] * 500 + ["b"] * 300
    assert outcome(one_row_each(groups)) is Outcome.PASS
    assert outcome(one_row_each(groups, right=False)) is Outcome.PASS


def test_undecided_is_told_apart_from_a_failure() -> None:
    """260 persons, right a little less often: neither confirmed nor ruled out."""
    right = np.concatenate([np.arange(1000) % 10 < 7, np.arange(260) % 50 < 31])
    rows = ClassRows(labels=np.ones(1260, dtype=int), predicted=right.astype(int), persons=np.arange(1260))
    found = decide_classes(rows, {"group": ["a"] * 1000 + ["b"] * 260}, SAID)
    assert [each.standing for each in found.comparisons] == [Standing.CLEARED, Standing.UNDECIDED]
    said = verdict(found)
    assert said.outcome is Outcome.UNKNOWN
    outcomes = {each.metric: each.outcome for each in said.findings}
    assert outcomes == {
        "fairness.confirmed_gaps": Outcome.PASS,
        "fairness.undecided": Outcome.UNKNOWN,
        "fairness.unshown_rates": Outcome.PASS,
        "fairness.decided_share": Outcome.PASS,
    }


def test_a_gap_and_a_doubt_together_are_a_failure() -> None:
    right = np.concatenate([np.arange(1000) % 10 < 7, np.arange(260) % 50 < 31, np.arange(300) % 10 < 3])
    rows = ClassRows(labels=np.ones(1560, dtype=int), predicted=right.astype(int), persons=np.arange(1560))
    found = decide_classes(rows, {"group": ["a"] * 1000 + ["b"] * 260 + ["c"] * 300}, SAID)
    assert outcome(found) is Outcome.FAIL


def test_a_rate_needs_persons_with_the_class() -> None:
    """Group b has 300 persons of whom 20 have class 1: nothing is said of how often they are recognised."""
    groups = np.repeat(["a", "b"], [600, 300])
    labels = np.concatenate([np.arange(600) % 2, (np.arange(300) < 20).astype(int)])
    predicted = np.where((groups == "b") & (labels == 1), 0, labels)
    rows = ClassRows(labels=labels, predicted=predicted, persons=np.arange(900))
    found = decide_classes(rows, {"group": list(groups)}, declaration(true_positive="0.1"))
    told = {(each.group, each.metric, each.label) for each in found.comparisons}
    assert ("b", GroupMetric.TRUE_POSITIVE, 1) not in told
    assert ("b", GroupMetric.TRUE_POSITIVE, 0) in told
    assert found.unassessed == 2, "of b, and of a whose rest they are"
    assert not {each.standing for each in found.comparisons} - {Standing.CLEARED}
    assert outcome(found) is Outcome.UNKNOWN


@pytest.mark.parametrize(("positives", "expected"), [(0, None), (20, None), (60, "not-assessable"), (300, "cleared")])
def test_a_rate_passes_in_no_group_only_because_few_have_the_class(positives: int, expected: str | None) -> None:
    """Group b has 600 persons; of those with the class 8 of 10 are recognised, and of group a 9 of 10."""
    groups = np.repeat(["a", "b"], [2000, 600])
    labels = np.concatenate([np.arange(2000) % 2, (np.arange(600) < positives).astype(int)])
    missed = (labels == 1) & np.where(groups == "b", np.arange(2600) % 5 == 0, np.arange(2600) % 20 == 1)
    rows = ClassRows(labels=labels, predicted=np.where(missed, 0, labels), persons=np.arange(2600))
    found = decide_classes(rows, {"group": list(groups)}, declaration(true_positive="0.15"))
    of_b = [each.standing for each in found.comparisons if (each.group, each.label) == ("b", 1)]
    assert of_b == ([] if expected is None else [expected])
    assert outcome(found) is (Outcome.PASS if expected == "cleared" else Outcome.UNKNOWN)


def test_being_accused_more_often_counts_as_being_missed_does() -> None:
    groups = np.repeat(["a", "b"], [1000, 1000])
    labels = np.arange(2000) % 2
    accused = (groups == "b") & (labels == 0) & (np.arange(2000) % 10 < 4)
    predicted = np.where(accused, 1, labels)
    rows = ClassRows(labels=labels, predicted=predicted, persons=np.arange(2000))
    found = decide_classes(rows, {"group": list(groups)}, declaration(accuracy="0.5", false_positive="0.1"))
    confirmed = {
        (each.group, each.metric, each.label) for each in found.comparisons if each.standing == "gap-confirmed"
    }
    assert confirmed == {("b", GroupMetric.FALSE_POSITIVE, 1)}


def test_a_gap_that_only_two_attributes_together_show_is_found_at_depth_2_only() -> None:
    """Women over 65 are served badly; women and the old, each taken whole, are within the tolerance."""
    sex, age = np.repeat(["f", "m"], 2000), np.tile(np.repeat(["old", "young"], [400, 1600]), 2)
    rng = np.random.default_rng(4)
    right = rng.random(4000) < np.where((sex == "f") & (age == "old"), 0.75, 0.9)
    rows = ClassRows(labels=np.ones(4000, dtype=int), predicted=right.astype(int), persons=np.arange(4000))
    attributes = {"age": list(age), "sex": list(sex)}
    deep = decide_classes(rows, attributes, replace(SAID, attributes=("age", "sex")))
    flat = decide_classes(rows, attributes, replace(SAID, attributes=("age", "sex"), depth=1))
    assert [(each.attribute, each.group) for each in deep.comparisons if each.standing is Standing.CONFIRMED] == [
        ("age \N{MULTIPLICATION SIGN} sex", "old \N{MULTIPLICATION SIGN} f")
    ]
    assert not [each for each in flat.comparisons if each.standing is Standing.CONFIRMED]


def test_counts_of_intersections_are_withheld_where_one_is_small_and_small_ones_are_merged() -> None:
    sex, age = ["f"] * 100 + ["m"] * 100, ["old"] * 5 + ["young"] * 95 + ["old"] * 60 + ["young"] * 40
    rows = ClassRows(labels=np.ones(200, int), predicted=np.ones(200, int), persons=np.arange(200))
    found = decide_classes(rows, {"age": age, "sex": sex}, replace(SAID, attributes=("age", "sex")))
    crossed = [each for each in found.comparisons if "\N{MULTIPLICATION SIGN}" in each.attribute]
    assert len(crossed) == 3
    assert {each.persons for each in crossed} == {None}
    assert [(each.attribute, each.group, each.persons) for each in found.merged] == [
        ("age \N{MULTIPLICATION SIGN} sex", None, None)
    ]


def test_how_many_of_a_group_have_a_class_is_not_told_where_it_gives_away_a_few_of_another() -> None:
    """Of group b, 5 have class 2: they are 200 less those with the others, or all of class 2 less those of a."""
    groups = ["a"] * 300 + ["b"] * 200
    few = np.concatenate([np.arange(300) % 3, np.where(np.arange(200) < 5, 2, np.arange(200) % 2)])
    said = declaration(true_positive="0.15", false_positive="0.15", selected="0.9")
    for labels, told in ((few, False), (np.arange(500) % 3, True)):
        rows = ClassRows(labels=labels, predicted=labels, persons=np.arange(500))
        found = decide_classes(rows, {"group": groups}, said)
        rates = {each.persons for each in found.comparisons if each.metric in {"true-positive", "false-positive"}}
        assert (rates == {None}) is not told
        others = {each.persons for each in found.comparisons if each.metric in {"accuracy", "selected"}}
        assert others == {300, 200}


def test_no_two_pairs_of_values_are_one_group() -> None:
    times = "\N{MULTIPLICATION SIGN}"
    first, second = [f"a {times} b", "a"] * 100, ["c", f"b {times} c"] * 100
    rows = ClassRows(labels=np.ones(200, int), predicted=np.ones(200, int), persons=np.arange(200))
    found = decide_classes(rows, {"x": first, "y": second}, replace(SAID, attributes=("x", "y")))
    crossed = {each.group: each.persons for each in found.comparisons if times in each.attribute}
    assert list(crossed.values()) == [100, 100]


def test_of_people_the_share_is_told_who_have_no_row_in_another_group_and_never_so_that_few_can_be_had() -> None:
    def share(sizes: list[int], persons: np.ndarray | None = None) -> Decimal:
        groups = [name for name, size in zip("abx", sizes, strict=False) for _ in range(size)]
        ones = np.ones(len(groups), int)
        rows = ClassRows(labels=ones, predicted=ones, persons=np.arange(len(groups)) if persons is None else persons)
        found = decide_classes(rows, {"group": groups}, SAID).decided_share
        assert found is not None
        assert found.low == found.value == found.high
        return found.low

    assert share([500, 490]) == 1
    assert {share([500, 490, few]) for few in range(1, 10)} == {Decimal("0.98")}
    assert {share([60, 50, few]) for few in range(1, 10)} == {Decimal("0.9")}
    twice = np.concatenate([np.arange(990), np.arange(20)])
    assert share([500, 490, 20], twice) == Decimal("0.96"), "20 of 990 persons have a row outside"


def losing(rng: np.random.Generator, loss: float, size: int) -> Decided:
    """A base that is right on 80 of 100, and a model that loses some of these answers in group b, and gains nothing."""
    groups = np.repeat(["a", "b"], [2000, size])
    base = rng.random(len(groups)) < 0.8
    own = base & ~((groups == "b") & (rng.random(len(groups)) < loss / 0.8))
    truth = np.ones(len(groups), dtype=int)
    rows = ClassRows(
        labels=truth,
        predicted=own.astype(int),
        persons=np.arange(len(groups)),
        before={GroupMetric.LOSS: base.astype(int)},
    )
    return decide_classes(rows, {"group": list(groups)}, declaration(accuracy="0.9", loss_against_base="0.03"))


def test_a_loss_of_10_points_in_a_group_of_100_is_seen_because_it_is_paired() -> None:
    """At a power of 0.95 fewer than 80 of 100 have a chance of 10**-8. Models that lose nothing are not blocked."""
    rng = np.random.default_rng(5)
    assert sum(losing(rng, 0.1, 100).count(Standing.CONFIRMED) > 0 for _ in range(100)) >= 80
    assert not any(losing(rng, 0.0, 100).count(Standing.CONFIRMED) for _ in range(20))


def test_that_nobody_lost_need_not_be_shown() -> None:
    found = losing(np.random.default_rng(6), 0.0, 40)
    assert {each.standing for each in found.comparisons if each.metric is GroupMetric.LOSS} <= {
        Standing.CLEARED,
        Standing.NOT_SHOWN,
    }


def test_rows_of_one_person_count_once() -> None:
    """40 persons with 10 rows each are 40: a gap that 400 persons would confirm is not assessable."""
    persons = np.concatenate([np.arange(2000), np.repeat(np.arange(2000, 2040), 10)])
    right = np.concatenate([np.arange(2000) % 10 < 8, np.arange(400) % 50 < 33])
    rows = ClassRows(labels=np.ones(2400, int), predicted=right.astype(int), persons=persons)
    found = decide_classes(rows, {"group": ["a"] * 2000 + ["b"] * 400}, SAID)
    assert {each.group: each.standing for each in found.comparisons}["b"] is Standing.NOT_ASSESSABLE


def test_most_people_have_to_be_in_groups_that_can_be_told_of() -> None:
    """300 are cleared and 120 not assessable: nothing is found against the model, and 29 % of people are unknown."""
    right = np.concatenate([np.arange(300) % 10 < 8, np.arange(120) % 20 < 15])
    rows = ClassRows(labels=np.ones(420, int), predicted=right.astype(int), persons=np.arange(420))
    found = decide_classes(rows, {"group": ["a"] * 300 + ["b"] * 120}, SAID)
    assert [each.standing for each in found.comparisons] == [Standing.CLEARED, Standing.NOT_ASSESSABLE]
    assert found.decided_share is not None
    assert found.decided_share.low == Decimal("0.69"), "of 0.7142, in steps of ten persons"
    assert outcome(found) is Outcome.UNKNOWN


def test_completions_are_compared_by_person() -> None:
    rng = np.random.default_rng(7)
    groups = ["a"] * 1000 + ["b"] * 300
    right = np.clip(rng.normal(np.repeat([0.7, 0.45], [1000, 300]), 0.2), 0, 1)
    before = {GroupMetric.LOSS: np.clip(right - 0.05, 0, 1)}
    rows = TextRows(right=right, persons=np.arange(1300), before=before)
    found = decide_texts(rows, {"group": groups}, declaration(loss_against_base="0.03"))
    by_group = {(each.group, each.metric): each.standing for each in found.comparisons}
    assert by_group["b", ACCURACY] is Standing.CONFIRMED
    assert by_group["b", GroupMetric.LOSS] is Standing.CLEARED
    assert outcome(found) is Outcome.FAIL


def test_what_a_group_lost_since_the_version_promoted_last_is_found_where_the_base_was_no_better() -> None:
    rng = np.random.default_rng(8)
    groups = np.repeat(["a", "b"], [2000, 300])
    promoted = rng.random(2300) < 0.9
    own = promoted & ~((groups == "b") & (rng.random(2300) < 0.15))
    truth = np.ones(2300, dtype=int)
    rows = ClassRows(
        labels=truth,
        predicted=own.astype(int),
        persons=np.arange(2300),
        before={GroupMetric.LOSS: np.zeros(2300, dtype=int), GroupMetric.REGRESSION: promoted.astype(int)},
    )
    said = declaration(accuracy="0.9", loss_against_base="0.03", loss_against_promoted="0.03")
    found = decide_classes(rows, {"group": list(groups)}, said)
    confirmed = [(each.group, each.metric) for each in found.comparisons if each.standing is Standing.CONFIRMED]
    assert confirmed == [("b", GroupMetric.REGRESSION)]
    assert outcome(found) is Outcome.FAIL
