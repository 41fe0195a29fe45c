"""Every question there is, asked of the shipped policy for every set of roles that one person may hold."""

import time
from pathlib import Path

import pytest

from tunewarden.domain.access import DATA_READING, HARD_DENIES, KINDS, PolicySet, Rule
from tunewarden.domain.access_analysis import PROPERTIES, Question, changes, questions, role_sets, violations
from tunewarden.domain.access_compile import compiled, remarks
from tunewarden.domain.break_glass import OPENED_BY_IT
from tunewarden.domain.names import Action, Role
from tunewarden.drivers.access import CasbinAccess
from tunewarden.drivers.access_files import read_policy
from tunewarden.drivers.access_snapshot import Snapshot
from tunewarden.usecases.policy_questions import decide_by


@pytest.fixture(scope="module")
def rules(policies: Path) -> tuple[Rule, ...]:
    return tuple(read_policy(policies / "access" / "policy.csv"))


@pytest.fixture(scope="module")
def model(policies: Path) -> str:
    return (policies / "access" / "model.conf").read_text(encoding="utf-8")


def snapshot(rules: tuple[Rule, ...], model: str) -> Snapshot:
    return Snapshot(compiled(PolicySet(rules=rules), demanded=()), model)


def test_no_permitted_set_of_roles_breaks_a_property_in_any_situation(
    access: CasbinAccess, rules: tuple[Rule, ...]
) -> None:
    """Asked of what an allow is about; that the rest is allowed to nobody is a test of its own."""
    began = time.process_time()
    count, broken = violations(decide_by(access), role_sets(), questions(rules))
    assert count == len(role_sets()) * len(questions(rules)) > 90_000
    assert broken == []
    assert time.process_time() - began < 30


def test_being_an_administrator_too_gives_nobody_a_read_of_data(access: CasbinAccess) -> None:
    decide = decide_by(access)
    reading = [asked for asked in questions() if asked.action in DATA_READING]
    for roles in role_sets():
        if Role.ADMINISTRATOR in roles and len(roles) > 1:
            for asked in reading:
                assert decide(roles, asked) == decide(roles - {Role.ADMINISTRATOR}, asked)


def test_being_able_to_break_the_glass_too_gives_nobody_more_than_an_emergency_is_for(
    access: CasbinAccess, rules: tuple[Rule, ...]
) -> None:
    decide = decide_by(access)
    others = [asked for asked in questions(rules) if asked.action not in OPENED_BY_IT and asked.kind != "emergency"]
    for roles in role_sets():
        if Role.BREAK_GLASS in roles and len(roles) == 2:  # a rule is of one role, so two of them show it
            for asked in others:
                assert decide(roles, asked) == decide(roles - {Role.BREAK_GLASS}, asked)


@pytest.mark.parametrize(
    ("rule", "claim"),
    [
        ("anyone/approve-request/own", "nobody approves their own work"),
        ("anyone/take-adapter/purpose-differs", "nothing is read for another purpose"),
        ("anyone/approve-promotion/gate-red", "nothing is promoted on a red gate"),
        ("anyone/roll-back-model/gate-red", "nothing is promoted on a red gate"),
        ("anyone/roll-back-model/purpose-differs", "nothing is read for another purpose"),
        ("anyone/roll-back-model/own", "nobody approves their own work"),
    ],
)
def test_without_its_hard_deny_a_property_is_broken_and_an_example_says_so(
    rules: tuple[Rule, ...], model: str, rule: str, claim: str
) -> None:
    without = tuple(
        one._replace(condition="always") if one.id == "approver/approve-request/other" else one
        for one in rules
        if one.id != rule
    )
    _, broken = violations(decide_by(snapshot(without, model).decide), role_sets(), questions(without))
    assert [one.claim for one in broken] == [claim]
    assert broken[0].roles in role_sets()


@pytest.mark.parametrize(
    ("rule", "claim"),
    [
        (Rule("auditor", "retire-dataset", "dataset", "always", "allow"), "an auditor changes nothing"),
        (Rule("administrator", "read-dataset", "dataset", "always", "allow"), "an administrator reads no data"),
        (Rule("administrator", "take-file", "file", "always", "allow"), "an administrator reads no data"),
        (Rule("worker", "approve-request", "request", "other", "allow"), "a worker decides nothing"),
        (
            Rule("break-glass", "read-file", "file", "emergency-open", "allow"),
            "whoever breaks the glass does nothing but what an emergency is for",
        ),
        (
            Rule("break-glass", "suspend-request", "request", "always", "allow"),
            "whoever may break the glass does nothing before they do",
        ),
        (
            Rule("steward", "roll-back-model", "model", "other", "allow"),
            "nobody rolls a model back alone without an emergency",
        ),
    ],
)
def test_a_rule_too_many_is_found(rules: tuple[Rule, ...], model: str, rule: Rule, claim: str) -> None:
    _, broken = violations(decide_by(snapshot((*rules, rule), model).decide), role_sets(), questions((*rules, rule)))
    assert [one.claim for one in broken] == [claim]


def test_every_property_forbids_something_and_no_rule_of_the_policy_is_idle(rules: tuple[Rule, ...]) -> None:
    asked = questions(rules)
    for claimed in PROPERTIES:
        assert any(claimed.forbids(roles, one) for roles in role_sets() for one in asked), claimed.claim
    assert remarks(rules) == []
    assert set(rules) >= HARD_DENIES


def test_what_if_names_who_gains_and_who_loses_with_an_example_each(rules: tuple[Rule, ...], model: str) -> None:
    after = [one for one in rules if one.id != "steward/retire-dataset/always"]
    after += [
        Rule("requester", "read-file", "file", "other", "allow"),
        Rule("auditor", "read-file", "file", "own", "allow"),
    ]
    found = changes(
        decide_by(snapshot(rules, model).decide),
        decide_by(snapshot(tuple(after), model).decide),
        role_sets(),
        questions((*rules, *after)),
    )
    told = {("+".join(sorted(one.roles)), one.action, one.gains, str(one.example)) for one in found}
    assert told == {
        ("requester", "read-file", True, "read-file of a file, other"),
        ("auditor", "read-file", True, "read-file of a file, own"),
        ("steward", "retire-dataset", False, "retire-dataset of a dataset, own"),
    }


def test_a_change_that_only_two_roles_together_see_is_named_for_the_two(rules: tuple[Rule, ...], model: str) -> None:
    """A deny for one of them takes from the other what it allows."""
    after = (*rules, Rule("reviewer", "retire-dataset", "dataset", "always", "deny"))
    found = changes(
        decide_by(snapshot(rules, model).decide),
        decide_by(snapshot(after, model).decide),
        role_sets(),
        questions(after),
    )
    assert [(one.roles, one.action, one.gains) for one in found] == [
        (frozenset({Role.STEWARD, Role.REVIEWER}), Action.RETIRE_DATASET, False)
    ]


def test_the_same_policy_changes_nothing_for_anybody(access: CasbinAccess, rules: tuple[Rule, ...], model: str) -> None:
    again = snapshot(tuple(reversed(rules)), model)
    assert again.version == access.version
    assert changes(decide_by(access), decide_by(again.decide), role_sets(), questions(rules)) == []


def test_what_no_allow_is_about_is_not_allowed_to_anybody(access: CasbinAccess, rules: tuple[Rule, ...]) -> None:
    """So it is enough to ask about the rest."""
    decide, about = decide_by(access), set(questions(rules))
    assert not any(decide(frozenset(Role), asked) for asked in questions() if asked not in about)
    assert len(about) < len(questions()) / 5


def test_every_situation_is_asked_once() -> None:
    asked = questions()
    in_emergencies = len(OPENED_BY_IT) * len(KINDS) * 3 * 3 * 3 * 2
    assert len(asked) == len(set(asked)) == len(Action) * len(KINDS) * 3 * 3 * 3 * 2 + in_emergencies
    assert Question(action=Action.READ_FILE, kind="file", situation=("own",)) in asked
