"""Every place of every request of an API, from its OpenAPI document alone, and the search for what was put there.

A route or a field that is added tomorrow is walked tomorrow. What its valid value is has to be told only where the
document cannot say it: that a word must be the id of something, say (`Script.say`).
"""

import base64
import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, quote_plus

Path = tuple[str | int, ...]
Json = dict[str, Any]
HEADERS = "user-agent x-request-id referer origin cookie x-forwarded-for forwarded traceparent accept content-type"

# What is put there. ---------------------------------------------------------------------------------------------------

NAME, SURNAME, NUMBER = "Zoraïde", "Quackfeld", "8046180467"
"""Every canary has one of them; none occurs anywhere else. `NUMBER` has hexadecimal digits only."""

KINDS: Mapping[str, Callable[[int], str]] = {
    "free text": lambda place: f'{NAME} "{SURNAME}" & <b>{place}</b> 7%\\n',
    "a word": lambda place: f"{SURNAME}{place}",
    "a record number": lambda place: f"MRN{NUMBER}{place}",
    "like an id": lambda place: f"mrn-{NUMBER}{place:022d}",
    "like a digest": lambda place: f"sha256:{NUMBER}{place:054d}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `path` is the template; the rest is what fills it."""

    method: str
    path: str
    within: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: Mapping[str, Any] | None = None
    """With a file it is sent as multipart/form-data, and without one as browsers send forms."""
    file: tuple[str, bytes, str] | None = None
    field: str = "file"

    @property
    def is_read_only(self) -> bool:
        return self.method == "GET"

    def arguments(self) -> tuple[str, str, Json]:
        """Method, URL and the rest, as an HTTP client takes them."""
        path = re.sub(r"\{(\w+)\}", lambda name: quote(self.within[name[1]], safe=""), self.path)
        more: Json = {"params": dict(self.query)}
        # Header values are bytes: what is not ASCII travels as UTF-8, as clients do it.
        more["headers"] = {name: value.encode() for name, value in self.headers.items()}
        if self.file is not None:
            more |= {"files": {self.field: self.file}, "data": dict(self.form or {})}
        elif self.form is not None:
            more["data"] = dict(self.form)
        elif self.body is not None:
            more["json"] = self.body
        return self.method, path, more


def with_a_canary(call: Call) -> Iterator[tuple[str, Callable[[str], Call]]]:
    """Each place of a valid request, by name, with what puts a text there."""
    for name in call.within:
        yield f"path {name}", lambda text, name=name: replace(call, within={**call.within, name: text})
    for name in call.query:
        yield f"query {name}", lambda text, name=name: replace(call, query={**call.query, name: text})
    for name in call.headers:
        yield f"header {name}", lambda text, name=name: replace(call, headers={**call.headers, name: text})
    yield "authorization", lambda text: replace(call, headers={"authorization": f"Bearer {text}"})
    yield (
        "what is not asked for",
        lambda text: replace(
            call, query={**call.query, text: text}, headers={**call.headers, **dict.fromkeys(HEADERS.split(), text)}
        ),
    )
    if call.body is not None:
        for place in places(call.body):
            yield f"body {place}", lambda text, place=place: replace(call, body=changed(call.body, place, text))
        yield "body", lambda text: replace(call, body=text)
    if call.form is not None and call.file is not None:
        form, (name, content, kind) = call.form, call.file
        for key in [*form, "unknown"]:
            yield f"form {key}", lambda text, key=key: replace(call, form={**form, key: text})
        yield "name of a form field", lambda text: replace(call, form={**form, text: "x"})
        yield "name of the file", lambda text: replace(call, file=(f"{text}.csv", content, kind))
        yield "content of the file", lambda text: replace(call, file=(name, content + text.encode(), kind))
        yield "type of the file", lambda text: replace(call, file=(name, content, f"text/{quote(text)}"))


NEW = "\N{BULLET}"
"""In a path: a member that is not there, whose name is its value, if that is a text."""


def places(value: Any, here: Path = ()) -> Iterator[Path]:
    """Each scalar in a document, and for each object one member more."""
    if isinstance(value, dict):
        yield (*here, NEW)
        for name, member in value.items():
            yield from places(member, (*here, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from places(item, (*here, position))
    else:
        yield here


def changed(document: Any, place: Path, value: Any) -> Any:
    """A copy with `value` at the place."""
    made = copy.deepcopy(document)
    inside = made
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1] if place[-1] != NEW else value if isinstance(value, str) else "new"] = value
    return made


# Valid requests. ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Script:
    """Makes a valid request of each operation of an OpenAPI document.

    `say` answers, for (method, path), the values that the schemas alone do not tell: parameter or member -> value.
    """

    document: Json
    say: Callable[[str, str], Mapping[str, Any]]

    def operations(self) -> list[tuple[str, str]]:
        return [(method.upper(), path) for path, methods in self.document["paths"].items() for method in methods]

    def call(self, method: str, path: str) -> Call:
        """With every optional part in it."""
        operation, said = self.document["paths"][path][method.lower()], self.say(method, path)
        where: dict[str, Json] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
        for one in operation.get("parameters", []):
            if "$ref" in one:
                continue  # a header of every operation; with a canary in it they have a test of their own
            where[one["in"]][one["name"]] = str(self._value(one["schema"], said, one["name"]))
        content = operation.get("requestBody", {}).get("content", {})
        made = Call(method=method, path=path, within=where["path"], query=where["query"], headers=where["header"])
        assert not where["cookie"], "teach Call to send cookies"
        if "application/json" in content:
            return replace(made, body=self._value(content["application/json"]["schema"], said))
        if "multipart/form-data" in content:
            schema = content["multipart/form-data"]["schema"]
            form = self._value(schema, said)
            named = next(name for name, one in schema["properties"].items() if "contentMediaType" in one)
            return replace(made, field=named, file=("notes.csv", form.pop(named), "text/csv"), form=form)
        assert not content, "teach Script this kind of body"
        return made

    def _value(self, schema: Json, said: Mapping[str, Any], name: str = "") -> Any:
        if name in said:
            return said[name]
        if "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        if "anyOf" in schema:
            return self._value(next(one for one in schema["anyOf"] if one.get("type") != "null"), said)
        if words := [*schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]:
            return words[0]
        match schema["type"]:
            case "object":
                return self._members(schema, said)
            case "array":
                return [self._value(schema["items"], said)]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
            case "string":
                return "2099-01-01" if schema.get("format") == "date" else "word"
        raise NotImplementedError(schema["type"])

    def _members(self, schema: Json, said: Mapping[str, Any]) -> Json:
        members = {key: self._value(one, said, key) for key, one in schema.get("properties", {}).items()}
        return members or {"word": self._value(schema["additionalProperties"], said)}


# The search. ----------------------------------------------------------------------------------------------------------


def _spellings(word: str) -> set[bytes]:
    """A word as it may turn up, in lower case."""
    plain = {word, json.dumps(word)[1:-1], quote(word), quote_plus(word), word.encode().hex()}
    return {form.casefold().encode() for form in plain} | {word.encode("latin-1").lower()}


def _base64(word: str) -> set[bytes]:
    """The characters of base64 that `word` alone decides, wherever in the text it begins."""
    found = set()
    for before in range(3):
        data = bytes(before) + word.encode()
        whole = base64.b64encode(data)[-(-8 * before // 6) : 8 * len(data) // 6]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return found


_WORDS = (NAME, SURNAME, NUMBER)
_FOLDED = re.compile(b"|".join(re.escape(form) for word in _WORDS for form in sorted(_spellings(word))))
_EXACT = re.compile(b"|".join(re.escape(form) for word in _WORDS for form in sorted(_base64(word))))
_HASH = re.compile(rb"[0-9a-f]{64}")


def digests_of(planted: Sequence[str]) -> Mapping[bytes, str]:
    """SHA-256 of each canary, in hexadecimal -> the canary; made once for all that is searched."""
    return {hashlib.sha256(text.encode()).hexdigest().encode(): text for text in planted}


def found_in(data: bytes, digests: Mapping[bytes, str]) -> list[str]:
    """Where canaries stand in `data`, with what stands around them; also the SHA-256 of one, which can be guessed."""
    lower = data.decode("utf-8", "replace").casefold().encode()
    found = [_around(lower, match) for match in _FOLDED.finditer(lower)]
    found += [_around(data, match) for match in _EXACT.finditer(data)]
    found += [f"SHA-256 of {digests[match[0]]}" for match in _HASH.finditer(lower) if match[0] in digests]
    return found


def _around(data: bytes, match: "re.Match[bytes]") -> str:
    return repr(data[max(0, match.start() - 60) : match.end() + 60])
