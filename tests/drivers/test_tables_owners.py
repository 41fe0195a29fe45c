"""A row may belong to several persons: all of them are in its record, each once, and all are counted."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.drivers.test_tables import COLUMNS, as_csv, as_jsonl, as_parquet, read, refusal

from tunewarden.drivers.table_owners import MOST_OWNERS

SEVERAL = replace(COLUMNS, protected=(), separator=";")


def rows(*who: str) -> list[dict[str, str]]:
    return [{"note": f"text {place}", "kind": "ab"[place // 2 % 2], "who": name} for place, name in enumerate(who)]


@pytest.mark.parametrize(
    ("filename", "write"),
    [("a.csv", lambda made: as_csv(made, list(made[0]))), ("a.jsonl", as_jsonl), ("a.parquet", as_parquet)],
)
def test_the_persons_of_a_row_are_its_owners_in_their_order_without_blanks_and_each_once(
    filename: str, write: Callable[[Any], bytes]
) -> None:
    done, records = read(write(rows("p1", " p2 ; p1", "p3;p2;p3", "p1;p1")), SEVERAL, filename)
    assert [(record["person"], record.get("others")) for record in records] == [
        ("p1", None),
        ("p2", ["p1"]),
        ("p3", ["p2"]),
        ("p1", None),
    ]
    assert (done.rows, done.persons, done.shared_rows) == (4, 3, 2)


def test_without_a_separator_whatever_stands_in_the_column_is_one_person() -> None:
    done, records = read(
        as_csv(rows("p1;p2", "p1", "p2;p1", "p2"), ["note", "kind", "who"]), replace(SEVERAL, separator=None)
    )
    assert [record["person"] for record in records] == ["p1;p2", "p1", "p2;p1", "p2"]
    assert (done.persons, done.shared_rows) == (4, 0)


@pytest.mark.parametrize("cell", [";p9", "p9;", "p8;;p9", "p8; ;p9", ";"])
def test_nobody_between_two_separators_is_refused_by_row_and_without_repeating_anything(
    cell: str,
) -> None:
    refused = refusal(as_csv(rows("p1", "p2", cell, "p3"), ["note", "kind", "who"]), SEVERAL)
    assert (refused.code, refused.param) == ("person_empty", "columns.person")
    assert "Row 3 " in refused.reason
    assert "p9" not in str(refused)


def test_a_row_of_more_persons_than_anybody_would_check_is_refused() -> None:
    crowd = [f"p{number}" for number in range(MOST_OWNERS + 1)]
    done, _ = read(as_csv(rows(*[";".join(crowd[:-1])] * 4), ["note", "kind", "who"]), SEVERAL)
    assert done.persons == MOST_OWNERS
    refused = refusal(as_csv(rows("p1", ";".join(crowd), "p2", "p3"), ["note", "kind", "who"]), SEVERAL)
    assert refused.code == "too_many_persons"


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5), min_size=4, max_size=12))
def test_as_many_persons_are_counted_as_own_rows_and_as_many_rows_are_shared_as_have_two_owners(
    owners: list[list[str]],
) -> None:
    kinds = [{"note": "text", "kind": "ab"[place % 2], "who": " ;".join(names)} for place, names in enumerate(owners)]
    done, records = read(as_jsonl(kinds), SEVERAL, "a.jsonl")
    assert done.persons == len({name for names in owners for name in names})
    assert done.shared_rows == sum(len(set(names)) > 1 for names in owners)
    assert [{record["person"], *record.get("others", [])} for record in records] == [set(names) for names in owners]
