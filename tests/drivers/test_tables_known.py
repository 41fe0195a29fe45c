"""What columns of a table know of a person: in the record by kind of identifier, and bound by the columns' digest."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.drivers.test_tables import COLUMNS, ROWS, as_csv, as_jsonl, as_parquet, read, refusal

from tunewarden.domain.canonical import decode, digest_of, encode, from_plain, to_plain
from tunewarden.domain.datasets import Columns, KnownColumn
from tunewarden.domain.errors import Malformed
from tunewarden.domain.identifiers import EntityType

KNOWN = replace(
    COLUMNS,
    protected=("sex",),
    known=(
        KnownColumn(entity=EntityType.NAME, column="first"),
        KnownColumn(entity=EntityType.DATE, column="born"),
        KnownColumn(entity=EntityType.NAME, column="last"),
    ),
)


@pytest.mark.parametrize(("filename", "write"), [("a.csv", as_csv), ("a.jsonl", as_jsonl), ("a.parquet", as_parquet)])
def test_what_the_columns_know_of_a_person_is_in_the_record_by_kind_and_nowhere_else(
    filename: str, write: Callable[..., bytes]
) -> None:
    rows = [{**row, "first": "Ada", "last": f"Lee{number}", "born": "1950-01-02"} for number, row in enumerate(ROWS)]
    rows[1] = {**rows[1], "first": "", "last": "", "born": " "}
    data = write(rows, list(rows[0])) if write is as_csv else write(rows)
    _, records = read(data, KNOWN, filename)
    assert records[0]["known"] == {"name": ["Ada", "Lee0"], "date": ["1950-01-02"]}
    assert records[1]["known"] == {}
    assert all("known" not in record for record in read(as_csv(ROWS))[1])


def test_a_known_column_that_is_missing_or_named_twice_is_refused_by_its_place() -> None:
    assert refusal(as_csv(ROWS), KNOWN).param == "columns.known[0]"
    with pytest.raises(Malformed, match="two parts"):
        replace(COLUMNS, known=(KnownColumn(entity=EntityType.NAME, column="note"),))
    with pytest.raises(Malformed) as refused:
        replace(COLUMNS, known=tuple(KnownColumn(entity=EntityType.NAME, column=f"c{n}") for n in range(33)))
    assert refused.value.code == "too_many_known"


def test_the_digest_of_columns_covers_what_is_known_and_is_the_old_one_without_it() -> None:
    plain = to_plain(COLUMNS)
    assert isinstance(plain, dict)
    assert COLUMNS.digest() == digest_of({name: part for name, part in plain.items() if name != "known"})
    known = replace(COLUMNS, known=KNOWN.known)
    assert len({COLUMNS.digest(), known.digest(), replace(COLUMNS, known=KNOWN.known[:1]).digest()}) == 3


def test_columns_that_were_stored_before_there_were_known_ones_still_load() -> None:
    stored = encode(to_plain(COLUMNS)).replace(b'"known":[],', b"")
    assert from_plain(Columns, decode(stored)) == COLUMNS
    assert from_plain(Columns, decode(encode(to_plain(KNOWN)))) == KNOWN
