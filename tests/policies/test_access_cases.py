"""The access policy against its truth table, and the truth table against mutations of the policy."""

from itertools import chain, combinations, product
from pathlib import Path
from typing import Any

import pytest

from tunewarden.domain.duties import conflicting
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.access import CasbinAccess, read_policy
from tunewarden.usecases.ports import Principal, Resource

ME = PrincipalId("prn-me")
KINDS = ("file", "dataset", "request", "review", "model", "promotion", "log", "key")
AUTHORS = (ME, PrincipalId("prn-somebody"), None)
QUESTIONS = [
    (action, Resource(kind=kind, id="x", author=author)) for action, kind, author in product(Action, KINDS, AUTHORS)
]
READING = {action for action in Action if action.startswith("read-")} | {Action.TAKE_ADAPTER}


def permitted_role_sets() -> list[frozenset[Role]]:
    """Every set of roles that one principal may hold."""
    sets = chain.from_iterable(combinations(Role, size) for size in range(1, len(Role) + 1))
    return [frozenset(roles) for roles in sets if not conflicting(frozenset(roles))]


def allowed_to(access: CasbinAccess, roles: frozenset[Role]) -> set[tuple[Action, str, PrincipalId | None]]:
    who = Principal(id=ME, roles=roles)
    return {(action, thing.kind, thing.author) for action, thing in QUESTIONS if access(who, action, thing).allowed}


def test_every_case_of_the_truth_table_holds(access: CasbinAccess, cases: Any) -> None:
    assert [case for case in cases if not case.holds(access)] == []


def test_the_truth_table_asks_every_role_for_every_action_once_and_every_line_decides_a_case(
    policies: Path, cases: Any
) -> None:
    assert {(case.role, case.action) for case in cases} == set(product(Role, Action))
    assert len({case[:4] for case in cases}) == len(cases), "no case is asked twice"
    lines = {line.id for line in read_policy(policies / "access" / "policy.csv")}
    assert lines == {case.because for case in cases} - {"no-rule-allows"}


def test_deleting_any_line_of_the_policy_fails_a_case(policies: Path, cases: Any, tmp_path: Path) -> None:
    model, policy = policies / "access" / "model.conf", policies / "access" / "policy.csv"
    header, *lines = policy.read_text(encoding="utf-8").splitlines()
    unnoticed = []
    for index, line in enumerate(lines):
        (tmp_path / "policy.csv").write_text("\n".join([header, *lines[:index], *lines[index + 1 :]]) + "\n")
        mutant = CasbinAccess(model, tmp_path / "policy.csv")
        if all(case.holds(mutant) for case in cases):
            unnoticed.append(line)
    assert unnoticed == []


@pytest.mark.parametrize(
    ("old", "new"),
    [(",own,allow", ",always,allow"), (",other,allow", ",always,allow"), (",own,deny", ",other,deny")],
)
def test_loosening_a_condition_of_any_line_fails_a_case(
    policies: Path, cases: Any, tmp_path: Path, old: str, new: str
) -> None:
    model, policy = policies / "access" / "model.conf", policies / "access" / "policy.csv"
    lines = policy.read_text(encoding="utf-8").splitlines()
    places = [index for index, line in enumerate(lines) if line.endswith(old)]
    assert places
    for index in places:
        loosened = [*lines[:index], lines[index].replace(old, new), *lines[index + 1 :]]
        (tmp_path / "policy.csv").write_text("\n".join(loosened) + "\n")
        mutant = CasbinAccess(model, tmp_path / "policy.csv")
        assert not all(case.holds(mutant) for case in cases), lines[index]


def test_nobody_approves_their_own_work_whatever_roles_they_hold(access: CasbinAccess) -> None:
    everything = frozenset(Role)  # even somebody who should not exist
    approving = {Action.APPROVE_REQUEST, Action.APPROVE_PROMOTION, Action.APPROVE_PRUNE}
    approving |= {Action.REVIEW_SAMPLE, Action.ATTEST_REPORT}
    for roles in (*permitted_role_sets(), everything):
        own = {action for action, _, author in allowed_to(access, roles) if author == ME}
        assert not own & approving


def test_an_auditor_changes_nothing_and_a_worker_does_nothing_but_carry_out(access: CasbinAccess) -> None:
    assert {action for action, *_ in allowed_to(access, frozenset({Role.AUDITOR}))} <= READING
    assert {action for action, *_ in allowed_to(access, frozenset({Role.WORKER}))} == {
        Action.ADVANCE_JOB,
        Action.CARRY_OUT_ERASURE,
    }


def test_no_permitted_set_of_roles_can_both_ask_for_training_and_approve_it(access: CasbinAccess) -> None:
    for roles in permitted_role_sets():
        actions = {action for action, *_ in allowed_to(access, roles)}
        assert not {Action.SUBMIT_REQUEST, Action.APPROVE_REQUEST} <= actions
        assert not {Action.CREATE_KEY, Action.APPROVE_REQUEST} <= actions


def test_nobody_reads_the_uploads_of_somebody_else(access: CasbinAccess) -> None:
    for roles in permitted_role_sets():
        readable = {author for action, _, author in allowed_to(access, roles) if action is Action.READ_FILE}
        assert readable <= {ME}


def test_every_refusal_of_a_known_question_names_a_role_that_could(access: CasbinAccess, cases: Any) -> None:
    nobody = Principal(id=ME, roles=frozenset())
    for action, kind in {(case.action, case.kind) for case in cases}:
        decision = access(nobody, Action(action), Resource(kind=kind, id="x"))
        assert not decision.allowed
        assert set(decision.who.split(", ")) <= {*Role}
