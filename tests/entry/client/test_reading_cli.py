"""`tunewarden gates|budgets|evidence` and `models history`: what guards, what was spent and what was measured."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, strategies as st
from tests.entry.client.conftest import Desk
from tests.entry.client.test_hostile_cli import FORGED, Hostile, run

from tunewarden.domain.canonical import digest_of, encode
from tunewarden.entry.cli import app
from tunewarden.entry.cli.client import completing
from tunewarden.entry.cli.client.budgets import cells
from tunewarden.entry.cli.client.output import spent_shown


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    """A model version for all tests here."""
    return {}


@pytest.fixture
def model(desk: Desk, kept: dict[str, str]) -> str:
    kept["model"] = kept.get("model") or desk.props.model()
    return kept["model"]


@pytest.fixture
def dataset(desk: Desk, model: str) -> str:
    assert model
    return desk.props.kept["dataset"]


def answered(desk: Desk, who: str, path: str) -> Any:
    return desk.theatre.must(who, "GET", path)


def test_gates_are_listed_and_each_rule_says_why_it_is_there(desk: Desk) -> None:
    listed = desk.lines("ann", "gates", "list")
    assert listed == answered(desk, "ann", "/v1/gates")["data"]
    assert {one["guards"] for one in listed} == {"training", "promotion"}
    told = desk.run("ann", "gates", "list").stdout.splitlines()[1:]
    assert [line.split()[:3] for line in told] == [[one["id"], one["guards"], str(len(one["rules"]))] for one in listed]
    gate = desk.json("ann", "gates", "show", listed[0]["id"])
    shown = desk.run("ann", "gates", "show", listed[0]["id"]).stdout.splitlines()
    for rule in gate["rules"]:
        (place,) = [place for place, line in enumerate(shown) if line.startswith(f"{rule['metric']}  at ")]
        assert shown[place].split("  ")[1] == f"{rule['bound'].replace('-', ' ')} {rule['limit']}"
        assert shown[place + 1 : place + 3] == [f"  because: {rule['because']}", f"  remedy: {rule['remedy']}"]
    assert desk.refused("ann", "gates", "show", "no-such-gate", code=3)["status"] == 404


def test_a_rule_that_nobody_can_override_and_reading_by_people_are_told(desk: Desk, hostile: Hostile) -> None:
    rule = {"metric": "m", "bound": "at-least", "limit": "2", "hard": True, "otherwise": "unknown"}
    hostile.answers = {"/training": {"id": "training", "rules": [rule], "review": {"documents": 30, "seeds": 4}}}
    told = run(desk, hostile, "gates", "show", "training").stdout.splitlines()
    assert "m  at least 2  hard  else unknown" in told
    assert any("30 records, and 4 with a made-up identifier" in line for line in told)


def test_a_budget_says_what_is_spent_promised_and_left(desk: Desk, dataset: str) -> None:
    found = desk.json("ann", "budgets", "show", dataset)
    assert found == answered(desk, "ann", f"/v1/privacy/budgets/{dataset}")
    assert Decimal(found["spent"]) > 0
    told = dict(line.split(maxsplit=1) for line in desk.run("ann", "budgets", "show", dataset).stdout.splitlines())
    assert Decimal(told["spent"]) - Decimal(found["spent"]) < Decimal("0.0001")
    assert Decimal(told["spent"]) >= Decimal(found["spent"])
    assert told["epsilon"].endswith(f" of {found['limit']} at delta {found['delta']}")
    assert told["left"].startswith(str(Decimal(found["left"]))[:6])
    assert found in desk.lines("ann", "budgets", "list")
    (line,) = [line for line in desk.run("ann", "budgets", "list").stdout.splitlines() if dataset in line]
    assert line.split()[-2:] == [found["limit"], found["delta"]]
    assert desk.refused("ann", "budgets", "show", "ds-nowhere", code=3)["status"] == 404


def test_what_became_of_a_budget_is_told_newest_first_and_what_is_withheld_is_counted(desk: Desk, dataset: str) -> None:
    entries = desk.lines("ann", "budgets", "entries", dataset)
    indices = [one["index"] for one in entries]
    assert indices == sorted(indices, reverse=True)
    assert {"reservation", "charge", "settlement"} <= {one["kind"] for one in entries}
    assert desk.lines("ann", "budgets", "entries", dataset, "--limit", 2) == entries[:2]
    told = desk.run("ann", "budgets", "entries", dataset)
    assert [line.split()[0] for line in told.stdout.splitlines()[1:]] == [str(index) for index in indices]
    assert told.stderr == "", "nothing is withheld from who asked for everything"
    other = desk.theatre.must("max", "POST", "/v1/keys", json={"roles": ["requester"]})["key"]
    hidden = desk.run("other", "budgets", "entries", dataset, TUNEWARDEN_API_KEY=other)
    assert hidden.stdout == "Nothing was promised or spent that you may see.\n"
    assert hidden.stderr == f"{len(entries)} more are of requests that you may not see.\n"


def test_the_share_of_noisy_figures_stands_in_the_table_of_entries(desk: Desk, hostile: Hostile, dataset: str) -> None:
    settled = {"index": 9, "kind": "settlement", "updates": 12, "returned": 3, "epsilon": "0.50001"}
    settled |= {"metrics_charged": 2, "metrics_returned": 1}
    promised = {"index": 4, "kind": "reservation", "updates": 15, "metrics": {"updates": 3}, "epsilon": "0.5"}
    plain = {"index": 3, "kind": "settlement", "updates": 7, "returned": 0, "metrics_charged": 0, "metrics_returned": 0}
    hostile.answers = {"/entries": {"data": [settled, {**promised, "metrics_epsilon": "0.10001"}, plain]}}
    told = run(desk, hostile, "budgets", "entries", "d").stdout.splitlines()
    header, *rows = (re.split(r"  +", line.rstrip()) for line in told)
    assert header[-5:] == ["updates", "given back", "persons", "epsilon", "for figures"]
    assert rows == [
        ["9", "settlement", "12 + 2", "3 + 1", "0.5001"],
        ["4", "reservation", "15 + 3", "0.5", "0.1001"],
        ["3", "settlement", "7", "0"],
    ]
    reserved = next(one for one in desk.lines("ann", "budgets", "entries", dataset) if one["kind"] == "reservation")
    (line,) = [
        line
        for line in desk.run("ann", "budgets", "entries", dataset).stdout.splitlines()
        if line.split()[0] == str(reserved["index"])
    ]
    assert f"{reserved['updates']} + {reserved['metrics']['updates']}" in line
    assert line.split()[-1] == spent_shown(reserved["metrics_epsilon"])


budgets = st.tuples(*[st.decimals(0, 1000, places=6)] * 3)


@given(parts=budgets, width=st.integers(1, 60))
def test_a_bar_shows_no_more_left_than_there_is_and_no_less_spent(
    parts: tuple[Decimal, Decimal, Decimal], width: int
) -> None:
    spent, promised, left = parts
    limit = spent + promised + left or Decimal(1)
    said = {"limit": str(limit), "spent": str(spent), "left": str(left)}
    used, taken = cells(said, width)
    assert 0 <= used <= taken <= width
    assert (width - taken) * limit <= left * width
    assert used * limit >= spent * width
    assert left * width >= limit * (width - taken) > left * width - limit, "to the cell"


@pytest.mark.parametrize("limit", ["0", "NaN", "x", "", "1E+9999999"])
def test_figures_that_are_no_budget_are_told_and_take_no_time(desk: Desk, hostile: Hostile, limit: str) -> None:
    hostile.answers = {"/d": {"limit": limit, "spent": "1E+99999999", "left": "-1E+99999999", "delta": "1"}}
    told = run(desk, hostile, "budgets", "show", "d")
    assert told.exit_code in {0, 6}
    assert "Traceback" not in told.output


def test_evidence_is_listed_and_shown_by_what_it_is_about(desk: Desk, model: str) -> None:
    kinds = desk.lines("otto", "evidence", "list", model)
    assert "utility" in {one["kind"] for one in kinds}
    told = desk.run("otto", "evidence", "list", model).stdout.splitlines()[1:]
    assert [line.split()[0] for line in told] == [one["kind"] for one in kinds]
    found = desk.json("otto", "evidence", "show", model, "utility")
    (one,) = found["measurements"]
    shown = desk.run("otto", "evidence", "show", model, "utility").stdout
    assert "utility.accuracy" in shown
    assert f"{one['value']} ({one['low']} to {one['high']})" in shown
    assert one["evidence"] in shown
    assert desk.refused("otto", "evidence", "show", model, "beauty", code=2)["status"] == 422
    assert desk.refused("eve", "evidence", "list", model, code=3)["status"] == 404


def test_a_document_is_handed_over_byte_for_byte(desk: Desk, model: str, tmp_path: Path) -> None:
    digest = desk.json("otto", "evidence", "show", model, "utility")["measurements"][0]["evidence"]
    out = tmp_path / "evidence.json"
    assert desk.json("otto", "evidence", "document", digest, "--out", out)["bytes"] == out.stat().st_size
    assert f"sha256:{hashlib.sha256(out.read_bytes()).hexdigest()}" == digest
    assert desk.run("otto", "evidence", "document", digest).stdout.encode() == out.read_bytes()
    assert desk.json("otto", "evidence", "document", digest)["content"] == json.loads(out.read_bytes())
    assert desk.refused("otto", "evidence", "document", digest, "--out", out, code=4)["code"] == "file_exists"
    assert desk.refused("otto", "evidence", "document", "sha256:" + "0" * 64, code=3)["status"] == 404


def test_a_document_goes_through_no_encoding_of_a_terminal(desk: Desk, hostile: Hostile) -> None:
    content = {"text": "Zo\u00eb, \u20ac 5"}
    digest = digest_of(content)
    hostile.answers = {digest: {"id": digest, "content": content}}
    said = {"XDG_CONFIG_HOME": str(desk.folder), "TUNEWARDEN_API_KEY": desk.theatre.tokens["otto"]}
    program = Path(sys.executable).with_name("tunewarden")
    told = subprocess.run(
        [program, "evidence", "document", digest],
        env={**os.environ, **said, **hostile.environment, "PYTHONIOENCODING": "latin-1:replace"},
        capture_output=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, encode(content)), told.stderr


@pytest.mark.parametrize("content", [{"a": 1}, {"a": 1.5}, None, [[[]]]])
def test_a_document_that_is_not_the_one_of_its_digest_is_not_handed_over(
    desk: Desk, hostile: Hostile, content: Any, tmp_path: Path
) -> None:
    digest, out = "sha256:" + "0" * 64, tmp_path / "evidence.json"
    hostile.answers = {digest: {"id": digest, "content": content}}
    for more in ((), ("--out", out)):
        told = run(desk, hostile, "evidence", "document", digest, *more)
        assert (told.exit_code, told.stdout) == (6, "")
    assert not out.exists()


def test_a_value_of_any_of_these_begins_no_line_of_its_own(desk: Desk, hostile: Hostile) -> None:
    budget = {"dataset": FORGED, "limit": "2", "spent": "1", "left": "1", "delta": FORGED}
    rule = {"metric": FORGED, "bound": FORGED, "limit": FORGED, "because": FORGED, "remedy": FORGED}
    figure = dict.fromkeys(("metric", "value", "low", "high", "unit", "meaning", "evidence"), FORGED)
    served = {"model": FORGED, "since": {"at": FORGED, "by": FORGED}, "until": None}
    hostile.answers = {
        "/v1/gates": {"data": [{"id": FORGED, "guards": FORGED, "rules": [rule]}]},
        "/v1/gates/g": {"id": FORGED, "rules": [rule]},
        "/v1/privacy/budgets": {"data": [budget]},
        "/v1/privacy/budgets/d": budget,
        "/entries": {"data": [{"kind": FORGED, "request": FORGED, "epsilon": FORGED}], "withheld": FORGED},
        "/m/evidence": {"data": [{"kind": FORGED}]},
        "/utility": {"measurements": [figure], "documents": [{"document": FORGED, "tables": {FORGED: 1}}]},
        "/history": {"data": [served]},
    }
    commands = ("gates list", "gates show g", "budgets list", "budgets show d", "budgets entries d")
    for command in (*commands, "evidence list m", "evidence show m utility", "models history a"):
        told = run(desk, hostile, *command.split())
        assert told.exit_code == 0, (command, told.output)
        assert r"x\npass" in told.output, command
        assert not [line for line in told.output.splitlines() if line.startswith(("pass", "gate promotion: pass"))]


def test_what_an_alias_named_when_is_told_by_the_log(desk: Desk, model: str) -> None:
    other = desk.props.model()
    for one in (model, other):
        desk.props.promote(one, "candidate")
    first, second = desk.lines("otto", "models", "history", "candidate")
    assert [first["model"], second["model"]] == [model, other]
    assert (first["until"], second["until"]) == (second["since"], None)
    told = [line.split() for line in desk.run("otto", "models", "history", "candidate").stdout.splitlines()[1:]]
    when = [one["since"]["at"] for one in (first, second)]
    assert told == [[model, when[0], "prn-bob", when[1], "prn-bob"], [other, when[1], "prn-bob"]]
    assert desk.json("otto", "models", "history", "candidate", "--at", when[0]) == first
    assert desk.lines("eve", "models", "history", "candidate") == []
    assert desk.refused("otto", "models", "history", "candidate", "--at", "2001-01-01", code=3)["status"] == 404
    assert desk.refused("otto", "models", "history", "candidate", "--at", "then", code=2)["status"] == 422


def test_gates_kinds_of_evidence_and_versions_are_completed_for_who_is_logged_in(
    desk: Desk, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"XDG_CONFIG_HOME": str(desk.folder), "TUNEWARDEN_API_URL": desk.server.address}
    said["TUNEWARDEN_API_KEY"] = desk.theatre.tokens["otto"]
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    gates, versions = desk.lines("otto", "gates", "list"), desk.lines("otto", "policy", "history")
    assert completing.gate_names("") == [(one["id"], one["guards"]) for one in gates]
    assert completing.policy_ids("pol-") == [(one["id"], one["state"]) for one in versions]
    shell = {"_TUNEWARDEN_COMPLETE": "complete_bash", "COMP_CWORD": "4"}
    shell["COMP_WORDS"] = f"tunewarden evidence show {model} "
    program = Path(sys.executable).with_name("tunewarden")
    told = subprocess.run([program], env={**os.environ, **shell}, capture_output=True, text=True, check=False)
    assert told.stdout.split() == [one["kind"] for one in desk.lines("otto", "evidence", "list", model)]
    monkeypatch.delenv("TUNEWARDEN_API_KEY")
    assert completing.gate_names("") == []


def test_kinds_of_evidence_are_asked_for_of_what_can_be_a_model_alone(
    desk: Desk, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"XDG_CONFIG_HOME": str(desk.folder), "TUNEWARDEN_API_KEY": desk.theatre.tokens["otto"]}
    for name, value in {**said, **hostile.environment}.items():
        monkeypatch.setenv(name, value)
    hostile.answers = {"/evidence": {"data": [{"id": "utility"}]}}
    context = typer.Context(typer.main.get_command(app))
    for model in ("../models", "", "a/b", "x?y"):
        context.params["model"] = model
        assert completing.evidence_kinds(context, "") == []
    assert hostile.asked == 0
    context.params["model"] = "m"
    assert completing.evidence_kinds(context, "") == [("utility", "")]
