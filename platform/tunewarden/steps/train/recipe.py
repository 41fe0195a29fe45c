"""The training loop, whole: DP-SGD (Abadi et al., arXiv 1607.00133) with the person as its unit.

What is accounted is what happens here: persons drawn independently with the plan's sampling rate, each one's gradient
clipped to the plan's clip, Gaussian noise of the plan's multiplier times that clip added once, and a division by a
constant of the plan that does not depend on the data. Nothing else of the data leaves: no loss, no norm, no count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.optim import AdamW

from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import RequestId
from tunewarden.domain.training import Plan
from tunewarden.steps.train import checkpoint
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import build
from tunewarden.steps.train.noise import NoiseStream, energy_is_plausible
from tunewarden.steps.train.person_clip import Gradients, PersonClipper
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.sampling import draw_persons, draw_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training, as it is handed to the worker.

    Attributes:
        directory: of the base model's files.
        checkpoint: the file to resume from if it is there, and to leave the trained weights in.
    """

    request: RequestId
    plan: Plan
    classes: int
    rows: Rows
    directory: Path
    checkpoint: Path
    compute: Compute


def train(training: Training, charge: Callable[[int], None]) -> None:
    """Carry out every update of the plan that the checkpoint does not hold yet; the last checkpoint is the result.

    `charge` returns once so many further updates are paid for durably. What it raises ends the training.
    """
    plan, recipe, plan_digest = training.plan, training.plan.recipe, training.plan.digest()
    torch.set_num_threads(training.compute.threads)

    # 1. The model: only the adapter and the head learn.
    model, _ = build(training.directory, plan.base_model.digest, recipe, training.classes)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    weights = model.trainable()
    optimizer = AdamW(weights.values(), lr=float(recipe.learning_rate), weight_decay=0.0)

    # 2. Go on where the last attempt of this very plan left off.
    done = checkpoint.updates_done(training.checkpoint, training.request, plan_digest)
    if done:
        checkpoint.restore(training.checkpoint, weights, optimizer)

    # 3. Nothing is charged for a model that cannot be trained privately.
    clipper = PersonClipper(model, training.rows, float(recipe.clip), training.compute)
    clipper.require_covered()

    for first in range(done, plan.mechanism.updates, training.compute.charge_every):
        block = range(first, min(first + training.compute.charge_every, plan.mechanism.updates))

        # 4. Paid before any of it exists. Point of no return: what is paid stays paid, whatever happens next.
        charge(len(block))

        for _ in block:
            # 5. Who takes part: drawn afresh, perhaps nobody. An empty update is an update like any other.
            drawn = draw_persons(plan.mechanism.sampling_rate, training.rows.persons)
            rows = [draw_rows(training.rows.of(person), recipe.rows_per_person) for person in drawn]

            # 6. Each person's gradient, clipped once, summed; then the noise, once.
            total = clipper.clipped_sum(rows)
            noisy = add_noise(total, float(plan.mechanism.noise_multiplier * recipe.clip), NoiseStream())

            # 7. One step of AdamW on their mean over the expected, not the drawn, number of persons.
            for name, parameter in weights.items():
                parameter.grad = (noisy[name] / recipe.expected_units).to(parameter)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        # 8. From here on a restart does not repeat this block.
        checkpoint.save(training.checkpoint, training.request, plan_digest, block.stop, weights, optimizer)

    clipper.close()


def add_noise(total: Gradients, deviation: float, stream: NoiseStream) -> Gradients:
    """`total` with fresh noise of standard `deviation` from `stream` on every number; float64, on the processor.

    Raises `Corrupted` unless what was really added has the energy of such noise.
    """
    noisy, added = {}, []
    for name, clean in total.items():
        exact = clean.cpu().double()
        noise = torch.from_numpy(stream.normal(exact.numel())).view_as(exact)
        noisy[name] = exact + deviation * noise
        added.append(((noisy[name] - exact) / deviation).flatten().numpy())
    if not energy_is_plausible(np.concatenate(added)):
        raise Corrupted("noise_missing", "The noise of an update does not have the energy that the plan asks for.")
    return noisy
