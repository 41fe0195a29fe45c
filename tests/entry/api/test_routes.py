"""Every route needs an action on a kind of thing, and is tried as nobody and as each role, with a valid request.

A route that is not in `NEEDS` fails here: whoever adds one says what it takes. What each role may do is the word of the
policy (policies/access/cases.csv); this asks whether the routes ask it.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from tests.conftest import POLICIES
from tests.entry.api.needs import LoggedIn, Need, Open
from tests.entry.api.organization_needs import ORGANIZATION
from tests.entry.api.page_needs import PAGES, pages
from tests.entry.api.webhook_needs import WEBHOOKS
from tests.journeys.canaries import Script
from tests.journeys.script import Props, script
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.access import IN_PROJECTS
from tunewarden.domain.events import ActionRefused, Event, KeyRevoked, LoginsRefused
from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.access_files import read_policy
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.entry.api.routes.openai_absent import ABSENT as OPENAI_ABSENT
from tunewarden.entry.cli.operator.authority import OPERATOR
from tunewarden.usecases import projects
from tunewarden.usecases.ports import KeyRecord, Principal

A = Action
JOBS, MODELS, VERSIONS = "/v1/fine_tuning/jobs", "/v1/models", "/v1/clean-versions/{digest}"
UPLOAD = "/v1/uploads/{upload_id}"
DOCUMENTS = Open("it describes the API, and is the same for everybody")
PROVIDERS = Open("whoever logs in is nobody yet")
NEEDS: dict[tuple[str, str], Need | Open | LoggedIn] = {
    ("POST", "/v1/files"): Need(A.UPLOAD_FILE, "file"),
    ("GET", "/v1/files"): Need(A.READ_FILE, "file", is_list=True),
    ("GET", "/v1/files/{file_id}"): Need(A.READ_FILE, "file"),
    ("GET", "/v1/files/{file_id}/content"): Need(A.TAKE_FILE, "file", before=A.READ_FILE),
    ("DELETE", "/v1/files/{file_id}"): Need(A.DELETE_FILE, "file", before=A.READ_FILE),
    ("POST", "/v1/uploads"): Need(A.UPLOAD_FILE, "file"),
    ("POST", UPLOAD + "/parts"): Need(A.UPLOAD_FILE, "file", before=A.READ_FILE),
    ("POST", UPLOAD + "/complete"): Need(A.UPLOAD_FILE, "file", before=A.READ_FILE),
    ("POST", UPLOAD + "/cancel"): Need(A.UPLOAD_FILE, "file", before=A.READ_FILE),
    ("POST", "/v1/datasets"): Need(A.REGISTER_DATASET, "dataset"),
    ("GET", "/v1/datasets"): Need(A.READ_DATASET, "dataset", is_list=True),
    ("GET", "/v1/datasets/{dataset_id}"): Need(A.READ_DATASET, "dataset"),
    ("POST", "/v1/datasets/{dataset_id}/versions"): Need(A.REGISTER_DATASET, "dataset"),
    ("POST", "/v1/datasets/{dataset_id}/retire"): Need(A.RETIRE_DATASET, "dataset"),
    ("POST", "/v1/datasets/{dataset_id}/purposes"): Need(A.SET_PURPOSES, "dataset"),
    ("GET", "/v1/datasets/{dataset_id}/budget"): Need(A.READ_DATASET, "dataset"),
    ("GET", "/v1/datasets/{dataset_id}/versions/{digest}/data"): Need(A.READ_DATASET, "dataset"),
    ("GET", "/v1/datasets/{dataset_id}/versions/{digest}/data/report"): Need(A.READ_DATASET, "dataset"),
    ("GET", "/v1/datasets/{dataset_id}/versions/{digest}/models"): Need(A.READ_DATASET, "dataset"),
    ("GET", "/v1/datasets/{dataset_id}/versions/{digest}/models/report"): Need(A.READ_DATASET, "dataset"),
    ("POST", "/v1/lineage/person"): Need(A.TRACE_PERSON, "dataset"),
    ("POST", "/v1/datasets/{dataset_id}/erasures"): Need(A.ERASE_PERSON, "dataset"),
    ("GET", "/v1/datasets/{dataset_id}/erasures"): Need(A.READ_LOG, "log"),
    ("GET", "/v1/privacy/budgets"): Need(A.READ_DATASET, "dataset", is_list=True),
    ("GET", "/v1/privacy/budgets/{dataset_id}"): Need(A.READ_DATASET, "dataset"),
    ("GET", "/v1/privacy/budgets/{dataset_id}/entries"): Need(A.READ_DATASET, "dataset"),
    ("POST", "/v1/plans"): Need(A.SUBMIT_REQUEST, "request", before=A.READ_DATASET),
    ("GET", "/v1/approvals"): Need(A.READ_REQUEST, "request", is_list=True),
    ("GET", "/v1/gates"): Need(A.READ_GATE, "policy"),
    ("GET", "/v1/gates/{name}"): Need(A.READ_GATE, "policy"),
    ("GET", "/v1/evidence/{digest}"): Need(A.READ_LINEAGE, "model"),
    ("GET", MODELS + "/{model_id}/evidence"): Need(A.READ_LINEAGE, "model"),
    ("GET", MODELS + "/{model_id}/evidence/{kind}"): Need(A.READ_LINEAGE, "model"),
    ("GET", "/v1/lineage/{thing_id}"): Need(A.READ_DATASET, "dataset"),
    ("GET", "/v1/promotions"): Need(A.READ_MODEL, "model", is_list=True),
    ("GET", "/v1/aliases"): Need(A.READ_MODEL, "model", is_list=True),
    ("GET", "/v1/audit/entries"): Need(A.READ_LOG, "log"),
    ("GET", "/v1/audit/checkpoints"): Need(A.READ_LOG, "log"),
    ("POST", JOBS): Need(A.SUBMIT_REQUEST, "request", before=A.READ_DATASET),
    ("GET", JOBS): Need(A.READ_REQUEST, "request", is_list=True),
    ("GET", JOBS + "/{job_id}"): Need(A.READ_REQUEST, "request"),
    ("POST", JOBS + "/{job_id}/approve"): Need(A.APPROVE_REQUEST, "request"),
    ("POST", JOBS + "/{job_id}/endorse"): Need(A.ENDORSE_REQUEST, "request"),
    ("GET", JOBS + "/{job_id}/approvals"): Need(A.READ_REQUEST, "request"),
    ("GET", JOBS + "/{job_id}/plan"): Need(A.READ_REQUEST, "request"),
    ("POST", JOBS + "/{job_id}/reject"): Need(A.APPROVE_REQUEST, "request"),
    ("POST", JOBS + "/{job_id}/cancel"): Need(A.CANCEL_REQUEST, "request"),
    ("GET", JOBS + "/{job_id}/events"): Need(A.READ_REQUEST, "request"),
    ("GET", JOBS + "/{job_id}/checkpoints"): Need(A.READ_REQUEST, "request"),
    ("GET", "/v1/fine_tuning/checkpoints/{model_id}/permissions"): Need(A.READ_MODEL, "model"),
    ("POST", JOBS + "/{job_id}/pause"): Need(A.SUSPEND_REQUEST, "request"),
    ("POST", JOBS + "/{job_id}/resume"): Need(A.RESUME_REQUEST, "request"),
    ("POST", "/v1/emergencies"): Need(A.OPEN_EMERGENCY, "emergency"),
    ("GET", "/v1/emergencies"): Need(A.READ_EMERGENCY, "emergency", is_list=True, takes_both=True),
    ("GET", "/v1/emergencies/{emergency_id}"): Need(A.READ_EMERGENCY, "emergency", takes_both=True),
    ("POST", "/v1/emergencies/{emergency_id}/confirm"): Need(A.CONFIRM_EMERGENCY, "emergency"),
    ("POST", "/v1/emergencies/{emergency_id}/close"): Need(A.CLOSE_EMERGENCY, "emergency"),
    ("POST", "/v1/emergencies/{emergency_id}/review"): Need(A.REVIEW_EMERGENCY, "emergency"),
    ("POST", MODELS + "/{model_id}/rollback"): Need(A.ROLL_BACK_MODEL, "model"),
    ("GET", "/v1/reviews"): Need(A.REVIEW_SAMPLE, "review", is_list=True),
    ("GET", "/v1/reviews/{review_id}/next"): Need(A.REVIEW_SAMPLE, "review"),
    ("POST", "/v1/reviews/{review_id}/answers"): Need(A.REVIEW_SAMPLE, "review"),
    ("GET", "/v1/reviews/{review_id}/leaks"): Need(A.READ_REVIEW, "review"),
    ("GET", VERSIONS): Need(A.READ_REVIEW, "review"),
    ("GET", VERSIONS + "/report"): Need(A.READ_REVIEW, "review"),
    ("POST", VERSIONS + "/attestations"): Need(A.ATTEST_REPORT, "request"),
    ("POST", VERSIONS + "/withdrawals"): Need(A.WITHDRAW_SIGNATURE, "request"),
    ("GET", MODELS): Need(A.READ_MODEL, "model", is_list=True),
    ("GET", MODELS + "/{model_id}"): Need(A.READ_MODEL, "model"),
    ("DELETE", MODELS + "/{model_id}"): Need(A.RETIRE_MODEL, "model"),
    ("GET", MODELS + "/{model_id}/adapter"): Need(A.TAKE_ADAPTER, "model", before=A.READ_MODEL),
    ("GET", MODELS + "/{model_id}/diff/{other_id}"): Need(A.READ_LINEAGE, "model"),
    ("GET", MODELS + "/{model_id}/diff/{other_id}/report"): Need(A.READ_LINEAGE, "model"),
    ("GET", MODELS + "/{model_id}/lineage"): Need(A.READ_LINEAGE, "model"),
    ("GET", MODELS + "/{model_id}/report"): Need(A.READ_LINEAGE, "model"),
    ("POST", MODELS + "/{model_id}/promotions"): Need(A.PROPOSE_PROMOTION, "model"),
    ("GET", "/v1/promotions/{promotion_id}"): Need(A.READ_MODEL, "model"),
    ("POST", "/v1/promotions/{promotion_id}/approve"): Need(A.APPROVE_PROMOTION, "promotion"),
    ("POST", "/v1/promotions/{promotion_id}/override"): Need(A.OVERRIDE_GATE, "promotion"),
    ("POST", MODELS + "/{model_id}/aliases/{alias}/clear"): Need(A.CLEAR_ALIAS, "model"),
    ("POST", MODELS + "/{model_id}/retire"): Need(A.RETIRE_MODEL, "model"),
    ("GET", "/v1/aliases/{alias}"): Need(A.READ_MODEL, "model"),
    ("GET", "/v1/aliases/{alias}/history"): Need(A.READ_MODEL, "model", is_list=True),
    ("GET", MODELS + "/{model_id}/card"): Need(A.READ_LINEAGE, "model"),
    ("GET", "/v1/audit/checkpoint"): Need(A.READ_LOG, "log"),
    ("GET", "/v1/audit/entries/{index}"): Need(A.READ_LOG, "log"),
    ("GET", "/v1/audit/entries/{index}/proof"): Need(A.READ_LOG, "log"),
    ("GET", "/v1/audit/consistency"): Need(A.READ_LOG, "log"),
    ("POST", "/v1/keys"): Need(A.CREATE_KEY, "key", is_admin=True),
    ("GET", "/v1/keys"): Need(A.LIST_KEYS, "key", is_admin=True),
    ("POST", "/v1/keys/{key_id}/rotate"): Need(A.CREATE_KEY, "key", is_admin=True),
    ("POST", "/v1/keys/{key_id}/revoke"): Need(A.REVOKE_KEY, "key", is_admin=True),
    ("POST", "/v1/policies/simulate"): Need(A.READ_POLICY, "policy", takes_both=True),
    ("POST", "/v1/policies"): Need(A.PROPOSE_POLICY, "policy", is_admin=True),
    ("GET", "/v1/policies"): Need(A.READ_POLICY, "policy", takes_both=True),
    ("GET", "/v1/policies/{policy_id}"): Need(A.READ_POLICY, "policy", takes_both=True),
    ("POST", "/v1/policies/{policy_id}/activate"): Need(A.ACTIVATE_POLICY, "policy"),
    ("POST", "/v1/policies/{policy_id}/rollback"): Need(A.PROPOSE_POLICY, "policy", is_admin=True),
    ("GET", "/v1/access/explain"): Need(A.EXPLAIN_ACCESS, "policy", takes_both=True),
    ("GET", "/v1/access/principals/{principal_id}"): Need(A.EXPLAIN_ACCESS, "policy", takes_both=True),
    ("GET", "/v1/access/who"): Need(A.EXPLAIN_ACCESS, "policy", takes_both=True),
    ("GET", "/v1/grants"): Need(A.READ_POLICY, "policy", takes_both=True),
    ("POST", "/v1/grants"): Need(A.GRANT_ROLE, "grant", is_admin=True),
    ("POST", "/v1/grants/revoke"): Need(A.REVOKE_ROLE, "grant", is_admin=True),
    **ORGANIZATION,
    **PAGES,
    **WEBHOOKS,
    **{
        (method, path): LoggedIn("it is not here, and says so to whoever has a key")
        for path, (methods, _) in OPENAI_ABSENT.items()
        for method in methods.split()
    },
    ("GET", "/login"): PROVIDERS,
    ("GET", "/login/callback"): PROVIDERS,
    ("GET", "/logout"): LoggedIn("everybody may leave"),
    ("POST", "/logout"): LoggedIn("everybody may leave"),
    ("GET", "/healthz"): Open("a probe has no key, and learns nothing but that the process answers"),
    ("GET", "/readyz"): Open("a probe has no key, and learns nothing but whether requests may be sent here"),
    ("GET", "/docs"): DOCUMENTS,
    ("GET", "/openapi.json"): DOCUMENTS,
    ("GET", "/errors"): DOCUMENTS,
    ("GET", "/errors/{code}"): DOCUMENTS,
}
POLICY = read_policy(POLICIES / "access" / "policy.csv")


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Every method and path that is answered."""
    for route in app.routes:
        if (inside := getattr(route, "original_router", None)) is not None:
            yield from routes(inside)
        elif isinstance(route, APIRoute) or getattr(route, "methods", None):
            yield from ((method, route.path) for method in route.methods - {"HEAD"})


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("roles") / "home", failed_logins_per_minute=100_000)
    with made.client:  # all requests on one loop: one each costs as much as a short answer
        yield made
    made.close()


@pytest.fixture(scope="module")
def calls(theatre: Theatre) -> Script:
    return script(theatre, Props(theatre=theatre))


@pytest.fixture(scope="module")
def keys(theatre: Theatre) -> dict[tuple[Role, KeyKind], str]:
    """A principal of each role alone, who asked for nothing and owns nothing, with a key of either kind."""
    made = {}
    with theatre.platform.work(PrincipalId("operator")) as work:
        for role in Role:
            principal = Principal(id=PrincipalId(f"prn-only-{role}"), roles=frozenset({role}))
            work.principals.put(principal)
            for kind in KeyKind:
                made[role, kind] = new_token(kind)
                # As from before keys had a kind, so that each role tries every route.
                key = KeyRecord(hash=token_hash(made[role, kind]), principal=principal.id)
                work.keys.put(key)
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))  # any entry: state never changes without one
        work.commit()
    return made


def may(role: Role, need: Need) -> bool:
    """Whether the policy allows it to somebody who owns nothing and has no emergency: such lines do not count."""
    lines = [line for line in POLICY if (line.action, line.kind, line.effect) == (need.action, need.kind, "allow")]
    return any(line.role == role and {"own", "emergency-open"}.isdisjoint(line.condition.split("+")) for line in lines)


def since(theatre: Theatre, index: int) -> list[Event]:
    """What was written from an index on."""
    with theatre.platform.view() as view:
        return [entry.event for entry in view.entries(index)]


def test_every_route_says_what_it_needs_and_nothing_else_does(theatre: Theatre) -> None:
    assert set(routes(theatre.client.app)) == set(NEEDS)


def ways(theatre: Theatre) -> list[tuple[str, str]]:
    return sorted(set(routes(theatre.client.app)))


def test_nobody_is_let_in_anywhere_but_where_everybody_may_be(theatre: Theatre) -> None:
    for method, path in ways(theatre):
        need = NEEDS[method, path]
        url = path.replace("{", "").replace("}", "")
        for headers in ({}, {"authorization": "Bearer " + new_token()}, {"authorization": "Basic eDp5"}):
            answer = theatre.client.request(method, url, headers=headers, follow_redirects=False)
            if isinstance(need, Open):
                assert answer.status_code in {200, 404}, f"{method} {path}"
            else:
                assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
                told = answer.json()
                assert answer.headers["content-type"] == "application/problem+json", f"{method} {path}"
                assert told["error"] == {**told["error"], "code": "invalid_api_key", "param": None}, f"{method} {path}"
            assert answer.headers["x-request-id"].startswith("req_"), f"{method} {path}"


def needing(calls: Script) -> Iterator[tuple[str, str, Need]]:
    """What takes an action. All else that is asked for here says the same to everybody who is let in."""
    for method, path in calls.operations():
        need = NEEDS[method, path]
        assert isinstance(need, Need | LoggedIn)
        if isinstance(need, Need):
            yield method, path, need


def test_each_role_is_refused_what_the_policy_does_not_allow_it_and_the_log_names_the_action(
    theatre: Theatre, calls: Script, keys: dict[tuple[Role, KeyKind], str]
) -> None:
    tried = before = 0
    for method, path, need in needing(calls):
        call = calls.call(method, path)
        theatre.seal()
        _, url, more = call.arguments()
        before += len(since(theatre, before))
        for role in [role for role in Role if not may(role, need)]:
            headers = {**more["headers"], "authorization": f"Bearer {keys[role, KeyKind.PROJECT]}"}
            answer = theatre.client.request(method, url, **{**more, "headers": headers})
            tried += 1
            written = since(theatre, before)
            before += len(written)
            # What others failed to log in with is told once a minute, by whichever request comes next.
            written = [one for one in written if not isinstance(one, LoginsRefused)]
            said = f"{role} {method} {path}: {answer.status_code} {answer.text[:200]}"
            if need.is_list:
                assert (answer.json().get("data", []), written) == ([], []), said
                assert answer.status_code == 200 or "cursor_unknown" in answer.text, said
                continue
            assert answer.status_code in {403, 404}, said
            assert written, said
            assert all(isinstance(one, ActionRefused) for one in written), said
            assert {one.action for one in written if isinstance(one, ActionRefused)} <= {need.action, need.before}, said
    assert tried > 150


def of_another_project(theatre: Theatre, name: str) -> str:
    """A key of a new project, of somebody with every role."""
    token, where = new_token(), projects.create(theatre.platform, OPERATOR, name)[0].id
    with theatre.platform.work(PrincipalId("operator")) as work:
        who = Principal(id=PrincipalId(f"prn-{name}"), roles=frozenset(Role))
        work.principals.put(who)
        work.keys.put(KeyRecord(hash=token_hash(token), principal=who.id, project=where))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
        work.commit()
    return token


def test_whoever_is_everything_in_another_project_finds_nothing_of_what_is_elsewhere(
    theatre: Theatre, calls: Script
) -> None:
    """By a key of that project, for every role at once. What is of the whole platform is refused them, or not found."""
    token = of_another_project(theatre, "elsewhere")
    tried = 0
    for method, path, need in needing(calls):
        call = calls.call(method, path)
        theatre.seal()
        _, url, more = call.arguments()
        headers = {**more["headers"], "authorization": f"Bearer {token}"}
        answer = theatre.client.request(method, url, **{**more, "headers": headers})
        said = f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        if need.is_list:
            assert answer.json().get("data", []) == [], said
        elif need.action is A.READ_GATE:
            assert answer.status_code == 200, said  # gates are the same in every project
        elif need.kind not in IN_PROJECTS:
            assert answer.status_code in {403, 404}, said
        elif "{" in path or path in NAMED_IN_BODY:
            assert answer.status_code == 404, said
            tried += 1
        else:
            assert answer.status_code == 200, said
    assert tried > 30


NAMED_IN_BODY = {JOBS, "/v1/plans", "/v1/lineage/person"}
"""Where the thing is named in the body and not in the path."""


def test_each_role_that_may_is_let_in(theatre: Theatre, calls: Script, keys: dict[tuple[Role, KeyKind], str]) -> None:
    """With the same requests; so that the test before does not pass because nothing works at all."""
    for method, path, need in needing(calls):
        able = [role for role in Role if may(role, need)]
        for role in able[:1]:
            call = calls.call(method, path)
            theatre.seal()
            _, url, more = call.arguments()
            headers = {**more["headers"], "authorization": f"Bearer {keys[role, KeyKind.PROJECT]}"}
            answer = theatre.client.request(method, url, **{**more, "headers": headers})
            assert answer.status_code in OWN_BESIDES.get((method, path), {200}), (
                f"{role} {method} {path}: {answer.status_code} {answer.text[:300]}"
            )


OWN_BESIDES = {
    ("POST", "/v1/datasets/{dataset_id}/versions"): {403, 404},
    ("POST", "/v1/reviews/{review_id}/answers"): {409},
    ("POST", UPLOAD + "/parts"): {404},
    ("POST", UPLOAD + "/complete"): {404},
    ("POST", UPLOAD + "/cancel"): {404},
}
"""What is also needed and is somebody else's here: a file, an upload, a text; and how that is answered."""


def test_the_pages_refuse_as_the_api_does(
    theatre: Theatre, calls: Script, keys: dict[tuple[Role, KeyKind], str]
) -> None:
    before = 0
    for method, path, need, url, form in pages(calls):
        for role in [role for role in Role if not may(role, need)]:
            before += len(since(theatre, before))
            headers = {"authorization": f"Bearer {keys[role, KeyKind.PROJECT]}", "sec-fetch-site": "same-origin"}
            answer = theatre.client.request(method, url, headers=headers, data=form)
            written = since(theatre, before)
            assert answer.status_code in {403, 404}, f"{role} {method} {path}: {answer.status_code}"
            assert [one.action for one in written if isinstance(one, ActionRefused)] == [need.action], (
                f"{method} {path}"
            )


def test_whoever_is_everything_in_another_project_finds_no_page_of_what_is_elsewhere(
    theatre: Theatre, calls: Script
) -> None:
    headers = {"authorization": f"Bearer {of_another_project(theatre, 'far')}", "sec-fetch-site": "same-origin"}
    tried = 0
    for method, path, need, url, form in pages(calls):
        if need.kind in IN_PROJECTS:
            answer = theatre.client.request(method, url, headers=headers, data=form)
            assert (answer.status_code, "html" in answer.headers["content-type"]) == (404, True), f"{method} {path}"
            tried += 1
    assert tried > 10


def test_the_administration_takes_no_project_key_and_the_rest_no_admin_key(theatre: Theatre) -> None:
    tokens = {kind: new_token(kind) for kind in KeyKind}
    who = Principal(id=PrincipalId("prn-two-hats"), roles=frozenset({Role.ADMINISTRATOR, Role.STEWARD}))
    with theatre.platform.work(PrincipalId("operator")) as work:
        work.principals.put(who)
        for kind, token in tokens.items():
            work.keys.put(KeyRecord(hash=token_hash(token), principal=who.id, kind=kind))
        work.record(KeyRevoked(principal=PrincipalId("prn-nobody")))
        work.commit()
    before, asked = len(theatre.entries()), 0
    for method, path in ways(theatre):
        need = NEEDS[method, path]
        if not isinstance(need, Need) or need.takes_both:
            continue
        asked += 1
        wrong = tokens[KeyKind.PROJECT if need.is_admin else KeyKind.ADMIN]
        url = path.replace("{", "").replace("}", "")
        answer = theatre.client.request(method, url, headers={"authorization": f"Bearer {wrong}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "key_of_another_kind"), f"{method} {path}"
    events = [entry.event for entry in theatre.entries()[before:]]
    assert all(isinstance(one, LoginsRefused) for one in events)
    assert len(events) * 10 < asked, "one entry a minute and reason, not one for each"
