"""What is listed as evidence is there to be read: of reviews too, and in an emergency as far as the lineage is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from tests.conftest import ANN, BOB, EVE, OTTO, PIA, REA, WORKER, Stage, TellingStep
from tests.usecases.reviewing import READ, Reviewing, reviewing
from tests.usecases.test_emergencies import GAIL, GIL, events, found_by_the_auditor, opened, told, trained
from tests.usecases.test_requests import refusals

from tunewarden.domain.break_glass import CONFIRM_WITHIN
from tunewarden.domain.canonical import decode, digest_of
from tunewarden.domain.emergency_events import EmergencyUsed
from tunewarden.domain.errors import NotFound
from tunewarden.domain.events import ReviewClosed
from tunewarden.domain.names import Action, Digest, ModelId, PrincipalId
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.steps import GUARDED
from tunewarden.usecases import evidence, jobs
from tunewarden.usecases.ports import Attempt, Principal, StepResult

__all__ = ["told"]

OTHER = replace(ANN, id=PrincipalId("prn-other"))


@pytest.fixture
def house(stage: Stage) -> Reviewing:
    return reviewing(stage, *READ)


def finished(house: Reviewing, who: Principal = ANN) -> TrainingRequest:
    """A request of theirs, de-identified to the same clean version as any other's, and carried out."""
    request = house.advance(house.request(who=who).id)
    if house.review().is_open:
        house.read(house.review().id)
    for _ in (StepName.TRAIN, StepName.MEASURE):
        request = jobs.advance(house.stage.platform, WORKER, house.stage.steps, GUARDED, request.id)
    return request


def said(house: Reviewing) -> Digest:
    """What the review left."""
    (closed,) = events(house.stage, ReviewClosed)
    found: Digest = closed.evidence
    return found


def test_what_a_review_left_is_for_who_may_read_a_lineage_that_it_is_a_part_of(house: Reviewing) -> None:
    request, platform = finished(house), house.stage.platform
    for who in (ANN, OTTO, PIA):
        found = evidence.document(platform, who, said(house))
        assert (found.model, found.is_evidence, digest_of(found.content)) == (request.model, True, said(house))
        assert isinstance(found.entry.event, ReviewClosed)
    for who in (EVE, BOB, REA, OTHER):
        before = len(refusals(house.stage))
        with pytest.raises(NotFound) as refused:
            evidence.document(platform, who, said(house))
        assert (refused.value.code, len(refusals(house.stage))) == ("evidence_not_found", before + 1)


def test_who_read_which_text_of_a_review_is_in_no_document_that_is_shown(house: Reviewing) -> None:
    finished(house)
    behind = decode(house.stage.blobs.read(said(house)))
    assert isinstance(behind, dict)
    with pytest.raises(NotFound):
        evidence.document(house.stage.platform, OTTO, behind["details"])  # type: ignore[arg-type]


def test_before_anything_is_made_of_what_was_read_there_is_no_evidence_about_a_model(house: Reviewing) -> None:
    house.waiting()
    house.read(house.review().id)
    with pytest.raises(NotFound):
        evidence.document(house.stage.platform, OTTO, said(house))


def test_one_review_is_about_every_model_version_made_of_what_was_read(house: Reviewing) -> None:
    mine, theirs = finished(house), finished(house, OTHER)
    assert mine.model != theirs.model
    shown = [evidence.document(house.stage.platform, who, said(house)).model for who in (ANN, OTHER, OTTO)]
    assert shown == [mine.model, theirs.model, mine.model]


@dataclass(kw_only=True)
class Pointing(TellingStep):
    """Leaves a digest of something else in the place of that of its tables."""

    to: Digest

    def __call__(self, attempt: Attempt) -> StepResult:
        return replace(super().__call__(attempt), details=self.to)


def test_a_step_that_left_the_same_bytes_in_another_place_made_nothing_of_what_was_read(house: Reviewing) -> None:
    clean = finished(house).outputs[StepName.DEIDENTIFY]
    read, platform, before = said(house), house.stage.platform, house.stage.steps[StepName.MEASURE]
    house.stage.steps[StepName.MEASURE] = Pointing(before.name, before.blobs, before.measurements, to=clean)
    house.cleaning.made = "elsewhere"
    theirs = finished(house, OTHER)
    assert evidence.document(platform, OTHER, clean).model == theirs.model, "as tables of theirs it is shown to them"
    with pytest.raises(NotFound):
        evidence.document(platform, OTHER, read)


def left(stage: Stage, model: ModelId) -> Sequence[Digest]:
    """What every step left behind of a model version."""
    with stage.platform.view() as view:
        return list(view.requests.get(view.models.get(model).request).evidence.values())


def test_an_emergency_opens_each_document_with_the_lineage_and_the_log_says_so(told: Stage) -> None:
    model = trained(told)
    documents = left(told, model)
    with pytest.raises(NotFound):
        evidence.document(told.platform, GAIL, documents[0])
    emergency = opened(told)
    for digest in documents:
        assert evidence.document(told.platform, GAIL, digest).digest == digest
        with pytest.raises(NotFound):
            evidence.document(told.platform, GIL, digest)
    assert events(told, EmergencyUsed) == [
        EmergencyUsed(emergency=emergency.id, action=Action.READ_LINEAGE, model=model)
    ] * len(documents)
    told.clock.advance(CONFIRM_WITHIN)
    with pytest.raises(NotFound) as over:
        evidence.document(told.platform, GAIL, documents[0])
    assert over.value.code == "evidence_not_found"
    assert found_by_the_auditor(told) == []


def test_an_emergency_that_ends_while_a_document_is_read_shows_nothing_of_it(
    told: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, read = left(told, trained(told))[0], told.blobs.read
    opened(told)

    def slowly(asked: Digest) -> bytes:
        told.clock.advance(CONFIRM_WITHIN)
        return read(asked)

    monkeypatch.setattr(told.blobs, "read", slowly)
    with pytest.raises(NotFound):
        evidence.document(told.platform, GAIL, digest)
    assert events(told, EmergencyUsed) == []


def test_of_two_model_versions_it_is_shown_by_a_role_before_it_takes_an_emergency(told: Stage) -> None:
    house = reviewing(told, *READ)
    theirs, mine = finished(house, OTHER), finished(house)
    opened(told)
    both = replace(GAIL, id=ANN.id, roles=GAIL.roles | ANN.roles)
    opened(told, both)
    assert evidence.document(told.platform, both, said(house)).model == mine.model
    assert events(told, EmergencyUsed) == []
    assert evidence.document(told.platform, GAIL, said(house)).model == theirs.model
    assert len(events(told, EmergencyUsed)) == 1
