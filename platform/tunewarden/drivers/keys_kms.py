"""Which key-management service a setting names."""

from pathlib import Path

from tunewarden.domain.errors import Malformed, Unavailable
from tunewarden.drivers.keys_master import MasterKey


def kms_named(setting: str, token_file: Path | None) -> MasterKey | None:
    """The service of `aws:KEY`, `gcp:projects/...` or `transit:https://...`; None for an empty setting.

    `KEY` is an id, an alias or an ARN. A library is imported only where its service is named. Raises `Unavailable`
    where it is not installed, and `Malformed` for another form, without echoing it.
    """
    kind, _, key = setting.partition(":")
    if not setting:
        return None
    if kind == "aws" and key:
        from tunewarden.drivers.kms_aws import AwsKms

        return AwsKms(key)
    if kind == "gcp" and key:
        from tunewarden.drivers.kms_gcp import GcpKms

        return GcpKms(key)
    if kind == "transit" and key:
        from tunewarden.drivers.kms_transit import TransitKms

        if token_file is None:
            raise Unavailable(
                "kms_token_missing",
                "The transit engine needs a token, and no file with one is named.",
                remedy="Name it: TUNEWARDEN_KMS_TOKEN_FILE.",
                who="administrator",
            )
        return TransitKms(key, token_file)
    raise Malformed(
        "kms_unsupported",
        "The key-management service is not of the form aws:KEY, gcp:KEY or transit:URL.",
        param="kms",
    )
