"""`tunewarden promote|promotions|models|lineage|audit`: from a model version to a bundle that is verified offline."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.entry.client.conftest import Desk

from tunewarden.domain.events import AliasMoved, PromotionApproved


@pytest.fixture
def model(desk: Desk) -> str:
    return desk.props.model()


def test_a_promotion_is_proposed_shown_and_approved_by_the_verdict_that_was_shown(desk: Desk, model: str) -> None:
    made = desk.json("ann", "promote", model, "candidate")
    assert (made["object"], made["state"], made["alias"]) == ("promotion", "awaiting-approval", "candidate")
    shown = desk.run("bob", "promotions", "show", made["id"])
    assert "utility.accuracy" in shown.stdout
    assert "0.8 (0.8 to 0.8)" in shown.stdout
    done = desk.run("bob", "promotions", "approve", made["id"], "--yes", "--verdict", made["verdict"])
    assert done.exit_code == 0, done.output
    assert f"verdict {made['verdict']}" in done.stderr
    events = [one.event for one in desk.theatre.entries()]
    (vote,) = [one for one in events if isinstance(one, PromotionApproved) and one.promotion == made["id"]]
    assert vote.verdict == made["verdict"]
    assert [one.alias for one in events if isinstance(one, AliasMoved) and one.model == model] == ["candidate"]


def test_proposed_again_with_the_same_key_it_is_one_promotion(desk: Desk, model: str) -> None:
    said = ("promote", model, "staging", "--idempotency-key", "night-1")
    assert desk.json("ann", *said)["id"] == desk.json("ann", *said)["id"]


def test_what_waits_is_listed_for_who_can_decide_it(desk: Desk, model: str) -> None:
    made = desk.json("ann", "promote", model, "staging")
    job = desk.props.job()["id"]
    waiting = {one["id"]: one["kind"] for one in desk.lines("bob", "approvals")}
    assert (waiting[made["id"]], waiting[job]) == ("promotion", "plan")
    told = desk.run("bob", "approvals").stdout
    assert made["id"] in told
    assert job in told
    assert desk.lines("otto", "approvals") == []
    listed = desk.lines("ann", "promotions", "list", "--state", "awaiting-approval")
    assert listed[0]["id"] == made["id"]
    assert {one["state"] for one in listed} == {"awaiting-approval"}
    assert made["id"] in desk.run("ann", "promotions", "list").stdout


def test_another_verdict_than_the_one_that_was_read_is_not_approved(desk: Desk, model: str) -> None:
    made = desk.json("ann", "promote", model, "staging")
    wrong = ("--yes", "--verdict", "sha256:" + "0" * 64)
    assert desk.refused("bob", "promotions", "approve", made["id"], *wrong, code=4)["code"] == "verdict_changed"
    assert desk.refused("bob", "promotions", "approve", made["id"], code=2)["code"] == "confirmation_needed"
    assert desk.json("bob", "promotions", "show", made["id"])["state"] == "awaiting-approval"


def test_nobody_approves_what_they_proposed(desk: Desk, model: str) -> None:
    made = desk.json("ann", "promote", model, "staging")
    assert desk.refused("ann", "promotions", "approve", made["id"], "--yes", code=1)["status"] == 403


def test_what_a_gate_stopped_is_refused_with_its_reason_and_let_pass_by_two(desk: Desk) -> None:
    stopped = desk.props.stopped()
    shown = desk.json("bob", "promotions", "show", stopped["id"])
    assert (shown["state"], shown["gate"]["outcome"]) == ("refused", "fail")
    said = ("--reason", "too-few-persons", "--yes", "--verdict", stopped["verdict"])
    first = desk.json("bob", "promotions", "override", stopped["id"], *said)
    assert [one["reason"] for one in first["overrides"]] == ["too-few-persons"]


def test_model_versions_are_listed_shown_and_retired(desk: Desk, model: str) -> None:
    assert model in [one["governance"]["model"] for one in desk.lines("ann", "models", "list")]
    assert model in desk.run("ann", "models", "list").stdout
    assert desk.json("ann", "models", "show", model)["governance"]["model"] == model
    assert desk.refused("max", "models", "retire", model, "--reason", "not-needed", code=2)["code"] == (
        "confirmation_needed"
    )
    done = desk.json("max", "models", "retire", model, "--reason", "not-needed", "--yes")
    assert done["governance"]["retired"]
    assert "retired" in desk.run("ann", "models", "list").stdout


def test_a_card_is_written_byte_for_byte(desk: Desk, model: str) -> None:
    out = desk.folder / "card.json"
    assert desk.run("otto", "models", "card", model, "--out", out).exit_code == 0
    headers = {"authorization": f"Bearer {desk.theatre.tokens['otto']}"}
    answer = desk.theatre.client.get(f"/v1/models/{model}/card", headers=headers)
    assert out.read_bytes() == answer.content
    assert answer.headers["tunewarden-card"] == "sha256:" + hashlib.sha256(out.read_bytes()).hexdigest()
    assert json.loads(desk.run("otto", "models", "card", model).stdout) == answer.json()
    other = desk.folder / "other.json"
    said = {"object": "file", "file": str(other), "bytes": out.stat().st_size}
    assert desk.json("otto", "models", "card", model, "--out", other) == said


def fetched(desk: Desk, model: str) -> Path:
    desk.theatre.seal()
    out = desk.folder / "bundle.zip"
    assert desk.json("otto", "lineage", model, "--out", out)["bytes"] == out.stat().st_size
    return out


def verify(desk: Desk, bundle: Path, *more: str, key: Path | None = None) -> Any:
    vkey = key or desk.theatre.settings.log_vkey
    return desk.run("nobody", "audit", "verify", bundle, "--key", vkey, *more, TUNEWARDEN_API_URL="http://127.0.0.1:9")


def test_a_bundle_is_fetched_and_verified_without_asking_anybody(desk: Desk, model: str) -> None:
    bundle = fetched(desk, model)
    told = verify(desk, bundle, "--json")
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert (said["object"], said["ok"]) == ("audit.verification", True)
    assert said["lines"]
    assert verify(desk, bundle).exit_code == 0


def test_a_bundle_that_was_changed_ends_with_six(desk: Desk, model: str) -> None:
    bundle = fetched(desk, model)
    whole = bytearray(bundle.read_bytes())
    whole[len(whole) // 2] ^= 1
    bundle.write_bytes(whole)
    told = verify(desk, bundle, "--json")
    assert told.exit_code == 6
    assert json.loads(told.stdout)["ok"] is False
    assert verify(desk, desk.folder / "none.zip").exit_code == 2


def test_a_bundle_is_never_written_over_another_file_and_never_left_half(desk: Desk, model: str) -> None:
    out = desk.folder / "mine.zip"
    out.write_text("mine")
    assert desk.refused("otto", "lineage", model, "--out", out, code=4)["code"] == "file_exists"
    assert out.read_text() == "mine"
    desk.theatre.seal()
    fresh = desk.folder / "fresh.zip"
    assert desk.refused("eve", "lineage", model, "--out", fresh, code=3)["status"] == 404
    assert not [path for path in desk.folder.iterdir() if "fresh" in path.name]
    nowhere = desk.folder / "no" / "folder.zip"
    assert desk.refused("otto", "lineage", model, "--out", nowhere, code=5)["code"] == "file_unwritable"


def test_the_signed_head_and_an_entry_are_read_as_they_are(desk: Desk, model: str) -> None:
    desk.theatre.seal()
    note = desk.json("otto", "audit", "checkpoint")["checkpoint"]
    assert desk.run("otto", "audit", "checkpoint").stdout == note
    assert note.startswith(desk.theatre.settings.origin)
    found = desk.json("otto", "audit", "entry", 0)
    assert (found["object"], found["index"]) == ("audit.entry", 0)
    some = desk.lines("otto", "audit", "entries", "--after", 3, "--limit", 5)
    assert [one["index"] for one in some] == [4, 5, 6, 7, 8]
    assert str(some[0]["leaf_hash"]) in desk.run("otto", "audit", "entries", "--limit", 9).stdout
    assert model
    assert desk.refused("ann", "audit", "checkpoint", code=3)["code"] == "log_not_found"
