"""What breaks a program that was written against an earlier interface description, and what does not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tunewarden.entry.api.breaking import broken

Json = dict[str, Any]
COMMITTED = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
NAMES = st.sampled_from("abcdef")
BOUNDED: st.SearchStrategy[Json] = st.one_of(
    st.builds(
        lambda least, more: {"type": "integer", "minimum": least, "maximum": least + more},
        st.integers(-9, 9),
        st.integers(1, 9),
    ),
    st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(2, 9)),
    st.builds(lambda words: {"type": "string", "enum": sorted(words)}, st.sets(NAMES, min_size=2)),
    st.just({"type": "boolean"}),
    st.just({"anyOf": [{"type": "string"}, {"type": "null"}]}),
)


def objects(inside: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    def made(members: Json) -> Json:
        return {"type": "object", "properties": members, "required": sorted(members), "additionalProperties": False}

    return st.dictionaries(NAMES, inside, min_size=1, max_size=3).map(made)


SCHEMAS = objects(
    st.recursive(
        BOUNDED, lambda inside: objects(inside) | inside.map(lambda one: {"type": "array", "items": one}), max_leaves=4
    )
)


@st.composite
def documents(draw: st.DrawFn) -> Json:
    """One operation, whose body and answer are shapes that are referred to."""
    made: Json = {
        "paths": {
            "/things": {
                "post": {
                    "operationId": "things_create",
                    "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}],
                    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                    "responses": {
                        "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}},
                        "403": {
                            "content": {
                                "application/problem+json": {
                                    "schema": {
                                        "allOf": [
                                            {
                                                "properties": {
                                                    "error": {"properties": {"code": {"enum": ["one", "other"]}}}
                                                }
                                            }
                                        ]
                                    }
                                }
                            }
                        },
                    },
                }
            }
        },
        "components": {"schemas": {"In": draw(SCHEMAS), "Out": draw(SCHEMAS)}},
    }
    copied: Json = json.loads(json.dumps(made))  # else parts that are the same object would change together
    return copied


def scalars(schema: Json) -> list[Json]:
    """Every schema in this one that is of no object and no array."""
    inside = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return [one for each in inside for one in scalars(each)] if inside else [schema]


def operation(document: Json) -> Json:
    found: Json = document["paths"]["/things"]["post"]
    return found


def body(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["In"]
    return found


def answer(document: Json) -> Json:
    found: Json = document["components"]["schemas"]["Out"]
    return found


def narrow(schema: Json) -> None:
    """Whatever it allows, a little less."""
    if "maximum" in schema:
        schema["maximum"] -= 1
    elif "enum" in schema:
        schema["enum"] = schema["enum"][1:]
    elif "maxLength" in schema:
        schema["maxLength"] -= 1
    elif "anyOf" in schema:
        schema["anyOf"] = schema["anyOf"][:1]
    else:
        schema["type"] = "integer"


def widen(schema: Json) -> None:
    """Whatever it allows, and more."""
    if "maximum" in schema:
        schema["maximum"] += 1
    elif "enum" in schema:
        schema["enum"] = [*schema["enum"], "further"]
    elif "maxLength" in schema:
        del schema["maxLength"]
    else:
        schema.update({"anyOf": [*schema.pop("anyOf", [dict(schema)]), {"type": "number"}]})
        schema.pop("type", None)


def drop(schema: Json) -> None:
    name = sorted(schema["properties"])[0]
    del schema["properties"][name]
    schema["required"].remove(name)


BREAKING: dict[str, Callable[[Json], Any]] = {
    "an operation goes": lambda it: it["paths"].pop("/things"),
    "a name changes": lambda it: operation(it).update(operationId="things_make"),
    "a parameter goes": lambda it: operation(it)["parameters"].clear(),
    "a parameter is required": lambda it: operation(it)["parameters"].append(
        {"name": "new", "in": "query", "required": True, "schema": {"type": "string"}}
    ),
    "a bound of a parameter is lower": lambda it: operation(it)["parameters"][0]["schema"].update(maximum=99),
    "a further member is required": lambda it: (
        body(it)["properties"].update(new={"type": "string"}),
        body(it)["required"].append("new"),
    ),
    "a member of a request goes": lambda it: drop(body(it)),
    "a request is narrower": lambda it: [narrow(one) for one in scalars(body(it))],
    "a body is required": lambda it: operation(it)["requestBody"].update(required=True),
    "a member of an answer goes": lambda it: drop(answer(it)),
    "a member of an answer may be missing": lambda it: answer(it)["required"].clear(),
    "an answer may be of another type": lambda it: [
        one.update({"anyOf": [dict(one), {"type": "array"}]}) or one.pop("type", None) for one in scalars(answer(it))
    ],
    "a type of answer goes": lambda it: operation(it)["responses"]["200"]["content"].clear(),
    "a code goes": lambda it: operation(it)["responses"]["403"]["content"]["application/problem+json"]["schema"][
        "allOf"
    ][0]["properties"]["error"]["properties"]["code"]["enum"].pop(),
}
HARMLESS: dict[str, Callable[[Json], Any]] = {
    "nothing": lambda _: None,
    "a further operation": lambda it: it["paths"].update({"/others": {"get": {"operationId": "others"}}}),
    "a further parameter": lambda it: operation(it)["parameters"].append(
        {"name": "new", "in": "query", "schema": {"type": "string"}}
    ),
    "a further member that may be left out": lambda it: body(it)["properties"].update(new={"type": "string"}),
    "a member that was required may be left out": lambda it: body(it)["required"].clear(),
    "a request is wider": lambda it: [widen(one) for one in scalars(body(it))],
    "a further member of an answer": lambda it: answer(it)["properties"].update(new={"type": "string"}),
    "an answer is narrower": lambda it: [narrow(one) for one in scalars(answer(it)) if one.get("type") != "boolean"],
    "a further error": lambda it: operation(it)["responses"].update({"404": {}}),
    "a shape has another name": lambda it: (
        it["components"]["schemas"].update(Other=it["components"]["schemas"].pop("Out")),
        operation(it)["responses"]["200"]["content"]["application/json"].update(
            schema={"$ref": "#/components/schemas/Other"}
        ),
    ),
}


@pytest.mark.parametrize("how", BREAKING)
@settings(max_examples=50)
@given(before=documents())
def test_a_breaking_change_is_found_wherever_it_is(how: str, before: Json) -> None:
    after = copy.deepcopy(before)
    BREAKING[how](after)
    assert broken(before, after) != []


@pytest.mark.parametrize("how", HARMLESS)
@settings(max_examples=50)
@given(before=documents())
def test_a_harmless_change_is_not_found(how: str, before: Json) -> None:
    after = copy.deepcopy(before)
    HARMLESS[how](after)
    assert broken(before, after) == []


MAP, OPEN = {"type": "object", "additionalProperties": {"type": "string"}}, {"type": "object"}
WHOLES = {"type": "object", "additionalProperties": {"type": "integer"}}


@pytest.mark.parametrize(
    ("where", "old", "new"),
    [
        (body, OPEN, {"type": "object", "additionalProperties": False}),
        (body, OPEN, MAP),
        (body, {"type": "array"}, {"type": "array", "items": {"type": "string"}}),
        (answer, MAP, {"type": "object", "additionalProperties": {"type": "integer"}}),
        (body, {**WHOLES, "properties": {"a": {"type": "string"}}}, WHOLES),
        (body, MAP, {**MAP, "propertyNames": {"maxLength": 3}}),
        (body, {**MAP, "propertyNames": {"maxLength": 4}}, {**MAP, "propertyNames": {"maxLength": 3}}),
        (body, MAP, {**MAP, "propertyNames": {"enum": ["a", "b"]}}),
        (body, {**MAP, "propertyNames": {"enum": ["a", "b"]}}, {**MAP, "propertyNames": {"enum": ["a"]}}),
        (body, {**MAP, "propertyNames": {"enum": ["ab"]}}, {**MAP, "propertyNames": {"maxLength": 1}}),
        (body, {"type": "array"}, {"type": "array", "uniqueItems": True}),
    ],
)
def test_what_stands_under_names_that_nobody_listed_is_compared_as_well(
    where: Callable[[Json], Json], old: Json, new: Json
) -> None:
    assert len(comparing(where, old, new)) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({**WHOLES, "properties": {"a": {"type": "integer", "maximum": 9}}}, WHOLES),
        ({**MAP, "propertyNames": {"maxLength": 3}}, MAP),
        ({**MAP, "propertyNames": {"enum": ["a"]}}, {**MAP, "propertyNames": {"type": "string", "maxLength": 1}}),
        ({"type": "array", "uniqueItems": True}, {"type": "array", "uniqueItems": False}),
    ],
)
def test_what_is_taken_under_any_name_and_twice_breaks_nothing(old: Json, new: Json) -> None:
    assert comparing(body, old, new) == []


def comparing(where: Callable[[Json], Json], old: Json, new: Json) -> list[str]:
    """What breaks where the shape of a body, or of an answer, was one and is another."""
    operation = {
        "operationId": "x",
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
        "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}},
    }
    before: Json = {"paths": {"/x": {"post": operation}}, "components": {"schemas": {"In": {}, "Out": {}}}}
    after = copy.deepcopy(before)
    where(before).update(copy.deepcopy(old))
    where(after).update(copy.deepcopy(new))
    assert broken(before, before) == broken(after, after) == []
    return broken(before, after)


@settings(max_examples=20)
@given(st.data())
def test_a_member_that_goes_from_the_committed_description_is_found(data: st.DataObject) -> None:
    """Of any answer's shape that some operation answers with itself."""
    before = COMMITTED
    answered = {
        one["responses"]["200"]["content"]["application/json"]["schema"].get("$ref", "")
        for methods in before["paths"].values()
        for one in methods.values()
        if "application/json" in one["responses"]["200"].get("content", {})
    }
    name = data.draw(st.sampled_from(sorted(answered - {""}))).rsplit("/", 1)[1]
    member = data.draw(st.sampled_from(sorted(before["components"]["schemas"][name]["properties"])))
    after = {**before, "components": copy.deepcopy(before["components"])}
    del after["components"]["schemas"][name]["properties"][member]
    assert any(found.endswith(f".{member}: the member is gone") for found in broken(before, after))
