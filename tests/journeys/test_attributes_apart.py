"""Protected attributes on their way: from the upload to the measuring step, over the database, and to nobody else."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.conftest import TellingStep
from tests.journeys.script import DATASET, Props
from tests.journeys.test_raw_rows import clean_version, theatre as theatre
from tests.journeys.test_the_erasure import WHO, job, tiles
from tests.journeys.theatre import Theatre

from tunewarden.domain.attribute_events import AttributesDestroyed, AttributesKept, AttributesRead
from tunewarden.domain.names import DatasetId
from tunewarden.domain.training import StepName
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_schema import ATTRIBUTES
from tunewarden.steps.measure.rows import attributes_of, read_held_out
from tunewarden.steps.records import Side, read_manifest, read_records, side
from tunewarden.usecases.ports import Attempt
from tunewarden_audit.__main__ import main

GROUPS = ("zzyzx", "quuxly")
PERSONS = [WHO, *(f"patient {number}" for number in range(80))]
"""So many that of one in five somebody is held out: pseudonyms are by a random key, and nobody is in 2e-8 of runs."""
TABLE = "\n".join(
    [
        "note,burn,patient,sex",
        *(f"burnt hand {number},{'yn'[number % 2]},{who},{GROUPS[number % 2]}" for number, who in enumerate(PERSONS)),
    ]
).encode()


def registered(theatre: Theatre) -> DatasetId:
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    Props(theatre=theatre).version(dataset, theatre.upload("max", TABLE))
    policies: Any = theatre.platform.policies
    gate = policies.gates["training"]
    policies.gates["training"] = replace(gate, rules=(replace(gate.rules[0], limit=Decimal(0)),))
    return DatasetId(dataset)


def telling(theatre: Theatre, name: StepName) -> TellingStep:
    step = theatre.steps[name]
    assert isinstance(step, TellingStep)
    return step


def rows(theatre: Theatre) -> int:
    engine = connect(theatre.settings.database)
    with engine.connect() as connection:
        found = connection.scalar(select(func.count()).select_from(ATTRIBUTES))
    engine.dispose()
    return int(found or 0)


def test_they_reach_the_measuring_step_by_the_table_alone_and_are_gone_afterwards(
    theatre: Theatre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read: list[tuple[list[str], list[Mapping[str, str]]]] = []
    while_trained: list[int] = []

    def measure(attempt: Attempt) -> None:
        manifest = read_manifest(theatre.platform.blobs, attempt.outputs[StepName.DEIDENTIFY])
        found, _ = read_held_out(theatre.platform.blobs, manifest, attributes=attributes_of(attempt, manifest))
        read.append((found.texts, found.protected))

    def train(attempt: Attempt) -> None:
        while_trained.append(rows(theatre))
        assert attempt.attributes is None
        assert attempt.keep is None

    telling(theatre, StepName.TRAIN).during = train
    telling(theatre, StepName.MEASURE).during = measure
    job(theatre, Props(theatre=theatre), registered(theatre))
    theatre.work()

    manifest = read_manifest(theatre.platform.blobs, clean_version(theatre))
    held = [one for one in read_records(theatre.platform.blobs, manifest) if side(one) is Side.HELD_OUT]
    ((texts, attributes),) = read
    assert texts == [one.text for one in held]
    assert while_trained == [len(held)]
    assert 0 < len(held) < len(PERSONS)
    assert attributes == [{"sex": GROUPS[int(text.split()[-1]) % 2]} for text in texts], "each row has its own"
    assert rows(theatre) == 0
    told = [one for one in theatre.entries() if "Attributes" in type(one.event).__name__]
    assert [type(one.event) for one in told] == [AttributesKept, AttributesRead, AttributesDestroyed]
    for path in theatre.settings.home.rglob("*"):
        if path.is_file():
            assert not any(group.encode() in path.read_bytes() for group in GROUPS), path.name
    theatre.seal()
    main(["conduct", str(tiles(theatre, tmp_path)), "--key", theatre.settings.log_vkey.read_text().strip()])
    said = capsys.readouterr().out
    assert "protected attributes are kept while" in said
    assert "against: protected attributes" not in said


def test_who_is_erased_before_measuring_is_read_by_nobody(theatre: Theatre) -> None:
    """The erasure ends the request; a copy of the table from before does not open either."""
    dataset = registered(theatre)
    copied: list[Any] = []

    def train(_: Attempt) -> None:
        engine = connect(theatre.settings.database)
        with engine.connect() as connection:
            copied.extend(connection.execute(select(ATTRIBUTES)).mappings().all())
        engine.dispose()
        theatre.must("pia", "POST", f"/v1/datasets/{dataset}/erasures", json={"person": WHO})

    telling(theatre, StepName.TRAIN).during = train
    telling(theatre, StepName.MEASURE).during = lambda _: pytest.fail("nothing is measured")
    job(theatre, Props(theatre=theatre), dataset)
    theatre.work()
    assert copied
    assert rows(theatre) == 0
    assert not [one for one in theatre.entries() if isinstance(one.event, AttributesRead)]
    assert [type(one.event) for one in theatre.entries() if isinstance(one.event, AttributesDestroyed)]
