"""Who may ask for what against unfairness, before anybody has trained anything."""

from dataclasses import replace
from decimal import Decimal
from io import BytesIO

import pytest
from tests.conftest import ANN, BOB, DANA, Stage, registration
from tests.usecases.test_declaring import COLUMNS, SHIPPED, dataset_of
from tests.usecases.test_jobs import advance
from tests.usecases.test_requests import ask

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.datasets import Dataset, HeldOut, LawfulBasis
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan, State, StepName, Task
from tunewarden.usecases import datasets, files, requests
from tunewarden.usecases.declaring import require_twins_allowed

CONSENT, CONSENTED = LawfulBasis.CONSENT, HeldOut.CONSENTED


def submitted(stage: Stage, dataset: Dataset, **wanted: object) -> Plan:
    stage.policies.judged = SHIPPED
    return requests.submit(stage.platform, ANN, replace(ask(dataset), **wanted))[0].plan  # type: ignore[arg-type]


def classes(stage: Stage) -> Dataset:
    return dataset_of(stage, Task.CLASSIFICATION, HeldOut.PUBLIC)


def test_what_is_asked_for_stands_in_the_plan_that_somebody_else_approves(stage: Stage) -> None:
    wanted = Mitigation(weights=(Decimal(1), Decimal("0.5")), swaps=(Swap.SEX,))
    plan = submitted(stage, classes(stage), mitigation=wanted)
    stored = from_plain(Plan, decode(stage.blobs.read(plan.digest())))
    assert stored.mitigation == wanted
    assert stored.twins is False


def test_weights_for_other_classes_than_the_version_has_are_refused(stage: Stage) -> None:
    three = Mitigation(weights=(Decimal(1), Decimal("0.5"), Decimal("0.5")))
    with pytest.raises(Malformed, match="3 weights for 2 classes"):
        submitted(stage, classes(stage), mitigation=three)


def test_twins_are_not_trained_where_the_policy_does_not_say_so(stage: Stage) -> None:
    assert stage.policies.allowed.twins is False
    with pytest.raises(Refused) as refused:
        submitted(stage, classes(stage), twins=True)
    assert (refused.value.code, refused.value.who) == ("twins_not_allowed", "privacy-officer")


@pytest.mark.parametrize(
    ("basis", "held_out", "task", "protected", "code"),
    [
        *((basis, CONSENTED, Task.CLASSIFICATION, True, "twins_without_consent") for basis in LawfulBasis),
        (CONSENT, HeldOut.PRIVATE, Task.CLASSIFICATION, True, "twins_without_consent"),
        (CONSENT, CONSENTED, Task.COMPLETION, True, "twins_without_groups"),
        (CONSENT, CONSENTED, Task.CLASSIFICATION, False, "twins_without_groups"),
    ],
)
def test_it_takes_consent_and_that_exact_figures_may_leave_and_groups(
    stage: Stage, basis: LawfulBasis, held_out: HeldOut, task: Task, protected: bool, code: str
) -> None:
    columns = COLUMNS[task] if protected else replace(COLUMNS[task], protected=())
    registered = dataset_of(stage, task, HeldOut.PUBLIC)
    dataset = replace(registered, lawful_basis=basis, held_out=held_out, columns=columns)
    allowed = replace(stage.policies.allowed, twins=True)
    if (basis, held_out, task, protected) == (CONSENT, CONSENTED, Task.CLASSIFICATION, True):
        require_twins_allowed(allowed, dataset, task, PrivacyUnit.PERSON)
        return
    with pytest.raises(Refused) as refused:
        require_twins_allowed(allowed, dataset, task, PrivacyUnit.PERSON)
    assert refused.value.code == code


def agreed_to(stage: Stage) -> Dataset:
    """A dataset on which twins may be trained, in a house that allows them."""
    stage.policies.allowed = replace(stage.policies.allowed, twins=True)
    agreed = replace(
        registration(), columns=COLUMNS[Task.CLASSIFICATION], lawful_basis=CONSENT, held_out=HeldOut.CONSENTED
    )
    registered, _ = datasets.register(stage.platform, DANA, agreed)
    stored, _ = files.upload(stage.platform, DANA, filename="a.csv", purpose="fine-tune", content=BytesIO(b"some"))
    return datasets.add_version(stage.platform, DANA, registered.id, stored.id)[0]


def test_twins_that_are_allowed_stand_in_the_plan(stage: Stage) -> None:
    assert submitted(stage, agreed_to(stage), twins=True).twins is True


def test_twins_clip_persons_so_a_plan_whose_unit_is_a_record_has_none(stage: Stage) -> None:
    dataset = agreed_to(stage)
    stage.policies.allowed = replace(stage.policies.allowed, units=frozenset(PrivacyUnit))
    with pytest.raises(Refused) as refused:
        submitted(stage, dataset, twins=True, unit=PrivacyUnit.RECORD)
    assert refused.value.code == "twins_of_records"
    assert submitted(stage, dataset, unit=PrivacyUnit.RECORD).twins is False


@pytest.mark.parametrize("still", [True, False])
def test_whether_the_house_allows_twins_is_asked_again_when_measuring_begins(stage: Stage, still: bool) -> None:
    dataset = agreed_to(stage)
    stage.policies.judged = SHIPPED
    request, _ = requests.submit(stage.platform, ANN, replace(ask(dataset), twins=True))
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    stage.policies.allowed = replace(stage.policies.allowed, twins=still)
    states = [advance(stage, request.id).state for _ in StepName]
    assert states[-1] is State.MEASURED, "what was trained and paid for is measured all the same"
    assert stage.steps[StepName.MEASURE].seen[0].twins is still
    assert not stage.steps[StepName.TRAIN].seen[0].twins
