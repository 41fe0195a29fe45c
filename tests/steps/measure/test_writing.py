"""What a model writes: ROUGE-L, examples before the base, identifiers in texts that nobody asked for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.steps.measure.tales import Tales, plan_for
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.measure import generations as generating
from tunewarden.steps.measure.answers import predictions
from tunewarden.steps.measure.generations import counted, generations
from tunewarden.steps.measure.recognised import recognised
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.writes import write
from tunewarden.steps.measure.writing import common, few_shot, rouge_l, written
from tunewarden.steps.records import held_out
from tunewarden.steps.train.model import TextCompleter, build
from tunewarden.steps.train.texts import tokenize_pairs


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    return build(base, plan_for(base).base_model.digest, plan_for(base).recipe, 0)[1]


def rows(tales: Tales, *, of_held_out: bool) -> Rows:
    found = Rows()
    for record in tales.clean:
        if held_out(record.person) is of_held_out:
            found.add(record)
    return found


# ---- ROUGE-L


def test_rouge_l_of_the_examples_of_its_paper() -> None:
    """Lin 2004, section 3: "police killed the gunman" against three candidates, at beta 1."""
    reference = "police killed the gunman"
    assert rouge_l("police kill the gunman", reference) == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", reference) == pytest.approx(0.5)
    assert rouge_l("the gunman police killed", reference) == pytest.approx(0.5)


def test_rouge_l_counts_words_and_not_signs_or_case() -> None:
    assert rouge_l("Enfriar, la QUEMADURA!", "enfriar la quemadura") == 1
    assert rouge_l("", "something") == rouge_l("something", "...") == rouge_l("", "") == 0
    assert rouge_l("a b c d", "a c") == pytest.approx(2 * 0.5 * 1 / 1.5)


WORDS = st.lists(st.sampled_from("abc"), max_size=9)


def longest(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence, by its definition."""
    if not one or not other:
        return 0
    if one[0] == other[0]:
        return 1 + longest(one[1:], other[1:])
    return max(longest(one[1:], other), longest(one, other[1:]))


@given(WORDS, WORDS)
def test_what_is_common_is_the_longest_common_subsequence(one: list[str], other: list[str]) -> None:
    assert common(one, other) == common(other, one) == longest(one, other)


# ---- Writing for held-out persons


def test_a_model_that_learnt_the_tales_writes_them_and_its_base_does_not(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    found = written(taught, tokenizer, plan_for(base).recipe, rows(Tales.of(250), of_held_out=True), 40)
    assert found.persons == 40
    assert found.rouge.low > Decimal("0.8")
    assert found.base_rouge.high < Decimal("0.3")
    assert found.gain.low > Decimal("0.5")


def test_for_few_persons_nothing_is_stated(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    found = written(taught, tokenizer, plan_for(base).recipe, rows(Tales.of(250), of_held_out=True), 29)
    assert (found.persons, found.rouge, found.measurements()) == (29, None, ())


def test_greedy_writing_is_what_the_likeliest_tokens_spell_and_does_not_depend_on_what_else_is_written(
    taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    begun = [[2, 20, 30, 10], [2, 50], [2]]
    together = write(taught, tokenizer, begun, most=6, longest=32, seed=None)
    assert together == [write(taught, tokenizer, [each], most=6, longest=32, seed=None)[0] for each in begun]
    assert all(tokenizer.eos_token_id not in ids for ids in together)


def test_no_text_grows_beyond_the_places_that_there_are(
    taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    begun = [[2, *range(20, 20 + length)] for length in (0, 3, 12, 30, 31)]
    added = write(taught, tokenizer, begun, most=64, longest=32, seed=1)
    assert all(len(one) + len(more) <= 32 for one, more in zip(begun, added, strict=True))
    assert added[-1] == []


def test_by_chance_the_same_seed_writes_the_same_and_another_seed_something_else(
    taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    first, again, other = (write(taught, tokenizer, [[2]] * 4, most=8, longest=32, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


# ---- Examples before the base


def test_the_adapter_gains_over_a_base_of_random_weights_with_examples(
    base: Path, taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    recipe, tales = plan_for(base).recipe, Tales.of(250)
    measured = rows(tales, of_held_out=True)
    tokens, begins = tokenize_pairs(tokenizer, measured.texts, measured.completions, recipe)
    after = predictions(taught, tokens, begins, recipe.max_tokens)
    short = few_shot(taught, tokenizer, recipe, examples=rows(tales, of_held_out=False), rows=measured, after=after)
    assert short is None, "a base model with 32 places has no room for an example before texts of 32 tokens"
    narrow = replace(recipe, max_tokens=14)
    tokens, begins = tokenize_pairs(tokenizer, measured.texts, measured.completions, narrow)
    after = predictions(taught, tokens, begins, narrow.max_tokens)
    found = few_shot(taught, tokenizer, narrow, examples=rows(tales, of_held_out=False), rows=measured, after=after)
    assert 1 <= found.examples <= 4
    assert found.persons == len(set(measured.persons))
    assert found.gain.low > Decimal("0.5")
    assert found.loss_gain.low > 1


# ---- Identifiers in texts that nobody asked for


def test_a_model_that_knows_no_identifiers_writes_none_and_its_texts_are_not_kept(
    taught: TextCompleter, tokenizer: PreTrainedTokenizerBase
) -> None:
    found = generations(taught, tokenizer, 32, 6)
    assert found.texts == 6
    assert (found.adapter.with_identifier.value, dict(found.adapter.kinds)) == (0, {})
    assert found.adapter.with_identifier.high > Decimal("0.3"), "six texts show little"
    assert generations(taught, tokenizer, 32, 0) is None


def test_what_the_model_writes_is_what_is_looked_through(
    taught: TextCompleter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tokenizer that spells every text as a name and a number stands in for a model that learnt one."""
    monkeypatch.setattr(generating, "write", lambda *_, **__: [[5, 6]] * 4)

    class Spelling:
        bos_token_id, eos_token_id, all_special_tokens = 2, 3, ()

        def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[int]]]:
            return {"input_ids": [[4]] * len(texts)}

        def get_vocab(self) -> dict[str, int]:
            return {"word": 4}

        def decode(self, ids: list[int], **_: object) -> str:
            assert ids == [5, 6]
            return "Mr John Smith, phone 555-123-4567. Sex: female. He is a Mexican."

    found = generations(taught, Spelling(), 32, 4)
    assert dict(found.adapter.kinds) == {EntityType.NAME: 4, EntityType.PHONE: 4}, (
        "sex and people alone identify nobody"
    )
    assert found.adapter.with_identifier.value == 1
    assert found.adapter.per_thousand.value == 1000  # eight hits in eight tokens


def test_hits_are_counted_by_text_and_by_token_and_none_is_not_certainly_none() -> None:
    none = counted(np.zeros(200), np.full(200, 64.0), Counter())
    assert none.per_thousand.value == 0
    assert none.per_thousand.high == Decimal("0.2882")  # -ln 0.025 = 3.689 hits in 12,800 tokens
    assert none.with_identifier.high == Decimal("0.0183")
    once = counted(np.eye(1, 200)[0], np.full(200, 64.0), Counter({EntityType.NAME: 1}))
    assert once.per_thousand.value == Decimal("0.0781")
    assert once.per_thousand.low < once.per_thousand.value < once.per_thousand.high
    assert counted(np.zeros(3), np.zeros(3), Counter()).per_thousand is None


def test_one_text_full_of_identifiers_is_one_text() -> None:
    found = counted(np.array([50.0] + [0.0] * 199), np.full(200, 64.0), Counter({EntityType.NAME: 50}))
    assert found.with_identifier.value == Decimal("0.005")
    assert found.per_thousand.low < Decimal("0.1"), "hits of one text are not independent"


def test_identifiers_are_recognised_in_english_and_spanish() -> None:
    english, spanish, none = recognised(
        ["Dr. Mary Jones saw him on 12/03/2019.", "La paciente doña María García Pérez vive en Sevilla.", "cool it now"]
    )
    assert {EntityType.NAME, EntityType.DATE} <= {span.entity for span in english}
    assert EntityType.NAME in {span.entity for span in spanish}
    assert none == ()
    assert recognised([]) == []
