"""Secret keys in files."""

import secrets
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tunewarden.domain.errors import Corrupted, Refused, Unavailable
from tunewarden.drivers.keyfiles import KEY_BYTES, create_secret, load_key


def load_or_create(path: Path) -> bytes:
    create_secret(path, secrets.token_bytes(KEY_BYTES))
    return load_key(path)


def test_a_key_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "blobs.key"
    key = load_or_create(path)
    assert len(key) == KEY_BYTES
    assert load_or_create(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path], "no draft is left behind"
    assert load_or_create(tmp_path / "other.key") != key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "blobs.key"
    load_or_create(path)
    path.chmod(mode)
    with pytest.raises(Refused, match=f"has mode {mode:04o}.*0600"):
        load_or_create(path)


@pytest.mark.parametrize("content", [b"", b"short", bytes(KEY_BYTES + 1)])
def test_a_key_of_another_length_is_corrupted_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "blobs.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Corrupted, match="32 bytes") as caught:
        load_or_create(path)
    assert "short" not in str(caught.value)


def test_a_missing_key_is_not_made_where_it_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"blobs\.key cannot be read \(No such file"):
        load_key(tmp_path / "blobs.key")
    assert list(tmp_path.iterdir()) == []


def test_processes_that_come_first_at_once_get_the_same_key(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from secrets import token_bytes
from tunewarden.drivers.keyfiles import create_secret, load_key
path = Path({str(tmp_path / "blobs.key")!r})
create_secret(path, token_bytes({KEY_BYTES}))
print(load_key(path).hex())
"""

    def start(_: int) -> str:
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(start, range(4)))) == 1
