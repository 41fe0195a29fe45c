"""The policy says what is judged of a model's writing: read strictly, with its own questions or the shipped ones."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import Stage
from tests.steps.measure.test_asking import house_questions
from tests.usecases.test_declaring import SHIPPED, plan, said

from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.errors import Malformed, NotFound, Unavailable
from tunewarden.domain.training import Task
from tunewarden.domain.writing import Writing
from tunewarden.drivers.policies import FilePolicies

FAIRNESS = """
because = "Why."
minimum = 200
least = 30
alpha = "0.05"
depth = 2
[tolerances]
accuracy = "0.10"
"""


def policy(folder: Path, writing: str, questions: bytes | None = None) -> FilePolicies:
    (folder / "fairness.toml").write_text(f"{FAIRNESS}\n{writing}")
    if questions is not None:
        (folder / "questions").mkdir()
        (folder / "questions" / "ours.jsonl").write_bytes(questions)
    return FilePolicies(folder)


def test_the_shipped_policy_judges_what_is_written_by_the_shipped_questions(policies: Path) -> None:
    assert SHIPPED.writing == Writing(changed=Decimal("0.25"), treated=Decimal("0.10"))
    assert FilePolicies(policies).questions() is None


def test_a_house_names_its_own_questions_and_the_policy_pins_them(tmp_path: Path) -> None:
    own = house_questions()
    found = policy(tmp_path, '[writing]\nchanged = "0.2"\ntreated = "0.1"\nquestions = "ours"', own)
    assert found.questions() == own
    assert found.fairness().writing == Writing(
        changed=Decimal("0.2"), treated=Decimal("0.1"), questions=digest_bytes(own)
    )


def test_a_policy_of_before_judges_nothing_of_it(tmp_path: Path) -> None:
    found = policy(tmp_path, "")
    assert (found.fairness().writing, found.questions()) == (None, None)
    assert found.fairness().digest() == replace(found.fairness(), writing=None).digest()


@pytest.mark.parametrize(
    "writing",
    [
        '[writing]\nchanged = "0.2"',
        '[writing]\nchanged = "0.2"\ntreated = "0"',
        '[writing]\nchanged = "1"\ntreated = "0.1"',
        '[writing]\nchanged = "much"\ntreated = "0.1"',
        '[writing]\nchanged = 0.2\ntreated = "0.1"',
        '[writing]\nchanged = "NaN"\ntreated = "0.1"',
        '[writing]\nchanged = "0.2"\ntreated = "0.1"\nlength = "0.1"',
        '[writing]\nchanged = "0.2"\ntreated = "0.1"\nquestions = "../ours"',
        '[writing]\nchanged = "0.2"\ntreated = "0.1"\nquestions = "ours"',
        "writing = 3",
    ],
)
def test_a_fault_refuses_the_whole_policy(tmp_path: Path, writing: str) -> None:
    with pytest.raises(Malformed):
        policy(tmp_path, writing, b'{"secret": "words"}').fairness()


def test_questions_that_are_not_there_refuse_it_too(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        policy(tmp_path, '[writing]\nchanged = "0.2"\ntreated = "0.1"\nquestions = "ours"').fairness()


@pytest.mark.parametrize("task", Task)
def test_plans_to_complete_texts_declare_it_and_no_others(stage: Stage, task: Task) -> None:
    assert said(plan(stage, task)).writing == (SHIPPED.writing if task is Task.COMPLETION else None)


def test_questions_that_the_policy_does_not_name_stop_a_plan(stage: Stage) -> None:
    stage.policies.asked = house_questions()
    with pytest.raises(Unavailable, match="changed meanwhile"):
        plan(stage, Task.COMPLETION)


def test_the_questions_that_a_plan_names_are_stored(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.policies.asked = house_questions()
    assert SHIPPED.writing is not None
    named = replace(SHIPPED.writing, questions=digest_bytes(house_questions()))
    monkeypatch.setattr("tests.usecases.test_declaring.SHIPPED", replace(SHIPPED, writing=named))
    assert said(plan(stage, Task.COMPLETION)).writing == named
    assert named.questions is not None
    assert stage.platform.blobs.read(named.questions) == house_questions()
