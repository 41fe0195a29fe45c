"""What may be wrong with a whole table, in the words of every reader; and how large one may be."""

from tunewarden.domain.errors import Malformed

MOST_COLUMNS = 2_000
MOST_ROWS = 10_000_000


def empty() -> Malformed:
    """For a file without any row."""
    return Malformed("file_empty", "The file has no rows.", remedy="Upload a file with records.", param="file")


def not_what_named(what: str) -> Malformed:
    """For a file whose content is of another kind than its name."""
    return Malformed(
        "file_not_what_named",
        f"The file {what}.",
        remedy="Upload CSV as *.csv, one JSON object a line as *.jsonl, Parquet as *.parquet.",
        param="file",
    )


def too_many_rows() -> Malformed:
    """For a file of more than `MOST_ROWS` rows."""
    return Malformed(
        "too_many_rows",
        f"The file has more than {MOST_ROWS:,} rows.",
        remedy="Split it into several datasets.",
        param="file",
    )


def too_many_columns(count: int) -> Malformed:
    """For a file of more than `MOST_COLUMNS` columns."""
    return Malformed(
        "too_many_columns",
        f"The file has {count:,} columns, at most {MOST_COLUMNS:,}.",
        remedy="Leave out the columns that nothing is learnt from.",
        param="file",
    )
