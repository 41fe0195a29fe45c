"""Attributions are Captum's of the embedding layer, found by asking the model less often."""

from contextlib import nullcontext, suppress

import numpy as np
import pytest
import torch
from captum.attr import LayerGradientXActivation, LayerIntegratedGradients
from tests.steps.train.conftest import RECIPE, WORDS, store_encoder

from tunewarden.domain.training import Precision
from tunewarden.steps.measure.attributing import Explained, complete, gradient_x_activation, integrate, numbers, read
from tunewarden.steps.measure.weights import folded
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.model import TextClassifier, build_classifier

TEXTS = ("burn fire hand", "cut left finger smoke eye", "rocket")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextClassifier, Explained]:
    directory = store_encoder(tmp_path_factory.mktemp("encoder"), WORDS)
    torch.manual_seed(2)
    model, tokenizer = build_classifier(directory, file_digest(directory / "model.safetensors"), RECIPE, 3)
    with torch.no_grad():
        for parameter in model.trainable().values():
            parameter.normal_(std=0.5)
    embeddings = model.eval().encoder.get_input_embeddings()  # type: ignore[operator]
    return model, Explained(forward=model, embeddings=embeddings, tokenizer=tokenizer, tokens=RECIPE.max_tokens)


@pytest.mark.parametrize("steps", [4, 100])
def test_they_and_what_they_miss_are_those_of_the_layer(asked: tuple[TextClassifier, Explained], steps: int) -> None:
    """100 steps of three texts are more rows than are asked at once."""
    _, explained = asked
    given = read(explained, TEXTS)
    found = complete(given, explained.embeddings, (steps,))
    attributions, missed = LayerIntegratedGradients(given.forward, explained.embeddings).attribute(
        given.ids,
        baselines=torch.where(given.removable, given.nothing, given.ids),
        target=given.predicted,
        additional_forward_args=(given.mask,),
        n_steps=steps,
        return_convergence_delta=True,
    )
    weights = attributions.detach().sum(dim=-1)
    assert float(weights.abs().max()) > 0.01
    assert float((found.weights - weights).abs().max()) < 1e-6
    assert np.abs(found.missed - numbers(missed.detach())).max() < 1e-6
    assert not found.weights[~given.removable].any(), "nothing is put down to the marks around a text"


def test_the_quicker_way_is_that_of_the_layer_too(asked: tuple[TextClassifier, Explained]) -> None:
    _, explained = asked
    given = read(explained, TEXTS)
    found = gradient_x_activation(given, explained.embeddings)
    layer = LayerGradientXActivation(given.forward, explained.embeddings).attribute(
        given.ids, target=given.predicted, additional_forward_args=(given.mask,)
    )
    own = layer.detach().sum(dim=-1)[given.removable]
    assert float(own.abs().max()) > 0.01
    assert float((found[given.removable] - own).abs().max()) < 1e-6


def test_more_steps_are_taken_after_weights_that_miss_much_and_none_after_those_that_do_not(
    asked: tuple[TextClassifier, Explained],
) -> None:
    _, explained = asked
    given = read(explained, TEXTS)
    good = integrate(given, explained.embeddings, steps=40)
    found = complete(given, explained.embeddings, (20, 40), first=good)
    assert (found.steps, found.weights is good) == (20, True)
    found = complete(given, explained.embeddings, (20, 40), first=1.1 * good)
    assert found.steps == 40
    assert torch.equal(found.weights, good)


def test_a_folded_model_answers_and_is_explained_alike_and_has_its_own_weights_again(
    asked: tuple[TextClassifier, Explained],
) -> None:
    model, explained = asked
    given, before = read(explained, TEXTS), {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = integrate(given, explained.embeddings, steps=4)
    for end in (nullcontext(), suppress(RuntimeError)):
        with end, folded(model):
            assert not all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
            assert float((model(given.ids, given.mask).detach() - given.said).abs().max()) < 1e-5
            assert float((integrate(given, explained.embeddings, steps=4) - weights).abs().max()) < 1e-5
            if isinstance(end, suppress):
                raise RuntimeError
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
        assert torch.equal(integrate(given, explained.embeddings, steps=4), weights)


def test_a_model_that_computes_in_bfloat16_is_not_folded(
    asked: tuple[TextClassifier, Explained], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, explained = asked
    monkeypatch.setattr(model, "precision", Precision.BFLOAT16)
    given = read(explained, TEXTS)
    with folded(model), torch.inference_mode():
        assert torch.equal(model(given.ids, given.mask), given.said)


def test_the_model_answers_afterwards_as_before(asked: tuple[TextClassifier, Explained]) -> None:
    model, explained = asked
    given = read(explained, TEXTS)
    before = model(given.ids, given.mask).detach()
    integrate(given, explained.embeddings, steps=2)
    assert torch.equal(model(given.ids, given.mask).detach(), before)
