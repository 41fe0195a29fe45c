"""A Parquet file as a table of texts; see `table_files`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tunewarden.drivers.parquet_bounds import open_parquet
from tunewarden.drivers.table_cells import Cell, Texts, malformed, sound
from tunewarden.drivers.table_faults import empty
from tunewarden.drivers.table_rows import next_batch

_BATCH_ROWS = 256


@dataclass
class ParquetTable:
    """Columns of text, numbers and dates can be read, and become text where they are rewritten; nested ones cannot."""

    path: Path
    columns: tuple[str, ...] = field(init=False)
    texts: tuple[int, ...] = field(init=False)
    others: tuple[str, ...] = field(init=False)
    rows: int = 0

    def __post_init__(self) -> None:
        with self.path.open("rb") as stream:
            table = open_parquet(stream)
            schema, self.rows = table.schema_arrow, table.metadata.num_rows
        names = schema.names
        plain = [item for item in schema if _is_text(item.type) or _is_plain(item.type)]
        self.columns = tuple(item.name for item in plain)
        self.texts = tuple(place for place, item in enumerate(plain) if _is_text(item.type))
        self.others = tuple(name for name in names if name not in self.columns)
        if len(set(names)) != len(names):
            raise malformed(
                "column_ambiguous", "Two columns of the file have the same name.", "Give every column its own name."
            )
        if not self.rows:
            raise empty()
        for _ in self.cells(self.texts):
            pass

    def cells(self, wanted: Collection[int]) -> Iterator[tuple[Cell, ...]]:
        places = sorted(wanted)
        first = 1
        for batch in self._batches():
            texts = {place: _texts(batch, self.columns[place], first) for place in places}
            for row in range(batch.num_rows):
                yield tuple(
                    Cell(column=place, text=sound(text, first + row, place))
                    for place in places
                    if (text := texts[place][row]) is not None and text.strip()
                )
            first += batch.num_rows

    def rewrite(self, out: Path, wanted: Collection[int], dropped: Collection[str], texts: Texts) -> None:
        schema = _plain_schema(self.path, {self.columns[place] for place in wanted}, dropped)
        places = sorted(wanted)
        first = 1
        with out.open("xb") as stream, pq.ParquetWriter(stream, schema) as writer:
            for batch in self._batches():
                columns = {place: _texts(batch, self.columns[place], first) for place in places}
                several = enumerate(islice(texts, batch.num_rows))
                keep = [_replaced(columns, row, replaced) for row, replaced in several]
                writer.write_table(self._table(batch, schema, columns, keep))
                first += batch.num_rows

    def _table(
        self, batch: pa.RecordBatch, schema: pa.Schema, columns: dict[int, list[str | None]], keep: list[bool]
    ) -> pa.Table:
        new = {self.columns[place]: pa.array(texts, pa.string()) for place, texts in columns.items()}
        arrays = [new.get(item.name, batch.column(item.name)).cast(item.type) for item in schema]
        return pa.Table.from_arrays(arrays, schema=schema).filter(pa.array(keep))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self.path.open("rb") as stream:
            batches = open_parquet(stream).iter_batches(batch_size=_BATCH_ROWS, use_threads=False)
            first = 1
            while (batch := next_batch(batches, first)) is not None:
                yield batch
                first += batch.num_rows


def _replaced(columns: Mapping[int, list[str | None]], row: int, new: Sequence[str] | None) -> bool:
    """Put the new texts of one row in; False where the row is left out."""
    if new is None:
        return False
    full = [place for place in columns if (text := columns[place][row]) is not None and text.strip()]
    for place, text in zip(full, new, strict=True):
        columns[place][row] = text
    return True


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_date(kind)
        or types.is_timestamp(kind)
        or types.is_boolean(kind)
    )


def _plain_schema(path: Path, wanted: Collection[str], dropped: Collection[str]) -> pa.Schema:
    """Of the columns that stay: what is rewritten becomes text, and what the file says about itself is left out."""
    with path.open("rb") as stream:
        schema = open_parquet(stream).schema_arrow
    return pa.schema(
        [
            pa.field(item.name, pa.string() if _is_text(item.type) or item.name in wanted else item.type, item.nullable)
            for item in schema
            if item.name not in dropped
        ]
    )


def _texts(batch: pa.RecordBatch, name: str, first: int) -> list[str | None]:
    try:
        texts: list[str | None] = batch.column(name).cast(pa.string()).to_pylist()
    except (pa.ArrowException, UnicodeDecodeError):
        pass  # the message of the library may hold values
    else:
        return texts
    last = first + batch.num_rows - 1
    place = batch.schema.names.index(name) + 1
    raise malformed(
        "not_utf8",
        f"Between rows {first} and {last} column {place} is not UTF-8.",
        "Write the column as text in UTF-8.",
    )
