"""The file of sinks: TOML, strict. Secrets are never in it, only the paths of files that hold them."""

import ssl
import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tunewarden.domain.errors import Malformed, NotFound, Unavailable
from tunewarden.drivers.sinks import FileReceiver, HttpReceiver, Receiver, SyslogReceiver

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SCHEMES = frozenset({"file", "http", "https", "syslog+tcp", "syslog+tls"})


class Sink(BaseModel):
    """One sink.

    Attributes:
        to: `file:///PATH`, `https://...`, `syslog+tls://HOST:PORT` or, in a network of your own, `syslog+tcp://HOST:PORT`;
            plain `http://` only on this machine.
        start: whether a new sink gets what is in the log already.
        token_file: sent as `Authorization: Bearer ...`, or as it is where it names its scheme ("Splunk ...").
        ca_file: whom to trust instead of the system's authorities.
        certificate_file, certificate_key_file: shown to a receiver that asks for one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")
    to: str = Field(max_length=2000)
    format: Literal["ocsf", "cef", "cloudevents"]
    start: Literal["now", "history"] = "history"
    token_file: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    certificate_key_file: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sinks: list[Sink] = Field(max_length=100)


def read_sinks(path: Path) -> list[Sink]:
    """The sinks of a file. Raises `Malformed` naming the field at fault, never its value: that may be a secret."""
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).sinks
    except ValidationError as error:
        where = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors()[:5])
        raise _fault(f"missing, unknown or malformed: {where}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _fault(f"it cannot be read as TOML ({type(error).__name__})") from None
    if len({sink.name for sink in found}) != len(found):
        raise _fault("two sinks have one name")
    for sink in found:
        _require_address(sink)
    return found


def sink_named(path: Path | None, name: str) -> Sink:
    """One sink of the file. Raises `NotFound`."""
    for sink in read_sinks(path) if path else []:
        if sink.name == name:
            return sink
    raise NotFound("sink_not_found", "There is no sink of that name in the file of sinks.", who="administrator")


def receiver(sink: Sink) -> Receiver:
    """Where a sink leads. Raises `Unavailable` where a secret or a certificate cannot be read."""
    address = urlsplit(sink.to)
    if address.scheme == "file":
        return FileReceiver(Path(address.path))
    if address.scheme.startswith("syslog"):
        context = _context(sink) if address.scheme == "syslog+tls" else None
        return SyslogReceiver(str(address.hostname), int(address.port or 0), context)
    return HttpReceiver(sink.to, _context(sink) if address.scheme == "https" else None, _token(sink))


def _require_address(sink: Sink) -> None:
    try:
        address = urlsplit(sink.to)
        host, port = address.hostname, address.port
    except ValueError:
        raise _fault(f"the address of {sink.name} is malformed") from None
    if address.scheme not in _SCHEMES or address.username or address.password or address.fragment:
        raise _fault(f"the address of {sink.name} begins with none of {', '.join(sorted(_SCHEMES))}, or holds a secret")
    if address.scheme == "file" and (host or not address.path.startswith("/")):
        raise _fault(f"the address of {sink.name} is not of the form file:///PATH")
    if address.scheme != "file" and (not host or (address.scheme.startswith("syslog") and not port)):
        raise _fault(f"the address of {sink.name} lacks a host or a port")
    if address.scheme == "http" and host not in _LOOPBACK:
        raise _fault(f"the address of {sink.name} sends the log in plain text to another machine; use https")


def _context(sink: Sink) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=sink.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if sink.certificate_file:
            context.load_cert_chain(sink.certificate_file, sink.certificate_key_file or None)
    except OSError as error:  # ssl.SSLError is one
        raise _unreadable(sink, "certificate") from error
    return context


def _token(sink: Sink) -> str:
    if not sink.token_file:
        return ""
    try:
        token = Path(sink.token_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(sink, "token") from error
    if not token.isprintable() or not token:
        raise _unreadable(sink, "token")
    return token


def _unreadable(sink: Sink, what: str) -> Unavailable:
    return Unavailable("sink_secret_unreadable", f"The {what} file of sink {sink.name} cannot be read.")


def _fault(what: str) -> Malformed:
    return Malformed(
        "sinks_malformed", f"The file of sinks cannot be used: {what}.", remedy="Mend it.", who="administrator"
    )
