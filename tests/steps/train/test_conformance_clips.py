"""Faults that the libraries allow without a word, each planted with their own code, each found before it costs."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.steps.train.planted import (
    Adaptive,
    CutApart,
    Ghost,
    Hooks,
    Subject,
    classifier,
    completer,
    library_loss,
    mean_over_batch,
    of_records,
    prompt_tuned,
    scaled_clip,
)
from torch import nn

from tunewarden.domain.errors import Refused
from tunewarden.domain.training import Plan
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.objective import row_losses
from tunewarden.steps.train.person_clip import Gradients, PersonClipper
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.steps.train.specimens import PERSONS

pytestmark = [
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    pytest.mark.filterwarnings("ignore:Secure RNG turned off"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated"),  # by PEFT's prompts
    pytest.mark.filterwarnings("ignore:Optimal order is the"),
]


@pytest.fixture
def classes(base: Path, plan: Plan) -> Subject:
    return classifier(base, plan)


@pytest.fixture
def completions(base: Path, plan: Plan, tmp_path: Path) -> Subject:
    return completer(base, plan, tmp_path)


def found(certify: Callable[[], object]) -> tuple[str, float]:
    """The code of the check that fails, and its figure."""
    with pytest.raises(Refused) as refused:
        certify()
    measured = re.search(r": (\S+) where at most", refused.value.reason)
    assert measured is not None
    return refused.value.code, float(measured[1])


def require_clips_rows(certify: Callable[[], object]) -> None:
    """Opacus, rightly used, passes all but the last check: it has no guard against gradients that are not finite."""
    assert found(certify)[0] == "conformance_not_finite"


def test_the_same_clipper_with_honest_losses_passes(classes: Subject, completions: Subject) -> None:
    """So that what is found below is the fault that was planted."""
    for subject in (classes, completions):
        subject.certify_losses(row_losses)


def test_the_loss_of_the_model_library_is_found(completions: Subject) -> None:
    code, distance = found(lambda: completions.certify_losses(library_loss))
    assert code == "conformance_brute_force"
    assert distance > 0.1


def test_a_mean_over_the_batch_is_found(classes: Subject, completions: Subject) -> None:
    for subject in (classes, completions):
        assert found(lambda subject=subject: subject.certify_losses(mean_over_batch))[0] == "conformance_brute_force"


def test_ghost_clipping_told_the_shape_before_the_shift_is_found_and_told_the_right_one_passes(
    completions: Subject,
) -> None:
    subject = of_records(completions)  # Opacus clips rows

    def ghost(*, unshifted: bool) -> Callable[[Rows, float, Compute], Ghost]:
        return lambda rows, clip, _compute: Ghost(model=subject.model, rows=rows, clip=clip, unshifted=unshifted)

    require_clips_rows(lambda: subject.certify(clipper=ghost(unshifted=False), checker=None))
    code, distance = found(lambda: subject.certify(clipper=ghost(unshifted=True), checker=None))
    assert code == "conformance_brute_force"
    assert distance > 10, "contributions many times as long as the clip"


def test_hooks_on_lora_pass_and_a_learnt_prompt_that_looks_like_one_row_to_them_is_found(
    completions: Subject, tmp_path: Path
) -> None:
    def hooks(subject: Subject) -> Callable[[Rows, float, Compute], Hooks]:
        return lambda rows, clip, _compute: Hooks(model=subject.model, rows=rows, clip=clip)

    with_lora = of_records(completions)
    require_clips_rows(lambda: with_lora.certify(clipper=hooks(with_lora), checker=None))
    with_prompt = prompt_tuned(with_lora, tmp_path)
    code, distance = found(lambda: with_prompt.certify(clipper=hooks(with_prompt), checker=None))
    assert code == "conformance_brute_force"
    assert distance > 0.5


@pytest.mark.parametrize("clipper", [SinglePassClipper, PersonClipper])
def test_the_clippers_of_the_platform_refuse_a_learnt_prompt_by_name(
    completions: Subject, tmp_path: Path, clipper: Callable[..., SinglePassClipper | PersonClipper]
) -> None:
    subject = prompt_tuned(completions, tmp_path)
    with pytest.raises(Refused, match="prompt_encoder") as refused:
        subject.certify(clipper=lambda rows, clip, compute: clipper(subject.model, rows, clip, compute))
    assert refused.value.code == "parameter_not_covered"


def test_a_clip_that_adapts_within_an_update_is_found_and_one_that_stands_still_passes(classes: Subject) -> None:
    subject = of_records(classes)
    for module in classes.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # Opacus works in training mode only

    def adaptive(learning_rate: float) -> Callable[[Rows, float, Compute], Adaptive]:
        return lambda rows, clip, _compute: Adaptive(
            model=subject.model, rows=rows, clip=clip, learning_rate=learning_rate
        )

    require_clips_rows(lambda: subject.certify(clipper=adaptive(0.0), checker=None))
    code, distance = found(lambda: subject.certify(clipper=adaptive(0.5), checker=None))
    assert code == "conformance_brute_force"
    assert distance > 0.1


def test_a_person_who_is_clipped_once_in_every_micro_batch_is_found(classes: Subject, completions: Subject) -> None:
    for subject in (classes, completions):

        def cut_apart(rows: Rows, clip: float, compute: Compute, subject: Subject = subject) -> CutApart:
            return CutApart(own=PersonClipper(subject.model, rows, clip, compute), rows_at_once=2)

        assert found(lambda: subject.certify(clipper=cut_apart))[0] == "conformance_brute_force"  # noqa: B023


def test_a_fault_that_only_rows_computed_alone_show_is_found(classes: Subject) -> None:
    def only_alone(rows: Rows, clip: float, compute: Compute) -> SinglePassClipper:
        longer = 1.5 if compute.micro_batch_rows == 1 else 1.0
        return SinglePassClipper(classes.model, rows, longer * clip, compute)

    assert found(lambda: classes.certify(clipper=only_alone))[0] == "conformance_brute_force"


def test_dropout_left_on_is_found(classes: Subject) -> None:
    def with_dropout(rows: Rows, clip: float, compute: Compute) -> SinglePassClipper:
        clipper = SinglePassClipper(classes.model, rows, clip, compute)
        classes.model.train()
        return clipper

    assert any(isinstance(module, nn.Dropout) and module.p > 0 for module in classes.model.modules())
    assert found(lambda: classes.certify(clipper=with_dropout))[0] == "conformance_brute_force"


class _NoGuard:
    """Clips persons whose gradient is not finite like all others."""

    def __init__(self, own: SinglePassClipper, poison: float) -> None:
        self._own, self._poison = own, poison

    def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
        each = [self._own.clipped_sum([theirs]) for theirs in persons]
        total = self._own.clipped_sum(())
        for theirs in each:
            lost = not any(part.any() for part in theirs.values())
            for name, part in theirs.items():
                total[name] += torch.full_like(part, self._poison) if lost else part
        return total

    def require_covered(self) -> None:
        self._own.require_covered()

    def close(self) -> None:
        self._own.close()


@pytest.mark.parametrize("poison", [float("nan"), 0.001])
def test_a_person_whose_gradient_is_not_finite_and_who_does_not_count_as_zero_is_found(
    classes: Subject, completions: Subject, poison: float
) -> None:
    for subject in (classes, completions):

        def careless(rows: Rows, clip: float, compute: Compute, subject: Subject = subject) -> _NoGuard:
            return _NoGuard(SinglePassClipper(subject.model, rows, clip, compute), poison)

        assert found(lambda: subject.certify(clipper=careless))[0] == "conformance_not_finite"  # noqa: B023


def test_a_second_way_that_disagrees_is_found(classes: Subject) -> None:
    code, _ = found(lambda: classes.certify(checker=scaled_clip(classes.model, 1.01)))
    assert code == "conformance_second_way"


def test_a_person_who_changes_what_others_contribute_is_found_although_every_sum_alone_is_right(
    classes: Subject,
) -> None:
    """Right at brute force, where all are present, and wrong as soon as somebody is missing."""

    class Sociable(SinglePassClipper):
        def clipped_sum(self, persons: Sequence[NDArray[np.int64]]) -> Gradients:
            total = super().clipped_sum(persons)
            missing = len(persons) == PERSONS - 1
            return {name: -part if missing else part for name, part in total.items()}

    code, ratio = found(
        lambda: classes.certify(clipper=lambda rows, clip, compute: Sociable(classes.model, rows, clip, compute))
    )
    assert code == "conformance_neighbours"
    assert ratio > 1.5
