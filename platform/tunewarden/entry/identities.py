"""Who can be let in besides the bearers of keys in the platform's own state, put together from the settings."""

from dataclasses import dataclass, field
from datetime import timedelta

from tunewarden.domain.errors import Malformed, Unavailable
from tunewarden.drivers.memory_sessions import MemoryKeyUses, MemorySessions
from tunewarden.drivers.oidc import Provider, Registration, allowed_algorithms
from tunewarden.drivers.oidc_groups import read_groups
from tunewarden.drivers.oidc_web import HttpWeb, is_loopback
from tunewarden.drivers.sessions import SqlKeyUses, SqlSessions
from tunewarden.drivers.sql_engine import connect
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Clock
from tunewarden.usecases.sessions import KeyUses, Lifetimes, Sessions

CALLBACK = "/login/callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """The identity provider, if there is one, sessions, and when keys were used.

    Without the settings' database all of it is in this process and forgotten with it: for tests.
    """

    sessions: Sessions = field(default_factory=MemorySessions)
    key_uses: KeyUses = field(default_factory=MemoryKeyUses)
    provider: Provider | None = None


def identities(settings: Settings, clock: Clock) -> Identities:
    """As the settings say. Raises `Malformed` for settings that contradict each other or would not be safe."""
    engine = connect(settings.database)
    return Identities(sessions=SqlSessions(engine), key_uses=SqlKeyUses(engine), provider=provider(settings, clock))


def provider(settings: Settings, clock: Clock) -> Provider | None:
    """The identity provider of the settings; None where they name none. Nothing is asked of it yet."""
    if not settings.oidc_issuer:
        return None
    _require_safe(settings)
    try:
        algorithms = allowed_algorithms([name.strip() for name in settings.oidc_algorithms.split(",")])
    except ValueError as error:
        raise _unsafe("oidc_algorithms", f"{error}") from None
    ours = Registration(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        algorithms=algorithms,
        group_claim=settings.oidc_group_claim,
        groups=read_groups(settings.policies / "access" / "groups.toml"),
        client_id=settings.oidc_client_id,
        client_secret=_secret(settings),
        redirect_uri=settings.public_url.rstrip("/") + CALLBACK if settings.oidc_client_id else "",
    )
    return Provider(ours, HttpWeb(settings.oidc_issuer), clock)


def lifetimes(settings: Settings) -> Lifetimes:
    """Of sessions."""
    return Lifetimes(
        idle=timedelta(minutes=settings.session_idle_minutes), whole=timedelta(hours=settings.session_hours)
    )


def _require_safe(settings: Settings) -> None:
    if not _is_safe(settings, settings.oidc_issuer):
        raise _unsafe("oidc_issuer", "the issuer is a URL with https")
    if settings.oidc_client_id and not _is_safe(settings, settings.public_url):
        raise _unsafe("public_url", "where browsers log in, this platform has a URL with https")
    if not settings.oidc_audience and not settings.oidc_client_id:
        raise _unsafe("oidc_audience", "an issuer is of no use without an audience or a client id")


def _is_safe(settings: Settings, url: str) -> bool:
    """https; in development also plain http to this machine."""
    return url.startswith("https://") or (settings.environment == "development" and is_loopback(url))


def _secret(settings: Settings) -> str:
    path = settings.oidc_client_secret_file
    if path is None:
        return ""
    try:
        if path.stat().st_mode & 0o077:
            raise _unsafe("oidc_client_secret_file", "the file of a secret is readable by its owner only")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            "client_secret_unreadable",
            f"The secret for the identity provider cannot be read ({type(error).__name__}).",
            who="administrator",
        ) from None


def _unsafe(setting: str, what: str) -> Malformed:
    return Malformed(
        "login_settings_unsafe",
        f"Nobody can be let in with these settings: {what}.",
        remedy=f"Mend TUNEWARDEN_{setting.upper()}.",
        who="administrator",
        param=setting,
    )
