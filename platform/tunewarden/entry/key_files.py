"""The keys of the settings: from which file, wrapped by whom.

Five files of secrets that are no signing keys. Two hold master keys, which wrap data keys and can be rotated: `master`
(of dataset versions, uploads and raw rows; api and worker) and `vault` (of persons, as releases are made with them; the
worker alone). `blobs` seals what is in no dataset version, and can be rotated too (`blob_rotation`). `tenant` stays as
long as the platform: pseudonyms are made with it. Under another one everybody would be somebody else, with a privacy
budget of their own again and on the other side of a held-out split, and nobody's erasure would find their keys.
`webhooks` is there only where webhooks are sent; under another one endpoints have to be made anew.
"""

from tunewarden.drivers.blob_keys import BlobKeys
from tunewarden.drivers.keys_file import KeyFile, keys_in_words
from tunewarden.drivers.keys_kms import kms_named
from tunewarden.drivers.keys_master import FIRST, LocalMaster
from tunewarden.entry.settings import Settings

MASTER, VAULT, BLOBS, TENANT, WEBHOOKS = "master", FIRST, "blobs", "tenant", "webhooks"
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
        WEBHOOKS: settings.webhook_key,
    }
    if not settings.webhooks:
        del paths[WEBHOOKS]
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
    """The key of a file that holds one and is not rotated: `tenant`, `webhooks`. Raises as `KeyFile.load` does."""
    return key_files(settings)[purpose].load()[0]


def blob_keys(settings: Settings) -> BlobKeys:
    """The blob keys, as they are whenever it is asked. Raises as `KeyFile.load` does."""
    return BlobKeys(key_files(settings)[BLOBS])


def master(settings: Settings, purpose: str) -> LocalMaster:
    """The master key of that purpose, with those that are being rotated away."""
    words = settings.master_keys
    if purpose == MASTER and words is not None:
        return LocalMaster(MASTER, lambda: keys_in_words(words.get_secret_value()))
    return LocalMaster(purpose, key_files(settings)[purpose].load)
