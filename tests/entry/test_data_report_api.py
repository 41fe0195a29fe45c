"""The data report of a dataset version: bound to its entry by digest, told to its readers, with nothing of a record."""

import json
from dataclasses import replace
from typing import Any

import openai
import pytest
from tests.conftest import Stage, made_stage
from tests.entry.conftest import Served
from tests.entry.test_api import DATASET

from tunewarden.domain.canonical import digest_bytes, encode
from tunewarden.domain.events import DatasetVersionAdded
from tunewarden.drivers.tables import ingest

CANARY = "Zebediah"
CSV = "note,burn,patient,sex\n" + "".join(
    f"{CANARY} {place % 20},{('yes', 'no', CANARY)[place % 3 if place < 6 else place % 2]},{CANARY}-{place},F\n"
    for place in range(60)
)


@pytest.fixture
def stage() -> Stage:
    made = made_stage()
    made.platform = replace(made.platform, ingest=ingest)
    return made


def version(served: Served) -> tuple[str, str]:
    """A dataset of Dana's, and the digest of its version."""
    dana = served.client("dana")
    made: Any = dana.post("/datasets", cast_to=object, body=DATASET)
    file = dana.files.create(file=("notes.csv", CSV.encode()), purpose="fine-tune")
    added: Any = dana.post(f"/datasets/{made['id']}/versions", cast_to=object, body={"file_id": file.id})
    return made["id"], added["versions"][0]["digest"]


def test_the_report_is_that_whose_digest_the_log_holds_and_no_value_is_in_it(served: Served) -> None:
    dataset, digest = version(served)
    found: Any = served.client("dana").get(f"/datasets/{dataset}/versions/{digest}/data", cast_to=object)
    (added,) = (entry.event for entry in served.stage.entries() if isinstance(entry.event, DatasetVersionAdded))
    assert added.report == digest_bytes(encode(found["report"]))
    listed: Any = served.client("dana").get(f"/datasets/{dataset}", cast_to=object)
    assert listed["versions"][0]["report"] == added.report
    assert (found["report"]["rows"], found["report"]["persons"]) == (60, 60)
    assert {cell["name"]: cell["rows"] for cell in found["report"]["repeats"]}["other-word-for-word"] == 40
    page: Any = served.client("otto").get(f"/datasets/{dataset}/versions/{digest}/data/report", cast_to=str)
    assert "What a dataset version holds" in page
    assert CANARY not in json.dumps(found) + page


def test_a_file_of_conversations_becomes_a_dataset_of_completions(served: Served) -> None:
    dana = served.client("dana")
    columns = {"text": "messages.prompt", "completion": "messages.completion", "person": "who"}
    made: Any = dana.post("/datasets", cast_to=object, body={**DATASET, "columns": columns})
    turns = [{"role": "user", "content": "what now?"}, {"role": "assistant", "content": "rest"}]
    chat = "".join(json.dumps({"messages": turns, "who": f"p{place}"}) + "\n" for place in range(12))
    file = dana.files.create(file=("chat.jsonl", chat.encode()), purpose="fine-tune")
    added: Any = dana.post(f"/datasets/{made['id']}/versions", cast_to=object, body={"file_id": file.id})
    way = f"/datasets/{made['id']}/versions/{added['versions'][0]['digest']}/data"
    found: Any = dana.get(way, cast_to=object)
    assert found["report"]["form"] == "chat-messages"
    assert found["report"]["completion_lengths"] == [{"name": "4-7", "rows": 12, "persons": 12}]


def test_nobody_else_reads_it_and_an_unknown_version_has_none(served: Served) -> None:
    dataset, digest = version(served)
    for way in ("data", "data/report"):
        with pytest.raises(openai.NotFoundError):
            served.client("eve").get(f"/datasets/{dataset}/versions/{digest}/{way}", cast_to=object)
        with pytest.raises(openai.NotFoundError):
            served.client("dana").get(f"/datasets/{dataset}/versions/sha256:{'0' * 64}/{way}", cast_to=object)


def test_a_version_from_before_there_were_reports_says_what_to_do(served: Served) -> None:
    served.stage.platform = replace(served.stage.platform, ingest=ingest)
    dataset, digest = version(served)
    with served.stage.platform.work(served.stage.entries()[0].actor) as work:
        known = work.datasets.get(next(iter(work.datasets.all())).id)
        (event,) = (entry.event for entry in served.stage.entries() if isinstance(entry.event, DatasetVersionAdded))
        work.datasets.put(replace(known, versions=(replace(known.versions[0], report=None),)))
        work.record(replace(event, report=None))
        work.commit()
    with pytest.raises(openai.NotFoundError) as absent:
        served.client("dana").get(f"/datasets/{dataset}/versions/{digest}/data", cast_to=object)
    assert absent.value.code == "data_report_absent"
