"""`oidc-provider`, an identity provider that nobody here wrote: it vouches for a program and a person, its keys change.

`make test` installs it beside the environment from the pinned and hashed list in tests/foreign/node/package-lock.json,
where a registry answers. What it does not show: other providers, and their groups.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from tests.conftest import POLICIES, Stage

from tunewarden.domain.events import LoginsRefused, PrincipalIdentified
from tunewarden.domain.identities import LoginFailure
from tunewarden.domain.names import Role
from tunewarden.drivers.oidc import Provider, principal_id
from tunewarden.entry.api.app import create_app
from tunewarden.entry.identities import Identities, provider
from tunewarden.entry.settings import Settings

FOLDER = Path(sys.prefix) / "node"
HOME = "https://house.example"
BACK = f"{HOME}/login/callback"


@contextmanager
def running(port: int, **environment: str) -> Iterator[str]:
    """A provider with new keys on this port; its address."""
    node, script = shutil.which("node"), Path(__file__).with_name("provider.mjs")
    if node is None:
        pytest.skip("node is not on this machine")
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("oidc-provider is not installed here: `make .venv/node/.ready`, where a registry answers")
    process = subprocess.Popen(
        [node, str(script), str(FOLDER), str(port), BACK],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NODE_OPTIONS": "", **environment},
        text=True,
    )
    assert process.stdout is not None
    try:
        assert any(line.strip() == "ready" for line in iter(process.stdout.readline, "")), "it did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Platform:
    """An API whose identity provider is at `issuer`, wired from settings as `tunewarden api` does it."""

    issuer: str
    client: TestClient
    stage: Stage
    asked: Provider

    def datasets(self, token: str) -> Any:
        return self.client.get("/v1/datasets", headers={"authorization": f"Bearer {token}"})

    def failures(self) -> list[LoginFailure]:
        events = [entry.event for entry in self.stage.entries()]
        return [event.failure for event in events if isinstance(event, LoginsRefused)]

    def identified(self) -> list[PrincipalIdentified]:
        return [entry.event for entry in self.stage.entries() if isinstance(entry.event, PrincipalIdentified)]


Wired = Callable[[str], Platform]


@pytest.fixture
def wired(stage: Stage, tmp_path: Path) -> Wired:
    """The platform's clock is the machine's, by which the provider dates its tokens."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret/+ %\n")
    secret.chmod(0o600)

    def wire(issuer: str) -> Platform:
        settings = Settings(
            home=tmp_path,
            policies=POLICIES,
            public_url=HOME,
            oidc_issuer=issuer,
            oidc_audience="tunewarden",
            oidc_client_id="pages",
            oidc_client_secret_file=secret,
        )
        stage.clock.now = datetime.now(UTC)
        found = provider(settings, stage.clock)
        assert found is not None
        app = create_app(stage.platform, settings, Identities(provider=found))
        return Platform(issuer, TestClient(app, base_url=HOME), stage, found)

    return wire


def programs_token(issuer: str, resource: str = "urn:tunewarden") -> str:
    form = {"grant_type": "client_credentials", "resource": resource}
    answer = httpx.post(f"{issuer}/token", data=form, auth=("program", "program"), trust_env=False)
    return str(answer.raise_for_status().json()["access_token"])


def browse(url: str) -> str:
    """Ann at the provider's own pages: she says who she is, and agrees. Where her browser is sent back to."""
    with httpx.Client(trust_env=False) as browser:
        browser.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=["127.0.0.1"]))
        answer = browser.get(url)
        for _ in range(20):
            if answer.is_redirect:
                place = urljoin(str(answer.url), answer.headers["location"])
                if place.startswith(HOME):
                    return place
                answer = browser.get(place)
                continue
            action = re.findall(r'<form[^>]* action="([^"]+)"', answer.text)[0]
            prompt = re.findall(r'name="prompt" value="(\w+)"', answer.text)[0]
            more = {"login": "ann", "password": "anything"} if prompt == "login" else {}
            answer = browser.post(urljoin(str(answer.url), action), data={"prompt": prompt, **more})
    raise AssertionError("the provider did not send the browser back")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_program_comes_with_a_token_of_the_provider_and_is_who_its_groups_say(wired: Wired, algorithm: str) -> None:
    with running(free_port(), ACCESS_TOKEN_ALG=algorithm) as issuer:
        platform = wired(issuer)
        for _ in range(2):
            assert platform.datasets(programs_token(issuer)).status_code == 200
    (event,) = platform.identified()
    assert (event.principal, event.roles) == (principal_id(issuer, "program"), (Role.REQUESTER,))
    assert event.service, "a program, by what the provider says of it"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_a_token_signed_with_ed25519_counts_by_its_older_name_too(wired: Wired) -> None:
    with running(free_port(), ACCESS_TOKEN_ALG="EdDSA") as issuer:
        assert wired(issuer).datasets(programs_token(issuer)).status_code == 200


def test_a_token_for_another_service_of_the_same_provider_lets_nobody_in(wired: Wired) -> None:
    with running(free_port()) as issuer:
        platform = wired(issuer)
        assert platform.datasets(programs_token(issuer, "urn:other")).status_code == 401
    assert platform.failures() == [LoginFailure.TOKEN_AUDIENCE]


def test_a_browser_logs_in_at_the_provider_reads_and_leaves(wired: Wired) -> None:
    with running(free_port()) as issuer:
        platform = wired(issuer)
        sent = platform.client.get("/login?next=/reviews", follow_redirects=False)
        back = browse(sent.headers["location"])
        answer = platform.client.get(back, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/reviews"), answer.text
        assert platform.client.get("/reviews").status_code == 200
        again = platform.client.get(back, follow_redirects=False)
        assert again.status_code == 403
    (event,) = platform.identified()
    assert (event.principal, event.roles, event.service) == (principal_id(issuer, "ann"), (Role.REVIEWER,), False)


def test_the_provider_itself_refuses_a_code_with_another_verifier_and_one_that_was_used(wired: Wired) -> None:
    """That PKCE binds the code to the browser that began is for the provider to enforce; this one does."""
    with running(free_port()) as issuer:
        platform = wired(issuer)
        urls = [platform.asked.login_url(state="s", nonce="n", verifier="v" * 43) for _ in range(2)]
        codes = [dict(part.split("=") for part in urlsplit(browse(url)).query.split("&"))["code"] for url in urls]
        assert platform.asked.redeem(codes[0], verifier="w" * 43, nonce="n") is LoginFailure.LOGIN_CODE
        assert not isinstance(platform.asked.redeem(codes[1], verifier="v" * 43, nonce="n"), LoginFailure)
        assert platform.asked.redeem(codes[1], verifier="v" * 43, nonce="n") is LoginFailure.LOGIN_CODE


def test_when_the_provider_changes_its_keys_new_tokens_count_within_a_minute_and_old_ones_no_longer(
    stage: Stage, wired: Wired
) -> None:
    port, seconds = free_port(), [0.0]
    with running(port) as issuer:
        platform = wired(issuer)
        platform.asked._monotonic = lambda: seconds[0]
        before = programs_token(issuer)
        assert platform.datasets(before).status_code == 200
    with running(port) as issuer:
        after = programs_token(issuer)
        assert platform.datasets(after).status_code == 401, "it was asked less than a minute ago"
        seconds[0] = 60
        assert platform.datasets(after).status_code == 200
        assert platform.datasets(before).status_code == 401
    assert stage
