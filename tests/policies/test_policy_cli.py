"""`tunewarden policy`: checked, compared and explained before anybody decides by it."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from typer.testing import CliRunner

from tunewarden.domain.errors import Malformed
from tunewarden.drivers.access import CasbinAccess
from tunewarden.drivers.access_files import read_policy
from tunewarden.entry.cli import app


def run(*arguments: str, code: int = 0) -> str:
    """What the command prints; raises what it raises."""
    done = CliRunner().invoke(app, ("policy", *arguments), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def asked(*arguments: str, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


@pytest.fixture
def shipped(policies: Path) -> str:
    return str(policies / "access")


@pytest.fixture
def changed(policies: Path, tmp_path: Path) -> Path:
    return Path(copytree(policies / "access", tmp_path / "access"))


def edit(folder: Path, old: str, new: str) -> str:
    text = (folder / "policy.csv").read_text()
    assert text.count(old) == 1
    (folder / "policy.csv").write_text(text.replace(old, new))
    return str(folder)


def test_the_shipped_policy_passes_its_check(shipped: str, access: CasbinAccess) -> None:
    found = asked("check", "--folder", shipped)
    assert (found["violations"], found["remarks"], found["version"]) == ([], [], access.version)
    assert found["decisions"] > 40_000
    told = run("check", "--folder", shipped)
    assert "0 that no policy may make" in told
    assert f"{found['rules']} rules, version {access.version}" in told
    assert found["rules"] == len(read_policy(Path(shipped) / "policy.csv"))


def test_a_policy_that_allows_too_much_fails_its_check_with_an_example(changed: Path) -> None:
    place = edit(
        changed, "administrator,create-key", "administrator,read-dataset,dataset,own,allow\nadministrator,create-key"
    )
    found = asked("check", "--folder", place, code=1)
    assert found["violations"] == [
        "not so: an administrator reads no data. administrator may: read-dataset of a dataset, own"
    ]
    assert found["violations"][0] in run("check", "--folder", place, code=1)


def test_a_policy_without_a_hard_deny_is_not_even_asked(changed: Path) -> None:
    place = edit(changed, "anyone,approve-promotion,promotion,gate-red,deny\n", "")
    with pytest.raises(Malformed, match="the hard deny anyone/approve-promotion/gate-red is missing"):
        run("check", "--folder", place)


def test_an_idle_rule_is_remarked_on(changed: Path) -> None:
    place = edit(
        changed, "steward,read-file,file,own", "steward,read-dataset,dataset,own,allow\nsteward,read-file,file,own"
    )
    said = "steward/read-dataset/own says no more than steward/read-dataset/always"
    assert asked("check", "--folder", place)["remarks"] == [said]
    assert f"remark: {said}" in run("check", "--folder", place)


def test_a_difference_says_who_gains_and_who_loses(shipped: str, changed: Path) -> None:
    place = edit(changed, "steward,retire-dataset,dataset,always", "requester,retire-dataset,dataset,own")
    found = asked("diff", shipped, place)
    assert found["before"] != found["after"]
    assert sorted((one["roles"], one["action"], one["gains"]) for one in found["changes"]) == [
        (["requester"], "retire-dataset", True),
        (["steward"], "retire-dataset", False),
    ]
    assert {"kind": "dataset", "situation": ["own"]} in [one["example"] for one in found["changes"] if one["gains"]]
    said = run("diff", shipped, place)
    assert "2 changes" in said
    assert "requester gains retire-dataset, for example: retire-dataset of a dataset, own" in said
    assert asked("diff", shipped, shipped)["changes"] == []


@pytest.mark.parametrize(
    ("role", "situation", "said"),
    [
        ("approver", "other+gate-green", "allowed by approver/approve-promotion/other"),
        (
            "approver",
            "other+gate-red",
            "denied by anyone/approve-promotion/gate-red\nwho can mend it: requester",
        ),
        ("approver", "own", "denied by anyone/approve-promotion/own\nwho can mend it: approver"),
        (
            "steward",
            "other",
            "denied: the nearest rule is approver/approve-promotion/other; it lacks: role\nwho can mend it: approver",
        ),
    ],
)
def test_a_decision_is_explained(shipped: str, access: CasbinAccess, role: str, situation: str, said: str) -> None:
    question = ("--action", "approve-promotion", "--kind", "promotion", "--role", role, "--situation", situation)
    assert run("explain", *question, "--folder", shipped) == said + "\n"
    found = asked("explain", *question, "--folder", shipped)
    assert found["allowed"] == said.startswith("allowed")
    assert found["allowed"] or found["unblocks"] == said.rpartition(": ")[2]
    assert found["rule"] in said
    assert found["version"] == access.version


def test_what_no_rule_is_about_is_explained_too(shipped: str) -> None:
    said = run("explain", "--action", "read-log", "--kind", "file", "--role", "auditor", "--folder", shipped)
    assert said == "denied: no rule is about this (no-rule-allows)\n"


@pytest.mark.parametrize("wrong", [("--kind", "files"), ("--situation", "mine"), ("--situation", "gate-red")])
def test_a_question_that_is_none_is_refused(shipped: str, wrong: tuple[str, str]) -> None:
    fine = {"--action": "read-file", "--kind": "file", "--role": "steward", "--folder": shipped} | dict([wrong])
    with pytest.raises(Malformed) as refused:
        run("explain", *(word for pair in fine.items() for word in pair))
    assert refused.value.code == "question_malformed"
