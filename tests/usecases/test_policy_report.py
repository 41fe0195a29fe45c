"""The what-if is asked everywhere where rules can tell something apart, whatever projects and things are called."""

from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings, strategies as st
from tests.conftest import NOW, POLICIES, Stage
from tests.usecases.governed import govern, said

from tunewarden.domain.access import HARD_DENIES, PolicySet, RoleLink, Rule
from tunewarden.domain.access_analysis import PROPERTIES, Question, changes, questions, role_sets
from tunewarden.domain.access_compile import compiled
from tunewarden.domain.access_kinds import KIND_OF
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.names import Action, PolicyId, Role
from tunewarden.drivers.access_snapshot import Snapshot
from tunewarden.usecases import policy_report
from tunewarden.usecases.policy_questions import EVERYWHERE, Place, asked_at, decide_by, differing, places
from tunewarden.usecases.policy_report import WhatIf, what_if
from tunewarden.usecases.ports import Access, Platform

MODEL = (POLICIES / "access" / "model.conf").read_text(encoding="utf-8")


@pytest.fixture
def platform(stage: Stage) -> Platform:
    return govern(stage)


def compared(platform: Platform, *rules: Rule) -> WhatIf:
    before = said(platform)
    assert platform.engine is not None
    with platform.view() as view:
        after = replace(before, rules=(*before.rules, *rules))
        return what_if(platform.engine, view, PolicyId("pol-1"), before, after, NOW)


def test_who_gains_in_one_project_or_of_one_thing_is_told_there(platform: Platform) -> None:
    report = compared(
        platform,
        Rule("reviewer", "read-model", "model", "always", "allow", "prj-1"),
        Rule("reviewer", "read-request", "dataset/ds-1", "other", "allow"),
        Rule("steward", "read-dataset", "dataset", "always", "deny", "prj-2"),
    )
    told = {("+".join(sorted(one.roles)), one.action, one.gains, one.project, one.thing) for one in report.shifts}
    assert {
        ("reviewer", "read-model", True, "prj-1", ""),
        ("reviewer", "read-request", True, "*", "dataset/ds-1"),
        ("steward", "read-dataset", False, "prj-2", ""),
    } <= told
    assert {(project, thing) for *_, project, thing in told} == {("prj-1", ""), ("*", "dataset/ds-1"), ("prj-2", "")}


@pytest.mark.parametrize(
    "rule",
    [
        Rule("auditor", "retire-dataset", "dataset", "always", "allow", "prj-1"),
        Rule("auditor", "retire-dataset", "dataset/ds-1", "always", "allow"),
        Rule("auditor", "cancel-request", "dataset/ds-1", "always", "allow", "prj-1"),
        Rule("worker", "approve-request", "model/mdl-1", "other", "allow"),
    ],
)
def test_what_nobody_may_is_found_in_a_project_and_of_a_thing(platform: Platform, rule: Rule) -> None:
    with pytest.raises(Refused) as caught:
        compared(platform, rule)
    assert caught.value.code == "policy_unsound"


def test_no_other_rule_about_the_wrong_kind_of_thing_hides_it(platform: Platform) -> None:
    rule = Rule("auditor", "cancel-request", "dataset/ds-1", "always", "allow")
    hiding = [Rule("anyone", "cancel-request", kind, "always", "deny") for kind in ("file", "dataset", "model")]
    with pytest.raises(Refused):
        compared(platform, rule, *hiding)


def test_places_that_differ_in_their_name_only_are_asked_about_once(platform: Platform) -> None:
    alike = [Rule("reviewer", "read-model", "model", "always", "allow", f"prj-{number}") for number in range(500)]
    before = said(platform).rules
    assert list(places(before, (*before, *alike))) == [EVERYWHERE, Place(project="prj-0")]
    other = Rule("steward", "read-model", "model", "always", "deny", "prj-7")
    assert {one.project for one in places(before, (*before, *alike, other))} == {"*", "prj-0", "prj-7"}
    assert compared(platform, *alike).count(gains=True) > 0


def test_places_in_which_something_else_is_allowed_are_all_asked_about() -> None:
    rule = Rule("reviewer", "read-model", "model", "always", "allow", "prj-0")
    others = [
        rule._replace(role="steward"),
        rule._replace(action="read-lineage"),
        rule._replace(kind="model/mdl-1"),
        rule._replace(condition="own"),
        rule._replace(effect="deny"),
    ]
    differing = [other._replace(project=f"prj-{number}") for number, other in enumerate(others, 1)]
    assert {one.project for one in places((rule, *differing))} == {"*", *(f"prj-{number}" for number in range(6))}


def test_a_policy_that_is_something_else_everywhere_is_not_asked_by_halves(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_report, "MOST_DECISIONS", 1_000)
    with pytest.raises(Malformed, match="1000 questions"):
        compared(platform, Rule("reviewer", "read-model", "model", "always", "allow"))


actions = st.sampled_from([Action.RETIRE_DATASET, Action.READ_DATASET, Action.APPROVE_REQUEST, Action.READ_REQUEST])
ROLES = [Role.AUDITOR, Role.STEWARD, Role.APPROVER]
rules = st.lists(
    st.builds(
        lambda role, action, thing, condition, effect, project: Rule(
            role, action, thing or KIND_OF[action], condition, effect, project
        ),
        st.sampled_from(ROLES),
        actions,
        st.sampled_from(["", "", "dataset/ds-1", "dataset/ds-2"]),
        st.sampled_from(["always", "other", "own"]),
        st.sampled_from(["allow", "allow", "deny"]),
        st.sampled_from(["*", "prj-1", "prj-2"]),
    ),
    max_size=6,
    unique_by=lambda rule: (rule.role, rule.action, rule.kind, rule.condition, rule.project),
)


def broken_at(access: Access, where: Place, asked: list[Question]) -> set[str]:
    decide = decide_by(access, where)
    return {
        claimed.claim
        for roles in role_sets()
        if len(roles) == 1 and roles <= set(ROLES)
        for question in asked
        for claimed in PROPERTIES
        if claimed.forbids(roles, question) and decide(roles, question)
    }


@given(more=rules)
@settings(max_examples=40)
def test_what_is_broken_anywhere_is_broken_where_is_asked(more: list[Rule]) -> None:
    """Held against asking everything at every combination of project and thing, names included."""
    policy = PolicySet(rules=(*sorted(HARD_DENIES), *more))
    access = Snapshot(compiled(policy), MODEL).decide
    every = [
        one for one in questions() if one.action in {rule.action for rule in more} and one.kind == KIND_OF[one.action]
    ]
    every = [one for one in every if len(one.situation) == 1]
    spots = [
        Place(project=project, thing=thing)
        for project in ("*", "prj-1", "prj-2", "prj-3")
        for thing in ("", "dataset/ds-1", "dataset/ds-2", "dataset/ds-3")
    ]
    everywhere = set().union(*(broken_at(access, where, every) for where in spots))
    told = set().union(
        *(broken_at(access, where, list(asked_at(policy.rules, where))) for where in places(policy.rules))
    )
    assert everywhere <= told


NOT_OWN = Rule("anyone", "*", "*", "own", "deny")
READ = Rule("steward", "read-dataset", "dataset", "always", "allow")
general = st.lists(
    st.sampled_from(
        [
            Rule("auditor", "*", "dataset", "other", "deny"),
            NOT_OWN,
            Rule("steward", "*", "dataset/ds-1", "always", "deny"),
            Rule("approver", "approve-request", "*", "other", "deny", "prj-1"),
        ]
    ),
    max_size=2,
    unique=True,
)
linked = st.sampled_from([(), (), (RoleLink("approver", "steward"),)])


@given(shared=rules, mine=rules, others=rules, denied=general, links=linked)
@example(shared=[READ], mine=[], others=[], denied=[NOT_OWN], links=())
@settings(max_examples=25)
def test_only_what_two_policies_may_answer_differently_is_asked_to_compare_them(
    shared: list[Rule], mine: list[Rule], others: list[Rule], denied: list[Rule], links: tuple[RoleLink, ...]
) -> None:
    """Held against asking both of everything."""
    before = PolicySet(rules=tuple(dict.fromkeys((*sorted(HARD_DENIES), *shared, *mine))))
    after = PolicySet(rules=tuple(dict.fromkeys((*before.rules[: -len(mine) or None], *others, *denied))), links=links)
    assume(all(len({one.id for one in policy.rules}) == len(policy.rules) for policy in (before, after)))
    was, would = (Snapshot(compiled(policy), MODEL).decide for policy in (before, after))
    sets = [frozenset({role}) for role in ROLES]
    for where in places(before.rules, after.rules):
        asked = asked_at((*before.rules, *after.rules), where)
        told = differing(before, after, asked)
        assert set(told) <= set(asked)
        assert changes(decide_by(was, where), decide_by(would, where), sets, told) == changes(
            decide_by(was, where), decide_by(would, where), sets, asked
        )
