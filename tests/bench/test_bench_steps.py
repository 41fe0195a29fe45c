"""Training: what privacy costs an update."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.bench.conftest import Rows as BenchRows, interleaved
from tests.conftest import POLICIES
from tests.steps.train.conftest import base, plan
from torch.nn.functional import cross_entropy

from tunewarden.domain.names import PolicyName
from tunewarden.domain.training import Plan, Recipe
from tunewarden.drivers.policies import FilePolicies
from tunewarden.entry.cli.notes import generate
from tunewarden.steps.train.base_model import BaseSource, locate
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextClassifier, build
from tunewarden.steps.train.person_clip import PersonClipper
from tunewarden.steps.train.release import Release, noise_of
from tunewarden.steps.train.rows import Rows
from tunewarden.steps.train.texts import pad, tokenize

__all__ = ["base", "plan"]

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore:Full backward hook is firing")]
_PERSONS, _ROWS_EACH = 16, 2


def starter() -> tuple[Path, FilePolicies]:
    policies = FilePolicies(POLICIES)
    source, revision = policies.base_source(PolicyName("all-minilm-l6-v2"))
    return locate(BaseSource(source=source, revision=revision), allow_hub=False), policies


def some_rows() -> tuple[TextClassifier, Rows]:
    """MiniLM with a fresh adapter, and persons with two notes each, cut to 64 tokens."""
    directory, policies = starter()
    digest = policies.base_model(PolicyName("all-minilm-l6-v2")).digest
    model, tokenizer = build(directory, digest, Recipe(), 2)
    texts = [note.text for note in generate(_PERSONS * _ROWS_EACH, seed=1)][: _PERSONS * _ROWS_EACH]
    rows = Rows(
        tokens=tokenize(tokenizer, texts, Recipe()),
        labels=np.arange(len(texts), dtype=np.int64) % 2,
        starts=np.arange(0, len(texts) + 1, _ROWS_EACH, dtype=np.int64),
    )
    return model, rows


def test_what_person_level_privacy_costs_an_update(rows: BenchRows, plan: Plan) -> None:
    private, data = some_rows()
    numbers = sum(parameter.numel() for parameter in private.trainable().values())
    plain, _ = some_rows()
    everything = np.arange(len(data.labels))
    for size in (8, 32):

        def in_parts(size: int = size) -> None:
            plain.zero_grad(set_to_none=True)
            for begin in range(0, len(everything), size):
                part = everything[begin : begin + size]
                losses = cross_entropy(plain(*pad(data.tokens, part)), torch.from_numpy(data.labels[part]))
                torch.autograd.backward(losses * len(part) / len(everything))

        with (
            closing(PersonClipper(private, data, 0.5, Compute(micro_batch_rows=size))) as clipper,
            Release(plan, noise_of(plan, numbers)) as release,
        ):

            def an_update_with_privacy(clipper: PersonClipper = clipper, release: Release = release) -> None:
                release(clipper.clipped_sum([data.of(person) for person in range(data.persons)]))

            ratios = interleaved(an_update_with_privacy, in_parts, 7)
        rows.add(
            f"person-level private update, micro-batches of {size} rows",
            ratios,
            unit="ratio of time",
            goal=1.25,
            bound="at_most",
            baseline="the same LoRA update without clipping and noise",
        )
