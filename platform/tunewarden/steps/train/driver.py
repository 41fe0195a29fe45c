"""The training step as the pipeline sees it: check, train on Ray Train, state what was spent."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_CEILING, Decimal
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

import ray
from ray.actor import ActorHandle
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from tunewarden.domain.canonical import Plain, digest_of, encode, to_plain
from tunewarden.domain.errors import Corrupted, TunewardenError
from tunewarden.domain.gates import Measurement
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.domain.privacy import Accountant, Mechanism
from tunewarden.domain.training import StepName
from tunewarden.steps.ray_session import ray_session
from tunewarden.steps.train import checkpoint
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.charging import charge_at, close_desk, open_desk, report_failure, serve
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import adapter_bytes, build
from tunewarden.steps.train.recipe import Training, train
from tunewarden.steps.train.rows import read_rows, require_enough
from tunewarden.usecases.ports import Attempt, Blobs, StepResult

_PACKAGES = ("dp-accounting", "opacus", "peft", "ray", "safetensors", "torch", "transformers")
_CONFIGURATION = ("config.json", "tokenizer.json")


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
        2. Train on Ray, every block of updates charged before it begins.
        3. Store the adapter and state what was spent, repeated updates included.
        """
        plan, directory = attempt.plan, self._locate(attempt.plan.base_model.name)
        model, tokenizer = build(directory, plan.base_model.digest, plan.recipe, len(attempt.labels))  # 1
        rows = read_rows(self._blobs, attempt.outputs[StepName.DEIDENTIFY], plan, tokenizer)
        require_enough(rows, plan, len(attempt.labels))
        place = self._scratch / attempt.request
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        training = Training(
            request=attempt.request,
            plan=plan,
            classes=len(attempt.labels),
            rows=rows,
            directory=directory.absolute(),
            checkpoint=(place / "checkpoint.safetensors").absolute(),
            compute=self._compute,
        )
        updates = attempt.charged
        if checkpoint.updates_done(training.checkpoint, attempt.request, plan.digest()) < plan.mechanism.updates:
            updates += self._fit(training, attempt)  # 2
        checkpoint.restore(training.checkpoint, model.trainable())  # 3
        output = self._blobs.put_bytes(adapter_bytes(model, plan))
        return self._result(attempt, training, output, plan.mechanism.times(updates))

    def _fit(self, training: Training, attempt: Attempt) -> int:
        """Run the recipe in a Ray worker while this thread, which may charge, answers it; return what was charged.

        Raises what charging raised, what the recipe refused, or `TrainingInterrupted`.
        """

        charged: list[int] = []

        def charge(updates: int) -> None:
            attempt.charge(updates)
            charged.append(updates)

        with ray_session(self._ray_address, training.rows.size_bytes()):
            desk = open_desk()
            trainer = TorchTrainer(
                _loop,
                train_loop_config={"training": ray.put(training), "desk": desk},
                scaling_config=ScalingConfig(num_workers=training.compute.workers, use_gpu=_gpu_found()),
                run_config=RunConfig(name=f"attempt-{attempt.number}", storage_path=str(training.checkpoint.parent)),
            )
            with ThreadPoolExecutor(max_workers=1) as pool:
                fitting = pool.submit(trainer.fit)
                try:
                    serve(desk, charge, fitting.done)
                finally:
                    close_desk(desk)  # a loop that is still at work stops at its next question
            failure = fitting.exception()
        if failure is not None:
            # Not chained: what a library says about a failure may quote what it was working on.
            raise TrainingInterrupted(f"The Ray worker stopped ({type(failure).__name__}).") from None
        return sum(charged)

    def _result(self, attempt: Attempt, training: Training, output: Digest, executed: Mechanism) -> StepResult:
        plan, rows = training.plan, training.rows
        if executed.updates < plan.mechanism.updates:
            raise Corrupted(
                "charges_missing",
                f"{plan.mechanism.updates} updates were made, but only {executed.updates} were counted as charged.",
            )
        measurements = (
            _exactly("privacy.epsilon", self._accountant([executed], plan.delta), rows.persons),
            _exactly("privacy.epsilon_pld", self._reported([executed], plan.delta), rows.persons),
            _exactly("privacy.delta", plan.delta, rows.persons),
            _exactly("train.truncated_share", _share(rows.tokens.truncated, len(rows.labels)), len(rows.labels)),
        )
        details: Plain = {
            "base_model": {name: file_digest(training.directory / name) for name in _CONFIGURATION},
            "executed": to_plain(executed),
            "form": "tunewarden-training-1",
            "measurements": to_plain(measurements),
            "noise": {"checked_updates": plan.mechanism.updates, "check": "chi-square within 8 standard deviations"},
            "persons": rows.persons,
            "plan": plan.digest(),
            "planned": to_plain(plan.mechanism),
            "request": attempt.request,
            "rows": len(rows.labels),
            "versions": _versions(),
        }
        return StepResult(
            output=output,
            measurements=measurements,
            details=self._blobs.put_bytes(encode(details)),
            counts={"persons": rows.persons, "truncated": rows.tokens.truncated, "updates": executed.updates},
        )


class _Given(TypedDict):
    training: ray.ObjectRef[Training]
    desk: ActorHandle


def _loop(given: _Given) -> None:
    """What the Ray worker does."""
    try:
        train(ray.get(given["training"]), charge_at(given["desk"]))
    except TunewardenError as error:
        report_failure(given["desk"], error)


def _gpu_found() -> bool:
    return bool(ray.cluster_resources().get("GPU", 0) >= 1)


def _exactly(metric: str, value: Decimal, n: int) -> Measurement:
    return Measurement(metric=metric, low=value, value=value, high=value, n=n)


def _share(part: int, whole: int) -> Decimal:
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_CEILING)


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}
