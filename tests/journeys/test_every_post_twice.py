"""Every POST takes an Idempotency-Key, and what is asked twice with the same one is done once."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.journeys.canaries import Call
from tests.journeys.script import WHO, Props, script
from tests.journeys.theatre import Theatre, in_folder


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("twice") / "home")
    with made.client:
        yield made
    made.close()


def size(theatre: Theatre) -> int:
    """How many entries the log has."""
    with theatre.platform.view() as view:
        return view.size()


def asked(theatre: Theatre, call: Call, key: str) -> Any:
    method, url, more = call.arguments()
    more["headers"] = {**more["headers"], "idempotency-key": key}
    return theatre.ask(WHO.get((call.method, call.path), "max"), method, url, follow_redirects=False, **more)


def test_every_post_is_done_once_for_the_same_key(theatre: Theatre) -> None:
    calls = script(theatre, Props(theatre=theatre))
    posts = [path for method, path in calls.operations() if method == "POST"]
    assert len(posts) > 60
    only_ask: list[str] = []
    for number, path in enumerate(posts):
        parameters = calls.document["paths"][path]["post"]["parameters"]
        assert {"$ref": "#/components/parameters/Idempotency-Key"} in parameters, f"POST {path} names no key"
        call = calls.call("POST", path)
        theatre.seal()
        before = size(theatre)
        first = asked(theatre, call, f"key-{number}")
        assert first.status_code == 200, f"POST {path}: {first.text}"
        done = size(theatre) - before
        second = asked(theatre, call, f"key-{number}")
        assert size(theatre) == before + done, f"POST {path} was done twice"
        if not done:  # it only asks: it is answered anew each time, and may be
            assert second.status_code == 200, f"POST {path}: {second.text}"
        elif second.status_code == 409:
            assert second.json()["error"]["code"] == "secret_shown_once", f"POST {path}: {second.text}"
            assert "tw-" in first.text or "whsec_" in first.text
        else:
            assert second.headers.get("idempotency-replayed") == "true", f"POST {path}: {second.text}"
            assert (second.status_code, second.content) == (200, first.content), f"POST {path}"
        only_ask += [path] if not done else []
    assert len(only_ask) < 5, f"kept for none of these: {only_ask}"
