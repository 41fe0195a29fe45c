"""The measuring step: an adapter and the held-out persons' records in, evidence about the adapter out.

Held-out persons were never trained on, so the epsilon of the training says nothing about what figures reveal of them.
Unless the dataset's steward declared that exact ones may leave, only noisy ones do: they are planned, reserved and
charged as updates of a training are, before the adapter is asked anything. Losses of real persons leave in no case;
those of the training side are looked at only where the records are public.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import digest_of, encode
from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import Corrupted, NotFound, Refused, Unavailable
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.domain.privacy import Accountant, Mechanism
from tunewarden.domain.questions import Question, parse_questions
from tunewarden.domain.training import Plan, StepName, Task
from tunewarden.steps import train
from tunewarden.steps.deidentify.identity import package_files
from tunewarden.steps.measure.audit import Audit
from tunewarden.steps.measure.audited import audited
from tunewarden.steps.measure.beside import ATTACKED_PERSONS, Side, TrainingSide, generalisation, membership
from tunewarden.steps.measure.classes import Classes
from tunewarden.steps.measure.completions import Completions
from tunewarden.steps.measure.declared import require_declaration
from tunewarden.steps.measure.documents import CompletionDetails, Details, Noisy
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.extraction import extracted
from tunewarden.steps.measure.figures import noise_of
from tunewarden.steps.measure.leaks import without_leaks
from tunewarden.steps.measure.overlap import overlapping, trained_texts
from tunewarden.steps.measure.parts_asked import AskedPart, ask_parts, learning_curve
from tunewarden.steps.measure.privacy import Membership
from tunewarden.steps.measure.questions import shipped_questions
from tunewarden.steps.measure.rows import Rows, admitted, attributes_of, read_held_out, read_persons, require_both_sides
from tunewarden.steps.measure.self_check import self_check
from tunewarden.steps.measure.task import A, Asked, Common, Given
from tunewarden.steps.measure.trained import read_trained
from tunewarden.steps.records import Manifest, read_manifest, read_records
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.canaries import read_canaries
from tunewarden.steps.train.model import TextClassifier, TextCompleter, TextModel, build, load_adapter
from tunewarden.usecases.ports import Attempt, Blobs, StepResult
from tunewarden.usecases.promoted import Promoted

EXPLAINED_TEXTS = 32
EXTENT = Extent()
_MODEL_FILES = (
    *("base_model.py", "canaries.py", "checkpoint.py", "discrete_noise.py", "model.py", "noise.py", "objective.py"),
    *("parts.py", "places.py", "probe.py", "rows.py", "texts.py"),
    *("captured.py", "sampling.py", "single_pass.py", "../swapping.py"),
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
        extent: Extent = EXTENT,
        scratch: Path | None = None,
    ) -> None:
        """`locate` finds the directory of a base model; `accountant` is the one that decides budgets.

        `scratch` is the folder of the training step, where it left the models of learning curves.
        `explained_texts` bounds the time that explaining takes, `extent` that of what is asked beside the rows.
        """
        self._blobs, self._locate, self._accountant, self._explained = blobs, locate, accountant, explained_texts
        self._extent, self._scratch = extent, scratch
        self.identity: Digest = _identity(explained_texts, extent)

    def __call__(self, attempt: Attempt) -> StepResult:
        """Measure the adapter that the training step made.

        Raises `Refused` where nothing may leave or nobody is held out, `BudgetExceeded` where noisy figures cannot be
        paid, `NotFound` and `Corrupted` for blobs that are not there or not what they were, `PlanMismatch` for an
        adapter of another plan.
        """
        require_declaration(attempt)
        match attempt.plan.recipe.task:
            case Task.CLASSIFICATION:
                return self._measured(attempt, lambda plan: self._classes(plan, len(attempt.labels)))
            case Task.COMPLETION:
                return self._measured(attempt, self._completions)

    def _measured(self, attempt: Attempt, untrained: Callable[[Plan], Asked[A]]) -> StepResult:
        plan, manifest = attempt.plan, read_manifest(self._blobs, attempt.outputs[StepName.DEIDENTIFY])
        asked = untrained(plan)

        # 1. Who is measured on. Where figures are noisy, these persons have to have budget left.
        noise = noise_of(attempt)
        left_out = frozenset[str]() if noise is None else admitted(self._blobs, manifest, attempt.admit)
        door = attributes_of(attempt, manifest)
        held, others = read_held_out(self._blobs, manifest, left_out, alone=noise is not None, attributes=door)
        measured = asked.usable(held)
        if noise is None:
            require_both_sides(measured, others)

        # 2. The model before training, and the adapter, as far as they can be had at all.
        before = asked.ask(measured)
        some = None if noise is not None else self._some_trained_on(attempt, asked, manifest, others, measured)
        some_before = None if some is None else asked.ask(some)
        used = attempt.promoted if noise is None else None
        answered = self._promoted(used, untrained, measured)  # a name of its own, or its type is not inferred
        promoted, unasked = answered
        trained = read_trained(self._blobs, attempt)
        parts = ask_parts(self._scratch, attempt, trained.curve, asked, measured, some)
        load_adapter(asked.model, self._blobs.read(attempt.outputs[StepName.TRAIN]), plan)

        # 3. Point of no return: the releases are paid for, whether or not anything comes of them.
        if noise is not None:
            attempt.charge(noise.updates)

        # 4. The measures. Arrays of answers and losses stay in this function.
        after = asked.ask(measured)
        audit = audited(self._blobs, plan, trained, asked.model, asked.tokenizer)
        sides = Side(rows=measured, before=before, after=after)
        training = None
        if some is not None and some_before is not None:
            training = TrainingSide(
                some=Side(rows=some, before=some_before, after=asked.ask(some)),
                overlapping=overlapping(measured.whole_texts(), trained_texts(self._blobs, manifest)),
            )
        over = None
        if promoted is not None and used is not None:
            over = asked.previous(used.adapter, measured, promoted, after)
        common = Common(
            adapter=attempt.outputs[StepName.TRAIN],
            membership=_attacked(asked, training, sides, audit, parts or ()),
            libraries={name: version(name) for name in _LIBRARIES},
            noisy=None if noise is None else self._paid(attempt, noise),
            audit=audit,
            self_check=self_check(asked.model, asked.tokenizer, plan, trained),
            extraction=extracted(self._blobs, plan, trained, asked.model, asked.tokenizer),
            generalisation=replace(generalisation(asked, sides, training, over, self._extent), unasked=unasked),
            curve=learning_curve(asked, measured, parts, after, trained.persons, noise),
        )
        canaries = () if trained.canaries is None else read_canaries(self._blobs, trained.canaries, plan).members
        given = Given(
            attempt=attempt,
            measured=measured,
            left_out=len(held.texts) - len(measured.texts),
            noise=noise,
            promoted=promoted,
            examples=some,
            canaries=canaries,
        )
        details = asked.document(given, before, after, common)

        # 5. What would be shown of explanations and may not be is taken out, and counted.
        records = partial(read_records, self._blobs, manifest)
        shown = max(self._explained, self._extent.prompts)
        return self._result(without_leaks(details, records, canaries, shown))

    def _untrained(self, plan: Plan, classes: int) -> tuple[TextModel, PreTrainedTokenizerBase]:
        """The model as training begins; its head is drawn from a fixed seed, so that the figure can be had again."""
        with torch.random.fork_rng(devices=[]):  # it is built on the CPU
            torch.manual_seed(0)
            model, tokenizer = build(self._locate(plan.base_model.name), plan.base_model.digest, plan.recipe, classes)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return model.to(device).eval(), tokenizer

    def _classes(self, plan: Plan, classes: int) -> Classes:
        model, tokenizer = self._untrained(plan, classes)
        assert isinstance(model, TextClassifier)  # as its task says
        return Classes(model, tokenizer, plan.recipe, self._explained, self._extent)

    def _completions(self, plan: Plan) -> Completions:
        model, tokenizer = self._untrained(plan, 0)
        assert isinstance(model, TextCompleter)
        return Completions(model, tokenizer, plan.recipe, self._extent, self._questions(plan))

    def _questions(self, plan: Plan) -> Sequence[Question]:
        """Those that the plan declares: the house's own, or the shipped ones."""
        writing = None if plan.fairness is None else plan.fairness.writing
        if writing is None or writing.questions is None:
            return shipped_questions()
        return parse_questions(self._blobs.read(writing.questions))

    def _some_trained_on(
        self, attempt: Attempt, asked: Asked[A], manifest: Manifest, others: frozenset[str], measured: Rows
    ) -> Rows | None:
        """Rows of up to as many persons of the training side as are held out; None where they are not public."""
        if attempt.held_out is not HeldOut.PUBLIC:
            return None
        some = sorted(others)[: min(len(set(measured.persons)), ATTACKED_PERSONS)]
        return asked.usable(read_persons(self._blobs, manifest, frozenset(some)))

    def _promoted(
        self, before: Promoted | None, untrained: Callable[[Plan], Asked[A]], measured: Rows
    ) -> tuple[A | None, str | None]:
        """What the promoted version says to the rows; else None, and the code of why it could not be asked.

        Its base model may have left the allowlist, have been replaced, or be away. That is no fault of the adapter that
        is measured here, so it only goes without the comparison. An adapter that is not what it was promoted as raises.
        """
        if before is None:
            return None, None
        try:
            asked = untrained(before.plan)
        except (Refused, NotFound, Corrupted, Unavailable) as error:
            return None, error.code
        try:
            adapter = self._blobs.read(before.adapter)
        except NotFound as error:
            return None, error.code
        load_adapter(asked.model, adapter, before.plan)
        return asked.ask(measured), None

    def _paid(self, attempt: Attempt, noise: Mechanism) -> Noisy:
        released = noise.times(attempt.charged + noise.updates)
        delta = attempt.plan.delta
        return Noisy(mechanism=released, epsilon=self._accountant([released], delta), delta=delta)

    def _result(self, details: Details | CompletionDetails) -> StepResult:
        document = self._blobs.put_bytes(encode(details))
        return StepResult(
            output=document,
            measurements=tuple(details.measurements()),
            details=document,
            counts=details.counts(),
            about=details.adapter,
        )


def _attacked(
    asked: Asked[A],
    training: TrainingSide[A] | None,
    held_out: Side[A],
    audit: Audit | None,
    parts: Sequence[AskedPart[A]],
) -> Membership | None:
    """Persons of the training side where records are public; else what the audit did to canaries, if anything."""
    if training is not None:
        return membership(asked, training.some, held_out, parts)
    return None if audit is None else audit.membership


def _identity(explained_texts: int, extent: Extent) -> Digest:
    """Digest of this package's files, of those that define the model and what identifiers are, and of versions."""
    here = Path(__file__).parent
    sources = [*here.glob("*.py"), *here.glob("*.txt"), *(Path(train.__file__).parent / name for name in _MODEL_FILES)]
    return digest_of(
        {
            "step": StepName.MEASURE,
            "sources": {f"{path.parent.name}/{path.name}": file_digest(path) for path in sources},
            "versions": {name: version(name) for name in _LIBRARIES},
            "explained_texts": explained_texts,
            "extent": extent,
            "recognisers": package_files(),
        }
    )
