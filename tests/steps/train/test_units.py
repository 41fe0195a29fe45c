"""What the training step says it cost, where a record is the unit."""

from dataclasses import replace
from pathlib import Path

from tunewarden.domain.privacy import Mechanism, PrivacyUnit
from tunewarden.domain.training import Plan
from tunewarden.drivers import accounting
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.train.driver import TrainStep


def beside(plan: Plan, executed: Mechanism) -> list[tuple[str, bool]]:
    """The measurements beside a person's epsilon, and whether they are below it."""
    step = TrainStep(
        MemoryBlobs(),
        locate=lambda name: Path(name),
        scratch=Path("scratch"),
        accountant=accounting.epsilon,
        reported=accounting.epsilon_pld,
    )
    persons = accounting.epsilon([executed], plan.delta)
    return [(one.metric, one.value < persons) for one in step._beside(executed, plan, 40)]


def test_the_smaller_epsilon_of_a_record_is_stated_beside_that_of_a_person(plan: Plan) -> None:
    records = replace(plan.mechanism, unit=PrivacyUnit.RECORD, contributions=3)
    assert beside(plan, records) == [("privacy.epsilon_record", True)]


def test_where_the_person_is_the_unit_no_record_is_spoken_of(plan: Plan) -> None:
    assert beside(plan, plan.mechanism) == []
