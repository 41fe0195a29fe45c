"""lineage.prov.json: read by the library `prov`, it says who did what to what, and nothing that the entries do not."""

import json
from dataclasses import replace
from typing import Any

import pytest
from prov.model import (
    ProvActivity,
    ProvAssociation,
    ProvAttribution,
    ProvDelegation,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvRecord,
    ProvUsage,
)
from tests.entry.exports.conftest import Handed

from tunewarden.domain.canonical import encode
from tunewarden.domain.events import ModelRegistered, RequestSubmitted, StepFinished, StepStarted
from tunewarden.entry.exports.provenance import provenance
from tunewarden_audit import bundle as archive


@pytest.fixture
def graph(handed: Handed) -> ProvDocument:
    return ProvDocument.deserialize(content=handed.files()[archive.PROV].decode(), format="json")


def related(graph: ProvDocument, kind: type[ProvRecord]) -> set[tuple[str, str]]:
    """First and second of every relation of a kind, as qualified names."""
    return {(str(one.args[0]), str(one.args[1])) for one in graph.get_records(kind)}


def said(graph: ProvDocument, activity: str, name: str) -> list[str]:
    (found,) = graph.get_record(f"tw:{activity}")
    return [str(value) for key, value in found.attributes if str(key) == name]


def test_it_is_read_and_written_again_without_a_change(handed: Handed, graph: ProvDocument) -> None:
    told = handed.files()[archive.PROV]
    again = ProvDocument.deserialize(content=graph.serialize(format="json"), format="json")
    assert again == graph
    assert encode(json.loads(graph.serialize(format="json"))) == told
    assert all(record.is_relation() or record.is_element() for record in graph.get_records())


def test_a_way_leads_from_the_model_back_to_the_upload_and_the_base_model(handed: Handed, graph: ProvDocument) -> None:
    report = handed.told.lineage().report
    asked: Any = report.request.event
    registered: Any = report.model.event
    added: Any = report.version.event
    derived = related(graph, ProvDerivation)
    reached = {f"tw:{registered.model}"}
    for _ in range(6):
        reached |= {source for made, source in derived if made in reached}
    assert {registered.adapter, asked.dataset_version, asked.base_digest, added.source} <= reached


def test_the_training_used_its_data_base_model_and_plan_and_generated_the_adapter(
    handed: Handed, graph: ProvDocument
) -> None:
    report = handed.told.lineage().report
    asked, registered = report.request.event, report.model.event
    assert isinstance(asked, RequestSubmitted)
    assert isinstance(registered, ModelRegistered)
    (started,) = [
        entry.event
        for entry in report.steps
        if isinstance(entry.event, StepStarted) and entry.event.attempt == 3  # the second try to train
    ]
    used = {entity for activity, entity in related(graph, ProvUsage) if activity == "tw:attempt-3"}
    assert used == {started.given, asked.base_digest, asked.plan}
    assert (registered.adapter, "tw:attempt-3") in related(graph, ProvGeneration)
    lost = {entity for entity, activity in related(graph, ProvGeneration) if activity == "tw:attempt-2"}
    assert lost == set()


def test_a_worker_acts_on_behalf_of_whoever_asked(handed: Handed, graph: ProvDocument) -> None:
    told = handed.told
    assert related(graph, ProvDelegation) == {(f"tw:{told.worker.id}", f"tw:{told.requester.id}")}
    assert len(list(graph.get_records(ProvDelegation))) == 4  # attempts


def test_every_entry_is_associated_with_its_actor(handed: Handed, graph: ProvDocument) -> None:
    entries = handed.told.lineage().report.entries()
    expected = {(f"tw:entry-{entry.index}", f"tw:{entry.actor}") for entry in entries}
    assert expected <= related(graph, ProvAssociation)
    attempts = {activity for activity, _ in related(graph, ProvAssociation) - expected}
    assert attempts == {f"tw:attempt-{number}" for number in range(1, 5)}


def test_the_plan_is_the_requesters_and_the_adapter_the_workers(handed: Handed, graph: ProvDocument) -> None:
    told, report = handed.told, handed.told.lineage().report
    asked: Any = report.request.event
    registered: Any = report.model.event
    attributed = related(graph, ProvAttribution)
    assert {
        (asked.plan, f"tw:{told.requester.id}"),
        (asked.dataset_version, f"tw:{told.steward.id}"),
        (registered.adapter, f"tw:{told.worker.id}"),
        (f"tw:{registered.model}", f"tw:{told.worker.id}"),
    } <= attributed


def test_refusals_and_approvals_are_activities_of_those_who_acted(handed: Handed, graph: ProvDocument) -> None:
    report = handed.told.lineage().report
    assert [said(graph, f"entry-{entry.index}", "tw:code") for entry in report.refusals] == [
        ["purpose_not_allowed"],
        ["access_denied"],
        ["gate_not_passed"],
    ]
    for entry in report.approvals:
        assert said(graph, f"entry-{entry.index}", "prov:type") == ["tw:RequestApproved"]
        plan: Any = entry.event
        assert (f"tw:entry-{entry.index}", plan.plan) in related(graph, ProvUsage)
    outcomes = [said(graph, f"entry-{entry.index}", "tw:outcome") for entry in report.verdicts]
    assert outcomes == [["pass"], ["fail"], ["pass"], ["pass"]]


def test_an_entity_is_generated_once_and_before_it_is_used(graph: ProvDocument) -> None:
    """PROV-CONSTRAINTS, as far as it can be broken here: generation comes once, and before any use."""
    generated: dict[str, Any] = {}
    for one in graph.get_records(ProvGeneration):
        entity, _, time = one.args
        assert str(entity) not in generated
        generated[str(entity)] = time
    for one in graph.get_records(ProvUsage):
        _, entity, time = one.args
        assert time >= generated.get(str(entity), time)


def test_a_verdict_that_is_given_twice_is_one_entity_that_is_generated_once(handed: Handed) -> None:
    lineage = handed.told.lineage()
    again = replace(lineage.report.promotions[-2], index=lineage.report.size)
    report = replace(lineage.report, promotions=(*lineage.report.promotions, again), size=lineage.report.size + 1)
    content = provenance(replace(lineage, report=report)).decode()
    made = [
        str(one.args[0]) for one in ProvDocument.deserialize(content=content, format="json").get_records(ProvGeneration)
    ]
    assert len(made) == len(set(made))


def test_every_element_and_relation_carries_the_index_of_an_entry_in_the_bundle(
    handed: Handed, graph: ProvDocument
) -> None:
    held = {entry.index for entry in handed.told.lineage().report.entries()}
    for one in graph.get_records():
        indices = {int(value) for key, value in one.attributes if str(key) == "tw:index"}
        assert len(indices) == 1
        assert indices <= held


def test_every_entity_and_activity_has_a_type(handed: Handed, graph: ProvDocument) -> None:
    for kind in (ProvEntity, ProvActivity):
        assert all(one.get_asserted_types() for one in graph.get_records(kind))
    finished = [entry.event for entry in handed.told.lineage().report.steps if isinstance(entry.event, StepFinished)]
    (adapter,) = graph.get_record(finished[1].output)
    assert [str(kind) for kind in adapter.get_asserted_types()] == ["tw:Adapter"]
