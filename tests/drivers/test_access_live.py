"""A permission that was taken back is seen: within two seconds by itself, at once by its version, and never unseen."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewarden.domain.access import LOW_RISK
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.access import CasbinAccess
from tunewarden.drivers.access_live import STALE_SECONDS
from tunewarden.usecases.ports import Decision, Principal, Resource

MODEL = Path(__file__).parents[2] / "policies" / "access" / "model.conf"
HEADER = "role,action,kind,condition,effect\n"
READ, LINEAGE = "steward,read-dataset,dataset,always,allow\n", "steward,read-lineage,model,always,allow\n"
STEWARD = Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.STEWARD}))
DATASET, A_MODEL = Resource(kind="dataset", id="ds-1"), Resource(kind="model", id="mdl-1")


class House:
    """A policy file that can be changed, a clock that stands still, and an engine over both."""

    def __init__(self, path: Path) -> None:
        self.path, self.now, self.alarms = path, 0.0, list[tuple[str, str]]()
        self.write(HEADER + READ + LINEAGE)
        self.access = self.engine()

    def engine(self, clock: Callable[[], float] | None = None) -> CasbinAccess:
        return CasbinAccess(
            MODEL,
            self.path,
            demanded=(),
            alarm=lambda what, code: self.alarms.append((what, code)),
            clock=clock or (lambda: self.now),
        )

    def write(self, text: str) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.path)

    def read(self) -> Decision:
        return self.access(STEWARD, Action.READ_DATASET, DATASET)

    def lineage(self) -> Decision:
        return self.access(STEWARD, Action.READ_LINEAGE, A_MODEL)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "policy.csv")


def test_a_change_is_taken_after_a_second_without_anybody_asking_for_it(house: House) -> None:
    house.write(HEADER + LINEAGE)
    house.now = 0.9
    assert house.read().allowed
    house.now = 1.0
    assert (house.read().allowed, house.read().because) == (False, "no-rule-allows")
    house.write(HEADER + LINEAGE + READ)
    house.now = 2.0
    assert house.read().allowed


def test_a_changed_model_is_taken_as_a_changed_policy_is(house: House) -> None:
    model = house.path.with_name("model.conf")
    model.write_text(MODEL.read_text())
    access = CasbinAccess(model, house.path, demanded=(), clock=lambda: house.now)
    before = access.version
    assert access(STEWARD, Action.READ_DATASET, DATASET).allowed
    model.write_text(MODEL.read_text().replace("m = g(", 'm = r.act != "read-dataset" && g('))
    house.now = 1.0
    assert not access(STEWARD, Action.READ_DATASET, DATASET).allowed
    assert access.version != before


def test_an_engine_that_nobody_asked_for_an_hour_asks_the_store_first(house: House) -> None:
    house.write(HEADER + LINEAGE)
    house.now = 3600.0
    assert not house.read().allowed
    assert not house.lineage().stale


def test_who_brings_the_version_of_a_change_is_answered_by_it_at_once(house: House) -> None:
    elsewhere = house.engine()
    house.write(HEADER + LINEAGE)
    elsewhere.at_least(CasbinAccess(MODEL, house.path, demanded=()).version)
    told = elsewhere.version
    assert house.read().allowed, "no second has passed here"
    house.access.at_least(told)
    assert house.access.version == told
    assert not house.read().allowed


def test_a_version_that_is_decided_by_already_asks_for_nothing(house: House) -> None:
    version = house.access.version
    house.path.unlink()
    house.access.at_least(version)
    assert house.alarms == []


def test_each_decision_names_the_version_that_made_it_and_comments_and_order_make_no_other(house: House) -> None:
    first = house.access.version
    assert house.read().version == first
    house.write(HEADER + LINEAGE + READ)
    house.now = 1.0
    assert house.read().version == first
    house.write(HEADER + READ)
    house.now = 2.0
    assert house.read().version == house.access.version != first


@pytest.mark.parametrize("fault", ["gone", "broken"])
def test_while_the_stored_policy_cannot_be_read_high_risk_is_denied_and_the_rest_goes_on_marked(
    house: House, fault: str
) -> None:
    version = house.access.version
    if fault == "gone":
        house.path.unlink()
    else:
        house.write(HEADER + READ.replace("allow", "Allow"))
    for house.now in (1.0, 2.0):
        assert house.read().allowed
        assert not house.read().stale
        assert house.access.stamp is None, "what was changed may not be decided by"
    house.now = STALE_SECONDS + 0.1
    assert (house.read().allowed, house.read().because, house.read().who) == (
        False,
        "policy-not-fresh",
        "administrator",
    )
    assert (house.lineage().allowed, house.lineage().stale, house.lineage().version) == (True, True, version)
    told = {"gone": [("unreadable", "access_policy_malformed")] * 2, "broken": [("faulty", "access_policy_malformed")]}
    assert house.alarms == told[fault]
    house.write(HEADER + READ + LINEAGE)
    house.now = 5.0
    assert house.read().allowed
    assert not house.read().stale
    assert house.access.stamp is not None


def test_a_policy_with_a_fault_raises_one_alarm_and_not_one_a_second(house: House) -> None:
    house.write(HEADER + READ.replace("allow", "Allow"))
    for second in range(1, 20):
        house.now = float(second)
        house.read()
    assert house.alarms == [("faulty", "access_policy_malformed")]
    house.write(HEADER + READ.replace("allow", "Deny"))
    house.now = 21.0
    house.read()
    assert house.alarms == [("faulty", "access_policy_malformed")] * 2


def test_what_breaks_while_deciding_is_denied_with_an_alarm_that_repeats_nothing(house: House) -> None:
    class Strange:
        @property
        def kind(self) -> str:
            raise RuntimeError("Mrs Smith, born 1931")

    decision = house.access(STEWARD, Action.READ_DATASET, Strange())  # type: ignore[arg-type]
    assert (decision.allowed, decision.because, decision.who) == (False, "error", "administrator")
    assert decision.outside, "nobody knows where it is"
    assert house.alarms == [("error", "RuntimeError")]


def test_what_shows_data_or_decides_something_is_of_high_risk() -> None:
    assert {action for action in LOW_RISK if action.startswith(("approve-", "read-file", "read-dataset"))} == set()
    assert not LOW_RISK & {
        *(Action.TAKE_ADAPTER, Action.CREATE_KEY, Action.ATTEST_REPORT, Action.REVIEW_SAMPLE, Action.READ_REVIEW),
        *(Action.TRACE_PERSON, Action.ERASE_PERSON, Action.ADVANCE_JOB, Action.SUBMIT_REQUEST, Action.RELEASE_HOLD),
    }


def test_a_store_that_does_not_answer_keeps_nobody_else_waiting_for_long(tmp_path: Path) -> None:
    house = House(tmp_path / "policy.csv")
    access, asked = house.engine(time.monotonic), threading.Event()
    store = access._store
    let_go = threading.Event()

    class Slow:
        def stamp(self) -> str:
            asked.set()
            let_go.wait(60)
            return store.stamp()

        read = staticmethod(store.read)

    access._store = Slow()
    time.sleep(1.1)
    waiting = threading.Thread(target=lambda: access(STEWARD, Action.READ_DATASET, DATASET))
    waiting.start()
    assert asked.wait(60)
    answers = [access(STEWARD, Action.READ_DATASET, DATASET) for _ in range(20)]
    assert waiting.is_alive(), "the store has still not answered"
    let_go.set()
    waiting.join()
    assert all(answer.allowed for answer in answers)


ASKS = """
import sys, time
from pathlib import Path
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.access import CasbinAccess
from tunewarden.usecases.ports import Principal, Resource

access = CasbinAccess(Path(sys.argv[1]), Path(sys.argv[2]), demanded=())
steward = Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.STEWARD}))
asked = steward, Action.READ_DATASET, Resource(kind="dataset")
assert access(*asked).allowed
print("ready", flush=True)
began = time.time()
while access(*asked).allowed:
    last = began
    time.sleep(0.01)
    began = time.time()
print(last, flush=True)
"""


def test_two_processes_stop_allowing_within_two_seconds_of_a_revocation(house: House) -> None:
    """No question that is put later is allowed; a process that is kept from working puts none."""
    command = [sys.executable, "-c", ASKS, str(MODEL), str(house.path)]
    asking = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        for _ in range(2)
    ]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    house.write(HEADER + LINEAGE)
    revoked = time.time()
    seen = [float(process.communicate(timeout=120)[0]) for process in asking]
    assert all(moment - revoked <= 2 for moment in seen), [moment - revoked for moment in seen]
