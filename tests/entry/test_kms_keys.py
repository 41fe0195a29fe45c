"""The platform with a key-management service: nothing on its disk is worth anything without that."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.drivers.kms_servers import Engine, transit

from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.domain.key_events import KeyPurpose
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.keyfiles import load_key
from tunewarden.drivers.sql_engine import migrate
from tunewarden.entry import key_files, key_rotation
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import OpenBlobs, build, create_keys, with_persons

FILES = ("master", "vault", "blobs", "tenant")


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def settings(tmp_path: Path, engine: Engine) -> Iterator[Settings]:
    token = tmp_path / "token"
    token.write_text("s.token")
    token.chmod(0o600)
    with transit(engine, "s.token") as base:
        yield Settings(home=tmp_path / "home", kms=f"transit:{base}/v1/transit/keys/t", kms_token_file=token)


def stored(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in settings.home.rglob("*") if path.is_file())


def test_no_key_is_on_the_disk_and_everything_is_read(settings: Settings, engine: Engine) -> None:
    create_keys(settings)
    migrate(settings.database)
    platform = with_persons(settings, build(settings))
    assert platform.rows is not None
    digest = platform.rows.version(DatasetId("ds-1"), "a" * 64).put_bytes(b"clean")
    plain = platform.blobs.put_bytes(b"a verdict")
    assert build(settings).blobs.read(digest) == b"clean"
    opener = OpenBlobs(
        settings.blob_directory, settings.blob_key, kms=settings.kms, kms_token_file=settings.kms_token_file
    )
    assert opener().read(plain) == b"a verdict"
    keys = [key for file in key_files.key_files(settings).values() for key in file.load()]
    assert len(keys) == len(FILES)
    assert not any(form in stored(settings) for key in keys for form in (key, key.hex().encode()))
    engine.keys.clear()  # the service's key is gone
    with pytest.raises(Exception, match="master key"):
        build(settings)


def test_a_service_that_is_away_stops_the_start_and_says_so(settings: Settings, engine: Engine) -> None:
    create_keys(settings)
    migrate(settings.database)
    engine.fail = lambda: (503, b"{}")
    with pytest.raises(Unavailable) as caught:
        build(settings)
    assert caught.value.code == "kms_unavailable"


def test_master_keys_are_rotated_under_the_service_too(settings: Settings) -> None:
    create_keys(settings)
    migrate(settings.database)
    platform = build(settings)
    assert platform.rows is not None
    digest = platform.rows.version(DatasetId("ds-1"), "a" * 64).put_bytes(b"clean")
    before = key_files.key_files(settings)["master"].load()
    assert key_rotation.rotate(settings, KeyPurpose.MASTER).keys == 1
    assert not set(before) & set(key_files.key_files(settings)["master"].load())
    assert build(settings).blobs.read(digest) == b"clean"


def test_keys_of_before_are_wrapped_where_they_lie(settings: Settings) -> None:
    plain = settings.model_copy(update={"kms": "", "kms_token_file": None})
    create_keys(plain)
    migrate(plain.database)
    digest = build(plain).blobs.put_bytes(b"from before")
    key = load_key(plain.blob_key)
    with pytest.raises(Refused) as caught:
        build(settings)
    assert caught.value.code == "key_in_plain"
    assert key_rotation.wrap(settings) == sorted(FILES)
    assert key_rotation.wrap(settings) == sorted(FILES), "and again, by the service as it is then"
    assert key not in stored(settings)
    assert build(settings).blobs.read(digest) == b"from before"
