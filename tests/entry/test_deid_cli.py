"""`tunewarden deid`: files de-identified without a platform; nothing of a text is printed, nothing is overwritten."""

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from tests.conftest import POLICIES
from typer.testing import CliRunner

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Conflict, Corrupted, Malformed, NotFound, TunewardenError
from tunewarden.entry.cli import app

CANARY = "Zebulon Quackenbush"
ROWS = [
    ("P-1", "Ada Example", "Seen by Dr. Zebulon Quackenbush on 3/14/2019, call 555-201-0134. Ada is 45 yo.", "1"),
    ("P-2", "Rosa Lopez", "MRN: 00412-77. No fever. ssn 219-09-9999", "2"),
    ("P-1", "Ada Example", "Mrs. example came back on March 20, 2019. MRN: 00412-77", "3"),
]
HEADER = ("id", "patient", "note", "n")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["deid", *map(str, arguments)])


def ran(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exception is None, result.exception
    assert CANARY not in result.output
    return result.stdout


def refused(*arguments: object) -> TunewardenError:
    """What a command was refused with; `main` prints exactly this and ends with 1."""
    result = run(*arguments)
    assert isinstance(result.exception, TunewardenError), result.exception
    assert CANARY not in f"{result.output} {result.exception} {result.exception.param} {result.exception.__cause__}"
    return result.exception


@pytest.fixture(autouse=True)
def nothing_of_a_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that must not come to be."""
    monkeypatch.setenv("TUNEWARDEN_HOME", str(tmp_path / "no-home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """The default one without its model: patterns and lists alone."""
    return profile_with(tmp_path)


def profile_with(folder: Path, name: str = "default", **operators: str) -> Path:
    text = (POLICIES / "deid" / f"{name}.toml").read_text()
    text = text.replace(f'name = "{name}"', 'name = "own"').replace('kind = "starter"', 'kind = "patterns"')
    for kind, operator in operators.items():
        kind = kind.replace("_", "-")
        text = re.sub(rf"^{kind} = .*\n", "", text, flags=re.MULTILINE) + f'{kind} = "{operator}"\n'
    path = folder / "own.toml"
    path.write_text(text)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([HEADER, *ROWS])
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_scan_says_what_stands_where_and_never_what_it_is(table: Path, profile: Path, tmp_path: Path) -> None:
    shown = ran("scan", table, "--profile", profile, "--json", tmp_path / "scan.json")
    found = json.loads((tmp_path / "scan.json").read_text())
    counted = {(row["column"], row["kind"]): (row["count"], row["first_records"]) for row in found["found"]}
    assert counted["note", "date"] == (2, [1, 3])
    assert counted["note", "phone"] == (1, [1])
    assert counted["note", "ssn"] == (1, [2])
    assert counted["note", "medical-record"] == (2, [2, 3])
    assert found["records"] == 3
    assert re.search(r"note\W+phone\W+1\W+1\W+replace\W+1", shown)
    everything = shown + json.dumps(found)
    assert not any(word in everything for row in ROWS for word in ("219-09", "555-201", "Quackenbush", row[1]))
    assert not (tmp_path / "no-home").exists()


def test_scan_reads_the_named_column_alone(table: Path, profile: Path) -> None:
    found = json.loads(ran("scan", table, "--column", "patient", "--profile", profile, "--json", "-"))
    assert found["columns"] == ["patient"]
    assert {row["column_number"] for row in found["found"]} <= {2}


def test_a_header_that_is_a_record_is_not_shown(tmp_path: Path, profile: Path) -> None:
    path = tmp_path / "headless.csv"
    path.write_text(f"Dr. {CANARY},219-09-9999\nDr. Ada Example,219-09-9998\n")
    found = json.loads(ran("scan", path, "--profile", profile, "--json", "-"))
    assert found["columns"] == ["column 1", "column 2"]


def test_apply_replaces_what_is_found_knows_the_persons_names_and_keeps_the_rest(
    table: Path, profile: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    arguments = ("--profile", profile, "--out", out, "--person", "id", "--known", "name=patient", "--keep", "n")
    shown = ran("apply", table, *arguments, "--plants", 3)
    rows = rows_of(out)
    assert list(rows[0]) == ["id", "note", "n"]
    assert [row["n"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["id"] == rows[2]["id"] != rows[1]["id"]
    assert rows[0]["note"] == "Seen by Dr. [NAME] on [DATE], call [PHONE]. [NAME] is 45-49 yo."
    assert rows[2]["note"] == "Mrs. [NAME] came back on [DATE]. MRN: [MEDICAL-RECORD]"
    assert "Not reviewed by a person." in shown
    manifest = json.loads((tmp_path / "out.csv.manifest.json").read_text())
    assert manifest["source"]["digest"] == "sha256:" + hashlib.sha256(table.read_bytes()).hexdigest()
    assert manifest["output"]["digest"] == "sha256:" + hashlib.sha256(out.read_bytes()).hexdigest()
    assert manifest["report"] == "sha256:" + hashlib.sha256(encode(manifest["document"])).hexdigest()
    assert (manifest["columns"]["kept"], manifest["columns"]["dropped"]) == (1, 1)
    assert not any(word in json.dumps(manifest) for word in ("Quackenbush", "219-09", "Rosa"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in.csv",
        "out.csv",
        "out.csv.manifest.json",
        "own.toml",
    ]


def test_surrogates_are_the_same_in_every_file_and_run_of_one_vault_and_others_in_another(
    table: Path, tmp_path: Path
) -> None:
    profile = profile_with(tmp_path, "gdpr-pseudonymised")
    made = []
    for number, vault in enumerate(("v1", "v1", "v2")):
        out = tmp_path / f"{number}.csv"
        options = ("--profile", profile, "--out", out, "--person", "id", "--vault", tmp_path / vault, "--plants", 0)
        ran("apply", table, *options)
        made.append([(row["id"], row["patient"], row["note"]) for row in rows_of(out)])
    assert made[0] == made[1]
    assert all(one[:2] != other[:2] for one, other in zip(made[0], made[2], strict=True))
    first, _, third = made[0]
    assert first[1] == third[1]
    assert CANARY not in str(made)


def test_pseudonyms_are_turned_back_with_the_vault_and_not_once_the_person_is_forgotten(
    table: Path, tmp_path: Path
) -> None:
    profile = profile_with(tmp_path, medical_record="pseudonym")
    vault, out, back, later = (tmp_path / name for name in ("vault", "out.csv", "back.csv", "later.csv"))
    options = ("--profile", profile, "--person", "id", "--known", "name=patient", "--vault", vault, "--plants", 0)
    ran("apply", table, "--out", out, *options)
    hidden = rows_of(out)
    assert "[MEDICAL-RECORD~" in hidden[1]["note"]
    assert "00412-77" not in out.read_text()
    assert "2 pseudonyms turned back" in ran("reveal", out, "--vault", vault, "--out", back, "--person", "id")
    assert ["MRN: 00412-77" in row["note"] for row in rows_of(back)] == [False, True, True]
    assert back.stat().st_mode & 0o077 == 0
    assert "destroyed" in ran("forget", "--vault", vault, "--person", "P-2")
    told = ran("reveal", out, "--vault", vault, "--out", later)
    assert "1 pseudonyms turned back" in told
    assert "1 could not be" in told
    assert ["MRN: 00412-77" in row["note"] for row in rows_of(later)] == [False, False, True]
    again = tmp_path / "again.csv"
    assert "1 records of forgotten persons left out" in ran("apply", table, "--out", again, *options)
    assert [row["n"] for row in rows_of(again)] == ["1", "3"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "txt"])
def test_every_format_stays_what_it_is(tmp_path: Path, profile: Path, kind: str) -> None:
    path, out = tmp_path / f"in.{kind}", tmp_path / f"out.{kind}"
    text = ROWS[0][2]
    if kind == "txt":
        path.write_text(text)
    elif kind == "jsonl":
        path.write_text(json.dumps({"turns": [{"said": text}, {"said": "ok"}], "n": 7, "fine": True}) + "\n")
    else:
        pq.write_table(pa.table({"note": [text, None], "n": [1, 2]}), path)
    ran(
        "apply",
        path,
        "--out",
        out,
        "--profile",
        profile,
        "--plants",
        0,
        *(("--keep", "n") if kind == "parquet" else ()),
    )
    cleaned = "Seen by Dr. [NAME] on [DATE], call [PHONE]. [NAME] is 45-49 yo."
    if kind == "txt":
        assert out.read_text() == cleaned
    elif kind == "jsonl":
        assert json.loads(out.read_text()) == {"turns": [{"said": cleaned}, {"said": "ok"}], "n": 7, "fine": True}
    else:
        assert pq.read_table(out).to_pylist() == [{"note": cleaned, "n": 1}, {"note": None, "n": 2}]


def test_nothing_is_overwritten_and_a_refused_run_leaves_nothing_behind(
    table: Path, profile: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    assert isinstance(refused("apply", table, "--out", out, "--profile", profile), Conflict)
    assert out.read_text() == "mine"
    out.unlink()
    table.write_text(table.read_text() + f"P-4,x,{CANARY}\0,4\n")
    error = refused("apply", table, "--out", out, "--profile", profile)
    assert (error.code, "Row 4, column 3" in str(error)) == ("not_utf8", True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "own.toml"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--column", CANARY), "missing_column", "--column"),
        (("--person", CANARY), "missing_column", "--person"),
        (("--known", f"name={CANARY}"), "missing_column", "--known"),
        (("--known", f"{CANARY}=note"), "unknown_entity_type", "medical-record"),
        (("--column", "note"), "column_unassigned", "columns 1, 2 and 4"),
        (("--keep", "note", "--column", "note"), "column_twice", "two things"),
        (("--keep", "n", "--drop", "n"), "column_twice", "two things"),
        (("--profile", "no-such-profile"), "policy_not_found", "no policy"),
        (("--profile", "no-such.toml"), "profile_not_found", "not there"),
        (("--profile", f"{CANARY}"), "policy_name_malformed", ""),
    ],
)
def test_columns_and_profiles_that_are_not_there_are_refused(
    table: Path, profile: Path, tmp_path: Path, options: tuple[str, ...], code: str, said: str
) -> None:
    own = () if "--profile" in options else ("--profile", profile)
    error = refused("apply", table, "--out", tmp_path / "out.csv", *own, *options)
    assert isinstance(error, Malformed | NotFound)
    if code != "policy_name_malformed":
        assert error.code == code
    assert said in str(error)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('method = "none"\nlanguages = ["xx"]', "language_without_recogniser"),
        ('method = "CANARY"\nlanguages = ["en"]', "unknown_method"),
    ],
)
def test_a_profile_that_cannot_be_carried_out_is_refused(table: Path, tmp_path: Path, line: str, code: str) -> None:
    path = tmp_path / "own.toml"
    engine = '[engine]\nkind = "patterns"\nthreshold = "0.5"\n[operators]\n'
    path.write_text(f'name = "own"\n{line}\nthreshold = "0.4"\ndefault = "replace"\n{engine}')
    assert refused("scan", table, "--profile", path).code == code


def test_a_person_that_is_not_named_is_refused_with_the_row(table: Path, profile: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text() + f",x,{CANARY},4\n")
    error = refused("apply", table, "--out", tmp_path / "out.csv", "--profile", profile, "--person", "id")
    assert (error.code, "Row 4" in str(error)) == ("person_missing", True)


def test_numbers_and_dates_of_a_parquet_file_are_not_taken_over_unasked(tmp_path: Path, profile: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"note": ["ok"], "zip": [94110]}), path)
    error = refused("apply", path, "--out", tmp_path / "out.parquet", "--profile", profile)
    assert (error.code, "columns 2" in str(error)) == ("column_unassigned", True)


def test_the_report_is_a_page_and_the_json_whose_digest_is_signed(table: Path, profile: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    ran("apply", table, "--out", out, "--profile", profile, "--plants", 2)
    manifest_file = tmp_path / "out.csv.manifest.json"
    page, data = map(Path, ran("report", manifest_file).split())
    manifest: dict[str, Any] = json.loads(manifest_file.read_text())
    assert "sha256:" + hashlib.sha256(data.read_bytes()).hexdigest() == manifest["report"]
    assert len(manifest["document"]["categories"]) == 18
    assert manifest["report"].removeprefix("sha256:")[:12] in page.read_text()
    assert CANARY not in page.read_text() + data.read_text()
    assert refused("report", manifest_file).code == "output_exists"
    again = ran("report", manifest_file, "--out", tmp_path / "a" / "new folder").splitlines()
    assert [Path(line).read_bytes() for line in again] == [page.read_bytes(), data.read_bytes()]
    manifest["document"]["counts"]["records"] = 4
    manifest_file.write_text(json.dumps(manifest))
    assert isinstance(refused("report", manifest_file, "--out", tmp_path / "elsewhere"), Corrupted)
    assert refused("report", table).code == "manifest_malformed"


def test_evaluate_prints_and_writes_figures(tmp_path: Path, profile: Path) -> None:
    text = ROWS[0][2]
    marks = [(CANARY, "PERSON"), ("3/14/2019", "DATE"), ("555-201-0134", "PHONE"), ("Seen", "VERB")]
    spans = [{"start": text.index(word), "end": text.index(word) + len(word), "type": kind} for word, kind in marks]
    gold = tmp_path / "gold.jsonl"
    gold.write_text(f"{json.dumps({'text': text, 'spans': spans})}\n" * 4)
    shown = ran("evaluate", gold, "--profile", profile, "--json", tmp_path / "out.json")
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["data"] == "sha256:" + hashlib.sha256(gold.read_bytes()).hexdigest()
    assert (result["documents"], result["mentions"]) == (4, 16)
    assert result["transformed"]["by_type"]["PERSON"]["mention_recall"]["hits"] == 4
    assert result["transformed"]["by_type"]["VERB"]["mention_recall"]["hits"] == 0
    assert result["transformed"]["leaking_documents"]["hits"] == 4
    assert result["transformed"]["by_type"]["PHONE"]["mention_recall"]["value"] == 1
    assert "PERSON" in shown
    assert "characters/s" in shown
    gold.write_text(gold.read_text() + json.dumps({"text": CANARY, "spans": [{"start": 3, "end": 99, "type": "x"}]}))
    error = refused("evaluate", gold, "--profile", profile)
    assert (error.code, error.param) == ("gold_malformed", "line 5: spans[0].end")


def test_evaluate_tells_of_offsets_that_were_counted_otherwise_and_judges_the_marked_kinds_alone(
    tmp_path: Path, profile: Path
) -> None:
    text = ROWS[0][2]
    spans = [
        {"start": (at := text.index(word) + 1), "end": at + len(word), "type": "x"} for word in ("Zebulon", "Seen")
    ]
    gold = tmp_path / "gold.jsonl"
    gold.write_bytes(b"\xef\xbb\xbf" + json.dumps({"text": text, "spans": spans}).encode() + b"\r\n")
    shown = ran("evaluate", gold, "--profile", profile, "--marked", "name", "--json", tmp_path / "out.json")
    assert "2 of the marks begin or end inside a word" in shown
    assert "Precision is of these kinds alone: name." in shown
    assert json.loads((tmp_path / "out.json").read_text())["transformed"]["by_kind"].keys() == {"name"}
    assert refused("evaluate", gold, "--profile", profile, "--marked", CANARY).code == "unknown_entity_type"


def test_what_cannot_be_read_twice_or_written_afterwards_is_refused_before_the_work(
    tmp_path: Path, profile: Path
) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"text": "Ada", "spans": []}))
    nowhere = tmp_path / "no" / "out.json"
    assert refused("evaluate", gold, "--profile", profile, "--json", nowhere).code == "folder_not_found"
    assert refused("scan", gold, "--profile", profile, "--json", nowhere).code == "folder_not_found"
    assert refused("evaluate", tmp_path, "--profile", profile).code == "file_not_regular"
    assert refused("evaluate", gold, "--profile", profile, "--json", tmp_path).code == "file_unwritable"


def test_missing_and_empty_files_are_refused(tmp_path: Path, profile: Path) -> None:
    assert refused("scan", tmp_path / "nothing.csv", "--profile", profile).code == "file_not_found"
    assert refused("evaluate", tmp_path / "nothing.jsonl", "--profile", profile).code == "file_not_found"
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "gold.jsonl").write_text("\n")
    assert refused("scan", tmp_path / "empty.csv", "--profile", profile).code == "file_empty"
    assert refused("evaluate", tmp_path / "gold.jsonl", "--profile", profile).code == "file_empty"
    assert refused("reveal", tmp_path / "empty.csv", "--vault", "v", "--out", "o.csv").code == "file_empty"
    assert refused("forget", "--vault", tmp_path / "nothing", "--person", "x").code == "vault_not_found"
