"""The clipping unit is the person: equal to brute force, and blind to how rows are cut into micro-batches."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from tunewarden.domain.errors import Refused
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextClassifier
from tunewarden.steps.train.person_clip import Gradients, PersonClipper, clip_and_sum
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.steps.train.texts import pad

MakeRows = Callable[[Sequence[int]], Rows]
COUNTS = (1, 3, 2, 7, 1, 4)


Kind = type[PersonClipper] | type[SinglePassClipper]
both = pytest.mark.parametrize("kind", [PersonClipper, SinglePassClipper])


def clipped(
    kind: Kind,
    model: TextClassifier,
    rows: Rows,
    persons: Sequence[int],
    clip: float = 0.1,
    compute: Compute | None = None,
) -> Gradients:
    clipper = kind(model, rows, clip, compute or Compute())
    try:
        return clipper.clipped_sum([rows.of(person) for person in persons])
    finally:
        clipper.close()


def gradient_of(model: TextClassifier, rows: Rows, theirs: NDArray[np.int64]) -> Gradients:
    """The gradient of one person's mean loss, one row at a time, by plain PyTorch."""
    model.eval().zero_grad()
    for row in theirs:
        logits = model(*pad(rows.tokens, np.array([row])))
        (cross_entropy(logits, torch.from_numpy(rows.labels[[row]])) / len(theirs)).backward()
    return {name: parameter.grad.clone() for name, parameter in model.trainable().items() if parameter.grad is not None}


def norm(gradients: Gradients) -> float:
    return float(torch.cat([gradient.flatten() for gradient in gradients.values()]).double().norm())


def difference(one: Gradients, other: Gradients) -> Gradients:
    assert one.keys() == other.keys()
    return {name: one[name] - other[name] for name in one}


@both
@pytest.mark.parametrize(("share", "bites"), [(1.0, {True, False}), (1000.0, {False}), (0.001, {True})])
def test_clipping_a_person_equals_brute_force(
    kind: Kind, model: TextClassifier, rows_of: MakeRows, share: float, bites: set[bool]
) -> None:
    rows = rows_of(COUNTS)
    gradients = [gradient_of(model, rows, rows.of(person)) for person in range(rows.persons)]
    norms = [norm(gradient) for gradient in gradients]
    clip = share * (min(norms) + max(norms)) / 2
    expected: Gradients = {name: torch.zeros_like(parameter) for name, parameter in model.trainable().items()}
    for gradient, length in zip(gradients, norms, strict=True):
        for name in expected:
            expected[name] += gradient[name] * min(1.0, clip / length)
    assert {length > clip for length in norms} == bites
    assert norm(difference(clipped(kind, model, rows, range(rows.persons), clip), expected)) < 1e-5


@both
@pytest.mark.parametrize("micro_batch_rows", [1, 2, 5, 64])
@pytest.mark.parametrize("persons_at_once", [1, 4, 64])
def test_the_cut_into_micro_batches_changes_nothing(
    kind: Kind, model: TextClassifier, rows_of: MakeRows, micro_batch_rows: int, persons_at_once: int
) -> None:
    rows = rows_of(COUNTS)
    compute = Compute(micro_batch_rows=micro_batch_rows, persons_at_once=persons_at_once)
    whole = clipped(kind, model, rows, range(rows.persons))
    assert norm(difference(clipped(kind, model, rows, range(rows.persons), compute=compute), whole)) < 1e-5


@both
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    others=st.lists(st.integers(min_value=1, max_value=6), max_size=5),
    theirs=st.integers(min_value=1, max_value=40),
    clip=st.sampled_from([0.01, 0.1, 0.5, 3.0]),
    at_once=st.integers(min_value=1, max_value=9),
)
def test_one_person_more_moves_the_sum_by_at_most_the_clip(
    kind: Kind, model: TextClassifier, rows_of: MakeRows, others: list[int], theirs: int, clip: float, at_once: int
) -> None:
    rows, compute = rows_of([*others, theirs]), Compute(micro_batch_rows=at_once)
    without = clipped(kind, model, rows, range(len(others)), clip, compute)
    with_them = clipped(kind, model, rows, range(len(others) + 1), clip, compute)
    assert norm(difference(with_them, without)) <= clip * (1 + 1e-3)


@both
def test_a_contribution_does_not_depend_on_who_else_takes_part(
    kind: Kind, model: TextClassifier, rows_of: MakeRows
) -> None:
    """What Hugging Face's own `labels=` loss breaks: it averages over the batch before anybody is clipped."""
    rows = rows_of(COUNTS)
    alone = [clipped(kind, model, rows, [person], clip=10.0) for person in range(rows.persons)]
    added = {name: torch.stack([gradient[name] for gradient in alone]).sum(dim=0) for name in alone[0]}
    assert norm(difference(clipped(kind, model, rows, range(rows.persons), clip=10.0), added)) < 1e-5


def test_averaging_over_the_batch_first_would_nearly_double_what_one_person_can_move() -> None:
    gradients, clip = torch.tensor([[9.0]] * 9 + [[-9.0]]), 1.0

    def moved(*scales: float) -> float:
        sums = [clip_and_sum({"a": gradients[:n] * s}, clip)["a"] for n, s in zip((9, 10), scales, strict=True)]
        return float((sums[0] - sums[1]).abs())

    assert moved(1 / 9, 1 / 10) == pytest.approx(1.8 * clip)
    assert moved(1.0, 1.0) == pytest.approx(clip)


@both
def test_a_person_with_many_rows_counts_as_one(kind: Kind, model: TextClassifier, rows_of: MakeRows) -> None:
    rows = rows_of((200,))
    assert norm(clipped(kind, model, rows, [0], clip=0.05)) <= 0.05 * (1 + 1e-3)


@both
def test_nobody_gives_zeros(kind: Kind, model: TextClassifier, rows_of: MakeRows) -> None:
    nothing = clipped(kind, model, rows_of(COUNTS), [])
    assert nothing.keys() == model.trainable().keys()
    assert norm(nothing) == 0.0


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf"), 1e30])
def test_a_person_whose_gradient_is_not_finite_contributes_zero(poison: float) -> None:
    honest = {"a": torch.tensor([[3.0, 0.0]]), "b": torch.tensor([[4.0]])}
    mixed = {"a": torch.tensor([[3.0, 0.0], [poison, 1.0]]), "b": torch.tensor([[4.0], [1.0]])}
    alone, together = clip_and_sum(honest, 1.0), clip_and_sum(mixed, 1.0)
    assert norm(difference(together, alone)) == 0.0
    assert norm(alone) == pytest.approx(1.0)


def test_only_the_adapter_and_the_head_learn(model: TextClassifier) -> None:
    assert all("lora_" in name or name.startswith("head.") for name in model.trainable())
    assert sum("lora_" in name for name in model.trainable()) == 2 * 2 * 2  # query and value, A and B, two layers


@both
def test_a_trainable_parameter_without_row_gradients_is_refused_by_name(
    kind: Kind, model: TextClassifier, rows_of: MakeRows
) -> None:
    class Prompt(nn.Module):
        """Like prompt tuning: one learnt vector for the whole batch, so the batch looks like one row."""

        def __init__(self, width: int) -> None:
            super().__init__()
            self.lookup = nn.Linear(1, width, bias=False)

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return states + self.lookup(torch.ones((1, 1)))

    prompt = Prompt(16)
    model.encoder.get_submodule("embeddings").LayerNorm.register_forward_hook(lambda _m, _i, out: prompt(out))
    model.add_module("prompt", prompt)
    clipper = kind(model, rows_of(COUNTS), 0.1, Compute())
    with pytest.raises(Refused, match=r"'prompt\.lookup\.weight' gets no gradient for each row"):
        clipper.require_covered()
    clipper.close()


def test_a_trainable_layer_that_is_not_linear_is_refused_by_name(model: TextClassifier, rows_of: MakeRows) -> None:
    embeddings = model.encoder.get_submodule("embeddings.word_embeddings")
    embeddings.requires_grad_(True)
    with pytest.raises(Refused, match=r"'encoder\.embeddings\.word_embeddings\.weight'"):
        PersonClipper(model, rows_of(COUNTS), 0.1, Compute())


def test_a_covered_model_is_accepted_and_left_as_it_was(model: TextClassifier, rows_of: MakeRows) -> None:
    clipper = PersonClipper(model, rows_of(COUNTS), 0.1, Compute())
    clipper.require_covered()
    clipper.close()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(hasattr(parameter, "grad_sample") for parameter in model.parameters())
    assert not any(module.training for module in model.modules())
