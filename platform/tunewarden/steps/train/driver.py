"""The training step as the pipeline sees it: check, train on Ray Train, state what was spent."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

import ray
import ray.train
from ray.actor import ActorHandle
from ray.train import RunConfig, ScalingConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import Plain, decode, digest_of, encode, to_plain
from tunewarden.domain.errors import Corrupted, PlanMismatch, TunewardenError
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.domain.privacy import Accountant, Mechanism, PrivacyUnit
from tunewarden.domain.training import Plan, StepName
from tunewarden.steps.ray_session import ray_session
from tunewarden.steps.train import checkpoint
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.canaries import Kept, kept_canaries, with_canaries
from tunewarden.steps.train.certificate import Certificate
from tunewarden.steps.train.charging import charge_at, close_desk, hand_in_at, open_desk, report_failure, serve
from tunewarden.steps.train.checkpoint import Belonging, Standing
from tunewarden.steps.train.collation import COLLATOR, require_collator
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import adapter_bytes, build
from tunewarden.steps.train.parts import parts_of, require_units, stated, takes_part
from tunewarden.steps.train.places import WEIGHTS
from tunewarden.steps.train.probe import ANSWERS, left_answers
from tunewarden.steps.train.ranks import met
from tunewarden.steps.train.recipe import Training, help_to_train, train
from tunewarden.steps.train.release import CHECKS
from tunewarden.steps.train.rows import Rows, members, read_rows, require_enough
from tunewarden.usecases.ports import Attempt, Blobs, StepResult
from tunewarden.usecases.work import Receipt

_PACKAGES = ("dp-accounting", "opacus", "peft", "ray", "safetensors", "torch", "transformers")
_CONFIGURATION = ("config.json", "tokenizer.json")
_CERTIFICATE = "certificate.json"


class TrainingInterrupted(Exception):
    """The Ray worker stopped for a reason of its own (killed, out of memory). Another attempt may well succeed."""


class TrainStep:
    """Trains the adapter of an approved plan.

    Attributes:
        identity: digest of this package's source files and the versions of the libraries it stands on.
    """

    def __init__(
        self,
        blobs: Blobs,
        *,
        locate: Callable[[PolicyName], Path],
        scratch: Path,
        accountant: Accountant,
        reported: Accountant,
        compute: Compute | None = None,
        ray_address: str = "",
    ) -> None:
        """`locate` finds the directory of an allowed base model. `scratch` is seen by this process and all Ray workers.

        `accountant` is the one that decides budgets, `reported` a tighter one for the evidence. An empty `ray_address`
        starts Ray on this machine.
        """
        self._blobs, self._locate, self._scratch = blobs, locate, scratch
        self._accountant, self._reported = accountant, reported
        self._compute, self._ray_address = compute or Compute(), ray_address
        sources = {path.name: file_digest(path) for path in sorted(Path(__file__).parent.glob("*.py"))}
        self.identity: Digest = digest_of({"step": StepName.TRAIN, "sources": sources, "versions": _versions()})

    def __call__(self, attempt: Attempt) -> StepResult:
        """Train, or finish what an earlier attempt began.

        1. Check everything that can be checked; nothing has been charged before this is done.
        2. Train on Ray, every block of updates charged before it begins: the model, then the parts of a learning curve.
        3. Store the adapter and state what was spent, repeated updates included.
        """
        plan, directory = attempt.plan, self._locate(attempt.plan.base_model.name)
        require_collator(plan)  # 1
        model, tokenizer = build(directory, plan.base_model.digest, plan.recipe, len(attempt.labels))
        left_out = self._left_out(attempt)
        rows = read_rows(self._blobs, attempt.outputs[StepName.DEIDENTIFY], plan, tokenizer, left_out)
        require_enough(rows, plan, len(attempt.labels))
        place = self._scratch / attempt.request
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        canaries = kept_canaries(self._blobs, place, plan, tokenizer, len(attempt.labels))
        training = Training(
            belonging=Belonging(
                request=attempt.request, plan=plan.digest(), canaries=canaries.digest if canaries else None
            ),
            plan=plan,
            classes=len(attempt.labels),
            rows=with_canaries(rows, canaries, tokenizer, plan),
            directory=directory.absolute(),
            checkpoint=(place / "checkpoint.safetensors").absolute(),
            compute=self._compute,
        )
        parts = self._parts(training, attempt, tokenizer, left_out)
        charged = attempt.charged
        for number, each in enumerate((training, *parts)):  # 2
            before = number * plan.mechanism.updates
            standing = _standing(each, attempt, before)
            if standing is None or standing.update < plan.mechanism.updates:
                charged += self._fit(each, attempt)
        checkpoint.restore(training.checkpoint, model.trainable())  # 3
        output = self._blobs.put_bytes(adapter_bytes(model, plan))
        return self._result(attempt, training, parts, rows, canaries, output, plan.mechanism.times(charged))

    def _left_out(self, attempt: Attempt) -> frozenset[bytes]:
        """Persons whose budget does not allow it; raises `BudgetExceeded` where that stops the whole training."""
        cohort = members(self._blobs, attempt.outputs[StepName.DEIDENTIFY])
        return attempt.admit(cohort) if cohort is not None else frozenset()

    def _parts(
        self, whole: Training, attempt: Attempt, tokenizer: PreTrainedTokenizerBase, left_out: frozenset[bytes]
    ) -> tuple[Training, ...]:
        """The trainings on parts of the persons that are trained on; raises `Refused` where one is too small."""
        trainings, clean = [], attempt.outputs[StepName.DEIDENTIFY]
        for part in parts_of(whole.plan):
            rows = read_rows(self._blobs, clean, part.plan, tokenizer, left_out, partial(takes_part, share=part.share))
            require_units(part, rows)
            place = part.place(self._scratch, attempt.request)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            belonging, path = part.belonging(attempt.request), (place / WEIGHTS).absolute()
            trainings.append(replace(whole, belonging=belonging, plan=part.plan, rows=rows, checkpoint=path))
        return tuple(trainings)

    def _fit(self, training: Training, attempt: Attempt) -> int:
        """Run the recipe in Ray workers while this thread, which may charge, answers them; return what was charged.

        Raises what charging raised, what the recipe refused, or `TrainingInterrupted`.
        """
        charged: list[int] = []

        def charge(updates: int) -> Receipt:
            receipt = attempt.charge(updates)
            charged.append(updates)
            return receipt

        def take(certificate: Certificate) -> None:
            checkpoint.write_whole(training.checkpoint.with_name(_CERTIFICATE), encode(certificate))

        compute = training.compute
        with ray_session(self._ray_address, training.rows.size_bytes(), max(2, compute.workers)):
            desk = open_desk()
            trainer = DataParallelTrainer(
                _loop,
                train_loop_config={"training": ray.put(training), "desk": desk, "attempt": attempt.number},
                scaling_config=ScalingConfig(num_workers=compute.workers, use_gpu=_gpu_found()),
                run_config=RunConfig(name=f"attempt-{attempt.number}", storage_path=str(training.checkpoint.parent)),
            )
            with ThreadPoolExecutor(max_workers=1) as pool:
                fitting = pool.submit(trainer.fit)
                try:
                    serve(desk, charge, take, fitting.done)
                finally:
                    close_desk(desk)  # a loop that is still at work stops at its next question
            failure = fitting.exception()
        if failure is not None:
            # Not chained: what a library says about a failure may quote what it was working on.
            raise TrainingInterrupted(f"A Ray worker stopped ({type(failure).__name__}).") from None
        return sum(charged)

    def _result(
        self,
        attempt: Attempt,
        training: Training,
        parts: Sequence[Training],
        rows: Rows,
        canaries: Kept | None,
        output: Digest,
        executed: Mechanism,
    ) -> StepResult:
        plan = training.plan
        if executed.updates < plan.promised.updates:
            raise Corrupted(
                "charges_missing",
                f"{plan.promised.updates} updates were made, but only {executed.updates} were counted as charged.",
            )
        checked = [_checked(each) for each in (training, *parts)]
        certificate = training.checkpoint.with_name(_CERTIFICATE).read_bytes()  # was there before the first charge
        measurements = (
            _exactly("privacy.epsilon", self._accountant([executed], plan.delta), rows.everybody),
            _exactly("privacy.epsilon_pld", self._reported([executed], plan.delta), rows.everybody),
            *self._beside(executed, plan, rows.everybody),
            *self._model_alone(executed, plan, rows.everybody),
            _exactly("privacy.delta", plan.delta, rows.everybody),
            _exactly("train.truncated_share", _share(rows.truncated, rows.originals), rows.originals),
        )
        details: Plain = {
            "answers": left_answers(training.checkpoint.with_name(ANSWERS), plan),
            "base_model": {name: file_digest(training.directory / name) for name in _CONFIGURATION},
            "canaries": canaries.digest if canaries else None,
            "collator": COLLATOR,
            "conformance": decode(certificate),
            "curve": [
                stated(part, each.checkpoint.parent, _CERTIFICATE, each.rows, noise)
                for part, each, noise in zip(parts_of(plan), parts, checked[1:], strict=True)
            ],
            "executed": to_plain(executed),
            "form": "tunewarden-training-2",
            "measurements": to_plain(measurements),
            "noise": {"checked_updates": checked[0], "checks": CHECKS, "form": plan.recipe.noise},
            "persons": rows.everybody,
            "plan": plan.digest(),
            "planned": to_plain(plan.promised),
            "precision": plan.recipe.precision,
            "request": attempt.request,
            "rows": rows.originals,
            "unlearnable": rows.unlearnable,
            "versions": _versions(),
            "workers": training.compute.workers,
        }
        return StepResult(
            output=output,
            measurements=measurements,
            details=self._blobs.put_bytes(encode(details)),
            counts={
                "persons": rows.everybody,
                "truncated": rows.truncated,
                **({"unlearnable": rows.unlearnable} if rows.completions is not None else {}),
                **({"curve_updates": plan.promised.updates - plan.mechanism.updates} if parts else {}),
                "updates": executed.updates,
            },
        )

    def _model_alone(self, executed: Mechanism, plan: Plan, persons: int) -> tuple[Measurement, ...]:
        """Where parts were trained on too: epsilon of the model's own updates, all repeated ones counted to it."""
        if not plan.parts:
            return ()
        model = executed.times(executed.updates - len(plan.parts) * plan.mechanism.updates)
        return (_exactly("privacy.epsilon_model", self._accountant([model], plan.delta), persons),)

    def _beside(self, executed: Mechanism, plan: Plan, persons: int) -> tuple[Measurement, ...]:
        """Where the record is the unit: epsilon of one alone, beside that of a person who has several."""
        if executed.unit is PrivacyUnit.PERSON:
            return ()
        return (_exactly("privacy.epsilon_record", self._accountant([executed.for_one_unit()], plan.delta), persons),)


class _Given(TypedDict):
    training: ray.ObjectRef[Training]
    desk: ActorHandle
    attempt: int


class _Stopped(Exception):
    """Ends a worker, and with it all others of its training."""


def _loop(given: _Given) -> None:
    """What a Ray worker does."""
    training, desk = ray.get(given["training"]), given["desk"]
    rank = ray.train.get_context().get_world_rank()
    place = training.checkpoint.with_name(f"meeting-{given['attempt']}")
    try:
        with met(place, rank, training.compute.workers):
            if rank == 0:
                train(training, charge_at(desk), hand_in_at(desk))
            else:
                help_to_train(training)
    except TunewardenError as error:
        report_failure(desk, error)
        raise _Stopped(error.code) from None


def _standing(training: Training, attempt: Attempt, before: int) -> Standing | None:
    """How far the training is; raises `PlanMismatch` unless the ledger knows of all that the checkpoint holds.

    And of the updates of the trainings `before` it, all of which were made before its first.
    """
    standing = checkpoint.standing_at(training.checkpoint, training.belonging)
    if standing is not None and (attempt.charged_at(standing.paid) or 0) < before + standing.update:
        raise PlanMismatch(
            "checkpoint_not_in_ledger",
            "The checkpoint names an entry of the log that did not charge for it: it is of another log, or of a later "
            "state of this one.",
            remedy="Restore the database that belongs to it, or remove it; the training then begins anew.",
            who="administrator",
        )
    return standing


def _checked(training: Training) -> int:
    """How many updates have noise that was checked; raises `Corrupted` where not every one has."""
    standing = checkpoint.standing_at(training.checkpoint, training.belonging)
    if standing is None or standing.checked < training.plan.mechanism.updates:
        raise Corrupted("noise_unchecked", "Not every update has noise that was checked.")
    return standing.checked


def _gpu_found() -> bool:
    return bool(ray.cluster_resources().get("GPU", 0) >= 1)


def _exactly(metric: str, value: Decimal, n: int) -> Measurement:
    return Measurement(metric=metric, low=value, value=value, high=value, n=n)


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_CEILING)


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}
