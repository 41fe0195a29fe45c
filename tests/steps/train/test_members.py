"""Whose budget a training is charged to: everybody who is trained on, nobody who is held out or left out."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.steps.train.conftest import pseudonym, store_clean
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import Corrupted, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.records import BudgetRow, held_out, read_budgets, read_manifest, store_lines
from tunewarden.steps.train.base_model import load
from tunewarden.steps.train.rows import members, read_rows

PERSONS = 40
TRAINING = [person for person in range(PERSONS) if not held_out(pseudonym(person))]


def budget(person: int) -> bytes:
    return hashlib.sha256(b"budget %d" % person).digest()


def stored(blobs: MemoryBlobs, persons: int = PERSONS) -> Digest:
    """A release that says whose budget is whose."""
    manifest = read_manifest(blobs, store_clean(blobs, PERSONS))
    known = sorted((pseudonym(person), budget(person).hex()) for person in range(persons))
    lines = store_lines(blobs, [BudgetRow(person=person, budget=pays) for person, pays in known])
    manifest = replace(manifest, budget=lines.digest, budget_root=lines.root)
    return blobs.put_bytes(encode(to_plain(manifest)))


@pytest.fixture(scope="module")
def tokenizer(base: Path, plan: Plan) -> PreTrainedTokenizerBase:
    return load(base, plan.base_model.digest)[1]


def test_the_persons_who_are_trained_on_are_handed_over_and_no_others() -> None:
    blobs = MemoryBlobs()
    found = members(blobs, stored(blobs))
    assert found is not None
    assert sorted(found) == sorted(map(budget, TRAINING))


def test_a_release_of_before_hands_nobody_over_and_says_why() -> None:
    blobs = MemoryBlobs()
    clean = store_clean(blobs, PERSONS)
    assert members(blobs, clean) is None
    with pytest.raises(Refused) as refused:
        next(read_budgets(blobs, read_manifest(blobs, clean)))
    assert refused.value.code == "persons_not_known"


def test_whoever_is_left_out_is_not_trained_on(plan: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    blobs = MemoryBlobs()
    clean = stored(blobs)
    some = TRAINING[3:9]
    whole = read_rows(blobs, clean, plan, tokenizer)
    without = read_rows(blobs, clean, plan, tokenizer, frozenset(map(budget, some)))
    assert (whole.persons, without.persons) == (len(TRAINING), len(TRAINING) - 6)
    assert len(without.labels) == 2 * without.persons


def test_persons_who_are_missing_from_the_list_or_swapped_in_it_are_noticed() -> None:
    blobs = MemoryBlobs()
    manifest = read_manifest(blobs, stored(blobs))
    fewer = read_manifest(blobs, stored(blobs, PERSONS - 1))
    for spoiled in (fewer, replace(manifest, budget=fewer.budget), replace(fewer, budget=manifest.budget)):
        with pytest.raises(Corrupted):
            list(read_budgets(blobs, spoiled))
