"""What is read is drawn by chance alone; what is marked is counted as it was marked; and waiting is not passing."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.attestations import Attestation, Knowledge
from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.gates import Bound, Evidence, Gate, Measurement, Outcome, Rule, SamplingPlan, judge
from tunewarden.domain.names import AttestationId, Digest, PolicyName, PrincipalId, RequestId, ReviewId
from tunewarden.domain.reviews import (
    ATTESTED,
    Counts,
    Item,
    Mark,
    Review,
    Sample,
    awaits_people,
    counted,
    covers,
    enlarged,
    merged,
    needs_review,
    outcome_of,
    picked,
    runs,
    would_keep,
)
from tunewarden.domain.sampling import ADJUSTED, LEAK_RATE, SENSITIVITY, review_measurements

CLEAN, OTHER = Digest("sha256:" + "c" * 64), Digest("sha256:" + "d" * 64)
PLAN = SamplingPlan(documents=59, seeds=20)
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def rule(metric: str, limit: str, bound: Bound = Bound.AT_MOST) -> Rule:
    return Rule(metric=metric, bound=bound, limit=Decimal(limit), because="A test says so.", remedy="Do better.")


def gate(*rules: Rule, review: SamplingPlan | None = PLAN) -> Gate:
    return Gate(name=PolicyName("training"), rules=rules, review=review)


def measured(metric: str, value: str, about: Digest = CLEAN) -> Evidence:
    number = Decimal(value)
    one = Measurement(metric=metric, low=number, value=number, high=number, n=1)
    return Evidence(about=about, produced_by=OTHER, measurements=(one,))


RECALL = rule("deid.planted_recall", "0.9", Bound.AT_LEAST)
SIGNED = rule(ATTESTED, "1", Bound.AT_LEAST)
LEAKS = rule(LEAK_RATE, "0.05")
GOOD_RECALL = measured("deid.planted_recall", "0.95")


# What is read


@given(st.integers(0, 400), st.integers(1, 80), st.integers(0, 30), st.integers(0, 2**32))
def test_documents_are_drawn_without_replacement_and_seeds_go_into_others_where_there_are_enough(
    records: int, documents: int, seeds: int, seed: int
) -> None:
    drawn = picked(records, SamplingPlan(documents=documents, seeds=seeds), Random(seed))
    read = [one.record for one in drawn if not one.is_seeded]
    seeded = [one.record for one in drawn if one.is_seeded]
    assert (len(read), len(seeded)) == (min(documents, records), min(seeds, records))
    assert len(set(read)) == len(read)
    assert len(set(seeded)) == len(seeded)
    assert set(read) | set(seeded) <= set(range(records))
    assert records < documents + seeds or not set(read) & set(seeded)


def test_every_record_is_as_likely_as_any_other_to_be_read_and_seeds_stand_anywhere() -> None:
    """Chi-square over 10 records, 4,000 draws, seed 7: below the 0.999 quantile of 9 degrees of freedom."""
    chance, times = Random(7), 4000
    drawn, first = [0] * 10, [0] * 5
    for _ in range(times):
        order = picked(10, SamplingPlan(documents=3, seeds=2), chance)
        for position, one in enumerate(order):
            drawn[one.record] += not one.is_seeded
            first[position] += one.is_seeded
    assert sum((count - times * 0.3) ** 2 / (times * 0.3) for count in drawn) < 27.9
    assert sum((count - times * 0.4) ** 2 / (times * 0.4) for count in first) < 18.5


# What is marked


def test_a_seed_is_found_where_marks_cover_its_letters_and_digits_and_not_the_space_between() -> None:
    text = "Seen with Smith, Ann (RN)."
    seed = runs(text, 10, 20)
    assert [text[part.start : part.end] for part in seed] == ["Smith", "Ann"]
    words = (Mark(start=10, end=16), Mark(start=17, end=20))
    assert covers(words, seed)
    assert covers((Mark(start=0, end=26),), seed)
    assert not covers(words[:1], seed), "half a name is not found"
    assert not covers((Mark(start=11, end=20),), seed), "a letter is missing"
    assert not covers(words, ()), "where no seed is, none is found"


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)).map(lambda pair: Mark(start=pair[0], end=sum(pair)))))
def test_merged_marks_cover_the_same_positions_in_order_without_touching(marks: list[Mark]) -> None:
    found = merged(marks, 60)
    before = {position for mark in marks for position in range(mark.start, mark.end)}
    after = [position for mark in found for position in range(mark.start, mark.end)]
    assert after == sorted(before)
    assert all(one.end < other.start for one, other in pairwise(found))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (4, 2)])
def test_a_mark_of_nothing_is_none(start: int, end: int) -> None:
    with pytest.raises(Malformed, match="start"):
        Mark(start=start, end=end)


def test_a_mark_beyond_the_text_is_refused() -> None:
    with pytest.raises(Malformed, match="after the text"):
        merged([Mark(start=3, end=5)], 4)


def item(record: int, *seed: tuple[int, int]) -> Item:
    return Item(record=record, text=OTHER, seed=tuple(Mark(start=start, end=end) for start, end in seed))


def test_leaks_are_marked_documents_and_found_seeds_are_those_that_marks_cover() -> None:
    sample = Sample(about=CLEAN, items=(item(4), item(9, (0, 3)), item(1), item(7, (5, 9), (10, 12)), item(2)))
    one, seed = (Mark(start=0, end=3),), (Mark(start=5, end=12),)
    assert counted(sample, {0: one, 1: one, 2: (), 3: seed, 4: ()}) == Counts(leaks=1, documents=3, found=2, seeds=2)
    # What is marked beside a seed is no leak of the random sample, and does not find the seed either.
    assert counted(sample, {0: (), 1: (), 2: (), 3: one, 4: ()}) == Counts(leaks=0, documents=3, found=0, seeds=2)
    with pytest.raises(KeyError):
        counted(sample, {0: ()})


# What that means to a gate


def test_a_gate_waits_for_people_only_where_nothing_else_keeps_it_from_passing() -> None:
    whole = gate(RECALL, LEAKS, SIGNED)
    assert awaits_people(whole, judge(whole, CLEAN, [GOOD_RECALL]), [GOOD_RECALL])
    for evidence in (
        [],  # the step did not measure
        [measured("deid.planted_recall", "0.5")],  # what it measured is bad
        [GOOD_RECALL, measured("deid.planted_recall", "0.96")],  # it contradicts itself
        [GOOD_RECALL, measured(LEAK_RATE, "0.5")],  # people have said no
        [GOOD_RECALL, measured(LEAK_RATE, "0.01"), measured(LEAK_RATE, "0.02")],  # people contradict each other
        [GOOD_RECALL, measured(LEAK_RATE, "0.01"), measured(ATTESTED, "1")],  # nothing is missing
    ):
        assert not awaits_people(whole, judge(whole, CLEAN, evidence), evidence), evidence


def test_what_people_say_of_something_else_is_still_missing() -> None:
    whole, evidence = gate(RECALL, LEAKS), [GOOD_RECALL, measured(LEAK_RATE, "0.5", about=OTHER)]
    assert awaits_people(whole, judge(whole, CLEAN, evidence), evidence)


def test_a_review_that_the_gate_has_no_plan_for_is_not_waited_for() -> None:
    whole = gate(RECALL, LEAKS, review=None)
    assert not awaits_people(whole, judge(whole, CLEAN, [GOOD_RECALL]), [GOOD_RECALL])


def test_a_sample_is_needed_until_it_was_read_and_not_for_a_signature() -> None:
    whole = gate(RECALL, LEAKS, SIGNED)
    read = [GOOD_RECALL, measured(LEAK_RATE, "0.01")]
    assert needs_review(whole, judge(whole, CLEAN, [GOOD_RECALL]), [GOOD_RECALL])
    assert not needs_review(whole, judge(whole, CLEAN, read), read)
    assert awaits_people(whole, judge(whole, CLEAN, read), read), "the signature is missing"


STRICT = gate(rule(ADJUSTED, "0.08"), rule(SENSITIVITY, "0.8", Bound.AT_LEAST))


def review_of(leaks: int, found: int) -> Evidence:
    measurements = review_measurements(leaks=leaks, documents=59, found=found, seeds=20)
    return Evidence(about=CLEAN, produced_by=OTHER, measurements=measurements)


def test_a_reader_who_marks_nothing_and_misses_every_seed_lets_nothing_pass() -> None:
    blind = review_of(leaks=0, found=0)
    assert outcome_of(STRICT, blind) is Outcome.FAIL
    adjusted = next(one for one in blind.measurements if one.metric == ADJUSTED)
    assert adjusted.high == 1
    assert outcome_of(STRICT, review_of(leaks=0, found=20)) is Outcome.PASS
    assert outcome_of(STRICT, review_of(leaks=2, found=20)) is Outcome.FAIL


def test_after_failed_samples_a_larger_one_is_drawn_which_a_flawless_review_could_pass() -> None:
    assert enlarged(STRICT, PLAN, 0) == PLAN
    for failed in range(1, 6):
        larger = enlarged(STRICT, PLAN, failed)
        assert larger.documents >= enlarged(STRICT, PLAN, failed - 1).documents > PLAN.documents - 1
        assert would_keep(STRICT, documents=larger.documents, seeds=larger.seeds, failed_before=failed)
    assert not would_keep(STRICT, documents=PLAN.documents, seeds=PLAN.seeds, failed_before=1)
    with pytest.raises(Malformed, match="sampling plan"):
        enlarged(gate(rule(LEAK_RATE, "0")), PLAN, 0)


def test_a_review_knows_what_is_left_and_comes_back_as_it_was() -> None:
    review = Review(
        id=ReviewId("review-1"),
        request=RequestId("ftjob-1"),
        data=OTHER,
        about=CLEAN,
        plan=PLAN,
        sample=OTHER,
        documents=3,
        seeds=1,
        opened_at=NOW,
        answered=(2, 0),
    )
    assert (review.items, review.unread(), review.is_open) == (4, [1, 3], True)
    assert from_plain(Review, decode(encode(to_plain(review)))) == review


# Signatures


def attestation(**changes: object) -> Attestation:
    whole = {
        "id": AttestationId("att-1"),
        "about": CLEAN,
        "report": OTHER,
        "method": Method.SAFE_HARBOR,
        "knowledge": Knowledge.NONE,
        "expires": None,
        "by": PrincipalId("prn-pia"),
        "at": NOW,
    }
    return Attestation(**(whole | changes))  # type: ignore[arg-type]


def test_safe_harbor_needs_the_statement_that_nothing_is_known() -> None:
    with pytest.raises(Malformed, match="Safe Harbor"):
        attestation(knowledge=None)
    assert attestation(method=Method.LIMITED_DATASET, knowledge=None).holds_on(date(2100, 1, 1))


def test_an_expert_determination_ends() -> None:
    expert = {"method": Method.EXPERT_DETERMINATION, "knowledge": None}
    with pytest.raises(Malformed, match="ends"):
        attestation(**expert)
    with pytest.raises(Malformed, match="over"):
        attestation(**expert, expires=NOW.date() - timedelta(days=1))
    signed = attestation(**expert, expires=date(2027, 1, 31))
    assert signed.holds_on(date(2027, 1, 31))
    assert not signed.holds_on(date(2027, 2, 1))


def test_where_nothing_is_claimed_there_is_nothing_to_sign() -> None:
    with pytest.raises(Refused, match="claims nothing"):
        attestation(method=Method.NONE)


def test_a_signature_is_worth_one_to_the_gate_and_is_backed_by_the_report() -> None:
    evidence = attestation().evidence()
    assert (evidence.about, evidence.details) == (CLEAN, OTHER)
    assert judge(gate(SIGNED), CLEAN, [evidence]).outcome is Outcome.PASS
    again = attestation(id=AttestationId("att-2"), at=NOW + timedelta(days=1)).evidence()
    assert judge(gate(SIGNED), CLEAN, [evidence, again]).outcome is Outcome.PASS, "two signatures do not contradict"
