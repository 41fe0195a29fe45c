"""What is left of a person's raw rows, and of a dataset, for somebody with copies of every folder and the database."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.script import DATASET, Props
from tests.journeys.test_the_erasure import PERSONS, TABLE, WHO, job, tiles
from tests.journeys.theatre import CAST, PIA, Theatre, in_folder
from tests.steps.deidentify.test_step import LITTLE, PATTERNS

from tunewarden.domain.canonical import digest_bytes, encode, to_plain
from tunewarden.domain.datasets import DatasetVersion
from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.events import DatasetRetired, KeyCreated, PersonErased, StepFailed, StepFinished
from tunewarden.domain.key_events import KeyPurpose, VersionDestroyed
from tunewarden.domain.names import DatasetId, Digest, PrincipalId
from tunewarden.domain.training import StepName
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.sealed_rows import SealedRows, handles_key
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry import key_files, key_rotation
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import OpenBlobs
from tunewarden.steps.deidentify.progress import Tell, tell_nobody
from tunewarden.steps.deidentify.scale import Compute
from tunewarden.steps.deidentify.step import DeidentifyStep
from tunewarden.steps.records import read_manifest, read_records
from tunewarden.usecases import retention
from tunewarden.usecases.custody import version_key
from tunewarden_audit.__main__ import main

TWO = (0, 24)
"""The rows of `WHO` in `TABLE`."""


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    """With a step that really reads records."""
    made = in_folder(tmp_path / "home")
    platform = made.platform
    with platform.work(PrincipalId("operator")) as work:
        for principal in CAST.values():
            work.principals.put(principal)
            work.record(KeyCreated(principal=principal.id, roles=tuple(sorted(principal.roles))))
        work.commit()
    policies: Any = platform.policies
    policies.profiles["default"] = encode(to_plain(PATTERNS))
    policies.gates["training"] = replace(policies.gates["training"], rules=(policies.gates["training"].rules[0],))
    steps: Any = {**made.steps, StepName.DEIDENTIFY: step(made)}
    yield replace(made, steps=steps)
    made.close()


def step(made: Theatre, tell: Tell = tell_nobody, compute: Compute | None = None) -> DeidentifyStep:
    settings = made.settings
    return DeidentifyStep(
        made.platform.blobs,
        key_files.secret(settings, key_files.TENANT),
        vault=SqlVault(connect(settings.database), key_files.master(settings, key_files.VAULT)),
        scratch=settings.scratch_directory.absolute(),
        open_blobs=OpenBlobs(settings.blob_directory.absolute(), settings.blob_key.absolute()),
        rows=made.platform.rows,
        effort=LITTLE,
        tell=tell,
        compute=compute or Compute(),
    )


def dataset_of(theatre: Theatre) -> tuple[DatasetId, DatasetVersion, str]:
    """A dataset with one version of `TABLE`, and the upload it was."""
    props = Props(theatre=theatre)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    file = theatre.upload("max", TABLE)
    props.version(dataset, file)
    return DatasetId(dataset), version_of(theatre, dataset), file


def version_of(theatre: Theatre, dataset: str) -> DatasetVersion:
    with theatre.platform.view() as view:
        return view.datasets.get(DatasetId(dataset)).latest()


def erase(theatre: Theatre, dataset: str, person: str = WHO) -> None:
    theatre.must("pia", "POST", f"/v1/datasets/{dataset}/erasures", json={"person": person})
    theatre.work()


def reader(blobs: Path, database: str, keys: Settings) -> tuple[DirectoryBlobs, SealedRows]:
    """Somebody with these folders, this database and these key files, and the code of the platform."""
    blob_key = key_files.secret(keys, key_files.BLOBS)
    vault = SqlVault(connect(database), key_files.master(keys, key_files.MASTER))
    store = DirectoryBlobs(blobs, blob_key, vault)
    return store, SealedRows(store, vault, handles_key(blob_key))


def lines(rows: SealedRows, dataset: DatasetId, version: DatasetVersion) -> list[bytes | None]:
    assert version.sealed is not None
    return list(rows.lines(dataset, version_key(version.source), version.sealed))


def clean_version(theatre: Theatre) -> Digest:
    outputs = [one.event.output for one in theatre.entries() if isinstance(one.event, StepFinished)]
    return outputs[0]


def test_the_raw_rows_of_who_is_erased_are_read_from_no_copy_and_everybody_elses_are(
    theatre: Theatre, tmp_path: Path
) -> None:
    """Copies of all folders and the database are made before the erasure; the key files are where they always were."""
    dataset, version, _ = dataset_of(theatre)
    settings, copy = theatre.settings, tmp_path / "copy"
    shutil.copytree(settings.home, copy, ignore=shutil.ignore_patterns("keys"))
    before = lines(reader(copy / "blobs", settings.database, settings)[1], dataset, version)
    assert len(before) == 25
    assert all(line is not None for line in before)
    erase(theatre, dataset)
    told = [one.event for one in theatre.entries() if isinstance(one.event, PersonErased)]
    assert [(one.keys, one.raw) for one in told] == [(0, 1)], "no release was made of them so far"

    # The copied folders, with the vault as it is now.
    _, rows = reader(copy / "blobs", settings.database, settings)
    left = lines(rows, dataset, version)
    assert left == [None if place in TWO else line for place, line in enumerate(before)]
    # The copied folders and the copied database: its wrapped keys open, until the master keys are rotated.
    old = f"sqlite:///{copy / 'tunewarden.db'}"
    assert lines(reader(copy / "blobs", old, settings)[1], dataset, version) == before
    for purpose in map(KeyPurpose, key_files.RINGS):
        key_rotation.rotate(settings, purpose)
    with pytest.raises(Corrupted):
        lines(reader(copy / "blobs", old, settings)[1], dataset, version)
    assert lines(reader(settings.home / "blobs", settings.database, settings)[1], dataset, version) == left


def test_an_upload_that_became_a_version_can_be_read_by_nobody(theatre: Theatre, tmp_path: Path) -> None:
    settings, copy = theatre.settings, tmp_path / "copy"
    file = theatre.upload("max", TABLE)
    digest = digest_bytes(TABLE)
    assert theatre.platform.blobs.read(digest) == TABLE
    shutil.copytree(settings.home / "blobs", copy)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    Props(theatre=theatre).version(dataset, file)
    with pytest.raises(NotFound) as caught:
        theatre.platform.blobs.read(digest)
    assert caught.value.code == "blob_not_found", "the file was taken away"
    with pytest.raises(NotFound) as caught:
        reader(copy, settings.database, settings)[0].read(digest)
    assert caught.value.code == "blob_destroyed", "and its copies are unreadable"
    assert theatre.must("max", "GET", f"/v1/files/{file}")["bytes"] == len(TABLE), "what it was is still known"


def test_an_upload_that_a_legal_hold_keeps_goes_with_the_first_erasure_after_that(theatre: Theatre) -> None:
    file = theatre.upload("max", TABLE)
    hold, _ = retention.place_hold(theatre.platform, PIA, file, None)
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    Props(theatre=theatre).version(dataset, file)
    assert theatre.platform.blobs.read(digest_bytes(TABLE)) == TABLE
    retention.release_hold(theatre.platform, PIA, hold)
    erase(theatre, dataset, "somebody else")
    with pytest.raises(NotFound) as caught:
        theatre.platform.blobs.read(digest_bytes(TABLE))
    assert caught.value.code == "blob_destroyed"


def test_naming_an_upload_again_changes_nothing_and_for_another_dataset_it_is_refused(theatre: Theatre) -> None:
    dataset, version, file = dataset_of(theatre)
    Props(theatre=theatre).version(dataset, file)
    assert version_of(theatre, dataset) == version
    other = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    answer = theatre.ask("max", "POST", f"/v1/datasets/{other}/versions", json={"file_id": file})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "already_registered")


def test_an_upload_that_could_not_be_read_is_still_there(theatre: Theatre) -> None:
    file = theatre.upload("max", TABLE)
    wrong = {**DATASET, "columns": {**DATASET["columns"], "text": "remark"}}
    dataset = theatre.must("dana", "POST", "/v1/datasets", json=wrong)["id"]
    answer = theatre.ask("max", "POST", f"/v1/datasets/{dataset}/versions", json={"file_id": file})
    assert answer.status_code == 422
    right = theatre.must("dana", "POST", "/v1/datasets", json=DATASET)["id"]
    Props(theatre=theatre).version(right, file)


def test_the_same_upload_again_is_a_version_with_the_same_digests(theatre: Theatre) -> None:
    dataset, version, _ = dataset_of(theatre)
    Props(theatre=theatre).version(dataset, theatre.upload("max", TABLE))
    again = version_of(theatre, dataset)
    assert (again.digest, again.sealed) == (version.digest, version.sealed)


def test_the_step_reads_rows_and_leaves_no_copy_of_them(theatre: Theatre) -> None:
    dataset, version, _ = dataset_of(theatre)
    erase(theatre, dataset, PERSONS[3])
    job(theatre, Props(theatre=theatre), dataset)
    theatre.work()
    manifest = read_manifest(theatre.platform.blobs, clean_version(theatre))
    assert (manifest.source, manifest.rows, manifest.erased) == (version.digest, 24, 1)
    assert len(list(read_records(theatre.platform.blobs, manifest))) == 24
    files = [path.name for path in (theatre.settings.home / "blobs").rglob("*") if path.is_file()]
    assert not any(name.startswith(version.digest[7:]) for name in files), "the plain lines are in no blob"
    headers = [path.read_bytes()[:80] for path in (theatre.settings.home / "blobs").rglob("*") if path.is_file()]
    assert not any(b"fleeting" in header for header in headers)
    clean = [name for name in files if name.startswith(manifest.records[7:])]
    assert [("." in name) for name in clean] == [True], "sealed under the version's key, and nowhere else"


def test_nothing_of_a_row_is_on_the_disk_in_plain_while_the_step_reads_it(theatre: Theatre) -> None:
    looked = list[list[str]]()

    def look(_: object) -> None:
        files = [path for path in theatre.settings.home.rglob("*") if path.is_file()]
        looked.append([path.name for path in files if any(word in path.read_bytes() for word in (b"burnt", b"Quackf"))])

    theatre = replace(theatre, steps={**theatre.steps, StepName.DEIDENTIFY: step(theatre, look)})
    dataset, _, _ = dataset_of(theatre)
    job(theatre, Props(theatre=theatre), dataset)
    theatre.work()
    look(None)
    assert len(looked) > 2, "it was looked while the step was under way"
    assert not any(looked)


def test_a_dataset_whose_retention_ended_is_read_by_nobody(
    theatre: Theatre, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, version, _ = dataset_of(theatre)
    job(theatre, Props(theatre=theatre), dataset)
    theatre.work()
    settings, copy = theatre.settings, tmp_path / "copy"
    shutil.copytree(settings.home / "blobs", copy)
    clean = clean_version(theatre)
    with theatre.platform.view() as view:
        ends = view.datasets.get(dataset).retain_until
    now = theatre.platform.clock()
    last_day = now + (ends - now.date())
    for clock, is_over in ((last_day, False), (last_day + timedelta(days=1), True)):
        later = replace(theatre, platform=replace(theatre.platform, clock=lambda clock=clock: clock))
        later.work()
        assert version_of(theatre, dataset).destroyed == is_over
    told = [one.event for one in theatre.entries() if isinstance(one.event, VersionDestroyed)]
    assert told == [VersionDestroyed(dataset=dataset, version=version.digest)], "once"
    for folder in (settings.home / "blobs", copy):
        blobs, rows = reader(folder, settings.database, settings)
        manifest = read_manifest(blobs, clean)
        with pytest.raises(NotFound) as raw:
            lines(rows, dataset, version)
        with pytest.raises(NotFound) as released:
            list(read_records(blobs, manifest))
        assert raw.value.code == released.value.code == "blob_destroyed"
    theatre.seal()
    vkey = settings.log_vkey.read_text().strip()
    main(["conduct", str(tiles(theatre, tmp_path)), "--key", vkey])
    said = capsys.readouterr().out
    assert "VersionDestroyed" not in said, "the auditor has nothing to say against it"


def test_a_legal_hold_keeps_what_retention_would_end(theatre: Theatre) -> None:
    dataset, _, _ = dataset_of(theatre)
    hold, _ = retention.place_hold(theatre.platform, PIA, dataset, None)
    now = theatre.platform.clock()
    later = replace(theatre, platform=replace(theatre.platform, clock=lambda: now + timedelta(days=99_999)))
    later.work()
    assert not version_of(theatre, dataset).destroyed
    retention.release_hold(theatre.platform, PIA, hold)
    later.work()
    assert version_of(theatre, dataset).destroyed


def test_another_process_reads_what_it_is_lent_and_nothing_tells_the_keys(theatre: Theatre) -> None:
    """As workers of the step do, without starting any."""
    dataset, version, _ = dataset_of(theatre)
    settings, rows = theatre.settings, theatre.platform.rows
    assert rows is not None
    sealing = rows.version(dataset, version_key(version.source))
    digest = sealing.fleeting().put_bytes(b"raw rows")
    opener = OpenBlobs(settings.blob_directory.absolute(), settings.blob_key.absolute())
    lent = sealing.lend()
    assert opener.lending(lent)().read(digest) == b"raw rows"
    with pytest.raises(NotFound):
        opener().read(digest)
    assert not any(repr(key) in repr(opener.lending(lent)) for key in lent.values())


def test_a_job_reads_no_other_rows_than_those_of_its_version(theatre: Theatre) -> None:
    """Not even where somebody with the keys changes the database: the rows are digested once more."""
    dataset, version, _ = dataset_of(theatre)
    with theatre.platform.work(PrincipalId("operator")) as work:
        known = work.datasets.get(dataset)
        work.datasets.put(replace(known, versions=(replace(version, digest=digest_bytes(b"others")),)))
        work.record(DatasetRetired(dataset=dataset))  # any entry: state never changes without one
        work.commit()
    job(theatre, Props(theatre=theatre), dataset)
    theatre.work()
    told = [one.event.code for one in theatre.entries() if isinstance(one.event, StepFailed)]
    assert set(told) == {"rows_of_another_version"}
