"""The training loop, whole: DP-SGD (Abadi et al., arXiv 1607.00133) with the person as its unit.

What is accounted is what happens here: persons drawn independently with the plan's sampling rate, each one's gradient
clipped to the plan's clip, Gaussian noise of the plan's multiplier times that clip added once, and a division by a
constant of the plan that does not depend on the data. Nothing else of the data leaves: no loss, no norm, no count.

One worker does all of this. Others only compute sums of clipped gradients for it (`ranks.py`).
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.optim import AdamW
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.training import NoiseForm, Plan
from tunewarden.steps.train import checkpoint
from tunewarden.steps.train.certificate import Certificate
from tunewarden.steps.train.checkpoint import Belonging, Standing
from tunewarden.steps.train.clipper import Clipper
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.conformance import Conduct, certify
from tunewarden.steps.train.discrete_noise import Grid, GridClipper
from tunewarden.steps.train.model import TextModel, build
from tunewarden.steps.train.person_clip import PersonClipper
from tunewarden.steps.train.probe import ANSWERS, leave_answers
from tunewarden.steps.train.ranks import SharedClipper, assist
from tunewarden.steps.train.release import Release, noise_of
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.sampling import draw_update
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.usecases.ports import Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training, as it is handed to the workers.

    Attributes:
        belonging: what its checkpoints are made for.
        rows: of the persons of the data and of the canaries.
        directory: of the base model's files.
        checkpoint: the file to resume from if it is there, and to leave the trained weights in.
    """

    belonging: Belonging
    plan: Plan
    classes: int
    rows: Rows
    directory: Path
    checkpoint: Path
    compute: Compute


def train(training: Training, charge: Charge, hand_in: Callable[[Certificate], None]) -> None:
    """Carry out every update of the plan that the checkpoint does not hold yet; the last checkpoint is the result.

    For the first worker. `charge` returns once so many further updates are paid for durably; `hand_in` takes the
    certificate before anything is. What these raise ends the training.
    """
    plan = training.plan

    # 1. The model: only the adapter and the head learn.
    model, tokenizer = _model(training)
    weights = model.trainable()
    optimizer = AdamW(weights.values(), lr=float(plan.recipe.learning_rate), weight_decay=0.0)

    # 2. Go on where the last attempt of this very plan left off.
    standing = checkpoint.standing_at(training.checkpoint, training.belonging)
    done, checked = (standing.update, standing.checked) if standing else (0, 0)
    if standing:
        checkpoint.restore(training.checkpoint, weights, optimizer)

    # 3. Nothing is charged for a model or a way of training that does not keep the promise.
    hand_in(_certified(training, model, tokenizer))

    with closing(_clipper(training, model)) as clipper, Release(plan, noise_of(plan, _numbers(model))) as release:
        for first in range(done, plan.mechanism.updates, training.compute.charge_every):
            block = range(first, min(first + training.compute.charge_every, plan.mechanism.updates))

            # 4. Paid before any of it exists. Point of no return: what is paid stays paid, whatever happens next.
            receipt = charge(len(block))

            for _ in block:
                # 5. Who takes part: drawn afresh, perhaps nobody. An empty update is an update like any other.
                persons = draw_update(plan, training.rows)

                # 6. Each person's gradient, clipped once, summed; then the noise, once; then a constant divides.
                gradients = release(clipper.clipped_sum(persons))

                # 7. One step of AdamW on their mean over the expected, not the drawn, number of persons.
                for name, parameter in weights.items():
                    parameter.grad = gradients[name].to(parameter)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

            # 8. From here on a restart does not repeat this block.
            if block.stop == plan.mechanism.updates:
                leave_answers(training.checkpoint.with_name(ANSWERS), model, tokenizer, plan)
            standing = Standing(update=block.stop, checked=checked + release.checked, paid=receipt)
            checkpoint.save(training.checkpoint, training.belonging, standing, weights, optimizer)


def help_to_train(training: Training) -> None:
    """For every other worker: compute what the first one hands out."""
    model, tokenizer = _model(training)
    # It clips persons of its own, on a processor of its own. The first worker waits for it before it charges.
    _certified(training, model, tokenizer)
    clip = float(training.plan.recipe.clip)
    assist(_own_clipper(training.plan, model, training.rows, clip, training.compute), model.trainable())


def _model(training: Training) -> tuple[TextModel, PreTrainedTokenizerBase]:
    torch.set_num_threads(training.compute.threads)
    plan = training.plan
    model, tokenizer = build(training.directory, plan.base_model.digest, plan.recipe, training.classes)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    return model, tokenizer


def _numbers(model: TextModel) -> int:
    return sum(parameter.numel() for parameter in model.trainable().values())


def _own_clipper(plan: Plan, model: TextModel, rows: Rows, clip: float, compute: Compute) -> Clipper:
    """What computes one worker's part of a sum, over `rows`."""
    fast = SinglePassClipper(model, rows, clip, compute)
    if plan.recipe.noise is NoiseForm.GAUSSIAN:
        return fast
    return GridClipper(fast, Grid.fit(clip, float(plan.mechanism.noise_multiplier), _numbers(model)))


def _clipper(training: Training, model: TextModel) -> Clipper:
    clip = float(training.plan.recipe.clip)
    own = _own_clipper(training.plan, model, training.rows, clip, training.compute)
    return own if training.compute.workers == 1 else SharedClipper(own, model.trainable())


def _certified(training: Training, model: TextModel, tokenizer: PreTrainedTokenizerBase) -> Certificate:
    """What this training does to one person, tried on made-up ones with the functions of the loop."""
    plan = training.plan
    clip = float(plan.recipe.clip)
    with closing(_own_clipper(plan, model, training.rows, clip, training.compute)) as clipper:
        clipper.require_covered()
    with Release(plan, noise_of(plan, _numbers(model))) as release:
        conduct = Conduct(
            clipper=lambda rows, clip, compute: _own_clipper(plan, model, rows, clip, compute),
            checker=lambda rows, clip, compute: PersonClipper(model, rows, clip, compute),
            draw=lambda rows: draw_update(plan, rows),
            release=lambda total, _drawn: release(total),
        )
        return certify(plan, model, tokenizer, conduct, training.compute)
