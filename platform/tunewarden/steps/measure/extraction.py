"""Secrets planted among the training texts: does the model write them down, and how near does it bring a guesser?

Canaries of a model that completes texts hold a made-up number behind a made-up beginning (`steps/train/canaries.py`).
*Extracted* is a secret that a beam search (the four likeliest continuations, so greedy decoding too) writes down when
given its beginning. *Exposure* (Carlini et al., arXiv 1802.08232, section 4) is the number of bits that the model saves
a guesser: the secret's loss is ranked among those of other numbers drawn at random, so more than 7 bits are not seen.

A model that tells classes writes nothing, so nothing can be extracted from it this way; the audit by canaries covers
what it gives away. Of a model that completes texts nothing is said where no secret was planted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from secrets import SystemRandom

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.gates import Measurement
from tunewarden.domain.training import Plan, Recipe, Task
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.measure.audited import completion_losses
from tunewarden.steps.measure.intervals import Figure, Interval, mean
from tunewarden.steps.measure.trained import Trained
from tunewarden.steps.train.canaries import Canary, canary_rows, draw_secret, read_canaries
from tunewarden.steps.train.model import TextModel
from tunewarden.usecases.ports import Blobs

_BEAMS = 4
_OTHERS = 127  # numbers that a secret is ranked among


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What was found.

    Attributes:
        secrets, extracted: of canaries that took part in the training.
        exposure: the mean over them, in bits; None where fewer than two took part.
    """

    secrets: int
    extracted: int
    exposure: Figure | None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts secrets."""
        found = [_share(self.extracted, self.secrets).measured("privacy.secret_extraction", self.secrets)]
        if self.exposure is not None:
            found.append(self.exposure.measured("privacy.secret_exposure", self.secrets))
        return tuple(found)


WRITES_NOTHING = Extraction(secrets=0, extracted=0, exposure=None)
"""Of a model that tells classes."""


def extracted(
    blobs: Blobs, plan: Plan, trained: Trained, model: TextModel, tokenizer: PreTrainedTokenizerBase
) -> Extraction | None:
    """Attack the canaries of the training of `model`; None where it completes texts and none of them took part.

    Raises `NotFound` or `Corrupted`, and `PlanMismatch` where the canaries are of another plan.
    """
    if plan.recipe.task is Task.CLASSIFICATION:
        return WRITES_NOTHING
    if trained.canaries is None:
        return None
    found = extract(model, tokenizer, plan.recipe, read_canaries(blobs, trained.canaries, plan).members)
    return found if found.secrets else None


def extract(
    model: TextModel, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, canaries: Sequence[Canary]
) -> Extraction:
    """Attack the secrets of those `canaries` that took part; `model` completes texts and has the adapter."""
    present = [canary for canary in canaries if canary.present]
    bits = np.array([_exposure(model, tokenizer, recipe, canary) for canary in present])
    return Extraction(
        secrets=len(present),
        extracted=sum(_is_written(model, tokenizer, recipe, canary) for canary in present),
        exposure=mean(bits).figure() if len(bits) > 1 else None,
    )


@torch.no_grad()
def _is_written(model: TextModel, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, canary: Canary) -> bool:
    """Whether one of the likeliest continuations of its beginning is the secret, whatever comes after that."""
    model.eval()
    rows = canary_rows([replace(canary, texts=canary.texts[:1])], tokenizer, recipe)
    ids = torch.from_numpy(rows.tokens.ids.astype(np.int64))
    if int(ids[-1]) == tokenizer.eos_token_id:
        ids = ids[:-1]
    begins = 0 if rows.completions is None else int(rows.completions[0])
    beams, scores = ids[None, :begins], torch.zeros(1, dtype=torch.float64)
    for _ in range(len(ids) - begins):
        given = beams.to(model.device)
        logs = model(given, torch.ones_like(given), 1)[:, -1].double().log_softmax(dim=-1).cpu()
        totals = (scores[:, None] + logs).flatten()
        best = totals.topk(min(_BEAMS, totals.numel()))
        beam, token = best.indices // logs.shape[1], best.indices % logs.shape[1]
        beams, scores = torch.cat((beams[beam], token[:, None]), dim=1), best.values
    return bool((beams == ids).all(dim=1).any())


def _exposure(model: TextModel, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, canary: Canary) -> float:
    random = SystemRandom()
    one = replace(canary, texts=canary.texts[:1])
    among = [one, *(replace(one, secret=draw_secret(random)) for _ in range(_OTHERS))]
    losses = completion_losses(model, canary_rows(among, tokenizer, recipe))
    rank = 1 + int((losses[1:] < losses[0]).sum())
    return log2(len(among)) - log2(rank)


def _share(part: int, whole: int) -> Figure:
    """The share with its exact interval (Clopper and Pearson 1934); 0 without one where there is nothing to count."""
    if whole == 0:
        return Interval(low=0.0, value=0.0, high=0.0).figure()
    low, high = exact_interval(part, whole)
    return Interval(low=low, value=part / whole, high=high).figure()
