"""What a requester's program does with the OpenAI client, run by each version of it as a program of its own.

It knows nothing of the platform but its address, keys and ids, and reads every answer strictly: an answer that is not
what the types of this client's version say is an error. Arguments: one JSON object. Prints the version at the end.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import openai
from openai import OpenAI, Stream
from openai.types.fine_tuning import FineTuningJobEvent

told = json.loads(sys.argv[1])


def client(who: str, *, strict: bool = True, retries: int = 2) -> OpenAI:
    """The client with that person's key."""
    return OpenAI(
        base_url=told["address"] + "/v1",
        api_key=told["keys"][who],
        max_retries=retries,
        _strict_response_validation=strict,
    )


def refused(kind: type[openai.APIStatusError], code: str, param: str | None, ask: Callable[[], object]) -> Any:
    """The error that `ask` ends in: of this class, with this code and this parameter."""
    error = failed(ask)
    assert (type(error), error.code, error.param) == (kind, code, param)
    assert error.request_id, "every answer has an id"
    assert error.response.headers["content-type"] == "application/problem+json"
    return error


def failed(ask: Callable[[], object]) -> openai.APIStatusError:
    """The error that `ask` ends in."""
    try:
        ask()
    except openai.APIStatusError as error:
        return error
    raise AssertionError("nobody refused it")


def files(ann: OpenAI) -> None:
    """Uploaded, listed page by page, read again, deleted."""
    content = b"note\nfell from a ladder\n"
    made = [
        ann.files.create(
            file=(f"notes-{number}.csv", content),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
        for number in range(3)
    ]
    assert made[0].expires_at == made[0].created_at + 3600
    ids = [one.id for one in made]
    assert [one.id for one in ann.files.list(purpose="user_data", limit=2, order="asc")] == ids
    assert [one.id for one in ann.files.list(purpose="user_data", limit=1)] == ids[::-1], "newest first"
    assert ann.files.list(purpose="batch").data == []
    assert ann.files.retrieve(ids[0]).filename == "notes-0.csv"
    assert ann.files.content(ids[0]).read() == content
    assert ann.files.wait_for_processing(ids[0]).status == "processed"
    assert [ann.files.delete(one).deleted for one in ids] == [True] * 3
    refused(openai.NotFoundError, "file_not_found", None, lambda: ann.files.retrieve(ids[0]))
    short = {"anchor": "created_at", "seconds": 1}
    refused(
        openai.UnprocessableEntityError,
        "lifetime_out_of_range",
        "expires_after.seconds",
        lambda: ann.files.create(file=("a.csv", b"x"), purpose="fine-tune", expires_after=short),  # type: ignore[arg-type]
    )


def uploads(ann: OpenAI) -> None:
    """In parts by hand, in parts by the client, and given up."""
    content = b"note\n" + b"burnt hand\n" * 9
    begun = ann.uploads.create(bytes=len(content), filename="n.csv", mime_type="text/csv", purpose="fine-tune")
    assert (begun.status, begun.expires_at - begun.created_at) == ("pending", 3600)
    second = ann.uploads.parts.create(begun.id, data=content[40:])
    first = ann.uploads.parts.create(begun.id, data=content[:40])
    assert second.upload_id == begun.id
    order = [first.id, second.id]
    refused(
        openai.UnprocessableEntityError,
        "checksum_differs",
        "md5",
        lambda: ann.uploads.complete(begun.id, part_ids=order, md5="0" * 32),
    )
    done = ann.uploads.complete(begun.id, part_ids=order, md5=hashlib.md5(content, usedforsecurity=False).hexdigest())
    assert done.status == "completed"
    assert done.file is not None
    assert ann.files.content(done.file.id).read() == content
    whole = ann.uploads.upload_file_chunked(
        file=content, filename="n.csv", bytes=len(content), mime_type="text/csv", purpose="fine-tune", part_size=64
    )
    assert whole.file is not None
    assert whole.file.bytes == len(content)
    given_up = ann.uploads.create(bytes=5, filename="n.csv", mime_type="text/csv", purpose="fine-tune")
    assert ann.uploads.cancel(given_up.id).status == "cancelled"
    refused(openai.PermissionDeniedError, "upload_over", None, lambda: ann.uploads.cancel(given_up.id))


def jobs(ann: OpenAI) -> None:
    """Asked for, found by its metadata, followed, and withdrawn; and what is not carried out, by its parameter."""
    governance = {"governance": {"purpose": "research", "privacy": {"epsilon": "1"}}}

    def ask(**more: Any) -> Any:
        usual = {"model": "tiny", "training_file": told["dataset"], "extra_body": governance}
        return ann.fine_tuning.jobs.create(**{**usual, **more})

    version = openai.__version__
    made = [
        ask(
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": "auto"}}},
            suffix="night-shift",
            seed=7,
            metadata={"client": version, "number": str(number)},
        )
        for number in range(3)
    ]
    job = made[0]
    assert (job.status, job.fine_tuned_model, job.error, job.metadata["number"]) == ("queued", None, None, "0")
    assert job.method.supervised.hyperparameters.n_epochs == 3
    assert job.seed == 0, "nobody may repeat the noise"
    assert job.governance["privacy"]["epsilon"] == "1", "what is ours stands beside what is the contract's"
    assert (job.privacy["epsilon"], job.privacy["epsilon_spent"], job.gates[0]["outcome"]) == ("1", "0", None)
    beside = {"dataset": told["dataset"], "purpose": "research", "privacy": {"epsilon": 1, "delta": "0.0001"}}
    again = ask(extra_body=beside, metadata={"number": "3"})
    assert again.governance["purpose"] == "research", "the same without `governance` around it"
    planned: Any = ann.post("/plans", cast_to=object, body={"model": "tiny", **beside})
    from_file = ask(extra_body={"plan": planned["file"]}, metadata={"number": "4"})
    assert from_file.governance["plan"] == planned["digest"] == again.governance["plan"]
    other = {**planned["file"], "privacy": {"epsilon": 2}}
    refused(openai.ConflictError, "plan_differs", "expected_plan", lambda: ask(extra_body={"plan": other}))
    refused(
        openai.UnprocessableEntityError,
        "parameters_differ",
        "purpose",
        lambda: ask(extra_body={**governance, **beside, "purpose": "care-quality"}),
    )
    assert [ann.fine_tuning.jobs.cancel(one.id).status for one in (again, from_file)] == ["cancelled"] * 2
    found = ann.fine_tuning.jobs.list(limit=2, metadata={"client": version})
    assert [one.id for one in found] == [one.id for one in made[::-1]]
    only = ann.fine_tuning.jobs.list(metadata={"client": version, "number": "1"})
    assert [one.id for one in only] == [made[1].id]
    events = list(ann.fine_tuning.jobs.list_events(job.id, limit=1))
    assert [event.message for event in events] == ["BudgetReserved", "RequestSubmitted"], "newest first"
    assert ann.fine_tuning.jobs.checkpoints.list(job.id).data == []
    assert [ann.fine_tuning.jobs.cancel(one.id).status for one in made] == ["cancelled"] * 3
    unmet = openai.UnprocessableEntityError
    refused(unmet, "validation_file_not_used", "validation_file", lambda: ask(validation_file="file-1"))
    wandb = [{"type": "wandb", "wandb": {"project": "p"}}]
    refused(unmet, "integrations_not_used", "integrations", lambda: ask(integrations=wandb))
    dpo = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1}}}
    refused(unmet, "method_not_trained", "method.type", lambda: ask(method=dpo))
    wrong = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 9.0}}}
    refused(unmet, "invalid_request", "method.dpo.hyperparameters.beta", lambda: ask(method=wrong))
    refused(unmet, "invalid_request", "suffix", lambda: ask(suffix="a/b"))
    marketing = {"governance": {**governance["governance"], "purpose": "marketing"}}
    denied = openai.PermissionDeniedError
    refused(denied, "purpose_not_allowed", "governance.purpose", lambda: ask(extra_body=marketing))
    refused(openai.NotFoundError, "request_not_found", None, lambda: ann.fine_tuning.jobs.retrieve("ftjob-1"))


def paused() -> None:
    """`paused` is what the service says; the types of no version have the word, so this is not read strictly."""
    officer, approver = client("pia", strict=False), client("bob", strict=False)
    assert officer.fine_tuning.jobs.pause(told["waiting"]).status == "paused"
    assert approver.fine_tuning.jobs.resume(told["waiting"]).status == "queued"


def models(ann: OpenAI) -> None:
    """What came of a job: its name, its checkpoint, where it may be used, and its end."""
    job = ann.fine_tuning.jobs.retrieve(told["done"])
    name = job.fine_tuned_model
    assert name is not None
    assert name.startswith("ft:tiny:tunewarden:burns:model-")
    assert job.status == "succeeded"
    assert ann.models.retrieve(name).id == name
    assert name in {one.id for one in ann.models.list()}
    (checkpoint,) = ann.fine_tuning.jobs.checkpoints.list(job.id)
    assert (checkpoint.fine_tuned_model_checkpoint, checkpoint.step_number) == (name, checkpoint.metrics.step)
    assert checkpoint.metrics.train_loss is None, "a figure of training is a figure of its persons"
    permissions: Any = ann.fine_tuning.checkpoints.permissions
    shared = getattr(permissions, "list", permissions.retrieve)(name)  # the first version has no list
    assert (shared.data, shared.has_more) == ([], False)
    refused(openai.PermissionDeniedError, "access_denied", None, lambda: _delete(ann, name))
    officer = client("pia")
    refused(openai.UnprocessableEntityError, "reason_required", "reason", lambda: officer.models.delete(name))
    assert _delete(officer, name).deleted


def _delete(who: OpenAI, name: str) -> Any:
    return who.models.delete(name, extra_query={"reason": "not-needed"})


def live(ann: OpenAI) -> None:
    """Events as they happen, with the decoder of the client: of a job that is over, and of one that is not mine."""
    job = ann.fine_tuning.jobs.retrieve(told["done"])
    events = list(_stream(ann, job.id))
    listed = list(ann.fine_tuning.jobs.list_events(job.id, limit=100))
    assert [event.id for event in events] == [event.id for event in reversed(listed)]
    assert len(events) > 5
    assert {(type(event), event.object) for event in events} == {(FineTuningJobEvent, "fine_tuning.job.event")}
    rest = list(_stream(ann, job.id, after=events[2].id))
    assert [event.id for event in rest] == [event.id for event in events[3:]]
    refused(openai.NotFoundError, "request_not_found", None, lambda: _stream(ann, "ftjob-1"))
    refused(openai.UnprocessableEntityError, "cursor_unknown", "after", lambda: _stream(ann, job.id, after="ftevent-x"))


def interrupted(ann: OpenAI) -> None:
    """A stream that ends before its job does is an error, not an end: here after a quiet time with its comments."""
    error: openai.APIError | None = None
    try:
        for event in _stream(ann, told["waiting"]):
            assert event.object == "fine_tuning.job.event"
    except openai.APIError as raised:
        error = raised
    assert error is not None, "the program would have taken the job for ended"
    assert (type(error), error.code) == (openai.APIError, "stream_over")


def _stream(who: OpenAI, job: str, **params: str) -> Any:
    return who.get(
        f"/fine_tuning/jobs/{job}/events",
        cast_to=FineTuningJobEvent,
        options={"params": {"stream": "true", **params}},
        stream=True,
        stream_cls=Stream[FineTuningJobEvent],
    )


def webhook(ann: OpenAI) -> None:
    """What the notifier sends is verified by the client; what was changed on the way is not."""
    sent = told["webhook"]
    event: Any = ann.webhooks.unwrap(sent["body"], sent["headers"], secret=sent["secret"])
    assert (event.id, event.type, event.data.id) == ("evt-7-0", "fine_tuning.job.succeeded", "ftjob-1")
    try:
        ann.webhooks.unwrap(sent["body"].replace("ftjob-1", "ftjob-2"), sent["headers"], secret=sent["secret"])
    except openai.InvalidWebhookSignatureError:
        return
    raise AssertionError("it was changed")


def endpoints() -> None:
    """Managed by an administrator, with the newest client, which alone can."""
    ada = client("ada")
    if not hasattr(ada.webhooks, "create"):
        return
    address = "https://93.184.216.34/hooks"
    made = ada.webhooks.create(event_types=["fine_tuning.job.failed"], name="ours", url=address)
    assert made.signing_secret.startswith("whsec_")
    assert ada.webhooks.retrieve(made.id).url == address
    assert made.id in {one.id for one in ada.webhooks.list(limit=1)}
    changed = ada.webhooks.update(made.id, event_types=["fine_tuning.job.succeeded"])
    assert (changed.event_types, changed.name) == (["fine_tuning.job.succeeded"], "ours")
    again = ada.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
    assert again.signing_secret not in {made.signing_secret, ""}
    tested = ada.webhooks.test(made.id, event_type="fine_tuning.job.succeeded")
    assert (tested.status_code, tested.webhook_endpoint_id) == (204, made.id)
    assert "model.promoted" in ada.webhooks.event_types.list().data
    assert ada.webhooks.delete(made.id).deleted
    refused(openai.NotFoundError, "webhook_not_found", None, lambda: ada.webhooks.retrieve(made.id))
    inside = "https://169.254.169.254/latest/meta-data"
    denied = openai.PermissionDeniedError
    refused(
        denied,
        "webhook_address_refused",
        "url",
        lambda: ada.webhooks.create(event_types=["fine_tuning.job.failed"], name="ours", url=inside),
    )


def absent(ann: OpenAI) -> None:
    """What is not here says so, and is not asked for again and again."""
    ask = ann.fine_tuning.checkpoints.permissions
    error = refused(
        openai.InternalServerError, "not_built", None, lambda: ask.create("model-1", project_ids=["proj-1"])
    )
    assert "project of its data" in error.message
    assert error.response.request.headers["x-stainless-retry-count"] == "0"
    refused(openai.InternalServerError, "not_built", None, lambda: ann.evals.list())


for scene in (files, uploads, jobs, live, interrupted, webhook, models, absent):
    scene(client("ann"))
paused()
endpoints()
sys.stdout.write(openai.__version__)
