"""AWS Key Management Service: a symmetric key there wraps keys here (`kms:Encrypt`, `kms:Decrypt`).

Trusted: AWS, and whoever may use or administer the key. What a key is for is its encryption context, so a policy of AWS
can let the api unwrap one file and the worker another. Credentials and region are found as AWS's own library finds
them. AWS rotates the key by itself and still reads what its older versions wrapped; `tunewarden master-keys wrap` wraps
anew.

Source: AWS KMS API Reference, Encrypt and Decrypt; "Encryption context".
"""

from importlib import import_module
from typing import Any

from tunewarden.domain.errors import Unavailable
from tunewarden.drivers.keys_master import parts, wrapped_by, wrapped_corrupted

_PATIENCE_SECONDS = 5
_REFUSED = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class AwsKms:
    """`keys_master.MasterKey` over one key of AWS KMS."""

    def __init__(self, key: str, *, endpoint: str | None = None) -> None:
        """`key` is an id, an alias or an ARN. `endpoint` is for other places that speak the protocol.

        Raises `Unavailable` where the library is not installed or does not know its region.
        """
        try:
            boto3, config = import_module("boto3"), import_module("botocore.config")
            failures = import_module("botocore.exceptions")
        except ImportError:
            raise Unavailable(
                "kms_driver_missing",
                "AWS KMS needs the library boto3, which is not installed.",
                remedy="Install tunewarden[aws].",
                who="administrator",
            ) from None
        self._answered, self._silent = failures.ClientError, failures.BotoCoreError
        patience = config.Config(
            connect_timeout=_PATIENCE_SECONDS, read_timeout=_PATIENCE_SECONDS, retries={"total_max_attempts": 3}
        )
        try:
            self._client: Any = boto3.client("kms", endpoint_url=endpoint, config=patience)
        except failures.BotoCoreError as error:
            raise _unavailable(type(error).__name__) from None
        self._key = key

    @property
    def version(self) -> str:
        return f"aws-kms:{self._key}"

    def wrap(self, key: bytes, context: str) -> bytes:
        answer = self._ask("encrypt", KeyId=self._key, Plaintext=key, EncryptionContext={"tunewarden": context})
        return wrapped_by(self.version, answer["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        version, sealed = parts(wrapped)
        if version is None or not version.startswith("aws-kms:"):
            raise wrapped_corrupted()
        # The key that wrapped it, so that a change of the setting to a new key still reads what the old one wrapped.
        key = version.removeprefix("aws-kms:")
        answer = self._ask("decrypt", KeyId=key, CiphertextBlob=sealed, EncryptionContext={"tunewarden": context})
        return bytes(answer["Plaintext"])

    def _ask(self, what: str, **more: Any) -> Any:
        try:
            return getattr(self._client, what)(**more)
        except self._answered as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _REFUSED:
                raise wrapped_corrupted() from None
            raise _unavailable(code) from None
        except self._silent as error:
            raise _unavailable(type(error).__name__) from None


def _unavailable(reason: str) -> Unavailable:
    return Unavailable(
        "kms_unavailable",
        f"AWS KMS did not do its work ({reason}).",
        remedy="See that the key exists and is enabled, that this process may use it, and that it is reached.",
        who="administrator",
    )
