"""Parts of the persons, for a learning curve: who is in them, under which plan, and where it lies."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.steps.train.conftest import Purse, attempt_for, pseudonym, store_clean, store_records, training_of

from tunewarden.domain.canonical import decode
from tunewarden.domain.curve import LearningCurve
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.names import RequestId
from tunewarden.domain.training import Plan
from tunewarden.drivers.accounting import epsilon, epsilon_pld
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.classes import Classes
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.parts_asked import ask_parts
from tunewarden.steps.measure.rows import Rows as MeasuredRows
from tunewarden.steps.records import CleanRecord, held_out
from tunewarden.steps.train.checkpoint import Belonging
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.driver import TrainStep
from tunewarden.steps.train.model import build, build_classifier
from tunewarden.steps.train.parts import parts_of, stated, takes_part
from tunewarden.steps.train.places import WEIGHTS, remove_parts, requests_with_parts
from tunewarden.steps.train.recipe import train
from tunewarden.steps.train.rows import Rows, read_rows
from tunewarden.steps.train.texts import Tokens

PERSONS = 200
QUARTER, HALF = Decimal("0.25"), Decimal("0.5")


def curved(plan: Plan) -> Plan:
    return replace(plan, curve=LearningCurve(shares=(QUARTER, HALF), epsilon=Decimal(20)))


def record(*persons: str) -> CleanRecord:
    return CleanRecord(person=persons[0], others=persons[1:], label=0, text="burn")


def test_a_part_has_its_share_of_the_persons_and_lies_in_every_larger_one() -> None:
    """Of 4,000 persons; further off than 0.04 in one of a million million draws (Hoeffding)."""
    inside = {share: {n for n in range(4000) if takes_part(record(pseudonym(n)), share)} for share in (QUARTER, HALF)}
    assert inside[QUARTER] < inside[HALF]
    assert all(abs(len(found) / 4000 - float(share)) < 0.04 for share, found in inside.items())


def test_who_is_in_a_part_has_nothing_to_do_with_who_is_held_out() -> None:
    """As above; one in five is held out."""
    half = [n for n in range(20_000) if takes_part(record(pseudonym(n)), HALF)]
    assert abs(sum(held_out(pseudonym(n)) for n in half) / len(half) - 0.2) < 0.04


@given(st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1, max_size=3, unique=True))
def test_a_row_of_several_persons_is_in_a_part_where_all_of_them_are(persons: list[str]) -> None:
    for share in (QUARTER, HALF):
        assert takes_part(record(*persons), share) is all(takes_part(record(person), share) for person in persons)


def test_a_part_is_trained_by_the_same_mechanism_under_a_plan_of_its_own(plan: Plan) -> None:
    approved = curved(replace(plan, recipe=replace(plan.recipe, canaries=6)))
    quarter, half = parts_of(approved)
    for part, units in ((quarter, 4), (half, 8)):
        assert part.plan.mechanism == approved.mechanism
        assert part.plan.recipe == replace(approved.recipe, expected_units=units, canaries=0)
        assert part.plan.curve is None, "it has no parts itself"
    assert len({approved.digest(), quarter.plan.digest(), half.plan.digest(), plan.digest()}) == 4


def test_only_rows_of_those_in_the_part_are_read(plan: Plan, base: Path) -> None:
    blobs = MemoryBlobs()
    clean = store_clean(blobs, PERSONS)
    tokenizer = build(base, plan.base_model.digest, plan.recipe, 2)[1]
    for part in parts_of(curved(plan)):
        rows = read_rows(blobs, clean, part.plan, tokenizer, among=lambda one, part=part: takes_part(one, part.share))
        inside = [
            n for n in range(PERSONS) if not held_out(pseudonym(n)) and takes_part(record(pseudonym(n)), part.share)
        ]
        assert rows.persons == len(inside)


@pytest.mark.parametrize(("persons", "said"), [(7, 7), (41, 41), (104, 100), (1478, 1500), (99_612, 100_000)])
def test_how_many_are_in_a_part_is_said_to_two_digits(plan: Plan, tmp_path: Path, persons: int, said: int) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    (tmp_path / "certificate.json").write_bytes(b"{}")
    tokens = Tokens(ids=np.zeros(persons, dtype=np.int32), starts=np.arange(persons + 1), truncated=0)
    rows = Rows(tokens=tokens, labels=np.zeros(persons, dtype=np.int64), starts=np.arange(persons + 1))
    assert stated(parts_of(curved(plan))[0], tmp_path, "certificate.json", rows, 3)["persons"] == said


@pytest.fixture
def step(base: Path, tmp_path: Path) -> TrainStep:
    """One that finds all its trainings done, so that it needs no Ray."""
    return TrainStep(
        MemoryBlobs(),
        locate=lambda _name: base,
        scratch=tmp_path,
        accountant=epsilon,
        reported=epsilon_pld,
        compute=Compute(threads=1),
    )


Made = Callable[..., None]
"""Given who pays: for all, or for each by itself."""


@pytest.fixture
def made(plan: Plan, base: Path, tmp_path: Path, rows_of: Callable[[Sequence[int]], Rows]) -> Made:
    """Trains the model and its parts as the step would, in its scratch folder."""

    def make(*purses: Purse) -> None:
        paying = purses * 3 if len(purses) == 1 else purses
        approved, rows = curved(plan), rows_of([2] * 40)
        place = tmp_path / "req-1"
        place.mkdir(exist_ok=True)
        whole = training_of(approved, rows, base, place)
        certificates: list[Path] = []

        def hand_in(_certificate: object) -> None:
            certificates[-1].write_bytes(b'{"checks":[]}')

        certificates.append(place / "certificate.json")
        train(whole, paying[0].charge, hand_in)
        for part, purse in zip(parts_of(approved), paying[1:], strict=True):
            there = part.place(tmp_path, RequestId("req-1"))
            there.mkdir(parents=True)
            certificates.append(there / "certificate.json")
            own = replace(
                whole, plan=part.plan, belonging=part.belonging(RequestId("req-1")), checkpoint=there / WEIGHTS
            )
            train(own, purse.charge, hand_in)

    return make


def test_what_was_spent_on_the_curve_counts_and_what_the_model_cost_is_said_apart(
    step: TrainStep, made: Made, plan: Plan
) -> None:
    purse, approved = Purse(), curved(plan)
    made(purse)
    assert purse.charged == [2, 1] * 3
    clean = store_clean(step._blobs, PERSONS)
    result = step(attempt_for(approved, clean, purse))
    measured = {one.metric: one.value for one in result.measurements}
    assert measured["privacy.epsilon"] == epsilon([plan.mechanism.times(9)], plan.delta)
    assert measured["privacy.epsilon_model"] == epsilon([plan.mechanism], plan.delta)
    assert (result.counts["updates"], result.counts["curve_updates"]) == (9, 6)
    details = decode(step._blobs.read(result.details))
    assert [(part["share"], part["expected_units"], part["checked_updates"]) for part in details["curve"]] == [
        ("0.25", 4, 3),
        ("0.5", 8, 3),
    ]
    sizes = [part["persons"] for part in details["curve"]]
    assert sizes[0] < sizes[1] < details["persons"]
    assert not any("rows" in part for part in details["curve"])
    assert details["planned"] == details["executed"]


def test_the_measuring_step_asks_exactly_the_models_that_the_training_left(
    step: TrainStep, made: Made, plan: Plan, base: Path, tmp_path: Path
) -> None:
    """They answer otherwise than each other and than the untrained model, from the file that the evidence names."""
    purse, approved = Purse(), curved(plan)
    made(purse)
    given = attempt_for(approved, store_clean(step._blobs, PERSONS), purse)
    said = decode(step._blobs.read(step(given).details))["curve"]
    model, tokenizer = build_classifier(base, plan.base_model.digest, plan.recipe, 2)
    asked = Classes(model, tokenizer, plan.recipe, 2, Extent())
    rows = MeasuredRows(texts=["burn fire", "cut finger"], labels=[0, 1], persons=["a", "b"])
    untrained = asked.ask(rows)
    parts = ask_parts(tmp_path, given, said, asked, rows, None)
    assert parts is not None
    assert [(part.share, part.trained_on) for part in parts] == [
        (share, stated["persons"]) for share, stated in zip((QUARTER, HALF), said, strict=True)
    ]
    answers = [untrained, *(part.said for part in parts)]
    assert not any(np.array_equal(one, other) for one, other in pairwise(answers))
    assert np.array_equal(asked.ask(rows), answers[-1]), "the caller puts the model's own weights in after this"


def test_a_plan_without_a_curve_says_nothing_of_one(
    step: TrainStep, plan: Plan, base: Path, tmp_path: Path, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    purse, place = Purse(), tmp_path / "req-1"
    place.mkdir()
    whole = training_of(plan, rows_of([2] * 40), base, place)
    train(whole, purse.charge, lambda _certificate: None)
    (place / "certificate.json").write_bytes(b'{"checks":[]}')
    result = step(attempt_for(plan, store_clean(step._blobs, PERSONS), purse))
    assert "privacy.epsilon_model" not in {one.metric for one in result.measurements}
    assert "curve_updates" not in result.counts
    assert decode(step._blobs.read(result.details))["curve"] == []


def test_neither_evidence_nor_log_tells_how_many_copies_there_were(
    step: TrainStep, plan: Plan, base: Path, tmp_path: Path, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    """Of a training with copies as of one without, though every text has one and all are cut."""
    texts = [
        CleanRecord(person=pseudonym(person), label=label, text="the man burn hand")
        for person in range(PERSONS)
        for label in (0, 1)
    ]
    clean, said = store_records(step._blobs, texts, persons=PERSONS), []
    for number, mitigation in enumerate((None, Mitigation(swaps=(Swap.SEX,)))):
        short = replace(plan, recipe=replace(plan.recipe, max_tokens=4), mitigation=mitigation)
        given = attempt_for(short, clean, purse := Purse(), request=f"req-{number}")
        place = tmp_path / given.request
        place.mkdir()
        whole = training_of(short, rows_of([2] * 40), base, place)
        own = replace(whole, belonging=Belonging(request=given.request, plan=short.digest()))
        train(own, purse.charge, lambda _certificate: None)
        (place / "certificate.json").write_bytes(b'{"checks":[]}')
        result = step(replace(given, charged=sum(purse.charged)))
        share = next(one for one in result.measurements if one.metric == "train.truncated_share")
        details = decode(step._blobs.read(result.details))
        said.append((details["rows"], share, result.counts))
    assert said[0] == said[1]
    assert said[0][2]["truncated"] == said[0][0]


def test_a_part_beside_a_ledger_of_before_it_was_paid_is_refused(step: TrainStep, made: Made, plan: Plan) -> None:
    """Its own receipt is there, as of as many updates as it has; the model's and the smaller part's are not."""
    made(Purse())
    clean = store_clean(step._blobs, PERSONS)
    for charged in ([], [2, 1], [2, 1] * 2, [2, 1, 2, 1, 2]):
        with pytest.raises(PlanMismatch) as refused:
            step(attempt_for(curved(plan), clean, Purse(charged=charged)))
        assert refused.value.code == "checkpoint_not_in_ledger"


def test_a_part_is_not_paid_by_what_the_model_was_charged(step: TrainStep, made: Made, plan: Plan) -> None:
    """All three checkpoints name the same entry of the log, which charged as many updates as one of them has."""
    made(Purse(), Purse(), Purse())
    with pytest.raises(PlanMismatch) as refused:
        step(attempt_for(curved(plan), store_clean(step._blobs, PERSONS), Purse(charged=[2, 1])))
    assert refused.value.code == "checkpoint_not_in_ledger"


def test_a_curve_that_was_made_and_is_not_counted_as_charged_is_no_result(
    step: TrainStep, made: Made, plan: Plan
) -> None:
    purse = Purse()
    made(purse)
    given = attempt_for(curved(plan), store_clean(step._blobs, PERSONS), purse)
    with pytest.raises(Corrupted) as refused:
        step(replace(given, charged=8))
    assert refused.value.code == "charges_missing"


def test_the_model_of_one_part_is_not_taken_for_that_of_another_or_for_the_whole(
    step: TrainStep, made: Made, plan: Plan, tmp_path: Path
) -> None:
    purse = Purse()
    made(purse)
    clean, (quarter, half) = store_clean(step._blobs, PERSONS), parts_of(curved(plan))
    small, large = (part.place(tmp_path, RequestId("req-1")) / WEIGHTS for part in (quarter, half))
    for instead in (large, tmp_path / "req-1" / WEIGHTS):
        kept = instead.read_bytes()
        instead.write_bytes(small.read_bytes())
        with pytest.raises(PlanMismatch) as refused:
            step(attempt_for(curved(plan), clean, purse))
        assert refused.value.code == "checkpoint_of_another_plan"
        instead.write_bytes(kept)


def test_a_part_that_is_too_small_is_refused_before_anything_is_charged(step: TrainStep, plan: Plan) -> None:
    purse = Purse(during=lambda _updates: pytest.fail("charged"))
    many = replace(plan, recipe=replace(plan.recipe, expected_units=150))
    blobs = step._blobs
    with pytest.raises(Refused) as refused:
        step(attempt_for(curved(many), store_clean(blobs, PERSONS), purse))
    assert refused.value.code == "curve_part_too_small"


def test_parts_are_removed_whole_and_only_those_of_the_request(made: Made, tmp_path: Path) -> None:
    made(Purse())
    assert requests_with_parts(tmp_path) == ["req-1"]
    remove_parts(tmp_path, RequestId("req-1"))
    assert requests_with_parts(tmp_path) == []
    assert (tmp_path / "req-1" / WEIGHTS).exists(), "the model's checkpoint is not a part"
    remove_parts(tmp_path, RequestId("req-1"))
