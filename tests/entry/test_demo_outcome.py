"""What the demo's summary is read from."""

import json
import zipfile
from pathlib import Path

import pytest

from tunewarden.entry.cli import outcome

PLAN = {"fairness": {"attributes": ["sex"]}}
DETAILS = {
    "utility": {"accuracy": None, "base_accuracy": None, "majority_accuracy": None},
    "fairness": {
        "assessed": [
            {
                "attribute": "sex",
                "group": "f",
                "accuracy": "0.9",
                "shortfall": {"low": "0.1", "value": "0.2", "high": "0.3"},
                "persons": 40,
            }
        ]
    },
}
EVIDENCE = {
    "measurements": [{"metric": f"privacy.{name}", "value": "1"} for name in ("epsilon", "epsilon_pld", "delta")]
}
LINEAGE = {
    "steps": [{"step": "deidentify", "counts": {"name": 3}}, {"step": "train", "counts": {"updates": 24}}],
    "privacy": {"unit": "person", "mechanism": {"noise_multiplier": "1"}},
    "gates": [{"gate": "promotion", "outcome": "pass"}],
}


@pytest.mark.parametrize("documents", [(PLAN, DETAILS, EVIDENCE), (EVIDENCE, DETAILS, PLAN)])
def test_groups_are_read_from_what_was_measured_wherever_the_plan_lies(
    tmp_path: Path, documents: tuple[object, ...]
) -> None:
    """Documents lie by digest, so in any order, and a plan says `fairness` too."""
    bundle = tmp_path / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("lineage.json", json.dumps(LINEAGE))
        for number, document in enumerate(documents):
            archive.writestr(f"documents/{number}.json", json.dumps(document))
    told = outcome.read(bundle, budget={"left": "1"}, refusals=(), seconds={}, verified=True)
    assert told.fairness["sex f"]["persons"] == 40
