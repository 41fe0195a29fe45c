"""Raw rows under their persons' keys, read by worker processes that are lent what the step can open."""

from dataclasses import replace
from typing import Any

import pytest
from tests.journeys.script import Props
from tests.journeys.test_raw_rows import clean_version, dataset_of, erase, step, theatre
from tests.journeys.test_the_erasure import job
from tests.journeys.theatre import Theatre
from tests.steps.conftest import ray_started

from tunewarden.domain.training import StepName
from tunewarden.steps.deidentify.scale import Compute
from tunewarden.steps.records import read_manifest, read_records

assert ray_started  # the fixtures
assert theatre


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context")
@pytest.mark.usefixtures("ray_started")
def test_worker_processes_read_the_rows_of_everybody_who_is_left(theatre: Theatre) -> None:
    dataset = dataset_of(theatre)[0]
    erase(theatre, dataset)
    job(theatre, Props(theatre=theatre), dataset)
    by_workers: Any = step(theatre, compute=Compute(workers=2, few_blocks=0))
    replace(theatre, steps={**theatre.steps, StepName.DEIDENTIFY: by_workers}).work()
    blobs = theatre.platform.blobs
    manifest = read_manifest(blobs, clean_version(theatre))
    assert (len(list(read_records(blobs, manifest))), manifest.erased) == (23, 2)
