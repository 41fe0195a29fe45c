"""The keys of the settings: from which file, wrapped by whom.

Four files of secrets that are no signing keys. Two hold master keys, which wrap data keys and can be rotated: `master`
(of dataset versions, uploads and raw rows; api and worker) and `vault` (of persons, as releases are made with them; the
worker alone). Two hold secrets that stay: `blobs` and `tenant`.
"""

from tunewarden.drivers.keys_file import KeyFile, keys_in_words
from tunewarden.drivers.keys_kms import kms_named
from tunewarden.drivers.keys_master import FIRST, LocalMaster
from tunewarden.entry.settings import Settings

MASTER, VAULT, BLOBS, TENANT = "master", FIRST, "blobs", "tenant"
RINGS = (MASTER, VAULT)
"""Purposes of the keys that can be rotated."""


def key_files(settings: Settings) -> dict[str, KeyFile]:
    """Each by its purpose; that of a key that stands in the settings is left out. Raises as `kms_named` does."""
    kms = kms_named(settings.kms, settings.kms_token_file)
    paths = {
        MASTER: settings.master_key,
        VAULT: settings.vault_key,
        BLOBS: settings.blob_key,
        TENANT: settings.tenant_key,
    }
    if settings.master_keys is not None:
        del paths[MASTER]
    return {purpose: KeyFile(path=path, purpose=purpose, kms=kms) for purpose, path in paths.items()}


def create(settings: Settings) -> None:
    """Make the files that are missing; in production they must be there already. Raises as `KeyFile.load` does."""
    for file in key_files(settings).values():
        if settings.environment != "production":
            file.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.create()
        file.load()


def secret(settings: Settings, purpose: str) -> bytes:
    """The key of a file that holds one and is not rotated: `blobs` or `tenant`. Raises as `KeyFile.load` does."""
    return key_files(settings)[purpose].load()[0]


def master(settings: Settings, purpose: str) -> LocalMaster:
    """The master key of that purpose, with those that are being rotated away."""
    words = settings.master_keys
    if purpose == MASTER and words is not None:
        return LocalMaster(MASTER, lambda: keys_in_words(words.get_secret_value()))
    return LocalMaster(purpose, key_files(settings)[purpose].load)
