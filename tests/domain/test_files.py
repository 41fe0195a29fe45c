"""Uploads in parts: what is taken, what is made of it, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.errors import IllegalTransition, Malformed
from tunewarden.domain.files import (
    MOST_PARTS,
    UPLOAD_LASTS,
    Part,
    Upload,
    UploadState,
    require_lifetime,
)
from tunewarden.domain.names import Digest, FileId, PartId, PrincipalId, UploadId

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
OVER = NOW + UPLOAD_LASTS


def part(name: str, size: int) -> Part:
    return Part(id=PartId(name), digest=Digest("sha256:" + "a" * 64), size=size, added_at=NOW)


def upload(size: int = 10, *parts: Part) -> Upload:
    whole = Upload(
        id=UploadId("upload-1"),
        owner=PrincipalId("prn-1"),
        filename="a.csv",
        purpose="fine-tune",
        size=size,
        begun_at=NOW,
    )
    for one in parts:
        whole = whole.with_part(one, NOW)
    return whole


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=9), data=st.data())
def test_a_file_is_made_of_parts_that_are_its_own_each_once_and_have_just_its_bytes(
    sizes: list[int], data: st.DataObject
) -> None:
    parts = [part(f"part-{number}", size) for number, size in enumerate(sizes)]
    chosen = data.draw(st.lists(st.sampled_from(parts), max_size=12))
    announced = data.draw(st.one_of(st.just(max(1, sum(one.size for one in chosen))), st.integers(1, 500)))
    whole = upload(max(announced, sum(sizes)))
    for one in parts:
        whole = whole.with_part(one, NOW)
    ids = [one.id for one in chosen]
    right = len(set(ids)) == len(ids) and sum(one.size for one in chosen) == whole.size
    if right:
        assert whole.ordered(ids, NOW) == chosen, "in the order in which they are named"
    else:
        with pytest.raises(Malformed) as caught:
            whole.ordered(ids, NOW)
        assert caught.value.param == "part_ids"


def test_a_part_that_nobody_added_is_none_of_it() -> None:
    with pytest.raises(Malformed, match="none of this upload"):
        upload(3, part("part-1", 3)).ordered([PartId("part-2")], NOW)


def test_a_part_may_come_twice_because_its_answer_was_lost_and_no_more_than_that() -> None:
    twice = upload(4, part("part-1", 4), part("part-2", 4))
    with pytest.raises(Malformed) as caught:
        twice.with_part(part("part-3", 1), NOW)
    assert caught.value.code == "parts_too_large"


def test_there_are_only_so_many_parts_and_none_is_empty() -> None:
    full = upload(MOST_PARTS, *(part(f"part-{number}", 1) for number in range(MOST_PARTS)))
    with pytest.raises(Malformed) as caught:
        full.with_part(part("part-more", 1), NOW)
    assert caught.value.code == "parts_too_many"
    with pytest.raises(Malformed) as caught:
        upload().with_part(part("part-1", 0), NOW)
    assert caught.value.code == "part_empty"


@pytest.mark.parametrize("state", [UploadState.COMPLETED, UploadState.CANCELLED, UploadState.EXPIRED])
def test_nothing_is_done_to_an_upload_that_is_over(state: UploadState) -> None:
    ended = upload(3, part("part-1", 3)).ended(state, FileId("file-1"))
    assert (ended.parts, ended.filename, ended.state_at(NOW)) == ((), "", state)
    for attempt in (lambda: ended.with_part(part("part-2", 1), NOW), lambda: ended.ordered([], NOW)):
        with pytest.raises(IllegalTransition):
            attempt()


def test_after_an_hour_it_is_over_whether_anybody_has_looked_or_not() -> None:
    pending = upload(3, part("part-1", 3))
    assert pending.ordered([PartId("part-1")], OVER - timedelta(milliseconds=1))
    assert (pending.state_at(OVER), pending.state) == (UploadState.EXPIRED, UploadState.PENDING)
    with pytest.raises(IllegalTransition, match="expired"):
        pending.ordered([PartId("part-1")], OVER)


@pytest.mark.parametrize(("seconds", "is_fine"), [(3599, False), (3600, True), (2592000, True), (2592001, False)])
def test_a_file_is_kept_an_hour_at_least_and_thirty_days_at_most(seconds: int, is_fine: bool) -> None:
    require_lifetime(None)
    if is_fine:
        require_lifetime(seconds)
        return
    for wrong in (seconds, -seconds, 2**200):
        with pytest.raises(Malformed):
            require_lifetime(wrong)
