"""A second column of text that is learnt to follow the first: one record, one text, and where in it the border is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from tests.drivers.test_tables import WORDS, as_csv, as_jsonl, as_parquet, read, refusal

from tunewarden.domain.datasets import Columns
from tunewarden.drivers.table_rows import LONGEST_TEXT

COLUMNS = Columns(text="asked", label=None, person="who", completion="answered")
ROWS = [
    {"asked": "What is it?", "answered": "A burn.\nOf the hand.", "who": "p1"},
    {"asked": "line\nline\n", "answered": " \N{SNOWMAN} ", "who": "p2"},
]
FIELDS = list(ROWS[0])


@pytest.mark.parametrize(
    ("filename", "write"),
    [("a.csv", lambda made: as_csv(made, FIELDS)), ("a.jsonl", as_jsonl), ("a.parquet", as_parquet)],
)
def test_a_prompt_and_its_completion_are_one_text_with_a_border(filename: str, write: Callable[[Any], bytes]) -> None:
    done, records = read(write(ROWS), COLUMNS, filename)
    assert (done.rows, done.persons, done.labels) == (2, 2, ())
    assert records == [
        {"completion": 12, "label": 0, "person": "p1", "protected": {}, "text": "What is it?\nA burn.\nOf the hand."},
        {"completion": 11, "label": 0, "person": "p2", "protected": {}, "text": "line\nline\n\n \N{SNOWMAN} "},
    ]


@given(WORDS, WORDS)
def test_both_come_back_as_they_were_by_cutting_at_the_border(asked: str, answered: str) -> None:
    _, (record,) = read(as_jsonl([{"asked": asked, "answered": answered, "who": "p1"}]), COLUMNS, "a.jsonl")
    border = record["completion"]
    assert (record["text"][: border - 1], record["text"][border - 1], record["text"][border:]) == (
        asked,
        "\n",
        answered,
    )


@pytest.mark.parametrize("empty", ["", " ", "\n"])
@pytest.mark.parametrize("part", ["asked", "answered"])
def test_a_row_without_one_of_the_two_is_refused(part: str, empty: str) -> None:
    refused = refusal(as_csv([ROWS[0], {**ROWS[1], part: empty}], FIELDS), COLUMNS)
    assert refused.code == ("text_missing" if part == "asked" else "completion_missing")
    assert "Row 2 " in refused.reason


def test_a_file_without_rows_and_one_without_the_column_are_refused() -> None:
    assert refusal(as_csv([], FIELDS), COLUMNS).code == "file_empty"
    assert refusal(as_csv(ROWS, FIELDS), replace(COLUMNS, completion="other")).param == "columns.completion"


def test_both_together_may_be_as_long_as_a_text_and_no_longer() -> None:
    half = LONGEST_TEXT // 2
    row = {"asked": "a" * half, "answered": "b" * (half - 1), "who": "p1"}
    assert read(as_jsonl([row]), COLUMNS, "a.jsonl")[0].rows == 1
    refused = refusal(as_jsonl([{**row, "answered": "b" * half}]), COLUMNS, "a.jsonl")
    assert (refused.code, refused.param) == ("row_too_long", "columns.text")
