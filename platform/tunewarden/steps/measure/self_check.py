"""Is the adapter file what was trained, and was anything trained at all?

Opacus issue 820: six trainings with normal losses and normal epsilons, and no usable model. Two things are looked at on
the adapter as it is loaded from its file: whether each adapted layer has left its beginning (LoRA starts with B = 0, Hu
et al., arXiv 2106.09685), and whether it answers made-up questions as the model in the training worker's memory did.
Whether it is better than without training is measured on held-out persons (`utility.py`).
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.gates import Measurement
from tunewarden.domain.training import Plan
from tunewarden.steps.measure.intervals import exactly
from tunewarden.steps.measure.trained import Trained
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.probe import TEXTS, difference, read_answers

_ZERO_AT_FIRST = "lora_B"
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """What was found.

    Attributes:
        layers, moved: adapted layers, and those of them whose matrix B is finite and not zero.
        texts: made-up questions.
        reload_difference: the largest difference of a probability; None where the worker left no answers.
    """

    layers: int
    moved: int
    texts: int
    reload_difference: Decimal | None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts layers and texts."""
        share = (Decimal(self.moved) / self.layers).quantize(_PLACES, ROUND_FLOOR)
        found = [exactly("train.moved_share", share, self.layers)]
        if self.reload_difference is not None:
            found.append(exactly("train.reload_difference", self.reload_difference, self.texts))
        return tuple(found)


def self_check(model: TextModel, tokenizer: PreTrainedTokenizerBase, plan: Plan, trained: Trained) -> SelfCheck:
    """`model` has the adapter as its file says. Raises `Corrupted` for answers of another form."""
    layers = [parameter for name, parameter in model.trainable().items() if _ZERO_AT_FIRST in name]
    moved = [layer for layer in layers if bool(layer.isfinite().all()) and bool(layer.any())]
    return SelfCheck(
        layers=len(layers),
        moved=len(moved),
        texts=TEXTS,
        reload_difference=None if trained.answers is None else _difference(model, tokenizer, plan, trained),
    )


def _difference(model: TextModel, tokenizer: PreTrainedTokenizerBase, plan: Plan, trained: Trained) -> Decimal:
    found = difference(model, tokenizer, plan.recipe, read_answers(trained.answers))
    return Decimal(found if np.isfinite(found) else 1.0).quantize(_PLACES, ROUND_CEILING)
