"""Asking and approving: nothing is queued that may not be, and every no is in the log."""

from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import pytest
from tests.conftest import ANN, BOB, DANA, EVE, OTTO, Stage, digest, linear_calibration

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.errors import BudgetExceeded, IllegalTransition, Malformed, NotFound, Refused, TunewardenError
from tunewarden.domain.events import ActionRefused, BudgetReserved, BudgetSettled, RequestApproved, RequestSubmitted
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName, PrincipalId, Role
from tunewarden.domain.privacy import Mechanism, PrivacyUnit
from tunewarden.domain.training import State
from tunewarden.usecases import datasets, files, keys, requests
from tunewarden.usecases.ports import Principal


def ask(dataset: Dataset, **changes: object) -> requests.Ask:
    whole = {
        "training_file": dataset.id,
        "base_model": PolicyName("tiny"),
        "purpose": "research",
        "epsilon": Decimal(8),
        "epochs": 2,
    }
    return requests.Ask(**{**whole, **changes})  # type: ignore[arg-type]


def refusals(stage: Stage) -> list[ActionRefused]:
    return [entry.event for entry in stage.entries() if isinstance(entry.event, ActionRefused)]


def test_a_request_waits_for_somebody_else_and_holds_its_budget(stage: Stage) -> None:
    dataset = stage.dataset()
    request, receipt = requests.submit(stage.platform, ANN, ask(dataset))
    assert request.state is State.AWAITING_APPROVAL
    assert datasets.budget(stage.platform, DANA, dataset.id).left == 2
    last_two = [entry.event for entry in stage.entries()][-2:]
    assert [type(event) for event in last_two] == [RequestSubmitted, BudgetReserved]
    assert receipt.index == stage.entries()[-1].index


def test_the_same_bytes_uploaded_by_the_requester_are_the_registered_version(stage: Stage) -> None:
    dataset = stage.dataset()
    stored, _ = files.upload(stage.platform, ANN, filename="mine.csv", purpose="fine-tune", content=BytesIO(b"bytes"))
    request, _ = requests.submit(stage.platform, ANN, ask(dataset, training_file=stored.id))
    assert request.plan.dataset == dataset.id


def test_bytes_of_no_registered_dataset_are_refused_and_the_refusal_is_kept(stage: Stage) -> None:
    dataset = stage.dataset()
    stored, _ = files.upload(stage.platform, ANN, filename="mine.csv", purpose="fine-tune", content=BytesIO(b"other"))
    with pytest.raises(Refused, match="not a version"):
        requests.submit(stage.platform, ANN, ask(dataset, training_file=stored.id))
    assert refusals(stage)[-1].resource == stored.id


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": "marketing"}, "purpose_not_allowed"),
        ({"purpose": "curiosity"}, "purpose_unknown"),
        ({"epsilon": Decimal(0)}, "epsilon_out_of_range"),
        ({"epsilon": Decimal(-1)}, "epsilon_out_of_range"),
        ({"epsilon": Decimal("NaN")}, "epsilon_out_of_range"),
        ({"epsilon": Decimal(11)}, "privacy_budget_exhausted"),
        ({"delta": Decimal("0.001")}, "delta_out_of_range"),
        ({"delta": Decimal(0)}, "delta_out_of_range"),
        ({"epochs": 0}, "epochs_out_of_range"),
        ({"expected_units": 81}, "dataset_too_small"),
        ({"learning_rate": Decimal(0)}, "recipe_out_of_range"),
        ({"learning_rate": Decimal("1e300")}, "recipe_out_of_range"),
        ({"learning_rate": Decimal("1e-300")}, "recipe_out_of_range"),
        ({"learning_rate": Decimal("NaN")}, "recipe_out_of_range"),
        ({"learning_rate": Decimal("Infinity")}, "recipe_out_of_range"),
        ({"epsilon": Decimal("Infinity")}, "epsilon_out_of_range"),
        ({"delta": Decimal("NaN")}, "delta_out_of_range"),
        ({"delta": Decimal("1")}, "delta_out_of_range"),
        ({"epochs": -1}, "epochs_out_of_range"),
        ({"epochs": 101}, "epochs_out_of_range"),
        ({"expected_units": 0}, "dataset_too_small"),
        ({"expected_units": -5}, "dataset_too_small"),
        ({"unit": PrivacyUnit.RECORD}, "not_in_training_policy"),
        ({"rows_per_person": 0}, "rows_per_person_out_of_range"),
        ({"rows_per_person": 5}, "rows_per_person_out_of_range"),
        ({"rows_per_person": 10_000}, "rows_per_person_out_of_range"),
        ({"canaries": -1}, "canaries_out_of_range"),
        ({"canaries": 11}, "canaries_out_of_range"),
    ],
)
def test_a_request_that_may_not_be_is_refused_and_recorded(stage: Stage, changes: dict[str, object], code: str) -> None:
    dataset = stage.dataset()
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(dataset, **changes))
    assert refused.value.code == code
    assert (refusals(stage)[-1].code, refusals(stage)[-1].resource) == (code, dataset.id)
    assert requests.listed(stage.platform, ANN) == []
    assert datasets.budget(stage.platform, DANA, dataset.id).left == 10


def test_delta_that_would_let_a_persons_records_be_published_is_refused(stage: Stage) -> None:
    """One hundred persons: a mechanism that publishes one of them whole keeps delta 1/100."""
    dataset = stage.dataset(delta="0.5")
    requests.submit(stage.platform, ANN, ask(dataset, delta=Decimal("0.0099")))
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(dataset, delta=Decimal("0.01")))
    assert refused.value.code == "delta_too_large"


def test_a_batch_of_everybody_is_the_gaussian_mechanism_without_sampling(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset(), expected_units=80))
    assert (request.plan.mechanism.sampling_rate, request.plan.mechanism.updates) == (1, 2)


def test_a_record_is_a_unit_where_the_policy_says_so_and_epsilon_still_stands_for_a_person(stage: Stage) -> None:
    """One hundred persons with a row each: eighty rows to train on."""
    stage.policies.allowed = replace(stage.policies.allowed, units={PrivacyUnit.RECORD})
    asked = ask(stage.dataset(), unit=PrivacyUnit.RECORD, rows_per_person=3)
    request, _ = requests.submit(stage.platform, ANN, asked)
    mechanism = request.plan.mechanism
    assert (mechanism.unit, mechanism.contributions, request.plan.recipe.rows_per_person) == (PrivacyUnit.RECORD, 3, 3)
    assert requests.epsilon_of_one_record(stage.platform, request.plan) is not None
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(stage.dataset()))
    assert (refused.value.code, refused.value.who) == ("not_in_training_policy", "privacy-officer")


def test_where_the_person_is_the_unit_no_epsilon_of_a_record_is_claimed(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset(), rows_per_person=3))
    assert request.plan.mechanism.contributions == 1
    assert requests.epsilon_of_one_record(stage.platform, request.plan) is None


def test_a_plan_pins_the_code_that_makes_batches(stage: Stage) -> None:
    pinned = replace(stage.platform, collator=digest("code from records to batches"))
    request, _ = requests.submit(pinned, ANN, ask(stage.dataset()))
    assert request.plan.collator == digest("code from records to batches")


def test_a_request_on_a_retired_dataset_is_refused(stage: Stage) -> None:
    dataset = stage.dataset()
    datasets.retire(stage.platform, DANA, dataset.id)
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(dataset))
    assert refused.value.code == "dataset_retired"


def test_a_dataset_retired_while_the_plan_is_made_is_noticed_before_anything_is_queued(stage: Stage) -> None:
    dataset = stage.dataset()

    def slow(template: Mechanism, epsilon: Decimal, delta: Decimal) -> Mechanism:
        datasets.retire(stage.platform, DANA, dataset.id)
        return linear_calibration(template, epsilon, delta)

    with pytest.raises(Refused) as refused:
        requests.submit(replace(stage.platform, calibrate=slow), ANN, ask(dataset))
    assert refused.value.code == "dataset_retired"
    assert requests.listed(stage.platform, ANN) == []


def test_a_request_whose_dataset_was_retired_meanwhile_cannot_be_approved(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    datasets.retire(stage.platform, DANA, request.plan.dataset)
    with pytest.raises(Refused) as refused:
        requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    assert refused.value.code == "dataset_retired"
    assert requests.get(stage.platform, ANN, request.id).state is State.AWAITING_APPROVAL


def test_two_requests_cannot_both_hold_the_last_of_the_budget(stage: Stage) -> None:
    dataset = stage.dataset(epsilon="15")
    requests.submit(stage.platform, ANN, ask(dataset))
    with pytest.raises(BudgetExceeded) as refused:
        requests.submit(stage.platform, ANN, ask(dataset))
    assert refused.value.who == "privacy-officer"


def test_somebody_else_approves_the_plan_by_its_digest(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    approved, _ = requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    assert (approved.state, approved.approved_by) == (State.APPROVED, BOB.id)
    assert stage.entries()[-1].event == RequestApproved(
        request=request.id,
        plan=request.plan.digest(),
        role=Role.APPROVER,
        quorum=stage.policies.quorum().digest(),
        persons=1,
        roles=1,
    )


BOTH = Principal(id=ANN.id, roles=ANN.roles | BOB.roles)


@pytest.mark.parametrize("who", [ANN, OTTO, DANA, BOTH])
def test_nobody_without_the_right_approves_not_even_a_requester_with_both_roles(stage: Stage, who: Principal) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    with pytest.raises(Refused) as refused:
        requests.approve(stage.platform, who, request.id, request.plan.digest())
    assert refused.value.code == "access_denied"
    assert (refusals(stage)[-1].resource, refusals(stage)[-1].rule) == (request.id, refused.value.rule)


def test_an_approval_of_another_plan_is_refused(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    with pytest.raises(Refused) as refused:
        requests.approve(stage.platform, BOB, request.id, request.plan.profile)
    assert refused.value.code == "plan_changed"
    assert refusals(stage)[-1].code == "plan_changed"


@pytest.mark.parametrize("ending", ["cancel", "reject"])
def test_what_ends_before_training_gives_its_whole_budget_back(stage: Stage, ending: str) -> None:
    dataset = stage.dataset()
    request, _ = requests.submit(stage.platform, ANN, ask(dataset))
    if ending == "cancel":
        requests.cancel(stage.platform, ANN, request.id)
    else:
        requests.reject(stage.platform, BOB, request.id)
    assert datasets.budget(stage.platform, DANA, dataset.id).left == 10
    settled = [entry.event for entry in stage.entries() if isinstance(entry.event, BudgetSettled)]
    assert [(event.charged, event.returned) for event in settled] == [(0, request.plan.mechanism.updates)]
    with pytest.raises(IllegalTransition):
        requests.approve(stage.platform, BOB, request.id, request.plan.digest())


def test_a_request_of_somebody_else_is_not_found_and_the_attempt_is_kept(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    other = Principal(id=EVE.id, roles=ANN.roles)
    with pytest.raises(NotFound):
        requests.get(stage.platform, other, request.id)
    assert requests.listed(stage.platform, other) == []
    assert stage.entries()[-1].actor == EVE.id


def test_no_refusal_writes_what_the_caller_typed(stage: Stage) -> None:
    dataset = stage.dataset()
    typed = "CANARY John Smith"
    for changes in ({"training_file": typed}, {"purpose": typed}, {"suffix": typed, "epsilon": Decimal(0)}):
        with pytest.raises(TunewardenError):
            requests.submit(stage.platform, ANN, ask(dataset, **changes))
    assert "CANARY" not in repr(stage.entries())


def test_an_identifier_that_is_none_of_ours_is_never_written(stage: Stage) -> None:
    with pytest.raises(Refused):
        keys.revoke(stage.platform, EVE, PrincipalId("CANARY John Smith"))
    assert refusals(stage)[-1].resource == "key"


def test_malformed_input_needs_nobodys_permission(stage: Stage) -> None:
    with pytest.raises(Malformed) as malformed:
        requests.submit(stage.platform, ANN, ask(stage.dataset(), purpose="curiosity"))
    assert malformed.value.who == ""


def test_a_profile_that_keeps_what_the_gate_wants_found_is_refused_when_it_is_asked_for(stage: Stage) -> None:
    dataset = stage.dataset()
    (rule,) = stage.policies.gates["training"].rules
    named = replace(stage.policies.gates["training"], rules=(rule, replace(rule, metric=f"{rule.metric}.name")))
    stage.policies.gates["training"] = named
    profile = Profile(
        name=PolicyName("default"),
        method=Method.NONE,
        languages=("en",),
        threshold=Decimal("0.4"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.4")),
        operators={EntityType.NAME: Operator.KEEP},
        default=Operator.REPLACE,
    )
    stage.policies.profiles["default"] = encode(to_plain(profile))
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(dataset))
    assert (refused.value.code, refused.value.who) == ("profile_keeps_what_gate_demands", "administrator")
    assert refusals(stage)[-1].resource == dataset.id
    stage.policies.profiles["default"] = encode(to_plain(replace(profile, operators={})))
    requests.submit(stage.platform, ANN, ask(dataset))
