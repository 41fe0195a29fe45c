"""OCSF against the schema's own words; CEF and CloudEvents against their specifications; nothing but entries leaves."""

import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.domain.test_events import example
from tests.entry.siem.conftest import AT, HEAD, ORIGIN, everything, exported

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.emergency_events import AliasRolledBack, RequestSuspended
from tunewarden.domain.entries import entry_bytes
from tunewarden.domain.events import EVENT_TYPES, GateJudged
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import PrincipalId
from tunewarden.entry.siem import cef, cloudevents, events, ocsf
from tunewarden.entry.siem.events import Exported, of_entry
from tunewarden_audit.merkle import leaf_hash

OCSF = json.loads((Path(__file__).parent / "ocsf.json").read_text())
REQUIRED = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}


def schema(class_uid: int) -> dict[str, Any]:
    """JSON schema of one class, out of the schema's parts; attributes and objects that are not known are refused."""
    kind = OCSF["classes"][str(class_uid)]
    objects = {"actor", "user", "api", "compliance", "databucket", "finding_info"}
    own = {name: {"$ref": f"#/$defs/{name}"} for name in objects & set(kind["attributes"])}
    own |= {"src_endpoint": {"$ref": "#/$defs/network_endpoint"}} if "src_endpoint" in kind["attributes"] else {}
    own |= {"resources": {"type": "array", "items": {"$ref": "#/$defs/resource_details"}}}
    fixed = {"activity_id": {"enum": kind["activities"]}, "class_uid": {"const": class_uid}}
    return {
        "$defs": OCSF["objects"],
        "type": "object",
        "properties": {
            **OCSF["event"],
            **own,
            **fixed,
            "category_uid": {"const": class_uid // 1000},
            "attestation": {"$ref": "#/$defs/attestation"},
        },
        "required": sorted(REQUIRED | set(kind["required"])),
        "additionalProperties": False,
    }


def test_every_event_is_valid_ocsf(event: Exported) -> None:
    record = json.loads(ocsf.render(event))
    faults = list(Draft202012Validator(schema(record["class_uid"])).iter_errors(record))
    assert faults == []
    assert record["type_uid"] == record["class_uid"] * 100 + record["activity_id"]
    assert record["time"] == 1795226584567
    one_of = OCSF["classes"][str(record["class_uid"])]["at_least_one"]
    assert not one_of or set(one_of) & set(record)


def test_a_record_with_an_unknown_attribute_or_without_a_required_one_would_be_noticed() -> None:
    record = json.loads(ocsf.render(exported("KeyCreated")))
    validator = Draft202012Validator(schema(3001))
    assert not list(validator.iter_errors(record))
    for spoiled in (
        {**record, "colour": 1},
        {name: value for name, value in record.items() if name != "user"},
        {**record, "user": {"uid": "prn-1", "colour": 1}},
        {**record, "activity_id": 77},
        {**record, "attestation": {"uid": "x"}},
    ):
        assert list(validator.iter_errors(spoiled)), spoiled


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("KeyCreated", (3001, 1)),
        ("KeyRevoked", (3001, 5)),
        ("KeyAdded", (6003, 1)),
        ("KeyWithdrawn", (6003, 3)),
        ("PrincipalIdentified", (3001, 99)),
        ("LoginsRefused", (6003, 99)),
        ("DatasetRegistered", (6005, 6)),
        ("FileUploaded", (6005, 5)),
        ("RequestSubmitted", (6003, 1)),
        ("RequestApproved", (6003, 3)),
        ("CohortAdmitted", (6003, 3)),
        ("ActionRefused", (6003, 99)),
        ("GateJudged", (6003, 3)),
        ("TreeHeadSigned", (6003, 1)),
        ("PersonTraced", (6003, 2)),
        ("AdapterTaken", (6003, 2)),
        ("ErasureAsked", (6003, 1)),
        ("PersonErased", (6003, 4)),
        ("VersionDestroyed", (6003, 4)),
        ("AttributesRead", (6003, 2)),
        ("AttributesDestroyed", (6003, 4)),
        ("MasterKeyRotated", (6003, 3)),
        ("ReviewOpened", (6003, 1)),
        ("ReviewAnswered", (6003, 3)),
        ("ReviewClosed", (6003, 3)),
        ("ReportAttested", (6003, 1)),
        ("SignatureWithdrawn", (6003, 3)),
        ("PruneFinished", (6003, 4)),
        ("PromiseDisproved", (2003, 1)),
        ("EmergencyOpened", (6003, 1)),
        ("EmergencyConfirmed", (6003, 3)),
        ("EmergencyUsed", (6003, 2)),
        ("RequestSuspended", (6003, 3)),
        ("AliasRolledBack", (6003, 3)),
    ],
)
def test_events_are_in_the_classes_that_the_documentation_names(name: str, expected: tuple[int, int]) -> None:
    record = json.loads(ocsf.render(everything()[name]))
    assert (record["class_uid"], record["activity_id"]) == expected


@pytest.mark.parametrize("name", ["EmergencyOpened", "EmergencyUsed", "RequestSuspended", "AliasRolledBack"])
def test_an_emergency_and_what_is_done_because_of_it_is_critical_wherever_it_is_sent(name: str) -> None:
    event = everything()[name]
    assert json.loads(ocsf.render(event))["severity_id"] == 5
    assert cef.render(event).split("|")[6] == "10"


def test_what_takes_no_emergency_is_not_said_to_be_one() -> None:
    for kind in (RequestSuspended, AliasRolledBack):
        body = entry_bytes(replace(example(kind), emergency=None), actor=PrincipalId("prn-1"), at=AT)
        record = json.loads(ocsf.render(of_entry(ORIGIN, 7, leaf_hash(body), body, HEAD)))
        assert record["severity_id"] == 2


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.FAIL, (3, "Fail")), (Outcome.UNKNOWN, (2, "Warning"))], ids=str
)
def test_a_verdict_that_does_not_pass_is_a_compliance_finding(outcome: Outcome, status: tuple[int, str]) -> None:
    found = example(GateJudged)
    assert isinstance(found, GateJudged)
    body = entry_bytes(replace(found, outcome=outcome), actor=PrincipalId("worker"), at=AT)
    record = json.loads(ocsf.render(of_entry(ORIGIN, 7, leaf_hash(body), body, HEAD)))
    assert (record["class_uid"], record["severity_id"]) == (2003, 3)
    assert (record["compliance"]["status_id"], record["compliance"]["status"]) == status
    assert list(Draft202012Validator(schema(2003)).iter_errors(record)) == []


def test_a_model_that_leaks_more_than_was_promised_is_a_critical_finding() -> None:
    record = json.loads(ocsf.render(exported("PromiseDisproved")))
    assert (record["class_uid"], record["severity_id"]) == (2003, 5)
    assert record["compliance"] == {"control": "differential-privacy", "status": "Fail", "status_id": 3}
    assert {resource["type"] for resource in record["resources"]} == {"request", "model"}


def test_a_refusal_is_a_failure_with_its_code_and_rule() -> None:
    record = json.loads(ocsf.render(exported("ActionRefused")))
    assert (record["status_id"], record["status_code"], record["status_detail"]) == (2, "word", "word")
    assert record["api"]["operation"] == "upload-file"


def test_the_fingerprint_is_over_the_canonical_event_without_it(event: Exported) -> None:
    record = json.loads(ocsf.render(event))
    fingerprint = record["attestation"].pop("fingerprint")
    assert fingerprint["value"] == hashlib.sha256(encode(record)).hexdigest()


def test_every_format_carries_origin_index_and_leaf_hash() -> None:
    event = exported("RequestApproved", index=4711)
    record = json.loads(ocsf.render(event))
    assert record["unmapped"]["log_origin"] == ORIGIN
    assert record["unmapped"]["log_index"] == record["metadata"]["sequence"] == 4711
    assert record["unmapped"]["leaf_hash"] == event.leaf_hash
    cloud = json.loads(cloudevents.render(event))
    assert (cloud["logorigin"], cloud["logindex"], cloud["leafhash"]) == (ORIGIN, "4711", event.leaf_hash)
    line = cef.render(event)
    for part in (f"cs1={ORIGIN}", "cn1=4711", f"cs2={event.leaf_hash}", "externalId=4711"):
        assert part in line


def test_an_event_is_one_line_in_every_format_and_always_the_same(event: Exported) -> None:
    for render in (ocsf.render, cef.render, cloudevents.render):
        assert render(event).splitlines() == [render(event)]


def test_cloudevents_have_every_required_attribute_and_sound_names(event: Exported) -> None:
    cloud = json.loads(cloudevents.render(event))
    assert cloud["specversion"] == "1.0"
    assert all(cloud[name] for name in ("id", "source", "type"))
    assert cloud["time"] == "2026-11-21T02:03:04.567Z"
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in cloud), "section 3: lower-case letters and digits"


def test_ids_are_unique_in_the_log_and_the_same_when_sent_again() -> None:
    found = [*everything().values(), exported("KeyCreated", index=1)]
    own = [event.id for event in found if event.index != 7]
    assert len(set(own)) == len(own)
    assert exported("KeyCreated").id == exported("KeyCreated").id == f"{ORIGIN}#7"


def parse_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Undo the escapes as a receiver does."""
    parts = re.findall(r"((?:\\.|[^\\|])*)\|", line)[:7]
    header, extension = parts, line[sum(len(part) + 1 for part in parts) :]
    pairs = re.findall(r"(\w+)=((?:\\.|[^\\=])*?)(?= \w+=|$)", extension)
    undone = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r", "\\|": "|"}
    plain = re.compile(r"\\.")
    return (
        [plain.sub(lambda found: undone[found[0]], part) for part in header],
        {key: plain.sub(lambda found: undone[found[0]], value) for key, value in pairs},
    )


def test_cef_escapes_come_back_as_they_were() -> None:
    nasty = replace(
        exported("KeyCreated"),
        type="Key|Cre\\ated",
        actor="prn=1\\x|y\nnext\rcs1=forged",
        fact={"a": "b=c\\d|e"},
    )
    header, extension = parse_cef(cef.render(nasty))
    assert header[:5] == ["CEF:0", "Tunewarden", "tunewarden", "1", "Key|Cre\\ated"]
    assert extension["suid"] == "prn=1\\x|y\nnext\rcs1=forged"
    assert extension["cs1"] == ORIGIN
    assert json.loads(extension["cs3"]) == {"a": "b=c\\d|e"}


def test_cef_ids_are_short_enough_for_their_field_however_long_the_origin(event: Exported) -> None:
    """The dictionary gives `externalId` 40 characters; a receiver that cuts there must not make two events one."""
    _, extension = parse_cef(cef.render(replace(event, origin=f"{'a' * 200}.example/log")))
    assert len(extension["externalId"]) <= 40
    assert extension["externalId"] == event.id.removeprefix(f"{ORIGIN}#")


def test_two_tests_of_a_sink_are_two_events() -> None:
    assert events.tested(ORIGIN, AT).id != events.tested(ORIGIN, AT + timedelta(milliseconds=1)).id


def test_cef_gives_a_long_fact_as_its_digest() -> None:
    long = replace(exported("KeyCreated"), fact={"roles": ["requester"] * 1000})
    _, extension = parse_cef(cef.render(long))
    assert extension["cs3"] == "sha256:" + hashlib.sha256(encode(long.fact)).hexdigest()


_GROWING = ("KeyCreated", "ActionRefused", "StepFailed", "PromiseDisproved")


def test_cef_severity_grows_with_gravity() -> None:
    assert [parse_cef(cef.render(exported(name)))[0][6] for name in _GROWING] == [
        "3",
        "5",
        "7",
        "10",
    ]


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_nothing_leaves_but_what_the_entry_holds(name: str) -> None:
    """Every string of the exported event is in the entry, or is one of our own words."""
    event = exported(name)
    fact = to_plain(example(EVENT_TYPES[name]))
    cloud = json.loads(cloudevents.render(event))
    assert cloud["data"] == {"actor": "prn-1", "fact": fact}
    assert json.loads(ocsf.render(event))["unmapped"]["fact"] == fact
    known = {*strings(fact), "prn-1", ORIGIN, event.id, event.leaf_hash, event.type, event.position}
    ours = {"Tunewarden", "tunewarden", "record_integrity", "1.9.0", "SHA-256", "RFC 8785", "dataset", "file"}
    ours |= {"Fail", "A model leaks more than was promised", "differential-privacy"}
    things = {"request", "model", "promotion", "principal", "hold", "prune", "review", "erasure", "resource", "key"}
    things |= {"policy", "group", "emergency", "upload", "webhook"}
    record = json.loads(ocsf.render(event))
    del record["attestation"]["fingerprint"]["value"]
    assert set(strings(record)) <= known | ours | things


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_a_tree_head_leaves_with_its_whole_signed_note() -> None:
    head = everything()["TreeHeadSigned"]
    for render in (ocsf.render, cloudevents.render):
        assert HEAD.note in strings(json.loads(render(head)))
    assert json.loads(parse_cef(cef.render(head))[1]["cs3"])["checkpoint"] == HEAD.note
