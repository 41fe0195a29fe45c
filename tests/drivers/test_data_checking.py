"""A table is checked by its content, row by row, and what is wrong with it is said without a value of it."""

import io
import json
import os
import subprocess
import sys
import traceback
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st
from tests.drivers.test_conversations import GOOD, PAIR
from tests.drivers.test_tables import ROWS, as_csv, as_jsonl, as_parquet

from tunewarden.domain.data_report import Form
from tunewarden.domain.errors import Malformed
from tunewarden.drivers import parquet_bounds
from tunewarden.drivers.data_checking import Checked, Named, check_table
from tunewarden.drivers.table_rows import Part, read_parquet

NOTES = Named(text="note", label="kind", person="who")
CANARY = "Zebediah"


def check(data: bytes, named: Named = NOTES) -> Checked:
    return check_table(lambda: io.BytesIO(data), named)


@pytest.mark.parametrize("data", [as_csv(ROWS), as_jsonl(ROWS), as_parquet(ROWS), b"\xef\xbb\xbf" + as_csv(ROWS)])
def test_the_kind_is_told_by_the_content(data: bytes) -> None:
    found = check(data)
    assert (found.report.rows, found.report.persons, found.report.columns) == (4, 3, 3)
    assert found.blank_rows == 0


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (as_jsonl([GOOD]), Form.CONVERSATIONS),
        (as_jsonl([PAIR]), Form.PREFERENCES),
        (b"prompt,chosen,rejected\na,b,c\n", Form.PREFERENCES),
        (b"prompt,completion\na,b\n", Form.COMPLETIONS),
        (as_parquet([{"text": "a", "label": 1}]), Form.CLASSES),
    ],
)
def test_forms_are_known_by_their_columns(data: bytes, form: Form) -> None:
    assert check(data, Named()).report.form is form


def test_blank_rows_are_all_counted_and_the_first_are_named() -> None:
    found = check(b"text,label\n" + b"a,b\n" + b" ,b\na,\n" * 4, Named())
    assert (found.blank_rows, found.first_blank) == (8, (2, 3, 4, 5, 6))


BAD = {
    "form_unknown": (as_csv(ROWS), Named()),
    "label_or_completion": (as_csv(ROWS), Named(text="note")),
    "missing_column": (as_csv(ROWS), Named(text=CANARY, label="kind")),
    "file_empty": (b"text,label\n", Named()),
    "file_not_what_named": (b"PK\3\4", Named()),
    "person_missing": (b"text,label,who\na,b,\n", Named(person="who")),
    "too_many_columns": (",".join(f"c{n}" for n in range(2001)).encode() + b"\n", Named(text="c1", label="c2")),
}


@pytest.mark.parametrize(("code", "given"), BAD.items(), ids=BAD)
def test_what_cannot_be_read_is_refused(code: str, given: tuple[bytes, Named]) -> None:
    with pytest.raises(Malformed) as caught:
        check(*given)
    assert caught.value.code == code
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(("encoding", "name"), [("utf-16", "UTF-16"), ("utf-32", "UTF-32")])
def test_another_encoding_is_refused_by_its_name(encoding: str, name: str) -> None:
    with pytest.raises(Malformed, match=f"begins as {name} does") as caught:
        check(as_csv(ROWS).decode().encode(encoding))
    assert caught.value.code == "not_utf8"


def test_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewarden.drivers.data_checking.MOST_ROWS", 3)
    with pytest.raises(Malformed) as caught:
        check(as_csv(ROWS))
    assert caught.value.code == "too_many_rows"


def test_a_parquet_file_that_unpacks_to_too_much_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_bounds, "_MOST_UNPACKED", 1_000)
    with pytest.raises(Malformed) as caught:
        check(as_parquet([{"text": "x" * 5_000, "label": "a"}]), Named())
    assert caught.value.code == "parquet_group_too_large"


def test_a_small_parquet_file_of_many_long_texts_does_not_fill_the_memory() -> None:
    """A few KB of file, 300 texts of half a million characters: 150 MB if they were all unpacked at once."""
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["ab" * 250_000] * 300}), out, compression="zstd")
    assert len(out.getvalue()) < 200_000
    tracemalloc.start()
    rows = sum(1 for _ in read_parquet(io.BytesIO(out.getvalue()), [Part(role="text", column="text")]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (rows, peak < 80 << 20) == (300, True)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
BROKEN = st.sampled_from(['"', ",", "\n", "\r", "\0", "{", "}", "[", "\\", "\ud800", ";", "\t", ""])


@settings(deadline=None, max_examples=150)
@given(cells=st.lists(st.tuples(WORDS, BROKEN, WORDS), min_size=1, max_size=12), form=st.integers(0, 5))
def test_a_broken_file_never_finds_its_way_into_a_message(cells: list[tuple[str, str, str]], form: int) -> None:
    """Every cell holds the canary, and so does every name of a column; whatever is raised has nothing of it."""
    values = [f"{before}{CANARY}{broken}{after}" for before, broken, after in cells]
    raw: Any = [
        "text,label\n" + "\n".join(f"{value},{value}" for value in values),
        "\n".join(values),
        "\n".join(json.dumps({"text": value, "label": {CANARY: value}}) for value in values),
        "\n".join(json.dumps({"messages": [{"role": value, "content": value}]}) for value in values),
        "\n".join(json.dumps({**PAIR, "preferred_output": value}) for value in values),
        "\n".join('{"text": "' + value + '", "label": ' + value + "}" for value in values),
    ][form]
    data = raw.encode("utf-8", "surrogatepass")
    for named in (Named(), Named(text="text", label="label"), Named(text=CANARY, label=CANARY + "2", person=CANARY)):
        refused = _refused(data, named)
        assert refused is None or refused.remedy
        assert refused is None or CANARY not in "".join(traceback.format_exception(refused))


def _refused(data: bytes, named: Named) -> Malformed | None:
    try:
        check(data, named)
    except Malformed as error:
        return error
    return None


def test_memory_does_not_grow_with_the_rows_but_by_forty_bytes_each(tmp_path: Path) -> None:
    """`ru_maxrss` would begin with what the parent had, so the high mark is put back and read here."""
    program = r"""
import re, sys
from pathlib import Path
from tunewarden.drivers.data_checking import Named, check_table
def highest():
    return int(re.search("VmHWM:[^0-9]*([0-9]+)", Path("/proc/self/status").read_text())[1])
def grown(rows):
    path = Path(sys.argv[1], f"{rows}.csv")
    with path.open("w") as file:
        file.write("text,label,who\n")
        file.writelines(f"{number} {'word ' * 100},{number % 2},p{number}\n" for number in range(rows))
    Path("/proc/self/clear_refs").write_text("5")
    before = highest()
    assert check_table(lambda: path.open("rb"), Named(person="who")).report.persons == rows
    return highest() - before
grown(2_000)
print(grown(30_000))
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    kilobytes = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout
    assert int(kilobytes) < 9_000, "KB for a file of 15 MB: some hundred bytes a row while they are sorted"
