"""Requests made from the committed interface description alone (schemathesis), sent as four roles to a whole platform.

Half of them follow the description and half break it. Ids of things that are there stand in for most of the made ones,
so that more than "not found" is reached. What an answer has to be: described, with no member more, and no server error.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.entry.api.shapes import Shapes
from tests.journeys.script import DATASET, Props
from tests.journeys.theatre import Theatre

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"
ROLES = {"requester": "ann", "administrator": "ada", "approver": "bob", "auditor": "otto"}
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_CURSORS = {"after", "before", "as_of", "at", "on", "since", "project_id"}
"""What made-up words are never good for."""
NO_SERVER_ERRORS = {(501, "not_built"), (503, "log_not_sealed")}
"""What is not built says so, and no sealer runs beside: both as described. No other status from 500 on is expected."""


@dataclass(slots=True, kw_only=True)
class Fuzzing:
    """What was sent, and what was wrong with the answers."""

    theatre: Theatre
    document: Any
    there: Mapping[str, Sequence[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def run(self, most: int, number: int = 0) -> None:
        """`most` requests of either kind for each operation, each as every role."""
        described, shapes = schemathesis.openapi.from_dict(self.document), Shapes(self.document)
        for found in described.get_all_operations():
            operation = found.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                self._try(operation, mode, shapes, most, number)

    def _try(self, operation: Any, mode: GenerationMode, shapes: Shapes, most: int, number: int) -> None:
        self.theatre.seal()  # what rests on a signed head would wait for one

        @seed(number)
        @settings(
            max_examples=most,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), dice=st.integers(0, 2**32))
        def sent(case: Any, dice: int) -> None:
            self._stand_in(case, Random(dice))
            for role, who in ROLES.items():
                self._send(case, role, who, shapes)

        try:
            sent()
        except Exception as error:
            if "Unsatisfiable" not in type(error).__name__:
                raise

    def _stand_in(self, case: Any, dice: Random) -> None:
        """Ids of things that are there, for some of the made ones; no stream, which would not end."""
        case.query.pop("stream", None)
        for name in _CURSORS & case.query.keys() if dice.random() < 0.9 else ():
            del case.query[name]
        if dice.random() < 0.9:
            case.headers.pop("OpenAI-Project", None)
            case.headers.pop("Tunewarden-At-Least", None)
        for place in (case.path_parameters, case.query, case.body):
            if isinstance(place, dict) and dice.random() < 0.9:
                _fill(place, self.there, dice)

    def _send(self, case: Any, role: str, who: str, shapes: Shapes) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        sent.pop("cookies", None)
        made = {
            name: value.encode("latin-1") for name, value in sent["headers"].items() if name.lower() != "authorization"
        }
        sent["headers"] = {**made, "authorization": f"Bearer {self.theatre.tokens[who]}".encode()}
        answer = self.theatre.client.request(follow_redirects=False, **_for_httpx(sent))
        kind = f"{role} {answer.status_code // 100}xx"
        self.counts[kind] = self.counts.get(kind, 0) + 1
        where = f"{case.operation.method.upper()} {case.operation.path}"
        if answer.status_code >= 500 and (answer.status_code, _code(answer)) not in NO_SERVER_ERRORS:
            self.faults.append(f"{where} as {role}: {answer.status_code} {_code(answer)}")
        self.faults += [
            f"{where} as {role}: {fault}" for fault in shapes.faults(case.operation.method, case.operation.path, answer)
        ]
        answer.request.read()  # a form is a stream, and what checks an answer wants to see all of it
        try:
            case.validate_response(answer, checks=CHECKS)
        except BaseExceptionGroup as failed:
            self.faults += [f"{where} as {role}: {one.title}" for one in failed.exceptions if hasattr(one, "title")]


def _for_httpx(sent: dict[str, Any]) -> dict[str, Any]:
    """What was made for one HTTP client, for the other."""
    data = sent.pop("data", None)
    if isinstance(data, str | bytes):
        sent["content"] = data
    elif data is not None:
        sent["data"] = data
    if sent.get("files"):
        sent["files"] = [(name, _bytes_in(file)) for name, file in _pairs(sent["files"])]
    return sent


def _pairs(files: Any) -> list[tuple[str, Any]]:
    return list(files.items()) if isinstance(files, dict) else list(files)


def _bytes_in(file: Any) -> Any:
    """A file whose content is none of bytes was made to break the description; it is sent as what it looks like."""
    if isinstance(file, tuple):
        return (file[0], _bytes_in(file[1]), *file[2:])
    return file if isinstance(file, bytes | str) else str(file).encode()


def _fill(place: dict[str, Any], there: Mapping[str, Sequence[str]], dice: Random) -> None:
    for name in place:
        if name in there and isinstance(place[name], str):
            place[name] = dice.choice(there[name])


def _code(answer: Any) -> str:
    return str(answer.json()["error"]["code"]) if "json" in answer.headers.get("content-type", "") else ""


def committed() -> Any:
    return json.loads(COMMITTED.read_text())


def furnished(theatre: Theatre) -> Mapping[str, Sequence[str]]:
    """Something of each kind, by the names under which requests ask for it."""
    props = Props(theatre=theatre)
    model = props.model()
    dataset, version = props.kept["dataset"], _version_of(theatre, props.kept["dataset"])
    jobs = [str(props.job()["id"]) for _ in range(3)]
    waiting = props.waiting()
    file = theatre.upload("ann", props.records())
    project = theatre.must("ada", "POST", "/v1/organization/projects", json={"name": "burns"})["id"]
    group = theatre.must("ada", "POST", "/v1/organization/groups", json={"name": "nurses"})["id"]
    someone = theatre.must("ada", "POST", "/v1/keys", json={"roles": ["requester"]})
    said = {"bytes": 4, "filename": "n.csv", "mime_type": "text/csv", "purpose": "fine-tune"}
    upload = theatre.must("ann", "POST", "/v1/uploads", json=said)["id"]
    promotion = theatre.must("ann", "POST", f"/v1/models/{model}/promotions", json={"alias": "staging"})["id"]
    policies = [one["id"] for one in theatre.must("ada", "GET", "/v1/policies")["data"]]
    theatre.seal()
    assert DATASET["purposes"] == ["research"]
    return {
        "job_id": jobs,
        "request": jobs,
        "model_id": [model],
        "other_id": [model],
        "dataset_id": [dataset],
        "dataset": [dataset],
        "training_file": [dataset, file],
        "digest": [version, str(waiting["digest"])],
        "report": [str(waiting["report"])],
        "review_id": [str(waiting["review_id"])],
        "file_id": [file],
        "upload_id": [upload],
        "project_id": [project],
        "project": [project, "*"],
        "group_id": [group],
        "principal_id": [str(someone["principal"]), "prn-ann"],
        "user_id": [str(someone["principal"])],
        "principal": [str(someone["principal"])],
        "key_id": [str(someone["id"])],
        "role_id": ["role-reviewer", "role-steward"],
        "promotion_id": [promotion],
        "policy_id": policies,
        "alias": ["staging", "candidate"],
        "model": ["tiny"],
        "purpose": ["research"],
        "action": ["read-file", "approve-request"],
        "kind": ["file", "request"],
    }


def _version_of(theatre: Theatre, dataset: str) -> str:
    return str(theatre.must("max", "GET", f"/v1/datasets/{dataset}")["versions"][-1]["digest"])
