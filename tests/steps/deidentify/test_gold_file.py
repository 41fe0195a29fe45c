"""Gold files of strangers: how they are read, and what a broken one is told."""

import json
import re
from io import BytesIO

import pytest

from tunewarden.domain.errors import Malformed
from tunewarden.steps.deidentify.gold_file import LONGEST_LINE, Identifies, Marked, gold_lines, read_gold

CANARY = "CANARY-7f3a"


def line(record: object) -> bytes:
    return json.dumps(record).encode() + b"\n"


def test_a_gold_file_is_read_with_offsets_in_code_points_and_other_members_ignored() -> None:
    text = "\U0001f600 Ada\u0301 \u0627"
    record = {
        "text": text,
        "spans": [{"start": 2, "end": 6, "type": "PER", "identifier": "DIRECT", "entity": "e1", "score": 1}],
        "id": 3,
    }
    (read,) = read_gold([b"\n", line(record)])
    assert read.spans == (Marked(start=2, end=6, type="PER", identifies=Identifies.DIRECT, entity="e1"),)
    assert text[2:6] == "Ada\u0301"


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (b'{"text": "CANARY-7f3a", "spans": [}\n', "line 2"),
        (b'{"text": "CANARY-7f3a\xff", "spans": []}\n', "line 2"),
        (line(["CANARY-7f3a"]), "line 2"),
        (line({"spans": []}), "text"),
        (line({"text": 7, "spans": []}), "text"),
        (line({"text": CANARY}), "spans"),
        (line({"text": CANARY, "spans": {"start": 0}}), "spans"),
        (line({"text": CANARY, "spans": [CANARY]}), "spans[0]"),
        (line({"text": CANARY, "spans": [{"start": -1, "end": 2, "type": "x"}]}), "spans[0].start"),
        (line({"text": CANARY, "spans": [{"start": True, "end": 2, "type": "x"}]}), "spans[0].start"),
        (line({"text": CANARY, "spans": [{"start": 0.5, "end": 2, "type": "x"}]}), "spans[0].start"),
        (line({"text": CANARY, "spans": [{"start": 2, "end": 2, "type": "x"}]}), "spans[0].end"),
        (line({"text": CANARY, "spans": [{"start": 2, "end": 99, "type": "x"}]}), "spans[0].end"),
        (line({"text": CANARY, "spans": [{"start": 0, "end": 2}]}), "spans[0].type"),
        (line({"text": CANARY, "spans": [{"start": 0, "end": 2, "type": "a\x1b[31mb"}]}), "spans[0].type"),
        (line({"text": CANARY, "spans": [{"start": 0, "end": 2, "type": "x" * 65}]}), "spans[0].type"),
        (line({"text": "x" * 1_000_001, "spans": []}), "text"),
        (b"[" * 100_000 + b"\n", "line 2"),
        (b'{"text": "CANARY-7f3a \\ud800", "spans": []}\n', "text"),
        ('{"text": "CANARY-7f3a", "spans": []}\n'.encode("utf-16"), "line 2"),
        (b'{"text": "CANARY-7f3a", "spans": [{"start": 1%s, "end": 2, "type": "x"}]}\n' % (b"0" * 5000), "line 2"),
    ],
)
def test_a_broken_gold_file_is_refused_with_line_and_field_and_without_its_text(broken: bytes, field: str) -> None:
    good = line({"text": "Ada", "spans": []})
    with pytest.raises(Malformed) as refusal:
        list(read_gold([good, broken]))
    error = refusal.value
    assert error.code == "gold_malformed"
    assert "Line 2" in str(error)
    assert field in error.param
    assert CANARY not in re.sub(r"\s", "", f"{error} {error.param} {error.__cause__} {error.__context__}")


def test_a_mark_of_byte_order_and_carriage_returns_are_no_part_of_a_line_and_offsets_stay_those_of_the_text() -> None:
    text = "Ada\r\nExample"
    record = {"text": text, "spans": [{"start": 5, "end": 12, "type": "x"}]}
    content = b"\xef\xbb\xbf\r\n" + json.dumps(record).encode() + b"\r\n\r\n" + json.dumps(record).encode()
    read = list(read_gold(gold_lines(BytesIO(content))))
    assert [one.line for one in read] == [2, 4]
    assert {one.text[slice(*one.spans[0].place)] for one in read} == {"Example"}


def test_a_line_without_end_is_refused_before_it_is_in_memory() -> None:
    with pytest.raises(Malformed, match="Line 2 of the gold file: the line is not at most 16,777,216 bytes long"):
        list(read_gold(gold_lines(BytesIO(b"\n" + b"x" * (LONGEST_LINE + 2)))))
