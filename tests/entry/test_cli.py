"""The command line: keys are shown once, files are their owner's alone, errors are one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers.identity import authenticate
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys


def tunewarden(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TUNEWARDEN_HOME": str(home)}
    command = [sys.executable, "-m", "tunewarden", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def prepared(home: Path) -> Settings:
    settings = Settings(home=home)
    create_keys(settings)
    assert tunewarden(home, "migrate").returncode == 0
    return settings


def test_a_made_key_works_is_stored_hashed_and_is_in_the_log(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    made = tunewarden(tmp_path, "keys", "create", "--name", "CANARY Ann", "--role", "requester")
    assert made.returncode == 0, made.stderr
    token = re.findall(r"tw-\S+", made.stdout)[0]
    platform = build(settings)
    principal = authenticate(platform.view, token)
    assert principal is not None
    assert principal.roles == {Role.REQUESTER}
    with platform.work(PrincipalId("operator")) as work:
        (entry,) = work.entries()
    assert entry.event == KeyCreated(principal=principal.id, roles=(Role.REQUESTER,))
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("tunewarden.db*"))
    assert token.encode() not in stored


def test_a_revoked_key_opens_nothing_and_the_log_says_so(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    made = tunewarden(tmp_path, "keys", "create", "--name", "Ann", "--role", "requester")
    token, identifier = re.findall(r"tw-\S+", made.stdout)[0], re.findall(r"prn-\S+", made.stdout)[0]
    revoked = tunewarden(tmp_path, "keys", "revoke", identifier)
    assert (revoked.returncode, revoked.stdout) == (0, "revoked: entry 1 of the log\n"), revoked.stderr
    platform = build(settings)
    assert authenticate(platform.view, token) is None
    with platform.view() as view:
        assert [entry.event for entry in view.entries(1)] == [KeyRevoked(principal=PrincipalId(identifier))]
    unknown = tunewarden(tmp_path, "keys", "revoke", "prn-" + "0" * 32)
    assert (unknown.returncode, unknown.stderr.partition(":")[0]) == (1, "principal_not_found")


def test_one_person_cannot_both_ask_and_approve(tmp_path: Path) -> None:
    prepared(tmp_path)
    refused = tunewarden(tmp_path, "keys", "create", "--name", "x", "--role", "requester", "--role", "approver")
    assert refused.returncode == 1
    assert refused.stderr.startswith("roles_conflict: ")
    assert "Traceback" not in refused.stderr


def test_secret_files_are_their_owners_alone(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    for path in (settings.tenant_key, settings.vault_key, settings.blob_key, settings.release_key):
        assert path.stat().st_mode & 0o077 == 0
    settings.blob_key.chmod(0o644)
    refused = tunewarden(tmp_path, "keys", "create", "--name", "x", "--role", "requester")
    assert refused.returncode == 1
    assert refused.stderr.startswith("key_readable_by_others: ")


def test_in_production_missing_keys_are_not_made(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, environment="production")
    with pytest.raises(Unavailable):
        create_keys(settings)
    assert not settings.tenant_key.exists()
