"""A limited data set trains for the purposes of the law only, and while a stated data use agreement is in force."""

from datetime import timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from tests.conftest import ANN, DANA, PIA, Stage, measured, registration
from tests.usecases.reviewing import Reviewing, reviewing, rule
from tests.usecases.test_requests import ask
from tests.usecases.test_signing import sign

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Bound
from tunewarden.domain.reviews import AGREED
from tunewarden.domain.training import State, StepName
from tunewarden.usecases import datasets, files, requests, signing

STATED = rule(AGREED, "1", Bound.AT_LEAST)
LIMITED: dict[str, Any] = {"method": Method.LIMITED_DATASET, "knowledge": Knowledge.AGREEMENT}


@pytest.fixture
def house(stage: Stage) -> Reviewing:
    return reviewing(stage, STATED, review=None, method=Method.LIMITED_DATASET)


def test_nothing_is_trained_until_somebody_states_the_agreement(house: Reviewing) -> None:
    request = house.waiting()
    assert request.state is State.IN_REVIEW
    sign(house, request, **LIMITED)
    assert house.advance(request.id).state is State.TRAINED


def test_the_agreement_is_not_believed_of_a_step(house: Reviewing) -> None:
    house.cleaning.claims = (measured(AGREED, "1", n=1),)
    assert house.waiting().state is State.IN_REVIEW


def test_when_the_agreement_has_ended_the_next_request_waits(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    request = house.waiting(dataset)
    sign(house, request, **LIMITED, expires=(house.stage.clock.now + timedelta(days=1)).date())
    assert house.waiting(dataset).state is State.DEIDENTIFIED
    house.stage.clock.advance(timedelta(days=3))
    assert house.waiting(dataset).state is State.IN_REVIEW


def test_when_the_agreement_is_ended_what_was_not_trained_waits(house: Reviewing) -> None:
    request = house.waiting()
    sign(house, request, **LIMITED)
    about = request.outputs[StepName.DEIDENTIFY]
    signing.withdraw(house.stage.platform, PIA, about, Withdrawal.AGREEMENT_ENDED)
    assert house.now(request.id).state is State.IN_REVIEW


def test_for_another_purpose_than_those_of_the_law_it_is_refused_when_it_is_asked_for(house: Reviewing) -> None:
    platform = house.stage.platform
    purposes = frozenset({Purpose.MARKETING, Purpose.RESEARCH})
    dataset, _ = datasets.register(platform, DANA, registration(purposes=purposes))
    stored, _ = files.upload(platform, DANA, filename="n.csv", purpose="fine-tune", content=BytesIO(b"bytes"))
    dataset, _ = datasets.add_version(platform, DANA, dataset.id, stored.id)
    with pytest.raises(Refused) as refused:
        requests.submit(platform, ANN, ask(dataset, epsilon=Decimal(2), purpose="marketing"))
    assert refused.value.code == "purpose_not_for_limited_dataset"
    requests.submit(platform, ANN, ask(dataset, epsilon=Decimal(2)))
