"""The interface description that is committed is the application's, whole, and every part of it is bounded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Stage
from tests.entry.api.fuzzing import committed

from tunewarden.entry.api.answers import ANSWERS
from tunewarden.entry.api.app import create_app
from tunewarden.entry.api.breaking import broken
from tunewarden.entry.api.description import operations
from tunewarden.entry.codes import Place, statuses_of
from tunewarden.entry.settings import Settings

Json = dict[str, Any]


@pytest.fixture
def document(stage: Stage, tmp_path: Path) -> Json:
    app = create_app(stage.platform, Settings(home=tmp_path))
    app.state.doors.close()
    return app.openapi()


def test_the_committed_description_is_the_applications(document: Json) -> None:
    """`make describe` writes it anew. What breaks programs that are there has to be meant: see `breaking`."""
    assert broken(committed(), document) == []
    assert committed() == document


def test_it_is_openapi_3_1_with_every_operation_named_told_and_guarded(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert operation["tags"], where
        assert [*operation["security"][0]] == ["HTTPBearer"], where


def test_every_answer_in_json_has_a_shape(document: Json) -> None:
    """A route that is new says in `entry/api/answers` what it answers."""
    in_json = {
        (method.upper(), path)
        for method, path, operation in operations(document)
        if "application/json" in operation["responses"]["200"].get("content", {})
    }
    assert in_json - ANSWERS.keys() == set()
    assert ANSWERS.keys() - in_json == set()
    for *where, operation in operations(document):
        content = operation["responses"]["200"]["content"]
        assert all(one["schema"] for one in content.values()), where


def test_every_operation_tells_its_errors_with_every_code_and_its_headers(document: Json) -> None:
    for method, path, operation in operations(document):
        told = {"401", "403", "404", "409", "422", "429", "500", "503"}
        told |= {"400", "408", "413"} if "requestBody" in operation else set()
        assert told <= operation["responses"].keys(), f"{method} {path}"
        assert "x-request-id" in operation["responses"]["200"]["headers"]
        named = {one.get("$ref", "").rsplit("/", 1)[-1] for one in operation["parameters"]}
        assert ("Idempotency-Key" in named) == (method == "post"), f"{method} {path}"
    for status, codes in statuses_of(Place.ANSWERS).items():
        answer = document["components"]["responses"].get(f"Error{status}")
        if answer is not None:
            said = answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]
            assert said["error"]["properties"]["code"]["enum"] == codes
    assert "HTTPValidationError" not in document["components"]["schemas"]


def asked(document: Json) -> Iterator[tuple[str, Json]]:
    """Every schema of something that callers send."""
    for method, path, operation in operations(document):
        for one in operation["parameters"]:
            if "$ref" not in one:
                yield f"{method} {path} {one['name']}", one["schema"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield f"{method} {path}", content["schema"]


def unbounded(document: Json, place: str, schema: Json, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Texts, lists and numbers that may be as long or as large as one likes."""
    if "$ref" in schema:
        if schema["$ref"] in seen:
            return
        seen |= {schema["$ref"]}
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for one in schema.get("anyOf", ()):
        yield from unbounded(document, place, one, seen)
    is_closed = "enum" in schema or "const" in schema or "format" in schema or "contentMediaType" in schema
    match schema.get("type"):
        case "string" if not is_closed and not ({"maxLength", "pattern"} & schema.keys()):
            yield place
        case "integer" if not is_closed and not ({"maximum", "exclusiveMaximum"} & schema.keys()):
            yield place
        case "array" if "maxItems" not in schema:
            yield f"{place}[]"
    if isinstance(schema.get("items"), dict):
        yield from unbounded(document, f"{place}[]", schema["items"], seen)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from unbounded(document, f"{place}{{}}", schema["additionalProperties"], seen)
    for name, one in schema.get("properties", {}).items():
        yield from unbounded(document, f"{place}.{name}", one, seen)


def test_whatever_is_sent_has_a_bound(document: Json) -> None:
    """But decimals as texts, which `caller.decimal` bounds: no schema can say how many digits a number has."""
    found = {one for place, schema in asked(document) for one in unbounded(document, place, schema)}
    assert sorted(found) == []
