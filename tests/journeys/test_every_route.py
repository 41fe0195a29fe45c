"""Every route, found in the OpenAPI document: what changes state gives a receipt that holds, and no value crashes it.

On SQLite, and on PostgreSQL where it is on the machine.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.entry.api.shapes import Shapes
from tests.journeys.canaries import Call, Script, changed, places
from tests.journeys.script import WHO, Props, script
from tests.journeys.theatre import Theatre, in_folder

from tunewarden_audit.merkle import leaf_hash


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def theatre(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("cluster").database()
    made = in_folder(tmp_path_factory.mktemp("routes") / "home", database_url=url)
    with made.client:  # all requests on one loop: one each costs as much as a short answer
        yield made
    made.close()


@pytest.fixture(scope="module")
def calls(theatre: Theatre) -> Script:
    return script(theatre, Props(theatre=theatre))


def receipts_in(answer: Any) -> list[tuple[int, str]]:
    """Every member called "receipt", at whatever depth: index and leaf hash."""
    if isinstance(answer, list):
        return [found for item in answer for found in receipts_in(item)]
    if not isinstance(answer, dict):
        return []
    deeper = [found for member in answer.values() for found in receipts_in(member)]
    return [*deeper, (answer["receipt"]["index"], answer["receipt"]["leaf_hash"])] if "receipt" in answer else deeper


def receipts_of(answer: Any) -> list[tuple[int, str]]:
    """Those in the body, or that of the header where the body is not ours to write in."""
    header = answer.headers.get("tunewarden-receipt")
    if header is not None:
        index, leaf = header.split()
        return [(int(index), leaf)]
    return receipts_in(answer.json()) if "json" in answer.headers["content-type"] else []


def written_since(theatre: Theatre, index: int) -> int:
    """How many entries there are from an index on."""
    with theatre.platform.view() as view:
        return sum(1 for _ in view.entries(index))


ASKED_BY_POST = {
    ("POST", "/v1/policies/simulate"),
    ("POST", "/v1/plans"),
    ("POST", "/v1/webhook_endpoints/{webhook_id}/test"),
}
"""What changes nothing, and is too long for a query."""


def test_who_changes_something_gets_the_receipt_of_the_last_entry_and_who_only_reads_gets_none(
    theatre: Theatre, calls: Script
) -> None:
    """With it the caller convicts a log that drops or changes the entry, whether it was sealed or not. And each answer
    is what the interface description says, with no member more.
    """
    before, shapes = 0, Shapes(calls.document)
    for method, path in calls.operations():
        call = calls.call(method, path)
        theatre.seal()
        before += written_since(theatre, before)
        _, url, more = call.arguments()
        answer = theatre.ask(WHO.get((method, path), "max"), method, url, **more)
        assert answer.status_code == 200, f"{method} {url}: {answer.text}"
        assert list(shapes.faults(method, path, answer)) == [], f"{method} {path}"
        written = written_since(theatre, before)
        assert written or method == "GET" or (method, path) in ASKED_BY_POST, (
            f"{method} {path} changes nothing that the log knows of"
        )
        last = before + written - 1
        leaf = leaf_hash(theatre.platform.log.entry(last)).hex()
        assert receipts_of(answer) == ([(last, leaf)] if written else []), f"{method} {path}"


HOSTILE: dict[str, Any] = {
    "null": None,
    "minus one": -1,
    "2**200": 2**200,
    "not a number": float("nan"),
    "huge as a word": "1e999999999",
    "NaN as a word": "sNaN12",
    "many digits": "1" + "0" * 5_000,
    "empty": "",
    "the zero character": "a\0b",
    "half a surrogate pair": "\ud800",
    "quotes": "'; DROP TABLE entries; --\"",
    "long": "x" * 200_000,
    "list": [[]],
    "object": {"a": {}},
    "deep": json.loads("[" * 500 + "]" * 500),
}


DATABASES_DIFFER = {"2**200", "the zero character", "half a surrogate pair", "quotes", "long"}
EVERY = 3
"""Of the pairs of a place and a value, so many walks together send all; one of them is a test."""


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.bench) for part in range(1, EVERY))], ids=lambda part: str(part)
)
def test_no_value_at_any_place_of_any_request_crashes_it(theatre: Theatre, calls: Script, part: int) -> None:
    """Accepted or refused, with an answer that says which check it was; never a 500, never "try again".

    Each walk sends every value to every operation that has as many places, and some values to every place.
    """
    on_postgres = bool(theatre.settings.database_url)
    values = {name: value for name, value in HOSTILE.items() if not on_postgres or name in DATABASES_DIFFER}
    bad = []
    for method, path in calls.operations():
        call, able = calls.call(method, path), WHO.get((method, path), "max")
        theatre.seal()
        for row, (name, value) in enumerate(values.items()):
            for place, variant in list(with_a_value(call, value))[(part - row) % EVERY :: EVERY]:
                answer = send(theatre, able, variant)
                if answer.status_code >= 500 or (answer.status_code >= 400 and not answer.json()["error"]["code"]):
                    bad.append(f"{answer.status_code} {method} {path} {place} {name}: {answer.json()['error']['code']}")
    assert bad == []


def with_a_value(call: Call, value: Any) -> Iterator[tuple[str, Call]]:
    """Each place of a request that can hold the value at all."""
    if call.body is not None:
        for place in places(call.body):
            yield f"body {place}", replace(call, body=changed(call.body, place, value))
        yield "body", replace(call, body=value)
    if isinstance(value, str | int | float) and str(value).isascii():
        text = str(value)[:9_000]
        for name in call.within:
            yield f"path {name}", replace(call, within={**call.within, name: text or "."})
        for name in call.query:
            yield f"query {name}", replace(call, query={**call.query, name: text})


def send(theatre: Theatre, name: str, call: Call) -> Any:
    method, url, more = call.arguments()
    if "json" in more:  # written here, because the client would refuse to write what is not JSON by the book
        more["content"] = json.dumps(more.pop("json")).encode()
        more["headers"] = {**more["headers"], "content-type": "application/json"}
    return theatre.ask(name, method, url, **more)
