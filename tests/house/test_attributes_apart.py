"""Protected attributes as the house keeps them apart: who holds a way to them is a short list, and it is this one."""

import re
from pathlib import Path

import pytest

TUNEWARDEN = Path(__file__).parents[2] / "platform" / "tunewarden"

WAYS: dict[str, tuple[str, set[str]]] = {
    "the use cases that keep, read and destroy them": (
        r"usecases import attributes\b|usecases\.attributes\b",
        {"usecases/jobs.py", "usecases/requests.py", "usecases/datasets.py", "usecases/attribute_doors.py"},
    ),
    "the table, and what opens it": (
        r"drivers\.(sql_|memory_)?attributes\b|drivers import sql_attributes\b|\bsql_attributes\b",
        {"entry/wiring.py", "drivers/sql.py", "drivers/sql_attributes.py", "drivers/memory_attributes.py"},
    ),
    "the table in SQL": (r"\bATTRIBUTES\b", {"drivers/sql_schema.py", "drivers/sql_attributes.py"}),
    "the platform's port": (r"platform\.attributes\b", {"usecases/attributes.py"}),
    "the door that reads": (r"attempt\.attributes\b", {"steps/measure/rows.py"}),
    "the door that lays apart": (r"attempt\.keep\b", {"steps/deidentify/step.py"}),
    "what a release of before has beside its records": (
        r"\bread_protected\b",
        {"steps/records.py", "steps/measure/rows.py", "entry/cli/deid_apply.py"},
    ),
    "rows with their attributes": (
        r"\bread_held_out\b",
        {"steps/measure/rows.py", "steps/measure/step.py"},
    ),
}


def found(pattern: str, root: Path) -> set[str]:
    """The files under `root` in which the pattern stands."""
    return {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(pattern, path.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("way", WAYS)
def test_nobody_else_holds_a_way_to_protected_attributes(way: str) -> None:
    pattern, holders = WAYS[way]
    assert found(pattern, TUNEWARDEN) == holders


@pytest.mark.parametrize(
    "planted",
    [
        "from tunewarden.usecases import attributes",
        "from tunewarden.drivers.attributes import SealedAttributes",
        "from tunewarden.drivers.sql_schema import ATTRIBUTES",
        "rows = attempt.attributes([])",
        "rows = platform.attributes.read(dataset, request, table, [])",
        "from tunewarden.steps.records import read_protected",
    ],
)
def test_a_training_that_reached_for_them_would_be_seen(tmp_path: Path, planted: str) -> None:
    (tmp_path / "steps" / "train").mkdir(parents=True)
    (tmp_path / "steps" / "train" / "driver.py").write_text(planted + "\n")
    assert any("steps/train/driver.py" in found(pattern, tmp_path) for pattern, _ in WAYS.values())


def test_the_steps_that_train_and_measure_share_nothing_that_has_them() -> None:
    training = TUNEWARDEN / "steps" / "train"
    assert found(r"steps\.measure\b|\.protected\b|protected_root", training) == set()
