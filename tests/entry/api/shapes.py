"""Whether an answer is what the interface description says: its status, type, headers and body, with no member more."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

Json = dict[str, Any]
_URI = "urn:description"


@dataclass(slots=False)
class Shapes:
    """An interface description, closed: what it does not name is not allowed, though readers have to pass over it."""

    document: Json
    _validators: dict[str, Draft202012Validator] = field(default_factory=dict)

    @cached_property
    def _registry(self) -> Registry[Any]:
        closed = copy.deepcopy(self.document)
        for schema in closed["components"]["schemas"].values():
            close(schema)
        return Registry().with_resource(_URI, DRAFT202012.create_resource(closed))

    def faults(self, method: str, path: str, answer: Any) -> Iterator[str]:
        """Of an answer of httpx to a request of an operation; places and rules, and no value."""
        said = self.document["paths"][path][method.lower()]["responses"].get(str(answer.status_code))
        if said is None:
            yield f"{answer.status_code} is not described"
            return
        pointer = f"/paths/{_escaped(path)}/{method.lower()}/responses/{answer.status_code}"
        if "$ref" in said:
            pointer = said["$ref"].removeprefix("#")
            said = self.document["components"]["responses"][said["$ref"].rsplit("/", 1)[1]]
        for name, header in said.get("headers", {}).items():
            header = self.document["components"]["headers"][header["$ref"].rsplit("/", 1)[1]]
            if header.get("required") and name not in answer.headers:
                yield f"the header {name} is missing"
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind not in said.get("content", {}):
            if answer.content or "content" in said:
                yield f"{kind or 'no type'} is not described"
            return
        if kind.endswith("json"):
            yield from self._body(f"{pointer}/content/{_escaped(kind)}/schema", answer.json())

    def _body(self, pointer: str, body: Any) -> Iterator[str]:
        if pointer not in self._validators:
            schema = {"$ref": f"{_URI}#{pointer}"}
            self._validators[pointer] = Draft202012Validator(schema, registry=self._registry)
        for error in self._validators[pointer].iter_errors(body):
            yield f"{error.json_path}: {error.validator} {error.message[:200]}"


def close(schema: Any) -> None:
    """Forbid members that are not named, wherever some are."""
    if isinstance(schema, list):
        for one in schema:
            close(one)
    if isinstance(schema, dict):
        for one in schema.values():
            close(one)
        if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
            schema["additionalProperties"] = False


def _escaped(part: str) -> str:
    """As a JSON pointer in a URI fragment has it (RFC 6901 sections 3 and 6)."""
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
