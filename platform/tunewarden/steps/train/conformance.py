"""Before anything is charged: does this training, with this model and this code, do what its plan is accounted for?

Neighbouring made-up data with equal randomness, after the idea of Re:cord-play (arXiv 2602.17454), and brute force tell
what one person can move; the sampler, the noise and the divisor are tried as the loop uses them. What is tried is what
the loop calls, handed over as plain functions. What is not tried: that the loop calls nothing else (its source is in
the certificate's digest), and each part says itself what it cannot see.
"""

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.training import Plan
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.certificate import Certificate, CheckName
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.conformance_clips import MakeClipper, Trial, check_clips
from tunewarden.steps.train.conformance_draws import Draw, Release, check_draws, check_release
from tunewarden.steps.train.model import TextModel
from tunewarden.steps.train.specimens import made_up_weights, make_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How a training treats persons: the very functions of its loop.

    Attributes:
        clipper: makes what sums the clipped gradients, on this worker alone.
        checker: makes another one that was written independently; None where there is none for this model.
        draw: who takes part in one update, and with which rows.
        release: what the optimizer gets for a clean sum.
    """

    clipper: MakeClipper
    checker: MakeClipper | None
    draw: Draw
    release: Release


def certify(
    plan: Plan, model: TextModel, tokenizer: PreTrainedTokenizerBase, conduct: Conduct, compute: Compute
) -> Certificate:
    """The certificate of this training; raises `Refused`, which names the check, at the first one that fails.

    No record is needed. `model` is left as it was found, bit for bit. An honest training is refused by chance with a
    probability below 10**-9.
    """
    checks = [*check_draws(plan, conduct.draw), *check_release(plan, model.trainable(), conduct.release)]
    trial = Trial(model=model, specimens=make_up(model, tokenizer, plan), recipe=plan.recipe, compute=compute)
    with made_up_weights(model):
        checks += check_clips(trial, conduct.clipper, conduct.checker)
    made = {check.name for check in checks}
    sources = {path.name: file_digest(path) for path in sorted(Path(__file__).parent.glob("*.py"))}
    return Certificate(
        plan=plan.digest(),
        code=digest_of(sources),
        precision=plan.recipe.precision,
        device=model.device.type,
        checks=tuple(checks),
        not_checked=tuple(name for name in CheckName if name not in made),
    )
