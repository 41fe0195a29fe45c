"""The reviewed path with the real de-identification: people find what was missed among made-up values, or none trains.

Samples, pages, gate, signature and log are the real ones too. Training itself only charges its updates here: that it
trains is shown by the main path, in processes of its own.

The gate is `training-reviewed` as it is shipped, rule by rule; only figures that so few records cannot prove, and the
size of the sample, are others. The shipped figures have tests of their own.
"""

import csv
import html
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Any
from zipfile import ZipFile

import pytest
from fastapi.testclient import TestClient
from tests.conftest import POLICIES, REA, RON, TellingStep
from tests.journeys.script import DATASET
from tests.journeys.theatre import CAST, Theatre

from tunewarden.domain.canonical import decode
from tunewarden.domain.events import GateJudged, KeyCreated, ReviewClosed
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.training import StepName
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.drivers.keyfiles import load_key
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry.api.app import create_app
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys, with_persons, with_release, with_samples
from tunewarden.steps.deidentify.step import DeidentifyStep, Effort
from tunewarden.steps.records import read_manifest, read_records
from tunewarden.usecases.ports import KeyRecord
from tunewarden_audit.__main__ import main

DOCUMENTS, SEEDS, PERSONS = 20, 12, 40
UNPROVABLE = {
    "deid.planted_recall": "0.05",
    "deid.name_recall_gap": "1",
    "deid.rescan_hits_per_1000_records": "1000",
    "deid.review.adjusted_leak_rate": "0.5",
    "deid.review.sensitivity": "0.6",
    "deid.k_anonymity": "1",
}
"""Limits that so few records and plants can keep. All others are as shipped: nothing known may stand anywhere."""

SURNAMES = ("Okafor", "Lindqvist", "Petrov", "Marchetti", "Nakamura", "Haddad", "Kowalski", "Brennan")
GIVEN = ("Anna", "Peter", "Maria", "James", "Sofia", "Daniel", "Emma", "Thomas")
STORIES = (
    "was seen on {date} after a fall at home. X-ray of the wrist shows no fracture.",
    "came in on {date} with a burn of the left hand. The wound was cleaned and dressed.",
    "has had a cough since {date}. The chest is clear and there is no fever.",
)
CLOSING = ("Call back at {phone}.", "The phone at home is {phone}.", "Results to {phone}.")
TITLES = ("Ms.", "Mr.")
PROSE = frozenset(re.findall(r"[A-Za-z]+", " ".join((*TITLES, *STORIES, *CLOSING)).replace("{", " ").replace("}", " ")))


def records(path: Path, seed: int) -> bytes:
    """Notes of which every word that identifies nobody is in `PROSE`."""
    chance = Random(seed)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("note", "burn", "patient", "sex"))
        for number in range(PERSONS):
            name = f"{chance.choice(GIVEN)} {chance.choice(SURNAMES)}"
            date = f"{chance.randint(1, 12):02}/{chance.randint(1, 28):02}/2019"
            phone = f"({chance.randint(201, 989)}) 555-{chance.randint(100, 199):04}"
            text = f"{chance.choice(TITLES)} {name} {chance.choice(STORIES)} {chance.choice(CLOSING)}"
            writer.writerow(
                (text.format(date=date, phone=phone), "ny"[number % 2], f"P-{seed}{number:04}", "FM"[number % 2])
            )
    return path.read_bytes()


def gates(policies: Path) -> None:
    """The shipped gate with what so few records can prove, and a sample that a test can read."""
    path = policies / "gates" / "training-reviewed.toml"
    gate: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    lines = ['name = "training-reviewed"', "[review]", f"documents = {DOCUMENTS}", f"seeds = {SEEDS}"]
    for rule in gate["rules"]:
        family = "deid.planted_recall" if rule["metric"].startswith("deid.planted_recall") else rule["metric"]
        limit = UNPROVABLE.get(family, rule["limit"])
        words = {
            "metric": rule["metric"],
            "bound": rule["bound"],
            "limit": limit,
            "because": "So few.",
            "remedy": "More.",
        }
        lines += ["[[rules]]", *(f'{name} = "{word}"' for name, word in words.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """The platform as the worker and the api have it, in one process, with the real first step and few plants."""
    home = tmp_path_factory.mktemp("reviewed") / "home"
    home.mkdir()
    policies = home / "policies"
    copytree(POLICIES, policies)
    gates(policies)
    settings = Settings(
        home=home,
        policies=policies,
        training_gate="training-reviewed",
        seal_interval_seconds=0.001,
    )
    create_keys(settings)
    migrate(settings.database)
    platform = with_samples(with_persons(settings, with_release(settings, build(settings))))
    steps: dict[StepName, Any] = {
        StepName.DEIDENTIFY: DeidentifyStep(
            platform.blobs,
            load_key(settings.tenant_key),
            vault=SqlVault(connect(settings.database), load_key(settings.vault_key)),
            scratch=settings.scratch_directory.absolute(),
            rows=platform.rows,
            effort=Effort(plants_of_each_kind=2, texts_of_each_cohort=2),
        ),
        StepName.TRAIN: TellingStep(name=StepName.TRAIN, blobs=platform.blobs, updates=2),
        StepName.MEASURE: TellingStep(name=StepName.MEASURE, blobs=platform.blobs),
    }
    cast = {**CAST, "rea": REA, "ron": RON}
    tokens = {name: new_token() for name in cast}
    with platform.work(PrincipalId("operator")) as work:
        for name, principal in cast.items():
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(tokens[name]), principal=principal.id))
            work.record(KeyCreated(principal=principal.id, roles=tuple(sorted(principal.roles))))
        work.commit()
    client = TestClient(create_app(platform, settings))
    made = Theatre(settings=settings, platform=platform, client=client, tokens=tokens, steps=steps)
    yield made
    made.close()


def browse(theatre: Theatre, who: str, method: str, path: str, **more: Any) -> Any:
    """As a browser that has somebody's key."""
    headers = {"sec-fetch-site": "same-origin"}
    auth = ("any", theatre.tokens[who])
    return theatre.client.request(method, path, headers=headers, auth=auth, follow_redirects=False, **more)


def words_of(page: str) -> list[tuple[str, str]]:
    """(value, word) of every check box of a text."""
    found = re.findall(r'<input type="checkbox" name="mark" value="([\d-]+)"><span>(.*?)</span>', page)
    return [(value, html.unescape(word)) for value, word in found]


def unexplained(word: str) -> bool:
    """What a careful reader marks: more than prose, and not one of ours."""
    return any(part not in PROSE for part in re.findall(r"\w+", re.sub(r"\[[A-Z-]+\]", " ", word)))


@dataclass(frozen=True, slots=True)
class Job:
    """A job that was asked for and approved, whose records were then de-identified by the real step."""

    theatre: Theatre
    id: str

    @property
    def governance(self) -> Any:
        return self.theatre.must("ann", "GET", f"/v1/fine_tuning/jobs/{self.id}")["governance"]

    def refused_by(self) -> set[str]:
        """The rules that did not pass when the gate was asked last, but for those that wait for people."""
        verdicts = [entry.event for entry in self.theatre.entries() if isinstance(entry.event, GateJudged)]
        last = [one for one in verdicts if one.request == self.id][-1]
        return {one.metric for one in last.findings if one.outcome is Outcome.FAIL}

    def review(self) -> str:
        with self.theatre.platform.view() as view:
            [review] = [one for one in view.reviews.all() if one.request == self.id]
            return str(review.id)

    def read(self, *, careful: bool) -> list[str]:
        """Everything, in a browser, by two readers in turns; the texts' words as they were shown."""
        path, shown = f"/reviews/{self.review()}", list[str]()
        while 'name="item"' in (page := browse(self.theatre, ("rea", "ron")[len(shown) % 2], "GET", path).text):
            words = words_of(page)
            marks = [value for value, word in words if careful and unexplained(word)]
            item = re.search(r'name="item" value="(\d+)"', page)
            assert item is not None
            form = {"item": item[1], "mark": marks, "found": "marked" if marks else "nothing"}
            answer = browse(self.theatre, ("rea", "ron")[len(shown) % 2], "POST", path, data=form)
            assert answer.status_code == 303, answer.text
            shown.append(" ".join(word for _, word in words))
        return shown

    def leaks(self) -> list[str]:
        """What readers marked beside seeds."""
        found = self.theatre.must("pia", "GET", f"/v1/reviews/{self.review()}/leaks")["leaks"]
        return [one["text"][mark["start"] : mark["end"]] for one in found if not one["seeded"] for mark in one["marks"]]

    def closed(self) -> ReviewClosed:
        [found] = [
            entry.event
            for entry in self.theatre.entries()
            if isinstance(entry.event, ReviewClosed) and entry.event.review == self.review()
        ]
        return found


def require_texts_go_with_the_version(theatre: Theatre) -> None:
    """What readers are shown is sealed under the dataset version's key, and lies nowhere else."""
    with theatre.platform.view() as view:
        sample: Any = decode(theatre.platform.blobs.read(view.reviews.all()[-1].sample))
    names = [path.name for path in (theatre.settings.home / "blobs").rglob("*") if path.is_file()]
    for item in sample["items"]:
        files = [name for name in names if name.startswith(item["text"].removeprefix("sha256:"))]
        assert files  # of another version too, where it has the same text
        assert all("." in file for file in files)


def de_identified(theatre: Theatre, folder: Path, seed: int) -> Job:
    registration = {**DATASET, "budget": {"epsilon": "100", "delta": "0.0001"}}
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=registration)["id"]
    file = theatre.upload("dana", records(folder / f"{seed}.csv", seed))
    theatre.must("dana", "POST", f"/v1/datasets/{dataset}/versions", json={"file_id": file})
    asked = {
        "model": "all-minilm-l6-v2",
        "training_file": dataset,
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}},
        "governance": {
            "purpose": "research",
            "privacy": {"epsilon": "8"},
            "deidentification_profile": "gdpr-pseudonymised",
        },
    }
    job = theatre.must("ann", "POST", "/v1/fine_tuning/jobs", json=asked)
    approval = {"plan": job["governance"]["plan"]}
    theatre.must("bob", "POST", f"/v1/fine_tuning/jobs/{job['id']}/approve", json=approval)
    theatre.must("pia", "POST", f"/v1/fine_tuning/jobs/{job['id']}/endorse", json=approval)
    theatre.work()
    return Job(theatre, job["id"])


def test_people_who_see_made_up_values_as_brackets_find_every_seed_and_a_signature_lets_training_begin(
    theatre: Theatre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = de_identified(theatre, tmp_path, 1)
    assert (job.refused_by(), job.governance["state"]) == (set(), "in-review")
    shown = job.read(careful=True)
    assert len(shown) == DOCUMENTS + SEEDS

    with theatre.platform.view() as view:
        about = next(one.about for one in view.reviews.all() if one.request == job.id)
    released = [
        record.text for record in read_records(theatre.platform.blobs, read_manifest(theatre.platform.blobs, about))
    ]
    made_up = sum("[NAME]" not in text for text in released)
    assert made_up > PERSONS / 2, "names in the released texts are made up"
    bracketed = sum("[NAME]" in text for text in shown)
    assert bracketed > len(shown) / 2, "and readers see that one stands there"

    assert job.leaks() == [], "the recogniser missed nothing of so simple notes, and prose is no leak"
    counts = job.closed()
    assert (counts.documents, counts.seeds, counts.found) == (DOCUMENTS, SEEDS, SEEDS)
    assert job.governance["state"] == "in-review", "the signature is missing"
    claim = theatre.must("pia", "GET", f"/v1/clean-versions/{about}")
    signed = browse(
        theatre, "pia", "POST", f"/clean-versions/{about}", data={"report": claim["report"], "method": claim["method"]}
    )
    assert signed.status_code == 303, signed.text
    theatre.work()
    done = theatre.must("ann", "GET", f"/v1/fine_tuning/jobs/{job.id}")
    assert done["governance"]["state"] == "measured", done
    theatre.seal()
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(theatre.ask("otto", "GET", f"/v1/models/{done['governance']['model']}/lineage").content)
    vkey = theatre.settings.log_vkey.read_text().strip()
    assert main(["conduct", str(bundle), "--key", vkey]) == 0, capsys.readouterr().out
    with ZipFile(bundle) as archive:
        told = b"".join(archive.read(name) for name in archive.namelist())
    assert not any(name.encode() in told for name in SURNAMES)


def test_people_who_mark_nothing_are_found_out_by_the_seeds_and_nothing_is_trained(
    theatre: Theatre, tmp_path: Path
) -> None:
    job = de_identified(theatre, tmp_path, 2)
    assert (job.refused_by(), job.governance["state"]) == (set(), "in-review")
    require_texts_go_with_the_version(theatre)
    job.read(careful=False)
    assert job.closed().found == 0
    assert (job.refused_by(), job.governance["state"]) == (
        {"deid.review.sensitivity", "deid.review.adjusted_leak_rate"},
        "blocked",
    )
    theatre.work()
    with theatre.platform.view() as view:
        assert StepName.TRAIN not in next(one for one in view.requests.all() if one.id == job.id).outputs
