"""The network: LoRA that was merged reads as LoRA beside it does, and nothing but the pinned weights is loaded."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from tunewarden.domain.errors import Corrupted
from tunewarden.steps.deidentify.tagger import model
from tunewarden.steps.deidentify.tagger.labels import LABELS
from tunewarden.steps.deidentify.tagger.model import LowRank, TokenLabeller, folder, shipped, trained, untrained
from tunewarden.steps.deidentify.tagger.windows import CLS, SEP, Shape

MEBIBYTE = 2**20


def read(labeller: TokenLabeller, shape: Shape = Shape.LOWER) -> Tensor:
    ids = torch.tensor([[CLS, 2182, 2003, 5754, SEP, 0], [CLS, 5754, 2001, 2464, 2182, SEP]])
    mask = (ids != 0).long()
    with torch.inference_mode():
        scores: Tensor = labeller(ids, torch.full_like(ids, shape), mask)
    return scores


def weights_of(labeller: TokenLabeller) -> bytes:
    return save({name: each.detach().clone() for name, each in labeller.named_parameters() if each.requires_grad})


@pytest.fixture
def labeller() -> TokenLabeller:
    """Trained at random: no parameter is where it began."""
    torch.manual_seed(7)
    made = untrained(folder()).eval()
    for parameter in made.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.05)
    return made


def test_what_was_trained_reads_the_same_after_it_was_stored_and_merged(labeller: TokenLabeller) -> None:
    stored = trained(folder(), weights_of(labeller))

    assert not any(isinstance(each, LowRank) for each in stored.modules())
    torch.testing.assert_close(read(stored)[0, :5], read(labeller)[0, :5], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(read(stored)[1], read(labeller)[1], atol=1e-4, rtol=1e-4)


def test_low_rank_changes_nothing_before_it_is_trained() -> None:
    linear = torch.nn.Linear(12, 8)
    given = torch.randn(3, 12)

    torch.testing.assert_close(LowRank(linear)(given), linear(given))


def test_only_what_is_shipped_is_trained(labeller: TokenLabeller) -> None:
    names = {name for name, each in labeller.named_parameters() if each.requires_grad}

    assert {name.rsplit(".", 1)[-1] for name in names if name.startswith("encoder.")} == {"up", "down"}
    assert {name for name in names if not name.startswith("encoder.")} == {"shape.weight", "head.weight", "head.bias"}


def test_how_a_word_is_written_changes_what_is_read(labeller: TokenLabeller) -> None:
    assert not torch.allclose(read(labeller, Shape.LOWER), read(labeller, Shape.TITLE))


def test_there_is_a_score_for_every_label_and_for_none(labeller: TokenLabeller) -> None:
    assert read(labeller).shape == (2, 6, 1 + len(LABELS))


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(Corrupted) as caught:
        trained(folder(), save({"head.weight": torch.zeros(1)}))

    assert caught.value.code == "recogniser_weights"


def test_an_encoder_with_one_byte_changed_is_refused(tmp_path: Path) -> None:
    content = bytearray((folder() / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    (tmp_path / "config.json").write_bytes((folder() / "config.json").read_bytes())

    with pytest.raises(Corrupted) as caught:
        untrained(tmp_path)

    assert caught.value.code == "recogniser_changed"
    assert caught.value.who == "administrator"


def test_the_shipped_weights_are_the_pinned_ones_and_small() -> None:
    content = shipped()

    assert MEBIBYTE < len(content) < 4 * MEBIBYTE
    trained(folder(), content)


def test_shipped_weights_that_were_exchanged_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = shipped()
    (tmp_path / "other").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(model, "WEIGHTS", tmp_path / "other")

    with pytest.raises(Corrupted):
        shipped()


def test_the_encoder_is_the_one_that_the_policy_of_base_models_pins() -> None:
    policy = (Path(__file__).parents[4] / "policies" / "base-models.toml").read_text(encoding="utf-8")

    assert model.ENCODER in policy
