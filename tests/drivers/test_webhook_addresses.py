"""Where webhooks may lead: every known way to an address inside is a case here, and refused."""

import ipaddress
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.errors import Conflict, Malformed, Refused, TunewardenError, Unavailable
from tunewarden.drivers.webhook_addresses import Allowed, Lookups, addresses, is_public, read_allowed, read_url

PUBLIC, SIX = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"


def led(url: str, *answers: str, allowed: str = "") -> list[str]:
    """Where a URL leads, if every name has these addresses."""
    return addresses(read_url(url), read_allowed(allowed), lambda _host, _port: answers)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "hooks.example",
        "https:///path",
        "https://",
        "https://ann:secret@hooks.example/",
        "https://ann@hooks.example/",
        "https://@hooks.example/",
        "https://hooks.example@10.0.0.1/",
        "https://hooks.example/#fragment",
        "https://hooks.example:22/",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "https://hooks.example:port/",
        "https://hooks.example\\@10.0.0.1/",
        "https://hooks.example/\r\nHost: inside",
        "https://hooks.example/a b",
        "https://hooks.example\t/",
        "https://hooks.ex\u00e4mple/",
        "https://\u2460\u2461\u2466.0.0.1/",  # digits in circles, which NFKC makes 127.0.0.1
        "https://hooks.example./",
        "https://hooks..example/",
        "https://-hooks.example/",
        "https://hooks_.example/",
        "https://%31%32%37.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://127.0.0.0x1/",
        "https://[::1",
        "https://[::1]extra/",
        "https://[v1.fe80::1]/",
        "https://hooks.example/" + "x" * 2000,
    ],
)
def test_what_is_no_plain_https_url_of_a_host_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Malformed) as refused:
        led(url, PUBLIC)
    assert refused.value.code == "webhook_url_malformed"
    assert url not in str(refused.value)


INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",  # carriers' networks
    "169.254.169.254",  # metadata of AWS, Azure, Google Cloud
    "168.63.129.16",  # the platform of Azure
    "169.254.170.2",  # credentials of ECS tasks
    "100.100.100.200",  # metadata of Alibaba Cloud
    "192.0.0.192",  # metadata of Oracle Cloud
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",  # metadata of AWS
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "::10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::1",
    "2001:0:5ef5:79fd::1",  # Teredo
    "2606:2800:220:1:248:1893:25c8:1946%eth0",  # by one network card
]


@pytest.mark.parametrize("address", INSIDE)
def test_no_name_leads_to_an_address_that_not_anybody_has(address: str) -> None:
    with pytest.raises(Refused) as refused:
        led("https://hooks.example/", address)
    assert (refused.value.code, refused.value.param) == ("webhook_address_refused", "url")
    assert address not in str(refused.value)


@pytest.mark.parametrize("address", [one for one in INSIDE if "%" not in one])
def test_nor_does_the_address_itself(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Refused):
        led(f"https://{host}/", PUBLIC)


@pytest.mark.parametrize("address", INSIDE)
def test_one_address_inside_among_public_ones_is_enough_to_refuse_a_name(address: str) -> None:
    with pytest.raises(Refused):
        led("https://hooks.example/", PUBLIC, address)


def test_public_addresses_are_led_to_in_the_order_of_the_answer_each_once() -> None:
    assert led("https://hooks.example:8443/in?x=1", SIX, PUBLIC, SIX) == [SIX, PUBLIC]
    assert led(f"https://{PUBLIC}/") == [PUBLIC]
    assert led(f"https://[{SIX}]/") == [SIX]
    assert led("https://hooks.example/", f"::ffff:{PUBLIC}") == ["::ffff:5db8:d822"]
    assert led("https://hooks.example/", "64:ff9b::5db8:d822") == ["64:ff9b::5db8:d822"], "a public one behind NAT64"


def test_plain_http_is_only_for_what_the_settings_name() -> None:
    with pytest.raises(Refused):
        led("http://hooks.example/", PUBLIC)
    assert led("http://hooks.example/", PUBLIC, allowed="hooks.example") == [PUBLIC]
    assert led("http://siem.internal/", "10.1.2.3", allowed="10.1.0.0/16") == ["10.1.2.3"]


def test_the_settings_open_hosts_and_networks_and_nothing_beside_them() -> None:
    allowed = "siem.internal, 10.1.0.0/16, fd12::/16, 192.168.7.7"
    assert led("https://siem.internal/", "127.0.0.1", allowed=allowed) == ["127.0.0.1"]
    assert led("https://other.internal/", "10.1.9.9", allowed=allowed) == ["10.1.9.9"]
    assert led("https://other.internal/", "fd12::5", PUBLIC, allowed=allowed) == ["fd12::5", PUBLIC]
    assert led("https://192.168.7.7/", allowed=allowed) == ["192.168.7.7"]
    for address in ("10.2.0.1", "192.168.7.8", "127.0.0.1", "::ffff:10.2.0.1"):
        with pytest.raises(Refused):
            led("https://other.internal/", address, allowed=allowed)
    with pytest.raises(Refused):
        led("https://sub.siem.internal/", "127.0.0.1", allowed=allowed)


@pytest.mark.parametrize("words", ["10.0.0.1/8", "http://siem", "a b", "*", "siem.internal;10.0.0.0/8", "10.0.0.0/33"])
def test_what_is_neither_a_host_nor_a_network_is_refused_where_it_is_set(words: str) -> None:
    with pytest.raises(Malformed):
        read_allowed(words)


def test_a_host_with_no_address_is_unavailable() -> None:
    def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("the name hooks.example stands here")

    with pytest.raises(Unavailable) as error:
        addresses(read_url("https://hooks.example/"), Allowed(), nowhere)
    assert "example" not in str(error.value)
    with pytest.raises(Unavailable):
        led("https://hooks.example/")


def test_a_name_that_changes_its_answer_is_asked_once_and_what_was_checked_is_what_is_led_to() -> None:
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    target = read_url("https://rebinding.example/")
    assert addresses(target, Allowed(), lambda _host, _port: next(answers)) == [PUBLIC]
    with pytest.raises(Refused):
        addresses(target, Allowed(), lambda _host, _port: next(answers))


def test_whoever_answers_for_names_too_slowly_is_left_alone_and_keeps_no_more_than_a_few_waiting() -> None:
    answer, looked = threading.Event(), threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        answer.wait(60)
        looked.set()
        return [PUBLIC]

    lookups, target = Lookups(resolve, most=1, seconds=0.01), read_url("https://slow.example/")
    with pytest.raises(Unavailable):
        addresses(target, Allowed(), lookups)
    with pytest.raises(Conflict) as error:
        addresses(target, Allowed(), lookups)
    assert error.value.code == "webhooks_busy"
    answer.set()
    assert looked.wait(60)
    assert found(lambda: addresses(target, Allowed(), Lookups(resolve, most=1, seconds=60))) == [PUBLIC]
    assert found(lambda: addresses(target, Allowed(), lookups)) == [PUBLIC], "its place is free again"


def found(look: Callable[[], list[str]]) -> list[str]:
    """What comes once there is a place and an answer in time."""
    for _ in range(1000):
        try:
            return look()
        except (Conflict, Unavailable):
            threading.Event().wait(0.01)
    raise AssertionError("it never came")


@given(st.ip_addresses())
def test_no_address_of_whatever_kind_is_public_in_disguise(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if isinstance(address, ipaddress.IPv4Address) and not address.is_global:
        value = int(address)
        for disguise in (0xFFFF << 32 | value, value, 0x64FF9B << 96 | value, 0x2002 << 112 | value << 80):
            assert not is_public(ipaddress.IPv6Address(disguise))
    if is_public(address):
        assert address.is_global or address in ipaddress.IPv6Network("64:ff9b::/96") or int(address) >> 112 == 0x2002


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_as_our_errors_are(text: str) -> None:
    for url in (text, f"https://{text}", f"https://hooks.example/{text}"):
        try:
            read_url(url)
        except TunewardenError:
            continue


def test_a_url_is_read_into_its_parts() -> None:
    target = read_url("https://HOOKS.example:8443?x=1&y")
    assert (target.host, target.port, target.path, target.authority) == (
        "hooks.example",
        8443,
        "/?x=1&y",
        "hooks.example:8443",
    )
    assert read_url("https://hooks.example/a/b").authority == "hooks.example"
    assert read_url(f"https://[{SIX}]/").authority == f"[{SIX}]"
