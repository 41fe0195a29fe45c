"""What the routes of webhooks take."""

from tests.entry.api.needs import LoggedIn, Need

from tunewarden.domain.names import Action

_ALL, _ONE = "/v1/webhook_endpoints", "/v1/webhook_endpoints/{webhook_id}"
_MANAGING = Need(Action.MANAGE_WEBHOOKS, "webhook", takes_both=True)

WEBHOOKS: dict[tuple[str, str], Need | LoggedIn] = {
    ("POST", _ALL): _MANAGING,
    ("GET", _ALL): _MANAGING._replace(is_list=True),
    ("GET", _ONE): _MANAGING,
    ("POST", _ONE): _MANAGING,
    ("DELETE", _ONE): _MANAGING,
    ("POST", _ONE + "/rotate_secret"): _MANAGING,
    ("POST", _ONE + "/test"): _MANAGING,
    ("GET", "/v1/webhook_event_types"): LoggedIn("it lists words of ours"),
    ("GET", "/v1/webhook_signing_key"): LoggedIn("it is a public key"),
}
