"""Identifiers in what a model writes when nobody asks for any.

Texts are sampled, each token with the model's own probability: half go on from made-up words, half from the mark of a
beginning alone, where there is one (as Carlini et al. 2021, arXiv 2012.07805, section 4). What was written is looked
through by the recognisers of de-identification (`recognised.py`), for the kinds of the eighteen categories of 45 CFR
164.514(b)(2)(i), and thrown away: only counts are kept. Beside them stand those of the base model from the same
beginnings: it was trained on other people's texts and writes names too. Nothing is asked of a person's record, so what
is found is covered by the training's epsilon; a hit may be anybody's, or nobody's.

*With an identifier*: the share of texts in which there is one, with Clopper's and Pearson's exact interval (1934,
Biometrika 26:404). *Hits per 1,000 tokens*: a bootstrap over texts, widened to Garwood's exact Poisson interval of as
many hits (1936, Biometrika 28:437), which does not collapse where there are none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.gates import Measurement
from tunewarden.domain.identifiers import SAFE_HARBOR, EntityType
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.measure.audited import without_adapter
from tunewarden.steps.measure.intervals import ALPHA, Figure, Floats, Interval
from tunewarden.steps.measure.made_up import made_up_texts
from tunewarden.steps.measure.recognised import recognised
from tunewarden.steps.measure.resampling import percentiles, resamples
from tunewarden.steps.measure.writes import Ids, write
from tunewarden.steps.train.model import TextCompleter

TOKENS = 64
"""That are written at most, a text."""
_COUNTED = frozenset(kind for kinds in SAFE_HARBOR.values() for kind in kinds)
_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """In the texts of one model.

    Attributes:
        tokens: that were written.
        with_identifier: share of texts.
        per_thousand: hits per 1,000 tokens; None where nothing was written.
        kinds: hits by kind, those that occur.
    """

    tokens: int
    with_identifier: Figure
    per_thousand: Figure | None
    kinds: Mapping[EntityType, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """What was found in as many texts of the model with the adapter, and of its base."""

    texts: int
    adapter: Found
    base: Found

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts texts."""
        found = [self.adapter.with_identifier.measured("privacy.generated_identifiers", self.texts)]
        if self.adapter.per_thousand is not None:
            found.append(self.adapter.per_thousand.measured("privacy.generated_hits", self.texts))
        return tuple(found)


def generations(
    model: TextCompleter, tokenizer: PreTrainedTokenizerBase, longest: int, texts: int
) -> Generations | None:
    """Sample so many `texts` of `model`, which has the adapter; None of none. A text has up to `longest` tokens."""
    begun = _beginnings(tokenizer, texts, longest)
    if not begun:
        return None
    adapter = write(model, tokenizer, begun, most=TOKENS, longest=longest, seed=_SEED)
    with without_adapter(model):
        base = write(model, tokenizer, begun, most=TOKENS, longest=longest, seed=_SEED)
    return Generations(texts=len(begun), adapter=_found(tokenizer, adapter), base=_found(tokenizer, base))


def counted(hits: Floats, tokens: Floats, kinds: Counter[EntityType]) -> Found:
    """From how many hits and tokens each text has, float64[texts], two texts or more."""
    begun = int((hits > 0).sum())
    low, high = exact_interval(begun, len(hits))
    share = Interval(low=low, value=begun / len(hits), high=high)
    return Found(
        tokens=int(tokens.sum()),
        with_identifier=share.figure(),
        per_thousand=_rate(hits, tokens),
        kinds=dict(kinds),
    )


def _beginnings(tokenizer: PreTrainedTokenizerBase, texts: int, longest: int) -> list[Ids]:
    """Made-up words, and nothing but the mark of a beginning where there is one, in turn."""
    mark = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    words = made_up_texts(tokenizer, texts)
    encoded = [list(ids) for ids in tokenizer(words, add_special_tokens=False)["input_ids"]] if words else []
    room = max(1, longest // 2 - len(mark))
    return [mark if mark and number % 2 else mark + ids[:room] for number, ids in enumerate(encoded)]


def _found(tokenizer: PreTrainedTokenizerBase, written: Sequence[Ids]) -> Found:
    texts = [str(tokenizer.decode(ids, skip_special_tokens=True)) for ids in written]
    spans = [[span for span in found if span.entity in _COUNTED] for found in recognised(texts)]
    return counted(
        np.array([len(each) for each in spans], dtype=np.float64),
        np.array([len(ids) for ids in written], dtype=np.float64),
        Counter(span.entity for each in spans for span in each),
    )


def _rate(hits: Floats, tokens: Floats) -> Figure | None:
    if not tokens.any():
        return None
    total = int(hits.sum())
    drawn = resamples(np.stack([hits, tokens], axis=1))
    value = 1000 * total / float(tokens.sum())
    with np.errstate(invalid="ignore"):
        found = percentiles(1000 * drawn[:, 0] / drawn[:, 1], value, len(hits))
    least = float(chi2.ppf(ALPHA / 2, 2 * total)) / 2 if total else 0.0
    most = float(chi2.ppf(1 - ALPHA / 2, 2 * total + 2)) / 2
    scale = 1000 / float(tokens.sum())
    exact = Interval(low=least * scale, value=value, high=most * scale)
    if found is None:
        return exact.figure()
    return Interval(low=min(exact.low, found.low), value=value, high=max(exact.high, found.high)).figure()
