"""Every place of every request: a word in each, one request after the other, also where the document says nothing."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.entry.api.planting import Planted
from tests.journeys.canaries import Call, Path, changed, places

from tunewarden.entry.api.routes import openai_absent, organization_absent

QUIET = (
    "user-agent x-request-id referer origin x-forwarded-for x-forwarded-host forwarded via traceparent baggage from"
    " accept accept-language accept-encoding range if-none-match openai-organization openai-beta last-event-id priority"
    " x-stainless-lang x-stainless-os x-stainless-package-version x-stainless-retry-count x-stainless-timeout"
    " x-real-ip x-original-url x-http-method-override x-api-key"
).split()
"""What may say anything and the request is answered all the same, whether we read it or not."""
DECIDING = ("openai-project", "tunewarden-at-least", "content-type", "content-encoding", "host")
"""What may end a request before anything is done."""

PAGES: Mapping[tuple[str, str], tuple[tuple[str, str] | None, Mapping[str, Any] | None]] = {
    ("GET", "/reviews"): (None, None),
    ("GET", "/reviews/{review_id}"): (("GET", "/v1/reviews/{review_id}/next"), None),
    ("POST", "/reviews/{review_id}"): (
        ("GET", "/v1/reviews/{review_id}/next"),
        {"item": "0", "found": "nothing", "mark": "0-1"},
    ),
    ("GET", "/reviews/{review_id}/leaks"): (("GET", "/v1/reviews/{review_id}/next"), None),
    ("GET", "/clean-versions/{digest}"): (("GET", "/v1/clean-versions/{digest}"), None),
    ("GET", "/clean-versions/{digest}/report"): (("GET", "/v1/clean-versions/{digest}"), None),
    ("POST", "/clean-versions/{digest}"): (
        ("GET", "/v1/clean-versions/{digest}"),
        {"report": "sha256:" + "0" * 64, "method": "hipaa-safe-harbor", "knowledge": "none", "expires": "2099-01-01"},
    ),
    ("POST", "/clean-versions/{digest}/withdrawals"): (
        ("GET", "/v1/clean-versions/{digest}"),
        {"because": "actual-knowledge"},
    ),
    ("GET", "/promotions"): (None, None),
    ("GET", "/promotions/{promotion_id}"): (("GET", "/v1/promotions/{promotion_id}"), None),
    ("POST", "/promotions/{promotion_id}/override"): (
        ("GET", "/v1/promotions/{promotion_id}"),
        {"verdict": "sha256:" + "0" * 64, "reason": "watched-in-use"},
    ),
    ("POST", "/promotions/{promotion_id}/approve"): (
        ("GET", "/v1/promotions/{promotion_id}"),
        {"verdict": "sha256:" + "0" * 64, "unassessed": "0"},
    ),
    ("GET", "/emergencies"): (None, None),
    ("POST", "/emergencies/{emergency_id}/confirm"): (("GET", "/v1/emergencies/{emergency_id}"), {}),
    ("POST", "/emergencies/{emergency_id}/close"): (("GET", "/v1/emergencies/{emergency_id}"), {}),
    ("POST", "/emergencies/{emergency_id}/review"): (
        ("GET", "/v1/emergencies/{emergency_id}"),
        {"finding": "justified"},
    ),
    ("GET", "/models/{model_id}/card"): (("GET", "/v1/models/{model_id}"), None),
    ("GET", "/models/{model_id}/report"): (("GET", "/v1/models/{model_id}"), None),
    ("GET", "/models/{model_id}/compare/{other_id}"): (("GET", "/v1/models/{model_id}/diff/{other_id}"), None),
    ("GET", "/models/{model_id}/evidence"): (("GET", "/v1/models/{model_id}/evidence"), None),
    ("GET", "/models/{model_id}/evidence/{kind}"): (("GET", "/v1/models/{model_id}/evidence/{kind}"), None),
    ("GET", "/login"): (None, None),
    ("GET", "/login/callback"): (None, None),
    ("GET", "/logout"): (None, None),
    ("POST", "/logout"): (None, {}),
    ("GET", "/healthz"): (None, None),
    ("GET", "/readyz"): (None, None),
    ("GET", "/metrics"): (None, None),
    ("GET", "/docs"): (None, None),
    ("GET", "/openapi.json"): (None, None),
    ("GET", "/errors"): (None, None),
    ("GET", "/errors/{code}"): (None, None),
}
"""What the document does not describe -> the operation whose ids it takes, and its form."""
NAMED: Mapping[str, Mapping[str, str]] = {"/errors/{code}": {"code": "not_found"}}
"""What stands in a path and is the id of nothing."""
QUERIES: Mapping[str, Mapping[str, str]] = {
    "/login": {"next": "/promotions"},
    "/login/callback": {"state": "state", "code": "code", "iss": "https://issuer.example"},
}
_IN_POLICY = ("POST DELETE", "roles change by a proposal of the access policy")
UNCHANGED = {
    **dict.fromkeys(("/v1/organization/roles", "/v1/projects/{project_id}/roles"), ("POST", _IN_POLICY[1])),
    **dict.fromkeys(("/v1/organization/roles/{role_id}", "/v1/projects/{project_id}/roles/{role_id}"), _IN_POLICY),
}
ABSENT = {
    (method, path)
    for table in (openai_absent.ABSENT, organization_absent.ABSENT, UNCHANGED)
    for path, (methods, _) in table.items()
    for method in methods.split()
}
"""What is not here, and says so to whoever has a key."""


AS_IT_IS = "as it is"
SLOW = {"/v1/policies", "/v1/policies/simulate", "/v1/policies/{policy_id}/rollback"}
"""What computes for whom a policy changes what: the better part of a second each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request with a word in it. `as_others`: as somebody who may do less, too."""

    place: str
    call: Call
    credential: Mapping[str, str] = field(default_factory=dict)
    as_others: bool = False


def everywhere(call: Call, planted: Planted) -> Iterator[Sent]:
    """The request with words in all headers that decide nothing; then with one at each other place.

    Where nothing is, one handler says so of all routes, and few heads are enough; and where an answer takes long.
    """
    route = f"{call.method} {call.path}"
    quiet = {name: planted.word(f"{route} header {name}") for name in (*QUIET, "idempotency-key")}
    quiet["cookie"] = f"{planted.word(f'{route} a cookie')}={planted.word(f'{route} what is in a cookie')}"
    quiet["x-" + planted.word(f"{route} name of a header")] = "1"
    yield Sent(place=AS_IT_IS, call=replace(call, headers={**call.headers, **quiet}))
    heads = list(_heads(route, call, planted))
    yield from heads[:: 4 if (call.method, call.path) in ABSENT or call.path in SLOW else 1]
    for name, value in call.within.items():
        place = f"{route} path {name}"
        for like in (planted.like(value, place), planted.text(place)):
            yield Sent(place=place, call=replace(call, within={**call.within, name: like}), as_others=True)
    for name, value in call.query.items():
        place = f"{route} query {name}"
        yield Sent(place=place, call=replace(call, query={**call.query, name: planted.like(value, place)}))
    place = f"{route} query of its own"
    strange = planted.text(place)
    yield Sent(place=place, call=replace(call, query={**call.query, strange: strange}), as_others=True)
    if call.body is not None:
        yield from _bodies(route, call, planted)
    if call.form is not None:
        yield from _forms(route, call, planted)


def _heads(route: str, call: Call, planted: Planted) -> Iterator[Sent]:
    """With a word in what decides, and with credentials that nobody has, in each way in which they can be brought."""
    for name in DECIDING:
        place = f"{route} header {name}"
        yield Sent(place=place, call=replace(call, headers={**call.headers, name: planted.word(place)}))
    for kind, headers in _credentials(route, planted).items():
        yield Sent(place=f"{route} {kind}", call=call, credential=headers)


def _credentials(route: str, planted: Planted) -> Mapping[str, Mapping[str, str]]:
    bearer, basic, session = (planted.word(f"{route} {kind}") for kind in ("bearer", "basic", "session"))
    return {
        "bearer": {"authorization": f"Bearer {bearer}"},
        "token": {"authorization": f"Bearer {bearer}.{bearer}.{bearer}"},
        "basic": {"authorization": "Basic " + b64encode(f"{basic}:{basic}".encode()).decode()},
        "scheme": {"authorization": f"{bearer} {basic}"},
        "session": {"cookie": f"__Host-tunewarden={session}; __Host-tunewarden-login={session}"},
    }


def _bodies(route: str, call: Call, planted: Planted) -> Iterator[Sent]:
    """Of what is alike, in the first: of rules there are hundreds."""
    chosen = [place for place in places(call.body) if 0 in place or not any(isinstance(step, int) for step in place)]
    for number, place in enumerate(chosen):
        where = f"{route} body {place}"
        text = planted.text(where) if number % 2 else planted.like(_at(call.body, place), where)
        yield Sent(place=where, call=replace(call, body=changed(call.body, place, text)))
    where = f"{route} body"
    yield Sent(place=where, call=replace(call, body=planted.text(where)), as_others=True)


def _at(document: Any, place: Path) -> object:
    """What stands there; None for what is not there yet."""
    for step in place:
        document = document.get(step) if isinstance(document, dict) else document[step]
    return document


def _forms(route: str, call: Call, planted: Planted) -> Iterator[Sent]:
    form = dict(call.form or {})
    for name in (*form, "csrf"):
        where = f"{route} form {name}"
        yield Sent(place=where, call=replace(call, form={**form, name: planted.like(form.get(name), where)}))
    where = f"{route} name of a field"
    yield Sent(place=where, call=replace(call, form={**form, planted.word(where): "x"}), as_others=True)
    if call.file is None:
        return
    name, content, kind = call.file
    files = {
        "name of the file": lambda text: (f"{text}.csv", content, kind),
        "type of the file": lambda text: (name, content, f"text/{text}"),
        "content of the file": lambda text: (name, content + text.encode(), kind),
    }
    for place, file in files.items():
        where = f"{route} {place}"
        yield Sent(place=where, call=replace(call, file=file(planted.word(where))))
    where = f"{route} name of the part"
    yield Sent(place=where, call=replace(call, field=planted.word(where)))
