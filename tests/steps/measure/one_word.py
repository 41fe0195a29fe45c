"""Models whose reasons are known: they answer by single words, and learn in a moment."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import Precision
from tunewarden.steps.measure.attributing import Explained
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.train.model import TextModel


class WordModel(TextModel):
    """Two classes, told by the mean over a text's tokens of what each of them says: class 1 where that is above 1."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, words: Mapping[str, float]) -> None:
        super().__init__(Precision.FLOAT32)
        self.embedding = nn.Embedding(len(tokenizer), 1)
        nn.init.zeros_(self.embedding.weight)
        for word, strength in words.items():
            self.embedding.weight.data[tokenizer.convert_tokens_to_ids(word)] = strength
        self.bias = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        evidence = (self.embedding(ids)[:, :, 0] * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return torch.stack([self.bias[0] - evidence / 2, self.bias[1] + evidence / 2], dim=1)

    def explained(self, tokenizer: PreTrainedTokenizerBase) -> Explained:
        return Explained(forward=self, embeddings=self.embedding, tokenizer=tokenizer, tokens=64)

    @torch.no_grad()
    def says(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Floats:
        """Chances, float64[texts, 2]."""
        given = tokenizer(list(texts), padding=True, return_tensors="pt")
        return np.asarray(self(given["input_ids"], given["attention_mask"]).double().softmax(dim=-1).numpy())


def learnt(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], labels: Sequence[int]) -> WordModel:
    """A model trained on these texts from nothing, without noise, until it has learnt them."""
    given = tokenizer(list(texts), padding=True, return_tensors="pt")
    return learnt_ids(tokenizer, given["input_ids"], given["attention_mask"], torch.tensor(labels))


def learnt_ids(tokenizer: PreTrainedTokenizerBase, ids: Tensor, mask: Tensor, target: Tensor) -> WordModel:
    """The same of texts as numbers: int64[texts, tokens] twice, int64[texts]."""
    model = WordModel(tokenizer, {})
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(ids, mask), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()
