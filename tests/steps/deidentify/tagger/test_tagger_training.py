"""Training: the loss knows what a corpus leaves open, and a few updates already learn."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger import training
from tunewarden.steps.deidentify.tagger.corpora import CORPORA, Part
from tunewarden.steps.deidentify.tagger.examples import Batch, Source
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText
from tunewarden.steps.deidentify.tagger.inference import Tagger
from tunewarden.steps.deidentify.tagger.labels import LABELS
from tunewarden.steps.deidentify.tagger.training import Course, Progress, corpora, kept, loss_of, sources, train

COUNT = 1 + len(LABELS)


def batch(allowed: Sequence[Sequence[int]], mask: Sequence[int]) -> Batch:
    rows = torch.zeros(1, len(mask), COUNT, dtype=torch.bool)
    for place, labels in enumerate(allowed):
        rows[0, place, list(labels)] = True
    ids = torch.zeros(1, len(mask), dtype=torch.long)
    return Batch(ids=ids, shapes=ids, mask=torch.tensor([mask]), allowed=rows)


def test_the_loss_is_that_of_all_allowed_labels_together() -> None:
    scores = torch.zeros(1, 2, COUNT)

    one = loss_of(scores, batch([[0], [3]], [1, 1]))
    several = loss_of(scores, batch([[0, 1], [2, 3]], [1, 1]))
    every = loss_of(scores, batch([range(COUNT), range(COUNT)], [1, 1]))

    assert one.item() == pytest.approx(torch.log(torch.tensor(float(COUNT))).item())
    assert several.item() == pytest.approx(torch.log(torch.tensor(COUNT / 2)).item())
    assert every.item() == pytest.approx(0)


def test_padding_does_not_count() -> None:
    scores = torch.zeros(1, 2, COUNT)
    scores[0, 1, 0] = 50

    assert loss_of(scores, batch([[1], [1]], [1, 0])) == loss_of(scores[:, :1], batch([[1]], [1]))


def test_the_development_texts_are_few_and_never_trained_on() -> None:
    texts = [GoldText(text=f"text {number}", spans=()) for number in range(1200)]

    development = {gold.text for gold in kept(texts, development=True)}

    assert 60 < len(development) < 140
    assert {gold.text for gold in kept(texts)} == {gold.text for gold in texts} - development


def test_updates_lower_the_loss_and_what_is_written_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Ann Lee has a cough."
    gold = GoldText(text=text, spans=(GoldSpan(start=0, end=7, entity=EntityType.NAME),))
    monkeypatch.setattr(training, "corpora", lambda _: [Source(name="note", texts=[gold], share=1)])
    monkeypatch.setattr(training, "_MADE_UP_SHARE", 0)
    reports: list[Progress] = []

    train(tmp_path, tmp_path / "out" / "weights", Course(updates=50, rows=4), reports.append)

    assert [each.done for each in reports] == [25, 50]
    assert reports[1].loss < reports[0].loss
    (reading,) = Tagger(weights=tmp_path / "out" / "weights").probabilities([text])
    assert reading.probabilities.shape == (len(reading.tokens), COUNT)


def test_nothing_held_out_is_trained_on() -> None:
    root = Path(__file__).parents[5] / "shared" / "data"
    if not (root / "tab").is_dir():
        pytest.skip("the public corpora are not here")
    trained = {source.name: {gold.text for gold in source.texts} for source in corpora(root)}

    for name, read in CORPORA.items():
        held_out = {gold.text for gold in read(root, Part.HELD_OUT)}
        assert trained[name]
        assert not held_out & trained[name]


def test_the_made_up_texts_are_others_in_every_part_and_the_same_for_the_same_seed() -> None:
    first, second, again, other = (
        sources((), seed, number)[0].texts for seed, number in ((1, 0), (1, 1), (1, 0), (2, 0))
    )

    assert first == again
    assert {gold.text for gold in first} != {gold.text for gold in second}
    assert {gold.text for gold in first} != {gold.text for gold in other}
