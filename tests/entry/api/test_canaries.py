"""No record text, name of a file or value of a header in any error, header, log line or metric: of every route.

Of every place of every request that the app answers, documented or not, as somebody who may do everything and as
others in turn. `tests/journeys/test_erasability.py` follows records through the worker, tables, files and exports;
here it is what answers, and what is written down about them.
"""

import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from fastapi.testclient import TestClient
from tests.drivers.test_oidc import OURS, House
from tests.entry.api.everywhere import ABSENT, AS_IT_IS, NAMED, PAGES, QUERIES, Sent, everywhere
from tests.entry.api.planting import Planted
from tests.entry.api.test_routes import routes
from tests.journeys.canaries import Call, Script
from tests.journeys.script import WHO, Props, script
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.entries import entry_bytes
from tunewarden.domain.names import Action
from tunewarden.entry.api.app import create_app
from tunewarden.entry.identities import Identities
from tunewarden.entry.running import running
from tunewarden.usecases.ports import Principal, Resource

HOME = "https://house.example"
SCRAPE = "scrape-" + "x" * 40
MOVES = ("POST", "PUT", "PATCH", "GET", "DELETE")
"""In this order, so that what is only read shows what was made before."""
OTHERS = ("nobody", "eve", "otto", "ann", "dana", "gail")

RETURNED: Mapping[str, tuple[str, str]] = {
    r"POST /v1/(files|uploads)\b.* (form purpose|name of the file|body .'(filename|purpose)',.)": (
        "/v1/(files|uploads)",
        "what a file is called, and for, is shown to who uploaded it",
    ),
    r"POST /v1/datasets body \('(name|columns)'.*": ("/v1/datasets", "to who may read the description of a dataset"),
    r"POST /v1/fine_tuning/jobs body \('(suffix|metadata)'.*": (
        "/v1/(fine_tuning/jobs|models)",
        "a suffix is part of the model's name, and metadata is the requester's own",
    ),
    r"POST /v1/plans body .*'(model|suffix|metadata|protected_attributes)'.*": (
        "/v1/plans",
        "the plan that was asked for, to who asked",
    ),
    r"POST /v1/webhook_endpoints.* body \('name',\)": ("/v1/webhook_endpoints", "what an endpoint is called"),
    r"POST /v1/.*(keys|service_accounts|users|groups|projects)\b.* body \('name',\)": (
        "/v1/(keys|organization|projects)",
        "what a key, an account, a group or a project is called, to administrators",
    ),
    r"GET /v1/access/(explain|who) query kind": ("/v1/access", "a question is repeated beside its answer"),
}
"""The places whose words come back -> in the answers of which routes, and why; in no error, header or line of a log."""


NOT_FROM_HERE = {("POST", "/v1/webhook_endpoints/{webhook_id}/test"): 503}
"""What would call somebody outside."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """What came out: where -> by which request -> the places that were found in it."""

    planted: Planted = field(default_factory=Planted)
    out: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    searched: Counter[str] = field(default_factory=Counter)
    statuses: dict[tuple[str, str], int] = field(default_factory=dict)
    crashes: int = 0

    def saw(self, source: str, label: str, data: bytes) -> None:
        self.searched[source] += 1
        found = self.out.setdefault(source, Counter())
        for place in self.planted.found_in(data):
            found[label, place] += 1


@dataclass(slots=True, kw_only=True)
class Walker:
    theatre: Theatre
    walk: Walk
    others: Iterator[str] = field(default_factory=lambda: cycle(OTHERS))

    def send(self, sent: Sent, who: str) -> Any:
        method, url, more = sent.call.arguments()
        headers = {} if who == "nobody" else {"authorization": f"Bearer {self.theatre.tokens[who]}"}
        if method == "POST" and sent.call.file is None and sent.call.form is not None:
            headers["sec-fetch-site"] = "same-origin"
        headers = {**headers, **more.pop("headers"), **sent.credential}
        if sent.credential and "authorization" not in sent.credential:
            del headers["authorization"]
        answer = self.theatre.client.request(method, url, headers=headers, follow_redirects=False, **more)
        label = f"{answer.status_code} {method} {sent.call.path} by {who}"
        source = "errors" if answer.status_code >= 400 else "answers"
        self.walk.saw(source, label, answer.content)
        self.walk.saw("headers", label, repr(sorted(answer.headers.multi_items())).encode())
        assert answer.status_code != 500, f"{label} {sent.place}: {answer.text[:300]}"
        return answer

    def route(self, call: Call) -> None:
        able = WHO.get((call.method, call.path), "max")
        for sent in everywhere(call, self.walk.planted):
            answer = self.send(sent, able)
            if sent.place == AS_IT_IS:
                self.walk.statuses[call.method, call.path] = answer.status_code
            elif sent.as_others and (call.method, call.path) not in ABSENT:
                self.send(sent, next(self.others))


def case_of(calls: Script, method: str, path: str) -> Call:
    """A request of a route; raises `KeyError` for one that is neither in the document, nor absent, nor in `PAGES`."""
    if method.lower() in calls.document["paths"].get(path, {}):
        return calls.call(method, path)
    if (method, path) in ABSENT:
        within = {part[1:-1]: "word" for part in path.split("/") if part.startswith("{")}
        return Call(method=method, path=path, within=within, body={"name": "word"} if method == "POST" else None)
    like, form = PAGES[method, path]
    ids: Mapping[str, str] = NAMED.get(path, {}) if like is None else calls.call(*like).within
    return Call(method=method, path=path, within=ids, form=form, query=QUERIES.get(path, {}))


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    home = tmp_path_factory.mktemp("canaries")
    token = home / "metrics-token"
    token.touch(mode=0o600)
    token.write_text(SCRAPE)
    walk, said, logged = Walk(), io.StringIO(), io.StringIO()
    before, handler = structlog.get_config(), logging.StreamHandler(logged)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=said))  # ours writes to the first stderr
    logging.getLogger().addHandler(handler)
    try:
        with redirect_stderr(said), redirect_stdout(said):
            made = theatre(home, token)
            with made.client:  # all requests on one loop: one each costs as much as a short answer
                calls = walk_all(made, walk)
                walk.saw("metrics", "/metrics", scraped(made))
            crash_all(made, walk, calls)
            entries = [entry_bytes(one.event, actor=one.actor, at=one.at) for one in made.entries()]
            walk.saw("entries", "the log", b"\n".join(entries))
            made.close()
    finally:
        structlog.configure(**before)
        logging.getLogger().removeHandler(handler)
    walk.saw("log lines", "diagnostics", (said.getvalue() + logged.getvalue()).encode())
    return walk


def theatre(home: Path, metrics_token: Path) -> Theatre:
    """A platform where people log in too, and whose metrics are read."""
    provided = {"public_url": HOME, "oidc_issuer": OURS.issuer, "oidc_client_id": "pages"}
    made = in_folder(home / "home", failed_logins_per_minute=1_000_000, metrics_token_file=metrics_token, **provided)
    house = House(clock=made.platform.clock)  # type: ignore[arg-type]
    who, beside = Identities(provider=house.provider), running(made.settings, made.platform)
    app = create_app(made.platform, made.settings, who, beside)
    return replace(made, client=TestClient(app, base_url=HOME))


def walk_all(theatre: Theatre, walk: Walk) -> Sequence[Call]:
    """Every route; what is returned is a request of each."""
    calls, walker = script(theatre, Props(theatre=theatre)), Walker(theatre=theatre, walk=walk)
    made: list[Call] = []
    for method, path in sorted(set(routes(theatre.client.app)), key=lambda way: (MOVES.index(way[0]), way[1])):
        call = case_of(calls, method, path)
        theatre.seal()
        walker.route(call)
        if isinstance(call.body, dict) and "plan" in call.body and "suffix" in call.body:
            said_once = {name: member for name, member in call.body.items() if name != "plan"}
            walker.route(replace(call, body=said_once))  # else a changed word is refused: the plan says another
        made.append(call)
    return made


def crash_all(theatre: Theatre, walk: Walk, calls: Sequence[Call]) -> None:
    """Each request once more where access decisions end in an exception with words of what was decided about."""

    def broken(_principal: Principal, action: Action, resource: Resource) -> NoReturn:
        raise RuntimeError(f"{walk.planted.word(f'a crash at {action}')} of {resource}")

    platform = replace(theatre.platform, access=broken)
    app = create_app(platform, theatre.settings, running=running(theatre.settings, platform))
    with TestClient(app, base_url=HOME) as client:
        for call in calls:
            method, url, more = call.arguments()
            headers = {"authorization": f"Bearer {theatre.tokens['max']}", **more.pop("headers")}
            answer = client.request(method, url, headers=headers, follow_redirects=False, **more)
            walk.crashes += answer.status_code == 500
            walk.saw("crashes", f"{method} {call.path}", answer.content + repr(answer.headers).encode())


def scraped(theatre: Theatre) -> bytes:
    answer = theatre.client.get("/metrics", headers={"authorization": f"Bearer {SCRAPE}"})
    assert answer.status_code == 200
    return answer.content


@pytest.mark.parametrize("source", ["errors", "headers", "crashes", "log lines", "metrics", "entries"])
def test_nothing_that_was_sent_comes_out_in(walk: Walk, source: str) -> None:
    assert walk.searched[source], "nothing was searched"
    assert [(answer, place) for answer, place in walk.out[source] if not is_sent_to_log_in(answer, place)] == []


def is_sent_to_log_in(answer: str, place: str) -> bool:
    """A browser that is nobody's is sent away, and comes back to the path it asked for."""
    status, method, path, *_ = answer.split()
    return (status, method) == ("303", "GET") and not path.startswith("/v1/") and place.startswith(f"GET {path} path ")


def test_answers_give_back_what_they_are_for_and_nothing_else(walk: Walk) -> None:
    told, unused = [], set(RETURNED)
    for answer, place in walk.out["answers"]:
        reasons = [origin for origin in RETURNED if re.fullmatch(origin, place)]
        unused -= set(reasons)
        path = answer.split()[2]
        told += [] if any(re.match(RETURNED[origin][0], path) for origin in reasons) else [f"{answer}: {place}"]
    assert sorted(told) == []
    assert unused == set(), "what does not come back needs no reason"


def test_every_route_was_asked_and_answered_as_it_should_be(walk: Walk) -> None:
    """A request that is refused as it is would keep every word in it from going far."""
    of_the_document = walk.statuses.keys() - PAGES.keys() - ABSENT
    assert len(of_the_document) > 100
    assert {way: status for way in of_the_document if (status := walk.statuses[way]) != 200} == NOT_FROM_HERE
    assert {walk.statuses[way] for way in ABSENT if "webhook" not in way[1]} <= {501, 403, 422}


def test_crashes_were_crashes(walk: Walk) -> None:
    assert walk.crashes > 100
