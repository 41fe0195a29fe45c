"""A list of promotions reads what its rows say, and each document once."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from tests.conftest import ANN, BOB, Stage, measured
from tests.usecases.test_audit_trail import pruned
from tests.usecases.test_reading_back import worked_off

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.events import about
from tunewarden.domain.names import Alias, Digest, ModelId
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.usecases import models, proposals

DETAILS = {"fairness": {"not_assessable": [{"attribute": "age", "group": "90+", "persons": None}]}}


@dataclass
class Reads:
    """Which documents were read, and how often."""

    of: Counter[Digest] = field(default_factory=Counter)


@pytest.fixture
def reads(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Reads:
    seen, read = Reads(), stage.blobs.read

    def counting(digest: Digest) -> bytes:
        seen.of[digest] += 1
        return read(digest)

    monkeypatch.setattr(stage.blobs, "read", counting)
    return seen


def made(stage: Stage) -> tuple[TrainingRequest, ModelId]:
    request = worked_off(stage)
    assert request.model is not None
    return request, request.model


def test_rows_read_their_verdicts_and_what_was_measured_and_nothing_twice(stage: Stage, reads: Reads) -> None:
    whole, whole_model = made(stage)
    step = stage.steps[StepName.MEASURE]
    step.measurements, step.details = (*step.measurements, measured("fairness.not_assessable", "3")), DETAILS
    small, small_model = made(stage)
    for model in (whole_model, small_model):
        for alias in (Alias.STAGING, Alias.PRODUCTION):
            models.propose(stage.platform, ANN, model, alias)
    rows = proposals.listed(stage.platform, BOB)
    reads.of.clear()
    told = proposals.told(stage.platform, rows)
    was_read = dict(reads.of)
    assert [one.promotion for one in told] == list(rows)
    assert [one.unassessed.count for one in told] == [0, 0, 3, 3]
    (details,) = {one.details for one in models.evidence_of(stage.platform, _model(stage, small_model))} & set(was_read)
    measured_of = {one.evidence[StepName.MEASURE] for one in (whole, small)}
    assert was_read == dict.fromkeys({one.verdict for one in rows} | measured_of | {details}, 1)
    for one in told:
        assert one.unassessed == proposals.unassessed(stage.platform, one.promotion), "in a list or alone"
        assert one.verdict == models.promotion(stage.platform, BOB, one.promotion.id)[1]


def test_no_rows_read_nothing(stage: Stage, reads: Reads) -> None:
    assert (proposals.told(stage.platform, []), reads.of) == ([], Counter())


@pytest.mark.parametrize(("broken", "code"), [(b"other bytes", "blob_corrupted"), (None, "blob_not_found")])
@pytest.mark.parametrize("which", ["verdict", "evidence"])
def test_a_broken_document_is_told_in_its_row_with_what_the_log_says_and_hides_no_other(
    stage: Stage, which: str, broken: bytes | None, code: str
) -> None:
    step = stage.steps[StepName.MEASURE]
    step.measurements, step.details = (*step.measurements, measured("fairness.not_assessable", "3")), DETAILS
    (request, model), (_, other) = made(stage), made(stage)
    for one in (model, other):
        models.propose(stage.platform, ANN, one, Alias.STAGING)
    rows = proposals.listed(stage.platform, BOB)
    before = proposals.told(stage.platform, rows)
    digest = rows[0].verdict if which == "verdict" else request.evidence[StepName.MEASURE]
    del stage.blobs.stored[digest]
    if broken is not None:
        stage.blobs.stored[digest] = broken
    found, whole = proposals.told(stage.platform, rows)
    assert (found.promotion, found.verdict, found.fault) == (rows[0], before[0].verdict, code)
    assert found.unassessed.count == (3 if which == "verdict" else 0)
    assert (whole, whole.fault) == (before[1], "")


def test_a_verdict_that_neither_its_document_nor_the_log_has_any_more_is_told_in_its_row_and_hides_no_other(
    stage: Stage,
) -> None:
    made_ones = [made(stage) for _ in range(2)]
    for _, model in made_ones:
        models.propose(stage.platform, ANN, model, Alias.STAGING)
    rows = proposals.listed(stage.platform, BOB)
    before = proposals.told(stage.platform, rows)
    del stage.blobs.stored[rows[0].verdict]
    request = made_ones[0][0].id
    pruned(stage, [entry.index for entry in stage.entries() if about(entry.event) == request])
    lost, whole = proposals.told(stage.platform, rows)
    assert (lost.promotion, lost.verdict, lost.fault) == (rows[0], None, "blob_not_found")
    assert lost.unassessed == before[0].unassessed
    assert (whole, whole.fault) == (before[1], "")


def test_no_other_verdict_of_the_log_is_told_in_the_place_of_one_that_nobody_has_any_more(stage: Stage) -> None:
    _, model = made(stage)
    promotion, _, _ = models.propose(stage.platform, ANN, model, Alias.STAGING)
    (found,) = proposals.told(stage.platform, [replace(promotion, verdict=digest_bytes(b"another"))])
    assert (found.verdict, found.fault) == (None, "blob_not_found")


def _model(stage: Stage, identifier: ModelId) -> models.ModelVersion:
    return models.get(stage.platform, ANN, identifier)
