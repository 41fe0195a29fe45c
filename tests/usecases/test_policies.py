"""The life of the access policy: proposed, compared, put in force by somebody else, and put back."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from tests.conftest import ADA, ANN, BOB, OTTO, PIA, REA, Stage, digest
from tests.usecases.governed import MORE, PAT, activated, govern, proposed, put_in_force, report_of, said
from tests.usecases.test_requests import ask

from tunewarden.domain.access import PolicySet, RoleLink, Rule
from tunewarden.domain.canonical import digest_of
from tunewarden.domain.errors import (
    Conflict,
    IllegalTransition,
    Malformed,
    NotFound,
    PlanMismatch,
    Refused,
    Unavailable,
)
from tunewarden.domain.events import ActionRefused
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action, PolicyId, Role
from tunewarden.domain.policies import PolicyState
from tunewarden.domain.policy_events import PolicyActivated, PolicyInstalled, PolicyProposed
from tunewarden.usecases import files, policies, requests
from tunewarden.usecases.ports import Platform, Principal, Resource

REQUEST = Resource(kind="request", id="ftjob-1", author=ANN.id)


@pytest.fixture
def platform(stage: Stage) -> Platform:
    return govern(stage)


def may(platform: Platform, who: Principal) -> bool:
    return platform.access(who, Action.READ_REQUEST, REQUEST).allowed


def told(stage: Stage, kind: type) -> list[object]:
    return [entry.event for entry in stage.entries() if isinstance(entry.event, kind)]


def test_the_shipped_policy_is_version_one_from_the_first_start_and_the_log_says_so(
    stage: Stage, platform: Platform
) -> None:
    version, text = policies.in_force(platform)
    assert told(stage, PolicyInstalled) == [
        PolicyInstalled(policy=version.id, digest=version.digest, decides=text.digest(), rules=len(text.rules))
    ]
    assert (version.state, version.base, version.digest) == (PolicyState.ACTIVE, None, text.digest())
    policies.install(platform.work, platform.view, platform.clock, platform.new_id, lambda: PolicySet(rules=()))
    assert len(told(stage, PolicyInstalled)) == 1


def test_a_policy_decides_only_once_a_second_person_put_exactly_it_in_force(stage: Stage, platform: Platform) -> None:
    version, report = proposed(platform, MORE)
    assert not may(platform, REA)
    assert [(shift.roles, shift.action, shift.gains) for shift in report.shifts] == [
        (frozenset({Role.REVIEWER}), Action.READ_REQUEST, True)
    ]
    assert report_of(version) == digest_of(report)
    with pytest.raises(Refused):
        put_in_force(platform, version, by=ADA)
    with pytest.raises(PlanMismatch):
        policies.activate(platform, PIA, version.id, digest("other"), report_of(version))
    with pytest.raises(PlanMismatch):
        policies.activate(platform, PIA, version.id, version.digest, digest("other"))
    assert not may(platform, REA)
    done = put_in_force(platform, version)
    assert may(platform, REA)
    assert (done.state, done.activated_by) == (PolicyState.ACTIVE, PIA.id)
    first = policies.listed(platform, OTTO)[0]
    assert first.state is PolicyState.SUPERSEDED
    assert told(stage, PolicyProposed) == [
        PolicyProposed(
            policy=version.id,
            digest=version.digest,
            base=first.id,
            report=report_of(version),
            restores=None,
            rules=len(said(platform).rules),
            gains=1,
            losses=0,
        )
    ]
    assert told(stage, PolicyActivated) == [
        PolicyActivated(
            policy=version.id,
            digest=version.digest,
            previous=first.id,
            report=report_of(version),
            decides=said(platform).digest(),
        )
    ]
    codes = [event.code for event in told(stage, ActionRefused) if isinstance(event, ActionRefused)]
    assert codes == ["access_denied", "policy_changed", "policy_changed"]


@pytest.mark.parametrize("who", [ANN, BOB, REA, OTTO, PIA])
def test_only_an_administrator_proposes(stage: Stage, platform: Platform, who: Principal) -> None:
    with pytest.raises(Refused):
        proposed(platform, MORE, by=who)
    assert told(stage, PolicyProposed) == []
    assert told(stage, ActionRefused)[-1] == ActionRefused(
        action=Action.PROPOSE_POLICY, resource="policy", code="access_denied", rule="no-rule-allows"
    )


@pytest.mark.parametrize("who", [ANN, BOB, REA, OTTO, ADA])
def test_only_a_privacy_officer_puts_one_in_force(platform: Platform, who: Principal) -> None:
    version, _ = proposed(platform, MORE)
    with pytest.raises(Refused):
        put_in_force(platform, version, by=who)


def test_nobody_puts_their_own_in_force_whatever_they_are_and_no_program_any(platform: Platform) -> None:
    both = Principal(id=ADA.id, roles=frozenset({Role.ADMINISTRATOR, Role.PRIVACY_OFFICER}))
    version, _ = proposed(platform, MORE, by=both)
    with pytest.raises(Refused, match="own"):
        put_in_force(platform, version, by=both)
    with pytest.raises(Refused, match="needs-a-person"):
        put_in_force(platform, version, by=replace(PIA, kind=PrincipalKind.SERVICE))


def test_a_proposal_lapses_when_another_version_comes_into_force(platform: Platform) -> None:
    one, _ = proposed(platform, MORE)
    other, _ = proposed(platform, Rule("reviewer", "read-model", "model", "always", "allow"))
    put_in_force(platform, one)
    assert policies.get(platform, OTTO, other.id)[0].state is PolicyState.LAPSED
    with pytest.raises(Conflict):
        put_in_force(platform, other)
    assert not platform.access(REA, Action.READ_MODEL, Resource(kind="model")).allowed
    with pytest.raises(IllegalTransition):
        put_in_force(platform, one)


def test_an_earlier_version_comes_back_by_two_persons_too(stage: Stage, platform: Platform) -> None:
    first = policies.in_force(platform)[0]
    activated(platform, MORE)
    with pytest.raises(Refused):
        policies.rollback(platform, PIA, first.id)
    back, report, _ = policies.rollback(platform, ADA, first.id)
    assert (back.digest, back.restores) == (first.digest, first.id)
    assert [(shift.action, shift.gains) for shift in report.shifts] == [(Action.READ_REQUEST, False)]
    assert may(platform, REA)
    with pytest.raises(Refused):
        put_in_force(platform, back, by=ADA)
    put_in_force(platform, back, by=PAT)
    assert not may(platform, REA)
    assert [event.restores for event in told(stage, PolicyProposed) if isinstance(event, PolicyProposed)] == [
        None,
        first.id,
    ]


def test_what_was_never_in_force_is_not_restored_and_what_is_in_force_not_proposed(platform: Platform) -> None:
    version, _ = proposed(platform, MORE)
    with pytest.raises(IllegalTransition, match="never in force"):
        policies.rollback(platform, ADA, version.id)
    with pytest.raises(IllegalTransition, match="in force"):
        proposed(platform)
    with pytest.raises(NotFound):
        policies.rollback(platform, ADA, PolicyId("pol-nothing"))


UNSOUND = {
    "an auditor changes nothing": Rule("auditor", "retire-dataset", "dataset", "always", "allow"),
    "an administrator reads no data": Rule("administrator", "read-dataset", "dataset", "always", "allow"),
    "a worker decides nothing": Rule("worker", "approve-request", "request", "other", "allow"),
}


@pytest.mark.parametrize("claim", UNSOUND)
def test_by_which_somebody_may_what_nobody_should_is_not_kept(stage: Stage, platform: Platform, claim: str) -> None:
    for attempt in (proposed, lambda platform, rule: policies.simulate(platform, ADA, with_rule(platform, rule))):
        with pytest.raises(Refused, match=claim) as caught:
            attempt(platform, UNSOUND[claim])
        assert caught.value.code == "policy_unsound"
    assert len(policies.listed(platform, OTTO)) == 1
    assert told(stage, PolicyProposed) == []


def with_rule(platform: Platform, rule: Rule) -> PolicySet:
    before = said(platform)
    return replace(before, rules=(*before.rules, rule))


@pytest.mark.parametrize("action", ["propose-policy", "activate-policy"])
def test_nobody_is_locked_out_of_changing_the_policy(platform: Platform, action: str) -> None:
    before = said(platform)
    fewer = replace(
        before, rules=tuple(rule for rule in before.rules if rule.effect == "deny" or rule.action != action)
    )
    with pytest.raises(Refused) as caught:
        policies.propose(platform, ADA, fewer)
    assert caught.value.code == "policy_locks_out"


@pytest.mark.parametrize(
    "fault",
    [
        Rule("anyone", "read-log", "log", "always", "allow"),
        Rule("steward", "*", "dataset", "always", "allow"),
        Rule("steward", "read-dataset", "dataset", "always", "Deny"),
        Rule("steward, auditor", "read-dataset", "dataset", "always", "allow"),
    ],
)
def test_a_fault_refuses_the_whole_proposal(platform: Platform, fault: Rule) -> None:
    with pytest.raises(Malformed, match="rule"):
        proposed(platform, MORE, fault)
    assert len(policies.listed(platform, OTTO)) == 1


def test_no_proposal_can_leave_a_hard_deny_out(platform: Platform) -> None:
    before = said(platform)
    for gone in [rule for rule in before.rules if rule.effect == "deny"][:3]:
        with pytest.raises(Malformed, match="hard deny"):
            policies.propose(platform, ADA, replace(before, rules=tuple(r for r in before.rules if r != gone)))


def test_names_in_a_proposal_are_names_of_ours(stage: Stage, platform: Platform) -> None:
    before, dataset = said(platform), stage.dataset().id
    rule = Rule("reviewer", "read-dataset", f"dataset/{dataset}", "always", "allow")
    fine = replace(
        before,
        rules=(*before.rules, rule),
        links=(RoleLink(REA.id, "night-shift"), RoleLink("night-shift", "steward")),
        groups=("night-shift",),
    )
    report = policies.simulate(platform, OTTO, fine)
    assert report.links_added == ("night-shift steward *", f"{REA.id} night-shift *")
    assert {(shift.action, shift.thing) for shift in report.shifts} == {(Action.READ_DATASET, f"dataset/{dataset}")}
    for wrong in (
        replace(fine, rules=(*before.rules, rule._replace(kind="dataset/ds-" + "0" * 32))),
        replace(fine, rules=(*before.rules, rule._replace(kind="key/prn-ann"))),
        replace(fine, rules=(*before.rules, rule._replace(project="north-clinic"))),
        replace(fine, links=(RoleLink("prn-nobody", "steward"),)),
        replace(fine, links=(RoleLink(REA.id, "steward", "north-clinic"),)),
        replace(fine, groups=("night-shift", "ward-7")),
    ):
        with pytest.raises(Malformed) as caught:
            policies.simulate(platform, OTTO, wrong)
        assert caught.value.code == "policy_names_unknown"
        assert "clinic" not in str(caught.value)


def test_the_log_of_the_last_ninety_days_is_asked_again(stage: Stage, platform: Platform) -> None:
    """Refusals that would be allowed, deeds that would be refused; what is older, or decided alike, is not named."""
    asked, _ = requests.submit(platform, ANN, ask(stage.dataset()))
    for days in (0, 91):
        stage.clock.advance(timedelta(days=days))
        with pytest.raises(NotFound):
            requests.get(platform, REA, asked.id)
        with pytest.raises(Refused):
            requests.approve(platform, ANN, asked.id, asked.plan.digest())
    files.upload(platform, ANN, filename="notes.csv", purpose="fine-tune", content=BytesIO(b"bytes"))
    refusals = [entry.index for entry in stage.entries() if isinstance(entry.event, ActionRefused)]
    replay = policies.simulate(platform, OTTO, with_rule(platform, MORE)).replay
    assert (replay.refusals, replay.allowed, replay.examples) == (2, 1, (refusals[2],))
    assert (replay.deeds, replay.refused) == (1, 0)
    before = said(platform)
    fewer = replace(before, rules=tuple(rule for rule in before.rules if rule.id != "requester/upload-file/always"))
    replay = policies.simulate(platform, OTTO, fewer).replay
    assert (replay.allowed, replay.refused) == (0, 1)
    assert stage.entries()[replay.examples[0]].event == stage.entries()[-1].event


def test_what_was_refused_for_another_reason_or_is_allowed_by_now_is_no_gain(stage: Stage, platform: Platform) -> None:
    asked, _ = requests.submit(platform, ANN, ask(stage.dataset()))
    with pytest.raises(NotFound):
        requests.get(platform, REA, asked.id)
    version, _ = proposed(platform, MORE)
    with pytest.raises(PlanMismatch):
        policies.activate(platform, PIA, version.id, digest("other"), report_of(version))
    before = said(platform)
    put_in_force(platform, version)
    replay = policies.simulate(platform, OTTO, before).replay
    assert (replay.refusals, replay.allowed, replay.refused, replay.examples) == (1, 0, 0, ())


def test_who_may_read_the_policy_reads_what_it_says_and_its_report_and_nobody_else(platform: Platform) -> None:
    version, report = proposed(platform, MORE)
    for who in (ADA, PIA, OTTO):
        found, text, document = policies.get(platform, who, version.id)
        assert (found, text.rules[-1]) == (version, MORE)
        assert isinstance(document, dict)
        assert document["digest"] == report.digest
    for who in (ANN, BOB, REA):
        for look in (
            lambda who: policies.get(platform, who, version.id),
            lambda who: policies.listed(platform, who),
        ):
            with pytest.raises(NotFound):
                look(who)
        with pytest.raises(Refused):
            policies.simulate(platform, who, said(platform))


def test_where_the_policy_is_in_files_it_has_no_life(stage: Stage, platform: Platform) -> None:
    with pytest.raises(Unavailable):
        policies.simulate(replace(platform, engine=None), OTTO, said(platform))
    with pytest.raises(Unavailable):
        policies.simulate(stage.platform, OTTO, said(platform))
