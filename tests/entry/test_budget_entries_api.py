"""A budget can be worked out again from its entries as the API tells them: nothing that was charged is left out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import example, given, settings, strategies as st
from tests.conftest import (
    ANN,
    BOB,
    DANA,
    MEMBERS,
    OTTO,
    WORKER,
    Stage,
    files_of,
    linear_accountant,
    made_stage,
    registration,
)
from tests.usecases.test_requests import ask

from tunewarden.domain.datasets import Dataset, HeldOut
from tunewarden.domain.errors import BudgetExceeded
from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import StepName
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.app import create_app
from tunewarden.entry.settings import Settings
from tunewarden.steps import GUARDED
from tunewarden.usecases import datasets, jobs, requests
from tunewarden.usecases.ports import Attempt, KeyRecord

Json = dict[str, Any]
NEARLY = Decimal("1e-18")  # a sum of quotients depends on its order in the 28th digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one job is charged for, block by block, and whether it is withdrawn before figures are taken."""

    epsilon: Decimal
    training: tuple[int, ...]
    figures: tuple[int, ...]
    ends: str


JOBS = st.lists(
    st.builds(
        Job,
        epsilon=st.sampled_from(["0.25", "1", "2.5"]).map(Decimal),
        training=st.lists(st.sampled_from([1, 2, 7, 13]), max_size=4).map(tuple),
        figures=st.lists(st.sampled_from([1, 2, 3]), max_size=3).map(tuple),
        ends=st.sampled_from(["unapproved", "de-identified", "trained", "withdrawn", "measured", "measured"]),
    ),
    min_size=1,
    max_size=3,
)


class Door:
    """A platform whose API is asked as an auditor. Not a dataclass: hypothesis would write down all that is in it."""

    def __init__(self, home: Path) -> None:
        self.stage = made_stage()
        self.stage.policies.quorum()
        token = new_token()
        with self.stage.platform.work(PrincipalId("operator")) as work:
            work.principals.put(OTTO)
            work.keys.put(KeyRecord(hash=token_hash(token), principal=OTTO.id))
            work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
            work.commit()
        self.client = TestClient(create_app(self.stage.platform, Settings(home=home)))
        self._headers = {"authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> Json:
        answer = self.client.get(f"/v1/privacy/budgets/{path}", headers=self._headers, params=query)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    def entries(self, dataset: Dataset) -> list[Json]:
        """All, oldest first, over as many pages as it takes."""
        walked, after = [], {}
        while True:
            page = self.get(f"{dataset.id}/entries", limit=7, **after)
            walked += page["data"]
            assert page["withheld"] == 0
            if not page["has_more"]:
                return walked[::-1]
            after = {"after": page["last_id"]}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = Door(tmp_path_factory.mktemp("budgets"))
    with made.client:
        yield made


def registered(stage: Stage, *, apart: bool, held_out: HeldOut) -> Dataset:
    whole = registration(epsilon="6")
    columns = whole.columns if apart else replace(whole.columns, person=None)
    made, _ = datasets.register(stage.platform, DANA, replace(whole, columns=columns, held_out=held_out))
    return datasets.add_version(stage.platform, DANA, made.id, files_of(stage).id)[0]


def carried_out(stage: Stage, dataset: Dataset, job: Job) -> None:
    platform = stage.platform
    with suppress(BudgetExceeded):  # the budget runs out on the way, which is a part of the claim
        request, _ = requests.submit(platform, ANN, ask(dataset, epsilon=job.epsilon))
        if job.ends == "unapproved":
            return
        requests.approve(platform, BOB, request.id, request.plan.digest())
        blocks = {StepName.TRAIN: job.training, StepName.MEASURE: job.figures if request.plan.metrics else ()}
        for step in StepName:
            stage.steps[step].updates = 0
            stage.steps[step].during = lambda attempt, step=step: charged(attempt, blocks.get(step, ()))  # type: ignore[misc]
            jobs.advance(platform, WORKER, stage.steps, GUARDED, request.id)
            if (step, job.ends) == (StepName.DEIDENTIFY, "de-identified") or (
                step is StepName.TRAIN and job.ends == "trained"
            ):
                return
            if (step, job.ends) == (StepName.TRAIN, "withdrawn"):
                requests.cancel(platform, ANN, request.id)
                return


def charged(attempt: Attempt, blocks: Sequence[int]) -> None:
    if blocks:
        attempt.admit(iter(MEMBERS))
    for updates in blocks:
        attempt.charge(updates)


def mechanism(told: Json, updates: int) -> Mechanism:
    return Mechanism(
        unit=PrivacyUnit(told["unit"]),
        relation=Relation(told["relation"]),
        sampling_rate=Decimal(told["sampling_rate"]),
        noise_multiplier=Decimal(told["noise_multiplier"]),
        updates=updates,
        contributions=told["contributions"],
    )


def composed(told: Mapping[tuple[str, str], Mechanism], budget: Json) -> Decimal:
    """Epsilon of everything together, as the budget says that its two kinds come together."""
    kinds = ("training", "metrics")
    sides = [{kind} for kind in kinds] if budget["apart"] else [set(kinds)]
    delta = Decimal(budget["delta"])
    return max(linear_accountant([one for (_, what), one in told.items() if what in side], delta) for side in sides)


def is_nearly(one: Decimal, other: str) -> bool:
    return abs(one - Decimal(other)) < NEARLY


WHOLE = Job(epsilon=Decimal(1), training=(1, 2), figures=(1, 2), ends="measured")


@settings(max_examples=25)
@example(play=[WHOLE, WHOLE], apart=False, held_out=HeldOut.PRIVATE)
@given(play=JOBS, apart=st.booleans(), held_out=st.sampled_from([HeldOut.PRIVATE, HeldOut.PRIVATE, HeldOut.PUBLIC]))
def test_the_entries_of_a_budget_add_up_to_what_is_spent_and_left_of_it(
    door: Door, play: list[Job], apart: bool, held_out: HeldOut
) -> None:
    dataset = registered(door.stage, apart=apart, held_out=held_out)
    for job in play:
        carried_out(door.stage, dataset, job)
    budget = door.get(str(dataset.id))
    assert budget["apart"] is apart
    charged: dict[tuple[str, str], Mechanism] = {}
    promised: dict[tuple[str, str], Mechanism] = {}
    for one in door.entries(dataset):
        of_training, of_figures = (one["request"], "training"), (one["request"], "metrics")
        match one["kind"]:
            case "reservation":
                assert one["updates"] == one["mechanism"]["updates"]
                promised[of_training] = mechanism(one["mechanism"], one["updates"])
                if one["metrics"] is not None:
                    figures = mechanism(one["metrics"], one["metrics"]["updates"])
                    promised[of_figures] = figures
                    assert is_nearly(linear_accountant([figures], Decimal(one["delta"])), one["metrics_epsilon"])
                assert (one["metrics"] is None) == (one["metrics_epsilon"] is None) == (held_out is HeldOut.PUBLIC)
            case "charge":
                key = one["request"], one["what"]
                before = charged[key].updates if key in charged else 0
                charged[key] = mechanism(one["mechanism"], before + one["updates"])
                assert one["mechanism"]["updates"] == charged[key].updates
            case "settlement":
                for key, ran, given_back in (
                    (of_training, one["updates"], one["returned"]),
                    (of_figures, one["metrics_charged"], one["metrics_returned"]),
                ):
                    ran_so_far = charged[key].updates if key in charged else 0
                    wanted = promised.pop(key).updates if key in promised else 0
                    assert (ran, given_back) == (ran_so_far, max(0, wanted - ran_so_far))
                assert is_nearly(composed(charged, budget), one["epsilon"])
    assert is_nearly(composed(charged, budget), budget["spent"])
    larger = {key: max(charged.get(key, one), one, key=lambda of: of.updates) for key, one in promised.items()}
    assert is_nearly(Decimal(budget["limit"]) - composed({**charged, **larger}, budget), budget["left"])
