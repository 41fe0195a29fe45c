"""The platform, on its own accountant, keeps the rules that were written apart from it; whatever its people try."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from random import Random
from types import MappingProxyType

import pytest
from tests.conftest import ANN, BOB, DANA, OTTO, POLICIES, REA, RON, WORKER, Stage, TellingStep, measured, stage
from tests.usecases.reviewing import NAME, READ, SIGNED, reviewing

from tunewarden.domain.attestations import Knowledge
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.deidentification import Method
from tunewarden.domain.entries import Entry, entry_bytes
from tunewarden.domain.errors import TunewardenError, Unavailable
from tunewarden.domain.events import KeyCreated
from tunewarden.domain.names import Alias, PolicyName, PrincipalId, Role
from tunewarden.domain.reviews import Mark
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.drivers import accounting
from tunewarden.drivers.memory import MemorySealedLog
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps import GUARDED
from tunewarden.usecases import datasets, jobs, keys, models, reports, requests, retention, reviews, signing
from tunewarden.usecases.ports import Attempt, Principal, SignedTreeHead
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade, Report

assert stage  # the fixture, from which `new_stage` is made
OPERATOR = Principal(id=PrincipalId("operator"), roles=frozenset({Role.ADMINISTRATOR}))
CY = Principal(id=PrincipalId("prn-cy"), roles=frozenset({Role.APPROVER}))
PAT = Principal(id=PrincipalId("prn-pat"), roles=frozenset({Role.PRIVACY_OFFICER}))
calibrate = cache(accounting.calibrate)
REPORT = b'{"categories":[]}'
"""What the step reports about what it released; `tests.usecases.reviewing`."""


def new_stage() -> Stage:
    """A platform in memory with real epsilon, whose people were all given keys."""
    made: Stage = stage.__wrapped__()  # type: ignore[attr-defined]
    made.platform = replace(made.platform, accountant=accounting.epsilon, calibrate=calibrate)
    with made.platform.work(OPERATOR.id) as work:
        for principal in (ANN, BOB, CY, DANA, PAT, REA, RON):
            work.principals.put(principal)
            work.record(KeyCreated(principal=principal.id, roles=tuple(principal.roles)))
        work.commit()
    return made


def judged(entries: list[Entry]) -> Report:
    return conduct([(entry.index, entry_bytes(entry.event, actor=entry.actor, at=entry.at)) for entry in entries])


def blamed(report: Report) -> dict[str, tuple[str, ...]]:
    return {check.name: check.details for check in report.checks if check.grade is Grade.BROKEN}


def ask(dataset: str, epsilon: str) -> requests.Ask:
    return requests.Ask(
        training_file=dataset, base_model=PolicyName("tiny"), purpose="research", epsilon=Decimal(epsilon)
    )


def test_a_whole_story_is_consistent_and_so_are_the_entries_of_its_report() -> None:
    made = new_stage()
    platform = made.platform
    request, _ = requests.submit(platform, ANN, ask(made.dataset().id, "4"))
    with suppress(TunewardenError):
        requests.approve(platform, ANN, request.id, request.plan.digest())
    requests.approve(platform, BOB, request.id, request.plan.digest())
    for lost in (False, True, False, False):
        made.steps[StepName.TRAIN].error = Unavailable("worker_lost", "A worker was lost.") if lost else None
        with suppress(Unavailable):
            request = jobs.advance(platform, WORKER, made.steps, GUARDED, request.id)
    assert request.model is not None
    for alias, who, other in ((Alias.STAGING, BOB, CY), (Alias.PRODUCTION, CY, BOB)):
        promotion, _, _ = models.propose(platform, who, request.model, alias)
        models.approve(platform, other, promotion.id, promotion.verdict)
    keys.revoke(platform, OPERATOR, ANN.id)
    assert [check.name for check in judged(made.entries()).checks if check.grade is not Grade.CONSISTENT] == []
    told = reports.lineage(platform, OTTO, request.model).report
    report = judged(list(told.entries()))
    assert [check.name for check in report.checks if check.grade is not Grade.CONSISTENT] == []


def test_a_story_in_which_people_read_and_signed_is_consistent_and_so_are_the_entries_of_its_report() -> None:
    """Submitted, in review, read by two, signed, trained; and a second request that relies on the same words."""
    house = reviewing(new_stage(), *READ, SIGNED)
    platform, dataset = house.stage.platform, house.stage.dataset()
    one, other = house.waiting(dataset), house.waiting(dataset)
    house.read(house.review().id, REA, RON)
    sign(house.stage, one, PAT)
    for request in (one, other):
        for _ in (StepName.TRAIN, StepName.MEASURE):
            done = house.advance(request.id)
        assert done.model is not None
        told = reports.lineage(platform, OTTO, done.model).report
        assert {"ReviewOpened", "ReviewAnswered", "ReviewClosed", "ReportAttested"} == {
            type(entry.event).__name__ for entry in told.reviews
        }
        report = judged(list(told.entries()))
        assert [check.name for check in report.checks if check.grade is not Grade.CONSISTENT] == []
    assert [check.name for check in judged(house.stage.entries()).checks if check.grade is not Grade.CONSISTENT] == []


def test_a_hold_and_a_pruning_are_consistent() -> None:
    made = new_stage()
    classes, log = FilePolicies(POLICIES).retention(), made.platform.log
    dataset = made.dataset()
    datasets.retire(made.platform, DANA, dataset.id)
    hold, _ = retention.place_hold(made.platform, PAT, dataset.id, None)
    retention.release_hold(made.platform, PAT, hold)
    made.clock.advance(timedelta(days=4000))
    assert isinstance(log, MemorySealedLog)
    size = len(made.entries())
    log.signed = SignedTreeHead(size=size, note=f"log.example\n{size}\nroot\n\n\u2014 log.example sig\n")
    prune, _ = retention.propose(made.platform, PAT, classes)
    retention.approve(made.platform, OPERATOR, classes, prune, log.signed.note)
    report = judged(made.entries())
    assert blamed(report) == {}


PEOPLE = (ANN, BOB, CY, DANA)
Act = Callable[[Stage, Random], object]


def _submit(made: Stage, dice: Random) -> None:
    dataset = dice.choice(datasets.listed(made.platform, DANA))
    who = dice.choice((ANN, ANN, *PEOPLE))
    requests.submit(made.platform, who, ask(dataset.id, dice.choice(("2", "3", "6", "9"))))


def _some_request(made: Stage, dice: Random) -> TrainingRequest:
    """One of the newest; IndexError where there is none yet."""
    return dice.choice(requests.listed(made.platform, OTTO)[-3:])


def _approve(made: Stage, dice: Random) -> None:
    request = _some_request(made, dice)
    plan = dice.choice([request.plan.digest()] * 5 + [request.plan.dataset_version])
    requests.approve(made.platform, dice.choice((BOB, CY, *PEOPLE)), request.id, plan)


def _advance(made: Stage, dice: Random) -> None:
    request = _some_request(made, dice)
    for step in made.steps.values():
        if isinstance(step, TellingStep):
            step.error = dice.choice([None] * 4 + [Unavailable("lost", "Lost."), RuntimeError("lost")])
    made.steps[StepName.TRAIN].updates = dice.randint(1, 9)
    recall = dice.choice(["0.95"] * 4 + ["0.5"])
    deidentify = made.steps[StepName.DEIDENTIFY]
    if isinstance(deidentify, TellingStep):
        deidentify.measurements = (measured("deid.planted_recall", recall),)
    with suppress(RuntimeError):
        jobs.advance(made.platform, WORKER, made.steps, GUARDED, request.id)


def _end(made: Stage, dice: Random) -> None:
    end = dice.choice((requests.cancel, requests.reject))
    end(made.platform, dice.choice(PEOPLE), _some_request(made, dice).id)


def _propose(made: Stage, dice: Random) -> None:
    model = dice.choice(models.listed(made.platform, OTTO))
    models.propose(
        made.platform, dice.choice(PEOPLE), model.id, dice.choice([Alias.CANDIDATE, Alias.STAGING, Alias.PRODUCTION])
    )


def _promote(made: Stage, dice: Random) -> None:
    with made.platform.view() as view:
        promotion = dice.choice(view.promotions.all())
    models.approve(made.platform, dice.choice(PEOPLE), promotion.id, promotion.verdict)


def _retire(made: Stage, dice: Random) -> None:
    datasets.retire(made.platform, DANA, dice.choice(datasets.listed(made.platform, DANA)).id)


def _revoke(made: Stage, dice: Random) -> None:
    keys.revoke(made.platform, OPERATOR, dice.choice(PEOPLE).id)


def _wait(made: Stage, dice: Random) -> None:
    made.clock.advance(timedelta(days=dice.choice((1, 1, 60))))


ACTS: Mapping[Act, int] = {
    _submit: 6,
    _approve: 8,
    _advance: 24,
    _propose: 8,
    _promote: 8,
    _end: 1,
    _retire: 1,
    _revoke: 1,
    _wait: 2,
}
"""What may be tried, and how often."""


def _read(made: Stage, dice: Random) -> None:
    with made.platform.view() as view:
        review = dice.choice(view.reviews.all())
    is_careless = dice.random() < 0.1
    for _ in range(dice.choice((5, 40, 60))):
        with suppress(TunewardenError):
            who = dice.choice((REA, RON, REA, RON, REA, RON, *PEOPLE))
            _, page = reviews.following(made.platform, who, review.id)
            if page is None:
                return
            start = page.text.find(NAME)
            marks = [] if is_careless or start < 0 else [Mark(start=start, end=start + len(NAME))]
            reviews.answer(made.platform, who, review.id, page.item, marks)


def _sign(made: Stage, dice: Random) -> None:
    sign(made, _some_request(made, dice), dice.choice((PAT, PAT, *PEOPLE)), dice.choice((REPORT, REPORT, b"another")))


def sign(made: Stage, request: TrainingRequest, who: Principal, report: bytes = REPORT) -> None:
    signing.attest(
        made.platform,
        who,
        request.outputs.get(StepName.DEIDENTIFY, request.plan.profile),
        report=digest_bytes(report),
        method=Method.SAFE_HARBOR,
        knowledge=Knowledge.NONE,
        expires=made.clock().date() + timedelta(days=3),
    )


def tried(
    seed: int, house: Callable[[Stage], Stage] = lambda made: made, more: Mapping[Act, int] = MappingProxyType({})
) -> list[Entry]:
    """The log after a hundred things that people tried; most of them were refused."""
    made, dice, acts = house(new_stage()), Random(seed), {**ACTS, **more}
    for epsilon in ("10", "4", "30"):
        made.dataset(epsilon=epsilon)
    for act in dice.choices(list(acts), list(acts.values()), k=100):
        with suppress(TunewardenError, IndexError):
            act(made, dice)
    return made.entries()


def test_whatever_people_try_the_log_of_the_platform_breaks_no_rule() -> None:
    seen: set[str] = set()
    for seed in range(40):
        entries = tried(seed)
        assert blamed(judged(entries)) == {}, seed
        seen |= {type(entry.event).__name__ for entry in entries}
    assert {"AliasMoved", "KeyRevoked", "DatasetRetired", "StepFailed", "ActionRefused"} <= seen, "it got that far"


def where_people_read_and_sign(made: Stage) -> Stage:
    """Both are wanted; each dataset version gives its own clean version."""
    house = reviewing(made, *READ, SIGNED)

    def clean(attempt: Attempt) -> None:
        house.cleaning.made = attempt.records

    house.cleaning.during = clean
    made.steps = {**made.steps, StepName.DEIDENTIFY: house.cleaning}  # type: ignore[dict-item]
    return made


def test_whatever_people_try_where_samples_are_read_and_reports_signed_breaks_no_rule() -> None:
    seen: set[str] = set()
    for seed in range(20):
        entries = tried(seed, where_people_read_and_sign, {_read: 14, _sign: 14})
        assert blamed(judged(entries)) == {}, seed
        seen |= {type(entry.event).__name__ for entry in entries}
    assert {"ReviewClosed", "ReportAttested", "ModelRegistered", "ActionRefused"} <= seen, "it got that far"


@pytest.mark.parametrize("kind", ["RequestApproved", "GateJudged", "BudgetReserved", "PromotionApproved"])
def test_the_same_platform_without_one_of_its_entries_is_blamed(kind: str) -> None:
    """That the test above can fail."""
    made = new_stage()
    request, _ = requests.submit(made.platform, ANN, ask(made.dataset().id, "4"))
    requests.approve(made.platform, BOB, request.id, request.plan.digest())
    for _ in StepName:
        request = jobs.advance(made.platform, WORKER, made.steps, GUARDED, request.id)
    assert request.model is not None
    promotion, _, _ = models.propose(made.platform, BOB, request.model, Alias.STAGING)
    models.approve(made.platform, CY, promotion.id, promotion.verdict)
    entries = made.entries()
    position = next(entry.index for entry in entries if type(entry.event).__name__ == kind)
    kept = [*entries[:position], *(replace(entry, index=entry.index - 1) for entry in entries[position + 1 :])]
    assert blamed(judged(kept)) != {}
