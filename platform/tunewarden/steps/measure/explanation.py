"""Explanation: which words move an answer, and whether the explanation deserves to be believed.

Integrated gradients (Sundararajan et al., arXiv 1703.01365; Captum) from as many padding tokens to the text, on the
embedding layer, for the class that was predicted. Whether they are faithful is tested by erasure (DeYoung et al.,
arXiv 1911.03429): *comprehensiveness* is what the probability of the predicted class loses without the most important
tokens, *sufficiency* what it loses with nothing but them. Both depend on the model and the task, so each is compared,
text by text, with removing as many tokens drawn at random.

One text of each of a few held-out persons is explained; where nothing exact may be said of them, made-up texts are. No
text leaves: only means, and words that many records of many persons share. What it does not show: why an answer is
right, or what the model would say to other texts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedTokenizerBase

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import Figure, Floats, mean, ratio
from tunewarden.steps.measure.terms import Term, WeighedWords, global_terms, weighed_words

Forward = Callable[[Tensor, Tensor], Tensor]
_STEPS = (20, 40, 80, 160)
_CLOSE = 0.02  # share of the change that attributions may miss before more steps are taken
_ROWS_AT_ONCE = 160
_TEXTS_AT_ONCE = 8  # of similar length, so that little padding is computed
_REMOVED = (0.1, 0.2, 0.5)  # shares of a text's tokens, averaged over
_RANDOM_ORDERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is measured, on one text of each of `persons` held-out persons, or on made-up texts.

    Attributes:
        steps: of the integration, the most that any text took.
        comprehensiveness, sufficiency: of the explanation; probabilities lost.
        random_comprehensiveness, random_sufficiency: of tokens drawn at random.
        comprehensiveness_over_random, sufficiency_under_random: how much better it is, paired by text.
        convergence_delta: how much of the change from padding to text the attributions do not add up to.
        terms: the words that weigh most.
        made_up: whether the texts are no person's (`made_up.py`); then `persons` counts texts.
    """

    persons: int
    steps: int
    comprehensiveness: Figure
    random_comprehensiveness: Figure
    comprehensiveness_over_random: Figure
    sufficiency: Figure
    random_sufficiency: Figure
    sufficiency_under_random: Figure
    convergence_delta: Figure
    terms: tuple[Term, ...]
    made_up: bool = field(default=False, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons."""
        return (
            self.comprehensiveness_over_random.measured("explanation.comprehensiveness_over_random", self.persons),
            self.sufficiency_under_random.measured("explanation.sufficiency_under_random", self.persons),
            self.convergence_delta.measured("explanation.convergence_delta", self.persons),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probes:
    """A few texts as the model reads them; tensors are [texts, tokens], `predicted` is int64[texts].

    Attributes:
        removable: true for tokens of the text itself: neither padding nor the marks around a text.
    """

    ids: Tensor
    mask: Tensor
    removable: Tensor
    padding: int
    predicted: Tensor
    forward: Forward

    def probability(self, kept: Tensor) -> Floats:
        """Of the predicted class, with only the tokens in `kept`, bool[texts, tokens]; float64[texts]."""
        ids = torch.where(kept, self.ids, self.padding)
        with torch.inference_mode():
            chances = self.forward(ids, self.mask * kept).softmax(dim=-1)
        return _numbers(chances.gather(1, self.predicted[:, None])[:, 0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explained:
    """One text: what is lost by erasure, what the attributions miss of the change they should add up to, its words."""

    comprehensive: float
    random_comprehensive: float
    sufficient: float
    random_sufficient: float
    missed: float
    change: float
    steps: int
    words: WeighedWords


def explain(
    *,
    forward: Forward,
    embeddings: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    tokens: int,
    made_up: bool = False,
) -> Explanation:
    """Explain the answers to `texts`, one of each person, at least two; longer ones are cut to `tokens` tokens.

    `forward` maps ids and attention mask, both int64[texts, tokens], to logits, [texts, classes], in evaluation mode;
    `embeddings` is its embedding layer.
    """
    generator = torch.Generator().manual_seed(0)  # repeatable; nothing private hangs on it
    by_length = sorted(texts, key=len)
    found: list[_Explained] = []
    for begin in range(0, len(texts), _TEXTS_AT_ONCE):
        some = by_length[begin : begin + _TEXTS_AT_ONCE]
        encoding = tokenizer(
            some, truncation=True, max_length=tokens, padding=True, return_tensors="pt", return_special_tokens_mask=True
        )
        probes = _probes(forward, tokenizer, encoding, next(embeddings.parameters()).device)
        found.extend(_explain_some(probes, embeddings, generator, some, encoding))

    comprehensive = np.array([text.comprehensive for text in found])
    random_comprehensive = np.array([text.random_comprehensive for text in found])
    sufficient = np.array([text.sufficient for text in found])
    random_sufficient = np.array([text.random_sufficient for text in found])
    return Explanation(
        persons=len(texts),
        steps=max(text.steps for text in found),
        comprehensiveness=mean(comprehensive).figure(),
        random_comprehensiveness=mean(random_comprehensive).figure(),
        comprehensiveness_over_random=mean(comprehensive - random_comprehensive).figure(),
        sufficiency=mean(sufficient).figure(),
        random_sufficiency=mean(random_sufficient).figure(),
        sufficiency_under_random=mean(random_sufficient - sufficient).figure(),
        convergence_delta=ratio(
            np.array([abs(text.missed) for text in found]), np.array([abs(text.change) for text in found])
        ).figure(),
        terms=global_terms({text: each.words for text, each in zip(by_length, found, strict=True)}),
        made_up=made_up,
    )


def _explain_some(
    probes: _Probes, embeddings: nn.Module, generator: torch.Generator, texts: Sequence[str], encoding: BatchEncoding
) -> Iterator[_Explained]:
    weights, missed, change, steps = _integrate(probes, embeddings)
    comprehensive, sufficient = _erase(probes, weights)
    random = [_erase(probes, torch.rand(weights.shape, generator=generator)) for _ in range(_RANDOM_ORDERS)]
    for row, text in enumerate(texts):
        yield _Explained(
            comprehensive=comprehensive[row],
            random_comprehensive=float(np.mean([each[0][row] for each in random])),
            sufficient=sufficient[row],
            random_sufficient=float(np.mean([each[1][row] for each in random])),
            missed=missed[row],
            change=change[row],
            steps=steps,
            words=weighed_words(text, encoding, row, _numbers(weights[row])),
        )


def _probes(
    forward: Forward, tokenizer: PreTrainedTokenizerBase, encoding: BatchEncoding, device: torch.device
) -> _Probes:
    ids, mask = encoding["input_ids"].to(device), encoding["attention_mask"].to(device)
    with torch.inference_mode():
        predicted = forward(ids, mask).argmax(dim=-1)
    return _Probes(
        ids=ids,
        mask=mask,
        removable=encoding["special_tokens_mask"].to(device) == 0,
        padding=tokenizer.pad_token_id,
        predicted=predicted.clone(),
        forward=forward,
    )


def _integrate(probes: _Probes, embeddings: nn.Module) -> tuple[Tensor, Floats, Floats, int]:
    """Attributions, float32[texts, tokens]; what they miss and what they should add up to, float64[texts] each; steps.

    Where the answer changes abruptly between padding and text, more steps are taken, up to the last of `_STEPS`.
    """
    baselines = torch.where(probes.removable, probes.padding, probes.ids)
    with torch.inference_mode():
        whole = probes.forward(probes.ids, probes.mask) - probes.forward(baselines, probes.mask)
    change = _numbers(whole.gather(1, probes.predicted[:, None])[:, 0])
    for steps in _STEPS:
        attributions, left = LayerIntegratedGradients(probes.forward, embeddings).attribute(
            probes.ids,
            baselines=baselines,
            target=probes.predicted,
            additional_forward_args=(probes.mask,),
            n_steps=steps,
            internal_batch_size=_ROWS_AT_ONCE,
            return_convergence_delta=True,
        )
        missed = _numbers(left.detach())
        if np.abs(missed).sum() <= _CLOSE * np.abs(change).sum():
            break
    return attributions.detach().sum(dim=-1), missed, change, steps


def _erase(probes: _Probes, weights: Tensor) -> tuple[Floats, Floats]:
    """Comprehensiveness and sufficiency, float64[texts] each, of removing tokens by descending weight."""
    last = torch.where(probes.removable, weights.to(probes.ids.device), -torch.inf)
    rank = last.argsort(dim=1, descending=True).argsort(dim=1)
    whole = probes.probability(torch.ones_like(probes.removable))
    comprehensive, sufficient = np.zeros(len(whole)), np.zeros(len(whole))
    for part in _REMOVED:
        count = (part * probes.removable.sum(dim=1, keepdim=True)).ceil()
        top = probes.removable & (rank < count)
        comprehensive += whole - probes.probability(~top)
        sufficient += whole - probes.probability(~probes.removable | top)
    return comprehensive / len(_REMOVED), sufficient / len(_REMOVED)


def _numbers(tensor: Tensor) -> Floats:
    return np.asarray(tensor.double().cpu().numpy(), dtype=np.float64)
