"""Where the platform is: which URLs a key may be sent to."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from tunewarden.domain.errors import Malformed, Refused

_LONGEST = 2048
_USUAL = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?|[0-9A-Fa-f:.]{2,45}")
_PATH = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Of one platform. `text` is the URL without an end of `/v1`, in lower case where case means nothing."""

    text: str
    is_loopback: bool

    def url(self, path: str) -> str:
        """Of a path such as `/v1/files`."""
        return self.text + path


def address(text: str, *, insecure: bool = False) -> Address:
    """What somebody typed as the platform's URL.

    Raises `Malformed` for what is no http or https URL of a host, and `Refused` for one where the key would travel in
    plain: http to anything but this machine, unless that was said.
    """
    parts = _parts(text)
    host, path = parts[1], parts[3]
    loopback = _is_loopback(host)
    if parts[0] == "http" and not loopback and not insecure:
        raise Refused(
            "address_not_encrypted",
            "Over http to another machine the API key could be read on the way.",
            remedy="Use https; or say --insecure to login, where the network is protected otherwise.",
        )
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts[2] in {None, _USUAL[parts[0]]} else f":{parts[2]}"
    return Address(text=f"{parts[0]}://{shown}{port}{path}", is_loopback=loopback)


def _parts(text: str) -> tuple[str, str, int | None, str]:
    try:
        split = urlsplit(text.strip()) if len(text) <= _LONGEST else None
        port = None if split is None else split.port
    except ValueError:
        split = None
    if split is None or split.scheme not in {"http", "https"} or not _HOST.fullmatch(split.hostname or ""):
        raise _malformed("It is no http or https URL of a host.")
    if split.username is not None or split.password is not None:
        raise _malformed("It holds a name or a password.")
    path = split.path.rstrip("/").removesuffix("/v1")
    if split.query or split.fragment or not _PATH.fullmatch(path):
        raise _malformed("It has more than a host, a port and a plain path.")
    return split.scheme, (split.hostname or "").lower(), port, path


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _malformed(why: str) -> Malformed:
    return Malformed(
        "address_malformed",
        f"The platform's URL cannot be used. {why}",
        remedy="Name it as https://HOST or http://127.0.0.1:PORT.",
        param="url",
    )
