"""Blocks, and the journal of what was made of them: nothing skipped, nothing twice, nothing readable."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.steps.deidentify.blocks import (
    LONGEST_LINE,
    MOST_BYTES,
    MOST_RECORDS,
    Blocks,
    Journal,
    journal_key,
    lines_of,
)
from tunewarden.steps.deidentify.progress import Progress, Stopwatch

KEY = bytes(range(32))


def blocks_of(lines: list[bytes]) -> tuple[Blocks, BytesIO]:
    stream = BytesIO(b"".join(line + b"\n" for line in lines))
    return Blocks(stream, lambda _index, _line: None), stream


@given(st.lists(st.integers(1, MOST_BYTES // 2), max_size=12), st.integers(0, 3 * MOST_RECORDS))
def test_every_record_is_in_exactly_one_block_and_no_block_is_too_large(long: list[int], short: int) -> None:
    lines = [b"x" * length for length in long] + [b"%d" % number for number in range(short)]
    blocks, stream = blocks_of(lines)
    read = [lines_of(stream, block) for block in blocks]
    assert [line for block in read for line in block] == lines
    assert [block.first for block in blocks] == [sum(map(len, read[:number])) for number in range(len(blocks))]
    for block in read:
        assert 0 < len(block) <= MOST_RECORDS
        assert len(block) == 1 or sum(len(line) + 1 for line in block) <= MOST_BYTES
    assert blocks.records == len(lines)


def test_blocks_can_be_read_in_any_order() -> None:
    blocks, stream = blocks_of([b"%d" % number for number in range(1000)])
    assert lines_of(stream, blocks[3])[0] == b"768"
    assert lines_of(stream, blocks[0])[0] == b"0"


def test_a_record_without_end_is_refused_by_its_index() -> None:
    stream = BytesIO(b"short\n" + b"x" * (LONGEST_LINE + 5))
    with pytest.raises(Malformed, match="Record 1 "):
        Blocks(stream, lambda _index, _line: None)


def test_every_line_is_checked_with_its_index() -> None:
    seen: list[tuple[int, bytes]] = []
    Blocks(BytesIO(b"a\nb\n"), lambda index, line: seen.append((index, line)))
    assert seen == [(0, b"a"), (1, b"b")]


def test_a_blob_that_became_shorter_is_noticed() -> None:
    blocks, _ = blocks_of([b"a", b"b"])
    with pytest.raises(Corrupted):
        lines_of(BytesIO(b"a\n"), blocks[0])


def test_what_was_put_into_the_journal_is_there_for_the_next_process_and_readable_for_nobody(tmp_path: Path) -> None:
    Journal(tmp_path / "j", KEY).put(3, b"Zebediah 12")
    assert Journal(tmp_path / "j", KEY).get(3) == b"Zebediah 12"
    assert Journal(tmp_path / "j", KEY).get(4) is None
    assert (tmp_path / "j").stat().st_mode & 0o077 == 0
    assert all(b"Zebediah" not in file.read_bytes() for file in (tmp_path / "j").iterdir())


def test_a_file_of_another_key_another_block_or_half_a_file_counts_as_not_there(tmp_path: Path) -> None:
    journal = Journal(tmp_path, KEY)
    journal.put(1, b"one")
    assert Journal(tmp_path, KEY[::-1]).get(1) is None
    (tmp_path / "1").rename(tmp_path / "2")
    assert journal.get(2) is None
    journal.put(1, b"one")
    (tmp_path / "1").write_bytes((tmp_path / "1").read_bytes()[:-1])
    assert journal.get(1) is None
    (tmp_path / "1").write_bytes(b"x")
    assert journal.get(1) is None
    with pytest.raises(Corrupted):
        journal.made(1)


def test_a_discarded_journal_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", KEY)
    journal.put(1, b"one")
    journal.discard()
    assert list(tmp_path.iterdir()) == []


def test_every_journal_has_a_key_of_its_own() -> None:
    assert len({journal_key(KEY, "a"), journal_key(KEY, "b"), journal_key(KEY[::-1], "a"), KEY}) == 4


def test_progress_says_the_rate_and_the_time_left_and_does_not_count_what_was_done_before() -> None:
    told: list[Progress] = []
    clock = iter([0.0, 1.0, 6.0, 7.0, 20.0])
    watch = Stopwatch("find", 1000, 500, told.append, lambda: next(clock))
    for _ in range(4):
        watch.add(125)
    assert [(each.records, each.of) for each in told] == [(750, 1000), (1000, 1000)]
    assert told[0].records_per_second == pytest.approx(250 / 6)
    assert told[0].seconds_left == pytest.approx(6)
    assert told[1].seconds_left == 0
