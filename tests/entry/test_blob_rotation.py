"""Rotating the blob key: what it seals is sealed anew, and the key before goes when nothing needs it."""

import json
import os
from io import BytesIO
from pathlib import Path

import pytest
from tests.conftest import digest
from typer.testing import CliRunner

from tunewarden.domain.erasures import Erasure
from tunewarden.domain.errors import Corrupted, Unavailable
from tunewarden.domain.events import ErasureAsked
from tunewarden.domain.key_events import KeyPurpose, MasterKeyRotated
from tunewarden.domain.names import DatasetId, Digest, ErasureId, PrincipalId
from tunewarden.drivers.blobs import DirectoryBlobs
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.entry import blob_rotation, key_files
from tunewarden.entry.cli import app
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import OpenBlobs, build, create_keys
from tunewarden.usecases.ports import Platform

DATASET, KEY = DatasetId("ds-1"), "a" * 64
CONTENTS = [b"", b"verdict", b"weights" * 300_000]  # nothing, little, more than a chunk


class House:
    """A home with some blobs of no dataset, one of a dataset, and rows of a person."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        create_keys(self.settings)
        migrate(self.settings.database)
        platform = self.platform()
        assert platform.rows is not None
        self.blobs = [platform.blobs.put_bytes(content) for content in CONTENTS]
        self.clean = platform.rows.version(DATASET, KEY).put_bytes(b"clean")
        self.handle = platform.rows.handle(DATASET, "p1")

    def platform(self) -> Platform:
        """As a process that begins now."""
        return build(self.settings)

    def blob_keys(self) -> tuple[bytes, ...]:
        return key_files.key_files(self.settings)[key_files.BLOBS].load()

    def under(self, *keys: bytes) -> DirectoryBlobs:
        return DirectoryBlobs(self.settings.blob_directory, lambda: keys)

    def later(self) -> None:
        """Ten minutes have passed since the key file was written."""
        path = self.settings.blob_key
        before = path.stat().st_mtime - blob_rotation.SETTLED_SECONDS
        os.utime(path, (before, before))

    def require_whole(self, platform: Platform) -> None:
        """Everything can be read, and persons are found."""
        assert platform.rows is not None
        assert [platform.blobs.read(each) for each in self.blobs] == CONTENTS
        assert platform.blobs.read(self.clean) == b"clean"
        assert platform.rows.handle(DATASET, "p1") == self.handle


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")


def test_everything_stays_what_it_was_and_the_old_key_opens_nothing_any_more(house: House) -> None:
    (old,) = house.blob_keys()
    began = blob_rotation.begin(house.settings)
    assert (began.blobs, began.total, began.ended) == (len(CONTENTS), len(CONTENTS), False)
    house.require_whole(house.platform())
    for each in house.blobs:
        with pytest.raises(Corrupted):
            house.under(old).read(each)
    house.later()
    assert blob_rotation.end(house.settings) == blob_rotation.Resealed(blobs=0, total=len(CONTENTS), ended=True)
    assert old not in house.blob_keys()
    house.require_whole(house.platform())
    with house.platform().view() as view:
        (said,) = (entry.event for entry in view.entries() if isinstance(entry.event, MasterKeyRotated))
    assert (said.purpose, said.keys) == (KeyPurpose.BLOBS, len(CONTENTS))
    assert said.version.startswith("blobs-")


def test_a_process_that_runs_meanwhile_goes_on_with_the_new_key(house: House) -> None:
    running = house.platform()
    (old,) = house.blob_keys()
    blob_rotation.begin(house.settings)
    house.require_whole(running)
    made = running.blobs.put_bytes(b"made meanwhile")
    envelope = running.envelopes.seal("erasure-1", b"p1")
    house.later()
    assert blob_rotation.end(house.settings).ended
    house.require_whole(running)
    assert running.blobs.read(made) == b"made meanwhile"
    assert house.platform().envelopes.open("erasure-1", envelope) == b"p1"
    opener = OpenBlobs(house.settings.blob_directory, house.settings.blob_key)
    assert opener().read(made) == b"made meanwhile"
    assert old not in house.blob_keys()


def test_a_second_rotation_finds_the_same_persons(house: House) -> None:
    for _ in range(2):
        blob_rotation.begin(house.settings)
        house.later()
        assert blob_rotation.end(house.settings).ended
        house.require_whole(house.platform())


def test_the_old_key_stays_while_somebody_may_still_seal_under_it(house: House) -> None:
    (old,) = house.blob_keys()
    with pytest.raises(Unavailable) as none:
        blob_rotation.end(house.settings)
    assert none.value.code == "rotation_not_begun"
    blob_rotation.begin(house.settings)
    with pytest.raises(Unavailable) as fresh:
        blob_rotation.end(house.settings)
    assert fresh.value.code == "rotation_too_fresh"
    late = house.under(old).put_bytes(b"by a process that did not look")
    house.later()
    assert blob_rotation.end(house.settings) == blob_rotation.Resealed(blobs=1, total=len(CONTENTS) + 1)
    assert old in house.blob_keys()
    assert blob_rotation.end(house.settings).ended
    assert house.platform().blobs.read(late) == b"by a process that did not look"


def test_the_old_key_stays_while_a_person_waits_in_an_envelope(house: House) -> None:
    blob_rotation.begin(house.settings)
    house.later()
    platform = house.platform()
    asked = Erasure(
        id=ErasureId("erasure-1"),
        dataset=DATASET,
        asked_by=PrincipalId("prn-1"),
        asked_at=platform.clock(),
        sealed=platform.envelopes.seal("erasure-1", b"p1"),
    )
    with platform.work(PrincipalId("operator")) as work:
        work.erasures.put(asked)
        work.record(ErasureAsked(erasure=asked.id, dataset=DATASET))
        work.commit()
    with pytest.raises(Unavailable) as waits:
        blob_rotation.end(house.settings)
    assert waits.value.code == "erasures_wait"
    assert len(house.blob_keys()) == 2


@pytest.mark.parametrize("done", range(4))
def test_a_rotation_that_broke_off_is_gone_on_with(house: House, done: int) -> None:
    """With some of the blobs sealed anew; with the new key there and nothing else done, for 0."""
    (old,) = house.blob_keys()
    new = b"n" * 32
    key_files.key_files(house.settings)[key_files.BLOBS].replace([new, old])
    house.require_whole(house.platform())
    both = house.under(new, old)
    for each in house.blobs[:done]:
        both.put(BytesIO(both.read(each)))
    assert blob_rotation.begin(house.settings).blobs == len(CONTENTS) - done
    assert house.blob_keys() == (new, old)
    house.later()
    assert blob_rotation.end(house.settings).ended
    house.require_whole(house.platform())


def test_a_blob_that_no_key_opens_stops_it_and_the_old_key_stays(house: House) -> None:
    (old,) = house.blob_keys()
    damaged: Digest = DirectoryBlobs(house.settings.blob_directory, b"x" * 32).put_bytes(b"of another house")
    with pytest.raises(Corrupted):
        blob_rotation.begin(house.settings)
    assert old in house.blob_keys()
    house.require_whole(house.platform())
    assert damaged != digest("")


def test_who_has_only_a_key_from_before_does_not_begin(house: House) -> None:
    (old,) = house.blob_keys()
    blob_rotation.begin(house.settings)
    key_files.key_files(house.settings)[key_files.BLOBS].replace([old])
    with pytest.raises(Unavailable) as outdated:
        house.platform()
    assert outdated.value.code == "blob_key_outdated"


def test_persons_are_not_looked_for_under_other_handles_where_the_vault_lost_them(house: House) -> None:
    blob_rotation.begin(house.settings)
    with connect(house.settings.database).begin() as connection:
        connection.exec_driver_sql("delete from person_keys where dataset = 'platform'")
    with pytest.raises(Corrupted) as lost:
        house.platform()
    assert lost.value.code == "handles_key_missing"


def test_the_command_says_what_it_did(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWARDEN_HOME", str(house.settings.home))
    first = CliRunner().invoke(app, ["master-keys", "rotate-blobs", "--json"])
    assert json.loads(first.stdout) == {"blobs": 3, "total": 3, "ended": False, "left": False}
    house.later()
    second = CliRunner().invoke(app, ["master-keys", "rotate-blobs", "--finish"])
    assert second.output.splitlines() == [
        "0 of 3 blobs were sealed anew; all are under the newest key",
        "the key before is destroyed",
    ]
