"""Looking for a person where rows belong to several: whoever is named anywhere in a row is found."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import pytest
from tests.conftest import DANA, PIA, Stage, registration

from tunewarden.domain.canonical import Plain, encode
from tunewarden.domain.datasets import Columns, Dataset
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.names import Digest
from tunewarden.usecases import datasets, files, tracing
from tunewarden.usecases.ports import Blobs, Ingested


def dataset(stage: Stage, lines: Sequence[Plain]) -> Dataset:
    """A dataset whose records are these."""

    def ingest(blobs: Blobs, _digest: Digest, _filename: str, _columns: Columns) -> Ingested:
        records = blobs.put_bytes(b"".join(encode(line) + b"\n" for line in lines))
        return Ingested(records=records, rows=len(lines), persons=3, labels=("a", "b"), shared_rows=1)

    platform = replace(stage.platform, ingest=ingest)
    made, _ = datasets.register(platform, DANA, registration())
    stored, _ = files.upload(platform, DANA, filename="n.csv", purpose="fine-tune", content=BytesIO(b"any"))
    return datasets.add_version(platform, DANA, made.id, stored.id)[0]


@pytest.mark.parametrize(("person", "found"), [("ada", 1), ("bo", 1), ("cy", 1), ("dee", 1), ("adabo", 0), ("b", 0)])
def test_every_person_of_a_row_is_found_and_nobody_else(stage: Stage, person: str, found: int) -> None:
    made = dataset(stage, [{"person": "ada", "others": ["bo", "cy"]}, {"person": "dee"}])
    assert len(tracing.trace_person(stage.platform, PIA, made.id, person).versions) == found


@pytest.mark.parametrize("others", ["bo", [1], None, {"bo": "bo"}, [["bo"]]])
def test_persons_of_another_form_give_no_answer(stage: Stage, others: Plain) -> None:
    made = dataset(stage, [{"person": "ada", "others": others}])
    with pytest.raises(Corrupted):
        tracing.trace_person(stage.platform, PIA, made.id, "ada")
