"""`tunewarden login`: where a key may be sent, where it is kept, and that nobody else gets to see it."""

import json
import os
from pathlib import Path

import pytest
from tests.entry.client.conftest import Desk

from tunewarden.domain.errors import Corrupted, Malformed, Refused
from tunewarden.entry.cli.client.address import address
from tunewarden.entry.cli.client.credentials import current, require_key
from tunewarden.entry.cli.client.declined import Declined

BARE = {"TUNEWARDEN_API_URL": "", "TUNEWARDEN_API_KEY": ""}


def stored(desk: Desk, who: str) -> Path:
    return desk.folder / who / "tunewarden" / "login.json"


def log_in(desk: Desk, who: str = "ann") -> None:
    done = desk.run(who, "login", desk.server.address, "--key-file", "-", typed=desk.theatre.tokens[who] + "\n", **BARE)
    assert done.exit_code == 0, done.output
    assert desk.theatre.tokens[who] not in done.output


def test_a_key_that_works_is_kept_for_its_owner_alone_and_used_by_the_next_command(desk: Desk) -> None:
    log_in(desk)
    assert stored(desk, "ann").stat().st_mode & 0o777 == 0o600
    assert stored(desk, "ann").parent.stat().st_mode & 0o077 == 0
    listed = desk.run("ann", "jobs", "list", **BARE)
    assert listed.exit_code == 0, listed.output


def test_a_script_is_told_where_it_is_logged_in(desk: Desk) -> None:
    typed = desk.theatre.tokens["ann"] + "\n"
    done = desk.run("ann", "login", desk.server.address, "--key-file", "-", "--json", typed=typed, **BARE)
    said = {"url": desk.server.address, "kind": "a project", "project": None, "stored": str(stored(desk, "ann"))}
    assert json.loads(done.stdout) == {"object": "login", **said}


def test_a_key_of_the_environment_is_sent_to_no_address_that_is_typed(desk: Desk) -> None:
    said = {"TUNEWARDEN_API_URL": "https://tuning.example", "TUNEWARDEN_API_KEY": desk.theatre.tokens["ann"]}
    done = desk.run("ann", "login", desk.server.address, **said)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "key_missing" in done.stderr
    assert not stored(desk, "ann").exists()


def test_after_logout_of_where_nothing_can_be_nobody_was_logged_in(desk: Desk) -> None:
    file = desk.folder / "file"
    file.touch()
    assert json.loads(desk.run("ann", "logout", "--json", XDG_CONFIG_HOME=str(file)).stdout)["removed"] is False


def test_a_key_that_does_not_work_is_not_kept(desk: Desk) -> None:
    wrong = "tw-" + "x" * 43
    done = desk.run("ann", "login", desk.server.address, "--key-file", "-", typed=wrong, **BARE)
    assert done.exit_code == 8
    assert "invalid_api_key" in done.stderr
    assert wrong not in done.output
    assert not stored(desk, "ann").exists()


def test_a_stored_key_that_others_can_read_is_not_used(desk: Desk) -> None:
    log_in(desk)
    stored(desk, "ann").chmod(0o640)
    done = desk.run("ann", "jobs", "list", **BARE)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "key_readable_by_others" in done.stderr


def test_a_stored_key_behind_a_link_is_not_used(desk: Desk) -> None:
    log_in(desk)
    elsewhere = desk.folder / "elsewhere.json"
    stored(desk, "ann").rename(elsewhere)
    stored(desk, "ann").symlink_to(elsewhere)
    assert desk.run("ann", "jobs", "list", **BARE).exit_code == 6


def test_a_stored_key_goes_to_no_other_address_than_its_own(desk: Desk) -> None:
    log_in(desk)
    done = desk.run("ann", "jobs", "list", **{**BARE, "TUNEWARDEN_API_URL": "http://127.0.0.1:9"})
    assert done.exit_code == 8
    assert "not_logged_in" in done.stderr
    same = desk.run("ann", "jobs", "list", **{**BARE, "TUNEWARDEN_API_URL": desk.server.address + "/v1/"})
    assert same.exit_code == 0, same.output


def test_the_environment_wins_over_what_was_stored(desk: Desk) -> None:
    log_in(desk, "eve")
    job = desk.props.job()["id"]
    assert desk.run("eve", "jobs", "show", job, **BARE).exit_code == 3
    anns = {"TUNEWARDEN_API_URL": "", "TUNEWARDEN_API_KEY": desk.theatre.tokens["ann"]}
    assert desk.run("eve", "jobs", "show", job, **anns).exit_code == 0


def test_who_is_not_logged_in_is_told_how_to(desk: Desk) -> None:
    done = desk.run("nobody", "jobs", "list", **BARE)
    assert done.exit_code == 8
    assert "tunewarden login URL" in done.stderr


def test_after_logout_nothing_is_stored(desk: Desk) -> None:
    log_in(desk)
    assert json.loads(desk.run("ann", "logout", "--json").stdout) == {"object": "logout", "removed": True}
    assert not stored(desk, "ann").exists()
    assert json.loads(desk.run("ann", "logout", "--json").stdout)["removed"] is False


def test_a_key_file_has_to_be_its_owners_alone(desk: Desk) -> None:
    file = desk.folder / "key"
    file.write_text(desk.theatre.tokens["ann"])
    file.chmod(0o644)
    assert desk.run("ann", "login", desk.server.address, "--key-file", file, **BARE).exit_code == 1
    file.chmod(0o600)
    assert desk.run("ann", "login", desk.server.address, "--key-file", file, **BARE).exit_code == 0


def test_no_option_takes_a_key(desk: Desk) -> None:
    """Arguments of a process can be read by everybody on the machine."""
    done = desk.run("ann", "login", desk.server.address, "--key", desk.theatre.tokens["ann"], **BARE)
    assert done.exit_code == 2
    assert not stored(desk, "ann").exists()


def test_whoami_says_what_the_key_may_do_and_who_can_otherwise(desk: Desk) -> None:
    anns = {one["action"]: one for one in desk.json("ann", "whoami")["may"]}
    bobs = {one["action"]: one for one in desk.json("bob", "whoami")["may"]}
    assert anns["submit-request"]["allowed"]
    assert not bobs["submit-request"]["allowed"]
    assert bobs["approve-request"]["allowed"]
    assert not anns["approve-request"]["allowed"]
    assert anns["approve-request"]["who"]
    told = desk.run("ann", "whoami")
    assert desk.theatre.tokens["ann"] not in told.output
    assert "submit-request" in told.stdout


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("https://tuning.example:443/v1", "https://tuning.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443"),
        ("https://tuning.example:80", "https://tuning.example:80"),
    ],
)
def test_a_port_that_means_nothing_is_left_out(typed: str, same: str) -> None:
    assert address(typed).text == same


@pytest.mark.parametrize(
    ("typed", "is_loopback"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8080/", True),
        ("http://localhost:8080/v1", True),
        ("https://tuning.example", False),
        ("https://tuning.example/platform/v1/", False),
    ],
)
def test_urls_of_platforms(typed: str, is_loopback: bool) -> None:
    found = address(typed)
    assert found.is_loopback is is_loopback
    assert not found.text.endswith(("/", "/v1"))
    assert address(found.text) == found


@pytest.mark.parametrize(
    "typed",
    ["http://tuning.example", "http://10.0.0.8", "http://127.0.0.1.evil.example", "http://localhost.evil.example"],
)
def test_a_key_goes_over_http_to_this_machine_alone(typed: str) -> None:
    with pytest.raises(Refused) as no:
        address(typed)
    assert no.value.code == "address_not_encrypted"
    assert address(typed, insecure=True).text == typed


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "tuning.example",
        "ftp://tuning.example",
        "https://",
        "https://ann:secret@tuning.example",
        "https://tuning.example/?a=b",
        "https://tuning.example/#x",
        "https://tuning.example:99999",
        "https://tuning.example/../x",
        "https://tun ing.example",
        "https://tuning.example\\@evil.example",
        "file:///etc/passwd",
        "https://" + "a" * 3000,
    ],
)
def test_what_is_no_url_of_a_platform_is_refused(typed: str) -> None:
    with pytest.raises(Malformed):
        address(typed, insecure=True)


@pytest.mark.parametrize("key", ["", "a b", "tw-\n\nx", "tw-ä", "tw-\x1b[2J", "x" * 9000])
def test_what_can_be_no_key_is_never_sent_and_never_repeated(key: str) -> None:
    with pytest.raises(Malformed) as no:
        require_key(key)
    assert not key.strip() or key not in str(no.value)


def test_a_broken_login_is_told_as_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    place = tmp_path / "tunewarden" / "login.json"
    place.parent.mkdir()
    for content in ("", "[]", '{"url": 1, "key": "x", "insecure": false}', '{"url": "https://h", "insecure": false}'):
        place.write_text(content)
        place.chmod(0o600)
        with pytest.raises(Corrupted):
            current({})
    place.unlink()
    with pytest.raises(Declined):
        current(dict.fromkeys(os.environ, ""))
