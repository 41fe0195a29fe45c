"""What the OpenAI client can ask for beside files, jobs and models, and is not here: each path says so, with 501."""

from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.routes.organization_absent import say_absent
from tunewarden.entry.api.threads import Routes

router = Routes(include_in_schema=False)

_RUN = "/v1/evals/{eval_id}/runs/{run_id}"
_PERMISSIONS = "/v1/fine_tuning/checkpoints/{model_id}/permissions"
_HOOK = "/v1/webhook_endpoints/{endpoint_id}"
_NO_GRADERS = "Nothing is trained on what a grader says, so there is none to run."
_NO_EVALS = "A model version is measured when it is made, by what its plan declares; the evidence is with the model."
_NO_SHARING = (
    "A model version stays in the project of its data. Who may use it there, the access policy says, and an alias that"
    " names it."
)
_NO_WEBHOOKS = "Nobody is called back yet. Ask for the events of a job."

ABSENT: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/v1/fine_tuning/alpha/graders/run": ("POST", _NO_GRADERS),
        "/v1/fine_tuning/alpha/graders/validate": ("POST", _NO_GRADERS),
        _PERMISSIONS: ("POST", _NO_SHARING),
        _PERMISSIONS + "/{permission_id}": ("DELETE", _NO_SHARING),
        "/v1/evals": ("GET POST", _NO_EVALS),
        "/v1/evals/{eval_id}": ("GET POST DELETE", _NO_EVALS),
        "/v1/evals/{eval_id}/runs": ("GET POST", _NO_EVALS),
        _RUN: ("GET POST DELETE", _NO_EVALS),
        _RUN + "/cancel": ("POST", _NO_EVALS),
        _RUN + "/output_items": ("GET", _NO_EVALS),
        _RUN + "/output_items/{item_id}": ("GET", _NO_EVALS),
        "/v1/webhook_endpoints": ("GET POST", _NO_WEBHOOKS),
        _HOOK: ("GET POST DELETE", _NO_WEBHOOKS),
        _HOOK + "/rotate_secret": ("POST", _NO_WEBHOOKS),
        _HOOK + "/test": ("POST", _NO_WEBHOOKS),
        "/v1/webhook_event_types": ("GET", _NO_WEBHOOKS),
    }
)
"""Path -> its methods, and why it is not here."""

say_absent(router, ABSENT, Called)
