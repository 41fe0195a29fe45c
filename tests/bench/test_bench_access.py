"""Access decisions: one of them at any size of policy, a new policy while others are decided, and no wrong answer."""

import statistics
import threading
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from random import Random

import pytest
from tests.bench.conftest import Rows, seconds
from tests.drivers.access_reference import Reference, request, worlds

from tunewarden.domain.access import PolicySet, RoleLink, Rule
from tunewarden.domain.access_compile import compiled
from tunewarden.domain.names import Action, Digest, PrincipalId, Role
from tunewarden.drivers.access_files import Stored
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.access_snapshot import Snapshot
from tunewarden.usecases.ports import Decision, Principal, Resource

pytestmark = pytest.mark.bench

MODEL = (Path(__file__).parents[2] / "policies" / "access" / "model.conf").read_text(encoding="utf-8")
SIZES = (100, 1_000, 10_000, 100_000)
IN_A_PROJECT = 100
ASKED = 20_000
ACTIONS = {
    Action.READ_DATASET: "dataset",
    Action.RETIRE_DATASET: "dataset",
    Action.SUBMIT_REQUEST: "request",
    Action.READ_REQUEST: "request",
    Action.APPROVE_REQUEST: "request",
    Action.READ_MODEL: "model",
    Action.APPROVE_PROMOTION: "promotion",
    Action.READ_FILE: "file",
}
Question = tuple[Principal, Action, Resource]
NEWER = Digest("sha256:" + "0" * 64)


def policy(size: int) -> PolicySet:
    """So many rules and as many links, a hundred of each in a project; one rule in twenty denies."""
    cells = list(product(Role, ACTIONS, ("own", "other", "always")))[:IN_A_PROJECT]
    rules, links = [], []
    for project in range(size // IN_A_PROJECT):
        for number, (role, action, condition) in enumerate(cells):
            effect = "deny" if number % 20 == 19 else "allow"
            rules.append(Rule(role.value, action.value, ACTIONS[action], condition, effect, f"p{project}"))
        links += [RoleLink(f"prn-{project}-{n}", list(Role)[n % 8].value, f"p{project}") for n in range(IN_A_PROJECT)]
    return PolicySet(rules=tuple(rules), links=tuple(links))


def asked(size: int, count: int) -> list[Question]:
    """Anybody of any project, about anything there."""
    dice = Random(7)
    made = []
    for _ in range(count):
        project = dice.randrange(max(1, size // IN_A_PROJECT))
        action = dice.choice(list(ACTIONS))
        who = PrincipalId(f"prn-{project}-{dice.randrange(IN_A_PROJECT)}")
        author = dice.choice((who, PrincipalId("prn-other"), None))
        thing = Resource(kind=ACTIONS[action], id="x", author=author, project=f"p{project}")
        made.append((Principal(id=who, roles=frozenset()), action, thing))
    return made


def microseconds(snapshot: Snapshot, questions: Sequence[Question], *, keep: bool) -> list[float]:
    """Of each decision; without `keep`, Casbin judges every one."""
    times = []
    for question in questions:
        if not keep:
            snapshot._answer.cache_clear()
        began = time.perf_counter()
        snapshot.decide(*question)
        times.append((time.perf_counter() - began) * 1e6)
    return sorted(times)


def test_how_long_a_decision_takes_however_large_the_policy(rows: Rows) -> None:
    judged = {}
    for size in SIZES:
        snapshot, questions = Snapshot(compiled(policy(size), demanded=()), MODEL), asked(size, ASKED)
        first = microseconds(snapshot, questions, keep=False)
        again = microseconds(snapshot, questions, keep=False)
        microseconds(snapshot, questions, keep=True)
        kept = microseconds(snapshot, questions, keep=True)
        judged[size] = statistics.median(again)
        name = f"one decision, {size:,} rules and links"
        p99 = again[int(0.99 * ASKED)]
        rows.add(f"{name}: p50", [judged[size]], unit="us", goal=100, bound="at_most", baseline="Casbin judges each")
        rows.add(
            f"{name}: p99",
            [p99],
            unit="us",
            goal=150,
            bound="at_most",
            baseline=f"first round {first[ASKED // 2]:.0f} / {first[int(0.99 * ASKED)]:.0f} us; answers kept "
            f"{kept[ASKED // 2]:.1f} / {kept[int(0.99 * ASKED)]:.0f} us",
        )
        if size == SIZES[-1]:
            rows.add("a decision whose answer is kept: p50", [kept[ASKED // 2]], unit="us", goal=2, bound="at_most")
    growth = judged[SIZES[-1]] / judged[SIZES[0]]
    rows.add("one decision, 100,000 rules over 100: p50", [growth], unit="x", goal=1.5, bound="at_most")


def test_how_long_a_list_of_two_hundred_things_takes_to_filter(rows: Rows) -> None:
    snapshot = Snapshot(compiled(policy(100_000), demanded=()), MODEL)
    who = Principal(id=PrincipalId("prn-7-0"), roles=frozenset())

    def filtered(number: int) -> float:
        things = [Resource(kind="dataset", id=f"ds-{number}-{one}", project=f"p{one % 20}") for one in range(200)]
        return 1000 * seconds(
            lambda: [thing for thing in things if snapshot.decide(who, Action.READ_DATASET, thing).allowed]
        )

    times = [filtered(number) for number in range(10)]
    rows.add("200 things of 20 projects filtered, 100,000 rules", times, unit="ms", goal=10, bound="at_most")


def test_how_long_the_first_decision_takes_with_all_links_in_one_project(rows: Rows) -> None:
    groups = tuple(f"g{number}" for number in range(50))
    links = [RoleLink(f"g{number}", f"g{number + 1}", "p0") for number in range(49)]
    links += [RoleLink("g49", "steward", "p0")]
    links += [RoleLink(f"prn-0-{number}", "g0" if number % 2 else "steward", "p0") for number in range(100_000)]
    made = PolicySet(rules=policy(100).rules, links=tuple(links), groups=groups)
    question = (
        Principal(id=PrincipalId("prn-0-1"), roles=frozenset()),
        Action.READ_FILE,
        Resource(kind="file", project="p0"),
    )

    def first() -> Decision:
        return Snapshot(compiled(made, demanded=()), MODEL).decide(*question)

    times = [seconds(first) for _ in range(3)]
    rows.add("first decision, 100,000 links in one project, 50 deep", times, unit="s", goal=0.5, bound="at_most")


def test_how_long_a_new_policy_takes_to_be_decided_by(rows: Rows) -> None:
    made = policy(100_000)
    times = [seconds(lambda: Snapshot(compiled(made, demanded=()), MODEL)) for _ in range(3)]
    rows.add("100,000 new rules and links, checked and ready", times, unit="s", goal=0.5, bound="at_most")


class Stores:
    """Two policies by turns; both say the same of what is asked, and only the noise differs."""

    def __init__(self, *sets: PolicySet) -> None:
        self._ready = [compiled(one, demanded=()) for one in sets]
        self.number = 0

    def stamp(self) -> str:
        return str(self.number)

    def read(self) -> Stored:
        return Stored(stamp=self.stamp(), model=MODEL, compiled=self._ready[self.number % len(self._ready)])


def test_of_a_million_decisions_while_policies_are_published_none_is_wrong(rows: Rows) -> None:
    base = policy(1_000)
    noise = tuple(Rule("reviewer", "read-log", "log", "always", "allow", f"x{number}") for number in range(200))
    store = Stores(base, PolicySet(rules=base.rules + noise, links=base.links))
    access = LiveAccess(store)
    questions = asked(1_000, 2_000)
    right = [access(*question).allowed for question in questions]
    wrong = [0] * 4

    def ask(number: int) -> None:
        for _ in range(125):
            wrong[number] += sum(
                access(*question).allowed != answer for question, answer in zip(questions, right, strict=True)
            )

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        store.number += 1
        access.at_least(NEWER)
        time.sleep(0.2)
    assert 4 * 125 * len(questions) == 1_000_000
    rows.add(
        "wrong answers of 1,000,000, 4 threads",
        [sum(wrong)],
        unit="decisions",
        goal=0,
        bound="at_most",
        baseline=f"{store.number:,} new policies meanwhile",
    )


def test_of_a_hundred_thousand_random_decisions_none_differs_from_plain_casbin(rows: Rows) -> None:
    differences = count = 0
    for world, dice in worlds(1, 20_000):
        snapshot, reference = Snapshot(compiled(world.policy, demanded=()), MODEL), Reference(MODEL, world)
        for _ in range(5):
            question = request(dice, world)
            count += 1
            differences += snapshot.decide(*question).allowed != reference.allows(*question)
    assert count == 100_000
    rows.add("differences from plain Casbin of 100,000", [differences], unit="decisions", goal=0, bound="at_most")
