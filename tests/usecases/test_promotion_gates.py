"""Which gate guards the promotion of what: that of the task in the approved plan, and never another one."""

from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given, strategies as st
from tests.conftest import ANN, BOB, DANA, POLICIES, Stage, measured, registration
from tests.usecases.test_jobs import advance, events
from tests.usecases.test_requests import ask

from tunewarden.domain.datasets import Columns
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import GateJudged, RequestSubmitted
from tunewarden.domain.gates import Bound, Gate, Outcome, Rule
from tunewarden.domain.names import Alias, PolicyName
from tunewarden.domain.training import StepName, Task, TrainingRequest
from tunewarden.drivers.policies import FilePolicies
from tunewarden.usecases import datasets, files, models, requests
from tunewarden.usecases.gating import PROMOTION_GATES, promotion_gate

METRICS = {Task.CLASSIFICATION: "utility.accuracy", Task.COMPLETION: "utility.token_accuracy"}


def finished(stage: Stage, task: Task) -> TrainingRequest:
    """A measured request to learn `task`, from a dataset with the columns for it."""
    completing = Columns(text="note", label=None, person="patient", protected=("sex",), completion="letter")
    asked = registration() if task is Task.CLASSIFICATION else replace(registration(), columns=completing)
    dataset, _ = datasets.register(stage.platform, DANA, asked)
    upload, _ = files.upload(
        stage.platform, DANA, filename="notes.csv", purpose="fine-tune", content=BytesIO(dataset.id.encode())
    )
    dataset, _ = datasets.add_version(stage.platform, DANA, dataset.id, upload.id)
    request, _ = requests.submit(stage.platform, ANN, ask(dataset, epsilon=Decimal(4)))
    request, _ = requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    for _ in StepName:
        request = advance(stage, request.id)
    return request


def gate_of(task: Task) -> Gate:
    rule = Rule(metric=METRICS[task], bound=Bound.AT_LEAST, limit=Decimal("0.7"), because="It is.", remedy="Do better.")
    return Gate(name=PROMOTION_GATES[task], rules=(rule,))


@pytest.fixture
def gated(stage: Stage) -> Stage:
    """A gate for each task, of one rule that the other task has no figure for."""
    for task in Task:
        stage.policies.gates[PROMOTION_GATES[task]] = gate_of(task)
    return stage


def test_every_task_has_a_gate_of_its_own_in_the_repository() -> None:
    assert PROMOTION_GATES.keys() == set(Task)
    gates = [FilePolicies(POLICIES).gate(name) for name in PROMOTION_GATES.values()]
    assert len({gate.digest() for gate in gates}) == len(Task)


def test_what_both_tasks_can_show_both_gates_ask_for_alike() -> None:
    """Else the way around a stricter gate would be another task."""
    classes, completions = (
        {rule.metric: (rule.bound, rule.limit) for rule in FilePolicies(POLICIES).gate(name).rules}
        for name in PROMOTION_GATES.values()
    )
    erased = {"comprehensiveness_over_random", "sufficiency_under_random"}
    of_gradients = {f"explanation.{name}" for name in erased | {"convergence_delta"}}
    of_swaps = ("explanation.flip", "explanation.excess_")
    classes_tell = ("utility.", *of_swaps, "fairness.unshown_rates", "privacy.attribution_gain_shown")
    of_classes_only = of_gradients | {metric for metric in classes if metric.startswith(classes_tell)}
    assert classes.keys() - completions.keys() == of_classes_only
    shared = classes.keys() & completions.keys()
    assert len(shared) > 8
    assert {metric for metric in shared if classes[metric] != completions[metric]} == set()
    assert len([metric for metric in shared if metric.startswith("fairness.")]) == 3
    added = {"utility.token_gain_over_base", "privacy.secret_exposure"}
    added |= {f"explanation.prompt_{name}" for name in erased}
    added |= {f"fairness.{name}" for name in ("written_confirmed", "written_undecided", "question_confirmed")}
    assert completions.keys() - classes.keys() == added


@pytest.mark.parametrize("task", Task)
def test_the_gate_of_the_task_judges_at_the_proposal_and_again_at_the_approval(gated: Stage, task: Task) -> None:
    gated.steps[StepName.MEASURE].measurements = (measured(METRICS[task], "0.9"),)
    request = finished(gated, task)
    assert request.model is not None
    assert request.plan.recipe.task is task
    assert [event.task for event in events(gated, RequestSubmitted) if isinstance(event, RequestSubmitted)] == [task]
    promotion, verdict, _ = models.propose(gated.platform, ANN, request.model, Alias.PRODUCTION)
    assert (verdict.gate, verdict.gate_digest, verdict.outcome) == (
        PROMOTION_GATES[task],
        gate_of(task).digest(),
        Outcome.PASS,
    )
    models.approve(gated.platform, BOB, promotion.id, promotion.verdict)
    kept = [event for event in events(gated, GateJudged) if isinstance(event, GateJudged)]
    promoting = [event for event in kept if event.gate in PROMOTION_GATES.values()]
    assert [event.gate_digest for event in promoting] == [gate_of(task).digest()] * 2


@pytest.mark.parametrize("task", Task)
def test_what_the_other_tasks_gate_would_let_pass_is_not_promoted(gated: Stage, task: Task) -> None:
    (other,) = set(Task) - {task}
    gated.steps[StepName.MEASURE].measurements = (measured(METRICS[other], "1"),)
    request = finished(gated, task)
    assert request.model is not None
    with pytest.raises(Refused) as refused:
        models.propose(gated.platform, ANN, request.model, Alias.PRODUCTION)
    assert (refused.value.code, refused.value.rule) == ("gate_not_passed", METRICS[task])
    assert models.aliases(gated.platform, ANN) == []


@given(task=st.sampled_from(Task), strict=st.sampled_from(Task), limit=st.decimals("0.95", "2", places=2))
def test_no_change_of_one_gate_changes_who_passes_the_other(task: Task, strict: Task, limit: Decimal) -> None:
    """The choice is a function of the task of the plan; of all else in the plan and in the policies nothing counts."""
    asked = list[PolicyName]()

    class Policies:
        def gate(self, name: PolicyName) -> Gate:
            asked.append(name)
            gate = gate_of(next(each for each, known in PROMOTION_GATES.items() if known == name))
            if PROMOTION_GATES[strict] == name:
                return replace(gate, rules=(replace(gate.rules[0], limit=limit),))
            return gate

    class Platform:
        policies = Policies()

    class Recipe:
        def __init__(self) -> None:
            self.task = task

    class Plan:
        recipe = Recipe()

    gate = promotion_gate(Platform(), Plan())  # type: ignore[arg-type]
    assert asked == [PROMOTION_GATES[task]]
    assert gate.name == PROMOTION_GATES[task]
    assert (gate.rules[0].limit == limit) is (strict is task)
