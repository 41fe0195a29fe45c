"""The command line: keys are shown once, files are their owner's alone, errors are one line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.identities import KeyKind, LoginFailure
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.drivers.identity import Bearer, identify
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys


def tunewarden(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TUNEWARDEN_HOME": str(home)}
    command = [sys.executable, "-m", "tunewarden", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def keys(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return tunewarden(home, "operator", "keys", *arguments)


def prepared(home: Path) -> Settings:
    settings = Settings(home=home)
    create_keys(settings)
    assert tunewarden(home, "migrate").returncode == 0
    return settings


def test_a_made_key_works_is_stored_hashed_and_is_in_the_log(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    made = keys(tmp_path, "create", "--name", "CANARY Ann", "--role", "requester")
    assert made.returncode == 0, made.stderr
    token = re.findall(r"tw-\S+", made.stdout)[0]
    platform = build(settings)
    found = identify(platform.view, token, platform.clock())
    assert isinstance(found, Bearer)
    principal, key = found.principal, found.key
    assert principal.roles == {Role.REQUESTER}
    assert key.expires is not None
    with platform.work(PrincipalId("operator")) as work:
        (event,) = [entry.event for entry in work.entries() if isinstance(entry.event, KeyCreated)]
    assert event == KeyCreated(
        principal=principal.id, roles=(Role.REQUESTER,), key=key.id, kind=KeyKind.PROJECT, expires=key.expires
    )
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("tunewarden.db*"))
    assert token.encode() not in stored


def test_a_revoked_key_opens_nothing_and_the_log_says_so(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    made = keys(tmp_path, "create", "--name", "Ann", "--role", "requester")
    token, identifier = re.findall(r"tw-\S+", made.stdout)[0], re.findall(r"prn-\S+", made.stdout)[0]
    revoked = keys(tmp_path, "revoke", identifier)
    (index,) = re.findall(r"^revoked: entry (\d+) of the log\n$", revoked.stdout)
    platform = build(settings)
    assert identify(platform.view, token, platform.clock()) is LoginFailure.KEY_REVOKED
    with platform.view() as view:
        assert [entry.event for entry in view.entries(int(index))] == [KeyRevoked(principal=PrincipalId(identifier))]
    unknown = keys(tmp_path, "revoke", "prn-" + "0" * 32)
    assert (unknown.returncode, unknown.stderr.partition(":")[0]) == (3, "principal_not_found")


def test_a_key_is_listed_without_its_secret_replaced_by_one_like_it_and_taken_away_alone(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    hostile = "=cmd()\x1b[2J\r\nkey       tw-admin-forged"
    made = keys(tmp_path, "create", "--name", hostile, "--role", "requester", "--role", "steward")
    token, holder = re.findall(r"tw-\S+", made.stdout)[0], re.findall(r"prn-\S+", made.stdout)[0]
    more = keys(tmp_path, "create", "--principal", holder, "--scope", "steward", "--days", "7")
    further = re.findall(r"tw-\S+", more.stdout)[0]
    shown = keys(tmp_path, "list").stdout
    assert holder in shown
    assert {"kind", "used"} <= set(shown.splitlines()[0].split())
    assert not {"\x1b", "\r"} & set(shown)
    assert len(shown.splitlines()) == 3, "a name begins no line of its own"
    listed = keys(tmp_path, "list", "--json")
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(row["name"], row["scope"], row["works"]) for row in rows] == [
        (hostile, None, True),
        (hostile, ["steward"], True),
    ]
    assert listed.stdout.isprintable() or set(listed.stdout) - set(map(chr, range(32, 127))) == {"\n"}
    assert token not in listed.stdout
    rotated = keys(tmp_path, "rotate", rows[1]["key"])
    latest = re.findall(r"tw-\S+", rotated.stdout)[0]
    platform = build(settings)
    assert identify(platform.view, further, platform.clock()) is LoginFailure.KEY_REVOKED
    found = identify(platform.view, latest, platform.clock())
    assert isinstance(found, Bearer)
    assert found.principal.roles == {Role.STEWARD}
    assert keys(tmp_path, "revoke", found.key.id).returncode == 0
    assert identify(platform.view, latest, platform.clock()) is LoginFailure.KEY_REVOKED
    assert isinstance(identify(platform.view, token, platform.clock()), Bearer)


def test_an_administrators_key_is_an_admin_key(tmp_path: Path) -> None:
    prepared(tmp_path)
    made = keys(tmp_path, "create", "--name", "x", "--role", "administrator")
    assert re.findall(r"tw-admin-\S+", made.stdout), made.stderr
    refused = keys(tmp_path, "create", "--name", "x", "--role", "administrator", "--kind", "project")
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (2, "key_for_nothing")


def test_a_script_reads_keys_and_receipts_as_json(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    made = json.loads(keys(tmp_path, "create", "--name", "x", "--role", "requester", "--json").stdout)
    platform = build(settings)
    found = identify(platform.view, made["key"], platform.clock())
    assert isinstance(found, Bearer)
    assert found.principal.id == made["principal"]
    gone = json.loads(keys(tmp_path, "revoke", made["principal"], "--json").stdout)
    with platform.view() as view:
        (entry,) = view.entries(gone["receipt"]["index"])
    assert (gone["revoked"], type(entry.event)) == (made["principal"], KeyRevoked)


def test_one_person_cannot_both_ask_and_approve(tmp_path: Path) -> None:
    prepared(tmp_path)
    refused = keys(tmp_path, "create", "--name", "x", "--role", "requester", "--role", "approver")
    assert refused.returncode == 1
    assert refused.stderr.startswith("roles_conflict: ")
    assert "Traceback" not in refused.stderr


def test_secret_files_are_their_owners_alone(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    for path in (settings.tenant_key, settings.vault_key, settings.blob_key, settings.release_key):
        assert path.stat().st_mode & 0o077 == 0
    settings.blob_key.chmod(0o644)
    refused = keys(tmp_path, "create", "--name", "x", "--role", "requester")
    assert refused.returncode == 1
    assert refused.stderr.startswith("key_readable_by_others: ")


def test_in_production_missing_keys_are_not_made(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, environment="production")
    with pytest.raises(Unavailable):
        create_keys(settings)
    assert not settings.tenant_key.exists()
