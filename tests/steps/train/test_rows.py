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
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory import MemoryBlobs
from tunewarden.steps.records import held_out, read_manifest, read_records, store_lines
from tunewarden.steps.train.base_model import load
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.rows import Rows, read_rows, require_enough

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


@pytest.mark.parametrize("wrong", [{"workers": 2}, {"threads": 0}, {"micro_batch_rows": 0}, {"charge_every": 0}])
def test_compute_settings_that_cannot_be_are_malformed(wrong: dict[str, int]) -> None:
    with pytest.raises(Malformed):
        Compute(**wrong)
