"""The measuring step: an adapter and the held-out persons' records in, evidence about the adapter out.

Held-out persons were never trained on, so the epsilon of the training says nothing about what figures reveal of them.
Unless the dataset's steward declared that exact ones may leave, only noisy ones do: they are planned, reserved and
charged as updates of a training are, before the adapter is asked anything. Losses of real persons leave in no case;
those of the training side are looked at only where the records are public.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tunewarden.domain.canonical import LATER, digest_of, encode, to_plain
from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.domain.privacy import Accountant, Mechanism
from tunewarden.domain.training import Plan, Recipe, StepName
from tunewarden.steps import train
from tunewarden.steps.measure.answers import logits
from tunewarden.steps.measure.audit import Audit
from tunewarden.steps.measure.audited import audited
from tunewarden.steps.measure.explanation import Explanation, explain
from tunewarden.steps.measure.extraction import WRITES_NOTHING, Extraction
from tunewarden.steps.measure.fairness import Fairness
from tunewarden.steps.measure.figures import Answered, exact_figures, noise_of, noisy_figures
from tunewarden.steps.measure.intervals import Floats, exactly
from tunewarden.steps.measure.made_up import made_up_texts
from tunewarden.steps.measure.privacy import Membership, measure_membership, person_losses
from tunewarden.steps.measure.rows import Rows, admitted, read_held_out, read_persons, require_both_sides
from tunewarden.steps.measure.self_check import SelfCheck, self_check
from tunewarden.steps.measure.trained import read_trained
from tunewarden.steps.measure.utility import Utility
from tunewarden.steps.records import Manifest, read_manifest
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.model import TextClassifier, build_classifier, load_adapter
from tunewarden.usecases.ports import Attempt, Blobs, StepResult

EXPLAINED_TEXTS = 32
ATTACKED_PERSONS = 300
_MODEL_FILES = (
    *("base_model.py", "canaries.py", "discrete_noise.py", "model.py", "noise.py", "objective.py", "probe.py"),
    *("rows.py", "texts.py"),
)
_LIBRARIES = ("captum", "fairlearn", "numpy", "peft", "tokenizers", "torch", "transformers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noisy:
    """That the figures about held-out persons are noisy, and what they cost one of those.

    Attributes:
        mechanism: everything that was released in all attempts, each release an update.
        epsilon, delta: of that, for one person.
    """

    mechanism: Mechanism
    epsilon: Decimal
    delta: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The document behind the measurements, as canonical JSON; classes are indices into the dataset version's labels.

    Attributes:
        adapter: what was measured.
        explanation: None where fewer than two held-out persons have a text.
        membership: the attack on the persons trained on, or on canaries; None where there are none to attack.
        libraries: name -> version.
        noisy: None where the figures are exact.
        audit: by the canaries of the training; None where it had none.
        self_check: whether the adapter is what was trained.
        extraction: of secrets planted in the training; a classifier writes none.
    """

    adapter: Digest
    utility: Utility
    fairness: Fairness
    explanation: Explanation | None
    membership: Membership | None
    libraries: Mapping[str, str]
    noisy: Noisy | None = field(default=None, metadata=LATER)
    audit: Audit | None = field(default=None, metadata=LATER)
    self_check: SelfCheck | None = field(default=None, metadata=LATER)
    extraction: Extraction = field(default=WRITES_NOTHING, metadata=LATER)


class MeasureStep:
    """Implements `usecases.ports.Step`."""

    def __init__(
        self,
        blobs: Blobs,
        locate: Callable[[PolicyName], Path],
        accountant: Accountant,
        explained_texts: int = EXPLAINED_TEXTS,
    ) -> None:
        """`locate` finds the directory of a base model; `accountant` is the one that decides budgets.

        `explained_texts` bounds the time that explaining takes.
        """
        self._blobs, self._locate, self._accountant, self._explained = blobs, locate, accountant, explained_texts
        self.identity: Digest = _identity(explained_texts)

    def __call__(self, attempt: Attempt) -> StepResult:
        """Measure the adapter that the training step made.

        Raises `Refused` where nothing may leave or nobody is held out, `BudgetExceeded` where noisy figures cannot be
        paid, `NotFound` and `Corrupted` for blobs that are not there or not what they were, `PlanMismatch` for an
        adapter of another plan.
        """
        plan, manifest = attempt.plan, read_manifest(self._blobs, attempt.outputs[StepName.DEIDENTIFY])

        # 1. Who is measured on. Where figures are noisy, these persons have to have budget left.
        noise = noise_of(attempt)
        left_out = frozenset[str]() if noise is None else admitted(self._blobs, manifest, attempt.admit)
        measured, others = read_held_out(self._blobs, manifest, left_out)
        if noise is None:
            require_both_sides(measured, others)

        # 2. The model before training, and the adapter, as far as they can be had at all.
        model, tokenizer = self._untrained(plan, len(attempt.labels))
        base_answers = logits(model, tokenizer, measured.texts, plan.recipe)
        trained = read_trained(self._blobs, attempt)
        load_adapter(model, self._blobs.read(attempt.outputs[StepName.TRAIN]), plan)

        # 3. Point of no return: the releases are paid for, whether or not anything comes of them.
        if noise is not None:
            attempt.charge(noise.updates)

        # 4. The measures. Arrays of answers and losses stay in this function.
        answers = logits(model, tokenizer, measured.texts, plan.recipe)
        utility, fairness = self._figures(attempt, measured, base_answers, answers, noise)
        audit = audited(self._blobs, plan, trained, model, tokenizer)
        if attempt.held_out is HeldOut.PUBLIC:
            membership: Membership | None = self._attacked(plan, manifest, model, tokenizer, measured, others, answers)
        else:
            membership = None if audit is None else audit.membership
        details = Details(
            adapter=attempt.outputs[StepName.TRAIN],
            utility=utility,
            fairness=fairness,
            explanation=self._explanation(model, tokenizer, measured, plan.recipe, made_up=noise is not None),
            membership=membership,
            libraries={name: version(name) for name in _LIBRARIES},
            noisy=None if noise is None else self._paid(attempt, noise),
            audit=audit,
            self_check=self_check(model, tokenizer, plan, trained),
        )
        return self._result(details)

    def _untrained(self, plan: Plan, classes: int) -> tuple[TextClassifier, PreTrainedTokenizerBase]:
        """The model as training begins; its head is drawn from a fixed seed, so that the figure can be had again."""
        with torch.random.fork_rng(devices=[]):  # it is built on the CPU
            torch.manual_seed(0)
            model, tokenizer = build_classifier(
                self._locate(plan.base_model.name), plan.base_model.digest, plan.recipe, classes
            )
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return model.to(device).eval(), tokenizer

    def _figures(
        self, attempt: Attempt, measured: Rows, base_answers: Floats, answers: Floats, noise: Mechanism | None
    ) -> tuple[Utility, Fairness]:
        labels = measured.label_array()
        answered = Answered(
            labels=labels,
            predicted=answers.argmax(axis=1),
            base_predicted=base_answers.argmax(axis=1),
            persons=measured.person_array(),
            attributes=measured.attributes(),
        )
        if noise is None:
            return exact_figures(answered, majority=int(np.bincount(labels).argmax()))
        return noisy_figures(
            answered, classes=len(attempt.labels), groups=attempt.groups, protected=attempt.protected, planned=noise
        )

    def _attacked(
        self,
        plan: Plan,
        manifest: Manifest,
        model: TextClassifier,
        tokenizer: PreTrainedTokenizerBase,
        measured: Rows,
        others: frozenset[str],
        answers: Floats,
    ) -> Membership:
        """The attack on persons of the training side, against as many of those measured on."""
        attacked = sorted(others)[: min(len(set(measured.persons)), ATTACKED_PERSONS)]
        rows = read_persons(self._blobs, manifest, frozenset(attacked))
        losses = person_losses(
            logits(model, tokenizer, rows.texts, plan.recipe), rows.label_array(), rows.person_array()
        )
        against = person_losses(answers, measured.label_array(), measured.person_array())
        return measure_membership(losses, against[:ATTACKED_PERSONS])

    def _explanation(
        self,
        model: TextClassifier,
        tokenizer: PreTrainedTokenizerBase,
        measured: Rows,
        recipe: Recipe,
        *,
        made_up: bool,
    ) -> Explanation | None:
        texts = made_up_texts(tokenizer, self._explained) if made_up else measured.one_text_each(self._explained)
        if len(texts) < 2:
            return None
        return explain(
            forward=model,
            embeddings=cast(PreTrainedModel, model.encoder).get_input_embeddings(),
            tokenizer=tokenizer,
            texts=[text.lower() for text in texts] if recipe.lower_case else texts,
            tokens=recipe.max_tokens,
            made_up=made_up,
        )

    def _paid(self, attempt: Attempt, noise: Mechanism) -> Noisy:
        released = noise.times(attempt.charged + noise.updates)
        delta = attempt.plan.delta
        return Noisy(mechanism=released, epsilon=self._accountant([released], delta), delta=delta)

    def _result(self, details: Details) -> StepResult:
        document = self._blobs.put_bytes(encode(to_plain(details)))
        return StepResult(
            output=document,
            measurements=tuple(_measurements(details)),
            details=document,
            counts=_counts(details),
            about=details.adapter,
        )


def _measurements(details: Details) -> Iterator[Measurement]:
    yield from details.utility.measurements()
    yield from details.fairness.measurements()
    for part in (details.explanation, details.membership, details.audit, details.self_check, details.extraction):
        if part is not None:
            yield from part.measurements()
    if details.noisy is not None:
        yield exactly("privacy.metrics_epsilon", details.noisy.epsilon, details.utility.persons)


def _counts(details: Details) -> dict[str, int]:
    """For the log. Where figures are noisy, so is the number of persons, and that of records is not told."""
    records = {} if details.utility.rows is None else {"records": details.utility.rows}
    return {
        **records,
        "persons": details.utility.persons,
        "groups": len(details.fairness.assessed),
        "small_groups": len(details.fairness.not_assessable),
        "explained": details.explanation.persons if details.explanation else 0,
        "attacked": details.membership.trained if details.membership else 0,
    }


def _identity(explained_texts: int) -> Digest:
    """Digest of this package's files, of those that define the model, and of the libraries' versions."""
    sources = [*Path(__file__).parent.glob("*.py"), *(Path(train.__file__).parent / name for name in _MODEL_FILES)]
    return digest_of(
        {
            "step": StepName.MEASURE,
            "sources": {f"{path.parent.name}/{path.name}": file_digest(path) for path in sources},
            "versions": {name: version(name) for name in _LIBRARIES},
            "explained_texts": explained_texts,
        }
    )
