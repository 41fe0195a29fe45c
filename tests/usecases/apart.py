"""Two projects on one platform, with everything in the first that somebody can name, and everything to do with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from io import BytesIO
from typing import Any

from tests.conftest import ADA, ANN, BOB, DANA, REA, RON, WORKER, Stage, registration
from tests.usecases.governed import govern
from tests.usecases.reviewing import READ, Reviewing, reviewing
from tests.usecases.test_requests import ask

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.datasets import Dataset, Purpose
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.names import Action, Alias, PolicyName, PrincipalId, ProjectId, WebhookId
from tunewarden.domain.overrides import OverrideReason
from tunewarden.domain.removals import RemovalReason
from tunewarden.domain.training import StepName, TrainingRequest
from tunewarden.domain.webhook_events import WebhookCreated
from tunewarden.domain.webhooks import Webhook, WebhookType
from tunewarden.steps import GUARDED
from tunewarden.usecases import (
    archiving,
    budgets,
    data_reports,
    datasets,
    descending,
    discarding,
    erasures,
    evidence,
    files,
    following,
    jobs,
    models,
    overriding,
    previewing,
    projects,
    proposals,
    removals,
    reports,
    requests,
    reviews,
    rollbacks,
    signing,
    suspending,
    tracing,
    uploads,
    voting,
    webhooks,
    who_may,
)
from tunewarden.usecases.descending import Direction
from tunewarden.usecases.ports import Platform, Principal

CY = replace(BOB, id=PrincipalId("prn-cy"))
Names = Mapping[str, Any]
Deed = Callable[[Platform, Principal, Names], object]


@dataclass(slots=True, repr=False)
class Apart:
    """The house, its platform, two projects, and the ids of what is in the first by the kind of thing."""

    house: Reviewing
    platform: Platform
    here: ProjectId
    there: ProjectId
    names: Names


def within(who: Principal, project: ProjectId) -> Principal:
    """Somebody with a key of a project."""
    return replace(who, within=project)


def uploaded(platform: Platform, who: Principal, content: bytes) -> Any:
    stored, _ = files.upload(platform, who, filename="notes.csv", purpose="fine-tune", content=BytesIO(content))
    return stored.id


def begun(platform: Platform, who: Principal) -> Any:
    return uploads.begin(platform, who, filename="notes.csv", purpose="fine-tune", size=5)[0].id


def registered(platform: Platform, project: ProjectId, content: bytes) -> Dataset:
    """A dataset with a version in a project."""
    dana = within(DANA, project)
    dataset, _ = datasets.register(platform, dana, registration(epsilon="90"))
    return datasets.add_version(platform, dana, dataset.id, uploaded(platform, dana, content))[0]


def submitted(platform: Platform, project: ProjectId, dataset: Dataset) -> TrainingRequest:
    return requests.submit(platform, within(ANN, project), ask(dataset, epsilon=Decimal(2)))[0]


def unanswered(*_: object) -> int:
    """No test of an endpoint comes so far."""
    raise AssertionError


def endpoint(platform: Platform, project: ProjectId) -> WebhookId:
    """An endpoint for webhooks, as an administrator made it."""
    now, types = platform.clock(), frozenset({WebhookType.GATE_FAILED})
    made = Webhook(
        id=WebhookId(platform.new_id("webhook")),
        project=project,
        made_by=ADA.id,
        made_at=now,
        changed_at=now,
        name="ours",
        types=types,
        url="sealed",
        secret="sealed",
        since=0,
    )
    with platform.work(ADA.id) as work:
        work.webhooks.put(made)
        work.record(WebhookCreated(webhook=made.id, project=project, types=tuple(types)))
        work.commit()
    return made.id


def apart(stage: Stage) -> Apart:
    """Everything in the first project: trained, reviewed, promoted; and one request that waits for approval."""
    stage.platform = govern(stage)
    house = reviewing(stage, *READ)
    platform = stage.platform
    here, there = (projects.create(platform, ADA, name)[0].id for name in ("north", "south"))
    dataset = registered(platform, here, b"north")
    request = submitted(platform, here, dataset)
    bob, rea, ron = within(BOB, here), within(REA, here), within(RON, here)
    requests.approve(platform, bob, request.id, request.plan.digest())
    request = house.advance(request.id)
    house.read(house.review().id, rea, ron)
    for _ in range(2):
        request = jobs.advance(platform, WORKER, stage.steps, GUARDED, request.id)
    assert request.model is not None
    promotion, _, _ = models.propose(platform, bob, request.model, Alias.STAGING)
    names = {
        "file": uploaded(platform, within(DANA, here), b"more"),
        "upload": begun(platform, within(DANA, here)),
        "dataset": dataset.id,
        "version": dataset.latest().digest,
        "request": submitted(platform, here, dataset).id,
        "review": house.review().id,
        "clean": request.outputs[StepName.DEIDENTIFY],
        "model": request.model,
        "promotion": promotion.id,
        "evidence": request.evidence[StepName.MEASURE],
        "project": here,
        "webhook": endpoint(platform, here),
    }
    models.approve(platform, within(CY, here), promotion.id, promotion.verdict)
    return Apart(house=house, platform=platform, here=here, there=there, names=names)


def unknown(names: Names) -> Names:
    """Ids of nothing, of the same form."""
    other = {kind: f"{name.partition('-')[0]}-{'f' * 32}" for kind, name in names.items()}
    digests = {"version": "f", "clean": "e", "evidence": "d"}
    return {**other, **{kind: "sha256:" + letter * 64 for kind, letter in digests.items()}}


PLAN = digest_bytes(b"plan")
DEEDS: Mapping[str, Deed] = {
    "read a file": lambda p, who, n: files.get(p, who, n["file"]),
    "take a file": lambda p, who, n: files.take(p, who, n["file"]),
    "delete a file": lambda p, who, n: discarding.delete(p, who, n["file"]),
    "add a part": lambda p, who, n: uploads.add_part(p, who, n["upload"], BytesIO(b""), 0),
    "complete an upload": lambda p, who, n: uploads.complete(p, who, n["upload"], []),
    "cancel an upload": lambda p, who, n: uploads.cancel(p, who, n["upload"]),
    "read a dataset": lambda p, who, n: datasets.get(p, who, n["dataset"]),
    "read its data report": lambda p, who, n: data_reports.read(p, who, n["dataset"], n["version"]),
    "read its budget": lambda p, who, n: datasets.budget(p, who, n["dataset"]),
    "read a statement of it": lambda p, who, n: budgets.statement(p, who, n["dataset"]),
    "add a version": lambda p, who, n: datasets.add_version(p, who, n["dataset"], n["file"]),
    "retire it": lambda p, who, n: datasets.retire(p, who, n["dataset"]),
    "set its purposes": lambda p, who, n: datasets.set_purposes(p, who, n["dataset"], frozenset({Purpose.CARE})),
    "trace a version": lambda p, who, n: tracing.trace_version(p, who, n["dataset"], n["version"]),
    "tell of a version": lambda p, who, n: tracing.tell_version(p, who, n["dataset"], n["version"]),
    "trace a person": lambda p, who, n: tracing.trace_person(p, who, n["dataset"], "somebody"),
    "erase a person": lambda p, who, n: erasures.ask(p, who, n["dataset"], "somebody"),
    "list erasures": lambda p, who, n: erasures.listed(p, who, n["dataset"]),
    "ask by a dataset": lambda p, who, n: requests.submit(p, who, _ask(n["dataset"])),
    "ask by a file": lambda p, who, n: requests.submit(p, who, _ask(n["file"])),
    "plan by a dataset": lambda p, who, n: previewing.preview(p, who, _ask(n["dataset"])),
    "plan by a file": lambda p, who, n: previewing.preview(p, who, _ask(n["file"])),
    "read a request": lambda p, who, n: requests.get(p, who, n["request"]),
    "read its events": lambda p, who, n: requests.events(p, who, n["request"]),
    "follow it": lambda p, who, n: following.news(p, who, n["request"], 0),
    "read its votes": lambda p, who, n: voting.standing(p, who, n["request"]),
    "approve it": lambda p, who, n: requests.approve(p, who, n["request"], PLAN),
    "endorse it": lambda p, who, n: requests.endorse(p, who, n["request"], PLAN),
    "reject it": lambda p, who, n: requests.reject(p, who, n["request"]),
    "cancel it": lambda p, who, n: requests.cancel(p, who, n["request"]),
    "advance it": lambda p, who, n: jobs.advance(p, who, {}, GUARDED, n["request"]),
    "suspend it": lambda p, who, n: suspending.suspend(p, who, n["request"]),
    "resume it": lambda p, who, n: suspending.resume(p, who, n["request"]),
    "read a review": lambda p, who, n: reviews.get(p, who, n["review"]),
    "read its leaks": lambda p, who, n: reviews.leaks(p, who, n["review"]),
    "read on": lambda p, who, n: reviews.following(p, who, n["review"]),
    "answer": lambda p, who, n: reviews.answer(p, who, n["review"], 0, ()),
    "read what is signed": lambda p, who, n: signing.claim(p, who, n["clean"]),
    "read the report": lambda p, who, n: signing.report(p, who, n["clean"]),
    "sign": lambda p, who, n: signing.attest(
        p,
        who,
        n["clean"],
        report=PLAN,
        method=Method.SAFE_HARBOR,
        knowledge=Knowledge.NONE,
        expires=None,
    ),
    "withdraw": lambda p, who, n: signing.withdraw(p, who, n["clean"], next(iter(Withdrawal))),
    "read a model": lambda p, who, n: models.get(p, who, n["model"]),
    "propose it": lambda p, who, n: models.propose(p, who, n["model"], Alias.PRODUCTION),
    "take it": lambda p, who, n: models.take_adapter(p, who, n["model"]),
    "put it back": lambda p, who, n: rollbacks.roll_back(p, who, n["model"], Alias.STAGING),
    "read its lineage": lambda p, who, n: reports.lineage(p, who, n["model"]),
    "read its evidence": lambda p, who, n: evidence.document(p, who, n["evidence"]),
    "look around a dataset": lambda p, who, n: descending.surroundings(p, who, n["dataset"], Direction.BOTH, 1),
    "look around a request": lambda p, who, n: descending.surroundings(p, who, n["request"], Direction.BOTH, 1),
    "look around a model": lambda p, who, n: descending.surroundings(p, who, n["model"], Direction.BOTH, 1),
    "look around a promotion": lambda p, who, n: descending.surroundings(p, who, n["promotion"], Direction.BOTH, 1),
    "compare it": lambda p, who, n: reports.compare(p, who, n["model"], n["model"]),
    "read a promotion": lambda p, who, n: models.promotion(p, who, n["promotion"]),
    "see what it waits for": lambda p, who, n: proposals.proposal(p, who, n["promotion"]),
    "approve a promotion": lambda p, who, n: models.approve(p, who, n["promotion"], PLAN),
    "override its gate": lambda p, who, n: overriding.override(
        p, who, n["promotion"], PLAN, next(iter(OverrideReason))
    ),
    "take its alias off": lambda p, who, n: removals.clear(
        p, who, n["model"], Alias.STAGING, next(iter(RemovalReason))
    ),
    "retire a model": lambda p, who, n: removals.retire(p, who, n["model"], next(iter(RemovalReason))),
    "ask why of a project": lambda p, who, n: who_may.explain(
        p, who, None, Action.READ_PROJECT, "project", n["project"]
    ),
    "ask why of a review": lambda p, who, n: who_may.explain(p, who, None, Action.READ_REVIEW, "review", n["review"]),
    "read an endpoint": lambda p, who, n: webhooks.get(p, None, who, n["webhook"]),
    "change it": lambda p, who, n: webhooks.change(p, None, who, n["webhook"], name="n", url=None, types=None),
    "give it a secret": lambda p, who, n: webhooks.rotate(p, None, who, n["webhook"], keep_old=False),
    "delete it": lambda p, who, n: webhooks.delete(p, None, who, n["webhook"]),
    "test it": lambda p, who, n: webhooks.send_test(p, None, who, n["webhook"], WebhookType.GATE_FAILED, unanswered),
    "read a project": lambda p, who, n: projects.get(p, who, n["project"]),
    "rename it": lambda p, who, n: projects.rename(p, who, n["project"], "west"),
    "archive it": lambda p, who, n: archiving.archive(p, who, n["project"]),
    "act in it": lambda p, who, n: projects.acting_in(p, who, n["project"]),
}
"""Everything that somebody can do to a thing by its id, or to what hangs on it."""


def told(deed: Deed, platform: Platform, who: Principal, names: Names) -> tuple[object, ...]:
    """How it ends: whatever an answer would say."""
    try:
        deed(platform, who, names)
    except TunewardenError as error:
        return type(error), error.code, error.reason, error.remedy, error.who, error.param, error.rule
    return ("done",)


def _ask(training_file: str) -> requests.Ask:
    return requests.Ask(
        training_file=training_file, base_model=PolicyName("tiny"), purpose="research", epsilon=Decimal(2), epochs=2
    )
