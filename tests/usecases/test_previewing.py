"""What would come of a request: the same plan, the same no, and nothing of it is written down."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st
from tests.conftest import ADA, ANN, BOB, DANA, EVE, Stage, digest, made_stage, registration
from tests.usecases.apart import uploaded
from tests.usecases.test_requests import ask, refusals

from tunewarden.domain.cohorts import PersonLimit
from tunewarden.domain.datasets import Dataset, Sensitivity
from tunewarden.domain.errors import Conflict, NotFound, Refused, TunewardenError
from tunewarden.domain.names import PolicyName, Role
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.quorum import Needed
from tunewarden.usecases import archiving, datasets, previewing, projects, requests


def codes(found: previewing.Preview) -> list[str]:
    return [no.code for no in found.refused]


def said(no: TunewardenError) -> tuple[object, ...]:
    return type(no), no.code, no.reason, no.remedy, no.who, no.param


def written(stage: Stage) -> tuple[object, ...]:
    """Everything that there is."""
    with stage.platform.view() as view:
        state = [getattr(view, name).all() for name in ("requests", "ledgers", "datasets")]
    return len(stage.entries()), dict(stage.blobs.stored), state


ASKED = st.fixed_dictionaries(
    {
        "purpose": st.sampled_from(["research"] * 6 + ["care-quality", "curiosity"]),
        "epsilon": st.sampled_from(["0.5", "1", "2.25", "0", "-1", "NaN", "700"]).map(Decimal),
        "epochs": st.sampled_from([1, 2, 7, 100, 0, 101]),
        "delta": st.sampled_from([None, Decimal("0.00001"), Decimal("0.5")]),
        "expected_units": st.sampled_from([None, 1, 40, 80, 81]),
        "canaries": st.sampled_from([None, 0, 3, 99]),
        "rows_per_person": st.sampled_from([1, 4, 5]),
        "unit": st.sampled_from([PrivacyUnit.PERSON] * 4 + [PrivacyUnit.RECORD]),
        "base_model": st.sampled_from([PolicyName("tiny")] * 5 + [PolicyName("huge")]),
        "profile": st.sampled_from([PolicyName("default")] * 5 + [PolicyName("none")]),
        "twins": st.sampled_from([False, False, False, True]),
        "curve": st.sampled_from([(), (Decimal("0.5"),), (Decimal("0.25"), Decimal("0.5")), (Decimal(2),)]),
        "protected": st.sampled_from([frozenset(), frozenset({"sex"}), frozenset({"sex", "age"})]),
        "expected": st.sampled_from([None, None, None, digest("another plan")]),
    }
)


class House:
    """Not a dataclass: hypothesis would write down all that is in it."""

    def __init__(self, stage: Stage, dataset: Dataset) -> None:
        self.stage, self.dataset = stage, dataset


@pytest.fixture(scope="module")
def house() -> House:
    """One for all examples: the budget runs out on the way, which is a part of the claim."""
    stage = made_stage()
    stage.policies.quorum()  # a process that starts says by which rule votes count
    return House(stage, stage.dataset(epsilon="60"))


@settings(max_examples=250, deadline=None)
@given(changes=ASKED)
def test_what_is_told_beforehand_is_what_happens_and_telling_it_writes_nothing(
    house: House, changes: dict[str, object]
) -> None:
    stage, dataset = house.stage, house.dataset
    asked = ask(dataset, **changes)
    before = written(stage)
    found = previewing.preview(stage.platform, ANN, asked)
    assert written(stage) == before
    if found.refused:
        with pytest.raises(TunewardenError) as no:
            requests.submit(stage.platform, ANN, asked)
        assert said(no.value) == said(found.refused[0])
        return
    request, _ = requests.submit(stage.platform, ANN, asked)
    assert found.plan is not None
    assert found.plan.digest() == request.plan.digest()
    assert found.cost.left_after == datasets.budget(stage.platform, DANA, dataset.id).left


def test_everything_that_is_in_the_way_is_told_at_once(stage: Stage) -> None:
    dataset = stage.dataset()
    asked = replace(ask(dataset, purpose="marketing", epsilon=Decimal(11)), dataset="ds-another")
    found = previewing.preview(stage.platform, ANN, asked)
    assert codes(found) == [
        "dataset_differs",
        "purpose_not_allowed",
        "privacy_budget_exhausted",
        "person_limit_too_low",
    ]
    assert (found.cost.left, found.cost.left_after) == (10, None)
    assert refusals(stage) == [], "nothing was refused: nothing was asked for"


def test_a_plan_that_cannot_be_made_has_its_reason_and_still_says_what_is_left(stage: Stage) -> None:
    found = previewing.preview(stage.platform, ANN, ask(stage.dataset(), epochs=0))
    assert (found.plan, codes(found), found.cost.left, found.units) == (None, ["epochs_out_of_range"], 10, None)
    unknown = previewing.preview(stage.platform, ANN, ask(stage.dataset(), purpose="curiosity"))
    assert (unknown.plan, codes(unknown)) == (None, ["purpose_unknown"])


def test_what_one_person_may_lose_is_told_too(stage: Stage) -> None:
    dataset = stage.dataset()
    stage.policies.limits["clinic"] = PersonLimit(
        namespace=PolicyName("clinic"), epsilon=Decimal(1), delta=Decimal("0.0001")
    )
    with stage.platform.work(DANA.id) as work:
        work.datasets.put(replace(work.datasets.get(dataset.id), namespace=PolicyName("clinic")))
        work.record(stage.entries()[0].event)
        work.commit()
    found = previewing.preview(stage.platform, ANN, ask(dataset, epsilon=Decimal(2)))
    assert codes(found) == ["person_limit_too_low"]
    del stage.policies.limits["clinic"]
    assert codes(previewing.preview(stage.platform, ANN, ask(dataset))) == ["namespace_unknown"]


def test_in_an_archived_project_nothing_would_begin(stage: Stage) -> None:
    project, _ = projects.create(stage.platform, ADA, "north")
    here = replace(DANA, within=project.id), replace(ANN, within=project.id)
    registered, _ = datasets.register(stage.platform, here[0], registration())
    dataset, _ = datasets.add_version(
        stage.platform, here[0], registered.id, uploaded(stage.platform, here[0], b"north")
    )
    assert codes(previewing.preview(stage.platform, here[1], ask(dataset))) == []
    archiving.archive(stage.platform, ADA, project.id)
    assert codes(previewing.preview(stage.platform, here[1], ask(dataset))) == ["project_archived"]


def test_it_says_who_would_have_to_agree_and_which_gates_would_be_asked(stage: Stage) -> None:
    stage.policies.needed = {**stage.policies.needed, Sensitivity.SPECIAL_CATEGORY: Needed(persons=2, roles=2)}
    found = previewing.preview(stage.platform, ANN, ask(stage.dataset()))
    assert (found.needed, found.approving) == (Needed(persons=2, roles=2), (Role.APPROVER,))
    assert set(found.endorsing) == {Role.STEWARD, Role.PRIVACY_OFFICER}
    assert found.training_gate.digest() == found.plan.training_gate if found.plan else False
    assert found.promotion_gate == stage.policies.gates["promotion"]


def test_lack_of_access_is_refused_and_recorded_as_for_a_request(stage: Stage) -> None:
    dataset = stage.dataset()
    for who, code in ((EVE, NotFound), (BOB, Refused)):
        before = len(refusals(stage))
        with pytest.raises(code):
            previewing.preview(stage.platform, who, ask(dataset))
        assert len(refusals(stage)) > before
    with pytest.raises(NotFound):
        previewing.preview(stage.platform, ANN, ask(dataset, training_file="ds-nothing"))


def test_a_request_that_expects_another_plan_is_not_made_and_one_that_expects_this_is(stage: Stage) -> None:
    dataset = stage.dataset()
    found = previewing.preview(stage.platform, ANN, ask(dataset))
    assert found.plan is not None
    expecting = {"expected": found.plan.digest()}
    with pytest.raises(Conflict) as other:
        requests.submit(stage.platform, ANN, ask(dataset, epsilon=Decimal(7), **expecting))
    assert (other.value.code, other.value.param) == ("plan_differs", "expected_plan")
    assert requests.listed(stage.platform, ANN) == []
    request, _ = requests.submit(stage.platform, ANN, ask(dataset, **expecting))
    assert request.plan == found.plan
    stage.policies.gates["training"] = stage.policies.gates["promotion"]
    changed = previewing.preview(stage.platform, ANN, ask(dataset, epsilon=Decimal(1), **expecting))
    assert codes(changed) == ["plan_differs"], "a policy that changed makes another plan"


def test_attributes_to_protect_are_protected_columns_of_the_dataset_or_nothing_is_asked(stage: Stage) -> None:
    dataset = stage.dataset()
    assert requests.submit(stage.platform, ANN, ask(dataset, protected=frozenset({"sex"})))[0].plan.fairness is not None
    with pytest.raises(Refused) as refused:
        requests.submit(stage.platform, ANN, ask(dataset, epsilon=Decimal(1), protected=frozenset({"sex", "Zoraide"})))
    assert (refused.value.code, refused.value.param) == ("attribute_not_protected", "protected_attributes")
    assert "Zoraide" not in str(refused.value)
