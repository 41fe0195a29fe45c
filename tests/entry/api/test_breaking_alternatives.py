"""Of several alternatives of one type each is compared, and so is every type of content."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from jsonschema_rs import Draft202012Validator
from tests.entry.api.test_breaking import Json, answer, body, comparing

from tunewarden.entry.api.breaking import broken


def said(word: str, *members: str, without: str = "") -> Json:
    """An object that says which one it is, and has these members, all but one of them always."""
    named: Json = {"object": {"const": word}, **{name: {"type": "string"} for name in members}}
    return {"type": "object", "properties": named, "required": sorted(named.keys() - {without})}


def either(*alternatives: Json, how: str = "anyOf") -> Json:
    return {how: list(alternatives)}


SHORT: Json = {"type": "string", "maxLength": 3}
LETTERS, DIGITS = ({"type": "string", "pattern": pattern} for pattern in ("^[a-z]+$", "^[0-9]+$"))
TEXTS, NUMBERS = ({"type": "array", "items": {"type": kind}} for kind in ("string", "integer"))
A, B, C = said("a", "x", "y"), said("b", "y"), said("c", "z")


@pytest.mark.parametrize("how", ["anyOf", "oneOf"])
@pytest.mark.parametrize(
    ("where", "old", "new"),
    [
        pytest.param(body, (A, B), (B,), id="an object is taken no more"),
        pytest.param(body, (A, B), (said("a", "x", "y", "z"), B), id="a member of one of two is required"),
        pytest.param(
            body, (A, B), ({**A, "additionalProperties": False}, B), id="one of two takes named members alone"
        ),
        pytest.param(body, (LETTERS, DIGITS), (DIGITS,), id="a string is taken no more"),
        pytest.param(
            body, (LETTERS, DIGITS), (LETTERS, {**DIGITS, "maxLength": 9}), id="one of two strings is bounded"
        ),
        pytest.param(
            body, ({"enum": ["auto", "none"]}, DIGITS), ({"enum": ["auto"]}, DIGITS), id="a word beside a string"
        ),
        pytest.param(body, ({"const": "auto"}, {"const": "none"}), ({"const": "auto"},), id="a word of its own"),
        pytest.param(
            body, ({"enum": ["auto", 1]}, {"type": "null"}), ({"enum": ["auto"]}, {"type": "null"}), id="a number"
        ),
        pytest.param(body, (TEXTS, NUMBERS), (NUMBERS,), id="an array is taken no more"),
        pytest.param(answer, (A, B), (said("a", "y"), B), id="a member goes, which the other never had"),
        pytest.param(answer, (A, B), (said("a", "x", "y", without="x"), B), id="a member of one of two may be missing"),
        pytest.param(answer, (A, B), (A, B, C), id="an answer may be something else"),
        pytest.param(answer, (TEXTS,), (TEXTS, NUMBERS), id="an array may be of something else"),
        pytest.param(
            answer, (A, TEXTS), (A, {"type": "array", "items": {"type": "null"}}), id="an array beside an object"
        ),
    ],
)
def test_of_several_alternatives_of_one_type_each_is_compared(
    how: str, where: Callable[[Json], Json], old: tuple[Json, ...], new: tuple[Json, ...]
) -> None:
    assert comparing(where, either(*old, how=how), either(*new, how=how)) != []


@pytest.mark.parametrize(
    ("where", "old", "new"),
    [
        pytest.param(body, either(A, B), either(B, A, C), id="another order, and one more"),
        pytest.param(body, either({"const": "a"}, {"const": "b"}), {"enum": ["a", "b", "c"]}, id="words, joined"),
        pytest.param(body, {"enum": ["a", "b"]}, either({"const": "b"}, {"const": "a"}), id="words, split"),
        pytest.param(body, {"enum": ["ab", "none"]}, either(SHORT, {"const": "none"}), id="words that a string takes"),
        pytest.param(body, either(LETTERS, DIGITS), {"type": "string"}, id="two strings, now any"),
        pytest.param(body, either(TEXTS, NUMBERS), {"type": "array"}, id="two arrays, now any"),
        pytest.param(body, {"type": "integer"}, either({"type": "number"}, {"type": "string"}), id="a number"),
        pytest.param(answer, either(A, B, C), either(C, A), id="an answer is something less"),
        pytest.param(answer, either(A, B), either(B, said("a", "x", "y", "z")), id="one of two has a further member"),
        pytest.param(answer, either(A, B), either(B, said("d", "y", "z")), id="another word, and what all had"),
        pytest.param(answer, either(LETTERS, {"type": "null"}), either(DIGITS, {"const": "new"}), id="further words"),
    ],
)
def test_alternatives_that_take_and_tell_what_was_taken_and_told_break_nothing(
    where: Callable[[Json], Json], old: Json, new: Json
) -> None:
    assert comparing(where, old, new) == []


VALUES: list[Any] = [None, True, False, 0, 1, 2, 5, "", "a", "ab", "abcd", "7", [], ["a"], [1], ["a", 1], [1, 1], {}]
VALUES += [{"p": one} for one in (None, 1, 5, "a", "abcd", [])] + [{"q": "a"}, {"p": "a", "q": 1}, {"p": 1, "q": "ab"}]
SIMPLE: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "string"}, {"type": "number"}, {}]),
    st.builds(lambda most: {"type": "string", "maxLength": most}, st.integers(0, 4)),
    st.sampled_from([{"type": "string", "pattern": "^[a-z]*$"}, {"type": "string", "minLength": 1}]),
    st.builds(
        lambda least, most: {"type": "integer", "minimum": least, "maximum": most}, st.integers(0, 2), st.integers(1, 5)
    ),
    st.builds(lambda least: {"type": "integer", "exclusiveMinimum": least}, st.integers(-1, 2)),
    st.builds(
        lambda words: {"enum": words},
        st.lists(st.sampled_from(["", "a", "ab", 1, 5, True, None]), min_size=1, unique_by=repr),
    ),
    st.builds(lambda word: {"const": word}, st.sampled_from(["a", "7", 1, False, None])),
)


def shapes(inside: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Objects, arrays, maps and alternatives. Objects take named members alone: a further one breaks nothing."""
    objects = st.builds(
        lambda members, needed: {
            "type": "object",
            "properties": members,
            "required": sorted({*members} & needed),
            "additionalProperties": False,
        },
        st.dictionaries(st.sampled_from("pq"), inside, max_size=2),
        st.sets(st.sampled_from("pq")),
    )
    arrays = st.builds(
        lambda one, unlike: {"type": "array", "items": one} | ({"uniqueItems": True} if unlike else {}),
        inside,
        st.booleans(),
    )
    maps = st.builds(
        lambda one, names: {"type": "object", "additionalProperties": one} | names,
        inside,
        st.sampled_from(
            [{}, {"propertyNames": {"enum": ["p"]}}, {"propertyNames": {"type": "string", "maxLength": 0}}]
        ),
    )
    return objects | arrays | maps | st.lists(inside, min_size=2, max_size=3).map(lambda several: {"anyOf": several})


@st.composite
def changes(draw: st.DrawFn) -> tuple[Json, Json]:
    """A shape before and after: alternatives out of the same few, so that most of them stay."""
    few = draw(st.lists(st.recursive(SIMPLE, shapes, max_leaves=4), min_size=2, max_size=4))
    chosen = st.lists(st.sampled_from(few), min_size=1, max_size=3)
    return either(*draw(chosen)), either(*draw(chosen))


@settings(max_examples=60)
@given(changed=changes())
def test_no_request_that_was_taken_and_is_taken_no_more_goes_unnoticed(changed: tuple[Json, Json]) -> None:
    """By somebody else's reading of schemas: of all these values, whatever fits the old one and not the new one."""
    old, new = changed
    took, takes = Draft202012Validator(old), Draft202012Validator(new)
    refused = [value for value in VALUES if took.is_valid(value) and not takes.is_valid(value)]
    if refused:
        assert comparing(body, old, new) != [], refused


def test_a_shape_that_holds_itself_is_compared_to_an_end() -> None:
    def tree(*needed: str) -> Json:
        inside = {"anyOf": [{"$ref": "#/components/schemas/Out"}, {"type": "null"}]}
        return {"type": "object", "properties": {"left": inside, "n": {"type": "integer"}}, "required": list(needed)}

    assert comparing(answer, tree("left", "n"), tree("n", "left")) == []
    assert comparing(answer, tree("left", "n"), tree("left")) == ["POST /x 200.n: the member may be missing now"]


CONTENT: dict[str, Callable[[Json], Any]] = {
    "a body of one kind": lambda it: it["requestBody"]["content"].pop("text/csv"),
    "every body": lambda it: it.pop("requestBody"),
    "an answer of one kind": lambda it: it["responses"]["200"]["content"].pop("text/event-stream"),
    "every answer of a status": lambda it: it["responses"].pop("200"),
    "a status without a body": lambda it: it["responses"].pop("303"),
    "an error": lambda it: it["responses"].pop("default"),
    "what an uploaded part is": lambda it: it["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"][
        "file"
    ].update(contentMediaType="text/csv"),
    "how bytes are written": lambda it: it["responses"]["200"]["content"]["application/json"]["schema"]["properties"][
        "bytes"
    ].pop("contentEncoding"),
}


@pytest.mark.parametrize("what", CONTENT)
def test_a_type_of_content_that_goes_is_found(what: str) -> None:
    part = {"type": "string", "contentMediaType": "application/octet-stream"}
    written = {"type": "string", "contentEncoding": "base64"}
    operation: Json = {
        "operationId": "x",
        "requestBody": {
            "content": {
                "text/csv": {},
                "multipart/form-data": {"schema": {"type": "object", "properties": {"file": part}}},
            }
        },
        "responses": {
            "200": {
                "content": {
                    "application/json": {"schema": {"type": "object", "properties": {"bytes": written}}},
                    "text/event-stream": {},
                }
            },
            "303": {"description": "It is elsewhere."},
            "default": {"content": {"application/problem+json": {}}},
        },
    }
    before: Json = {"paths": {"/x": {"post": operation}}}
    after = copy.deepcopy(before)
    CONTENT[what](after["paths"]["/x"]["post"])
    assert broken(before, before) == broken(after, after) == []
    assert broken(before, after) != []
