"""Master keys: what every kind of them promises, and what becomes of files that hold them."""

import importlib.util
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.drivers.kms_servers import Engine, google, transit

from tunewarden.domain.errors import Corrupted, Malformed, Refused, Unavailable
from tunewarden.drivers.keys_file import KeyFile, keys_in_words
from tunewarden.drivers.keys_kms import kms_named
from tunewarden.drivers.keys_master import LocalMaster, MasterKey, parts, wrapped_by
from tunewarden.drivers.kms_gcp import GcpKms, crc32c
from tunewarden.drivers.kms_transit import TransitKms

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
GOOGLE_KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k"


def local(*keys: bytes, purpose: str = "master") -> LocalMaster:
    return LocalMaster(purpose, lambda: keys)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("s.token\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The endpoint of moto, other people's server for Amazon's protocol, in a process of its own."""
    if any(importlib.util.find_spec(name) is None for name in ("boto3", "moto", "flask")):
        pytest.skip("boto3 and moto[kms,server] are not installed: AWS KMS is not tested here")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    program = (
        "from moto.server import ThreadedMotoServer as S; s = S('127.0.0.1', 0); s.start(); "
        "print('port', s.get_host_and_port()[1], flush=True); input()"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    try:
        said = iter(server.stdout.readline, "")
        yield next(f"http://127.0.0.1:{line.split()[1]}" for line in said if line.startswith("port "))
    finally:
        server.kill()
        server.communicate()


def amazon(endpoint: str) -> Any:
    import boto3

    from tunewarden.drivers.kms_aws import AwsKms

    made = boto3.client("kms", endpoint_url=endpoint).create_key()["KeyMetadata"]["KeyId"]
    return AwsKms(made, endpoint=endpoint)


@pytest.fixture(params=["local", "transit", "google", "amazon"])
def master(request: pytest.FixtureRequest, token_file: Path) -> Iterator[MasterKey]:
    with ExitStack() as stack:
        if request.param == "local":
            yield local(KEY)
        elif request.param == "transit":
            base = stack.enter_context(transit(Engine(), "s.token"))
            kms = TransitKms(f"{base}/v1/transit/keys/tunewarden", token_file)
            yield kms
            kms.close()
        elif request.param == "google":
            pytest.importorskip("google.cloud.kms", reason="google-cloud-kms is not installed")
            yield GcpKms(GOOGLE_KEY, client=stack.enter_context(google(Engine())))
        else:
            yield amazon(request.getfixturevalue("aws"))


def test_what_was_wrapped_is_unwrapped_and_no_two_are_alike(master: MasterKey) -> None:
    wrapped = [master.wrap(OTHER, "ds-1\0anna") for _ in range(2)]
    assert wrapped[0] != wrapped[1]
    assert [master.unwrap(each, "ds-1\0anna") for each in wrapped] == [OTHER, OTHER]
    assert OTHER not in wrapped[0]
    assert parts(wrapped[0]).version == master.version


def test_it_opens_in_no_other_context_and_not_when_a_byte_is_another_one(master: MasterKey) -> None:
    wrapped = master.wrap(OTHER, "ds-1\0anna")
    spoilt = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
    for what, context in ((wrapped, "ds-1\0bert"), (spoilt, "ds-1\0anna"), (secrets.token_bytes(60), "ds-1\0anna")):
        with pytest.raises(Corrupted) as caught:
            master.unwrap(what, context)
        assert caught.value.code == "wrapped_key_corrupted"


def test_what_another_kind_of_master_key_wrapped_is_refused(master: MasterKey) -> None:
    stranger = wrapped_by("somebody-else", secrets.token_bytes(60))
    with pytest.raises(Corrupted):
        master.unwrap(stranger, "ds-1\0anna")


def test_another_master_key_opens_nothing() -> None:
    with pytest.raises(Corrupted):
        local(OTHER).unwrap(local(KEY).wrap(KEY, "a"), "a")


def test_while_it_is_rotated_the_old_one_opens_and_the_new_one_wraps() -> None:
    old, both = local(KEY), local(OTHER, KEY)
    wrapped = old.wrap(KEY, "a")
    anew = both.rewrapped(wrapped, "a")
    assert anew is not None
    assert parts(anew).version == both.version == local(OTHER).version != old.version
    assert local(OTHER).unwrap(anew, "a") == KEY
    assert both.rewrapped(anew, "a") is None, "it is the newest one's already"
    assert both.unwrap(wrapped, "a") == KEY


def test_a_master_key_that_came_meanwhile_is_found() -> None:
    keys = [KEY]
    master = LocalMaster("master", lambda: tuple(keys))
    keys.insert(0, OTHER)
    assert master.unwrap(local(OTHER).wrap(KEY, "a"), "a") == KEY


def test_a_version_that_is_exchanged_for_another_one_opens_nothing() -> None:
    """Each version is another key."""
    both = local(OTHER, KEY)
    version, sealed = parts(local(KEY).wrap(KEY, "a"))
    assert version is not None
    with pytest.raises(Corrupted):
        both.unwrap(wrapped_by(both.version, sealed), "a")


@given(st.binary(max_size=80))
def test_whatever_is_stored_is_refused_without_a_crash(stored: bytes) -> None:
    for junk in (stored, b"twk1" + stored):
        with pytest.raises(Corrupted):
            local(KEY).unwrap(junk, "a")


def test_nonces_never_repeat() -> None:
    """Of 10,000 wrappings; 96 random bits meet again with a probability below 1e-21."""
    master = local(KEY)
    seen = {parts(master.wrap(OTHER, "a")).sealed[:12] for _ in range(10_000)}
    assert len(seen) == 10_000


# Files


def test_a_file_of_before_is_a_ring_of_one_key(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    assert KeyFile(path=path, purpose="vault").load() == (KEY,)


def test_a_file_is_replaced_whole_and_stays_its_owners_alone(tmp_path: Path) -> None:
    file = KeyFile(path=tmp_path / "master.key", purpose="master")
    file.create()
    (first,) = file.load()
    file.create()
    assert file.load() == (first,), "what is there stays"
    file.replace([OTHER, first])
    assert file.load() == (OTHER, first)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file.path], "no draft is left"


@pytest.mark.parametrize("content", [b"", b"short", bytes(33), bytes(32 * 9), b"tunewarden keys, wrapped\nzz\n"])
def test_a_file_that_holds_no_keys_is_corrupted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Corrupted):
        KeyFile(path=path, purpose="master", kms=local(KEY) if content.startswith(b"tune") else None).load()


def test_with_a_kms_the_file_alone_is_worth_nothing(tmp_path: Path) -> None:
    kms = local(KEY, purpose="kms")
    file = KeyFile(path=tmp_path / "master.key", purpose="master", kms=kms)
    file.create()
    (key,) = file.load()
    assert key not in file.path.read_bytes()
    assert key.hex().encode() not in file.path.read_bytes()
    with pytest.raises(Refused) as caught:
        KeyFile(path=file.path, purpose="master").load()
    assert caught.value.code == "key_wrapped"
    with pytest.raises(Corrupted):  # the file of another purpose
        KeyFile(path=file.path, purpose="vault", kms=kms).load()


def test_a_plain_file_is_refused_once_a_kms_is_named_until_it_is_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    file = KeyFile(path=path, purpose="vault", kms=local(OTHER, purpose="kms"))
    with pytest.raises(Refused) as caught:
        file.load()
    assert caught.value.code == "key_in_plain"
    file.wrap()
    assert file.load() == (KEY,)
    before = path.read_bytes()
    file.wrap()
    assert (file.load(), path.read_bytes() != before) == ((KEY,), True)


def test_a_file_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    file = KeyFile(path=tmp_path / "gone" / "master.key", purpose="master")
    with pytest.raises(Unavailable, match="put the new key before the old one"):
        file.replace([KEY])


def test_keys_in_a_setting_are_read_or_refused_without_being_repeated() -> None:
    assert keys_in_words(f"{KEY.hex()},{OTHER.hex()}") == (KEY, OTHER)
    for text in ("", "zz", KEY.hex()[:-2], ",".join([KEY.hex()] * 9)):
        with pytest.raises(Corrupted) as caught:
            keys_in_words(text)
        assert not text or text not in str(caught.value)


# Services


def test_a_service_is_named_or_refused(token_file: Path) -> None:
    assert kms_named("", None) is None
    made = kms_named("transit:https://vault.example/v1/transit/keys/t", token_file)
    assert isinstance(made, TransitKms)
    made.close()
    for setting in ("azure:x", "aws", "aws:", "gcp:", "secret-hunter2"):
        with pytest.raises(Malformed) as caught:
            kms_named(setting, None)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(Unavailable) as missing:
        kms_named("transit:https://vault.example/v1/transit/keys/t", None)
    assert missing.value.code == "kms_token_missing"


@pytest.mark.parametrize(
    ("setting", "name"), [("aws:alias/tunewarden", "boto3"), (f"gcp:{GOOGLE_KEY}", "google.cloud.kms")]
)
def test_a_service_whose_library_is_missing_says_which_extra_to_install(setting: str, name: str) -> None:
    try:
        if importlib.util.find_spec(name) is not None:
            pytest.skip(f"{name} is installed")
    except ModuleNotFoundError:
        pass
    with pytest.raises(Unavailable, match=r"tunewarden\[(aws|gcp)\]"):
        kms_named(setting, None)


@pytest.mark.parametrize(
    "url",
    [
        "http://vault.example/v1/transit/keys/t",
        "https://vault.example/v1/transit/t",
        "https://vault.example/transit/keys/t",
        "https://me:secret@vault.example/v1/transit/keys/t",
        "ftp://127.0.0.1/v1/transit/keys/t",
    ],
)
def test_a_transit_url_of_another_form_is_refused_and_not_repeated(url: str, token_file: Path) -> None:
    with pytest.raises(Malformed) as caught:
        TransitKms(url, token_file)
    assert url not in str(caught.value)


FAILURES = {
    "sealed": (503, b'{"errors": ["Vault is sealed"]}'),
    "no permission": (403, b"{}"),
    "no JSON": (200, b"<html>"),
    "no data": (200, b'{"data": null}'),
    "no text": (200, b'{"data": {"plaintext": 7, "ciphertext": 7}}'),
    "no base64": (200, b'{"data": {"plaintext": "%%%"}}'),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_transit_engine_that_fails_is_unavailable_and_nothing_of_it_is_repeated(
    failure: tuple[int, bytes], token_file: Path
) -> None:
    engine = Engine()
    with transit(engine, "s.token") as base:
        kms = TransitKms(f"{base}/v1/transit/keys/t", token_file)
        wrapped = kms.wrap(KEY, "a")
        engine.fail = lambda: failure
        with pytest.raises(Unavailable) as caught:
            kms.unwrap(wrapped, "a")
        assert "sealed" not in str(caught.value)
        kms.close()
    assert engine.asked[0] == ("/v1/transit/encrypt/t", "s.token"), "the token's line feed is none of it"
    with pytest.raises(Unavailable):
        TransitKms(f"{base}/v1/transit/keys/t", token_file).wrap(KEY, "a")


def test_a_token_that_others_can_read_is_refused(token_file: Path) -> None:
    token_file.chmod(0o644)
    with pytest.raises(Refused):
        TransitKms("https://vault.example/v1/transit/keys/t", token_file).wrap(KEY, "a")


def test_an_answer_of_google_that_was_damaged_on_the_way_is_refused() -> None:
    pytest.importorskip("google.cloud.kms", reason="google-cloud-kms is not installed")
    engine = Engine()
    with google(engine) as client:
        kms = GcpKms(GOOGLE_KEY, client=client)
        wrapped = kms.wrap(KEY, "a")
        engine.fail = lambda: (0, b"")
        attempts = [lambda: kms.wrap(KEY, "a"), lambda: kms.unwrap(wrapped, "a")]
        for attempt in attempts:
            with pytest.raises(Unavailable, match="damaged"):
                attempt()


def test_the_sums_are_those_of_the_standard() -> None:
    """RFC 3720, B.4: 32 bytes of zeros, and of ones; and the usual check value."""
    found = [crc32c(data) for data in (bytes(32), b"\xff" * 32, b"123456789")]
    assert found == [0x8A9136AA, 0x62A8AB43, 0xE3069283]


def test_a_key_that_amazon_does_not_have_is_unavailable_and_so_is_amazon_when_it_is_away(aws: str) -> None:
    from tunewarden.drivers.kms_aws import AwsKms

    for kms in (AwsKms("alias/nowhere", endpoint=aws), AwsKms("alias/a", endpoint="http://127.0.0.1:1")):
        with pytest.raises(Unavailable) as caught:
            kms.wrap(KEY, "a")
        assert caught.value.code == "kms_unavailable"
