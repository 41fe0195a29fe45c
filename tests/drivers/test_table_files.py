"""Whole tables: every cell that holds text is seen, and what is written again is the same file with other texts."""

import csv
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.drivers.table_files import TableFile, open_table, place_of

CANARY = "CANARY"
ROWS = [
    {"note": "Ada Example, born 1952", "name": "Ada", "n": "7"},
    {"note": 'line\none, "two"', "name": "", "n": "8"},
    {"note": "é \U0001f600 \u0627", "name": "Bob", "n": "9"},
]


def written(folder: Path, kind: str, rows: Sequence[dict[str, str]] = ROWS) -> Path:
    path = folder / f"in.{kind}"
    if kind == "csv":
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def read_back(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    rows: list[dict[str, str]] = pq.read_table(path).to_pylist()
    return rows


def rewritten(table: TableFile, out: Path, change: Callable[[str], str], columns: Sequence[str], *drop: str) -> Path:
    wanted = [place_of(table, name, "--column") for name in columns]
    texts = (tuple(change(cell.text) for cell in row) for row in table.cells(wanted))
    table.rewrite(out, wanted, drop, texts)
    return out


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_cells_that_are_not_blank_are_seen_and_replaced_and_the_rest_stays(tmp_path: Path, kind: str) -> None:
    table = open_table(written(tmp_path, kind))
    assert (table.columns, table.rows) == (("note", "name", "n"), 3)
    assert [len(row) for row in table.cells([0, 1])] == [2, 1, 2]
    out = rewritten(table, tmp_path / f"out.{kind}", lambda text: f"<{text}>", ["note", "name"])
    expected = [{**row, "note": f"<{row['note']}>", "name": row["name"] and f"<{row['name']}>"} for row in ROWS]
    assert read_back(out) == expected


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_columns_are_dropped_and_rows_left_out(tmp_path: Path, kind: str) -> None:
    table = open_table(written(tmp_path, kind))
    out = tmp_path / f"out.{kind}"
    table.rewrite(out, [0], {"name"}, iter([("a",), None, ("c",)]))
    assert read_back(out) == [{"note": "a", "n": "7"}, {"note": "c", "n": "9"}]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    table = open_table(written(tmp_path, kind))
    (tmp_path / f"out.{kind}").write_text("kept")
    with pytest.raises(FileExistsError):
        rewritten(table, tmp_path / f"out.{kind}", str.upper, ["note"])
    assert (tmp_path / f"out.{kind}").read_text() == "kept"


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries({"a": TEXTS, "b": TEXTS}), min_size=1, max_size=6),
    kind=st.sampled_from(["csv", "jsonl", "parquet"]),
)
def test_writing_the_same_texts_again_gives_the_same_values(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]], kind: str
) -> None:
    folder = tmp_path_factory.mktemp("same")
    table = open_table(written(folder, kind, rows))
    out = rewritten(table, folder / f"out.{kind}", lambda text: text, list(table.columns))
    assert read_back(out) == rows


def test_every_leaf_of_json_is_a_cell_and_numbers_stay_numbers_where_nothing_changes(tmp_path: Path) -> None:
    record = {
        "turns": [{"who": "p", "said": "hi"}, {"said": "bye"}],
        "phone": 5550134,
        "rate": 1.5,
        "ok": True,
        "x": None,
    }
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(record) + "\n")
    table = open_table(path)
    assert table.columns == ("turns.who", "turns.said", "phone", "rate")
    (cells,) = table.cells(range(4))
    assert [cell.text for cell in cells] == ["p", "hi", "bye", "5550134", "1.5"]
    out = rewritten(table, tmp_path / "out.jsonl", lambda text: "[PHONE]" if text == "5550134" else text, table.columns)
    assert read_back(out) == [{**record, "phone": "[PHONE]"}]


def test_columns_of_a_parquet_file_that_hold_no_text_are_named_apart(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    table = pa.table(
        {
            "note": pa.array(["a", None]).dictionary_encode(),
            "born": [date(1952, 3, 14), None],
            "tags": [["x"], []],
        }
    )
    pq.write_table(table, path)
    opened = open_table(path)
    assert (opened.columns, opened.texts, opened.others) == (("note", "born"), (0,), ("tags",))
    out = rewritten(opened, tmp_path / "out.parquet", str.upper, ["note"], "born")
    assert read_back(out) == [{"note": "A", "tags": ["x"]}, {"note": None, "tags": []}]


def test_a_plain_text_is_one_record_and_keeps_its_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"Ada\r\nBob\n")
    out = rewritten(open_table(path), tmp_path / "out.txt", lambda text: text.replace("Ada", "X"), ["text"])
    assert out.read_bytes() == b"X\r\nBob\n"


@pytest.mark.parametrize(
    ("name", "content", "code", "where"),
    [
        ("a.csv", b"", "file_empty", ""),
        ("a.csv", b"text\n", "file_empty", ""),
        ("a.jsonl", b"\n\n", "file_empty", ""),
        ("a.txt", b" \n", "file_empty", ""),
        ("a.csv", b"text,b\nfine,1\nCANARY\xff,2\n", "not_utf8", "Row 2, column 1"),
        ("a.csv", b"text,b\nfine,1\nCANARY\0,2\n", "not_utf8", "Row 2, column 1"),
        ("a.csv", b"text,b\nCANARY\n", "row_ragged", "Row 1"),
        ("a.csv", b'text,b\n"CANARY,1\n', "csv_broken", "Row 1"),
        ("a.txt", b"CANARY\0\n", "not_utf8", "Row 1, column 1"),
        ("a.csv", b"CANARY\0,b\n1,2\n", "not_utf8", "The header, column 1"),
        ("a.jsonl", b'{"t": "CANARY\xff"}', "not_utf8", "Row 1, column 1"),
        ("a.jsonl", b'{"t": "ok"}\n{"CANARY\xff": "t"}', "not_utf8", "Row 2"),
        ("a.csv", b"PK\3\4CANARY", "file_not_what_named", ""),
        ("a.txt", b"x" * 1_000_001, "row_too_long", "Row 1, column 1"),
        ("a.csv", b"a,text\n1,ok\n2," + b"CANARY " * 1_500_000 + b"\n", "csv_broken", "Row 2"),
        ("a.jsonl", json.dumps({"a": 1, "t": "CANARY " * 1_500_000}).encode(), "row_too_long", "Row 1, column 2"),
        ("a.jsonl", b'{"t": "CANARY \\u0000"}\n', "not_utf8", "Row 1, column 1"),
        ("a.jsonl", b'{"t": "CANARY \\ud800"}\n', "not_utf8", "Row 1, column 1"),
        ("a.jsonl", b'{"t": "ok"}\n{"t": "CANARY}\n', "json_broken", "Row 2"),
        ("a.jsonl", b'{"t": ' + b"[" * 100_000 + b"}\n", "json_broken", "Row 1"),
        ("a.parquet", b"PAR1CANARY", "file_not_what_named", ""),
        ("a.pdf", b"%PDF CANARY", "file_kind_unknown", ""),
    ],
)
def test_a_broken_file_is_refused_with_its_place_and_never_its_text(
    tmp_path: Path, name: str, content: bytes, code: str, where: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Malformed) as refusal:
        open_table(path)
    assert refusal.value.code == code
    assert where in str(refusal.value)
    assert CANARY not in f"{refusal.value} {refusal.value.__cause__}"


def test_a_text_column_of_a_parquet_file_with_bytes_that_are_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    broken = pa.array([b"ok", b"CANARY\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"n": [1, 2], "t": broken}), path)
    with pytest.raises(Malformed) as refusal:
        open_table(path)
    assert refusal.value.code == "not_utf8"
    assert "column 2" in str(refusal.value)
    assert CANARY not in str(refusal.value)


def test_a_missing_file_and_a_missing_or_doubled_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_table(tmp_path / "nothing.csv")
    path = tmp_path / "in.csv"
    path.write_text("a,a,b\n1,2,3\n")
    table = open_table(path)
    for name, code in (("CANARY", "missing_column"), ("a", "column_ambiguous")):
        with pytest.raises(Malformed) as refusal:
            place_of(table, name, "--person")
        assert refusal.value.code == code
        assert CANARY not in str(refusal.value)


def test_numbers_and_dates_of_a_parquet_file_become_text_only_where_they_are_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": [41, 42], "born": [date(1952, 3, 14), date(1960, 1, 2)], "n": [1, 2]}), path)
    out = rewritten(open_table(path), tmp_path / "out.parquet", lambda text: f"<{text}>", ["id", "born"])
    assert read_back(out) == [
        {"id": "<41>", "born": "<1952-03-14>", "n": 1},
        {"id": "<42>", "born": "<1960-01-02>", "n": 2},
    ]
