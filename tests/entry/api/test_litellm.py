"""The OpenAI client through the LiteLLM proxy, which nobody here wrote: what arrives, and what the page says does not.

`make test` installs the proxy beside the environment, without what it can do without. It runs as a program of its own,
on loopback, with no word of this environment and nothing to tell about itself. What it stands before is the real API.
"""

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai
import pytest
import yaml
from openai import OpenAI, Stream
from openai.types.fine_tuning import FineTuningJobEvent
from tests.conftest import ROOT
from tests.entry.client.conftest import Server
from tests.journeys.script import Props
from tests.journeys.theatre import Theatre, in_folder

PROXY = ROOT / ".venv/litellm/bin/litellm"
PAGE = ROOT / "docs/coming-from-openai.md"
KEY = "sk-of-the-proxy"
THROUGH, PLAIN, OWN = "/tunewarden", "/openai_passthrough", "/v1"
"""Where the proxy passes requests through with their headers, where without, and where it answers by itself."""
GOVERNANCE = {"governance": {"purpose": "research", "privacy": {"epsilon": "1"}}}
_PATIENCE_SECONDS = 300.0

Clients = Mapping[str, OpenAI]


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    made = in_folder(tmp_path_factory.mktemp("litellm") / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def props(theatre: Theatre) -> Props:
    made = Props(theatre=theatre)
    made.model()
    return made


@pytest.fixture(scope="module")
def proxy(theatre: Theatre, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a proxy that acts as ann, whoever asks it."""
    if not PROXY.exists():
        pytest.skip("LiteLLM is not installed here: `make .venv/litellm/.ready`")
    with ExitStack() as ending:
        server, folder = Server(theatre.client.app), tmp_path_factory.mktemp("proxy")
        ending.callback(server.stop)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        ann = theatre.tokens["ann"]
        (folder / "config.json").write_text(json.dumps(configured(server.address, ann)))  # JSON is YAML
        environment = {
            "PATH": str(PROXY.parent),
            "HOME": str(folder),
            "OPENAI_API_BASE": server.address + "/v1",
            "OPENAI_API_KEY": ann,
            "TUNEWARDEN_API_KEY": ann,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        said = ["--config", "config.json", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
        with (folder / "said").open("wb") as log:
            process = subprocess.Popen([str(PROXY), *said], cwd=folder, env=environment, stdout=log, stderr=log)
        ending.callback(process.wait)
        ending.callback(process.kill)
        wait(f"http://127.0.0.1:{port}", process, folder / "said")
        yield f"http://127.0.0.1:{port}"


def configured(address: str, key: str) -> dict[str, Any]:
    """What docs/coming-from-openai.md says; and what LiteLLM's own pages say, for its own routes."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    made: dict[str, Any] = yaml.safe_load(block.replace("https://TUNEWARDEN", address))
    made["general_settings"]["master_key"] = KEY
    own = [{"custom_llm_provider": "openai", "api_base": f"{address}/v1", "api_key": key}]
    return {**made, "files_settings": own, "finetune_settings": own}


def wait(address: str, process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/health/liveliness").status_code == 200:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(0.2)
    raise AssertionError(said.read_text()[-3000:])


@pytest.fixture(scope="module")
def clients(proxy: str) -> Iterator[Clients]:
    """One for each path of the proxy; it repeats nothing, and takes no answer that is not what its types say."""
    made = {
        path: OpenAI(base_url=proxy + path, api_key=KEY, max_retries=0, _strict_response_validation=True)
        for path in (THROUGH, PLAIN, OWN)
    }
    yield made
    for one in made.values():
        one.close()


def refused(kind: type[openai.APIStatusError], code: str, param: str | None, ask: Callable[[], object]) -> None:
    """What `ask` ends in is of this class, with this code and this parameter, and the platform's own id."""
    with pytest.raises(openai.APIStatusError) as no:
        ask()
    assert (type(no.value), no.value.code, no.value.param) == (kind, code, param)
    assert no.value.response.headers["content-type"] == "application/problem+json"
    assert no.value.request_id


def ask(who: OpenAI, props: Props, **more: Any) -> Any:
    """For a fine-tune, as a program does that knows what is to be added."""
    usual = {"model": "tiny", "training_file": props.kept["dataset"], "extra_body": GOVERNANCE}
    return who.fine_tuning.jobs.create(**{**usual, **more})


@pytest.mark.parametrize("path", [THROUGH, PLAIN])
def test_files_and_uploads_go_through(clients: Clients, path: str) -> None:
    ann, content = clients[path], b"note\nfell from a ladder\n"
    made = ann.files.create(file=("notes.csv", content), purpose="user_data")
    assert (made.filename, made.bytes, made.status) == ("notes.csv", len(content), "processed")
    assert next(iter(ann.files.list(limit=1))).id == made.id
    assert ann.files.retrieve(made.id).id == made.id
    assert ann.files.content(made.id).read() == content
    assert ann.files.delete(made.id).deleted
    refused(openai.NotFoundError, "file_not_found", None, lambda: ann.files.retrieve(made.id))
    whole = ann.uploads.upload_file_chunked(
        file=content, filename="n.csv", bytes=len(content), mime_type="text/csv", purpose="fine-tune", part_size=8
    )
    assert whole.file is not None
    assert ann.files.content(whole.file.id).read() == content


@pytest.mark.parametrize("path", [THROUGH, PLAIN])
def test_jobs_go_through_with_what_is_ours_and_refusals_stay_what_they_are(
    clients: Clients, props: Props, path: str
) -> None:
    ann = clients[path]
    job = ask(ann, props, suffix="night-shift")
    assert (job.status, job.governance["state"], job.privacy["epsilon"]) == ("queued", "awaiting-approval", "1")
    assert ann.fine_tuning.jobs.retrieve(job.id).governance["plan"] == job.governance["plan"]
    assert next(iter(ann.fine_tuning.jobs.list(limit=1))).id == job.id
    events = [one.message for one in ann.fine_tuning.jobs.list_events(job.id, limit=1)]
    assert events == ["BudgetReserved", "RequestSubmitted"]
    assert ann.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    marketing = {"governance": {**GOVERNANCE["governance"], "purpose": "marketing"}}
    unmet = openai.UnprocessableEntityError
    for kind, code, param, said in (
        (openai.PermissionDeniedError, "purpose_not_allowed", "governance.purpose", {"extra_body": marketing}),
        (unmet, "validation_file_not_used", "validation_file", {"validation_file": "file-1"}),
        (unmet, "invalid_request", "suffix", {"suffix": "a/b"}),
    ):
        refused(kind, code, param, lambda said=said: ask(ann, props, **said))
    refused(openai.NotFoundError, "request_not_found", None, lambda: ann.fine_tuning.jobs.retrieve("ftjob-1"))


@pytest.mark.parametrize("path", [THROUGH, PLAIN])
def test_models_and_events_as_they_happen_go_through(clients: Clients, props: Props, path: str) -> None:
    ann = clients[path]
    (model,) = ann.models.list()
    with props.theatre.platform.view() as view:
        done = view.models.all()[-1].request
    assert ann.fine_tuning.jobs.retrieve(done).fine_tuned_model == model.id
    listed = [one.id for one in ann.fine_tuning.jobs.list_events(done, limit=100)]
    streamed = ann.get(
        f"/fine_tuning/jobs/{done}/events",
        cast_to=FineTuningJobEvent,
        options={"params": {"stream": "true"}},
        stream=True,
        stream_cls=Stream[FineTuningJobEvent],
    )
    assert [one.id for one in streamed] == listed[::-1]
    assert len(listed) > 5


@pytest.mark.parametrize(("path", "header"), [(THROUGH, "Idempotency-Key"), (PLAIN, "x-pass-Idempotency-Key")])
def test_what_comes_twice_with_one_key_is_done_once(clients: Clients, props: Props, path: str, header: str) -> None:
    ann, key = clients[path], {header: f"nightly{path}"}
    assert len({ask(ann, props, extra_headers=key).id for _ in range(2)}) == 1


def test_a_silent_repetition_is_known_only_where_headers_go_through(clients: Clients, props: Props) -> None:
    """The client counts its repetitions in a header; `suffix` is the place where no two requests are alike."""
    for path, jobs in ((THROUGH, 1), (PLAIN, 2)):
        ann = clients[path]
        twice = [
            ask(ann, props, suffix=f"twice{jobs}", extra_headers={"x-stainless-retry-count": str(count)}).id
            for count in range(2)
        ]
        assert len({*twice}) == jobs, path


@pytest.mark.parametrize("path", [THROUGH, PLAIN])
def test_metadata_is_kept_by_the_proxy(clients: Clients, props: Props, path: str) -> None:
    assert not ask(clients[path], props, metadata={"team": "burns"}).metadata


def test_its_own_routes_take_files_and_no_jobs(clients: Clients, props: Props) -> None:
    ann, content = clients[OWN], b"note\nfell from a ladder\n"
    made = ann.files.create(file=("notes.csv", content), purpose="user_data")
    assert ann.files.content(made.id).read() == content
    assert ann.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError) as no:
        ann.files.retrieve(made.id)
    assert no.value.code == "404", "the platform's code is lost"
    before = len(props.theatre.entries())
    with pytest.raises(openai.InternalServerError):
        ask(ann, props)
    assert len(props.theatre.entries()) == before, "it did not arrive"


def test_who_has_no_key_of_the_proxy_is_let_in_nowhere(proxy: str, props: Props) -> None:
    before = len(props.theatre.entries())
    for path in (THROUGH, PLAIN):
        stranger = OpenAI(base_url=proxy + path, api_key="sk-of-nobody", max_retries=0)
        with stranger, pytest.raises(openai.APIStatusError) as no:
            ask(stranger, props)  # which would leave an entry, whatever became of it
        assert no.value.status_code in {400, 401, 403}, path
    assert len(props.theatre.entries()) == before
