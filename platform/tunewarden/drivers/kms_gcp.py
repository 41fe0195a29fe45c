"""Google Cloud Key Management Service: a symmetric key there wraps keys here (cloudkms.cryptoKeyVersions.useTo*).

Trusted: Google, and whoever may use or administer the key. Credentials are found as Google's own library finds them.
Both ways carry CRC-32C sums (RFC 3720, B.4), so that a damaged request or answer is noticed. The key's rotation there
still reads what older versions wrapped; `tunewarden master-keys wrap` wraps anew.

Source: Cloud KMS documentation, "Verifying end-to-end data integrity", "Additional authenticated data".
Not tested against Google: there is no server of theirs to test against elsewhere.
"""

from importlib import import_module
from typing import Any

from tunewarden.domain.errors import Unavailable
from tunewarden.drivers.keys_master import parts, wrapped_by, wrapped_corrupted

_PATIENCE_SECONDS = 5.0
_CASTAGNOLI = 0x82F63B78


class GcpKms:
    """`keys_master.MasterKey` over one key of Cloud KMS."""

    def __init__(self, key: str, *, client: Any = None) -> None:
        """`key` is `projects/P/locations/L/keyRings/R/cryptoKeys/K`; `client` is Google's own where None.

        Raises `Unavailable` where the library is not installed or finds no credentials.
        """
        try:
            api, auth = import_module("google.api_core.exceptions"), import_module("google.auth.exceptions")
            kms = import_module("google.cloud.kms")
        except ImportError:
            raise Unavailable(
                "kms_driver_missing",
                "Google Cloud KMS needs the library google-cloud-kms, which is not installed.",
                remedy="Install tunewarden[gcp].",
                who="administrator",
            ) from None
        self._refused = api.InvalidArgument
        self._failed = (api.GoogleAPICallError, api.RetryError, auth.GoogleAuthError)
        try:
            self._client = client or kms.KeyManagementServiceClient()
        except auth.GoogleAuthError as error:
            raise _unavailable(type(error).__name__) from None
        self._key = key

    @property
    def version(self) -> str:
        return f"gcp-kms:{self._key}"

    def wrap(self, key: bytes, context: str) -> bytes:
        about = context.encode()
        answer = self._ask(
            self._client.encrypt,
            name=self._key,
            plaintext=key,
            plaintext_crc32c=crc32c(key),
            additional_authenticated_data=about,
            additional_authenticated_data_crc32c=crc32c(about),
        )
        is_whole = answer.verified_plaintext_crc32c and answer.verified_additional_authenticated_data_crc32c
        if not is_whole or int(answer.ciphertext_crc32c) != crc32c(answer.ciphertext):
            raise _unavailable("damaged on the way")
        return wrapped_by(self.version, answer.ciphertext)

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        version, sealed = parts(wrapped)
        if version is None or not version.startswith("gcp-kms:"):
            raise wrapped_corrupted()
        about = context.encode()
        answer = self._ask(
            self._client.decrypt,
            name=version.removeprefix("gcp-kms:"),
            ciphertext=sealed,
            ciphertext_crc32c=crc32c(sealed),
            additional_authenticated_data=about,
            additional_authenticated_data_crc32c=crc32c(about),
        )
        if int(answer.plaintext_crc32c) != crc32c(answer.plaintext):
            raise _unavailable("damaged on the way")
        return bytes(answer.plaintext)

    def _ask(self, ask: Any, **request: Any) -> Any:
        try:
            return ask(request=request, timeout=_PATIENCE_SECONDS)
        except self._refused:
            raise wrapped_corrupted() from None
        except self._failed as error:
            raise _unavailable(type(error).__name__) from None


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of a few bytes, bit by bit."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (_CASTAGNOLI if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


def _unavailable(reason: str) -> Unavailable:
    return Unavailable(
        "kms_unavailable",
        f"Google Cloud KMS did not do its work ({reason}).",
        remedy="See that the key exists and is enabled, that this process may use it, and that it is reached.",
        who="administrator",
    )
