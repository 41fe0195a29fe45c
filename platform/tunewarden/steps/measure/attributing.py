"""Attributions: what each token of a text adds to a model's answer, by integrated gradients and in a quicker way.

Integrated gradients (Sundararajan et al., arXiv 1703.01365; Captum) go from a text of as many tokens that say nothing
to the text itself, on the embedding layer, for the class that was predicted. Marks around a text stay as they are, so
that nothing is put down to them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerGradientXActivation
from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedTokenizerBase

from tunewarden.steps.measure.intervals import Floats

Forward = Callable[[Tensor, Tensor], Tensor]
"""Ids and attention mask, both int64[texts, tokens], to logits, [texts, classes], in evaluation mode."""
_STEPS = (20, 40, 80, 160)
_CLOSE = 0.02  # share of the change that attributions may miss before more steps are taken
_ROWS_AT_ONCE = 160
_TEXTS_AT_ONCE = 8  # of similar length, so that little padding is computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A model to be explained: how it answers, the layer of its embeddings, its tokenizer, how texts are prepared.

    `embeddings` is what `get_input_embeddings()` gives: its name changes with what an adapter is wrapped in.
    """

    forward: Forward
    embeddings: nn.Module
    tokenizer: PreTrainedTokenizerBase
    tokens: int
    lower_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A few texts as a model reads them; tensors are [texts, tokens], `predicted` is int64[texts].

    Attributes:
        removable: true for tokens of the text itself: neither padding nor the marks around a text.
        nothing: a token that says nothing, in whose place others are put.
        encoding: of `texts`, in the same order.
    """

    texts: Sequence[str]
    encoding: BatchEncoding
    ids: Tensor
    mask: Tensor
    removable: Tensor
    nothing: int
    predicted: Tensor
    forward: Forward

    def sureness(self, kept: Tensor) -> Floats:
        """The chance of the predicted class with only the tokens in `kept`, bool[texts, tokens]: float64[texts]."""
        ids = torch.where(kept, self.ids, self.nothing)
        with torch.inference_mode():
            chances = self.forward(ids, self.mask * kept).softmax(dim=-1)
        return numbers(chances.gather(1, self.predicted[:, None])[:, 0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """What `integrate` found: weights float32[texts, tokens]; what they miss of `change`, both float64[texts]."""

    weights: Tensor
    missed: Floats
    change: Floats
    steps: int


def batches(texts: Sequence[str], length: Callable[[str], int] = len) -> list[Sequence[str]]:
    """`texts` from the shortest to the longest, a few at once."""
    by_length = sorted(texts, key=length)
    return [by_length[begin : begin + _TEXTS_AT_ONCE] for begin in range(0, len(texts), _TEXTS_AT_ONCE)]


def read(model: Explained, texts: Sequence[str]) -> Texts:
    """`texts` as `model` reads them, and which class it predicts for each."""
    tokenizer, device = model.tokenizer, next(model.embeddings.parameters()).device
    encoding = tokenizer(
        [text.lower() for text in texts] if model.lower_case else list(texts),
        truncation=True,
        max_length=model.tokens,
        padding=True,
        return_tensors="pt",
        return_special_tokens_mask=True,
    )
    ids, mask = encoding["input_ids"].to(device), encoding["attention_mask"].to(device)
    with torch.inference_mode():
        predicted = model.forward(ids, mask).argmax(dim=-1)
    return Texts(
        texts=texts,
        encoding=encoding,
        ids=ids,
        mask=mask,
        removable=encoding["special_tokens_mask"].to(device) == 0,
        nothing=neutral_tokens(tokenizer)[0],
        predicted=predicted.clone(),
        forward=model.forward,
    )


def integrate(
    given: Texts, embeddings: nn.Module, *, nothing: int | None = None, steps: int | None = None
) -> Attributed:
    """Integrated gradients of `given`.

    Where the answer changes abruptly between nothing and text, more steps are taken, up to the last of `_STEPS`;
    `steps` says exactly how many. `nothing` is another token to begin from than `given.nothing`.

    Captum is given the embeddings themselves, and not their layer: to find what a layer makes of a text, and what its
    attributions miss, it would ask the whole model four times more.
    """
    baselines = torch.where(given.removable, given.nothing if nothing is None else nothing, given.ids)
    with torch.inference_mode():
        whole = given.forward(given.ids, given.mask) - given.forward(baselines, given.mask)
    change = numbers(whole.gather(1, given.predicted[:, None])[:, 0])
    with torch.no_grad():
        begin, end = embeddings(baselines), embeddings(given.ids)
    for taken in _STEPS if steps is None else (steps,):
        weights = (
            IntegratedGradients(_from_embeddings(given.forward, embeddings))
            .attribute(
                end,
                baselines=begin,
                target=given.predicted,
                additional_forward_args=(given.ids, given.mask),
                n_steps=taken,
                internal_batch_size=_ROWS_AT_ONCE,
            )
            .detach()
            .sum(dim=-1)
        )
        missed = numbers(weights).sum(axis=1) - change
        if np.abs(missed).sum() <= _CLOSE * np.abs(change).sum():
            break
    return Attributed(weights=weights, missed=missed, change=change, steps=taken)


def _from_embeddings(forward: Forward, embeddings: nn.Module) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """`forward`, with the embeddings that it is given, float[texts, tokens, width], in place of those of the ids."""

    def answers(embedded: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        put = embeddings.register_forward_hook(lambda *_: embedded)
        try:
            return forward(ids, mask)
        finally:
            put.remove()

    return answers


def gradient_x_activation(given: Texts, embeddings: nn.Module) -> Tensor:
    """The gradient at the text itself times the embedding: float32[texts, tokens]; 0 for the marks around a text."""
    found = LayerGradientXActivation(given.forward, embeddings).attribute(
        given.ids, target=given.predicted, additional_forward_args=(given.mask,)
    )
    return torch.where(given.removable, found.detach().sum(dim=-1), 0.0)


def neutral_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[int, int]:
    """Two tokens that say nothing: the first stands for what is taken away, the second tries another.

    Padding, the unknown token and the mask, as far as there are such: padding that is also the mark of an end is none,
    because a model has learnt what follows from that. Then a space and a full stop.
    """
    marks = {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.sep_token_id, tokenizer.cls_token_id}
    named = (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id)
    found = [token for token in named if token is not None and token not in marks]
    for piece in (" ", ".", ","):
        found.extend(token for token in tokenizer.encode(piece, add_special_tokens=False) if token not in found)
    return found[0], found[min(1, len(found) - 1)]


def numbers(tensor: Tensor) -> Floats:
    """As float64 on the CPU."""
    return np.asarray(tensor.double().cpu().numpy(), dtype=np.float64)
