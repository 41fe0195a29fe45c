"""A really started platform for the journeys: three processes, SQLite, four principals, tiny data, little evidence."""

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openai import HttpxBinaryResponseContent
from tests.conftest import POLICIES
from tests.journeys.serving import SERVE

from tunewarden.entry.cli.notes import Note, generate, write_csv
from tunewarden.entry.cli.stage import Stage, call, started

LENIENT_TRAINING = """
name = "training"

[[rules]]
metric = "deid.planted_recall"
bound = "at-least"
limit = "0.7"
because = "So few plants cannot prove more; the demo is held to the shipped gate."
remedy = "Plant more."
"""

LENIENT = """
name = "promotion"

[[rules]]
metric = "privacy.epsilon"
bound = "at-most"
limit = "100"
because = "So few persons cannot prove more; the demo is held to the shipped gate."
remedy = "Train on more persons."
"""


@dataclass(frozen=True, slots=True)
class Played:
    """The stage, the notes to train on, and the policies that this platform reads."""

    stage: Stage
    notes: Sequence[Note]
    policies: Path

    def register(self, *, epsilon: str = "100") -> str:
        """The steward registers a dataset with the notes as its version, in an order of its own each time."""
        data = self.stage.home / "registered.csv"
        turn = len(call(self.stage.clients["steward"], "GET", "/datasets")["data"])
        write_csv(data, [*self.notes[turn:], *self.notes[:turn]])
        steward = self.stage.clients["steward"]
        dataset = call(
            steward,
            "POST",
            "/datasets",
            {
                "name": "CANARY-DATASET-NAME",
                "purposes": ["research"],
                "lawful_basis": "consent",
                "sensitivity": "special-category",
                "retain_until": "2099-01-01",
                "columns": {"text": "text", "label": "label", "person": "person", "protected": ["sex", "age"]},
                "budget": {"epsilon": epsilon, "delta": "0.0001"},
            },
        )
        file = steward.files.create(file=data, purpose="fine-tune")
        call(steward, "POST", f"/datasets/{dataset['id']}/versions", {"file_id": file.id})
        return str(dataset["id"])

    def ask(self, dataset: str, *, epochs: int = 1, epsilon: str = "8") -> Any:
        """The requester asks, the approver approves, the privacy officer endorses."""
        job: Any = self.stage.clients["requester"].fine_tuning.jobs.create(
            model="all-minilm-l6-v2",
            training_file=dataset,
            suffix="CANARY-SUFFIX",
            metadata={"CANARY-KEY": "CANARY-VALUE"},
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": epochs}}},
            extra_body={"governance": {"purpose": "research", "privacy": {"epsilon": epsilon}}},
        )
        for who, how in (("approver", "approve"), ("officer", "endorse")):
            path, plan = f"/fine_tuning/jobs/{job.id}/{how}", {"plan": job.governance["plan"]}
            call(self.stage.clients[who], "POST", path, plan)
        return job

    def job(self, identifier: str) -> Any:
        return self.stage.clients["requester"].fine_tuning.jobs.retrieve(identifier)

    def events(self, job: str) -> list[Any]:
        """The job's entries of the log, oldest first."""
        return list(self.stage.clients["requester"].fine_tuning.jobs.list_events(job, limit=100))[::-1]

    def bundle(self, model: str) -> Path:
        """The lineage bundle, as the auditor takes it away."""
        answer = self.stage.clients["auditor"].get(f"/models/{model}/lineage", cast_to=HttpxBinaryResponseContent)
        path = self.stage.home / f"{model}.zip"
        path.write_bytes(answer.content)
        return path


def audit(bundle: Path, vkey: Path) -> subprocess.CompletedProcess[str]:
    """The auditor's tool in a process of its own: it verifies, and then judges what the entries say."""
    command = [sys.executable, "-m", "tunewarden_audit", "conduct", str(bundle), "--key", str(vkey)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def lineage_of(bundle: Path) -> dict[str, Any]:
    with zipfile.ZipFile(bundle) as archive:
        return dict(json.loads(archive.read("lineage.json")))


def measured_in(bundle: Path) -> set[str]:
    """The metrics of all evidence."""
    with zipfile.ZipFile(bundle) as archive:
        documents = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("documents/")]
    return {m["metric"] for document in documents if "produced_by" in document for m in document["measurements"]}


def declared_metrics() -> set[str]:
    """Those of the policies."""
    return set(tomllib.loads((POLICIES / "metrics.toml").read_text()))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """One platform for all journeys: it takes a quarter of a minute to start."""
    home = tmp_path_factory.mktemp("journeys")
    policies = home / "policies"
    shutil.copytree(POLICIES, policies)
    (policies / "gates" / "training.toml").write_text(LENIENT_TRAINING)
    (policies / "gates" / "promotion.toml").write_text(LENIENT)
    chosen = {"policies": str(policies), "lease_seconds": "5", "charge_every_updates": "2"}
    with started(home, serve=SERVE, **chosen) as stage:
        yield Played(stage, generate(160, seed=7), policies)
