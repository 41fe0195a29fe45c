"""The interface description: OpenAPI 3.1, from the routes, `answers` and `entry/codes`.

What FastAPI makes of the routes is completed here: the shape of every answer, every error with its codes, the headers
of requests and answers. `make describe` writes it to docs/openapi.json, and a test holds that file against it. An
answer of a later version may have further members, and further words: programs pass over them.
"""

import json
from collections.abc import Iterator, Mapping
from threading import Lock
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from tunewarden.domain.names import Role
from tunewarden.entry.api.answers import ANSWERS
from tunewarden.entry.api.errors import TITLES
from tunewarden.entry.codes import Place, statuses_of

Json = dict[str, Any]

_MAKING = Lock()
_REF = "#/components/{}/{}"
_LONGEST_ID = 255
_OF_ALL = (401, 403, 404, 409, 414, 422, 429, 431, 500, 503)
_OF_BODIES = (400, 408, 413)
_CHANGING = frozenset({"post", "put", "patch", "delete"})

_HEADERS: Mapping[str, Json] = MappingProxyType(
    {
        "x-request-id": {
            "description": "Finds this answer in the diagnostic log.",
            "schema": {"type": "string", "pattern": "^req_[0-9a-f]{24}$"},
            "required": True,
        },
        "retry-after": {
            "description": "In so many seconds it is worth asking again.",
            "schema": {"type": "integer", "minimum": 1},
        },
        "x-should-retry": {
            "description": "Whether clients that repeat by themselves should.",
            "schema": {"type": "string", "enum": ["true", "false"]},
        },
        "tunewarden-policy-version": {
            "description": "The version of the access policy that is in force since this change, or a later one.",
            "schema": {"type": "string", "maxLength": 128},
        },
        "idempotency-replayed": {
            "description": "This answers what was done before.",
            "schema": {"type": "string", "enum": ["true"]},
        },
        "location": {
            "description": "Where what was done before is to be read.",
            "schema": {"type": "string", "format": "uri-reference"},
        },
        "tunewarden-receipt": {
            "description": "Index and leaf hash of the entry that says that this left.",
            "schema": {"type": "string", "pattern": "^[0-9]+ [0-9a-f]{64}$"},
        },
    }
)
_PARAMETERS: Mapping[str, Json] = MappingProxyType(
    {
        "Idempotency-Key": {
            "description": "A fresh word for each request that changes something; with the same one it is done once.",
            "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
        },
        "OpenAI-Project": {
            "description": "Act in this project alone.",
            "schema": {"type": "string", "pattern": "^proj-[0-9a-f]{32}$"},
        },
        "Tunewarden-At-Least": {
            "description": "Decide by this version of the access policy or a later one, or not at all (503).",
            "schema": {"type": "string", "maxLength": 128},
        },
    }
)
_FULFILLED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("get", "/v1/files/{file_id}/content"): "application/octet-stream",
        ("get", "/v1/models/{model_id}/adapter"): "application/octet-stream",
        ("get", "/v1/models/{model_id}/lineage"): "application/zip",
    }
)
"""What is no JSON, text or page; the framework cannot tell."""


def operation_id(route: APIRoute) -> str:
    """`jobs_create`: the file of the route and its function. Clients are generated with these, so they stay."""
    return f"{route.endpoint.__module__.rpartition('.')[2]}_{route.name.rstrip('_')}"


def described(app: FastAPI) -> Json:
    """The whole description of an application, made once; whoever asks meanwhile waits until it is complete."""
    with _MAKING:
        made: Json | None = getattr(app.state, "description", None)
        if made is None:
            made = FastAPI.openapi(app)
            _complete(made)
            app.state.description = made
    return made


def text_of(document: Json) -> str:
    """As it is committed: a line for each member, so that a change is read as one."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _complete(document: Json) -> None:
    components = document.setdefault("components", {})
    schemas = components["schemas"]
    for gone in ("HTTPValidationError", "ValidationError"):
        schemas.pop(gone, None)
    answers, made = _shapes()
    schemas |= made | {"Problem": _problem()}
    components["headers"] = {name: dict(one) for name, one in _HEADERS.items()}
    components["parameters"] = {
        name: {"name": name, "in": "header", "required": False, **one} for name, one in _PARAMETERS.items()
    }
    components["responses"] = {f"Error{status}": _error(status) for status in (*_OF_ALL, *_OF_BODIES)}
    components["responses"]["Done"] = {
        "description": "Done before; the answer was lost with its process. What was done is to be read at `location`.",
        "headers": _named("x-request-id", "location"),
    }
    document["servers"] = [{"url": "/", "description": "This platform."}]
    for method, path, operation in operations(document):
        _complete_one(method, path, operation, answers)


def _complete_one(method: str, path: str, operation: Json, answers: Mapping[tuple[str, str], Json]) -> None:
    responses = operation["responses"]
    fulfilled = responses["200"]
    shape = answers.get((method.upper(), path))
    if shape is not None:
        fulfilled.setdefault("content", {})["application/json"] = {"schema": shape}
    elif (method, path) in _FULFILLED:
        fulfilled["content"] = {_FULFILLED[method, path]: {"schema": {"type": "string", "format": "binary"}}}
    fulfilled["headers"] = {
        **_named("x-request-id"),
        **(_named("tunewarden-policy-version") if method in _CHANGING else {}),
        **(_named("idempotency-replayed") if method == "post" else {}),
        **(_named("tunewarden-receipt") if path.endswith(("/content", "/adapter")) else {}),
    }
    for status in (*_OF_ALL, *(_OF_BODIES if "requestBody" in operation else ())):
        responses[str(status)] = {"$ref": _REF.format("responses", f"Error{status}")}
    if method == "post":
        responses["303"] = {"$ref": _REF.format("responses", "Done")}
    parameters = operation.setdefault("parameters", [])
    for one in parameters:
        _bound(one)
    names = [name for name in _PARAMETERS if name != "Idempotency-Key" or method == "post"]
    parameters += [{"$ref": _REF.format("parameters", name)} for name in names]


def _bound(parameter: Json) -> None:
    """What stands in a path has no bound of its own: something longer, or a larger number, is the id of nothing."""
    schema = parameter["schema"]
    if parameter["in"] == "path" and schema.get("type") == "string":
        schema |= {"minLength": 1, "maxLength": _LONGEST_ID}
    for one in (schema, schema.get("items", {}), *schema.get("anyOf", ())):
        if one.get("type") == "integer" and "maximum" not in one:
            one |= {"minimum": 0, "maximum": 2**53}


def _shapes() -> tuple[Mapping[tuple[str, str], Json], Json]:
    """The schema of each operation's answer, and those that they refer to."""
    inputs = [(operation, "validation", TypeAdapter(one)) for operation, one in ANSWERS.items()]
    found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF.format("schemas", "{model}"))  # type: ignore[arg-type]
    return {operation: schema for (operation, _), schema in found.items()}, definitions.get("$defs", {})


def _named(*names: str) -> Json:
    return {name: {"$ref": _REF.format("headers", name)} for name in names}


def _problem() -> Json:
    """RFC 9457, with the member `error` of the OpenAI contract."""
    text = {"type": "string"}
    error = {
        "type": "object",
        "description": "What the OpenAI client reads.",
        "required": ["message", "type", "param", "code"],
        "properties": {
            "message": text,
            "type": {"type": "string"},
            "param": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Which input is at fault."},
            "code": {"type": "string", "description": "What happened; each has its page at /errors."},
        },
    }
    return {
        "type": "object",
        "title": "Problem",
        "description": "Why nothing was done (RFC 9457). Never a value of a record, nor of the request.",
        "required": ["type", "title", "status", "detail", "instance", "request_id", "error"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "The page about the code."},
            "title": text,
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "What was got and what was expected."},
            "instance": {"type": "string", "format": "uri", "description": "This answer, by its request id."},
            "request_id": text,
            "remedy": {"type": "string", "description": "How to mend it."},
            "who_can": {"type": "string", "description": f"Who can: one of {', '.join(Role)}, or several."},
            "error": error,
        },
    }


def _error(status: int) -> Json:
    codes = list(statuses_of(Place.ANSWERS)[status])
    said = {"status": {"const": status}, "error": {"properties": {"code": {"enum": codes}}}}
    headers = {429: ["retry-after"], 503: ["retry-after"], 409: ["retry-after", "x-should-retry"]}
    return {
        "description": f"{TITLES[status]}.",
        "headers": _named("x-request-id", *headers.get(status, ["x-should-retry"] if status in {500, 501} else [])),
        "content": {
            "application/problem+json": {
                "schema": {"allOf": [{"$ref": _REF.format("schemas", "Problem")}, {"properties": said}]}
            }
        },
    }
