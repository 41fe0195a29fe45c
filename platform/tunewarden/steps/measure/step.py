"""The measuring step: an adapter and the held-out persons' records in, evidence about the adapter out.

Held-out persons were never trained on, so the epsilon of the training says nothing about what figures reveal of them.
Unless the dataset's steward declared that exact ones may leave, only noisy ones do: they are planned, reserved and
charged as updates of a training are, before the adapter is asked anything. Losses of real persons leave in no case;
those of the training side are looked at only where the records are public.
"""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import digest_of, encode, to_plain
from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.domain.privacy import Accountant, Mechanism
from tunewarden.domain.training import Plan, StepName
from tunewarden.steps import train
from tunewarden.steps.measure.audited import audited
from tunewarden.steps.measure.classes import Classes
from tunewarden.steps.measure.completions import Completions
from tunewarden.steps.measure.documents import CompletionDetails, Details, Noisy
from tunewarden.steps.measure.extraction import extracted
from tunewarden.steps.measure.figures import noise_of
from tunewarden.steps.measure.intervals import Floats
from tunewarden.steps.measure.privacy import Membership, measure_membership
from tunewarden.steps.measure.rows import admitted, read_held_out, read_persons, require_both_sides
from tunewarden.steps.measure.self_check import self_check
from tunewarden.steps.measure.task import A, Asked, Common, Given
from tunewarden.steps.measure.trained import read_trained
from tunewarden.steps.records import Manifest, read_manifest
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.model import TextClassifier, TextCompleter, TextModel, build, load_adapter
from tunewarden.usecases.ports import Attempt, Blobs, StepResult

EXPLAINED_TEXTS = 32
ATTACKED_PERSONS = 300
_MODEL_FILES = (
    *("base_model.py", "canaries.py", "discrete_noise.py", "model.py", "noise.py", "objective.py", "probe.py"),
    *("rows.py", "texts.py"),
)
_LIBRARIES = ("captum", "fairlearn", "numpy", "peft", "tokenizers", "torch", "transformers")


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
        plan = attempt.plan
        model, tokenizer = self._untrained(plan, len(attempt.labels))
        match model:
            case TextClassifier():
                return self._measured(attempt, Classes(model, tokenizer, plan.recipe, self._explained))
            case TextCompleter():
                return self._measured(attempt, Completions(model, tokenizer, plan.recipe))
        raise AssertionError("every task has one of these two models")

    def _measured(self, attempt: Attempt, asked: Asked[A]) -> StepResult:
        plan, manifest = attempt.plan, read_manifest(self._blobs, attempt.outputs[StepName.DEIDENTIFY])

        # 1. Who is measured on. Where figures are noisy, these persons have to have budget left.
        noise = noise_of(attempt)
        left_out = frozenset[str]() if noise is None else admitted(self._blobs, manifest, attempt.admit)
        held, others = read_held_out(self._blobs, manifest, left_out, alone=noise is not None)
        measured = asked.usable(held)
        if noise is None:
            require_both_sides(measured, others)

        # 2. The model before training, and the adapter, as far as they can be had at all.
        before = asked.ask(measured)
        trained = read_trained(self._blobs, attempt)
        load_adapter(asked.model, self._blobs.read(attempt.outputs[StepName.TRAIN]), plan)

        # 3. Point of no return: the releases are paid for, whether or not anything comes of them.
        if noise is not None:
            attempt.charge(noise.updates)

        # 4. The measures. Arrays of answers and losses stay in this function.
        after = asked.ask(measured)
        audit = audited(self._blobs, plan, trained, asked.model, asked.tokenizer)
        if attempt.held_out is HeldOut.PUBLIC:
            membership: Membership | None = self._attacked(asked, manifest, others, asked.losses(measured, after))
        else:
            membership = None if audit is None else audit.membership
        common = Common(
            adapter=attempt.outputs[StepName.TRAIN],
            membership=membership,
            libraries={name: version(name) for name in _LIBRARIES},
            noisy=None if noise is None else self._paid(attempt, noise),
            audit=audit,
            self_check=self_check(asked.model, asked.tokenizer, plan, trained),
            extraction=extracted(self._blobs, plan, trained, asked.model, asked.tokenizer),
        )
        given = Given(attempt=attempt, measured=measured, left_out=len(held.texts) - len(measured.texts), noise=noise)
        return self._result(asked.document(given, before, after, common))

    def _untrained(self, plan: Plan, classes: int) -> tuple[TextModel, PreTrainedTokenizerBase]:
        """The model as training begins; its head is drawn from a fixed seed, so that the figure can be had again."""
        with torch.random.fork_rng(devices=[]):  # it is built on the CPU
            torch.manual_seed(0)
            model, tokenizer = build(self._locate(plan.base_model.name), plan.base_model.digest, plan.recipe, classes)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return model.to(device).eval(), tokenizer

    def _attacked(self, asked: Asked[A], manifest: Manifest, others: frozenset[str], held_out: Floats) -> Membership:
        """The attack on persons of the training side, against as many of those whose losses are `held_out`."""
        attacked = sorted(others)[: min(len(held_out), ATTACKED_PERSONS)]
        rows = asked.usable(read_persons(self._blobs, manifest, frozenset(attacked)))
        return measure_membership(asked.losses(rows, asked.ask(rows)), held_out[:ATTACKED_PERSONS])

    def _paid(self, attempt: Attempt, noise: Mechanism) -> Noisy:
        released = noise.times(attempt.charged + noise.updates)
        delta = attempt.plan.delta
        return Noisy(mechanism=released, epsilon=self._accountant([released], delta), delta=delta)

    def _result(self, details: Details | CompletionDetails) -> StepResult:
        document = self._blobs.put_bytes(encode(to_plain(details)))
        return StepResult(
            output=document,
            measurements=tuple(details.measurements()),
            details=document,
            counts=details.counts(),
            about=details.adapter,
        )


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
