"""The measuring step: an adapter and the held-out persons' records in, evidence about the adapter out.

Held-out persons were never trained on, so the epsilon of the training says nothing about what these figures reveal of
them. What leaves is aggregates: means over all of them, rates of groups of 30 persons or more, words of ten texts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.domain.training import Plan, Recipe, StepName
from tunewarden.steps import train
from tunewarden.steps.measure.explanation import Explanation, explain
from tunewarden.steps.measure.fairness import Fairness, measure_fairness
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.privacy import Membership, measure_membership, person_losses
from tunewarden.steps.measure.rows import read_held_out, read_persons
from tunewarden.steps.measure.utility import Utility, measure_utility
from tunewarden.steps.records import read_manifest
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.model import TextClassifier, build, load_adapter, logits
from tunewarden.usecases.ports import Attempt, Blobs, StepResult

EXPLAINED_PERSONS = 32
ATTACKED_PERSONS = 300
_MODEL_FILES = ("base_model.py", "model.py", "texts.py")
_LIBRARIES = ("captum", "fairlearn", "numpy", "peft", "tokenizers", "torch", "transformers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The document behind the measurements, as canonical JSON; classes are indices into the dataset version's labels.

    Attributes:
        adapter: what was measured.
        explanation: None where fewer than two held-out persons have a text.
        libraries: name -> version.
    """

    adapter: Digest
    utility: Utility
    fairness: Fairness
    explanation: Explanation | None
    membership: Membership
    libraries: Mapping[str, str]


class MeasureStep:
    """Implements `usecases.ports.Step`."""

    def __init__(
        self, blobs: Blobs, locate: Callable[[PolicyName], Path], explained_persons: int = EXPLAINED_PERSONS
    ) -> None:
        """`locate` finds the directory of a base model; `explained_persons` bounds the time that explaining takes."""
        self._blobs, self._locate, self._explained = blobs, locate, explained_persons
        self.identity: Digest = _identity(explained_persons)

    def __call__(self, attempt: Attempt) -> StepResult:
        """Measure the adapter that the training step made.

        Raises `Refused` where nobody is held out, `NotFound` and `Corrupted` for blobs that are not there or not what
        they were, `PlanMismatch` for an adapter of another plan.
        """
        adapter, recipe = attempt.outputs[StepName.TRAIN], attempt.plan.recipe

        # 1. Who is measured on, and a sample of the training side of the same size, to attack.
        manifest = read_manifest(self._blobs, attempt.outputs[StepName.DEIDENTIFY])
        measured, others = read_held_out(self._blobs, manifest)
        attacked = sorted(others.persons)[: min(len(set(measured.persons)), ATTACKED_PERSONS)]
        trained = read_persons(self._blobs, manifest, frozenset(attacked))

        # 2. What the model answers before and after training.
        model, tokenizer = self._untrained(attempt.plan, len(attempt.labels))
        base_logits = _logits(model, tokenizer, measured.texts, recipe)
        load_adapter(model, self._blobs.read(adapter), attempt.plan)
        answers = _logits(model, tokenizer, measured.texts, recipe)
        trained_answers = _logits(model, tokenizer, trained.texts, recipe)

        # 3. The measures.
        labels, persons = measured.label_array(), measured.person_array()
        predicted = answers.argmax(axis=1)
        details = Details(
            adapter=adapter,
            utility=measure_utility(
                labels=labels,
                predicted=predicted,
                base_predicted=base_logits.argmax(axis=1),
                majority=others.majority(),
                persons=persons,
            ),
            fairness=measure_fairness(
                labels=labels, predicted=predicted, persons=persons, attributes=measured.attributes()
            ),
            explanation=_explain(model, tokenizer, measured.one_text_each(self._explained), recipe),
            membership=measure_membership(
                person_losses(trained_answers, trained.label_array(), trained.person_array()),
                person_losses(answers, labels, persons)[:ATTACKED_PERSONS],
            ),
            libraries={name: version(name) for name in _LIBRARIES},
        )
        return self._result(details)

    def _untrained(self, plan: Plan, classes: int) -> tuple[TextClassifier, PreTrainedTokenizerBase]:
        """The model as training begins; its head is drawn from a fixed seed, so that the figure can be had again."""
        with torch.random.fork_rng(devices=[]):  # it is built on the CPU
            torch.manual_seed(0)
            model, tokenizer = build(self._locate(plan.base_model.name), plan.base_model.digest, plan.recipe, classes)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return model.to(device).eval(), tokenizer

    def _result(self, details: Details) -> StepResult:
        document = self._blobs.put_bytes(encode(to_plain(details)))
        explained = details.explanation
        return StepResult(
            output=document,
            measurements=(
                *details.utility.measurements(),
                *details.fairness.measurements(),
                *(explained.measurements() if explained else ()),
                *details.membership.measurements(),
            ),
            details=document,
            counts={
                "records": details.utility.rows,
                "persons": details.utility.persons,
                "groups": len(details.fairness.assessed),
                "small_groups": len(details.fairness.not_assessable),
                "explained": explained.persons if explained else 0,
                "attacked": details.membership.trained,
            },
            about=details.adapter,
        )


def _logits(model: TextClassifier, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], recipe: Recipe) -> Floats:
    return logits(model, tokenizer, texts, recipe).astype(np.float64)


def _explain(
    model: TextClassifier, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], recipe: Recipe
) -> Explanation | None:
    if len(texts) < 2:
        return None
    return explain(
        forward=model,
        embeddings=cast(PreTrainedModel, model.encoder).get_input_embeddings(),
        tokenizer=tokenizer,
        texts=[text.lower() for text in texts] if recipe.lower_case else texts,
        tokens=recipe.max_tokens,
    )


def _identity(explained_persons: int) -> Digest:
    """Digest of this package's files, of those that define the model, and of the libraries' versions."""
    sources = [*Path(__file__).parent.glob("*.py"), *(Path(train.__file__).parent / name for name in _MODEL_FILES)]
    return digest_of(
        {
            "step": StepName.MEASURE,
            "sources": {f"{path.parent.name}/{path.name}": file_digest(path) for path in sources},
            "versions": {name: version(name) for name in _LIBRARIES},
            "explained_persons": explained_persons,
        }
    )
