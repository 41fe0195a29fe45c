"""The learning curve: paired with the model on the same held-out persons, from models that leave nothing behind."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given as drawn, strategies as st
from tests.conftest import linear_accountant
from tests.steps.measure.injuries import LABELS, NOTHING, SMALL, Records, attempt, locate, plan
from tests.steps.measure.tales import Tales, plan_for

from tunewarden.domain.canonical import decode, encode, from_plain, to_plain
from tunewarden.domain.curve import LearningCurve as Declared
from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import Corrupted, PlanMismatch
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import Plan, StepName
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.classes import Classes
from tunewarden.steps.measure.completions import Completions
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.figures import noise_of
from tunewarden.steps.measure.intervals import Floats, Integers
from tunewarden.steps.measure.learning_curve import GONE, LearningCurve, gain
from tunewarden.steps.measure.parts_asked import AskedPart, ask_parts, learning_curve
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.measure.tables import WHOLE
from tunewarden.steps.records import held_out
from tunewarden.steps.train import checkpoint
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.checkpoint import Standing
from tunewarden.steps.train.model import TextCompleter, build, build_classifier, load_adapter
from tunewarden.steps.train.parts import parts_of
from tunewarden.steps.train.places import WEIGHTS
from tunewarden.usecases.ports import Attempt, Receipt, StepResult

QUARTER, HALF = Decimal("0.25"), Decimal("0.5")
REQUEST = RequestId("req-1")
CURVED = replace(plan(), curve=Declared(shares=(QUARTER, HALF), epsilon=Decimal(20)))
NOISE = Mechanism(
    unit=PrivacyUnit.PERSON,
    relation=Relation.ADD_OR_REMOVE_ONE,
    sampling_rate=Decimal(1),
    noise_multiplier=Decimal("1.2"),
    updates=4,
)
AdapterOf = Callable[[Plan], bytes]


@dataclass
class Case:
    """An attempt at measuring a model with a curve, and the scratch folder that its training left."""

    blobs: MemoryBlobs
    given: Attempt
    scratch: Path

    def measure(self) -> StepResult:
        step = MeasureStep(self.blobs, locate, linear_accountant, extent=SMALL, explained_texts=2, scratch=self.scratch)
        return step(self.given)


@pytest.fixture(scope="module")
def case(adapter_of: AdapterOf, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Half of the persons made the same model as all of them; a quarter made one that is always wrong."""
    blobs, scratch, adapter = MemoryBlobs(), tmp_path_factory.mktemp("scratch"), adapter_of(CURVED)
    given = attempt(blobs, Records.of(250).manifest(blobs), adapter, CURVED)
    model, _ = build_classifier(locate(plan().base_model.name), CURVED.base_model.digest, CURVED.recipe, len(LABELS))
    load_adapter(model, adapter, CURVED)
    weights = model.trainable()
    optimizer = torch.optim.AdamW(weights.values(), lr=0.0)
    for parameter in weights.values():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    stated = []
    for part, sign, persons in zip(parts_of(CURVED), (-1, 1), (50, 100), strict=True):
        path = part.place(scratch, REQUEST) / WEIGHTS
        path.parent.mkdir(parents=True)
        with torch.no_grad():
            model.head.weight.mul_(sign)
            model.head.bias.mul_(sign)
        standing = Standing(update=1, checked=1, paid=Receipt(index=1, leaf_hash="0" * 64))
        checkpoint.save(path, part.belonging(REQUEST), standing, weights, optimizer)
        with torch.no_grad():
            model.head.weight.mul_(sign)
            model.head.bias.mul_(sign)
        stated.append({"persons": persons, "share": str(part.share), "weights": file_digest(path)})
    evidence = Evidence(
        about=given.outputs[StepName.TRAIN],
        produced_by=NOTHING,
        measurements=(),
        details=blobs.put_bytes(encode({"curve": stated, "persons": 200})),
    )
    given = replace(given, evidence={StepName.TRAIN: blobs.put_bytes(encode(to_plain(evidence)))})
    return Case(blobs=blobs, given=given, scratch=scratch)


@pytest.fixture(scope="module")
def measured(case: Case) -> tuple[StepResult, Details]:
    result = case.measure()
    return result, from_plain(Details, decode(case.blobs.read(result.details)))


def test_the_gain_of_the_last_half_is_paired_with_the_model_and_stated_as_a_metric(
    measured: tuple[StepResult, Details],
) -> None:
    result, details = measured
    curve = details.curve
    assert curve is not None
    assert [(point.share, point.trained_on) for point in curve.points] == [(QUARTER, 50), (HALF, 100), (1, 200)]
    quarter, half, whole = curve.points
    assert quarter.right.high < Decimal("0.2")
    assert quarter.gain.low > Decimal("0.8")
    assert half.gain.value == 0
    assert half.gain.low < 0 < half.gain.high, "that nothing was seen is no proof that there is nothing"
    assert half.loss_gain.value == 0
    assert whole.right == half.right
    assert (whole.gain, whole.loss_gain) == (None, None)
    told = {one.metric: one for one in result.measurements}
    assert told["learning_curve.gain_of_last_half"].high == half.gain.high
    assert told["learning_curve.gain_of_last_half"].n == curve.persons == details.utility.persons


def test_the_model_itself_is_measured_as_if_there_were_no_parts(measured: tuple[StepResult, Details]) -> None:
    assert measured[1].utility.accuracy.low > Decimal("0.8"), "the model was asked with its own weights"


@pytest.fixture(scope="module")
def asked() -> Classes:
    """A model of classes to be asked; what it says is made up in the tests."""
    model, tokenizer = build_classifier(
        locate(plan().base_model.name), CURVED.base_model.digest, CURVED.recipe, len(LABELS)
    )
    return Classes(model, tokenizer, CURVED.recipe, 2, SMALL)


def test_a_model_that_was_changed_or_is_gone_is_not_asked(case: Case, asked: Classes, tmp_path: Path) -> None:
    evidence = from_plain(Evidence, decode(case.blobs.read(case.given.evidence[StepName.TRAIN])))
    stated = decode(case.blobs.read(evidence.details))
    rows = Rows(texts=["cut"], labels=[1], persons=["a"])
    for scratch in (None, tmp_path):
        gone = ask_parts(scratch, case.given, stated["curve"], asked, rows, None)
        curve = learning_curve(asked, rows, gone, np.zeros((1, 2)), 200, None)
        assert curve == LearningCurve(persons=0, points=(), unasked=GONE)
        assert curve.measurements() == ()
    half = parts_of(CURVED)[1].place(case.scratch, REQUEST) / WEIGHTS
    kept = half.read_bytes()
    half.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(Corrupted) as refused:
        ask_parts(case.scratch, case.given, stated["curve"], asked, rows, None)
    half.write_bytes(kept)
    assert refused.value.code == "curve_weights_changed"
    with pytest.raises(Corrupted) as untold:
        ask_parts(case.scratch, case.given, [], asked, rows, None)
    assert untold.value.code == "curve_not_stated"


def test_a_plan_without_a_curve_has_none(asked: Classes, case: Case) -> None:
    rows = Rows(texts=["cut"], labels=[1], persons=["a"])
    parts = ask_parts(None, replace(case.given, plan=plan()), None, asked, rows, None)
    assert learning_curve(asked, rows, parts, np.zeros((1, 2)), 200, None) is None


def test_noisy_figures_are_only_made_where_each_part_is_accounted_for(case: Case) -> None:
    """A table over everybody, one by class, and one for each of the two parts."""
    private = replace(case.given, held_out=HeldOut.PRIVATE)
    assert noise_of(replace(private, plan=replace(CURVED, metrics=NOISE))) == NOISE
    for of, updates in ((CURVED, 2), (CURVED, 3), (plan(), 4)):
        with pytest.raises(PlanMismatch) as refused:
            noise_of(replace(private, plan=replace(of, metrics=NOISE.times(updates))))
        assert refused.value.code == "metrics_of_another_plan"


def answers(labels: Integers, right: Integers) -> Floats:
    """Logits of a model that is right about the rows for which `right` is 1."""
    given = np.where(right == 1, labels, 1 - labels)
    return np.where(np.arange(2) == given[:, None], 4.0, -4.0)


def held(persons: int) -> Rows:
    return Rows(
        texts=["cut"] * persons, labels=[n % 2 for n in range(persons)], persons=[f"{n:05}" for n in range(persons)]
    )


def test_noisy_figures_say_the_gain_from_one_table_for_each_part(asked: Classes) -> None:
    """Of 4,000 persons, whose every share is off by less than 0.05 in all but one of 1e9 draws (8 deviations)."""
    rows = held(4000)
    labels, place = rows.label_array(), np.arange(4000)
    whole = answers(labels, (place % 10 < 8).astype(np.int64))
    parts = [
        AskedPart(share=share, trained_on=trained_on, said=answers(labels, (place % 10 < right).astype(np.int64)))
        for share, trained_on, right in ((QUARTER, 100, 5), (HALF, 200, 7))
    ]
    curve = learning_curve(asked, rows, parts, whole, 400, NOISE)
    assert curve is not None
    shown = [float(point.right.value) for point in curve.points]
    assert shown == pytest.approx([0.5, 0.7, 0.8], abs=0.05)
    gains = [float(point.gain.value) for point in curve.points[:2]]
    assert gains == pytest.approx([0.3, 0.1], abs=0.05)
    assert all(point.loss_gain is None for point in curve.points), "losses have no bound that one person keeps"
    assert abs(curve.persons - 4000) < 40
    assert learning_curve(asked, rows, parts, whole, 400, NOISE) != curve, "fresh noise"


def test_one_person_moves_a_released_table_by_no_more_than_one_person(asked: Classes) -> None:
    rows = held(60)
    labels = rows.label_array()
    whole, part = answers(labels, np.ones(60, dtype=np.int64)), answers(labels, np.arange(60) % 2)
    with_all = asked.overall(rows, part, whole).parts
    fewer = rows.only(np.arange(60) != 7)
    kept = np.arange(60) != 7
    without = asked.overall(fewer, part[kept], whole[kept]).parts
    assert np.sqrt(((with_all - without) ** 2).sum()) <= WHOLE


def test_nobody_held_out_is_said_with_noise_and_no_figure(asked: Classes) -> None:
    nobody = np.zeros((0, 2))
    parts = [AskedPart(share=HALF, trained_on=9, said=nobody)]
    curve = learning_curve(asked, Rows(), parts, nobody, 20, NOISE)
    assert curve is not None
    assert [(point.right, point.gain) for point in curve.points] == [(None, None), (None, None)]
    assert curve.measurements() == ()


def test_completions_have_a_curve_of_their_tokens(taught: TextCompleter, base: Path) -> None:
    """The taught model, with the untrained one in the place of the part."""
    of = plan_for(base)
    untrained, tokenizer = build(base, of.base_model.digest, of.recipe, 0)
    assert isinstance(untrained, TextCompleter)
    records = [record for record in Tales.of(250).clean if held_out(record.person)]
    rows = Rows()
    for record in records:
        rows.add(record)
    asked = Completions(taught, tokenizer, of.recipe, SMALL, ())
    after, before = asked.ask(rows), Completions(untrained, tokenizer, of.recipe, SMALL, ()).ask(rows)
    parts = [AskedPart(share=HALF, trained_on=100, said=before)]
    exact = learning_curve(asked, rows, parts, after, 200, None)
    assert exact is not None
    assert exact.points[0].gain.low > Decimal("0.3")
    assert exact.points[0].loss_gain.low > 0
    assert asked.overall(rows, before, after).parts.sum() <= WHOLE * len(set(rows.persons))


@drawn(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=30, max_size=80))
def test_a_gain_is_never_stated_more_closely_than_so_many_persons_can_show(each: list[float]) -> None:
    values = np.array(each)
    found = gain(values)
    assert found is not None
    assert found.value == values.mean()
    unseen = 1 - 0.025 ** (1 / len(each))
    assert found.low <= max(-1.0, found.value - unseen)
    assert found.high >= min(1.0, found.value + unseen)


@pytest.mark.parametrize("alike", [-1.0, 0.0, 0.5, 1.0])
def test_persons_who_are_all_alike_do_not_prove_that_everybody_is(alike: float) -> None:
    found, unseen = gain(np.full(100, alike)), 1 - 0.025**0.01
    assert found is not None
    assert (found.low, found.value, found.high) == (max(-1.0, alike - unseen), alike, min(1.0, alike + unseen))


def test_fewer_than_thirty_persons_have_no_gain() -> None:
    assert gain(np.ones(29)) is None


@pytest.mark.parametrize(("better", "worse"), [(0.0, 0.0), (0.01, 0.01), (0.3, 0.1)])
@pytest.mark.parametrize("persons", [40, 200])
def test_the_interval_holds_the_true_gain_as_often_as_it_says(better: float, worse: float, persons: int) -> None:
    """Of 60 samples; fewer than 45 of them hold it in one of 1e6 runs where 93 % do. The seed is fixed."""
    dice = np.random.default_rng(5)
    chances = [better, worse, 1 - better - worse]
    found = [gain(dice.choice([1.0, -1.0, 0.0], size=persons, p=chances)) for _ in range(60)]
    assert sum(each is not None and each.low <= better - worse <= each.high for each in found) >= 45
