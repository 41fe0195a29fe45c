"""Admission: whose budget is charged is settled before anything is, and one person has one budget across datasets."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import ANN, BOB, DANA, MEMBERS, WORKER, Stage, files_of, registration
from tests.usecases.test_jobs import advance, approved, events
from tests.usecases.test_requests import ask

from tunewarden.domain.cohorts import Over, PersonLimit
from tunewarden.domain.datasets import Columns, Dataset, HeldOut
from tunewarden.domain.errors import BudgetExceeded, Conflict, Malformed, NotFound, PlanMismatch, Refused
from tunewarden.domain.events import (
    BudgetCharged,
    BudgetReserved,
    BudgetSettled,
    CohortAdmitted,
    DatasetRegistered,
    StepFailed,
)
from tunewarden.domain.names import DatasetId, PolicyName, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation, Spend
from tunewarden.domain.pseudonyms import budget_pseudonym, pseudonym
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.usecases import datasets, requests
from tunewarden.usecases.ports import Attempt, Receipt
from tunewarden_audit.merkle import leaf_hash, root

MRN = PolicyName("hospital-mrn")
LIMIT = PersonLimit(namespace=MRN, epsilon=Decimal(4), delta=Decimal("0.0001"))
FIGURES = Mechanism(
    unit=PrivacyUnit.PERSON,
    relation=Relation.ADD_OR_REMOVE_ONE,
    sampling_rate=Decimal(1),
    noise_multiplier=Decimal(4),
    updates=3,
)


def persons(numbers: Iterable[int]) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(b"%d" % number).digest() for number in numbers)


def shared(stage: Stage, limit: PersonLimit = LIMIT) -> Dataset:
    """A dataset whose persons are known in others too."""
    stage.policies.limits[MRN] = limit
    asked = replace(registration(), namespace=MRN)
    registered, _ = datasets.register(stage.platform, DANA, asked)
    return datasets.add_version(stage.platform, DANA, registered.id, files_of(stage).id)[0]


def on(stage: Stage, dataset: Dataset, epsilon: str = "2", **changes: object) -> TrainingRequest:
    """Approved and de-identified; it waits for training."""
    request, _ = requests.submit(stage.platform, ANN, ask(dataset, epsilon=Decimal(epsilon), **changes))
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    return advance(stage, request.id)


def trained(stage: Stage, dataset: Dataset, members: tuple[bytes, ...], epsilon: str = "2") -> TrainingRequest:
    request = on(stage, dataset, epsilon)
    train = stage.steps[StepName.TRAIN]
    train.members, train.updates = members, request.plan.mechanism.updates
    return advance(stage, request.id)


def first_charge(stage: Stage, request: TrainingRequest, members: tuple[bytes, ...] | None) -> Exception | None:
    """What the first charge of a training raises; None for members: they are not handed over."""
    raised: list[Exception | None] = []

    def during(attempt: Attempt) -> None:
        try:
            if members is not None:
                attempt.admit(members)
            attempt.charge(1)
            raised.append(None)
        except Refused as error:
            raised.append(error)
        raise OSError("enough seen")

    stage.steps[StepName.TRAIN].during = during
    with pytest.raises(OSError, match="enough"):
        advance(stage, request.id)
    return raised[0]


def test_nothing_is_charged_before_the_persons_are_handed_over(stage: Stage) -> None:
    request = advance(stage, approved(stage).id)
    refused = first_charge(stage, request, None)
    assert isinstance(refused, Refused)
    assert refused.code == "cohort_not_admitted"
    assert events(stage, BudgetCharged) == []
    assert first_charge(stage, request, MEMBERS) is None


def test_a_request_of_before_persons_were_admitted_is_still_carried_out(stage: Stage) -> None:
    request = advance(stage, approved(stage).id)
    with stage.platform.work(WORKER.id) as work:
        work.requests.put(replace(request, by_person=False))
        work.record(StepFailed(request=request.id, attempt=1, step=StepName.TRAIN, code="any"))
        work.commit()
    assert first_charge(stage, request, None) is None


def test_the_entry_names_cohort_counts_and_limit_and_comes_before_the_first_charge(stage: Stage) -> None:
    dataset = shared(stage)
    request = trained(stage, dataset, MEMBERS)
    admitted, *_ = events(stage, CohortAdmitted)
    assert admitted == CohortAdmitted(
        request=request.id,
        dataset=dataset.id,
        attempt=2,
        what=Spend.TRAINING,
        cohort=f"sha256:{root(map(leaf_hash, sorted(MEMBERS))).hex()}",  # type: ignore[arg-type]
        persons=80,
        left_out=0,
        namespace=MRN,
        epsilon=Decimal(4),
        delta=Decimal("0.0001"),
        over=Over.REFUSE,
        limit=LIMIT.digest(),
        others=(),
        beside=(),
    )
    (reserved,) = events(stage, BudgetReserved)
    assert isinstance(reserved, BudgetReserved)
    assert reserved.person_limit == LIMIT.digest()
    kinds = [type(event) for event in events(stage, CohortAdmitted, BudgetCharged)]
    assert kinds == [CohortAdmitted, *[BudgetCharged] * request.plan.mechanism.updates]


def test_a_person_has_one_budget_in_all_datasets_of_a_namespace(stage: Stage) -> None:
    first = trained(stage, shared(stage), persons(range(50)), "3")
    second = on(stage, shared(stage), "2")
    refused = first_charge(stage, second, persons(range(40, 90)))
    assert isinstance(refused, BudgetExceeded)
    assert str(refused).startswith("10 persons would lose more")
    assert len(events(stage, BudgetCharged)) == first.plan.mechanism.updates
    assert first_charge(stage, second, persons(range(50, 90))) is None, "others have theirs"


def test_datasets_that_name_no_namespace_have_nobody_in_common(stage: Stage) -> None:
    for _ in range(2):
        dataset = stage.dataset()
        theirs = tuple(budget_pseudonym(bytes(32), dataset.id, f"patient {number}") for number in range(50))
        assert trained(stage, dataset, theirs, "10").state is State.TRAINED


def test_a_budget_pseudonym_is_of_one_namespace_one_key_and_one_spelling() -> None:
    key, other = bytes(32), bytes(31) + b"1"
    different = {
        budget_pseudonym(key, MRN, "0123"),
        budget_pseudonym(other, MRN, "0123"),
        budget_pseudonym(key, MRN, "123"),
        budget_pseudonym(key, PolicyName("national-id"), "0123"),
        bytes.fromhex(pseudonym(key, DatasetId(MRN), "0123")),
    }
    assert len(different) == 5
    assert budget_pseudonym(key, MRN, "0123") in different


def test_what_is_promised_counts_before_it_is_charged(stage: Stage) -> None:
    first, second = on(stage, shared(stage), "3"), on(stage, shared(stage), "2")
    assert first_charge(stage, first, MEMBERS) is None
    assert isinstance(first_charge(stage, second, MEMBERS), BudgetExceeded)
    requests.cancel(stage.platform, ANN, first.id)
    assert first_charge(stage, second, MEMBERS) is None, "what never ran was given back, to each of them"


def test_persons_who_have_no_budget_left_are_left_out_where_the_policy_says_so(stage: Stage) -> None:
    lenient = replace(LIMIT, over=Over.LEAVE_OUT)
    trained(stage, shared(stage, lenient), persons(range(50)), "3")
    second = trained(stage, shared(stage, lenient), persons(range(40, 90)), "2")
    assert second.state is State.TRAINED
    assert stage.steps[StepName.TRAIN].left_out == set(persons(range(40, 50)))
    admitted = events(stage, CohortAdmitted)[-1]
    assert isinstance(admitted, CohortAdmitted)
    assert (admitted.persons, admitted.left_out, admitted.others) == (40, 10, ())
    third = on(stage, shared(stage, lenient), "1")
    assert first_charge(stage, third, persons(range(40, 50))) is None, "they lost nothing by what they were left out of"


def test_another_attempt_gets_the_same_answer_and_nobody_is_admitted_twice(stage: Stage) -> None:
    lenient = replace(LIMIT, over=Over.LEAVE_OUT)
    trained(stage, shared(stage, lenient), persons(range(50)), "3")
    second = on(stage, shared(stage, lenient))
    answers = []

    def during(attempt: Attempt) -> None:
        answers.append(attempt.admit(persons(range(40, 90))))
        raise OSError("gone")

    stage.steps[StepName.TRAIN].during = during
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            advance(stage, second.id)
    assert answers == [set(persons(range(40, 50)))] * 2
    assert len(events(stage, CohortAdmitted)) == 2


def test_other_persons_than_were_admitted_are_not_trained_on(stage: Stage) -> None:
    request = on(stage, shared(stage))
    assert first_charge(stage, request, persons(range(50))) is None
    for others in (range(49), range(51), range(1, 51)):
        refused = first_charge(stage, request, persons(others))
        assert isinstance(refused, PlanMismatch), others
    assert requests.get(stage.platform, ANN, request.id).state is State.DEIDENTIFIED


def test_updates_beyond_what_was_promised_are_asked_of_the_persons_again(stage: Stage) -> None:
    first, second = on(stage, shared(stage), "2"), on(stage, shared(stage), "2")
    assert first_charge(stage, second, MEMBERS) is None
    stage.steps[StepName.TRAIN].during = lambda _: None
    stage.steps[StepName.TRAIN].updates = first.plan.mechanism.updates + 1
    stage.steps[StepName.TRAIN].members = MEMBERS
    with pytest.raises(BudgetExceeded) as refused:
        advance(stage, first.id)
    assert refused.value.code == "person_budget_exhausted"
    assert len(events(stage, BudgetCharged)) == 1 + first.plan.mechanism.updates


def test_a_lower_limit_counts_at_once_and_a_lost_one_stops_everything(stage: Stage) -> None:
    request = on(stage, shared(stage))
    stage.policies.limits[MRN] = replace(LIMIT, epsilon=Decimal(1))
    assert isinstance(first_charge(stage, request, MEMBERS), BudgetExceeded)
    del stage.policies.limits[MRN]
    refused = first_charge(stage, request, MEMBERS)
    assert isinstance(refused, Refused)
    assert refused.code == "namespace_unknown"


def test_more_than_one_person_may_lose_is_refused_when_it_is_asked_for(stage: Stage) -> None:
    with pytest.raises(BudgetExceeded) as refused:
        requests.submit(stage.platform, ANN, ask(shared(stage), epsilon=Decimal(5)))
    assert refused.value.code == "person_limit_too_low"
    assert events(stage, BudgetReserved) == []


def test_an_unknown_namespace_and_one_without_persons_are_refused_at_registration(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        datasets.register(stage.platform, DANA, replace(registration(), namespace=PolicyName("moon-base")))
    assert refused.value.code == "namespace_unknown"
    stage.policies.limits[MRN] = LIMIT
    nobody = replace(registration(), namespace=MRN, columns=Columns(text="note", label="burn", person=None))
    with pytest.raises(Malformed) as malformed:
        datasets.register(stage.platform, DANA, nobody)
    assert malformed.value.code == "namespace_without_persons"
    shared(stage)
    (registered,) = events(stage, DatasetRegistered)
    assert isinstance(registered, DatasetRegistered)
    assert registered.namespace == MRN


@pytest.mark.parametrize("trials", [1, 3])
def test_every_trial_costs_what_it_costs_alone(stage: Stage, trials: int) -> None:
    dataset = stage.dataset(epsilon="9")
    for number in range(trials):
        request = on(stage, dataset, "3", learning_rate=Decimal(number + 1) / 1000)
        stage.steps[StepName.TRAIN].updates = request.plan.mechanism.updates
        advance(stage, request.id)
    assert datasets.budget(stage.platform, DANA, dataset.id).spent == 3 * trials


def test_a_crashed_and_deleted_training_keeps_its_charge_for_every_person(stage: Stage) -> None:
    request = on(stage, shared(stage), "4")
    stage.steps[StepName.TRAIN].updates = request.plan.mechanism.updates
    stage.steps[StepName.TRAIN].error = OSError("the disk is gone")
    with pytest.raises(OSError, match="disk"):
        advance(stage, request.id)
    requests.cancel(stage.platform, ANN, request.id)
    other = on(stage, shared(stage), "1")
    stage.steps[StepName.TRAIN].error = None
    assert isinstance(first_charge(stage, other, MEMBERS), BudgetExceeded)


def test_a_head_of_the_ledger_is_worth_what_the_log_says_and_nothing_elsewhere(stage: Stage) -> None:
    request, other = on(stage, stage.dataset()), on(stage, stage.dataset())
    heads: list[Receipt] = []
    worth: list[list[int | None]] = []

    def during(attempt: Attempt) -> None:
        attempt.admit(MEMBERS)
        heads.extend([attempt.charge(3), attempt.charge(2)])
        spoiled = [replace(heads[0], index=heads[1].index), replace(heads[0], leaf_hash="0" * 64)]
        beyond = replace(heads[0], index=10**6)
        worth.append([attempt.charged_at(head) for head in (*heads, *spoiled, beyond)])
        raise OSError("gone")

    stage.steps[StepName.TRAIN].during = during
    with pytest.raises(OSError, match="gone"):
        advance(stage, request.id)
    assert worth == [[3, 5, None, None, None]]

    stage.steps[StepName.TRAIN].during = lambda attempt: worth.append([attempt.charged_at(heads[0])])
    advance(stage, other.id)
    assert worth[-1] == [None], "a head of another request"


def with_figures(stage: Stage, request: TrainingRequest) -> None:
    """As if the plan had promised noisy figures."""
    with stage.platform.work(WORKER.id) as work:
        ledger = work.ledgers.get(request.plan.dataset)
        bare = replace(ledger, accounts=tuple(one for one in ledger.accounts if one.request != request.id))
        work.ledgers.put(bare.reserve(request.id, request.plan.mechanism, stage.platform.accountant, FIGURES))
        work.record(StepFailed(request=request.id, attempt=1, step=StepName.TRAIN, code="any"))
        work.commit()


def test_figures_are_charged_apart_from_the_training_to_those_they_are_about(stage: Stage) -> None:
    request = on(stage, stage.dataset())
    with_figures(stage, request)
    advance(stage, request.id)
    measure = stage.steps[StepName.MEASURE]
    measure.members, measure.updates = persons(range(20)), 2
    finished = advance(stage, request.id)
    assert finished.state is State.MEASURED
    admitted = [event for event in events(stage, CohortAdmitted) if isinstance(event, CohortAdmitted)]
    assert [(event.what, event.persons) for event in admitted] == [(Spend.TRAINING, 80), (Spend.METRICS, 20)]
    charged = [event for event in events(stage, BudgetCharged) if isinstance(event, BudgetCharged)]
    assert [(event.what, event.charged) for event in charged] == [
        *[(Spend.TRAINING, number) for number in (1, 2, 3, 4)],
        (Spend.METRICS, 1),
        (Spend.METRICS, 2),
    ]
    (settled,) = events(stage, BudgetSettled)
    assert isinstance(settled, BudgetSettled)
    assert (settled.charged, settled.metrics_charged, settled.metrics_returned) == (4, 2, 1)


def test_figures_that_were_not_promised_cannot_be_charged_for(stage: Stage) -> None:
    public, _ = datasets.register(stage.platform, DANA, replace(registration(), held_out=HeldOut.PUBLIC))
    request = on(stage, datasets.add_version(stage.platform, DANA, public.id, files_of(stage).id)[0])
    assert request.plan.metrics is None
    advance(stage, request.id)
    stage.steps[StepName.MEASURE].updates = 1
    with pytest.raises(NotFound) as refused:
        advance(stage, request.id)
    assert refused.value.code == "reservation_not_found"


def test_two_attempts_that_put_the_same_persons_down_do_not_admit_half_of_them(stage: Stage) -> None:
    request = on(stage, stage.dataset())
    enrolments = stage.platform.enrolments
    assert enrolments is not None

    class Interrupted:
        """Another attempt begins to put the same persons down, after this one has."""

        def __getattr__(self, name: str) -> object:
            return getattr(enrolments, name)

        def put_down(self, cohort: object, members: Iterable[bytes]) -> object:
            roll = enrolments.put_down(cohort, members)  # type: ignore[arg-type]
            enrolments.put_down(cohort, MEMBERS[:7])  # type: ignore[arg-type]
            return roll

    stage.platform = replace(stage.platform, enrolments=Interrupted())  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        advance(stage, request.id)
    assert events(stage, CohortAdmitted) == []
    assert requests.get(stage.platform, ANN, RequestId(request.id)).state is State.DEIDENTIFIED
