"""The fast way to clip persons: equal to brute force and to Opacus, and closed to what it cannot do."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.steps.train.language import completer, rows_of
from tests.steps.train.precisions import NEEDS_BFLOAT16
from torch import nn
from torch.nn.functional import cross_entropy

from tunewarden.domain.errors import Refused
from tunewarden.domain.training import Precision
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextClassifier, TextCompleter, TextModel
from tunewarden.steps.train.objective import RowLosses, padded_to, row_losses
from tunewarden.steps.train.person_clip import Gradients, PersonClipper
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.single_pass import SinglePassClipper, require_precision

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")
COUNTS = (1, 3, 2, 9, 1, 4)
CLIP = 0.3
CUTS = [
    Compute(),
    Compute(micro_batch_rows=1),
    Compute(micro_batch_rows=3, persons_at_once=2),
    Compute(micro_batch_rows=64, persons_at_once=1),
    Compute(micro_batch_rows=5, gradient_checkpointing=True),
]


def summed(
    model: TextModel,
    rows: Rows,
    compute: Compute | None = None,
    persons: Sequence[int] | None = None,
    losses: RowLosses = row_losses,
    clip: float = CLIP,
) -> Gradients:
    clipper = SinglePassClipper(model, rows, clip, compute or Compute(), losses)
    try:
        return clipper.clipped_sum([rows.of(person) for person in persons or range(rows.persons)])
    finally:
        clipper.close()


def flat(gradients: Gradients) -> torch.Tensor:
    return torch.cat([gradients[name].flatten() for name in sorted(gradients)]).double()


def apart(one: Gradients, other: Gradients) -> float:
    """How far, relative to `other`."""
    assert one.keys() == other.keys()
    return float((flat(one) - flat(other)).norm() / flat(other).norm())


def brute_force(model: TextModel, rows: Rows) -> tuple[float, Gradients]:
    """A clip that shortens some persons and not others, and the sum with that clip, as the definition has it.

    One row at a time, alone in its batch and without padding; one autograd for each person; clip; add.
    """
    model.eval()
    of_persons: list[Gradients] = []
    for person in range(rows.persons):
        loss = torch.stack([loss_alone(model, rows, int(row)) for row in rows.of(person)]).mean()
        gradients = torch.autograd.grad(loss, list(model.trainable().values()))
        of_persons.append(dict(zip(model.trainable(), gradients, strict=True)))
    norms = [float(flat(gradients).norm()) for gradients in of_persons]
    clip = 0.9 * sorted(norms)[len(norms) // 2]
    factors = [min(1.0, clip / norm) for norm in norms]
    return clip, {
        name: sum(factor * theirs[name].double() for factor, theirs in zip(factors, of_persons, strict=True))
        for name in model.trainable()
    }


def require_equal(model: TextModel, rows: Rows, compute: Compute | None = None, losses: RowLosses = row_losses) -> None:
    clip, expected = brute_force(model, rows)
    assert apart(summed(model, rows, compute, losses=losses, clip=clip), expected) < 1e-6


def loss_alone(model: TextModel, rows: Rows, row: int) -> torch.Tensor:
    ids = torch.from_numpy(rows.tokens.ids[rows.tokens.starts[row] : rows.tokens.starts[row + 1]]).long()[None]
    logits = model(ids, torch.ones_like(ids))[0]
    if rows.completions is None:
        return cross_entropy(logits[None], torch.from_numpy(rows.labels[[row]]))
    first = int(rows.completions[row])
    return cross_entropy(logits[first - 1 : -1], ids[0, first:])


@pytest.fixture
def language_model() -> TextCompleter:
    return completer()


@pytest.mark.parametrize("compute", CUTS, ids=str)
def test_completions_equal_brute_force_however_rows_are_cut_and_recomputed(
    language_model: TextCompleter, compute: Compute
) -> None:
    require_equal(language_model, rows_of(COUNTS), compute)


@pytest.mark.parametrize("compute", CUTS, ids=str)
def test_classes_equal_brute_force_however_rows_are_cut_and_recomputed(
    model: TextClassifier, rows_of: Callable[[Sequence[int]], Rows], compute: Compute
) -> None:
    require_equal(model, rows_of(COUNTS), compute)


@pytest.mark.parametrize("counts", [COUNTS, (1,) * 7, (40,)], ids=str)
def test_the_fast_way_equals_opacus(language_model: TextCompleter, counts: tuple[int, ...]) -> None:
    rows = rows_of(counts)
    checker = PersonClipper(language_model, rows, CLIP, Compute(micro_batch_rows=4))
    expected = checker.clipped_sum([rows.of(person) for person in range(rows.persons)])
    checker.close()
    assert apart(summed(language_model, rows, Compute(micro_batch_rows=4)), expected) < 1e-6


@pytest.mark.parametrize("compute", CUTS, ids=str)
def test_persons_with_one_row_each_equal_brute_force(language_model: TextCompleter, compute: Compute) -> None:
    require_equal(language_model, rows_of((1,) * 9), compute)


@pytest.mark.parametrize("reentrant", [True, False])
def test_the_librarys_own_recomputing_is_right_too(language_model: TextCompleter, reentrant: bool) -> None:
    body = language_model.language_model
    body.enable_input_require_grads()
    body.gradient_checkpointing_enable({"use_reentrant": reentrant})

    def in_training_mode(model: TextModel, rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
        model.train()  # without which the library recomputes nothing; there is no dropout here
        return row_losses(model, rows, batch)

    require_equal(language_model, rows_of(COUNTS), Compute(micro_batch_rows=4), in_training_mode)


def test_recomputing_is_really_done(language_model: TextCompleter) -> None:
    calls = []
    language_model.language_model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    summed(language_model, rows_of((1,)))
    assert len(calls) == 1
    summed(language_model, rows_of((1,)), Compute(gradient_checkpointing=True))
    assert len(calls) == 1 + 2


def test_padding_on_the_left_changes_nothing(language_model: TextCompleter) -> None:
    def left_padded(model: TextModel, rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
        lengths = rows.tokens.lengths()[batch]
        width = int(lengths.max()) + 3
        ids = torch.full((len(batch), width), 5)
        for place, (row, length) in enumerate(zip(batch, lengths, strict=True)):
            ids[place, width - length :] = torch.from_numpy(rows.tokens.ids[rows.tokens.starts[row] :][:length])
        mask = (torch.arange(width) >= width - torch.from_numpy(lengths)[:, None]).long()
        places = (mask.cumsum(dim=1) - 1).clamp(min=0)
        logits = model.adapted(input_ids=ids, attention_mask=mask, position_ids=places, use_cache=False).logits
        begins = torch.from_numpy(width - lengths + rows.completions[batch])
        counted = torch.arange(width)[1:] >= begins[:, None]
        losses = cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
        return (losses * counted).sum(dim=1) / counted.sum(dim=1)

    require_equal(language_model, rows_of(COUNTS), losses=left_padded)


def test_a_gradient_does_not_depend_on_how_long_the_texts_of_others_are(language_model: TextCompleter) -> None:
    rows = rows_of((1, 1, 1, 1), shortest=3, longest=60)
    alone = [flat(summed(language_model, rows, persons=[person])) for person in range(4)]
    together = flat(summed(language_model, rows))
    assert float((together - sum(alone)).norm()) < 1e-6 * float(together.norm())


@NEEDS_BFLOAT16
def test_in_bfloat16_one_person_moves_the_sum_by_hardly_more_than_the_clip() -> None:
    """Padding everybody to the longest text of the batch moved it by 0.4 % more than that."""
    model, clip = completer(Precision.BFLOAT16), 0.05
    rows = rows_of((1,) * 40, shortest=3, longest=60)
    lengths = rows.tokens.lengths()
    everybody = [*np.flatnonzero(lengths < 30).tolist(), int(lengths.argmax())]  # one of them far longer
    for left_out in (everybody[0], everybody[-1]):
        others = [person for person in everybody if person != left_out]
        together, without = (summed(model, rows, persons=who, clip=clip) for who in (everybody, others))
        alone = summed(model, rows, persons=[left_out], clip=clip)
        # What all others contribute stays the same.
        assert float((flat(together) - flat(without) - flat(alone)).norm()) <= 1e-4 * clip


@NEEDS_BFLOAT16
@pytest.mark.parametrize("compute", CUTS, ids=str)
def test_in_bfloat16_rows_are_computed_together_only_where_they_are_padded_alike(compute: Compute) -> None:
    rows, seen = rows_of((1, 3) * 20, shortest=3, longest=60), list[NDArray[np.int64]]()

    def losses(model: TextModel, rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
        seen.append(padded_to(rows.tokens.lengths()[batch], model.precision))
        return row_losses(model, rows, batch)

    summed(completer(Precision.BFLOAT16), rows, compute, losses=losses)
    assert sum(map(len, seen)) == len(rows.labels)
    assert all(len(set(widths)) == 1 for widths in seen)
    assert len({int(widths[0]) for widths in seen}) > 2


@NEEDS_BFLOAT16
@pytest.mark.parametrize("compute", CUTS, ids=str)
def test_bfloat16_is_near_float32_and_equals_opacus(compute: Compute) -> None:
    """Eight bits of mantissa through two layers: 2 % of the sum was measured, 5 % is allowed."""
    coarse, rows = completer(Precision.BFLOAT16), rows_of(COUNTS)
    gradients = summed(coarse, rows, compute)
    assert {gradient.dtype for gradient in gradients.values()} == {torch.float32}
    assert apart(gradients, summed(completer(), rows)) < 0.05
    checker = PersonClipper(coarse, rows, CLIP, compute)
    assert apart(gradients, checker.clipped_sum([rows.of(person) for person in range(rows.persons)])) < 0.05
    checker.close()


@NEEDS_BFLOAT16
def test_norms_are_of_float32_also_where_bfloat16_is_computed() -> None:
    rows = rows_of((1,) * 6)
    for person in range(6):
        length = float(flat(summed(completer(Precision.BFLOAT16), rows, persons=[person], clip=0.01)).norm())
        assert length == pytest.approx(0.01, rel=1e-5)


def test_a_processor_without_bfloat16_is_refused() -> None:
    require_precision(Precision.FLOAT32, bfloat16=False)
    require_precision(Precision.BFLOAT16, bfloat16=True)
    with pytest.raises(Refused, match="no bfloat16") as refused:
        require_precision(Precision.BFLOAT16, bfloat16=False)
    assert refused.value.code == "precision_unsupported"
    assert refused.value.remedy


def test_a_person_whose_gradient_is_not_finite_contributes_zero(language_model: TextCompleter) -> None:
    rows = rows_of((2, 1, 3))
    for poison in (float("nan"), float("inf"), 1e38):

        def poisoned(model: TextModel, rows: Rows, batch: NDArray[np.int64], poison: float = poison) -> torch.Tensor:
            factors = torch.ones(len(batch))
            factors[torch.from_numpy(batch == 2)] = poison  # the row of person 1
            return row_losses(model, rows, batch) * factors

        together, others = summed(language_model, rows, losses=poisoned), summed(language_model, rows, persons=[0, 2])
        assert apart(together, others) < 1e-6


def test_dropout_is_off_even_in_a_model_that_was_left_in_training_mode(
    model: TextClassifier, rows_of: Callable[[Sequence[int]], Rows]
) -> None:
    rows = rows_of(COUNTS)
    model.train()
    once = summed(model, rows, Compute(gradient_checkpointing=True))
    model.train()
    assert apart(summed(model, rows), once) < 1e-6


def test_numbers_of_before_are_not_left_over(language_model: TextCompleter) -> None:
    """One buffer serves all persons; a layer without a gradient in a batch must count as zero."""
    rows = rows_of((1,) * 8)
    clipper = SinglePassClipper(language_model, rows, CLIP, Compute(persons_at_once=3))
    persons = [rows.of(person) for person in range(8)]
    first = clipper.clipped_sum(persons)
    assert apart(clipper.clipped_sum(persons), first) == 0.0
    assert float(flat(clipper.clipped_sum([])).norm()) == 0.0
    clipper.close()


def test_a_layer_without_a_gradient_in_a_batch_counts_as_zero() -> None:
    """Not as what stands in the buffer, which is another person's."""

    class Model(TextModel):
        def __init__(self) -> None:
            super().__init__(Precision.FLOAT32)
            self.one, self.other = nn.Linear(3, 2), nn.Linear(3, 2)

    def losses(model: TextModel, _rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
        names = ["one", "other"] if batch[0] % 2 == 0 else ["one"]
        return sum(model.get_submodule(name)(torch.ones((len(batch), 3))).sum(dim=1) for name in names)

    rows, one_at_a_time = rows_of((1,) * 4, shortest=5, longest=5), Compute(micro_batch_rows=1, persons_at_once=1)
    gradients = summed(Model(), rows, one_at_a_time, losses=losses, clip=100.0)
    assert gradients["one.bias"].tolist() == [4.0, 4.0]
    assert gradients["other.bias"].tolist() == [2.0, 2.0]


def test_a_layer_that_is_used_twice_has_both_gradients() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return self.layer(torch.tanh(self.layer(states)))

    class Model(TextModel):
        def __init__(self) -> None:
            super().__init__(Precision.FLOAT32)
            torch.manual_seed(1)
            self.twice = Twice()

    def losses(model: TextModel, _rows: Rows, batch: NDArray[np.int64]) -> torch.Tensor:
        states = torch.linspace(-1, 1, 5 * 3 * 4).view(5, 3, 4)[torch.from_numpy(batch)]
        return model.get_submodule("twice")(states).square().mean(dim=(1, 2))

    model, rows = Model(), rows_of((1,) * 5)
    expected: Gradients = {name: torch.zeros_like(parameter) for name, parameter in model.trainable().items()}
    for row in range(5):
        gradients = torch.autograd.grad(losses(model, rows, np.array([row])).sum(), list(model.trainable().values()))
        length = float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
        for name, gradient in zip(expected, gradients, strict=True):
            expected[name] += gradient * min(1.0, CLIP / length)
    assert apart(summed(model, rows, losses=losses), expected) < 1e-6
    assert apart(summed(model, rows, Compute(micro_batch_rows=2), losses=losses), expected) < 1e-6
