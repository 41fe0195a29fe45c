"""Attributions: what each token of a text adds to a model's answer, by integrated gradients and in a quicker way.

Integrated gradients (Sundararajan et al., arXiv 1703.01365; Captum) go from a text of as many tokens that say nothing
to the text itself, on the embedding layer, for the class that was predicted. Marks around a text stay as they are, so
that nothing is put down to them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import InputXGradient, IntegratedGradients
from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedTokenizerBase

from tunewarden.steps.measure.intervals import Floats

Forward = Callable[[Tensor, Tensor], Tensor]
"""Ids and attention mask, both int64[texts, tokens], to logits, [texts, classes], in evaluation mode."""
_STEPS = (20, 40, 80, 160)
_CLOSE = 0.02  # share of the change that attributions may miss before more steps are taken
_TOKENS_AT_ONCE = {"cpu": 2**11, "cuda": 2**14}  # more on a CPU, and memory is asked for and given back every time
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

    def length(self, text: str) -> int:
        """How many tokens of `text` the model reads, with the marks around it."""
        prepared = text.lower() if self.lower_case else text
        return len(self.tokenizer(prepared, truncation=True, max_length=self.tokens)["input_ids"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """A few texts as a model reads them; tensors are [texts, tokens], `predicted` is int64[texts].

    Attributes:
        said: the logits, float32[texts, classes].
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
    said: Tensor
    predicted: Tensor
    forward: Forward

    def of_predicted(self, answers: Tensor) -> Floats:
        """What `answers`, [texts, classes], say of the class that was predicted: float64[texts]."""
        return numbers(answers.gather(1, self.predicted[:, None])[:, 0])

    def chances(self) -> Floats:
        """The chance of the predicted class: float64[texts]."""
        return self.of_predicted(self.said.softmax(dim=-1))

    def sureness(self, kept: Tensor) -> Floats:
        """The chance of the predicted class with only the tokens in `kept`, bool[texts, tokens]: float64[texts]."""
        ids = torch.where(kept, self.ids, self.nothing)
        with torch.inference_mode():
            return self.of_predicted(self.forward(ids, self.mask * kept).softmax(dim=-1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """What `complete` found: weights float32[texts, tokens]; what they miss of `change`, both float64[texts]."""

    weights: Tensor
    missed: Floats
    change: Floats
    steps: int


def batches(texts: Sequence[str], length: Callable[[str], int] = len) -> list[Sequence[str]]:
    """`texts` from the shortest to the longest, a few at once."""
    by_length = sorted(texts, key=length)
    return [by_length[begin : begin + _TEXTS_AT_ONCE] for begin in range(0, len(texts), _TEXTS_AT_ONCE)]


def read(model: Explained, texts: Sequence[str]) -> Texts:
    """`texts` as `model` reads them, and what it says to each."""
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
        said = model.forward(ids, mask)
    return Texts(
        texts=texts,
        encoding=encoding,
        ids=ids,
        mask=mask,
        removable=encoding["special_tokens_mask"].to(device) == 0,
        nothing=neutral_tokens(tokenizer)[0],
        said=said.clone(),
        predicted=said.argmax(dim=-1).clone(),
        forward=model.forward,
    )


def complete(
    given: Texts, embeddings: nn.Module, steps: Sequence[int] | None = None, *, first: Tensor | None = None
) -> Attributed:
    """Integrated gradients of `given`, in so many steps that little of the change in the answers is missed.

    Where the answer changes abruptly between nothing and text, more steps are taken, up to the last of `steps`, which
    are `_STEPS` where nobody says. `first` are weights that stand for those by the first of them (`nested.py`).
    """
    with torch.inference_mode():
        change = given.of_predicted(given.said - given.forward(baselines(given, given.nothing), given.mask))
    for taken in steps or _STEPS:
        weights = integrate(given, embeddings, steps=taken) if first is None else first
        first = None
        missed = numbers(weights).sum(axis=1) - change
        if np.abs(missed).sum() <= _CLOSE * np.abs(change).sum():
            break
    return Attributed(weights=weights, missed=missed, change=change, steps=taken)


def integrate(given: Texts, embeddings: nn.Module, *, steps: int, nothing: int | None = None) -> Tensor:
    """Integrated gradients of `given` in so many steps, whatever they miss: float32[texts, tokens].

    `nothing` is another token to begin from than `given.nothing`.

    Captum is given the embeddings themselves, and not their layer: to find what a layer makes of a text, and what its
    attributions miss, it would ask the whole model four times more.
    """
    begin_at = baselines(given, given.nothing if nothing is None else nothing)
    with torch.no_grad():
        begin, end = embeddings(begin_at), embeddings(given.ids)
    found = IntegratedGradients(from_embeddings(given.forward, embeddings)).attribute(
        end,
        baselines=begin,
        target=given.predicted,
        additional_forward_args=(given.ids, given.mask),
        n_steps=steps,
        internal_batch_size=rows_at_once(given),
    )
    weights: Tensor = found.detach().sum(dim=-1)
    return weights


def baselines(given: Texts, nothing: int) -> Tensor:
    """The ids with `nothing` in place of each token of a text itself."""
    return torch.where(given.removable, nothing, given.ids)


def rows_at_once(given: Texts) -> int:
    """How many rows as wide as `given` are computed at once: one for each text at least."""
    texts, tokens = given.ids.shape
    return max(texts, _TOKENS_AT_ONCE[given.ids.device.type] // tokens)


def from_embeddings(forward: Forward, embeddings: nn.Module) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
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
    with torch.no_grad():
        embedded = embeddings(given.ids).requires_grad_()
    found = InputXGradient(from_embeddings(given.forward, embeddings)).attribute(
        embedded, target=given.predicted, additional_forward_args=(given.ids, given.mask)
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
