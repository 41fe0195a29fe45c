"""A policy set with one fault is refused whole, and each fault is named by its place, never by its words."""

import gc
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.access import HARD_DENIES, PolicySet, RoleLink, Rule
from tunewarden.domain.access_compile import compiled, faults, remarks
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, Role

READ = Rule("steward", "read-dataset", "dataset", "always", "allow")
GROUPS = ("team", "blocked", "a", "b", "c")
DENY = Rule("blocked", "*", "*", "always", "deny")


def found(rules: Sequence[Rule], links: Sequence[RoleLink] = ()) -> list[str]:
    policy = PolicySet(rules=tuple(rules), links=tuple(links), groups=GROUPS)
    return [str(fault) for fault in faults(policy, graph=RoleGraph(policy.links, GROUPS), demanded=())]


def test_a_faultless_set_has_no_fault_and_its_digest_is_its_version() -> None:
    links = (
        RoleLink("prn-1", "team", "p1"),
        RoleLink("team", "steward", "p1"),
        RoleLink("prn-2", "blocked"),
        RoleLink("steward", "requester", "p2"),
    )
    rules = (
        READ,
        DENY,
        READ._replace(project="p1", condition="other+purpose-fits"),
        READ._replace(kind="dataset/ds-1", action="retire-dataset"),
    )
    policy = PolicySet(rules=rules, links=links, groups=GROUPS)
    assert found(rules, links) == []
    assert compiled(policy, demanded=()).version == policy.digest()


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (READ._replace(role="stewards"), "rule 2: the role is not one of administrator"),
        (READ._replace(role="*"), "rule 2: the role is not one of"),
        (READ._replace(role="blocked"), "rule 2: only a role is allowed something"),
        (READ._replace(role="anyone"), "rule 2: what everybody is allowed"),
        (READ._replace(action="read"), "rule 2: the action is not one of"),
        (READ._replace(action="*"), "rule 2: an allow names its action"),
        (READ._replace(kind="*"), "rule 2: an allow names its kind"),
        (READ._replace(kind="datasets"), "rule 2: the kind is not one of"),
        (READ._replace(kind="dataset/"), "rule 2: the kind is not one of"),
        (READ._replace(kind="dataset/A b"), "rule 2: the kind is not one of"),
        (READ._replace(condition="1==1"), "rule 2: the condition is not one of"),
        (READ._replace(condition=""), "rule 2: the condition is not one of"),
        (READ._replace(condition="own+"), "rule 2: the condition is not one of"),
        (READ._replace(condition="own+own"), "rule 2: the condition is not one of"),
        (READ._replace(condition="always+own"), "rule 2: the condition is not one of"),
        (READ._replace(condition="own+other"), "rule 2: the condition can never hold"),
        (READ._replace(effect="Deny"), "rule 2: the effect is not one of allow, deny"),
        (READ._replace(project=""), "rule 2: the project is not an id"),
        (READ._replace(project="mallory, admin, t1"), "rule 2: the project is not an id"),
        (READ._replace(project="p" * 65), "rule 2: the project is not an id"),
    ],
)
def test_a_rule_with_one_fault_is_named_and_its_words_are_not_repeated(rule: Rule, fault: str) -> None:
    said = found([DENY, rule], [RoleLink("prn-1", "blocked")])
    assert len(said) == 1
    assert said[0].startswith(fault)
    assert not any(word in said[0] for word in ("1==1", "mallory", "stewards", "A b"))


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        (RoleLink("mallory, admin, t1", "team"), "link 2: the member is not an id"),
        (RoleLink("mallory\np", "team"), "link 2: the member is not an id"),
        (RoleLink("Mallory", "team"), "link 2: the member is not an id"),
        (RoleLink("", "team"), "link 2: the member is not an id"),
        (RoleLink("*", "team"), "link 2: the member is not an id"),
        (RoleLink("anyone", "team"), "link 2: the member is not an id"),
        (RoleLink("prn-1", "anyone"), "link 2: it leads to no role"),
        (RoleLink("prn-1", "aprover"), "link 2: it leads to no role"),
        (RoleLink("prn-1", "prn-2"), "link 2: it leads to no role"),
        (RoleLink("prn-1", "team", "p 1"), "link 2: the project is not an id"),
        (RoleLink("team", "team"), "link 2: somebody holds themselves"),
    ],
)
def test_a_link_with_one_fault_is_named(link: RoleLink, fault: str) -> None:
    said = found([READ], [RoleLink("prn-9", "steward"), link])
    assert len(said) == 1
    assert said[0].startswith(fault)


@pytest.mark.parametrize("group", ["", "A", "anyone", "*", "steward", "prn-1", "a(b", "a, b"])
def test_a_group_by_another_name_than_its_own_is_refused(group: str) -> None:
    policy = PolicySet(rules=(READ,), groups=("team", group))
    with pytest.raises(Malformed, match=r"group 2: (the name is not an id|it has the name)"):
        compiled(policy, demanded=())


def test_a_group_without_members_is_no_fault() -> None:
    assert found([READ, DENY]) == []


def test_every_fault_is_named_at_once() -> None:
    said = found(
        [READ._replace(role="x"), READ, READ._replace(effect="Allow")], [RoleLink("", "x"), RoleLink("a", "anyone")]
    )
    assert [one.partition(":")[0] for one in said] == ["rule 1", "rule 3", "link 1", "link 2"]
    with pytest.raises(Malformed, match=r"rule 1: .*; rule 2: .*; and 5 more\. Mend it") as refused:
        compiled(PolicySet(rules=(READ._replace(role="x"),) * 25))
    assert (refused.value.code, refused.value.who) == ("access_policy_malformed", "administrator")


def test_a_circle_of_links_is_refused_and_its_links_are_named() -> None:
    links = [
        RoleLink("prn-1", "a"),
        RoleLink("a", "b", "p1"),
        RoleLink("b", "c"),
        RoleLink("c", "a", "p2"),
        RoleLink("c", "steward"),
    ]
    assert found([READ], links) == ["links 2, 3, 4: they lead in a circle"]


@pytest.mark.parametrize(
    ("links", "named"),
    [
        ([RoleLink("prn-1", "requester", "p1"), RoleLink("prn-1", "approver", "p2")], {1, 2}),
        ([RoleLink("prn-1", "team", "p1"), RoleLink("team", "worker"), RoleLink("prn-1", "steward")], {1, 3}),
        ([RoleLink("team", "auditor"), RoleLink("team", "reviewer")], {1, 2}),
        ([RoleLink("privacy-officer", "approver")], {1}),
        (
            [RoleLink("prn-1", "a"), RoleLink("a", "b"), RoleLink("b", "administrator"), RoleLink("a", "approver")],
            {1, 2, 4},
        ),
    ],
)
def test_roles_that_one_person_may_not_hold_together_are_refused_over_all_projects(
    links: list[RoleLink], named: set[int]
) -> None:
    said = found([READ], links)
    assert {one.partition(":")[0] for one in said} == {f"link {number}" for number in named}
    assert all("which nobody may together" in one and "prn-1" not in one for one in said)


def test_the_hard_denies_are_demanded_of_every_set_with_their_kind() -> None:
    told = sorted(HARD_DENIES)
    compiled(PolicySet(rules=(READ, *told)))
    for rule in told:
        others = tuple(one for one in told if one != rule)
        for instead in ((), (rule._replace(kind="key"),), (rule._replace(project="p1"),)):
            with pytest.raises(Malformed, match=f"the hard deny {rule.id} is missing"):
                compiled(PolicySet(rules=(READ, *others, *instead)))


def test_two_rules_that_a_decision_could_not_tell_apart_and_no_rule_at_all_are_refused() -> None:
    assert found([READ, READ]) == ["the file: two lines have the same role, action and condition"]
    assert found([READ, READ._replace(kind="file")]) == ["the file: two lines have the same role, action and condition"]
    assert found([]) == ["the file: there is no line"]
    assert found([READ], [RoleLink("prn-1", "steward")] * 2) == ["the links: a link stands twice"]


def test_rules_that_change_nothing_are_remarked_on() -> None:
    rules = (
        READ,
        READ._replace(condition="own"),
        READ._replace(project="p1"),
        Rule("approver", "read-model", "model", "other", "allow"),
        Rule("anyone", "read-model", "model", "always", "deny", "*"),
        Rule("requester", "read-model", "model", "own", "allow", "p1"),
        Rule("requester", "submit-request", "request", "always", "allow"),
        Rule("anyone", "*", "request", "own", "deny"),
        Rule("auditor", "read-log", "log", "always", "allow"),
        Rule("auditor", "read-log", "log", "other", "deny"),
    )
    assert {(one.rule, one.what) for one in remarks(rules)} == {
        ("steward/read-dataset/own", "says no more than steward/read-dataset/always"),
        ("steward/read-dataset/always@p1", "says no more than steward/read-dataset/always"),
        ("approver/read-model/other", "is undone by anyone/read-model/always"),
        ("requester/read-model/own@p1", "is undone by anyone/read-model/always"),
    }


RULES = st.builds(
    Rule,
    st.sampled_from([*Role, "anyone"]),
    st.sampled_from([*Action, "*"]),
    st.sampled_from(["dataset", "request", "dataset/ds-1", "*"]),
    st.sampled_from(["always", "own", "other", "other+gate-green"]),
    st.sampled_from(["allow", "deny"]),
    st.sampled_from(["*", "p1", "p2"]),
)


@given(st.lists(RULES, unique=True, max_size=8), st.data())
def test_the_digest_is_of_what_is_said_and_not_of_its_order(rules: list[Rule], data: st.DataObject) -> None:
    again = data.draw(st.permutations(rules))
    policy = PolicySet(rules=tuple(rules))
    assert policy.digest() == PolicySet(rules=tuple(again)).digest()
    for index in range(len(rules)):
        assert PolicySet(rules=tuple(rules[:index] + rules[index + 1 :])).digest() != policy.digest()


@given(st.lists(RULES, unique=True, max_size=12))
def test_ids_are_different_wherever_rules_of_one_kind_are(rules: list[Rule]) -> None:
    one_effect = {rule._replace(effect="deny", kind="dataset") for rule in rules}
    assert len({rule.id for rule in one_effect}) == len(one_effect)


@pytest.mark.parametrize("was_on", [True, False])
@pytest.mark.parametrize("rules", [(), HARD_DENIES])
def test_the_collector_of_garbage_is_afterwards_as_it_was(was_on: bool, rules: tuple[Rule, ...]) -> None:
    """Of a set that is refused too: one that is never on again would let the process grow for ever."""
    (gc.enable if was_on else gc.disable)()
    try:
        with suppress(Malformed):
            compiled(PolicySet(rules=tuple(rules)))
        assert gc.isenabled() is was_on
    finally:
        gc.enable()
