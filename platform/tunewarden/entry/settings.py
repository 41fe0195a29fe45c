"""Everything that can be set from outside, read once, at the edge. Below `entry` nobody reads the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from tunewarden.domain.errors import Malformed

_PACKAGE = Path(__file__).resolve().parents[1]


def _shipped_policies() -> Path:
    """The policy files inside an installed package, or those beside the source tree."""
    inside = _PACKAGE / "policies"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / "policies"


class Settings(BaseSettings):
    """Environment variables are these names in capitals after `TUNEWARDEN_`; README.md explains each."""

    model_config = SettingsConfigDict(env_prefix="TUNEWARDEN_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "development"
    home: Path = Path("tunewarden-home")
    database_url: str = ""
    blobs_url: str = ""
    policies: Path = Field(default_factory=_shipped_policies)
    training_gate: str = Field(default="training", pattern=r"^[a-z][a-z0-9.-]{0,63}$")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    origin: str = "tunewarden.example/log"
    seal_interval_seconds: float = Field(default=0.2, gt=0, le=3600)
    heartbeat_seconds: float = Field(default=3600, gt=0, le=86400)
    witnesses: str = ""
    timestamp_url: str = ""
    timestamp_root_file: Path | None = None
    poll_interval_seconds: float = Field(default=0.5, gt=0, le=60)
    sinks_file: Path | None = None
    lease_seconds: int = Field(default=30, ge=5, le=3600)
    largest_upload_bytes: int = Field(default=2 * 1024**3, gt=0)
    signing_key_file: Path | None = None
    signing_key_pem: SecretStr | None = None
    tenant_key_file: Path | None = None
    kms: str = ""
    kms_token_file: Path | None = None
    master_key_file: Path | None = None
    master_keys: SecretStr | None = None
    vault_key_file: Path | None = None
    blob_key_file: Path | None = None
    release_key_file: Path | None = None
    ray_address: str = ""
    deidentify_workers: int = Field(default=2, ge=1)
    recognisers: Path | None = None
    training_workers: int = Field(default=1, ge=1, le=64)
    training_threads: int = Field(default=2, ge=1)
    micro_batch_rows: int = Field(default=64, ge=1)
    charge_every_updates: int = Field(default=4, ge=1)
    allow_hub: bool = False
    key_days: int = Field(default=365, ge=1, le=3650)
    requests_per_minute: int = Field(default=6000, ge=1)
    requests_at_once: int = Field(default=512, ge=1)
    request_threads: int = Field(default=8, ge=1, le=64)
    one_processor: bool = True
    streams_at_once: int = Field(default=256, ge=1)
    streams_of_each_principal: int = Field(default=8, ge=1)
    webhooks: bool = False
    webhook_allowed: str = ""
    webhook_key_file: Path | None = None
    failed_logins_per_minute: int = Field(default=60, ge=1)
    metrics_token_file: Path | None = None
    pages_take_keys: bool = True
    public_url: str = ""
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_algorithms: str = "RS256,PS256,ES256,EdDSA"
    oidc_group_claim: str = Field(default="groups", min_length=1)
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    session_idle_minutes: int = Field(default=30, ge=1, le=1440)
    session_hours: int = Field(default=12, ge=1, le=168)

    @property
    def database(self) -> str:
        """URL of the database, SQLite or PostgreSQL; a SQLite file in `home` unless set. It may hold a password."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'tunewarden.db'}"

    @property
    def blob_directory(self) -> Path:
        """Where encrypted blobs lie. Raises `Malformed` for a store that is not a folder."""
        if not self.blobs_url:
            return self.home / "blobs"
        if not self.blobs_url.startswith("file:///"):
            raise Malformed(
                "blobs_unsupported",
                "The blob store's URL does not begin with file:///.",
                remedy="Name a folder; other stores are not supported yet.",
                param="blobs_url",
            )
        return Path(self.blobs_url.removeprefix("file://"))

    @property
    def scratch_directory(self) -> Path:
        """Where a step keeps checkpoints; may be lost at any time, at the price of privacy budget."""
        return self.home / "scratch"

    @property
    def signing_key(self) -> Path:
        """The log's private key; only the sealer opens it."""
        return self.signing_key_file or self.home / "keys" / "log-signing.key"

    @property
    def sealer_state(self) -> Path:
        """The sealer's memory of what it signed last, outside the database; losing it stops the sealer."""
        return self.signing_key.with_name("sealer-state.json")

    @property
    def log_vkey(self) -> Path:
        """The log's public key, for everybody."""
        return self.home / "log.vkey"

    @property
    def anchors_directory(self) -> Path:
        """Time stamps of tree heads by somebody else's clock, beside the public key."""
        return self.log_vkey.with_name("anchors")

    @property
    def tenant_key(self) -> Path:
        """Under which person pseudonyms are made; only the worker opens it."""
        return self.tenant_key_file or self.home / "keys" / "tenant.key"

    @property
    def master_key(self) -> Path:
        """Under which the data keys of dataset versions, uploads and raw rows are wrapped; api and worker open it."""
        return self.master_key_file or self.home / "keys" / "master.key"

    @property
    def vault_key(self) -> Path:
        """Under which the data keys of persons are wrapped; only the worker opens it."""
        return self.vault_key_file or self.home / "keys" / "vault.key"

    @property
    def blob_key(self) -> Path:
        """Under which blobs are encrypted, and envelopes from the api to the worker."""
        return self.blob_key_file or self.home / "keys" / "blobs.key"

    @property
    def webhook_key(self) -> Path:
        """From which follows what seals addresses of webhooks and signs what is sent; api and notifier open it."""
        return self.webhook_key_file or self.home / "keys" / "webhooks.key"

    @property
    def release_key(self) -> Path:
        """With which adapters and their provenance are signed; only the worker opens it."""
        return self.release_key_file or self.home / "keys" / "release.key"
