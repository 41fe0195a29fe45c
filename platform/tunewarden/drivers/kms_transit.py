"""The transit engine of HashiCorp Vault (or OpenBao): a key there wraps keys here, over HTTP.

Trusted: the server, and whoever may use or administer the key. The key must be of a kind with associated data
(`aes256-gcm96`, the default, or `chacha20-poly1305`). The token is read from its file at every request, so that an
agent may replace it. The key's rotation there still reads what older versions wrapped, as long as they are kept;
`tunewarden master-keys wrap` wraps anew.

Source: Vault documentation, "Transit secrets engine (API)", Encrypt data and Decrypt data.
"""

import base64
import binascii
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2 as httpx

from tunewarden.domain.errors import Malformed, Unavailable
from tunewarden.drivers.keyfiles import read_secret
from tunewarden.drivers.keys_master import parts, wrapped_by, wrapped_corrupted

_PATIENCE_SECONDS = 5.0
_LONGEST_TOKEN = 4096
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class TransitKms:
    """`keys_master.MasterKey` over one key of a transit engine."""

    def __init__(self, url: str, token_file: Path) -> None:
        """`url` is `https://HOST/v1/MOUNT/keys/NAME`; plain http only on this machine.

        Raises `Malformed` for another form, without echoing it.
        """
        split = urlsplit(url)
        mount, keys, name = split.path.removeprefix("/v1/").rpartition("/keys/")
        is_safe = split.scheme == "https" or (split.scheme == "http" and split.hostname in _LOOPBACK)
        if not (is_safe and split.path.startswith("/v1/") and mount and keys and name) or split.username:
            raise Malformed(
                "kms_url_malformed",
                "The URL of the transit key is not of the form https://HOST/v1/MOUNT/keys/NAME.",
                param="kms",
            )
        self._base, self._name, self._token_file = f"{split.scheme}://{split.netloc}/v1/{mount}", name, token_file
        self._client = httpx.Client(verify=ssl.create_default_context(), timeout=_PATIENCE_SECONDS, trust_env=False)

    @property
    def version(self) -> str:
        return f"transit:{self._name}"

    def wrap(self, key: bytes, context: str) -> bytes:
        answer = self._ask("encrypt", self._name, {"plaintext": _b64(key), "associated_data": _b64(context.encode())})
        return wrapped_by(self.version, _text(answer, "ciphertext").encode("ascii"))

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        version, sealed = parts(wrapped)
        if version is None or not version.startswith("transit:") or not sealed.isascii():
            raise wrapped_corrupted()
        asked = {"ciphertext": sealed.decode("ascii"), "associated_data": _b64(context.encode())}
        answer = self._ask("decrypt", version.removeprefix("transit:"), asked)
        try:
            return base64.b64decode(_text(answer, "plaintext"), validate=True)
        except binascii.Error:
            raise _unavailable("answered something else") from None

    def _ask(self, what: str, name: str, body: dict[str, str]) -> Any:
        token = read_secret(self._token_file, _LONGEST_TOKEN).decode("ascii", "replace").strip()
        try:
            answer = self._client.post(
                f"{self._base}/{what}/{quote(name, safe='')}", json=body, headers={"x-vault-token": token}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unavailable(type(error).__name__) from None
        if answer.status_code == 400 and what == "decrypt":
            raise wrapped_corrupted()  # of another key or context, or of a version that was destroyed there
        if answer.status_code != 200:
            raise _unavailable(f"status {answer.status_code}")
        try:
            return answer.json()
        except ValueError:
            raise _unavailable("answered something else") from None

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def _text(answer: Any, name: str) -> str:
    data = answer.get("data") if isinstance(answer, dict) else None
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str) or not value.isascii():
        raise _unavailable("answered something else")
    return value


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unavailable(reason: str) -> Unavailable:
    return Unavailable(
        "kms_unavailable",
        f"The transit engine did not do its work ({reason}).",
        remedy="See that the key exists, that the token is valid and may use it, and that the server is reached.",
        who="administrator",
    )
