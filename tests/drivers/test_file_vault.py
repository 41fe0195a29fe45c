"""The vault of the command line: the same keys in the next run, nobody else's eyes, and gone when forgotten."""

import subprocess
import sys
from pathlib import Path

import pytest

from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.file_vault import FileVault

HERE, THERE = DatasetId("here"), DatasetId("there")


def test_keys_stay_the_same_and_differ_between_persons_and_datasets(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    first = FileVault(path, create=True)
    made, elsewhere = first.keys(HERE, ["a", "b"]), first.keys(THERE, ["a"])
    secret = first.tenant_key
    first.close()
    again = FileVault(path, create=True)
    assert again.keys(HERE, ["b", "a"]) == made
    assert again.tenant_key == secret
    every = {*made.values(), *elsewhere.values(), secret}
    assert len(every) == 4
    assert all(key is not None and len(key) == 32 for key in every)


def test_a_forgotten_persons_key_is_nowhere_in_the_file_and_never_made_again(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    vault = FileVault(path, create=True)
    key = vault.keys(HERE, ["a", "b"])["a"]
    assert key is not None
    assert key in path.read_bytes()
    assert vault.forget(HERE, "a")
    assert not vault.forget(HERE, "a")
    vault.close()
    assert key not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    again = FileVault(path)
    assert again.keys(HERE, ["a"]) == {"a": None}
    assert list(again.every_key(HERE)) == [again.key(HERE, "b")]


def test_no_page_and_no_journal_ever_keeps_a_forgotten_key(tmp_path: Path) -> None:
    """Many persons over many pages, some forgotten and others made after; also while the file is still open."""
    path = tmp_path / "vault"
    vault = FileVault(path, create=True)
    people = [f"{number:064x}" for number in range(400)]
    keys = vault.keys(HERE, people)
    forgotten, kept = people[::3], [person for person in people if person not in people[::3]]
    assert path.stat().st_size > 3 * 4096, "one page would prove little"
    for person in forgotten:
        assert vault.forget(HERE, person)
        assert keys[person] not in everything(tmp_path)
    vault.keys(HERE, [f"{number:064x}" for number in range(400, 500)])
    written = everything(tmp_path)
    assert [person for person in forgotten if keys[person] in written] == []
    assert [person for person in kept if keys[person] not in written] == [], "the search finds what is there"
    vault.close()


def everything(folder: Path) -> bytes:
    """Every byte of every file: the vault, its journal, and whatever else lies there."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_the_journal_of_a_forgetting_that_was_cut_off_puts_nothing_back_that_was_forgotten_before(
    tmp_path: Path,
) -> None:
    """A process is killed in the middle: the next one rolls its half of a change back, and no earlier one."""
    path = tmp_path / "vault"
    vault = FileVault(path, create=True)
    keys = vault.keys(HERE, ["a", "b"])
    vault.forget(HERE, "a")
    vault.close()
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False, env={"PYTHONPATH": ""})
    assert killed.returncode == -9
    assert (tmp_path / "vault-journal").exists(), "it was in the middle"
    assert keys["a"] not in everything(tmp_path)
    again = FileVault(path)
    assert again.keys(HERE, ["a", "b"]) == {"a": None, "b": keys["b"]}
    assert again.forget(HERE, "b"), "it can be done again"
    again.close()
    assert keys["b"] not in everything(tmp_path)


_KILLED = """
import os, signal, sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("pragma secure_delete = on")
base.execute("pragma cache_size = 0")
base.execute("begin immediate")
base.execute("update persons set key = null where pseudonym = 'b'")
base.executemany("insert into persons values ('x', ?, zeroblob(32))", [(str(n),) for n in range(5000)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_person_may_be_forgotten_before_any_of_their_records_comes(tmp_path: Path) -> None:
    vault = FileVault(tmp_path / "vault", create=True)
    assert not vault.forget(HERE, "a")
    assert vault.keys(HERE, ["a"]) == {"a": None}


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    FileVault(path, create=True).close()
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o640)
    with pytest.raises(Refused) as refusal:
        FileVault(path)
    assert refusal.value.code == "key_readable_by_others"


def test_another_file_is_no_vault_and_a_missing_one_is_not_made_unasked(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("CANARY " * 300)
    path.chmod(0o600)
    with pytest.raises(Malformed) as refusal:
        FileVault(path)
    assert "CANARY" not in str(refusal.value)
    with pytest.raises(NotFound):
        FileVault(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_without_a_file_it_lives_in_memory() -> None:
    assert FileVault(None).tenant_key != FileVault(None).tenant_key
