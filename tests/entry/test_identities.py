"""Settings for letting people in: refused where they would not be safe, and nothing is asked before somebody comes."""

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import NOW, POLICIES

from tunewarden.domain.errors import Malformed, Unavailable
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sessions import SqlKeyUses, SqlSessions
from tunewarden.drivers.sql_engine import migrate
from tunewarden.entry.identities import identities, provider
from tunewarden.entry.settings import Settings

SAFE: dict[str, Any] = {
    "oidc_issuer": "https://id.example",
    "oidc_audience": "tunewarden",
    "oidc_client_id": "pages",
    "public_url": "https://house.example",
    "policies": POLICIES,
}
CLOCK = FixedClock(NOW)


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**SAFE, **changes})


def test_without_an_issuer_there_is_no_provider_and_with_one_there_is() -> None:
    assert provider(settings(oidc_issuer=""), CLOCK) is None
    assert provider(settings(environment="production"), CLOCK) is not None


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"oidc_issuer": "http://id.example"}, "oidc_issuer"),
        ({"oidc_issuer": "id.example"}, "oidc_issuer"),
        ({"oidc_issuer": "http://127.0.0.1:1", "environment": "production"}, "oidc_issuer"),
        ({"public_url": ""}, "public_url"),
        ({"public_url": "http://house.example"}, "public_url"),
        ({"public_url": "http://localhost:8080", "environment": "production"}, "public_url"),
        ({"oidc_audience": "", "oidc_client_id": ""}, "oidc_audience"),
        ({"oidc_algorithms": "RS256,HS256"}, "oidc_algorithms"),
        ({"oidc_algorithms": "none"}, "oidc_algorithms"),
        ({"oidc_algorithms": ""}, "oidc_algorithms"),
    ],
)
def test_settings_that_are_not_safe_are_refused_by_name(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(Malformed) as refused:
        provider(settings(**changes), CLOCK)
    assert (refused.value.code, refused.value.param) == ("login_settings_unsafe", param)
    assert f"TUNEWARDEN_{param.upper()}" in str(refused.value)


def test_plain_http_to_this_machine_is_for_development() -> None:
    here = {"oidc_issuer": "http://127.0.0.1:9", "public_url": "http://localhost:8080"}
    assert provider(settings(**here), CLOCK) is not None


def test_the_secret_is_its_owners_alone_and_has_to_be_there(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(Unavailable):
        provider(settings(oidc_client_secret_file=path), CLOCK)
    path.write_text("CANARY\n")
    path.chmod(0o640)
    with pytest.raises(Malformed) as refused:
        provider(settings(oidc_client_secret_file=path), CLOCK)
    assert "CANARY" not in str(refused.value)
    path.chmod(0o600)
    made = provider(settings(oidc_client_secret_file=path), CLOCK)
    assert "CANARY" not in repr(made)


def test_sessions_and_uses_of_the_api_process_are_in_the_database(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path)
    migrate(chosen.database)
    made = identities(chosen, CLOCK)
    assert isinstance(made.sessions, SqlSessions)
    assert isinstance(made.key_uses, SqlKeyUses)
