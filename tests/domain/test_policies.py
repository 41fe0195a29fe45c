"""Two persons, one digest, one base; and roles that do not count yet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.access import HARD_DENIES, PolicySet, RoleLink, Rule
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, PlanMismatch, Refused, TunewardenError
from tunewarden.domain.names import Digest, PolicyId, PrincipalId, ProjectId, Role, project_id
from tunewarden.domain.policies import (
    Grant,
    PolicyState,
    PolicyVersion,
    decided,
    with_grants,
    with_hard_denies,
)

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
PEOPLE = [PrincipalId(name) for name in ("prn-1", "prn-2", "prn-3")]
DIGESTS = [Digest("sha256:" + letter * 64) for letter in "ab"]
VERSIONS = [PolicyId(name) for name in ("pol-1", "pol-2")]
SAID = PolicySet(rules=(*sorted(HARD_DENIES), Rule("reviewer", "review-sample", "review", "other", "allow")))

people, digests, ids = st.sampled_from(PEOPLE), st.sampled_from(DIGESTS), st.sampled_from(VERSIONS)
versions = st.builds(
    PolicyVersion,
    id=st.just(PolicyId("pol-9")),
    digest=digests,
    base=ids,
    proposed_by=people,
    proposed_at=st.just(NOW),
    report=digests,
    state=st.sampled_from(PolicyState),
)


@given(version=versions, by=people, digest=digests, report=digests, active=ids)
def test_a_version_comes_into_force_only_by_somebody_else_as_it_was_proposed_over_what_it_was_compared_with(
    version: PolicyVersion, by: PrincipalId, digest: Digest, report: Digest, active: PolicyId
) -> None:
    right = (
        version.state is PolicyState.PROPOSED
        and by != version.proposed_by
        and (digest, report) == (version.digest, version.report)
        and version.base == active
    )
    try:
        found = version.activate(by, digest, report, NOW, active)
    except TunewardenError:
        assert not right
    else:
        assert right
        assert found == replace(version, state=PolicyState.ACTIVE, activated_by=by, activated_at=NOW)


PROPOSED = PolicyVersion(
    id=PolicyId("pol-9"),
    digest=DIGESTS[0],
    base=VERSIONS[0],
    proposed_by=PEOPLE[0],
    proposed_at=NOW,
    report=DIGESTS[1],
)


@pytest.mark.parametrize(
    ("version", "by", "digest", "active", "kind", "code"),
    [
        (PROPOSED, PEOPLE[0], DIGESTS[0], VERSIONS[0], Refused, "own_policy"),
        (PROPOSED, PEOPLE[1], DIGESTS[1], VERSIONS[0], PlanMismatch, "policy_changed"),
        (PROPOSED, PEOPLE[1], DIGESTS[0], VERSIONS[1], Conflict, "policy_lapsed"),
        (replace(PROPOSED, state=PolicyState.LAPSED), PEOPLE[1], DIGESTS[0], VERSIONS[0], Conflict, "policy_lapsed"),
        (
            replace(PROPOSED, state=PolicyState.ACTIVE),
            PEOPLE[1],
            DIGESTS[0],
            VERSIONS[0],
            IllegalTransition,
            "policy_not_proposed",
        ),
    ],
)
def test_each_way_to_be_wrong_is_named(
    version: PolicyVersion,
    by: PrincipalId,
    digest: Digest,
    active: PolicyId,
    kind: type[TunewardenError],
    code: str,
) -> None:
    with pytest.raises(kind) as caught:
        version.activate(by, digest, DIGESTS[1], NOW, active)
    assert caught.value.code == code


def test_a_report_that_nobody_wrote_is_none_that_somebody_read() -> None:
    with pytest.raises(PlanMismatch):
        PROPOSED.activate(PEOPLE[1], DIGESTS[0], DIGESTS[0], NOW, VERSIONS[0])


def test_the_last_instant_of_a_day_is_not_in_it() -> None:
    one = grant(revoked_at=NOW + timedelta(hours=1))
    assert one.holds(NOW)
    assert not one.holds(NOW + timedelta(hours=1))


def grant(**changes: object) -> Grant:
    known = {
        "member": PEOPLE[1],
        "role": Role.REVIEWER,
        "project": ProjectId("*"),
        "granted_by": PEOPLE[0],
        "granted_at": NOW,
    }
    return Grant(**(known | changes))  # type: ignore[arg-type]


hours = st.integers(min_value=0, max_value=72).map(lambda number: timedelta(hours=number))


@given(given_for=hours, taken_back=st.none() | hours, asked=hours)
def test_a_grant_holds_from_when_it_was_given_until_it_was_taken_back(
    given_for: timedelta, taken_back: timedelta | None, asked: timedelta
) -> None:
    ended = None if taken_back is None else NOW + given_for + taken_back
    one = grant(granted_at=NOW + given_for, revoked_at=ended)
    assert one.holds(NOW + asked) == (given_for <= asked and (ended is None or NOW + asked < ended))


def test_what_is_decided_by_is_the_version_with_the_grants_that_stand() -> None:
    back = grant(role=Role.STEWARD, revoked_by=PEOPLE[0], revoked_at=NOW + timedelta(hours=2))
    whole = with_grants(SAID, [grant(), back])
    assert whole.links == (RoleLink("prn-2", "reviewer", "*"),)
    assert decided(SAID, [grant(), back]) == whole.digest() != SAID.digest()
    then = with_grants(SAID, [grant(), back], NOW + timedelta(hours=1))
    assert {link.role for link in then.links} == {"reviewer", "steward"}
    assert with_grants(SAID, [grant(), grant()]).links == whole.links


def test_grants_that_nobody_may_hold_together_are_not_decided_by() -> None:
    with pytest.raises(Malformed, match="nobody may together"):
        decided(SAID, [grant(), grant(role=Role.AUDITOR, project=ProjectId("prj-" + "0" * 32))])


def test_hard_denies_are_added_once() -> None:
    assert with_hard_denies(SAID).digest() == SAID.digest()
    assert frozenset(with_hard_denies(PolicySet(rules=SAID.rules[3:])).rules) >= HARD_DENIES


@pytest.mark.parametrize(
    "text", ["", "north clinic", "ann-smith", "prj-1", "*,*", "prj-" + "0" * 33, "PRJ-" + "0" * 32]
)
def test_a_project_has_no_name_that_somebody_typed(text: str) -> None:
    with pytest.raises(Malformed):
        project_id(text)
    assert project_id("*") == "*"
    assert project_id("prj-" + "0" * 32)
