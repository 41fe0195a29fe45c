"""A learning curve is declared with its cost, promised with the model or not at all, and charged from one account."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from tests.audit.test_conduct_agreement import blamed, judged, new_stage
from tests.conftest import ANN, BOB, DANA, WORKER, Stage, TellingStep, linear_accountant
from tests.usecases.test_requests import ask

from tunewarden.domain.canonical import decode, from_plain, to_plain
from tunewarden.domain.cohorts import PersonLimit
from tunewarden.domain.datasets import HeldOut
from tunewarden.domain.errors import BudgetExceeded, Malformed, Refused
from tunewarden.domain.events import BudgetReserved, BudgetSettled
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import PolicyName
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.steps import GUARDED
from tunewarden.usecases import datasets, jobs, requests
from tunewarden.usecases.measuring import metrics_mechanism
from tunewarden.usecases.ports import Attempt, StepResult
from tunewarden.usecases.releases import provenance

SHARES = (Decimal("0.25"), Decimal("0.50"))
CURVE = {"curve": SHARES, "expected_units": 16}


def submitted(stage: Stage, epsilon: str = "3") -> TrainingRequest:
    return requests.submit(stage.platform, ANN, ask(stage.dataset(), epsilon=Decimal(epsilon), **CURVE))[0]


def left(stage: Stage, request: TrainingRequest) -> Decimal:
    return datasets.budget(stage.platform, DANA, request.plan.dataset).left


def test_the_plan_says_what_the_model_costs_and_what_all_of_it_costs(stage: Stage) -> None:
    plan = submitted(stage).plan
    assert plan.curve is not None
    assert plan.curve.shares == (Decimal("0.25"), Decimal("0.5"))
    assert linear_accountant([plan.mechanism], plan.delta) == plan.epsilon == 3
    assert linear_accountant([plan.promised], plan.delta) == plan.promised_epsilon == 9


def test_model_and_curve_are_promised_together_or_not_at_all(stage: Stage) -> None:
    request = submitted(stage)
    assert left(stage, request) == 1
    reserved = stage.entries()[-1].event
    assert isinstance(reserved, BudgetReserved)
    assert (reserved.mechanism, reserved.epsilon) == (request.plan.promised, 9)
    assert reserved.curve == (Decimal("0.25"), Decimal("0.5"))
    with pytest.raises(BudgetExceeded):
        submitted(stage, epsilon="4")
    assert len(requests.listed(stage.platform, ANN)) == 1


def test_what_one_person_may_lose_bounds_the_model_and_the_curve_together(stage: Stage) -> None:
    name = PolicyName("hospital")
    limit = PersonLimit(namespace=name, epsilon=Decimal(8), delta=Decimal("0.0001"))
    stage.policies.limits[name] = limit
    dataset = stage.dataset()
    with stage.platform.work(DANA.id) as work:
        work.datasets.put(replace(work.datasets.get(dataset.id), namespace=name))
        work.record(stage.entries()[-1].event)
        work.commit()
    with pytest.raises(BudgetExceeded) as refused:
        requests.submit(stage.platform, ANN, ask(dataset, epsilon=Decimal(3), **CURVE))
    assert refused.value.code == "person_limit_too_low"
    requests.submit(stage.platform, ANN, ask(dataset, epsilon=Decimal(3)))


def test_without_a_curve_nothing_is_promised_for_one(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset(), epsilon=Decimal(3)))
    assert request.plan.curve is None
    assert left(stage, request) == 7


@pytest.mark.parametrize(
    ("changes", "code", "kind"),
    [
        ({"curve": (Decimal("0.25"),)}, "curve_out_of_range", Malformed),
        ({"curve": (Decimal("sNaN"), Decimal("0.5"))}, "curve_out_of_range", Malformed),
        ({"curve": SHARES, "expected_units": 15}, "curve_part_too_small", Refused),
        ({"curve": (Decimal("0.5"), Decimal("0.55")), "expected_units": 16}, "curve_part_too_small", Refused),
        ({"curve": SHARES, "expected_units": 20}, "curve_part_too_small", Refused),
    ],
    ids=str,
)
def test_a_curve_that_says_nothing_is_refused(
    stage: Stage, changes: dict[str, object], code: str, kind: type[Refused]
) -> None:
    with pytest.raises(kind) as refused:
        requests.submit(stage.platform, ANN, ask(stage.dataset(), epsilon=Decimal(1), **changes))
    assert refused.value.code == code
    assert refused.value.param == "governance.learning_curve"


def test_what_is_declared_is_not_refused_by_the_training_for_who_happens_to_be_in_a_part(stage: Stage) -> None:
    """Of 100 persons, 20 are trained on in a quarter, give or take 4: fewer than 4 in one part of 30,000."""
    for expected, allowed in ((19, True), (20, False)):
        given = ask(stage.dataset(), epsilon=Decimal(1), curve=SHARES, expected_units=expected)
        if allowed:
            requests.submit(stage.platform, ANN, given)
        else:
            with pytest.raises(Refused, match="would expect 5, and there may be no more than 4"):
                requests.submit(stage.platform, ANN, given)


def test_noisy_figures_of_each_part_are_a_release_and_exact_ones_are_none(stage: Stage) -> None:
    dataset = stage.dataset()
    found = [
        metrics_mechanism(stage.platform.calibrate, dataset, Decimal(3), Decimal("0.0001"), parts) for parts in (0, 2)
    ]
    assert [each.updates for each in found if each is not None] == [2, 4]
    public = replace(dataset, held_out=HeldOut.PUBLIC)
    assert metrics_mechanism(stage.platform.calibrate, public, Decimal(3), Decimal("0.0001"), 2) is None


@dataclass(slots=True)
class CurvedStep(TellingStep):
    """One that trains parts too, and says how many updates it made."""

    curve_updates: int = 0

    def __call__(self, attempt: Attempt) -> StepResult:
        result = TellingStep.__call__(self, attempt)
        return replace(result, counts={"curve_updates": self.curve_updates, "updates": self.updates})


def carried_out(stage: Stage, *, charged: int) -> TrainingRequest:
    """A request with a curve of which so much of the promise is charged, carried to its end."""
    request = submitted(stage, epsilon="1")
    promised, own = request.plan.promised.updates, request.plan.mechanism.updates
    stage.steps[StepName.TRAIN] = CurvedStep(
        name=StepName.TRAIN, blobs=stage.blobs, updates=charged, curve_updates=promised - own
    )
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    for _ in StepName:
        request = jobs.advance(stage.platform, WORKER, stage.steps, GUARDED, request.id)
    return request


def test_the_whole_story_of_a_curve_is_consistent_to_the_auditor_and_one_charged_too_little_is_not() -> None:
    """By the real accountants, the platform's and the auditor's."""
    stage = new_stage()
    probe = submitted(new_stage(), epsilon="1").plan.promised.updates
    request = carried_out(stage, charged=probe)
    assert request.state is State.MEASURED
    settled = next(entry.event for entry in stage.entries() if isinstance(entry.event, BudgetSettled))
    assert (settled.charged, settled.returned) == (probe, 0)
    assert blamed(judged(stage.entries())) == {}

    evidence = {
        step: from_plain(Evidence, decode(stage.blobs.read(digest))) for step, digest in request.evidence.items()
    }
    said = to_plain(provenance(request, WORKER, evidence))
    assert isinstance(said, dict)
    assert said["predicate"]["tunewarden_lineage"]["mechanism"]["updates"] == probe, "what is signed is of all of it"

    poor = new_stage()
    carried_out(poor, charged=probe - 1)
    assert "less was charged" in str(blamed(judged(poor.entries()))["settlement"])
