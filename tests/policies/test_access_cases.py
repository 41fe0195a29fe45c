"""The access policy against its truth table, and the truth table against mutations of the policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from tunewarden.domain.access import (
    ANYONE,
    APPROVING,
    HELD_BACK,
    KINDS,
    PURPOSE_BOUND,
    READING,
    PolicySet,
    Rule,
)
from tunewarden.domain.access_analysis import role_sets
from tunewarden.domain.access_compile import compiled
from tunewarden.domain.access_kinds import KIND_OF
from tunewarden.domain.access_predicates import ALWAYS, named
from tunewarden.domain.break_glass import OPENED_BY_IT
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.access import CasbinAccess
from tunewarden.drivers.access_files import read_policy
from tunewarden.drivers.access_snapshot import Snapshot
from tunewarden.usecases.ports import Principal, Resource

ME = PrincipalId("prn-me")
AUTHORS = (ME, PrincipalId("prn-somebody"), None)
QUESTIONS = [
    (action, Resource(kind=kind, id="x", author=author)) for action, kind, author in product(Action, KINDS, AUTHORS)
]


def allowed_to(access: CasbinAccess, roles: frozenset[Role]) -> set[tuple[Action, str, PrincipalId | None]]:
    who = Principal(id=ME, roles=roles)
    return {(action, thing.kind, thing.author) for action, thing in QUESTIONS if access(who, action, thing).allowed}


def test_every_case_of_the_truth_table_holds(access: CasbinAccess, cases: Any) -> None:
    assert [case for case in cases if not case.holds(access)] == []


def test_the_truth_table_asks_every_role_for_every_action_on_own_and_others_work_and_every_line_decides_a_case(
    policies: Path, cases: Any
) -> None:
    asked = {(case.role, case.action, case.relation) for case in cases}
    assert set(product(Role, Action, ("own", "other"))) - asked == set()
    assert len({case[:4] for case in cases}) == len(cases), "no case is asked twice"
    lines = {line.id for line in read_policy(policies / "access" / "policy.csv")}
    assert lines == {case.because for case in cases} - {"no-rule-allows"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """The policy with one rule changed, as somebody might by mistake or not."""

    what: str
    action: str
    rules: tuple[Rule, ...]

    def is_caught(self, model: str, cases: Any) -> bool:
        """Refused whole, or some case comes out otherwise. No case of another action can."""
        try:
            snapshot = Snapshot(compiled(PolicySet(rules=self.rules), demanded=()), model)
        except Malformed:
            return True
        return not all(case.holds(snapshot.decide) for case in cases if case.action == self.action)


def mutants(rules: tuple[Rule, ...]) -> Iterator[Mutant]:
    for index, rule in enumerate(rules):
        for what, instead in _changed(rule):
            yield Mutant(
                what=f"{rule.id}: {what}", action=rule.action, rules=(*rules[:index], *instead, *rules[index + 1 :])
            )


def _changed(rule: Rule) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    yield "dropped", ()
    yield "turned round", (rule._replace(effect="deny" if rule.effect == "allow" else "allow"),)
    for wider in {*named(rule.condition), ALWAYS} - {rule.condition}:
        yield f"only {wider}", (rule._replace(condition=wider),)
    for pair in ({"own", "other"}, {"purpose-differs", "purpose-fits"}, {"gate-red", "gate-green"}):
        if rule.condition in pair:
            yield "the opposite", (rule._replace(condition=(pair - {rule.condition}).pop()),)
    for role in Role:
        if rule.role == ANYONE:
            yield f"for {role} only", (rule._replace(role=role),)
        elif role != rule.role:
            yield f"for {role} too", (rule, rule._replace(role=role))


def test_the_truth_table_asks_every_role_for_what_the_server_may_state_of_a_thing(cases: Any) -> None:
    asked = {(case.role, case.action, case.relation) for case in cases}
    for actions, words in (
        (PURPOSE_BOUND, ("purpose-fits", "purpose-differs")),
        ({Action.APPROVE_PROMOTION, Action.ROLL_BACK_MODEL}, ("gate-green", "gate-red")),
        (HELD_BACK, ("legal-hold",)),
        (OPENED_BY_IT, ("emergency-open",)),
    ):
        wanted = {(role, action, f"other+{word}") for role in Role for action in actions for word in words}
        assert wanted - asked == set()


def test_of_all_changes_to_one_rule_the_truth_table_catches_95_in_100_and_every_dropped_or_turned_one(
    policies: Path, cases: Any
) -> None:
    model = (policies / "access" / "model.conf").read_text(encoding="utf-8")
    rules = tuple(read_policy(policies / "access" / "policy.csv"))
    made = list(mutants(rules))
    unnoticed = [mutant.what for mutant in made if not mutant.is_caught(model, cases)]
    assert len(made) > 600
    assert [what for what in unnoticed if what.endswith(("dropped", "turned round"))] == []
    assert len(unnoticed) <= 0.05 * len(made), unnoticed


def test_nobody_approves_their_own_work_whatever_roles_they_hold(access: CasbinAccess) -> None:
    everything = frozenset(Role)  # even somebody who should not exist
    for roles in (*role_sets(), everything):
        own = {action for action, _, author in allowed_to(access, roles) if author == ME}
        assert not own & APPROVING


def test_an_auditor_changes_nothing_and_a_worker_does_nothing_but_carry_out(access: CasbinAccess) -> None:
    assert {action for action, *_ in allowed_to(access, frozenset({Role.AUDITOR}))} <= READING
    assert {action for action, *_ in allowed_to(access, frozenset({Role.WORKER}))} == {
        Action.ADVANCE_JOB,
        Action.CARRY_OUT_ERASURE,
        Action.EXPIRE_FILE,
    }


def test_no_permitted_set_of_roles_can_both_ask_for_training_and_approve_it(access: CasbinAccess) -> None:
    for roles in role_sets():
        actions = {action for action, *_ in allowed_to(access, roles)}
        assert not {Action.SUBMIT_REQUEST, Action.APPROVE_REQUEST} <= actions
        assert not {Action.CREATE_KEY, Action.APPROVE_REQUEST} <= actions


def test_nobody_reads_takes_or_deletes_the_uploads_of_somebody_else(access: CasbinAccess) -> None:
    personal = {Action.READ_FILE, Action.TAKE_FILE, Action.DELETE_FILE}
    for roles in role_sets():
        authors = {author for action, _, author in allowed_to(access, roles) if action in personal}
        assert authors <= {ME}


def test_every_refusal_of_a_known_question_names_a_role_that_could(access: CasbinAccess, cases: Any) -> None:
    nobody = Principal(id=ME, roles=frozenset())
    for action, kind in {(case.action, case.kind) for case in cases}:
        decision = access(nobody, Action(action), Resource(kind=kind, id="x"))
        assert not decision.allowed
        assert set(decision.who.split(", ")) <= {*Role}


def test_every_action_is_done_to_the_one_kind_of_thing_that_the_truth_table_says(cases: list[Any]) -> None:
    assert {(case.action, case.kind) for case in cases} == set(KIND_OF.items())
    assert set(KIND_OF) == set(Action)
    assert set(KIND_OF.values()) == KINDS
