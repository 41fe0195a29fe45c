"""What `client.admin.organization` can ask for and is not here: each path says so, with 501 (RFC 9110 15.6.2).

Accounts, rate limits and keys of a cloud service have no counterpart in what an organisation runs itself. A path that
the client knows is never answered as if the organisation merely had none of it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from tunewarden.entry.api.caller import Asking
from tunewarden.entry.api.errors import problem
from tunewarden.entry.api.threads import Routes

router = Routes(include_in_schema=False)

_ORG, _PROJECT = "/v1/organization", "/v1/organization/projects/{project_id}"
_NO_MONEY = "There is no bill here, so there is no usage, cost or limit to spend."
_NO_CERTIFICATES = "Whom the connection trusts is settled where the platform is run."
_NO_STORAGE = "Where data lies and which keys it is sealed under is settled where the platform is run."
_NO_RETENTION = "How long entries are kept is in policies/retention.toml, and data as long as each dataset says."
_NO_INVITES = "Nobody is written to. An administrator makes a key, or the identity provider vouches for somebody."
_NO_PROVIDERS = "The one identity provider is named where the platform is run."
_NO_RATES = "How often somebody may ask is settled where the platform is run, for everybody alike."
_NO_SWITCHES = "Base models are in policies/base-models.toml, and no tools of others are called."
_NO_CHANGE = "A key or a service account is replaced by another one, and not changed."

_USAGES = (
    "audio_speeches",
    "audio_transcriptions",
    "code_interpreter_sessions",
    "completions",
    "decisions",
    "embeddings",
    "file_search_calls",
    "images",
    "moderations",
    "vector_stores",
    "web_search_calls",
)

ABSENT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        f"{_ORG}/invites": ("GET POST", _NO_INVITES),
        f"{_ORG}/invites/{{invite_id}}": ("GET DELETE", _NO_INVITES),
        f"{_ORG}/certificates": ("GET POST", _NO_CERTIFICATES),
        f"{_ORG}/certificates/activate": ("POST", _NO_CERTIFICATES),
        f"{_ORG}/certificates/deactivate": ("POST", _NO_CERTIFICATES),
        f"{_ORG}/certificates/{{certificate_id}}": ("GET POST DELETE", _NO_CERTIFICATES),
        f"{_PROJECT}/certificates": ("GET", _NO_CERTIFICATES),
        f"{_PROJECT}/certificates/activate": ("POST", _NO_CERTIFICATES),
        f"{_PROJECT}/certificates/deactivate": ("POST", _NO_CERTIFICATES),
        f"{_ORG}/costs": ("GET", _NO_MONEY),
        **dict.fromkeys((f"{_ORG}/usage/{kind}" for kind in _USAGES), ("GET", _NO_MONEY)),
        f"{_ORG}/spend_limit": ("GET POST DELETE", _NO_MONEY),
        f"{_ORG}/spend_alerts": ("GET POST", _NO_MONEY),
        f"{_ORG}/spend_alerts/{{alert_id}}": ("GET POST DELETE", _NO_MONEY),
        f"{_PROJECT}/spend_limit": ("GET POST DELETE", _NO_MONEY),
        f"{_PROJECT}/spend_alerts": ("GET POST", _NO_MONEY),
        f"{_PROJECT}/spend_alerts/{{alert_id}}": ("GET POST DELETE", _NO_MONEY),
        f"{_PROJECT}/service_tier_settings": ("GET POST", _NO_MONEY),
        f"{_ORG}/data_retention": ("GET POST", _NO_RETENTION),
        f"{_PROJECT}/data_retention": ("GET POST", _NO_RETENTION),
        f"{_ORG}/external_keys": ("GET POST", _NO_STORAGE),
        f"{_ORG}/external_keys/{{external_key_id}}": ("GET DELETE", _NO_STORAGE),
        f"{_ORG}/external_keys/{{external_key_id}}/validate": ("POST", _NO_STORAGE),
        f"{_ORG}/external_storage": ("GET POST", _NO_STORAGE),
        f"{_ORG}/external_storage/{{external_storage_id}}": ("GET DELETE", _NO_STORAGE),
        f"{_ORG}/external_storage/{{external_storage_id}}/validate": ("POST", _NO_STORAGE),
        f"{_ORG}/workload_identity_providers": ("GET POST", _NO_PROVIDERS),
        f"{_ORG}/workload_identity_providers/{{provider_id}}": ("GET POST DELETE", _NO_PROVIDERS),
        f"{_ORG}/workload_identity_providers/{{provider_id}}/federation_rules": ("GET POST", _NO_PROVIDERS),
        f"{_ORG}/workload_identity_providers/{{provider_id}}/federation_rules/{{rule_id}}": (
            "GET POST DELETE",
            _NO_PROVIDERS,
        ),
        f"{_PROJECT}/rate_limits": ("GET", _NO_RATES),
        f"{_PROJECT}/rate_limits/{{rate_limit_id}}": ("POST", _NO_RATES),
        f"{_PROJECT}/hosted_tool_permissions": ("GET POST", _NO_SWITCHES),
        f"{_PROJECT}/model_permissions": ("GET POST DELETE", _NO_SWITCHES),
        f"{_PROJECT}/api_keys/{{key_id}}": ("POST", _NO_CHANGE),
        f"{_PROJECT}/service_accounts/{{account_id}}": ("POST", _NO_CHANGE),
    }
)
"""Path -> its methods, and why it is not here."""


def say_absent(router: Routes, absent: Mapping[str, tuple[str, str]], caller: Any) -> None:
    """A route for each path, which says why it is not here to whoever `caller` lets in."""
    for path, (methods, why) in absent.items():
        router.add_api_route(path, _saying(why, caller), methods=methods.split())


def _saying(why: str, caller: Any) -> Callable[..., JSONResponse]:
    def absent(request: Request, _: caller) -> JSONResponse:
        return problem(request, 501, "not_built", f"This is not built here. {why}")

    return absent


say_absent(router, ABSENT, Asking)
