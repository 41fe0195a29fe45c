"""Explanation: which words move an answer, and whether the explanation deserves to be believed.

A classifier is explained by integrated gradients (`attributing.py`), a model that completes texts by taking away one
token of the prompt after the other (`completion_explanation.py`). Whether that is faithful is tested by erasure
(`erasure.py`).

One text of each of a few held-out persons is explained; where nothing exact may be said of them, made-up texts are. No
text leaves: only means, and words that many records of many persons share. What it does not show: why an answer is
right, or what the model would say to other texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import torch

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.attributing import Explained, batches, complete, numbers, read
from tunewarden.steps.measure.erasure import Faithfulness, Lost, erase, erase_at_random, faithfulness
from tunewarden.steps.measure.intervals import Figure, Floats, ratio
from tunewarden.steps.measure.terms import Term, WeighedWords, global_terms, weighed_words


class Method(StrEnum):
    """How it is found out what moves an answer."""

    INTEGRATED_GRADIENTS = "integrated-gradients"
    FEATURE_ABLATION = "feature-ablation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is measured, on one text of each of `persons` held-out persons, or on made-up texts.

    Attributes:
        steps: of the integration, the most that any text took; 0 where nothing is integrated.
        comprehensiveness, sufficiency: of the explanation; probabilities lost or, of completions, nats a token.
        random_comprehensiveness, random_sufficiency: of tokens drawn at random.
        comprehensiveness_over_random, sufficiency_under_random: how much better it is, paired by text.
        convergence_delta: how much of the change from padding to text the attributions do not add up to; None where
            they need not add up to it.
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
    convergence_delta: Figure | None
    terms: tuple[Term, ...]
    made_up: bool = field(default=False, metadata=LATER)
    method: Method = field(default=Method.INTEGRATED_GRADIENTS, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons."""
        what = "explanation.prompt_" if self.method is Method.FEATURE_ABLATION else "explanation."
        named = {
            f"{what}comprehensiveness_over_random": self.comprehensiveness_over_random,
            f"{what}sufficiency_under_random": self.sufficiency_under_random,
            f"{what}convergence_delta": self.convergence_delta,
        }
        return tuple(figure.measured(metric, self.persons) for metric, figure in named.items() if figure is not None)


def explain(model: Explained, texts: Sequence[str], *, made_up: bool = False) -> Explanation:
    """Explain the answers to `texts`, one of each person, at least two."""
    generator = torch.Generator().manual_seed(0)  # repeatable; nothing private hangs on it
    words: dict[str, WeighedWords] = {}
    lost, at_random = list[Lost](), list[Lost]()
    missed, change, steps = list[Floats](), list[Floats](), 0
    for some in batches(texts):
        given = read(model, some)
        found = complete(given, model.embeddings)
        lost.append(erase(given, found.weights))
        at_random.append(erase_at_random(given, generator))
        missed.append(np.abs(found.missed))
        change.append(np.abs(found.change))
        steps = max(steps, found.steps)
        for row, text in enumerate(some):
            words[text] = weighed_words(text, given.encoding, row, numbers(found.weights[row]))
    return stated(
        faithfulness(lost, at_random),
        persons=len(texts),
        steps=steps,
        convergence_delta=ratio(np.concatenate(missed), np.concatenate(change)).figure(),
        terms=global_terms(words),
        made_up=made_up,
    )


def stated(
    found: Faithfulness,
    *,
    persons: int,
    steps: int,
    convergence_delta: Figure | None,
    terms: tuple[Term, ...],
    made_up: bool,
    method: Method = Method.INTEGRATED_GRADIENTS,
) -> Explanation:
    """The explanation with these figures of faithfulness."""
    return Explanation(
        persons=persons,
        steps=steps,
        comprehensiveness=found.comprehensiveness,
        random_comprehensiveness=found.random_comprehensiveness,
        comprehensiveness_over_random=found.comprehensiveness_over_random,
        sufficiency=found.sufficiency,
        random_sufficiency=found.random_sufficiency,
        sufficiency_under_random=found.sufficiency_under_random,
        convergence_delta=convergence_delta,
        terms=terms,
        made_up=made_up,
        method=method,
    )
