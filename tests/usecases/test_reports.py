"""Reports as of a time, of two models, and the other way from data to models; and what they never tell."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from tests.conftest import ANN, BOB, DANA, EVE, NOW, OTTO, WORKER, Stage, registration

from tunewarden.domain.canonical import encode
from tunewarden.domain.datasets import Columns, Dataset, Purpose
from tunewarden.domain.descent import Use
from tunewarden.domain.errors import Corrupted, Malformed, NotFound, Refused, Unavailable
from tunewarden.domain.events import ActionRefused, AliasMoved, ModelRegistered, PersonTraced
from tunewarden.domain.names import Action, Alias, DatasetId, Digest, ModelId, PolicyName, PrincipalId, Role
from tunewarden.domain.training import State, TrainingRequest
from tunewarden.steps import GUARDED
from tunewarden.usecases import datasets, files, jobs, models, reports, requests, tracing
from tunewarden.usecases.ports import Blobs, Ingested, Principal

PIA = Principal(id=PrincipalId("prn-pia"), roles=frozenset({Role.PRIVACY_OFFICER}))
CANARY = 'Zäzilie "Canary" <b>\\0815'


@pytest.fixture
def people(stage: Stage) -> Stage:
    """A stage whose uploads hold one person a line."""

    def ingest(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
        assert filename
        assert columns.text
        persons = blobs.read(digest).decode().splitlines()
        lines = [encode({"label": 0, "person": each, "protected": {}, "text": "note"}) + b"\n" for each in persons]
        records = blobs.put_bytes(b"".join(lines))
        return Ingested(records=records, rows=len(lines), persons=len(set(persons)), labels=("no", "yes"))

    stage.platform = replace(stage.platform, ingest=ingest)
    return stage


def dataset(stage: Stage, *uploads: list[str]) -> Dataset:
    """A dataset with a version for each upload; the persons that a test names, and a hundred more."""
    made, _ = datasets.register(stage.platform, DANA, registration())
    for number, persons in enumerate(uploads):
        content = "\n".join([*persons, *(f"other-{number}-{each}" for each in range(100))]).encode()
        stored, _ = files.upload(stage.platform, DANA, filename="n.csv", purpose="fine-tune", content=BytesIO(content))
        made, _ = datasets.add_version(stage.platform, DANA, made.id, stored.id)
    return made


def asked(stage: Stage, training_file: str, epsilon: str = "4") -> TrainingRequest:
    ask = requests.Ask(
        training_file=training_file, base_model=PolicyName("tiny"), purpose=Purpose.RESEARCH, epsilon=Decimal(epsilon)
    )
    return requests.submit(stage.platform, ANN, ask)[0]


def trained(stage: Stage, training_file: str, epsilon: str = "4", steps: int = 3) -> TrainingRequest:
    request = asked(stage, training_file, epsilon)
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    for _ in range(steps):
        stage.clock.advance(timedelta(minutes=1))
        request = jobs.advance(stage.platform, WORKER, stage.steps, GUARDED, request.id)
    return request


def model_of(request: TrainingRequest) -> ModelId:
    assert request.model is not None
    return request.model


def promoted(stage: Stage, model: ModelId) -> None:
    promotion, _, _ = models.propose(stage.platform, ANN, model, Alias.PRODUCTION)
    models.approve(stage.platform, BOB, promotion.id, promotion.verdict)


def time_of(stage: Stage, kind: type) -> datetime:
    return next(entry.at for entry in stage.entries() if isinstance(entry.event, kind))


# As of


def test_a_report_as_of_an_instant_has_the_entries_up_to_it_and_none_later(stage: Stage) -> None:
    model = model_of(trained(stage, stage.dataset().id))
    stage.clock.advance(timedelta(days=1))
    promoted(stage, model)
    stage.clock.advance(timedelta(days=1))
    moved = time_of(stage, AliasMoved)
    before = reports.lineage(stage.platform, OTTO, model, as_of=moved - timedelta(milliseconds=1))
    then = reports.lineage(stage.platform, OTTO, model, as_of=moved)
    assert (len(before.report.aliases), len(then.report.aliases)) == (0, 1)
    assert before.report.promotions == ()
    assert before.report.size == sum(entry.at < moved for entry in stage.entries())
    assert then.report == reports.lineage(stage.platform, OTTO, model).report
    assert {entry.index for entry in before.report.entries()} < set(range(before.report.size))


def test_a_model_that_did_not_exist_yet_is_not_found_and_at_its_own_instant_it_is(stage: Stage) -> None:
    model = model_of(trained(stage, stage.dataset().id))
    made = time_of(stage, ModelRegistered)
    assert reports.lineage(stage.platform, OTTO, model, as_of=made).as_of == made
    with pytest.raises(NotFound, match="did not exist at that time"):
        reports.lineage(stage.platform, OTTO, model, as_of=made - timedelta(milliseconds=1))


def test_now_is_no_future_and_a_millisecond_later_is(stage: Stage) -> None:
    model = model_of(trained(stage, stage.dataset().id))
    now = stage.clock.now
    assert reports.lineage(stage.platform, OTTO, model, as_of=now).report.model.at <= now
    with pytest.raises(Malformed, match="has passed"):
        reports.lineage(stage.platform, OTTO, model, as_of=now + timedelta(milliseconds=1))


def test_a_clock_that_was_set_back_does_not_punch_holes_into_the_past(stage: Stage) -> None:
    model = model_of(trained(stage, stage.dataset().id))
    then, size = stage.clock.now, len(stage.entries())
    stage.clock.advance(timedelta(hours=1))
    promoted(stage, model)
    stage.clock.now = NOW
    asked(stage, stage.dataset(epsilon="20").id, "1")
    assert stage.entries()[-1].at < then
    stage.clock.now = then + timedelta(days=1)
    report = reports.lineage(stage.platform, OTTO, model, as_of=then).report
    assert (report.size, report.aliases) == (size, ())


def test_a_stranger_learns_nothing_from_a_time(stage: Stage) -> None:
    model = model_of(trained(stage, stage.dataset().id))
    with pytest.raises(NotFound, match="no such model"):
        reports.lineage(stage.platform, EVE, model, as_of=NOW + timedelta(days=9))


def test_state_that_contradicts_the_log_is_not_reported(stage: Stage) -> None:
    first = trained(stage, stage.dataset().id, "1")
    second = trained(stage, stage.dataset(epsilon="20").id, "1")
    with stage.platform.work(DANA.id) as work:
        work.models.put(replace(work.models.get(model_of(first)), request=second.id))
        work.record(ActionRefused(action=Action.READ_MODEL, resource="model", code="c", rule=""))
        work.commit()
    with pytest.raises(Corrupted):
        reports.lineage(stage.platform, OTTO, model_of(first))


def test_two_models_are_compared_only_by_who_may_see_both(stage: Stage) -> None:
    one, other = (model_of(trained(stage, stage.dataset(epsilon="20").id, "1")) for _ in range(2))
    left, right = reports.compare(stage.platform, OTTO, one, other)
    assert (left.report, right.report) == tuple(
        reports.lineage(stage.platform, OTTO, model).report for model in (one, other)
    )
    for pair in ((one, other), (other, one)):
        with pytest.raises(NotFound):
            reports.compare(stage.platform, EVE, *pair)
    stranger = replace(ANN, id=PrincipalId("prn-stranger"))
    with pytest.raises(NotFound):
        reports.compare(stage.platform, stranger, one, other)


# From a dataset version


def test_a_version_leads_to_every_request_on_it_whatever_became_of_it(people: Stage) -> None:
    made = dataset(people, ["ada"])
    model = model_of(trained(people, made.id, "1"))
    promoted(people, model)
    running = trained(people, made.id, "1", steps=1)
    waiting = asked(people, made.id, "1")
    requests.reject(people.platform, BOB, waiting.id)
    with pytest.raises(Refused):
        asked(people, made.id, "1000")
    found = tracing.trace_version(people.platform, OTTO, made.id, made.latest().digest)
    states = [(one.state, one.use, one.model, one.aliases) for one in found.descent.descendants]
    assert states == [
        (State.MEASURED, Use.TRAINED_OR_MEASURED, model, (Alias.PRODUCTION,)),
        (State.DEIDENTIFIED, Use.READ, None, ()),
        (State.REJECTED, Use.NOT_READ, None, ()),
    ]
    assert found.descent.descendants[1].request == running.id
    assert [entry.event.code for entry in found.descent.refusals if isinstance(entry.event, ActionRefused)] == [
        "privacy_budget_exhausted"
    ]
    assert found.withheld == 0


def test_requests_that_one_may_not_see_are_counted_and_not_named(people: Stage) -> None:
    made = dataset(people, ["ada"])
    asked(people, made.id)
    cleo = Principal(id=PrincipalId("prn-cleo"), roles=ANN.roles)
    found = tracing.trace_version(people.platform, cleo, made.id, made.latest().digest)
    assert (found.descent.descendants, found.withheld) == ((), 1)
    assert len(tracing.trace_version(people.platform, ANN, made.id, made.latest().digest).descent.descendants) == 1


def test_a_version_of_another_dataset_is_not_found_and_a_stranger_finds_none(people: Stage) -> None:
    made, other = dataset(people, ["ada"]), dataset(people, ["bo"])
    with pytest.raises(NotFound):
        tracing.trace_version(people.platform, OTTO, made.id, other.latest().digest)
    with pytest.raises(NotFound, match="no such dataset"):
        tracing.trace_version(people.platform, EVE, made.id, made.latest().digest)


# From a person


def test_a_person_leads_to_the_versions_that_hold_them_and_the_models_made_from_those(people: Stage) -> None:
    made = dataset(people, ["ada", CANARY], ["ada"])
    first, second = (version.digest for version in made.versions)
    model = model_of(trained(people, made.id, "1"))  # on the latest version
    found = tracing.trace_person(people.platform, PIA, made.id, "ada")
    assert (found.versions, found.searched) == ((first, second), 2)
    assert [(one.model, one.version, one.use) for one in found.descent.descendants] == [
        (model, second, Use.TRAINED_OR_MEASURED)
    ]
    only_first = tracing.trace_person(people.platform, PIA, made.id, CANARY)
    assert (only_first.versions, only_first.descent.descendants) == ((first,), ())


@pytest.mark.parametrize("person", ["nobody", "ad", "adaa", "ADA", " ada", "other-0", "\ud800", "a" * 100_000])
def test_only_exactly_that_person_is_found_and_an_unknown_one_is_recorded_just_the_same(
    people: Stage, person: str
) -> None:
    made = dataset(people, ["ada"])
    found = tracing.trace_person(people.platform, PIA, made.id, person)
    assert (found.versions, found.descent.descendants, found.searched) == ((), (), 1)
    last = people.entries()[-1]
    assert (last.index, last.actor) == (found.receipt.index, PIA.id)
    assert last.event == PersonTraced(dataset=made.id, versions=0, models=0)


def test_nothing_of_the_person_is_in_the_entry_the_answer_or_an_error(people: Stage) -> None:
    made = dataset(people, [CANARY])
    found = tracing.trace_person(people.platform, PIA, made.id, CANARY)
    said = repr(found) + repr(people.entries())
    with pytest.raises(Refused) as refused:
        tracing.trace_person(people.platform, ANN, made.id, CANARY)
    with pytest.raises(NotFound) as unknown:
        tracing.trace_person(people.platform, PIA, DatasetId("ds-none"), CANARY)
    said += repr(people.entries()[-1]) + repr(refused.value) + repr(unknown.value)
    for trace in (CANARY, repr(CANARY)[1:-1], json.dumps(CANARY)[1:-1], "Canary"):
        assert trace not in said


@pytest.mark.parametrize("who", [ANN, BOB, DANA, OTTO])
def test_only_a_privacy_officer_may_look_a_person_up_and_the_refusal_is_in_the_log(people: Stage, who: Any) -> None:
    made = dataset(people, ["ada"])
    with pytest.raises(Refused):
        tracing.trace_person(people.platform, who, made.id, "ada")
    last = people.entries()[-1].event
    assert last == ActionRefused(
        action=Action.TRACE_PERSON,
        resource=made.id if len(made.id) > 32 else "dataset",
        code="access_denied",
        rule="no-rule-allows",
    )


def test_records_that_are_not_there_give_no_answer(people: Stage) -> None:
    made = dataset(people, ["ada"], ["bo"])
    before = len(people.entries())
    del people.blobs.stored[made.versions[0].digest]
    with pytest.raises(Unavailable, match="nothing can be said"):
        tracing.trace_person(people.platform, PIA, made.id, "bo")
    assert len(people.entries()) == before


def test_a_record_of_another_form_gives_no_answer(stage: Stage) -> None:
    made = stage.dataset()  # whose records are no JSON
    with pytest.raises(Corrupted):
        tracing.trace_person(stage.platform, PIA, made.id, "ada")


def test_every_record_is_read_after_the_first_hit_too(people: Stage) -> None:
    made = dataset(people, ["ada"])
    good = people.blobs.stored[made.latest().digest]
    spoiled = good.splitlines()[0] + b"\nno JSON\n"
    digest = people.blobs.put_bytes(spoiled)
    with people.platform.work(DANA.id) as work:
        found = work.datasets.get(made.id)
        work.datasets.put(replace(found, versions=(replace(found.latest(), digest=digest),)))
        work.record(ActionRefused(action=Action.READ_MODEL, resource="model", code="c", rule=""))
        work.commit()
    with pytest.raises(Corrupted):
        tracing.trace_person(people.platform, PIA, made.id, "ada")


def test_who_else_was_refused_on_a_dataset_is_shown_to_those_who_may_read_requests(people: Stage) -> None:
    made = dataset(people, ["ada"])
    meg = Principal(id=PrincipalId("prn-meg"), roles=frozenset({Role.REQUESTER}))
    asked(people, made.id)
    for who in (ANN, meg):
        ask = requests.Ask(
            training_file=made.id, base_model=PolicyName("tiny"), purpose=Purpose.MARKETING, epsilon=Decimal(1)
        )
        with pytest.raises(Refused):
            requests.submit(people.platform, who, ask)
    version = made.versions[0].digest
    seen = {
        who.id: [
            entry.actor for entry in tracing.trace_version(people.platform, who, made.id, version).descent.refusals
        ]
        for who in (ANN, meg, OTTO)
    }
    assert seen == {ANN.id: [ANN.id], meg.id: [meg.id], OTTO.id: [ANN.id, meg.id]}
