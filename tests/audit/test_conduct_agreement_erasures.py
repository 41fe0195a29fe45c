"""The platform keeps the auditor's rules about erasures, whatever its people try and whenever they try it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from random import Random
from typing import Any

from tests.audit.test_conduct_agreement import PAT, ask, blamed, judged, new_stage
from tests.conftest import ANN, BOB, DANA, WORKER, Stage, TellingStep, linear_accountant, linear_calibration
from tests.usecases.test_erasures import TENANT_KEY

from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.events import ErasureAsked, PersonErased, RequestEnded, StepFailed, StepFinished, StepStarted
from tunewarden.domain.names import DatasetId
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.domain.training import StepName
from tunewarden.drivers.memory_vault import MemoryVault
from tunewarden.steps import GUARDED
from tunewarden.usecases import datasets, erasures, files, jobs, requests, retention
from tunewarden.usecases.ports import Attempt, StepResult

PERSONS = ("ada", "ben", "cal", "dee")


@dataclass(slots=True)
class Leaving(TellingStep):
    """De-identifies records of four persons as the real step does: under their keys, without who has none any more."""

    vault: Any = None
    meanwhile: Callable[[DatasetId], object] = field(default=lambda _: None)

    def __call__(self, attempt: Attempt) -> StepResult:
        dataset = attempt.plan.dataset
        names = [pseudonym(TENANT_KEY, dataset, person) for person in PERSONS]
        left_out = sum(key is None for key in self.vault.keys(dataset, names).values())
        self.meanwhile(dataset)
        result = TellingStep.__call__(self, attempt)
        return replace(result, counts={"records": len(PERSONS) - left_out, "erased": left_out})


def where_people_are_erased(made: Stage) -> Stage:
    log: Any = made.platform.log
    made.platform = replace(
        made.platform,
        pseudonyms=lambda dataset, person: pseudonym(TENANT_KEY, dataset, person),
        accountant=linear_accountant,
        calibrate=linear_calibration,
    )
    before = made.steps[StepName.DEIDENTIFY]
    leaving = Leaving(
        name=before.name, blobs=before.blobs, measurements=before.measurements, vault=MemoryVault(log._state)
    )
    made.steps = {**made.steps, StepName.DEIDENTIFY: leaving}
    return made


def erase(made: Stage, dataset: DatasetId, person: str) -> None:
    erasures.ask(made.platform, PAT, dataset, person)
    carry_out(made)


def carry_out(made: Stage) -> None:
    for erasure in erasures.waiting(made.platform):
        erasures.carry_out(made.platform, WORKER, erasure)


def _request(made: Stage, dice: Random) -> None:
    request, _ = requests.submit(made.platform, ANN, ask(dice.choice(datasets.listed(made.platform, PAT)).id, "2"))
    requests.approve(made.platform, BOB, request.id, request.plan.digest())


def _ask(made: Stage, dice: Random) -> None:
    dataset = dice.choice(datasets.listed(made.platform, PAT)).id
    erasures.ask(made.platform, dice.choice((PAT, PAT, PAT, BOB)), dataset, dice.choice((*PERSONS, "nobody")))


def _carry_out(made: Stage, _: Random) -> None:
    carry_out(made)


def _advance(made: Stage, dice: Random) -> None:
    jobs.advance(made.platform, WORKER, made.steps, GUARDED, dice.choice(jobs.waiting(made.platform)))


def _advance_while_somebody_is_erased(made: Stage, dice: Random) -> None:
    request, person = dice.choice(jobs.waiting(made.platform)), dice.choice(PERSONS)

    def during(attempt: Attempt) -> None:
        with suppress(TunewardenError):
            erase(made, attempt.plan.dataset, person)

    for step in made.steps.values():
        step.during = during
    try:
        jobs.advance(made.platform, WORKER, made.steps, GUARDED, request)
    finally:
        for step in made.steps.values():
            step.during = lambda _: None


def _hold(made: Stage, dice: Random) -> None:
    hold, _ = retention.place_hold(made.platform, PAT, dice.choice(datasets.listed(made.platform, PAT)).id, None)
    carry_out(made)
    retention.release_hold(made.platform, PAT, hold)


def _add_records(made: Stage, dice: Random) -> None:
    dataset = dice.choice(datasets.listed(made.platform, PAT)).id
    content = BytesIO(str(dice.random()).encode())
    stored, _ = files.upload(made.platform, DANA, filename="more.csv", purpose="fine-tune", content=content)
    datasets.add_version(made.platform, DANA, dataset, stored.id)


ACTS: Mapping[Callable[[Stage, Random], None], int] = {
    _request: 5,
    _advance: 12,
    _advance_while_somebody_is_erased: 2,
    _ask: 2,
    _carry_out: 2,
    _hold: 1,
    _add_records: 1,
}
"""What may be tried, and how often."""


def test_whatever_people_try_where_persons_are_erased_breaks_no_rule() -> None:
    seen: set[str] = set()
    keys = outdated = left_out = 0
    for seed in range(12):
        made, dice = where_people_are_erased(new_stage()), Random(seed)
        for _ in range(2):
            made.dataset(epsilon="60")
        for act in dice.choices(list(ACTS), list(ACTS.values()), k=60):
            with suppress(TunewardenError, IndexError):
                act(made, dice)
        entries = made.entries()
        assert blamed(judged(entries)).keys() <= {"limit"}, seed  # epsilon is a quick one here
        for entry in entries:
            seen.add(type(entry.event).__name__)
            match entry.event:
                case PersonErased(keys=destroyed):
                    keys += destroyed
                case StepFailed(code="person_erased_meanwhile") | RequestEnded(because="person_erased_meanwhile"):
                    outdated += 1
                case StepFinished(step=StepName.DEIDENTIFY, counts=counts):
                    left_out += counts["erased"]
    assert {"ErasureAsked", "PersonErased", "ModelRegistered", "ActionRefused"} <= seen, "it got that far"
    assert min(keys, outdated, left_out) > 5, (keys, outdated, left_out)


def test_the_same_platform_that_went_on_or_told_nobody_is_blamed() -> None:
    """That the test above can fail."""
    made = where_people_are_erased(new_stage())
    dataset = made.dataset()
    request, _ = requests.submit(made.platform, ANN, ask(dataset.id, "4"))
    requests.approve(made.platform, BOB, request.id, request.plan.digest())
    request = jobs.advance(made.platform, WORKER, made.steps, GUARDED, request.id)
    erase(made, dataset.id, "ada")
    went_on = made.entries()
    with made.platform.work(WORKER.id) as work:
        output = request.outputs[StepName.DEIDENTIFY]
        work.record(StepStarted(request=request.id, attempt=2, step=StepName.TRAIN, given=output))
        work.commit()
    assert "goes on with records" in blamed(judged(made.entries()))["erasure"][0]
    asked = next(entry.index for entry in went_on if isinstance(entry.event, ErasureAsked))
    untold = [*went_on[:asked], *(replace(entry, index=entry.index - 1) for entry in went_on[asked + 1 :])]
    assert "nobody had asked" in blamed(judged(untold))["erasure"][0]
