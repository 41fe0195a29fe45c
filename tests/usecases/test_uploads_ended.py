"""The end of uploads where something comes in between: other attempts, legal holds, a policy that forbids it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from structlog.testing import capture_logs
from tests.conftest import ADA, ANN, BOB, DANA, PIA, WORKER, Stage
from tests.journeys.script import DATASET, PERSONS, Props
from tests.journeys.theatre import MAX, Theatre, in_folder
from tests.usecases.test_uploads import HOUR, added, begun, later, on_the_disk, read, stored_upload, told, uploaded

from tunewarden.domain.datasets import Columns
from tunewarden.domain.errors import IllegalTransition, InFlight, NotFound, Refused, TunewardenError
from tunewarden.domain.events import ActionRefused
from tunewarden.domain.file_events import FileExpired, UploadEnded
from tunewarden.domain.files import MOST_PENDING, UPLOAD_LASTS, UploadState, file_of
from tunewarden.domain.names import Action, DatasetId, Digest, FileId, PrincipalId
from tunewarden.drivers.sealed_rows import RowsIntoBlobs
from tunewarden.usecases import archiving, datasets, destroying, discarding, files, projects, retention, uploads
from tunewarden.usecases.custody import version_key
from tunewarden.usecases.ports import Blobs, Decision, Ingested, Platform, UnitOfWork


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("ended") / "home")
    yield made
    made.close()


@pytest.fixture
def platform(theatre: Theatre) -> Platform:
    return theatre.platform


def just_before_it_is_written(platform: Platform, deed: Callable[[], object]) -> Platform:
    """The first unit of work waits until somebody else has done this."""
    waiting = [deed]

    def work(actor: PrincipalId) -> UnitOfWork:
        while waiting:
            waiting.pop()()
        return platform.work(actor)

    return replace(platform, work=work)


def is_destroyed(platform: Platform, file: FileId) -> bool:
    assert platform.rows is not None
    with suppress(Refused):
        platform.rows.upload(file).put_bytes(b"once more")
        return False
    return True


def test_a_file_that_became_a_version_under_a_hold_is_given_to_nobody_and_goes_with_the_dataset(
    theatre: Theatre, platform: Platform
) -> None:
    props = Props(theatre=theatre)
    file = FileId(theatre.upload("max", props.records()))
    hold, _ = retention.place_hold(platform, PIA, file, None)
    dataset = DatasetId(theatre.must("max", "POST", "/v1/datasets", json=DATASET)["id"])
    props.version(dataset, file)
    retention.release_hold(platform, PIA, hold)
    with pytest.raises(NotFound) as caught:
        files.take(platform, MAX, file)
    assert caught.value.code == "content_gone"
    assert not is_destroyed(platform, file)
    destroying.destroy(later(platform, timedelta(days=99_999)), WORKER, dataset)
    assert is_destroyed(platform, file)


def test_it_is_given_to_nobody_either_where_there_are_no_data_keys(stage: Stage) -> None:
    version = stage.dataset().versions[0]
    with pytest.raises(NotFound) as caught:
        files.take(stage.platform, DANA, version.file)
    assert caught.value.code == "content_gone"


def test_what_is_gone_is_not_given_because_somebody_else_has_the_same(platform: Platform) -> None:
    file, other = uploaded(platform, b"the same"), uploaded(platform, b"the same", who=DANA)
    files.discard(platform, file, files.get(platform, ANN, file).digest)
    with pytest.raises(NotFound) as caught:
        files.take(platform, ANN, file)
    assert caught.value.code == "content_gone"
    assert read(platform, DANA, other) == b"the same"


def test_an_upload_that_is_cancelled_while_it_is_completed_leaves_no_file_and_no_key(
    theatre: Theatre, platform: Platform
) -> None:
    before, upload = on_the_disk(theatre), begun(platform, 3)
    part = added(platform, upload, b"abc")
    disturbed = just_before_it_is_written(platform, lambda: uploads.cancel(platform, ANN, upload))
    with pytest.raises(IllegalTransition):
        uploads.complete(disturbed, ANN, upload, [part])
    assert on_the_disk(theatre) == before
    assert is_destroyed(platform, file_of(upload))
    ends = [one for one in told(theatre, upload) if isinstance(one, UploadEnded)]
    assert ends == [UploadEnded(upload=upload, state=UploadState.CANCELLED, keys=2, file=None)]


def test_a_part_that_comes_when_the_upload_is_over_leaves_nothing(theatre: Theatre, platform: Platform) -> None:
    before, upload = on_the_disk(theatre), begun(platform, 3)
    disturbed = just_before_it_is_written(platform, lambda: uploads.cancel(platform, ANN, upload))
    with pytest.raises(TunewardenError):
        added(disturbed, upload, b"abc")
    assert on_the_disk(theatre) == before


@pytest.mark.parametrize("end", ["its file is deleted", "the dataset is retired"])
def test_records_that_become_no_version_leave_no_row_that_can_be_read(
    theatre: Theatre, platform: Platform, end: str
) -> None:
    """No version names their key, so no erasure of the dataset and no end of its retention would come to them."""
    dataset, file = empty_dataset(theatre), FileId(theatre.upload("max", Props(theatre=theatre).records(end)))
    sealed = []

    def read_and_then(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
        found = platform.ingest(blobs, digest, filename, columns)
        assert isinstance(blobs, RowsIntoBlobs)
        sealed.append(blobs.sealed)
        assert rows_of(platform, dataset, digest, blobs.sealed) == PERSONS
        if end == "its file is deleted":
            discarding.delete(platform, MAX, file)
        else:
            datasets.retire(platform, MAX, dataset)
        return found

    source = files.get(platform, MAX, file).digest
    with pytest.raises((NotFound, Refused)):
        datasets.add_version(replace(platform, ingest=read_and_then), MAX, dataset, file)
    with pytest.raises(NotFound):
        rows_of(platform, dataset, source, sealed[0])


def test_a_version_that_is_there_keeps_its_rows_when_somebody_is_refused_to_add_it_again(
    theatre: Theatre, platform: Platform
) -> None:
    props = Props(theatre=theatre)
    dataset, file = empty_dataset(theatre), theatre.upload("max", props.records("kept"))
    props.version(dataset, file)
    version = datasets.get(platform, MAX, dataset).latest()
    datasets.retire(platform, MAX, dataset)
    with pytest.raises(Refused):
        datasets.add_version(platform, MAX, dataset, FileId(file))
    assert version.sealed is not None
    assert rows_of(platform, dataset, version.source, version.sealed) == PERSONS


def test_who_is_refused_for_a_reason_of_their_own_takes_no_rows_from_who_reads_the_same(
    theatre: Theatre, platform: Platform
) -> None:
    """Theirs are the same rows. The one that would have committed is told to come again, and the upload is there."""
    dataset, file = empty_dataset(theatre), FileId(theatre.upload("max", Props(theatre=theatre).records("two at once")))
    revoked: list[Refused] = []

    def work(actor: PrincipalId) -> UnitOfWork:
        while revoked:
            raise revoked.pop()
        return platform.work(actor)

    def read_and_be_revoked(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
        found = platform.ingest(blobs, digest, filename, columns)
        revoked.append(Refused("principal_revoked", "Your key was revoked while this was under way."))
        return found

    def read_with_another(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
        found = platform.ingest(blobs, digest, filename, columns)
        with pytest.raises(Refused):
            datasets.add_version(replace(platform, ingest=read_and_be_revoked, work=work), MAX, dataset, file)
        return found

    with pytest.raises(InFlight):
        datasets.add_version(replace(platform, ingest=read_with_another), MAX, dataset, file)
    assert not datasets.get(platform, MAX, dataset).versions
    version = datasets.add_version(platform, MAX, dataset, file)[0].latest()
    assert version.sealed is not None
    assert rows_of(platform, dataset, version.source, version.sealed) == PERSONS


def empty_dataset(theatre: Theatre) -> DatasetId:
    return DatasetId(theatre.must("max", "POST", "/v1/datasets", json=DATASET)["id"])


def rows_of(platform: Platform, dataset: DatasetId, source: Digest, sealed: Digest) -> int:
    """How many of the rows that were sealed can be read. Raises `NotFound` where they are there no more."""
    assert platform.rows is not None
    return sum(line is not None for line in platform.rows.lines(dataset, version_key(source), sealed))


def test_a_file_that_nothing_says_is_there_leaves_nothing(theatre: Theatre, platform: Platform) -> None:
    def fails() -> None:
        raise TimeoutError

    before = on_the_disk(theatre)
    with pytest.raises(TimeoutError):
        uploaded(just_before_it_is_written(platform, fails), b"nobody's")
    assert on_the_disk(theatre) == before


def test_nothing_is_stored_in_a_project_that_was_archived(theatre: Theatre, platform: Platform) -> None:
    project, _ = projects.create(platform, ADA, "burns")
    max_ = replace(MAX, within=project.id)
    upload = begun(platform, 3, who=max_)
    part = uploads.add_part(platform, max_, upload, BytesIO(b"abc"), 3)[0].id
    archiving.archive(platform, ADA, project.id)
    before = on_the_disk(theatre)
    for attempt in (
        lambda: uploaded(platform, b"abc", who=max_),
        lambda: uploads.complete(platform, max_, upload, [part]),
    ):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.code == "project_archived"
    assert on_the_disk(theatre) == before
    uploads.cancel(platform, max_, upload)


def test_completing_again_gives_the_same_answer_also_while_the_first_is_at_it(
    theatre: Theatre, platform: Platform
) -> None:
    before, upload = on_the_disk(theatre), begun(platform, 3)
    part = added(platform, upload, b"abc")
    disturbed = just_before_it_is_written(platform, lambda: uploads.complete(platform, ANN, upload, [part]))
    second = uploads.complete(disturbed, ANN, upload, [part])
    assert second == uploads.complete(platform, ANN, upload, [part])
    ended, stored, receipt = second
    assert (ended.state, ended.file) == (UploadState.COMPLETED, stored.id)
    with platform.view() as view:
        entry = next(iter(view.entries(receipt.index)))
    assert isinstance(entry.event, UploadEnded)
    assert len([one for one in told(theatre, upload) if isinstance(one, UploadEnded)]) == 1
    assert read(platform, ANN, stored.id) == b"abc"
    assert len(on_the_disk(theatre) - before) == 1
    discarding.delete(platform, ANN, stored.id)
    with pytest.raises(IllegalTransition):
        uploads.complete(platform, ANN, upload, [part])


def test_the_receipt_of_a_repeated_answer_is_the_first_one(platform: Platform) -> None:
    upload = begun(platform, 3)
    part = added(platform, upload, b"abc")
    first, again = (uploads.complete(platform, ANN, upload, [part]) for _ in range(2))
    assert (again[0], again[1].id, again[2]) == (first[0], first[1].id, first[2])


def test_a_legal_hold_on_an_upload_keeps_its_parts_and_then_the_file(platform: Platform) -> None:
    upload, given_up = begun(platform, 3), begun(platform, 3)
    parts = [added(platform, upload, b"abc"), added(platform, upload, b"xyz")]
    added(platform, given_up, b"abc")
    holds = [retention.place_hold(platform, PIA, one, None)[0] for one in (upload, given_up)]
    for attempt in (
        lambda: uploads.cancel(platform, ANN, upload),
        lambda: uploads.complete(platform, ANN, upload, parts[:1]),
    ):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.code == "legal_hold_on_file"
    then = later(platform, UPLOAD_LASTS)
    assert given_up not in discarding.overdue(then).uploads
    discarding.collect(then, WORKER, given_up)
    assert stored_upload(platform, given_up).state is UploadState.PENDING
    retention.release_hold(platform, PIA, holds[1])
    discarding.collect(then, WORKER, given_up)
    whole = begun(platform, 3)
    part = added(platform, whole, b"abc")
    hold, _ = retention.place_hold(platform, PIA, whole, None)
    file = uploads.complete(platform, ANN, whole, [part])[1].id
    with pytest.raises(Refused) as caught:
        discarding.delete(platform, ANN, file)
    assert (caught.value.code, caught.value.rule) == ("legal_hold_on_file", "anyone/delete-file/legal-hold")
    retention.release_hold(platform, PIA, hold)
    discarding.delete(platform, ANN, file)
    retention.release_hold(platform, PIA, holds[0])
    uploads.cancel(platform, ANN, upload)


def test_a_hold_that_is_placed_while_the_worker_sweeps_keeps_what_it_is_on(platform: Platform) -> None:
    held, other = uploaded(platform, b"held", lifetime=3600), uploaded(platform, b"other", lifetime=3600)
    then = later(platform, HOUR)
    found = discarding.overdue(then)
    assert {held, other} <= set(found.files)
    hold, _ = retention.place_hold(platform, PIA, held, None)
    for file in (other, held):
        discarding.expire(then, WORKER, file, found.seen)
    with platform.view() as view:
        assert [view.files.get(one).deleted for one in (held, other)] == [False, True]
    retention.release_hold(platform, PIA, hold)
    discarding.expire(then, WORKER, held, found.seen)


def test_where_the_policy_lets_no_worker_discard_the_log_does_not_fill(theatre: Theatre) -> None:
    overdue = [uploaded(theatre.platform, b"worked off", lifetime=3600) for _ in range(2)]
    deny = Decision(allowed=False, because="no-rule-allows")
    allows = theatre.platform.access
    then = later(theatre.platform, 2 * HOUR)
    strict = replace(then, access=lambda who, what, on: deny if what is Action.EXPIRE_FILE else allows(who, what, on))
    size = len(theatre.entries())
    with capture_logs() as logs:
        replace(theatre, platform=strict).work()
    assert len(theatre.entries()) == size
    assert [one["overdue"] for one in logs if one["event"] == "discarding_not_allowed"] == [2]
    replace(theatre, platform=later(theatre.platform, 3 * HOUR)).work()
    assert [told(theatre, file)[-1] for file in overdue] == [FileExpired(file=file, keys=1) for file in overdue]


def test_who_begins_several_at_once_has_no_more_under_way_either(platform: Platform) -> None:
    under_way = [begun(platform, 3, who=DANA) for _ in range(MOST_PENDING - 1)]
    disturbed = just_before_it_is_written(platform, lambda: under_way.append(begun(platform, 3, who=DANA)))
    with pytest.raises(Refused) as caught:
        begun(disturbed, 3, who=DANA)
    assert caught.value.code == "uploads_pending"
    for upload in under_way:
        uploads.cancel(platform, DANA, upload)


def test_of_who_tried_at_the_upload_of_somebody_else_the_log_tells_which(theatre: Theatre, platform: Platform) -> None:
    upload = begun(platform, 3)
    allow = Decision(allowed=True, because="test")
    open_house = replace(
        platform,
        access=lambda who, what, on: allow if what is Action.READ_FILE else platform.access(who, what, on),
    )
    for house in (platform, open_house):
        size = len(told(theatre, upload))
        with pytest.raises(NotFound):
            uploads.cancel(house, BOB, upload)
        last = told(theatre, upload)[size:]
        assert [type(one) for one in last] == [ActionRefused]
        assert isinstance(last[0], ActionRefused)
        assert (last[0].resource, last[0].code) == (upload, "access_denied")
    uploads.cancel(platform, ANN, upload)
