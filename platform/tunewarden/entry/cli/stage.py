"""A really started platform for the demo: its own home, a free port, four principals with their own keys."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from types import MappingProxyType
from typing import Any, cast

import httpx2 as httpx
from openai import OpenAI

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.names import Role
from tunewarden.drivers.sql_engine import migrate
from tunewarden.entry.cli.operator.authority import create_key
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import build, create_keys

CAST: Mapping[str, frozenset[Role]] = MappingProxyType(
    {
        "steward": frozenset({Role.STEWARD}),
        "requester": frozenset({Role.REQUESTER}),
        "approver": frozenset({Role.APPROVER}),
        "officer": frozenset({Role.PRIVACY_OFFICER}),
        "auditor": frozenset({Role.AUDITOR}),
    }
)
_SERVE = (sys.executable, "-m", "tunewarden", "serve")
_PATIENCE_SECONDS = 180.0  # a busy machine needs a minute; one that cannot start says so at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the demo plays.

    Attributes:
        clients: role -> a real OpenAI client with that principal's key.
        vkey: file with the log's public key.
    """

    home: Path
    address: str
    clients: Mapping[str, OpenAI]
    vkey: Path


def call(client: OpenAI, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One call beside the OpenAI contract, through the same client and key."""
    if method == "GET":
        return cast(dict[str, Any], client.get(path, cast_to=object))
    return cast(dict[str, Any], client.post(path, cast_to=object, body=body or {}))


@contextmanager
def started(home: Path, serve: Sequence[str] = _SERVE, **settings_of_its_own: str) -> Iterator[Stage]:
    """Start `tunewarden serve`, or another command, in a fresh folder of `home`, and stop it at the end.

    Without policies of its own it has the shipped ones, with the wider tolerance for few persons of `policies/demo`.
    """
    place = home.absolute() / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    place.mkdir(mode=0o700, parents=True)
    if "policies" not in settings_of_its_own:
        settings_of_its_own["policies"] = str(_with_demo_policies(place / "policies"))
    chosen = {"home": str(place), "port": str(_free_port()), **settings_of_its_own}
    settings = Settings.model_validate(chosen)
    create_keys(settings)
    migrate(settings.database)
    platform = build(settings)
    tokens = {name: create_key(platform, name, roles)[1] for name, roles in CAST.items()}
    address = f"http://127.0.0.1:{settings.port}"
    environment = {**os.environ, **{f"TUNEWARDEN_{name.upper()}": value for name, value in chosen.items()}}
    with (place / "serve.log").open("wb") as log:
        process = subprocess.Popen(serve, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_healthy(address, process)
            clients = {
                name: OpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0) for name, token in tokens.items()
            }
            yield Stage(home=place, address=address, clients=clients, vkey=settings.log_vkey)
        finally:
            process.terminate()
            process.wait()


def _with_demo_policies(place: Path) -> Path:
    copytree(Settings().policies, place)
    copytree(place / "demo", place, dirs_exist_ok=True)
    return place


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise Unavailable("not_started", "The platform did not start; see serve.log in the demo's folder.")
