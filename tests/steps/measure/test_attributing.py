"""Attributions are Captum's of the embedding layer, found by asking the model less often."""

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients
from tests.steps.train.conftest import RECIPE, WORDS, store_encoder

from tunewarden.steps.measure.attributing import Explained, integrate, numbers, read
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
    found = integrate(given, explained.embeddings, steps=steps)
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


def test_the_model_answers_afterwards_as_before(asked: tuple[TextClassifier, Explained]) -> None:
    model, explained = asked
    given = read(explained, TEXTS)
    before = model(given.ids, given.mask).detach()
    integrate(given, explained.embeddings, steps=2)
    assert torch.equal(model(given.ids, given.mask).detach(), before)
