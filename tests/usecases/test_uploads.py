"""Uploads, whole and in parts, over real blobs and keys: for whom they are there, until when, and what is left."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from tests.conftest import ANN, BOB, DANA, OTTO, PIA, WORKER
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import IllegalTransition, Malformed, NotFound, Refused
from tunewarden.domain.events import ActionRefused, FileUploaded
from tunewarden.domain.file_events import FileDeleted, FileExpired, FileTaken, PartAdded, UploadBegun, UploadEnded
from tunewarden.domain.files import MOST_PENDING, UPLOAD_LASTS, Upload, UploadState
from tunewarden.domain.names import Action, DatasetId, Digest, FileId, PartId, UploadId
from tunewarden.usecases import datasets, discarding, files, retention, uploads
from tunewarden.usecases.ports import Decision, Platform, Principal

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("uploads") / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def props(theatre: Theatre) -> Props:
    return Props(theatre=theatre)


@pytest.fixture
def platform(theatre: Theatre) -> Platform:
    return theatre.platform


def later(platform: Platform, by: timedelta) -> Platform:
    return replace(platform, clock=lambda: platform.clock() + by)


def uploaded(platform: Platform, content: bytes, who: Principal = ANN, lifetime: int | None = None) -> FileId:
    stored, _ = files.upload(
        platform,
        who,
        filename="notes.csv",
        purpose="fine-tune",
        content=BytesIO(content),
        lifetime_seconds=lifetime,
    )
    return stored.id


def begun(platform: Platform, size: int, lifetime: int | None = None, who: Principal = ANN) -> UploadId:
    upload, _ = uploads.begin(
        platform, who, filename="n.csv", purpose="fine-tune", size=size, lifetime_seconds=lifetime
    )
    return upload.id


def added(platform: Platform, upload: UploadId, content: bytes) -> PartId:
    return uploads.add_part(platform, ANN, upload, BytesIO(content), len(content))[0].id


def told(theatre: Theatre, identifier: str) -> list[object]:
    with theatre.platform.view() as view:
        return [entry.event for entry in view.entries_naming(identifier)]


def on_the_disk(theatre: Theatre) -> set[Path]:
    return set((theatre.settings.home / "blobs").glob("??/??/*"))


@contextmanager
def of_no_use_afterwards(theatre: Theatre, before: set[Path], digest: Digest) -> Iterator[None]:
    """What came since `before` is gone after the block, and a copy that somebody kept of it is read by nobody."""
    copies = {path: path.read_bytes() for path in on_the_disk(theatre) - before}
    assert copies
    yield
    assert on_the_disk(theatre) == before
    for path, copy in copies.items():
        path.write_bytes(copy)
    with pytest.raises(NotFound) as caught:
        theatre.platform.blobs.open(digest)
    assert caught.value.code == "blob_destroyed"
    for path in copies:
        path.unlink()


def read(platform: Platform, who: Principal, file: FileId) -> bytes:
    with files.take(platform, who, file)[0] as content:
        return content.read()


def stored_upload(platform: Platform, upload: UploadId) -> Upload:
    with platform.view() as view:
        return view.uploads.get(upload)


def test_parts_in_any_order_become_the_file_that_is_asked_for_and_are_gone(
    theatre: Theatre, platform: Platform
) -> None:
    before = on_the_disk(theatre)
    upload = begun(platform, 11, lifetime=3600)
    md5 = hashlib.md5(b"hello world", usedforsecurity=False).hexdigest().upper()
    world, hello, space = (added(platform, upload, one) for one in (b"world", b"hello", b" "))
    ended, stored, _ = uploads.complete(platform, ANN, upload, [hello, space, world], md5)
    assert (ended.state, ended.file, ended.parts) == (UploadState.COMPLETED, stored.id, ())
    assert read(platform, ANN, stored.id) == b"hello world"
    assert stored.expires_at == stored.uploaded_at + HOUR
    assert len(on_the_disk(theatre) - before) == 1, "of the parts nothing is left"
    assert [type(event) for event in told(theatre, upload)] == [
        UploadBegun,
        PartAdded,
        PartAdded,
        PartAdded,
        UploadEnded,
    ]
    assert told(theatre, upload)[-1] == UploadEnded(upload=upload, state=UploadState.COMPLETED, keys=1, file=stored.id)
    facts = told(theatre, stored.id)
    assert isinstance(facts[0], FileUploaded)
    assert facts[0].expires is not None
    assert stored.expires_at is not None
    assert instant_text(facts[0].expires) == instant_text(stored.expires_at)


@pytest.mark.parametrize(
    ("size", "choose", "md5", "code"),
    [
        (5, (0,), None, "upload_size_differs"),
        (6, (0, 0), None, "parts_unknown"),
        (6, (0, 1), "0" * 32, "checksum_differs"),
    ],
)
def test_what_does_not_fit_together_becomes_no_file_and_may_be_mended(
    platform: Platform, size: int, choose: tuple[int, ...], md5: str | None, code: str
) -> None:
    upload = begun(platform, size)
    parts = [added(platform, upload, b"abc"), added(platform, upload, b"def")]
    with pytest.raises(Malformed) as caught:
        uploads.complete(platform, ANN, upload, [parts[one] for one in choose], md5)
    assert caught.value.code == code
    assert stored_upload(platform, upload).state is UploadState.PENDING
    uploads.cancel(platform, ANN, upload)


def test_an_upload_that_is_cancelled_leaves_no_byte_and_no_key(theatre: Theatre, platform: Platform) -> None:
    before, upload = on_the_disk(theatre), begun(platform, 6)
    part = added(platform, upload, b"abcdef")
    digest = stored_upload(platform, upload).parts[0].digest
    with of_no_use_afterwards(theatre, before, digest):
        uploads.cancel(platform, ANN, upload)
    for attempt in (
        lambda: uploads.complete(platform, ANN, upload, [part]),
        lambda: uploads.cancel(platform, ANN, upload),
        lambda: added(platform, upload, b"x"),
    ):
        with pytest.raises(IllegalTransition):
            attempt()


def test_what_is_not_taken_takes_no_room(theatre: Theatre, platform: Platform) -> None:
    upload = begun(platform, 2)
    before = on_the_disk(theatre)
    for wrong in (b"", b"abcde"):
        with pytest.raises(Malformed):
            added(platform, upload, wrong)
    assert on_the_disk(theatre) == before
    uploads.cancel(platform, ANN, upload)


def test_an_upload_that_is_forgotten_is_collected_after_an_hour_by_the_worker_alone(
    theatre: Theatre, platform: Platform
) -> None:
    before, upload = on_the_disk(theatre), begun(platform, 6)
    added(platform, upload, b"abc")
    assert upload not in discarding.overdue(platform).uploads
    discarding.collect(platform, WORKER, upload)
    assert stored_upload(platform, upload).state is UploadState.PENDING, "its time is not over"
    then = later(platform, UPLOAD_LASTS)
    assert discarding.overdue(then).uploads == [upload]
    with pytest.raises(Refused):
        discarding.collect(then, ANN, upload)
    for _ in range(2):  # two workers may try
        discarding.collect(then, WORKER, upload)
    assert on_the_disk(theatre) == before
    ends = [event for event in told(theatre, upload) if isinstance(event, UploadEnded)]
    assert ends == [UploadEnded(upload=upload, state=UploadState.EXPIRED, keys=1, file=None)]
    assert discarding.overdue(then).uploads == []


def test_only_who_began_an_upload_goes_on_with_it_and_to_others_it_is_not_there(platform: Platform) -> None:
    upload = begun(platform, 3)
    for who in (DANA, BOB, OTTO):
        for attempt in (
            lambda who=who: uploads.add_part(platform, who, upload, BytesIO(b"abc"), 3),
            lambda who=who: uploads.complete(platform, who, upload, []),
            lambda who=who: uploads.cancel(platform, who, upload),
        ):
            with pytest.raises(NotFound) as caught:
                attempt()
            assert caught.value.code == "upload_not_found"
    uploads.cancel(platform, ANN, upload)


def test_who_may_read_the_upload_of_somebody_else_still_does_not_go_on_with_it(platform: Platform) -> None:
    upload = begun(platform, 3)
    allow = Decision(allowed=True, because="test")
    open_house = replace(
        platform,
        access=lambda who, what, thing: allow if what is Action.READ_FILE else platform.access(who, what, thing),
    )
    for attempt in (
        lambda: uploads.add_part(open_house, DANA, upload, BytesIO(b"abc"), 3),
        lambda: uploads.cancel(open_house, DANA, upload),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert stored_upload(platform, upload).parts == ()
    uploads.cancel(platform, ANN, upload)


def test_nobody_has_more_than_so_many_under_way(platform: Platform) -> None:
    under_way = [begun(platform, 3, who=DANA) for _ in range(MOST_PENDING)]
    with pytest.raises(Refused) as caught:
        begun(platform, 3, who=DANA)
    assert caught.value.code == "uploads_pending"
    uploads.cancel(platform, DANA, under_way[0])
    for upload in [*under_way[1:], begun(platform, 3, who=DANA)]:
        uploads.cancel(platform, DANA, upload)


def test_who_uploaded_a_file_gets_it_back_with_an_entry_and_nobody_else_does(
    theatre: Theatre, platform: Platform
) -> None:
    file = uploaded(platform, b"note\nfell\n")
    assert read(platform, ANN, file) == b"note\nfell\n"
    assert told(theatre, file)[-1] == FileTaken(file=file)
    for who in (DANA, BOB, OTTO, PIA):
        with pytest.raises(NotFound):
            files.take(platform, who, file)


def test_what_became_a_dataset_version_is_given_back_to_nobody(theatre: Theatre, props: Props) -> None:
    dataset = theatre.must("max", "GET", f"/v1/datasets/{props.dataset()}")
    answer = theatre.ask("max", "GET", f"/v1/files/{dataset['versions'][0]['file_id']}/content")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "content_gone")


def test_a_deleted_file_is_nowhere_any_more_and_its_name_is_forgotten(
    theatre: Theatre, platform: Platform, props: Props
) -> None:
    dataset, before = DatasetId(props.dataset()), on_the_disk(theatre)
    file = uploaded(platform, b"a secret of Mr Okonkwo")
    with pytest.raises(NotFound):
        discarding.delete(platform, DANA, file)
    with of_no_use_afterwards(theatre, before, files.get(platform, ANN, file).digest):
        discarding.delete(platform, ANN, file)
    assert told(theatre, file)[-1] == FileDeleted(file=file, keys=1)
    assert file not in {one.id for one in files.listed(platform, ANN)}
    for attempt in (
        lambda: files.get(platform, ANN, file),
        lambda: files.take(platform, ANN, file),
        lambda: discarding.delete(platform, ANN, file),
        lambda: datasets.add_version(platform, DANA, dataset, file),
    ):
        with pytest.raises(NotFound):
            attempt()
    with platform.view() as view:
        assert view.files.get(file).filename == ""


def test_a_legal_hold_keeps_a_file_from_being_deleted_and_from_expiring(platform: Platform) -> None:
    file = uploaded(platform, b"kept", lifetime=3600)
    hold, _ = retention.place_hold(platform, PIA, file, None)
    with pytest.raises(Refused) as caught:
        discarding.delete(platform, ANN, file)
    assert (caught.value.code, caught.value.rule) == ("legal_hold_on_file", "anyone/delete-file/legal-hold")
    then = later(platform, HOUR)
    assert file not in discarding.overdue(then).files
    discarding.expire(then, WORKER, file)
    assert read(platform, ANN, file) == b"kept"
    retention.release_hold(platform, PIA, hold)
    assert file in discarding.overdue(then).files
    discarding.expire(then, WORKER, file)


def test_a_file_whose_time_is_over_is_given_to_nobody_and_then_destroyed(theatre: Theatre, platform: Platform) -> None:
    before, file = on_the_disk(theatre), uploaded(platform, b"a day", lifetime=3600)
    assert discarding.overdue(platform).files == []
    discarding.expire(platform, WORKER, file)
    assert read(platform, ANN, file) == b"a day", "its time is not over"
    then = later(platform, HOUR)
    for attempt in (lambda: files.get(then, ANN, file), lambda: files.take(then, ANN, file)):
        with pytest.raises(NotFound):
            attempt()
    assert file not in {one.id for one in files.listed(then, ANN)}
    with pytest.raises(Refused):
        discarding.expire(then, ANN, file)
    assert file in discarding.overdue(then).files
    for _ in range(2):
        discarding.expire(then, WORKER, file)
    assert on_the_disk(theatre) == before
    ends = [event for event in told(theatre, file) if not isinstance(event, ActionRefused)][-1]
    assert ends == FileExpired(file=file, keys=1)
    assert file not in discarding.overdue(then).files


def test_the_worker_looks_once_a_minute(theatre: Theatre) -> None:
    file = uploaded(theatre.platform, b"worked off", lifetime=3600)
    behind = replace(theatre, platform=later(theatre.platform, 2 * HOUR))
    behind.work()
    assert told(theatre, file)[-1] == FileExpired(file=file, keys=1)
    again = uploaded(theatre.platform, b"worked off later", lifetime=3600)
    behind.work()
    assert isinstance(told(theatre, again)[-1], FileUploaded), "within the minute nobody looks"


@pytest.mark.parametrize("seconds", [1, 10**9, 0, -(10**30), 10**30])
def test_a_lifetime_out_of_range_is_refused_and_nothing_is_stored(
    theatre: Theatre, platform: Platform, seconds: int
) -> None:
    before = on_the_disk(theatre)
    for attempt in (
        lambda: uploaded(platform, b"x", lifetime=seconds),
        lambda: begun(platform, 3, lifetime=seconds),
    ):
        with pytest.raises(Malformed) as caught:
            attempt()
        assert caught.value.param == "expires_after.seconds"
    assert on_the_disk(theatre) == before


@pytest.mark.parametrize("action", [Action.TAKE_FILE, Action.DELETE_FILE])
def test_a_house_may_let_people_see_their_uploads_and_neither_take_them_back_nor_delete_them(
    theatre: Theatre, platform: Platform, action: Action
) -> None:
    file = uploaded(platform, b"stays here")
    deny = Decision(allowed=False, because="no-rule-allows")
    strict = replace(
        platform, access=lambda who, what, thing: deny if what is action else platform.access(who, what, thing)
    )
    assert files.get(strict, ANN, file).size == len(b"stays here")
    deed = files.take if action is Action.TAKE_FILE else discarding.delete
    with pytest.raises(Refused):
        deed(strict, ANN, file)
    last = told(theatre, file)[-1]
    assert last == ActionRefused(action=action, resource=file, code="access_denied", rule="no-rule-allows")
    assert read(platform, ANN, file) == b"stays here"
