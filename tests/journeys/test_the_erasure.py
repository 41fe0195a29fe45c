"""A person asks to be erased, over HTTP and SQL with the real de-identifying step and vault; then the auditor looks."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.journeys.script import DATASET, Props
from tests.journeys.theatre import CAST, Theatre, in_folder
from tests.steps.deidentify.test_step import LITTLE, PATTERNS

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.events import KeyCreated, StepFinished
from tunewarden.domain.gates import Bound, Rule
from tunewarden.domain.names import DatasetId, Digest, PrincipalId
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.domain.reviews import ATTESTED
from tunewarden.domain.training import StepName
from tunewarden.drivers import accounting
from tunewarden.drivers.keyfiles import load_key
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry import worker
from tunewarden.entry.api.app import create_app
from tunewarden.steps.deidentify.step import DeidentifyStep
from tunewarden.steps.records import read_manifest, read_records
from tunewarden_audit.__main__ import main
from tunewarden_audit.export import write_tiles
from tunewarden_audit.note import load_key as log_key

WHO = "Wilhelmina Quackfeld-7"
PERSONS = [WHO, *(f"patient {number}" for number in range(23))]
TABLE = "\n".join(
    [
        "note,burn,patient,sex",
        *(f"burnt hand {number},{'yn'[number % 2]},{who},f" for number, who in enumerate([*PERSONS, WHO])),
        "",
    ]
).encode()


@pytest.fixture(params=["sqlite", "postgres"])
def theatre(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """With everybody's key in the log, and a step that really reads records and asks the vault."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("cluster").database()
    made = in_folder(tmp_path / "home", database_url=url)
    platform = replace(made.platform, accountant=accounting.epsilon, calibrate=accounting.calibrate)
    with platform.work(PrincipalId("operator")) as work:
        for principal in CAST.values():
            work.principals.put(principal)
            work.record(KeyCreated(principal=principal.id, roles=tuple(sorted(principal.roles))))
        work.commit()
    policies: Any = platform.policies
    signed = Rule(metric=ATTESTED, bound=Bound.AT_LEAST, limit=Decimal(1), because="A test says so.", remedy="None.")
    policies.gates["training"] = replace(policies.gates["training"], rules=(signed,))
    policies.profiles["default"] = encode(to_plain(PATTERNS))
    engine = connect(made.settings.database)
    step = DeidentifyStep(
        platform.blobs,
        load_key(made.settings.tenant_key),
        vault=SqlVault(engine, load_key(made.settings.vault_key)),
        scratch=made.settings.scratch_directory,
        rows=platform.rows,
        effort=LITTLE,
    )
    client = TestClient(create_app(platform, made.settings))
    yield replace(made, platform=platform, client=client, steps={**made.steps, StepName.DEIDENTIFY: step})
    engine.dispose()
    made.close()


def released(theatre: Theatre) -> list[list[str]]:
    """The persons of every clean version so far, as their pseudonyms."""
    blobs = theatre.platform.blobs
    outputs: list[Digest] = [
        entry.event.output
        for entry in theatre.entries()
        if isinstance(entry.event, StepFinished) and entry.event.step is StepName.DEIDENTIFY
    ]
    return [[record.person for record in read_records(blobs, read_manifest(blobs, output))] for output in outputs]


def job(theatre: Theatre, props: Props, dataset: str) -> str:
    asked = props.job(dataset)
    path = f"/v1/fine_tuning/jobs/{asked['id']}"
    theatre.must("bob", "POST", f"{path}/approve", json={"plan": asked["governance"]["plan"]})
    return path


def everything_stored(theatre: Theatre) -> bytes:
    """Every table of a SQLite database; nothing where the server keeps them."""
    if theatre.settings.database_url:
        return b""
    with closing(sqlite3.connect(theatre.settings.home / "tunewarden.db")) as base:
        return "\n".join(base.iterdump()).encode()


def test_who_is_erased_is_in_no_later_release_and_the_auditor_agrees(
    theatre: Theatre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    props = Props(theatre=theatre)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    props.version(dataset, theatre.upload("max", TABLE))
    name = pseudonym(load_key(theatre.settings.tenant_key), DatasetId(dataset), WHO)

    before = job(theatre, props, dataset)
    theatre.work()
    # Asked for, and a stranger too. The worker does it before its next step.
    path = f"/v1/datasets/{dataset}/erasures"
    asked = [theatre.must("pia", "POST", path, json={"person": person}) for person in (WHO, "a stranger")]
    assert [one["state"] for one in asked] == ["waiting", "waiting"]
    assert WHO.encode() not in everything_stored(theatre)
    after = job(theatre, props, dataset)
    theatre.work()

    told = theatre.must("otto", "GET", path)["data"]
    assert [(one["id"], one["state"], one["keys_destroyed"], one["raw_keys_destroyed"]) for one in told] == [
        (asked[0]["id"], "done", 1, 1),
        (asked[1]["id"], "done", 0, 0),
    ]
    first, second = released(theatre)
    assert (len(first), first.count(name)) == (25, 2)
    assert second == [person for person in first if person != name], "and everybody else is still there"
    assert theatre.must("pia", "POST", path, json={"person": WHO})["state"] == "waiting"
    theatre.work()
    assert [one["keys_destroyed"] for one in theatre.must("otto", "GET", path)["data"]] == [1, 0, 0]
    stored = everything_stored(theatre)
    assert not stored or (WHO.encode() not in stored and b'"sealed":null' in stored)

    theatre.seal()
    vkey = theatre.settings.log_vkey.read_text().strip()
    for place, request in (("before", before), ("after", after)):
        model = theatre.must("ann", "GET", request)["governance"]["model"]
        bundle = tmp_path / f"{place}.zip"
        bundle.write_bytes(theatre.ask("otto", "GET", f"/v1/models/{model}/lineage").content)
        assert main(["conduct", str(bundle), "--key", vkey]) == 0, capsys.readouterr().out
        page = theatre.ask("otto", "GET", f"/v1/models/{model}/report").text
        assert "Erased a person from the dataset: what was made of it before still holds them" in page
        assert WHO not in page
    capsys.readouterr()
    main(["conduct", str(tiles(theatre, tmp_path)), "--key", vkey])
    said = capsys.readouterr().out.splitlines()
    # The theatre's own first entry is by somebody who was given no key; nothing else is blamed.
    [blamed] = [number for number, line in enumerate(said) if line.startswith("BROKEN")]
    assert "1 finding against: everybody who acts" in said[blamed], said
    assert said[blamed + 1].strip().startswith("entry 2:"), said
    assert any(line.split()[0] == "ok" and line.split()[2] == "erasure" for line in said if line.strip()), said


def tiles(theatre: Theatre, tmp_path: Path) -> Path:
    """The whole log as static files."""
    head = theatre.platform.log.head()
    assert head is not None
    log = theatre.platform.log
    assert isinstance(log, SqlSealedLog)
    folder = tmp_path / "tiles"
    write_tiles(folder, head.note, [log_key(theatre.settings.log_vkey.read_text().strip())], log.leaves)
    return folder


def test_a_job_that_read_the_person_before_ends_and_nothing_is_trained(theatre: Theatre) -> None:
    props = Props(theatre=theatre)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    props.version(dataset, theatre.upload("max", TABLE))
    path = job(theatre, props, dataset)
    assert worker.work_once(theatre.settings, theatre.platform, theatre.steps, "worker-1")
    assert theatre.must("ann", "GET", path)["governance"]["state"] == "deidentified"
    theatre.must("pia", "POST", f"/v1/datasets/{dataset}/erasures", json={"person": WHO})
    theatre.work()
    ended = theatre.must("ann", "GET", path)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "person_erased_meanwhile")
    assert not theatre.steps[StepName.TRAIN].seen
    again = job(theatre, props, dataset)
    theatre.work()
    assert theatre.must("ann", "GET", again)["status"] == "succeeded"


def test_a_worker_that_cannot_do_it_goes_on_with_its_jobs_and_tries_again(theatre: Theatre) -> None:
    props = Props(theatre=theatre)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    props.version(dataset, theatre.upload("max", TABLE))
    path = f"/v1/datasets/{dataset}/erasures"
    theatre.must("pia", "POST", path, json={"person": WHO})
    job(theatre, props, dataset)
    without = replace(theatre.platform, pseudonyms=None)
    assert worker.work_once(theatre.settings, without, theatre.steps, "worker-1"), "a step was done"
    [waits] = theatre.must("otto", "GET", path)["data"]
    assert waits["state"] == "waiting"
    theatre.work()
    [done] = theatre.must("otto", "GET", path)["data"]
    assert (done["state"], done["keys_destroyed"]) == ("done", 1)
