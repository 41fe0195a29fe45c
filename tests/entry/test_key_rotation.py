"""Rotating master keys: data keys are wrapped anew, blobs stay as they are, and copies of before are worth nothing."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Corrupted, Unavailable
from tunewarden.domain.events import PersonErased
from tunewarden.domain.key_events import KeyPurpose, MasterKeyRotated
from tunewarden.domain.names import DatasetId, ErasureId, PrincipalId
from tunewarden.drivers.keys_master import LocalMaster
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.vault import SqlVault
from tunewarden.entry import key_files, key_rotation
from tunewarden.entry.cli import app
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys
from tunewarden.usecases.lines import stream_of
from tunewarden.usecases.ports import Platform, RawRows

DATASET, KEY = DatasetId("ds-1"), "a" * 64
PEOPLE = [f"{number:064x}" for number in range(700)]  # two pages of them
RECORDS = [encode({"person": f"p{number}", "text": "burnt hand"}) for number in range(40)]


class House:
    """A home with persons' keys, rows and a clean version."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        create_keys(self.settings)
        migrate(self.settings.database)
        writer = self.rows().writer(DATASET, KEY)
        writer.put(stream_of(iter(RECORDS)))
        self.sealed, self.clean = writer.sealed, self.rows().version(DATASET, KEY).put_bytes(b"clean")
        self.persons = self.vault().keys(DATASET, PEOPLE)

    def rows(self) -> RawRows:
        rows = build(self.settings).rows
        assert rows is not None
        return rows

    def vault(self) -> SqlVault:
        return SqlVault(connect(self.settings.database), key_files.master(self.settings, key_files.VAULT))

    def require_whole(self) -> None:
        """Everything can be read, by processes that begin now."""
        assert list(self.rows().lines(DATASET, KEY, self.sealed)) == RECORDS
        assert build(self.settings).blobs.read(self.clean) == b"clean"
        assert self.vault().keys(DATASET, PEOPLE) == self.persons

    def blobs(self) -> dict[str, str]:
        """Every file of the blobs and its digest."""
        files = [path for path in (self.settings.home / "blobs").rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def told(self) -> list[MasterKeyRotated]:
        with build(self.settings).view() as view:
            return [entry.event for entry in view.entries() if isinstance(entry.event, MasterKeyRotated)]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home")


def rotate(settings: Settings) -> list[key_rotation.Rotated]:
    return [key_rotation.rotate(settings, purpose) for purpose in map(KeyPurpose, key_files.RINGS)]


def test_data_keys_are_wrapped_anew_and_no_blob_is_written_again(house: House) -> None:
    erase(build(house.settings), "f" * 64)  # has no key to wrap
    before, files = house.blobs(), key_files.key_files(house.settings)
    old = {purpose: files[purpose].load() for purpose in map(KeyPurpose, key_files.RINGS)}
    done = rotate(house.settings)
    house.require_whole()
    assert house.blobs() == before
    assert [(one.purpose, one.keys, one.left) for one in done] == [("master", 41, False), ("vault", 700, False)]
    for purpose in map(KeyPurpose, key_files.RINGS):
        (key,) = files[purpose].load()
        assert key not in old[purpose]
    assert [(one.purpose, one.keys, one.version) for one in house.told()] == [
        (one.purpose, one.keys, one.version) for one in done
    ]


def test_a_copy_of_the_database_from_before_is_worth_nothing_afterwards(house: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(house.settings.home, copy, ignore=shutil.ignore_patterns("keys"))
    before = replace_home(house.settings, copy)
    assert SqlVault(connect(before.database), key_files.master(house.settings, "vault")).keys(DATASET, PEOPLE)
    rotate(house.settings)
    with pytest.raises(Corrupted):
        SqlVault(connect(before.database), key_files.master(house.settings, "vault")).keys(DATASET, PEOPLE)
    rows = build(before.model_copy(update=keys_of(house.settings))).rows
    assert rows is not None
    with pytest.raises(Corrupted):
        list(rows.lines(DATASET, KEY, house.sealed))


def replace_home(settings: Settings, home: Path) -> Settings:
    return settings.model_copy(update={"home": home})


def keys_of(settings: Settings) -> dict[str, Path]:
    return {
        "master_key_file": settings.master_key,
        "blob_key_file": settings.blob_key,
        "vault_key_file": settings.vault_key,
        "tenant_key_file": settings.tenant_key,
    }


KILLED = """
import os, sys
from sqlalchemy import Engine, event
at, what, seen = int(sys.argv[1]), sys.argv[2], 0
def count(*_):
    global seen
    seen += 1
    if seen == at:
        os._exit(9)
if what == "commit":
    event.listen(Engine, "commit", count)  # just before it
else:
    sys.addaudithook(lambda name, _: count() if name == "os.rename" else None)
from tunewarden.entry.cli import main
sys.argv = ["tunewarden", "master-keys", "rotate"]
main()
"""


@pytest.mark.parametrize("what", ["commit", "rename"])
def test_killed_anywhere_nothing_is_lost_and_another_call_ends_it(house: House, what: str) -> None:
    """The process ends by `_exit` at each commit and each replacing of a file, one after the other."""
    environment = {"TUNEWARDEN_HOME": str(house.settings.home)}
    old = [key_files.key_files(house.settings)[purpose].load()[0] for purpose in map(KeyPurpose, key_files.RINGS)]
    made = dict[str, bytes | None]()
    for at in range(1, 30):
        run = subprocess.run([sys.executable, "-c", KILLED, str(at), what], env=environment, capture_output=True)
        made |= house.vault().keys(DATASET, [f"{at:f>64}"])  # work goes on
        house.require_whole()
        assert house.vault().known(DATASET, list(made)) == made
        if run.returncode == 0:
            break
        assert run.returncode == 9, run.stderr.decode()
    assert at > 3, "it was killed several times"
    for purpose in map(KeyPurpose, key_files.RINGS):
        (key,) = key_files.key_files(house.settings)[purpose].load()
        assert key not in old


def test_processes_that_began_before_go_on_and_wrap_under_no_old_key(house: House) -> None:
    running = house.vault()
    running.keys(DATASET, PEOPLE[:1])
    rotate(house.settings)
    assert running.keys(DATASET, PEOPLE[:3]) == {name: house.persons[name] for name in PEOPLE[:3]}
    made = running.keys(DATASET, ["f" * 64])
    assert house.vault().keys(DATASET, ["f" * 64]) == made, "under the new one"


def test_a_process_without_the_new_key_makes_none_that_would_be_lost(house: House) -> None:
    (old,) = key_files.key_files(house.settings)["vault"].load()
    stale = SqlVault(connect(house.settings.database), LocalMaster("vault", lambda: [old]))
    key_rotation.rotate(house.settings, KeyPurpose.VAULT)
    with pytest.raises(Unavailable) as caught:
        stale.keys(DATASET, ["f" * 64])
    assert caught.value.code == "master_key_outdated"


def test_a_key_that_nobody_opens_keeps_the_old_one_from_being_destroyed(house: House) -> None:
    file = key_files.key_files(house.settings)["vault"]
    (old,) = file.load()
    file.replace([secrets.token_bytes(32)])
    with pytest.raises(Corrupted):
        key_rotation.rotate(house.settings, KeyPurpose.VAULT)
    file.replace([*file.load(), old])
    key_rotation.rotate(house.settings, KeyPurpose.VAULT)
    house.require_whole()


def test_a_destroyed_key_stays_destroyed(house: House) -> None:
    platform = build(house.settings)
    erase(platform, PEOPLE[3])
    rotate(house.settings)
    assert house.vault().keys(DATASET, PEOPLE[3:5]) == {PEOPLE[3]: None, PEOPLE[4]: house.persons[PEOPLE[4]]}


def erase(platform: Platform, name: str) -> None:
    with platform.work(PrincipalId("worker")) as work:
        work.forget(DATASET, name)
        work.record(PersonErased(erasure=ErasureId("erasure-1"), dataset=DATASET, keys=1))
        work.commit()


def test_keys_in_a_setting_are_rotated_by_who_can_change_it(house: House) -> None:
    (old,) = key_files.key_files(house.settings)["master"].load()
    new = secrets.token_bytes(32)

    def with_keys(*keys: bytes) -> Settings:
        return house.settings.model_copy(update={"master_keys": SecretStr(",".join(key.hex() for key in keys))})

    with pytest.raises(Unavailable, match="64 new hexadecimal digits"):
        key_rotation.rotate(with_keys(old), KeyPurpose.MASTER)
    done = key_rotation.rotate(with_keys(new, old), KeyPurpose.MASTER)
    assert (done.keys, done.left) == (41, True)
    house.settings = with_keys(new)
    house.require_whole()
    assert old.hex() not in repr(with_keys(old))


def test_a_file_that_cannot_be_written_is_rotated_by_who_can(house: House) -> None:
    """As secrets of a cluster are mounted."""
    file = key_files.key_files(house.settings)["vault"]
    file.replace([secrets.token_bytes(32), *file.load()])
    new = file.load()[0]
    target = house.settings.home / "mounted.key"
    shutil.copy(file.path, target)
    descriptor = os.open(target, os.O_RDONLY)  # by this name it is read, and nothing is put beside it
    settings = house.settings.model_copy(update={"vault_key_file": Path(f"/proc/self/fd/{descriptor}")})
    done = key_rotation.rotate(settings, KeyPurpose.VAULT)
    assert (done.keys, done.left) == (700, True)
    os.close(descriptor)
    target.write_bytes(new)
    house.settings = house.settings.model_copy(update={"vault_key_file": target})
    house.require_whole()


def test_the_command_line_says_how_long_copies_of_before_hold_keys(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWARDEN_HOME", str(house.settings.home))
    run = CliRunner().invoke
    assert run(app, ["master-keys", "status"]).output.splitlines() == [
        "master: rotated never; 0 erasures since",
        "vault: rotated never; 0 erasures since",
    ]
    rotated = run(app, ["master-keys", "rotate"])
    assert "vault: 700 data keys wrapped anew, by vault-" in rotated.output
    assert "rotated at 20" in run(app, ["master-keys", "status"]).output
    again = [json.loads(line) for line in run(app, ["master-keys", "rotate", "--json"]).stdout.splitlines()]
    assert [(one["purpose"], one["keys"], one["left"]) for one in again][-1] == ("vault", 700, False)
    assert again[-1]["version"] not in rotated.output
    assert again[-1]["version"].startswith("vault-")
    *_, vault = [json.loads(line) for line in run(app, ["master-keys", "status", "--json"]).stdout.splitlines()]
    assert (vault["purpose"], vault["rotated_at"][:2], vault["erasures"]) == ("vault", "20", 0)
    refused = run(app, ["master-keys", "wrap"])
    assert isinstance(refused.exception, Unavailable)
    assert refused.exception.code == "kms_not_named"
