"""Rows of several persons: whoever is held out or left out takes their rows along, and nobody has too many."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.steps.train.conftest import pseudonym, store_records
from tests.steps.train.test_rows import record_plan
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.errors import Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.records import BudgetRow, CleanRecord, Side, held_out, read_manifest, side, store_lines
from tunewarden.steps.train.base_model import load
from tunewarden.steps.train.rows import members, read_rows, require_enough

TRAINING = [person for person in range(60) if not held_out(pseudonym(person))]
HELD_OUT = [person for person in range(60) if held_out(pseudonym(person))]


def owned(*persons: int, label: int = 0, text: str = "burn fire") -> CleanRecord:
    first, *others = map(pseudonym, persons)
    return CleanRecord(person=first, label=label, text=text, others=tuple(others))


def budget(person: int) -> bytes:
    return hashlib.sha256(b"budget %d" % person).digest()


def stored(blobs: MemoryBlobs, records: Sequence[CleanRecord], persons: Sequence[int]) -> Digest:
    """A release that says whose budget is whose."""
    manifest = replace(read_manifest(blobs, store_records(blobs, records)), persons=len(persons))
    known = sorted((pseudonym(person), budget(person).hex()) for person in persons)
    lines = store_lines(blobs, [BudgetRow(person=person, budget=pays) for person, pays in known])
    return blobs.put_bytes(encode(to_plain(replace(manifest, budget=lines.digest, budget_root=lines.root))))


@pytest.fixture(scope="module")
def tokenizer(base: Path, plan: Plan) -> PreTrainedTokenizerBase:
    return load(base, plan.base_model.digest)[1]


OWNERS = st.lists(st.lists(st.integers(0, 59), min_size=1, max_size=4, unique=True), max_size=40)


@given(OWNERS)
def test_nobody_is_ever_on_both_sides(owners: list[list[int]]) -> None:
    of: dict[Side, set[int]] = {each: set() for each in Side}
    for persons in owners:
        of[side(owned(*persons))].update(persons)
    assert of[Side.TRAINING] <= set(TRAINING)
    assert of[Side.HELD_OUT] <= set(HELD_OUT)
    for persons in owners:
        mixed = not (set(persons) <= set(TRAINING) or set(persons) <= set(HELD_OUT))
        assert (side(owned(*persons)) is Side.NEITHER) == mixed


def test_a_row_that_is_shared_with_somebody_held_out_is_not_trained_on(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    blobs, (one, two), out = MemoryBlobs(), TRAINING[:2], HELD_OUT[0]
    records = [owned(one, out), owned(out, one), owned(one, two, out), owned(two), owned(one, two)]
    rows = read_rows(blobs, store_records(blobs, records), record_plan(plan, 8), tokenizer)
    assert len(rows.labels) == 2
    assert rows.everybody == 2


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_goes_with_any_of_its_persons_who_has_no_budget_left(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, place: int
) -> None:
    blobs, persons = MemoryBlobs(), TRAINING[:4]
    clean = stored(blobs, [owned(*persons[:3]), owned(persons[3])], persons)
    rows = read_rows(blobs, clean, record_plan(plan, 8), tokenizer, frozenset({budget(persons[place])}))
    assert (len(rows.labels), rows.everybody) == (1, 1)
    assert len(read_rows(blobs, clean, record_plan(plan, 8), tokenizer).labels) == 2


def test_everybody_who_owns_a_row_of_the_training_side_is_charged() -> None:
    blobs, persons = MemoryBlobs(), [*TRAINING[:3], HELD_OUT[0]]
    charged = members(blobs, stored(blobs, [owned(*TRAINING[:3]), owned(HELD_OUT[0])], persons))
    assert charged is not None
    assert set(charged) == set(map(budget, TRAINING[:3]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(OWNERS, st.integers(1, 3))
def test_no_person_has_more_rows_in_training_than_is_accounted_whoever_shares_them(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, owners: list[list[int]], at_most: int
) -> None:
    blobs = MemoryBlobs()
    records = [owned(*persons, label=row % 2, text=f"w{row}") for row, persons in enumerate(owners)]
    seen: list[str] = []
    tells = Telling(tokenizer, seen)
    rows = read_rows(blobs, store_records(blobs, records), record_plan(plan, at_most), tells, frozenset())  # type: ignore[arg-type]
    kept = [owners[int(text[1:])] for text in seen]
    counts = Counter(person for persons in kept for person in persons)
    assert max(counts.values(), default=0) <= at_most
    assert counts.keys() <= set(TRAINING)
    assert (len(rows.labels), rows.everybody) == (len(kept), len(counts))
    firsts = [persons[0] for persons in kept]
    assert [person for person, _ in groupby(firsts)] == list(dict.fromkeys(firsts)), "beside each other"
    assert [len(rows.of(person)) for person in range(rows.persons)] == list(Counter(firsts).values())


class Telling:
    """A tokenizer that tells which texts it got."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, seen: list[str]) -> None:
        self._tokenizer, self._seen = tokenizer, seen

    def __call__(self, texts: list[str], **options: object) -> object:
        self._seen += texts
        return self._tokenizer(texts, **options)  # type: ignore[arg-type]


def test_where_the_person_is_the_unit_a_shared_row_is_refused_before_anything_is_charged(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    blobs = MemoryBlobs()
    clean = store_records(blobs, [owned(person) for person in TRAINING] + [owned(*TRAINING[:2])])
    with pytest.raises(Refused) as refused:
        read_rows(blobs, clean, plan, tokenizer)
    assert (refused.value.code, refused.value.param) == ("rows_of_several_persons", "governance.privacy.unit")
    assert "rows_per_person" in refused.value.remedy
    assert len(read_rows(blobs, clean, record_plan(plan, 4), tokenizer).labels) == len(TRAINING) + 1


def test_persons_who_only_share_rows_count_where_delta_is_judged(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    blobs = MemoryBlobs()
    pairs = [owned(*TRAINING[place : place + 2], label=place // 2 % 2) for place in range(0, 40, 2)]
    asked = record_plan(plan, 1)
    rows = read_rows(blobs, store_records(blobs, pairs), asked, tokenizer)
    assert (rows.persons, rows.others, rows.everybody) == (20, 20, 40)
    require_enough(rows, replace(asked, delta=Decimal("0.024")), 2)
    with pytest.raises(Refused, match="of 40 persons"):
        require_enough(rows, replace(asked, delta=Decimal("0.025")), 2)
