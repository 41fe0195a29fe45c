"""From uploaded tables to records: what comes out, and how bad input is refused without repeating it."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from tunewarden.domain.canonical import encode
from tunewarden.domain.datasets import Columns
from tunewarden.domain.errors import Malformed
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.tables import ingest
from tunewarden.usecases.ports import Ingested

COLUMNS = Columns(text="note", label="kind", person="who", protected=("sex", "age"))
ROWS = [
    {"note": 'He said "ouch", twice', "kind": "burn", "who": "p1", "sex": "F", "age": "39"},
    {"note": "two\nlines", "kind": "cut", "who": "p2", "sex": "M", "age": "17"},
    {"note": "näh \u2603", "kind": "burn", "who": "p1", "sex": "", "age": ""},
    {"note": " spaced ", "kind": "cut", "who": "p3", "sex": "F", "age": "216"},
]
FIELDS = list(ROWS[0])


def as_csv(rows: list[dict[str, str]], fields: list[str] = FIELDS) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fields)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_parquet(rows: list[dict[str, Any]], first: int = 0) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows).slice(first), out)
    return out.getvalue()


def read(data: bytes, columns: Columns = COLUMNS, filename: str = "a.csv") -> tuple[Ingested, list[dict[str, Any]]]:
    blobs = MemoryBlobs()
    done = ingest(blobs, blobs.put_bytes(data), filename, columns)
    return done, [json.loads(line) for line in blobs.read(done.records).splitlines()]


def refusal(data: bytes, columns: Columns = COLUMNS, filename: str = "a.csv") -> Malformed:
    blobs = MemoryBlobs()
    digest = blobs.put_bytes(data)
    with pytest.raises(Malformed) as caught:
        ingest(blobs, digest, filename, columns)
    assert list(blobs.stored) == [digest], "nothing is written before everything was seen"
    return caught.value


@pytest.mark.parametrize(("filename", "write"), [("a.csv", as_csv), ("A.JSONL", as_jsonl), ("a.parquet", as_parquet)])
def test_every_kind_of_file_gives_the_same_records(filename: str, write: Callable[[Any], bytes]) -> None:
    done, records = read(write(ROWS), filename=filename)
    assert (done.rows, done.persons, done.labels) == (4, 3, ("burn", "cut"))
    assert records == [
        {"label": 0, "person": "p1", "protected": {"age": "18-39", "sex": "F"}, "text": 'He said "ouch", twice'},
        {"label": 1, "person": "p2", "protected": {"age": "0-17", "sex": "M"}, "text": "two\nlines"},
        {"label": 0, "person": "p1", "protected": {"age": "unknown", "sex": "unknown"}, "text": "näh \u2603"},
        {"label": 1, "person": "p3", "protected": {"age": "out of range", "sex": "F"}, "text": " spaced "},
    ]


def test_records_are_canonical_lines() -> None:
    blobs = MemoryBlobs()
    done = ingest(blobs, blobs.put_bytes(as_csv(ROWS)), "a.csv", COLUMNS)
    lines = blobs.read(done.records).splitlines(keepends=True)
    assert lines == [encode(json.loads(line)) + b"\n" for line in lines]


def test_the_same_file_gives_the_same_digest_each_time() -> None:
    assert read(as_csv(ROWS))[0] == read(as_csv(ROWS))[0]


PRINTABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
WORDS = PRINTABLE.filter(lambda text: text.strip() != "")


@settings(deadline=None)
@given(texts=st.lists(WORDS, min_size=2, max_size=12))
def test_no_text_is_changed_on_its_way(texts: list[str]) -> None:
    rows = [{"note": text, "kind": "ab"[place % 2], "who": str(place)} for place, text in enumerate(texts * 2)]
    columns = Columns(text="note", label="kind", person="who")
    for filename, data in (
        ("a.csv", as_csv(rows, ["note", "kind", "who"])),
        ("a.jsonl", as_jsonl(rows)),
        ("a.parquet", as_parquet(rows)),
    ):
        assert [record["text"] for record in read(data, columns, filename)[1]] == texts * 2, filename


def test_without_a_person_column_every_row_is_another_person() -> None:
    done, records = read(as_csv(ROWS), Columns(text="note", label="kind", person=None))
    assert done.persons == 4
    assert [record["person"] for record in records] == ["row-1", "row-2", "row-3", "row-4"]


def test_a_positive_label_stands_against_all_others() -> None:
    rows = [{"note": "x", "kind": kind} for kind in ("burn", "cut", "bite", "burn", "cut")]
    columns = Columns(text="note", label="kind", person=None, positive="burn")
    done, records = read(as_csv(rows, ["note", "kind"]), columns)
    assert done.labels == ("burn", "other")
    assert [record["label"] for record in records] == [0, 1, 1, 0, 1]


@pytest.mark.parametrize("person", ["", "Unnamed: 0"])
def test_a_blank_header_cell_can_be_named(person: str) -> None:
    data = b",note,kind,\n7,x,a,\n8,y,a,\n7,z,b,\n7,z,b,\n"
    done, records = read(data, Columns(text="note", label="kind", person=person))
    assert done.persons == 2
    assert [record["person"] for record in records] == ["7", "8", "7", "7"]


def test_a_byte_order_mark_and_other_line_ends_are_fine() -> None:
    data = b"\xef\xbb\xbf" + as_csv(ROWS)
    assert read(data)[0] == read(as_csv(ROWS))[0]
    data = b"note,kind\r\n\r\nx,a\r\ny,a\r\nz,b\r\nz,b"
    assert read(data, Columns(text="note", label="kind", person=None))[0].rows == 4


def test_json_and_parquet_values_need_not_be_texts() -> None:
    rows = [{"note": f"{n}", "kind": n % 2, "who": n, "sex": n % 3 == 0, "age": n + 0.5} for n in range(6)]
    for filename, data in (("a.jsonl", as_jsonl(rows)), ("a.parquet", as_parquet(rows))):
        done, records = read(data, filename=filename)
        assert done.labels == ("0", "1")
        assert [record["person"] for record in records] == ["0", "1", "2", "3", "4", "5"]
        assert {record["protected"]["sex"] for record in records} == {"true", "false"}
        assert {record["protected"]["age"] for record in records} == {"0-17"}


def bands(name: str, values: list[str]) -> list[str]:
    rows = [{"note": "x", "kind": "ab"[place % 2], name: value} for place, value in enumerate(values)]
    columns = Columns(text="note", label="kind", person=None, protected=(name,))
    return [record["protected"][name] for record in read(as_csv(rows, ["note", "kind", name]), columns)[1]]


@pytest.mark.parametrize("name", ["age", "Age", "AGE", "Age_Fix", "patient age", "PatientAge"])
def test_ages_are_banded(name: str) -> None:
    values = ["0", "17", "17.9", "18", "39", "40", "64", "65", "120", "121", "216", "-1", ""]
    expected = ["0-17"] * 3 + ["18-39"] * 2 + ["40-64"] * 2 + ["65-120"] * 2 + ["out of range"] * 3 + ["unknown"]
    assert bands(name, values) == expected


@pytest.mark.parametrize("name", ["wage", "Village", "mileage"])
def test_other_numbers_are_banded_by_their_quartiles(name: str) -> None:
    found = Counter(bands(name, [str(number) for number in range(1, 102)]))
    assert found == {"at most 26": 26, "above 26 to 51": 25, "above 51 to 76": 25, "above 76": 25}


def test_quartiles_that_coincide_make_fewer_bands() -> None:
    found = Counter(bands("income", ["0"] * 90 + [str(number) for number in range(10)]))
    assert found == {"at most 0": 91, "above 0": 9}


def test_a_numeric_code_of_few_values_stays_as_it_is() -> None:
    assert set(bands("sex", ["1", "2"] * 10)) == {"1", "2"}


def test_words_stay_as_they_are_and_twenty_groups_are_the_most() -> None:
    names = [f"g{number}" for number in range(20)]
    assert set(bands("group", names * 2)) == set(names)
    rows = [{"note": "x", "kind": "ab"[place % 2], "g": f"SECRET{place}"} for place in range(21)]
    error = refusal(
        as_csv(rows, ["note", "kind", "g"]), Columns(text="note", label="kind", person=None, protected=("g",))
    )
    assert (error.code, error.param) == ("protected_too_many_groups", "columns.protected[0]")


SECRET = "Zebediah"


def table(**changes: str) -> list[dict[str, str]]:
    """Ten good rows, of which row 7 is changed."""
    same = {"note": f"{SECRET} burnt a hand", "sex": "F", "age": "3"}
    rows = [same | {"kind": f"{SECRET}{number % 2}", "who": SECRET + "x" * number} for number in range(10)]
    rows[6] |= changes
    return rows


BAD: dict[str, tuple[str, bytes, str, str]] = {
    "an empty file": ("a.csv", b"", "file_empty", "no rows"),
    "an empty JSONL": ("a.jsonl", b"", "file_empty", "no rows"),
    "blank lines only": ("a.csv", b"\n\n", "file_empty", "no rows"),
    "a header only": ("a.csv", as_csv([]), "file_empty", "no rows"),
    "a Parquet without rows": ("a.parquet", as_parquet(table(), first=10), "file_empty", "no rows"),
    "no column for the text": ("a.csv", as_csv([], FIELDS[1:]) + b"x\n", "missing_column", "given for the text"),
    "no header": ("a.csv", b"Zebediah burnt,Zebediah0,1,2,3\n" * 2, "missing_column", "none of the 5 columns"),
    "semicolons": ("a.csv", as_csv(table()).replace(b",", b";"), "missing_column", "none of the 1 columns"),
    "no field in JSONL": ("a.jsonl", as_jsonl([{"note": SECRET}]), "missing_column", "given for the label"),
    "no column in Parquet": ("a.parquet", as_parquet([{"note": SECRET}]), "missing_column", "given for the label"),
    "two columns of one name": ("a.csv", b"note,kind,who,sex,age,who\n1,2,3,4,5,6\n", "column_ambiguous", "2 columns"),
    "no text": ("a.csv", as_csv(table(note="")), "text_missing", "Row 7 has no text"),
    "a blank text": ("a.jsonl", as_jsonl(table(note=" \t ")), "text_missing", "Row 7 has no text"),
    "no label": ("a.csv", as_csv(table(kind="")), "label_missing", "Row 7 has no label"),
    "no person": ("a.csv", as_csv(table(who="")), "person_missing", "Row 7 has no person"),
    "null as the person": ("a.jsonl", as_jsonl([{**table()[0], "who": None}]), "person_missing", "Row 1 has no person"),
    "null in Parquet": ("a.parquet", as_parquet([*table(), {"note": "x"}]), "label_missing", "Row 11"),
    "a text that is too long": ("a.jsonl", as_jsonl(table(note="z" * 1_000_001)), "row_too_long", "row 7 .* 1000000"),
    "a text of ten megabytes": ("a.jsonl", as_jsonl(table(note="z" * 10_000_000)), "row_too_long", "text of row 7"),
    "a long person": ("a.jsonl", as_jsonl(table(who="z" * 100_001)), "row_too_long", "person of row 7 .* 100000"),
    "a long text in CSV": ("a.csv", as_csv(table(note="z" * 1_000_001)), "csv_broken", "Row 7 .* 1000000"),
    "an endless line": ("a.csv", as_csv(table(note="z" * 17_000_000)), "row_too_long", "Line 8"),
    "bytes in a Parquet text": (
        "a.parquet",
        as_parquet([{**table()[0], "note": b"Zebediah\xff"}]),
        "value_not_plain",
        "text",
    ),
    "Latin-1": ("a.csv", as_csv(table()) + "ä".encode("latin-1"), "not_utf8", r"line 12 \(which begins at byte \d+\)"),
    "UTF-16": ("a.csv", as_csv(table()).decode().encode("utf-16"), "not_utf8", "line 1 .*byte 0"),
    "half a surrogate pair": ("a.jsonl", as_jsonl(table(note=f"{SECRET}\ud800")), "not_utf8", "text of row 7"),
    "an escaped zero": ("a.jsonl", as_jsonl(table(note=f"{SECRET}\0")), "not_utf8", "text of row 7"),
    "a late zero byte": ("a.csv", as_csv(table() * 200) + b"\0", "file_not_what_named", "zero byte in line 2002"),
    "an early zero byte": ("a.csv", b"note,kind\0" + as_csv(table()), "file_not_what_named", "named"),
    "a missing value": (
        "a.csv",
        as_csv(table()) + b"Zebediah,x\n",
        "row_ragged",
        "Row 11 has 2 values, .* has 5",
    ),
    "an open quote": ("a.csv", as_csv(table()) + b'"Zebediah,x,y,z,1\n', "csv_broken", "Row 11"),
    "a quote inside": ("a.csv", as_csv(table()) + b'"5" screw",x,y,z,1\n', "csv_broken", "Row 11"),
    "broken JSON": ("a.jsonl", as_jsonl(table()) + b'{"note": "Zebediah"\n', "json_broken", "Row 11"),
    "a JSON list in a line": ("a.jsonl", as_jsonl(table()) + b'["Zebediah"]\n', "json_broken", "Row 11"),
    "deep JSON": ("a.jsonl", as_jsonl(table()) + b"[" * 100_000 + b"\n", "json_broken", "Row 11"),
    "a huge number": (
        "a.jsonl",
        as_jsonl(table()) + b'{"note": ' + b"1" * 1_000_001 + b"}\n",
        "row_too_long",
        "row 11",
    ),
    "an object as text": ("a.jsonl", as_jsonl([{**table()[0], "note": {"a": SECRET}}]), "value_not_plain", "Row 1"),
    "lists in Parquet": ("a.parquet", as_parquet([{**table()[0], "note": [SECRET]}]), "value_not_plain", "text"),
    "chat form": (
        "a.jsonl",
        as_jsonl([{"messages": [{"role": "user", "content": SECRET}]}]),
        "chat_form_unsupported",
        "one field for the text",
    ),
    "a label seen once": (
        "a.csv",
        as_csv(table(kind="rare")),
        "label_seen_once",
        r"1 labels are seen only once \(rows 7\)",
    ),
    "one label": ("a.csv", as_csv(table()[::2]), "label_single", "the same label"),
    "labels without end": (
        "a.csv",
        as_csv([{**table()[0], "kind": f"{SECRET}{number}"} for number in range(300)]),
        "too_many_labels",
        "Up to row 101 there are more than 100",
    ),
    "Parquet named CSV": ("a.csv", as_parquet(table()), "file_not_what_named", r"named \*\.csv"),
    "CSV named Parquet": ("a.parquet", as_csv(table()), "file_not_what_named", r"named \*\.parquet"),
    "CSV named JSONL": ("a.jsonl", as_csv(table()), "file_not_what_named", r"named \*\.jsonl"),
    "JSONL named CSV": ("a.csv", as_jsonl(table()), "file_not_what_named", r"named \*\.csv"),
    "a JSON array named JSONL": ("a.jsonl", b"[\n" + as_jsonl(table()), "file_not_what_named", r"named \*\.jsonl"),
    "an archive named CSV": ("a.csv", b"PK\3\4 Zebediah", "file_not_what_named", "named"),
    "a cut Parquet": ("a.parquet", as_parquet(table())[:-20], "file_not_what_named", "cannot be read as Parquet"),
    "only the magic of Parquet": ("a.parquet", b"PAR1PAR1", "file_not_what_named", "cannot be read as Parquet"),
    "another kind of file": ("a.xlsx", b"PK\3\4", "file_kind_unknown", r"\*\.csv, \*\.jsonl, \*\.parquet"),
    "a file without a kind": ("Zebediah", as_csv(table()), "file_kind_unknown", "named"),
}


@pytest.mark.parametrize(("filename", "data", "code", "reason"), BAD.values(), ids=BAD)
def test_bad_input_says_what_is_wrong_and_where_and_repeats_nothing(
    filename: str, data: bytes, code: str, reason: str
) -> None:
    error = refusal(data, filename=filename)
    assert error.code == code
    assert error.remedy
    assert error.param
    assert re.search(reason, error.reason)
    assert SECRET not in "".join(traceback.format_exception(error))


def test_a_parquet_text_that_is_not_utf8_is_refused_with_its_rows() -> None:
    texts = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    out = io.BytesIO()
    pq.write_table(pa.table({"note": texts, "kind": ["a"]}), out)
    error = refusal(out.getvalue(), Columns(text="note", label="kind", person=None), "a.parquet")
    assert (error.code, error.param) == ("not_utf8", "columns.text")


def test_a_spoilt_parquet_file_is_refused_or_read_but_never_breaks_the_reader() -> None:
    data = as_parquet(table() * 50)
    for place in range(4, len(data) - 8, 97):
        flipped = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        with suppress(Malformed):  # any other exception fails here
            read(flipped, filename="a.parquet")


def test_a_positive_label_that_no_row_has_is_refused() -> None:
    columns = Columns(text="note", label="kind", person=None, positive="bite")
    assert refusal(as_csv(ROWS), columns).code == "positive_absent"


def test_the_word_for_all_other_labels_cannot_be_the_positive_one() -> None:
    columns = Columns(text="note", label="kind", person=None, positive="other")
    assert refusal(as_csv(ROWS), columns).code == "positive_reserved"


def test_memory_stays_flat_for_a_large_file(tmp_path: Path) -> None:
    program = """
import resource, sys
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.datasets import Columns
from pathlib import Path
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.tables import ingest
blobs = DirectoryBlobs(Path(sys.argv[1]), bytes(32))
columns = Columns(text="note", label="kind", person="who", protected=("age",))
def upload(rows):
    path = Path(sys.argv[1], "a.csv")
    with path.open("w") as file:
        file.write("note,kind,who,age\\n")
        for number in range(rows):
            file.write(f"{'word ' * 1000},{number % 2},p{number % 500},{number % 90}\\n")
    with path.open("rb") as file:
        return blobs.put(file)
small, large = upload(200), upload(12_000)
ingest(blobs, small, "a.csv", columns)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
done = ingest(blobs, large, "a.csv", columns)
assert blobs.size(done.records) > 60_000_000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    grown = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout
    assert int(grown) < 20, f"{grown} MiB more for a file of 60 MB"


def test_real_emergency_room_narratives_become_records() -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / "neiss-fireworks" / "df_injury_clean2.csv"
    if not path.exists():
        pytest.skip(f"the public data set {path.name} is not here")
    columns = Columns(
        text="Narrative",
        label="Diagnosis",
        person="",
        protected=("Sex", "Age"),
        positive="Burns, thermal (from flames or hot surface)",
    )
    data = path.read_bytes()
    done, records = read(data, columns)
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert done.rows == done.persons == len(rows)
    assert done.labels == ("Burns, thermal (from flames or hot surface)", "other")
    assert [record["text"] for record in records] == [row["Narrative"] for row in rows]
    assert {record["protected"]["Age"] for record in records} <= {"0-17", "18-39", "40-64", "65-120", "out of range"}
