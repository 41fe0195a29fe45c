"""The file of sinks is read strictly, and never repeats what may be a secret."""

from pathlib import Path

import pytest

from tunewarden.domain.errors import Malformed, NotFound, Unavailable
from tunewarden.drivers.sinks import FileReceiver, HttpReceiver, SyslogReceiver
from tunewarden.entry.siem.config import Sink, read_sinks, receiver, sink_named

GOOD = """
[[sinks]]
name = "siem"
to = "https://collector.example/CANARY"
format = "ocsf"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "sinks.toml").write_text(GOOD)
    return tmp_path / "sinks.toml"


def test_a_file_is_read_as_it_is_written(file: Path) -> None:
    (sink,) = read_sinks(file)
    assert sink == Sink(name="siem", to="https://collector.example/CANARY", format="ocsf", start="history")
    assert sink_named(file, "siem") == sink
    for path in (file, None):
        with pytest.raises(NotFound):
            sink_named(path, "other")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"ocsf"', '"csv"'),
        ('format = "ocsf"', ""),
        ('format = "ocsf"', 'format = "ocsf"\ntoken = "CANARY"'),
        ('"siem"', '"SIEM"'),
        ('"siem"', "1"),
        ("https://collector.example/CANARY", "ftp://collector.example/CANARY"),
        ("https://collector.example/CANARY", "https://CANARY:CANARY@collector.example/"),
        ("https://collector.example/CANARY", "http://collector.example/CANARY"),
        ("https://collector.example/CANARY", "https:///CANARY"),
        ("https://collector.example/CANARY", "syslog+tls://CANARY.example"),
        ("https://collector.example/CANARY", "syslog+tcp://:601"),
        ("https://collector.example/CANARY", "https://[CANARY"),
        ("https://collector.example/CANARY", "https://collector.example:CANARY/"),
        ("https://collector.example/CANARY", "file://CANARY/x"),
        ("https://collector.example/CANARY", "file:CANARY"),
        ("[[sinks]]", "[sinks]"),
        ("[[sinks]]", "[[sinks"),
        (GOOD, GOOD + GOOD),
        (GOOD, "[[sink]]\n"),
    ],
)
def test_a_file_with_a_fault_is_refused_without_repeating_a_value(file: Path, old: str, new: str) -> None:
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(Malformed) as caught:
        read_sinks(file)
    assert "CANARY" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="FileNotFoundError"):
        read_sinks(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("file:///var/log/x", FileReceiver),
        ("syslog+tcp://siem.example:601", SyslogReceiver),
        ("syslog+tls://siem.example:6514", SyslogReceiver),
        ("https://siem.example/x", HttpReceiver),
        ("http://127.0.0.1:9/x", HttpReceiver),
    ],
)
def test_the_address_says_what_kind_of_receiver_it_is(to: str, kind: type) -> None:
    found = receiver(Sink(name="siem", to=to, format="cef"))
    assert isinstance(found, kind)
    found.close()


@pytest.mark.parametrize("content", ["", "\n", "CANARY\nX-Other: 1", "CAN\u00c4RY"])
def test_a_token_file_without_one_sound_token_is_refused_and_nothing_is_sent_without_it(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(Unavailable) as caught:
        receiver(Sink(name="siem", to="https://siem.example/x", format="cef", token_file=f"{tmp_path}/token"))
    assert "CAN" not in str(caught.value)


@pytest.mark.parametrize("field", ["token_file", "ca_file", "certificate_file"])
def test_a_secret_that_cannot_be_read_is_said_by_its_kind_only(tmp_path: Path, field: str) -> None:
    sink = Sink.model_validate(
        {"name": "siem", "to": "https://siem.example/x", "format": "cef", field: f"{tmp_path}/CANARY"}
    )
    with pytest.raises(Unavailable) as caught:
        receiver(sink)
    assert "CANARY" not in str(caught.value)
