"""What enters training: the rows of the training persons, from the records that the plan names, if there are enough."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.steps.train.conftest import SOURCE, pseudonym, store_clean
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.errors import Corrupted, Malformed, PlanMismatch, Refused
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.records import held_out, read_manifest, read_records, store_lines
from tunewarden.steps.train.base_model import load
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.rows import Rows, read_rows, require_enough
from tunewarden.steps.train.sampling import draw_update

PERSONS = 40


@pytest.fixture(scope="module")
def tokenizer(base: Path, plan: Plan) -> PreTrainedTokenizerBase:
    return load(base, plan.base_model.digest)[1]


def test_held_out_persons_never_enter_training(plan: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    blobs = MemoryBlobs()
    rows = read_rows(blobs, store_clean(blobs, PERSONS), plan, tokenizer)
    training = [person for person in range(PERSONS) if not held_out(pseudonym(person))]
    assert 0 < len(training) < PERSONS
    assert rows.persons == len(training)
    assert len(rows.labels) == 2 * len(training)


def test_the_rows_of_a_person_lie_beside_each_other_whatever_their_order_was(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    blobs = MemoryBlobs()
    rows = read_rows(blobs, store_clean(blobs, PERSONS, labels=(0, 1, 1)), plan, tokenizer)
    assert all(rows.labels[rows.of(person)].tolist() == [0, 1, 1] for person in range(rows.persons))


@pytest.mark.parametrize("change", [{"profile": digest_of("other")}, {"dataset_version": digest_of("other")}])
def test_records_made_from_others_than_the_plan_names_are_refused(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, change: dict[str, str]
) -> None:
    assert plan.dataset_version == SOURCE
    blobs = MemoryBlobs()
    with pytest.raises(PlanMismatch):
        read_rows(blobs, store_clean(blobs, PERSONS), replace(plan, **change), tokenizer)  # type: ignore[arg-type]


def test_a_clean_file_that_is_not_the_released_one_is_not_trained_on(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    blobs = MemoryBlobs()
    manifest = read_manifest(blobs, store_clean(blobs, PERSONS))
    for records in (list(read_records(blobs, manifest))[::-1], list(read_records(blobs, manifest))[1:]):
        other = store_lines(blobs, records)
        tampered = replace(manifest, records=other.digest, rows=other.count)
        with pytest.raises(Corrupted) as refused:
            read_rows(blobs, blobs.put_bytes(encode(to_plain(tampered))), plan, tokenizer)
        assert refused.value.code == "records_not_released"


def test_no_records_at_all_are_too_few_persons(plan: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    blobs = MemoryBlobs()
    with pytest.raises(Refused, match="0 persons to train on"):
        require_enough(read_rows(blobs, store_clean(blobs, 0), plan, tokenizer), plan, 2)


def test_fewer_persons_than_the_plan_expects_in_an_update_are_refused(
    plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    require_enough(rows_of((1,) * 16), plan, 2)
    with pytest.raises(Refused) as refused:
        require_enough(rows_of((1,) * 15), plan, 2)
    assert refused.value.code == "too_few_persons"
    assert refused.value.remedy


def test_a_delta_that_would_allow_publishing_a_person_is_refused(
    plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    with pytest.raises(Refused) as refused:
        require_enough(rows_of((1,) * 20), replace(plan, delta=Decimal("0.05")), 2)
    assert refused.value.code == "delta_too_large"
    require_enough(rows_of((1,) * 20), replace(plan, delta=Decimal("0.049")), 2)


def test_a_class_without_training_rows_is_refused(plan: Plan, rows_of: Callable[[Sequence[int]], Rows]) -> None:
    with pytest.raises(Refused) as refused:
        require_enough(rows_of((1,) * 20), plan, 3)
    assert refused.value.code == "class_without_rows"


def test_a_label_outside_the_classes_is_corrupted(plan: Plan, rows_of: Callable[[Sequence[int]], Rows]) -> None:
    with pytest.raises(Corrupted):
        require_enough(rows_of((1,) * 20), plan, 1)


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"threads": 0}, {"micro_batch_rows": 0}, {"charge_every": 0}])
def test_compute_settings_that_cannot_be_are_malformed(wrong: dict[str, int]) -> None:
    with pytest.raises(Malformed):
        Compute(**wrong)


def record_plan(plan: Plan, rows: int) -> Plan:
    mechanism = replace(plan.mechanism, unit=PrivacyUnit.RECORD, contributions=rows)
    return replace(plan, mechanism=mechanism, recipe=replace(plan.recipe, rows_per_person=rows))


@pytest.mark.parametrize("at_most", [1, 2, 5])
def test_where_the_record_is_the_unit_no_person_has_more_of_them_than_is_accounted(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, at_most: int
) -> None:
    blobs = MemoryBlobs()
    rows = read_rows(blobs, store_clean(blobs, PERSONS, labels=(0, 1, 1, 0)), record_plan(plan, at_most), tokenizer)
    assert {len(rows.of(person)) for person in range(rows.persons)} == {min(4, at_most)}
    assert len(rows.labels) == rows.starts[-1] == rows.persons * min(4, at_most)


def test_one_person_with_ten_thousand_rows_weighs_in_an_update_as_anybody_does(
    plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    rows = rows_of((10_000, *(1,) * 39))
    everybody = replace(plan, mechanism=replace(plan.mechanism, sampling_rate=Decimal(1)))
    assert max(map(len, draw_update(everybody, rows))) == plan.recipe.rows_per_person


def test_rows_that_are_all_one_persons_are_too_few(plan: Plan, rows_of: Callable[[Sequence[int]], Rows]) -> None:
    with pytest.raises(Refused) as refused:
        require_enough(rows_of((1000,)), plan, 2)
    assert refused.value.code == "too_few_persons"


def test_where_the_record_is_the_unit_records_have_to_be_enough(
    plan: Plan, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    require_enough(rows_of((2,) * 8), record_plan(plan, 2), 2)
    with pytest.raises(Refused, match="14 records to train on"):
        require_enough(rows_of((2,) * 7), record_plan(plan, 2), 2)
