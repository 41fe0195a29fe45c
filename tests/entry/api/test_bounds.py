"""What nobody should have to read is refused before anybody reads it, with its reason and nothing of what was sent."""

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from types import FrameType
from typing import Any

import pytest
import uvicorn
from hypothesis import given, strategies as st
from tests.entry.api.conftest import Gatehouse, Open

from tunewarden.domain.errors import Malformed
from tunewarden.entry.api.bounds import (
    DEEPEST,
    LARGEST_HEADERS,
    LONGEST_PATH,
    LONGEST_QUERY,
    MOST_HEADERS,
    require_json,
)
from tunewarden.entry.api.server import configured

OUT_OF_BOUNDS: dict[str, tuple[bytes, str]] = {
    "arrays": (b"[" * 100_000, "json_too_deep"),
    "arrays and their ends": (b"[[]," * 33 + b"0" + b"]" * 33, "json_too_deep"),
    "arrays in turn": (b"[" + b"[]," * 1_000 + b"[" * DEEPEST + b"]" * DEEPEST + b"]", "json_too_deep"),
    "more ends than beginnings": (b"[]," * 40 + b"]" * 100_000, "invalid_request"),
    "ends of other brackets": (b"[}" * 40, "invalid_request"),
    "objects": (b'{"CANARY":' * 33 + b"1" + b"}" * 33, "json_too_deep"),
    "both, behind a text": (b'{"CANARY":"]]]]","a":' + b'[{"a":' * 16 + b"1" + b"}]" * 16 + b"}", "json_too_deep"),
    "the same name twice": (b'{"CANARY": 1, "b": {"CANARY": 1}, "CANARY": 2}', "name_twice"),
    "the same name twice, inside": (b'{"a": [{"CANARY": 1, "CANAR\\u0059": 2}]}', "name_twice"),
    "NaN": (b'{"CANARY": NaN}', "invalid_request"),
    "infinity": (b'{"CANARY": -Infinity}', "invalid_request"),
    "a number beyond doubles": (b'{"CANARY": 1e400}', "number_out_of_range"),
    "an integer beyond doubles": (b'{"CANARY": ' + b"9" * 400 + b"}", "number_out_of_range"),
    "more digits than Python reads": (b'{"CANARY": ' + b"9" * 5_000 + b"}", "number_out_of_range"),
    "as many digits as the largest double": (b'{"CANARY": -1' + b"0" * 308 + b"}", "number_out_of_range"),
    "half a pair": (b'{"a": "CANARY \\ud83d"}', "surrogate_alone"),
    "the other half": (b'{"a": "CANARY \\ude00\\ud83d"}', "surrogate_alone"),
    "half a pair behind a backslash": (b'{"a": "CANARY \\\\\\uD83D"}', "surrogate_alone"),
    "half a pair in a name": (b'{"CANARY \\udfff": 1}', "surrogate_alone"),
    "the zero character": (b'{"a": "CANARY\\u0000"}', "zero_character"),
    "no UTF-8": (b'{"a": "CANARY \xff"}', "invalid_request"),
    "UTF-16": ('{"a": "CANARY"}'.encode("utf-16-le"), "invalid_request"),
    "UTF-16 with a mark": ('{"a": "CANARY"}'.encode("utf-16"), "invalid_request"),
    "UTF-32": ('{"a": "CANARY"}'.encode("utf-32-be"), "invalid_request"),
    "half of it": (b'{"a": "CANARY', "invalid_request"),
    "two of them": (b'{"CANARY": 1}{"CANARY": 1}', "invalid_request"),
    "text": (b"CANARY", "invalid_request"),
}


@pytest.fixture
def gate(opened: Open) -> Gatehouse:
    return opened()


def post(gate: Gatehouse, path: str, body: bytes, kind: str = "application/json") -> Any:
    return gate.ask("dana", "POST", path, content=body, headers={"content-type": kind})


@pytest.mark.parametrize("name", OUT_OF_BOUNDS)
def test_a_body_out_of_bounds_is_refused_with_its_reason_and_nothing_of_it(gate: Gatehouse, name: str) -> None:
    body, code = OUT_OF_BOUNDS[name]
    for kind in ("application/json", "application/problem+json; charset=utf-8", "APPLICATION/JSON"):
        answer = post(gate, "/v1/datasets", body, kind)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code), answer.text
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert "CANAR" not in answer.text


def test_every_operation_that_takes_a_body_refuses_such_a_body_alike(gate: Gatehouse) -> None:
    app: Any = gate.client.app
    taken = [
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method, operation in methods.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    assert len(taken) > 40
    for method, template in taken:
        path = re.sub(r"{[^}]*}", "x", template)
        for name in ("arrays", "the same name twice", "half a pair", "a number beyond doubles"):
            body, code = OUT_OF_BOUNDS[name]
            answer = gate.ask("dana", method, path, content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, code), (method, template, name)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEPEST + b"]" * DEEPEST,
        b"[" + b'{"a":' * (DEEPEST - 1) + b"0" + b"}" * (DEEPEST - 1) + b",[]" * 1_000 + b"]",
        b'{"a": "' + b"[" * 1_000 + b'\\"' + b"{" * 1_000 + b'"}',
        b'{"a": "\\ud83d\\ude00 \\\\ud83d \\\\u0000"}',
        b'\xef\xbb\xbf{"a": -9007199254740993, "b": -1.5e300, "c": 1e-400}',
        '{"a": "\U0001f600"}'.encode(),
        b'{"a": {"b": 1}, "b": [{"b": 1}, {"b": 1}]}',
    ],
)
def test_what_is_within_the_bounds_is_read(body: bytes) -> None:
    require_json(body)


@pytest.mark.parametrize(
    "piece", [b"[],", b'"[[{",', b'"\\n\\\\",', b'"\\ud83d\\ude00",', b'"a",'], ids=["[]", "text", "\\n", "pair", "a"]
)
def test_a_large_body_takes_no_more_steps_of_ours_than_a_small_one(piece: bytes) -> None:
    """Whoever sends it is not known yet. Not so: objects and numbers, each of which is looked at."""

    def steps(times: int) -> int:
        found = 0

        def step(frame: FrameType, event: str, _: object) -> Any:
            nonlocal found
            found += event == "line"
            return step if frame.f_code.co_filename == require_json.__code__.co_filename else None

        before = sys.gettrace()
        sys.settrace(step)
        try:
            require_json(b"[" + piece * times + b'""]')
        finally:
            sys.settrace(before)
        return found

    assert 0 < steps(50_000) == steps(50)


plains = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 10**307, 10**308 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plains, st.booleans())
def test_whatever_json_a_client_writes_is_read(value: object, ascii_alone: bool) -> None:
    require_json(json.dumps(value, ensure_ascii=ascii_alone).encode())


@given(
    st.lists(st.sampled_from(["\\", "u", "d83d", "de00", "D8", "0000", "ud83d", "\\ud83d", "\\ude00", "a", '\\"', "n"]))
)
def test_a_text_is_refused_exactly_where_it_holds_half_a_pair_or_a_zero(pieces: list[str]) -> None:
    body = f'["{"".join(pieces)}"]'.encode()
    try:
        text = json.loads(body)[0]
    except json.JSONDecodeError:
        is_good = False
    else:
        is_good = "\0" not in text and not re.search("[\ud800-\udfff]", text)
    if is_good:
        require_json(body)
    else:
        with pytest.raises(Malformed):
            require_json(body)


def test_a_zero_character_in_a_query_or_a_form_is_refused(gate: Gatehouse) -> None:
    asked = gate.ask("dana", "GET", "/v1/files?after=CANARY%00")
    assert (asked.status_code, asked.json()["error"]["code"]) == (422, "zero_character")
    sent = gate.ask(
        "dana",
        "POST",
        "/logout",
        content=b"csrf=CANARY%00",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert (sent.status_code, sent.json()["error"]["code"]) == (422, "zero_character")
    assert "CANARY" not in asked.text + sent.text


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (f"/v1/files?after={'C' * LONGEST_QUERY}", {}, 414, "target_too_long"),
        (f"/v1/files/{'C' * LONGEST_PATH}", {}, 414, "target_too_long"),
        ("/v1/files", {f"x-{number}": "C" for number in range(MOST_HEADERS)}, 431, "headers_too_large"),
        ("/v1/files", {"x-long": "C" * LARGEST_HEADERS}, 431, "headers_too_large"),
    ],
)
def test_a_head_that_is_too_large_is_refused(
    gate: Gatehouse, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = gate.ask("dana", "GET", path, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "CCC" not in answer.text


def test_a_head_just_within_the_bounds_is_answered(gate: Gatehouse) -> None:
    few = {f"x-{number}": "v" for number in range(MOST_HEADERS - 10)}
    assert gate.ask("dana", "GET", f"/v1/files?x={'v' * (LONGEST_QUERY - 2)}", headers=few).status_code == 200


@pytest.fixture
def served_at(gate: Gatehouse) -> Iterator[int]:
    """The port of the same application behind the server that processes run."""
    app: Any = gate.client.app
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(configured(app, gate.doors.settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)


def said_to(port: int, sent: Callable[[socket.socket], None]) -> bytes:
    """All that the server says until it closes the connection."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
        sent(connection)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_server_refuses_a_head_that_does_not_end_and_what_is_no_http(served_at: int) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: " + b"CANARY" * 12_000)

    def tls(connection: socket.socket) -> None:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03CANARY\r\n\r\n")

    for sent in (endless, tls):
        answer = said_to(served_at, sent)
        assert answer.startswith(b"HTTP/1.1 400 "), answer[:100]
        assert b"CANARY" not in answer
    answer = said_to(served_at, lambda it: it.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200 "), "and goes on for others"
