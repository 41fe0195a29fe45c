"""Where the log's signing key comes from: a file that only the sealer's account reads, or the environment."""

from collections.abc import Callable
from pathlib import Path

from tunewarden.domain.errors import Refused
from tunewarden.entry.settings import Settings
from tunewarden_audit.custody import create_key, read_key
from tunewarden_audit.note import InvalidKey, SignerKey


def signing_key(settings: Settings) -> SignerKey:
    """The key that signs the log. In development it is made where there is neither key nor memory of one.

    Raises `Refused` where it is missing, may be read by others, or is no Ed25519 key; never quotes it.
    """
    return _usable(lambda: _of(settings))


def key_in_file(settings: Settings, path: Path) -> SignerKey:
    """A signing key for this log in another file. Raises `Refused` as `signing_key` does."""
    return _usable(lambda: read_key(path, settings.origin))


def new_key(settings: Settings, path: Path) -> SignerKey:
    """A fresh signing key for this log, in a file of mode 0600 that was not there. Raises `Refused`."""
    return _usable(lambda: create_key(path, settings.origin))


def _of(settings: Settings) -> SignerKey:
    if settings.signing_key_pem is not None:
        return SignerKey.from_pem(settings.origin, settings.signing_key_pem.get_secret_value().encode())
    path = settings.signing_key
    if settings.environment == "development" and not path.exists() and not settings.sealer_state.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return create_key(path, settings.origin)
    return read_key(path, settings.origin)


def _usable(read: Callable[[], SignerKey]) -> SignerKey:
    try:
        return read()
    except (InvalidKey, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Refused(
            "signing_key_unusable",
            f"The signing key cannot be used: {reason}.",
            remedy="Provide the log's own key as README.md says; never a new one for a log that was signed before.",
            who="administrator",
        ) from None
