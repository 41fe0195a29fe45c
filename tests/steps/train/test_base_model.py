"""Only the pinned base model is loaded, only from where the allowlist says, never with foreign code."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from tunewarden.domain.canonical import digest_of
from tunewarden.domain.errors import Corrupted, Malformed, Refused, Unavailable
from tunewarden.domain.training import Plan
from tunewarden.steps.train.base_model import BaseSource, file_digest, load, locate

ALLOWLIST = Path(__file__).parents[3] / "policies" / "base-models.toml"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_every_base_model_of_the_allowlist_that_is_installed_has_the_digest_it_states() -> None:
    listed = tomllib.loads(ALLOWLIST.read_text("utf-8"))
    assert listed
    for entry in listed.values():
        directory = locate(BaseSource(source=entry["source"], revision=entry.get("revision")), allow_hub=False)
        assert file_digest(directory / "model.safetensors") == entry["weights"]
        assert entry["licence"]
        assert entry["because"]


def test_a_package_is_looked_up_without_running_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loud_package" / "model").mkdir(parents=True)
    (tmp_path / "loud_package" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    found = locate(BaseSource(source="package:loud_package/model"), allow_hub=False)
    assert found == tmp_path / "loud_package" / "model"
    assert "loud_package" not in sys.modules


@pytest.mark.parametrize("source", ["package:no_such_package/model", "package:../x", "directory:/no/such/place"])
def test_a_base_model_that_is_not_there_is_unavailable(source: str) -> None:
    with pytest.raises(Unavailable) as refused:
        locate(BaseSource(source=source), allow_hub=False)
    assert refused.value.code == "base_model_missing"


@pytest.mark.parametrize("source", ["", "no-kind", "https://example.org/model"])
def test_an_unknown_kind_of_source_is_malformed(source: str) -> None:
    with pytest.raises(Malformed, match="begins with"):
        locate(BaseSource(source=source), allow_hub=True)


def test_a_hub_is_refused_unless_the_settings_allow_it() -> None:
    with pytest.raises(Refused) as refused:
        locate(BaseSource(source="hub:owner/name", revision=COMMIT), allow_hub=False)
    assert refused.value.code == "hub_not_allowed"


@pytest.mark.parametrize("revision", [None, "main", COMMIT[:12]])
def test_a_hub_model_without_a_full_commit_is_refused(revision: str | None) -> None:
    with pytest.raises(Refused) as refused:
        locate(BaseSource(source="hub:owner/name", revision=revision), allow_hub=True)
    assert refused.value.code == "revision_not_pinned"


def test_a_local_directory_is_loaded_by_the_same_path(base: Path, plan: Plan) -> None:
    encoder, tokenizer = load(locate(BaseSource(source=f"directory:{base}"), allow_hub=False), plan.base_model.digest)
    assert encoder.config.hidden_size == 16
    assert tokenizer("burn")["input_ids"] == [2, 4, 3]


def test_weights_with_another_digest_are_not_loaded(base: Path, tmp_path: Path, plan: Plan) -> None:
    copy = shutil.copytree(base, tmp_path / "copy")
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(Corrupted) as refused:
        load(copy, plan.base_model.digest)
    assert refused.value.code == "base_model_digest_differs"
    with pytest.raises(Corrupted):
        load(base, digest_of("another"))


def test_pickled_weights_are_not_even_looked_at(base: Path, tmp_path: Path, plan: Plan) -> None:
    copy = shutil.copytree(base, tmp_path / "copy")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(Unavailable):
        load(copy, plan.base_model.digest)
