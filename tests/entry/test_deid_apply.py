"""`tunewarden deid apply` as the platform's step: k, protected columns, labels, and the same evidence."""

import csv
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from tests.conftest import POLICIES
from tests.steps.deidentify.conftest import planned
from typer.testing import CliRunner

from tunewarden.domain.canonical import decode, digest_of, encode, from_plain, to_plain
from tunewarden.domain.deidentification import Profile, parse_profile
from tunewarden.domain.errors import Malformed, TunewardenError
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import DatasetId, RequestId
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.entry.cli import app
from tunewarden.entry.cli.deid_workplace import workplace
from tunewarden.steps.deidentify.stated import TEXTS_OF_EACH_COHORT, Effort
from tunewarden.steps.deidentify.step import DeidentifyStep
from tunewarden.usecases.ports import Attempt

PERSONS = 12
CANARY = "Zebulon Quackenbush"


def record(number: int) -> dict[str, str]:
    """One of two visits of one of twelve persons; the last three are each in a group of their own."""
    person = number % PERSONS
    rare = person >= PERSONS - 3
    return {
        "id": f"P-{person}",
        "note": "" if number == PERSONS + 3 else f"Dr. {CANARY} saw a {person} on 3/14/2019. MRN: 00412-{number}",
        "sex": "x" if rare else "female",
        "group": f"only {person}" if rare else "A",
        "outcome": "yes" if number % 3 else "no",
    }


RECORDS = [record(number) for number in range(2 * PERSONS)]
COLUMNS = ("--person", "id", "--protected", "sex", "--protected", "group", "--label", "outcome")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["deid", "apply", *map(str, arguments)])


def ran(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exception is None, result.exception
    assert CANARY not in result.output
    return result.stdout


def refused(*arguments: object) -> TunewardenError:
    result = run(*arguments)
    assert isinstance(result.exception, TunewardenError), result.exception
    return result.exception


def own_profile(k: int = 0) -> str:
    text = (POLICIES / "deid" / "default.toml").read_text()
    text = text.replace('name = "default"', f'name = "own"\nk = {k}').replace('kind = "starter"', 'kind = "patterns"')
    return text.replace('languages = ["en", "es"]', 'languages = ["en"]')


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(own_profile(k=3))
    return path


def written(path: Path, records: Sequence[Mapping[str, str]]) -> Path:
    """The records as a file of the kind that the path's ending names."""
    match path.suffix:
        case ".csv":
            with path.open("w", newline="") as stream:
                table = csv.DictWriter(stream, list(records[0]))
                table.writeheader()
                table.writerows(records)
        case ".jsonl":
            path.write_text("".join(json.dumps(one) + "\n" for one in records))
        case _:
            pq.write_table(pa.Table.from_pylist(list(records)), path)
    return path


def read(path: Path) -> list[dict[str, str]]:
    match path.suffix:
        case ".csv":
            with path.open(newline="") as stream:
                return list(csv.DictReader(stream))
        case ".jsonl":
            return [json.loads(line) for line in path.read_text().splitlines()]
        case _:
            rows: list[dict[str, str]] = pq.read_table(path).to_pylist()
            return rows


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_the_profiles_k_holds_over_texts_and_protected_columns_in_every_format(
    tmp_path: Path, profile: Path, kind: str
) -> None:
    table, out = written(tmp_path / f"in.{kind}", RECORDS), tmp_path / f"out.{kind}"
    shown = ran(table, "--out", out, "--profile", profile, *COLUMNS, "--plants", 0)
    rows = read(out)
    assert [row["outcome"] for row in rows] == [one["outcome"] for one in RECORDS]
    alike = Counter((row["sex"], row["group"]) for row in {row["id"]: row for row in rows}.values())
    assert min(alike.values()) >= 3
    assert "persons had attributes given up, so that 3 are alike" in shown
    assert rows[0]["sex"] == "female"
    assert rows[PERSONS - 1]["group"] == rows[2 * PERSONS - 1]["group"] == "suppressed"
    assert rows[PERSONS + 3]["note"] == ""
    told = json.loads((tmp_path / f"out.{kind}.manifest.json").read_text())
    assert told["columns"]["protected"] == ["sex", "group"]
    assert (told["columns"]["label"], told["profile"]["k"]) == ("outcome", 3)
    assert told["document"]["measured"]["deid.k_anonymity"]["value"] == "3"
    assert told["document"]["counts"]["emptied"] == 0
    assert CANARY not in out.read_bytes().decode("latin-1")


def test_a_row_without_a_text_counts_towards_k_too(tmp_path: Path, profile: Path) -> None:
    alone = {"id": "P-99", "note": "", "sex": "x", "group": "only 99", "outcome": "no"}
    table, out = written(tmp_path / "in.csv", [*RECORDS, alone]), tmp_path / "out.csv"
    ran(table, "--out", out, "--profile", profile, *COLUMNS, "--plants", 0)
    assert read(out)[-1] == {**alone, "id": read(out)[-1]["id"], "group": "suppressed"}


def test_without_k_protected_columns_are_taken_over_and_keep_their_type(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(own_profile())
    table = tmp_path / "in.parquet"
    pq.write_table(pa.table({"note": ["seen", "well"], "age": [41, 97]}), table)
    out = tmp_path / "out.parquet"
    ran(table, "--out", out, "--profile", tmp_path / "own.toml", "--protected", "age", "--plants", 0)
    assert pq.read_table(out).to_pylist() == [{"note": "seen", "age": 41}, {"note": "well", "age": 97}]
    measured = json.loads((tmp_path / "out.parquet.manifest.json").read_text())["document"]["measured"]
    assert measured["deid.k_anonymity"]["value"] == "1"
    assert "deid.l_diversity" not in measured  # there is no label


class Keys:
    """A vault that gives every person a key and destroys none."""

    def keys(self, dataset: DatasetId, pseudonyms: Collection[str]) -> Mapping[str, bytes | None]:  # noqa: ARG002
        return {one: bytes.fromhex(one) for one in pseudonyms}


def test_the_evidence_about_a_file_is_what_the_step_says_of_the_same_records(tmp_path: Path, profile: Path) -> None:
    records = [one for one in RECORDS if one["note"]]
    table, out = written(tmp_path / "in.csv", records), tmp_path / "out.csv"
    ran(table, "--out", out, "--profile", profile, *COLUMNS, "--plants", 2, "--evidence")
    told: dict[str, Any] = json.loads((tmp_path / "out.csv.evidence.json").read_bytes())
    evidence = from_plain(Evidence, told["evidence"])
    manifest = json.loads((tmp_path / "out.csv.manifest.json").read_text())
    assert evidence.about == manifest["output"]["digest"]
    assert evidence.details == digest_of(told["details"])
    assert told["details"]["report"] == manifest["report"]

    blobs, labels = MemoryBlobs(), ["no", "yes"]  # in the order in which they come
    lines = [
        {
            "label": labels.index(one["outcome"]),
            "person": one["id"],
            "protected": {"sex": one["sex"], "group": one["group"]},
            "text": one["note"],
            "known": {},
        }
        for one in records
    ]
    chosen: Profile = parse_profile("own", profile.read_text())
    attempt = Attempt(
        request=RequestId("request-1"),
        number=1,
        plan=planned(blobs.put_bytes(encode(to_plain(chosen)))),
        records=blobs.put_bytes(b"".join(encode(line) + b"\n" for line in lines)),
        labels=tuple(labels),
        outputs={},
        charge=lambda _: None,
    )
    effort = Effort(plants_of_each_kind=2, texts_of_each_cohort=TEXTS_OF_EACH_COHORT)
    step = DeidentifyStep(blobs, bytes(32), vault=Keys(), scratch=tmp_path, effort=effort)
    result = step(attempt)
    assert evidence.measurements == result.measurements
    assert evidence.produced_by == step.identity
    assert told["counts"] == dict(result.counts)
    of_step = decode(blobs.read(result.details))
    assert isinstance(of_step, dict)
    own = {"report"}  # names the records by other digests
    assert {name: told["details"][name] for name in told["details"] if name not in own} == {
        name: of_step[name] for name in of_step if name not in own
    }


def test_without_asking_no_evidence_is_written_and_with_it_nothing_is_overwritten(
    tmp_path: Path, profile: Path
) -> None:
    table, out = written(tmp_path / "in.csv", RECORDS), tmp_path / "out.csv"
    (tmp_path / "out.csv.evidence.json").write_text("mine")
    arguments = (table, "--out", out, "--profile", profile, *COLUMNS, "--plants", 0)
    assert refused(*arguments, "--evidence").code == "output_exists"
    ran(*arguments)
    assert (tmp_path / "out.csv.evidence.json").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--protected", CANARY), "missing_column"),
        (("--label", CANARY), "missing_column"),
        (("--protected", "sex", "--keep", "sex"), "column_twice"),
        (("--protected", "sex", "--protected", "sex"), "column_twice"),
        (("--label", "sex", "--protected", "sex"), "column_twice"),
    ],
)
def test_protected_columns_and_labels_that_cannot_be_are_refused(
    tmp_path: Path, profile: Path, options: tuple[str, ...], code: str
) -> None:
    error = refused(
        written(tmp_path / "in.csv", RECORDS), "--out", tmp_path / "out.csv", "--profile", profile, *options
    )
    assert isinstance(error, Malformed)
    assert error.code == code
    assert CANARY not in f"{error} {error.param}"


def test_another_process_reaches_the_files_of_this_one_without_a_key_on_disk() -> None:
    with workplace() as here:
        digest = here.blobs.put_bytes(b"a text")
        assert here.open_blobs is not None
        assert here.open_blobs().read(digest) == b"a text"
        key_file = here.open_blobs.key_file
        assert not any(b"a text" in path.read_bytes() for path in here.scratch.parent.rglob("*") if path.is_file())
    assert not key_file.exists()
    assert not here.scratch.exists()
