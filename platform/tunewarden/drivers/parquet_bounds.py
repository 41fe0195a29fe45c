"""Opening Parquet files of people who are trusted for nothing: a small file may say that it unpacks to anything."""

from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tunewarden.domain.errors import Malformed
from tunewarden.drivers.table_faults import MOST_COLUMNS, MOST_ROWS, not_what_named, too_many_columns, too_many_rows

_MOST_UNPACKED = 2 << 30  # bytes of one column in one group of rows
_FOOTER_BYTES, _FOOTER_ITEMS = 64 << 20, 4_000_000


def open_parquet(stream: BinaryIO) -> pq.ParquetFile:
    """The file, once what it says about itself is within bounds. Raises `Malformed`.

    Not checked: whether its pages unpack to the sizes that the footer states; the batches are small for that.
    """
    try:
        table = pq.ParquetFile(
            stream,
            thrift_string_size_limit=_FOOTER_BYTES,
            thrift_container_size_limit=_FOOTER_ITEMS,
            buffer_size=1 << 20,
        )
    except (pa.ArrowException, OSError):
        pass  # the message of the library may hold values
    else:
        _require_bounded(table.metadata)
        return table
    raise not_what_named("cannot be read as Parquet")


def _require_bounded(said: pq.FileMetaData) -> None:
    if said.num_columns > MOST_COLUMNS:
        raise too_many_columns(said.num_columns)
    if said.num_rows > MOST_ROWS:
        raise too_many_rows()
    for place in range(said.num_row_groups):
        group = said.row_group(place)
        largest = max((group.column(column).total_uncompressed_size for column in range(group.num_columns)), default=0)
        if largest > _MOST_UNPACKED:
            raise Malformed(
                "parquet_group_too_large",
                f"Group {place + 1} of rows unpacks to more than {_MOST_UNPACKED:,} bytes in one column.",
                remedy="Write the file with smaller groups of rows.",
                param="file",
            )
