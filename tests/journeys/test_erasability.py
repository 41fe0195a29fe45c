"""Erasability: what people type, upload or send is in no entry, log line, error or metric, and in no one's report.

Append-only and erasure can live together only if nothing erasable is ever appended. Here canaries (names, record
numbers, free text) go through every place of every request that the OpenAPI document of the app knows, and through
the whole main path as records; then everything that the platform wrote or said is searched. Routes that the document
does not know, headers and metrics are in `tests/entry/api/test_canaries.py`.
"""

import io
import json
import logging
import sqlite3
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import structlog
from tests.journeys.canaries import KINDS, NAME, NUMBER, SURNAME, Call, digests_of, found_in, with_a_canary
from tests.journeys.script import DATASET, PERSONS, WHO, Props, script
from tests.journeys.theatre import Theatre, in_folder

from tunewarden.domain.training import StepName
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.drivers.sql_sinks import SqlSinks
from tunewarden.entry.siem.events import of_entry, of_head
from tunewarden.entry.siem.exporter import outgoing
from tunewarden_audit.export import write_tiles
from tunewarden_audit.note import load_key

SHOWN_BACK = {
    "/v1/files",
    "/v1/files/{file_id}",
    "/v1/files/{file_id}/content",
    "/v1/models",
    "/v1/models/{model_id}",
    "/v1/fine_tuning/jobs/{job_id}/checkpoints",
    "/v1/datasets",
    "/v1/datasets/{dataset_id}",
    "/v1/fine_tuning/jobs",
    "/v1/fine_tuning/jobs/{job_id}",
    "/v1/keys",
    "/v1/organization/users",
    "/v1/organization/users/{principal_id}",
    "/v1/organization/groups",
    "/v1/organization/groups/{group_id}",
    "/v1/organization/groups/{group_id}/users",
    "/v1/organization/groups/{group_id}/users/{principal_id}",
    "/v1/organization/admin_api_keys",
    "/v1/organization/admin_api_keys/{key_id}",
    "/v1/organization/projects",
    "/v1/organization/projects/{project_id}",
    *(
        f"/v1/organization/projects/{{project_id}}/{kind}"
        for kind in ("users", "groups", "api_keys", "service_accounts")
    ),
    "/v1/organization/projects/{project_id}/users/{principal_id}",
    "/v1/organization/projects/{project_id}/groups/{group_id}",
    "/v1/organization/projects/{project_id}/api_keys/{key_id}",
    "/v1/organization/projects/{project_id}/service_accounts/{account_id}",
}
"""Answers that give words back that a caller typed: names, also of principals, groups, projects and keys, file names,
suffix, metadata.

Every other one is searched.
"""

NOT_FOR_AUDITORS = ("/v1/reviews", "/v1/clean-versions", "/v1/approvals", "/v1/webhook_endpoints")
"""What readers, privacy officers, administrators and deciders are shown; it is searched all the same."""

STATE = {"principals", "api_keys", "groups", "projects", "files", "uploads", "datasets", "requests"}
"""Tables that keep these words, from which they can be erased. Every other one is searched."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """Everything that came out: source -> bytes; and every canary that went in."""

    out: dict[str, list[bytes]] = field(default_factory=dict)
    planted: list[str] = field(default_factory=list)
    operations: list[tuple[str, str]] = field(default_factory=list)
    accepted: set[tuple[str, str, str]] = field(default_factory=set)
    refused: int = 0

    def saw(self, source: str, data: bytes) -> None:
        self.out.setdefault(source, []).append(data)

    def canaries(self, source: str) -> list[str]:
        digests = digests_of(self.planted)
        return [f"{source}: {found}" for data in self.out[source] for found in found_in(data, digests)]


def main_path(theatre: Theatre, props: Props) -> str:
    """Canaries as records, column names, labels and persons, from upload to a promoted model, whose id is returned.

    But for names of protected columns: plans and evidence have them, because auditors have to read what was compared.
    """
    rows = "".join(
        f'"{KINDS["free text"](row).replace(chr(34), chr(39))}",{SURNAME}{row % 2},{NAME}{row},{NUMBER}{row % 2}\n'
        for row in range(PERSONS)
    )
    columns = {"text": f"{NAME}1", "label": f"{NAME}2", "person": f"{NAME}3", "protected": ["sex"]}
    table = f"{NAME}1,{NAME}2,{NAME}3,sex\n{rows}".encode()
    body = {**DATASET, "name": KINDS["free text"](0), "columns": {**columns, "positive": f"{SURNAME}1"}}
    dataset = theatre.must("max", "POST", "/v1/datasets", json=body)["id"]
    props.version(dataset, theatre.upload("max", table, f"{NAME}-{NUMBER}.csv"))
    typed = {"suffix": SURNAME, "metadata": {SURNAME: NAME, NUMBER: KINDS["free text"](1)}}
    model = props.model(dataset, **typed)
    props.promote(model)
    for person in (f"{NAME}0", KINDS["a record number"](9)):
        theatre.must("pia", "POST", "/v1/lineage/person", json={"dataset": dataset, "person": person})
    # Records in the words of a library's exception, on their way through the worker.
    texts = iter([KINDS["free text"](2)])
    theatre.steps[StepName.TRAIN].during = lambda _: cannot_read(next(texts, ""))
    props.model(dataset, **typed)
    return model


def send(theatre: Theatre, walk: Walk, name: str, place: str, call: Call) -> None:
    method, path, more = call.arguments()
    answer = theatre.ask(name, method, path, **more)
    if answer.status_code < 400:
        walk.accepted.add((call.method, call.path, place))
        return
    walk.refused += 1
    walk.saw("errors", answer.content + repr(answer.headers).encode())


def cannot_read(text: str) -> None:
    if text:
        raise ValueError(f"cannot read {text}")


def walk_requests(theatre: Theatre, props: Props, walk: Walk, kinds: int) -> None:
    """So many kinds of canary at each place of each request, in turn; by somebody who may do everything and by eve."""
    turn = cycle(KINDS.items())
    calls = script(theatre, props)
    walk.operations = calls.operations()
    for method, path in walk.operations:
        call, able = calls.call(method, path), WHO.get((method, path), "max")
        theatre.seal()
        send(theatre, walk, able, "as it is", call)
        for place, planting in with_a_canary(call):
            for kind, canary in islice(turn, kinds):
                text = canary(len(walk.planted))
                walk.planted.append(text)
                for name in (able, "eve") if kind == "like an id" else (able,):
                    send(theatre, walk, name, place, planting(text))
    for method in ("GET", "POST", "PUT", "DELETE", SURNAME.upper()):
        for text in (f"/{SURNAME}", f"/v1/{SURNAME}", f"/v1/files/{SURNAME}/{NUMBER}", f"/docs/{SURNAME}"):
            send(theatre, walk, "max", text, Call(method=method, path=text))
    broken = f'{{"{SURNAME}": "{NAME}'.encode()
    for content in (broken, f"[{NUMBER * 500}]".encode(), b"\xff" + broken, SURNAME.encode() * 200_000):
        answer = theatre.ask("max", "POST", "/v1/datasets", content=content)
        walk.saw("errors", answer.content)


def shown(theatre: Theatre, props: Props, walk: Walk, model: str) -> None:
    """What the auditor is shown and takes away, also of the model that learned from canaries."""
    calls = script(theatre, props)
    props.promote(model)
    for method, path in calls.operations():
        if method != "GET" or path in SHOWN_BACK:
            continue
        call = calls.call(method, path)
        theatre.seal()
        for name in call.within.keys() & {"model_id", "other_id"} or {""}:
            about = replace(call, within={**call.within, name: model}) if name else call
            _, url, more = about.arguments()
            answer = theatre.ask("max" if path.startswith(NOT_FOR_AUDITORS) else "otto", method, url, **more)
            assert answer.status_code == 200, f"{url}: {answer.text}"
            walk.saw("answers", answer.content)
            if answer.content.startswith(b"PK"):
                walk.saw("bundles", unzipped(answer.content))
    for path in routes_without_a_place(theatre):
        walk.saw("answers", theatre.ask("otto", "GET", path).content)


def exported(theatre: Theatre, walk: Walk) -> None:
    """What a SIEM and a mirror get."""
    settings, engine = theatre.settings, connect(theatre.settings.database)
    log, newest = SqlSealedLog(engine), theatre.platform.log.head()
    assert newest is not None
    head = SqlSinks(engine).next_head(newest.size)
    assert head is not None
    walk.saw("entries", b"\n".join(body or b"" for _, body in log.leaves(0, head.size)))
    events = [of_entry(settings.origin, index, *row, head) for index, row in enumerate(log.leaves(0, head.size))]
    for form in ("ocsf", "cef", "cloudevents"):
        lines = [outgoing(event, form).line for event in (*events, of_head(settings.origin, head))]
        walk.saw("siem", "\n".join(lines).encode())
    write_tiles(settings.home / "exported", head.note, [load_key(settings.log_vkey.read_text().strip())], log.leaves)


def kept(theatre: Theatre, walk: Walk) -> None:
    """What lies in tables and files. Blobs are encrypted; their names are not."""
    with closing(sqlite3.connect(theatre.settings.home / "tunewarden.db")) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables >= STATE
        for table in sorted(tables - STATE):
            walk.saw("tables", repr(database.execute(f"SELECT * FROM {table}").fetchall()).encode())  # noqa: S608
    for file in sorted(theatre.settings.home.rglob("*")):
        walk.saw("files", str(file).encode())
        if file.is_file() and not file.name.startswith("tunewarden.db"):
            walk.saw("files", file.read_bytes())


def routes_without_a_place(theatre: Theatre) -> list[str]:
    """Also what the document does not name: /healthz, the document itself, and /metrics once there is one."""
    app: Any = theatre.client.app
    paths = {getattr(route, "path", "") for route in app.routes}
    return sorted(path for path in paths - SHOWN_BACK if path and "{" not in path)


def unzipped(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())


@pytest.fixture(scope="module", params=[2, pytest.param(len(KINDS), marks=pytest.mark.bench)], ids=["some", "all"])
def walk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    walk, said, logged = Walk(), io.StringIO(), io.StringIO()
    before, handler = structlog.get_config(), logging.StreamHandler(logged)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=said))  # ours writes to the first stderr
    logging.getLogger().addHandler(handler)
    try:
        with redirect_stderr(said), redirect_stdout(said):
            theatre = in_folder(tmp_path_factory.mktemp("erasability") / "home")
            props = Props(theatre=theatre)
            model = main_path(theatre, props)
            with theatre.client:  # all requests on one loop: one each costs as much as a short answer
                walk_requests(theatre, props, walk, request.param)
                shown(theatre, props, walk, model)
            exported(theatre, walk)
            kept(theatre, walk)
            theatre.close()
    finally:
        structlog.configure(**before)
        logging.getLogger().removeHandler(handler)
    walk.saw("log lines", (said.getvalue() + logged.getvalue()).encode())
    return walk


@pytest.mark.parametrize("source", ["entries", "errors", "log lines", "answers", "bundles", "siem", "tables", "files"])
def test_nothing_that_people_typed_uploaded_or_sent_is_in(walk: Walk, source: str) -> None:
    assert sum(map(len, walk.out[source])) > 500, "nothing was searched"
    assert walk.canaries(source)[:5] == []


def test_the_walk_came_everywhere(walk: Walk) -> None:
    """A request that is refused as it is would keep every canary in it from going far."""
    assert walk.operations
    assert [one for one in walk.operations if (*one, "as it is") not in walk.accepted] == []
    typed = {"body ('metadata', '•')", "body ('name',)", "body ('columns', 'person')", "name of the file"}
    assert typed <= {place for _, _, place in walk.accepted}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "write",
    [
        str.encode,
        lambda text: text.upper().encode(),
        lambda text: json.dumps({"is": text}).encode(),
        lambda text: quote(text).encode(),
        lambda text: urlencode({"is": text}).encode(),
        lambda text: b64encode(f"a{text}".encode()),
        lambda text: urlsafe_b64encode(f"ab{text}".encode()),
        lambda text: text.encode().hex().upper().encode(),
        lambda text: sha256(text.encode()).hexdigest().encode(),
    ],
)
def test_the_search_finds_a_canary_however_it_is_written(kind: str, write: Callable[[str], bytes]) -> None:
    text = KINDS[kind](7)
    assert found_in(b"before " + write(text) + b" after", digests_of([text]))
    assert found_in(b"before " + write("nothing that was planted") + b" after", digests_of([text])) == []
