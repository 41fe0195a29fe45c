"""`lineage.json`: the same story for programs, from the entries alone."""

from typing import Any, cast

from tests.entry.report.conftest import CANARIES, Told

from tunewarden.domain.canonical import Plain, decode, encode
from tunewarden.entry.report import summary


def read(told: Told) -> dict[str, Any]:
    return cast(dict[str, Any], summary(told.lineage(), size=77))


def test_it_has_one_canonical_form_and_names_every_entry_it_rests_on(told: Told) -> None:
    said = read(told)
    data = encode(cast(Plain, said))
    assert decode(data) == said
    assert data == encode(summary(told.lineage(), size=77))
    assert said["entries"] == [entry.index for entry in told.lineage().report.entries()]
    assert _indices(said) <= set(said["entries"])


def test_it_says_who_asked_who_approved_and_that_they_are_two(told: Told) -> None:
    said = read(told)
    assert said["requested"]["actor"] == told.requester.id
    assert [approval["actor"] for approval in said["approvals"]] == [told.approver.id]
    assert said["approvals"][0]["plan"] == said["plan"]
    assert said["dataset_registered"]["actor"] == told.steward.id
    assert said["promotions"][-1]["approved"]["actor"] == told.approver.id
    assert (
        said["aliases"][-1] | {"alias": "production", "model": said["model"], "previous": None} == said["aliases"][-1]
    )


def test_it_holds_the_budget_the_verdicts_and_the_refusals(told: Told) -> None:
    said = read(told)
    assert said["privacy"]["unit"] == "person"
    assert (said["privacy"]["epsilon"], said["privacy"]["delta"]) == ("8", "0.0001")
    assert said["privacy"]["updates_charged"] == said["privacy"]["mechanism"]["updates"]
    assert said["privacy"]["within_plan"] is True
    assert [gate["outcome"] for gate in said["gates"]] == ["pass", "fail", "pass", "pass"]
    assert [refusal["code"] for refusal in said["refusals"]] == [
        "purpose_not_allowed",
        "access_denied",
        "gate_not_passed",
    ]
    assert [step.get("code", "") for step in said["steps"]] == ["", "unexpected", "", ""]


def test_nothing_typed_by_a_person_is_in_it(told: Told) -> None:
    data = encode(summary(told.lineage(), size=77)).decode()
    assert not [word for word in CANARIES.values() if word in data]


def _indices(value: object) -> set[int]:
    match value:
        case dict():
            own = {value["index"]} if "index" in value else set()
            return own.union(*(_indices(item) for item in value.values()))
        case list():
            return set().union(*(_indices(item) for item in value))
    return set()
