"""One whole story, told by the real use cases on the in-memory drivers, with documents as the real steps write them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from io import BytesIO
from itertools import count

import pytest
from tests.conftest import ADA, MEMBERS, OTTO, POLICIES, Stage, digest, linear_accountant, measured, registration
from tests.entry.report.documents import HOUSE, completion_details, details

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.datasets import Columns, Purpose
from tunewarden.domain.deidentification import EntityType
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import RequestSubmitted
from tunewarden.domain.gates import Bound, Gate, Measurement, Rule
from tunewarden.domain.names import Alias, Digest, ModelId, PolicyName, Role
from tunewarden.domain.privacy import Mechanism
from tunewarden.domain.training import Plan, Precision, StepName, Task
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.train.certificate import Certificate, CheckName, passed
from tunewarden.usecases import datasets, files, jobs, keys, models, proposals, reports, requests
from tunewarden.usecases.gating import PROMOTION_GATES
from tunewarden.usecases.ports import Attempt, Blobs, Ingested, Principal, StepResult

CANARIES = {
    "dataset": "canarydataset",
    "text": "canarytextcolumn",
    "label": "canarylabelcolumn",
    "person": "canarypersoncolumn",
    "class": "canaryclass",
    "suffix": "canarysuffix",
    "metadata": "canarymetadata",
    "file": "canaryfile",
    "principal": "canaryname",
}


_GAPS = {Task.CLASSIFICATION: "fairness.accuracy_gap", Task.COMPLETION: "fairness.token_accuracy_gap"}


@dataclass(slots=True)
class Told:
    """A platform on which one model version came to be, and everybody who took part."""

    stage: Stage
    lineage: Callable[[], reports.Lineage]
    steward: Principal
    requester: Principal
    approver: Principal
    worker: Principal


@dataclass(slots=True)
class DocumentedStep:
    """A step that does nothing but write a document as the real one would, after `minutes`."""

    stage: Stage
    minutes: int
    measurements: tuple[Measurement, ...]
    details: Callable[[Attempt], object]
    counts: Mapping[str, int]
    updates: int = 0
    failures: int = 0
    identity: Digest = field(default_factory=lambda: digest("documented step"))

    def __call__(self, attempt: Attempt) -> StepResult:
        self.stage.clock.advance(timedelta(minutes=self.minutes, seconds=17))
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a worker was lost")
        if self.updates:
            attempt.admit(iter(MEMBERS))
        for done in range(0, self.updates, 8):
            attempt.charge(min(8, self.updates - done))
        details = self.stage.blobs.put_bytes(encode(to_plain(self.details(attempt))))
        adapter = attempt.outputs.get(StepName.TRAIN)
        return StepResult(
            output=self.stage.blobs.put_bytes(encode({"output": self.minutes, "of": attempt.request})),
            measurements=self.measurements,
            details=details,
            counts=self.counts,
            about=adapter,
        )


@pytest.fixture
def told(stage: Stage) -> Told:
    """Refusals, a failed attempt, a failing gate and, in the end, a promotion."""
    return tell(stage)


@pytest.fixture
def told_completing(stage: Stage) -> Told:
    """The same of a model that completes texts."""
    return tell(stage, Task.COMPLETION)


def tell(stage: Stage, task: Task = Task.CLASSIFICATION) -> Told:
    made = count(1_795_000_000_000, 61_003)
    platform = replace(
        stage.platform,
        ingest=_records,
        accountant=lambda mechanisms, delta: linear_accountant(mechanisms, delta).quantize(
            Decimal("0.0001"), ROUND_CEILING
        ),
        new_id=lambda prefix: _identifier(prefix, next(made)),
    )
    stage.platform = platform
    guard = PROMOTION_GATES[task]
    stage.policies.judged = HOUSE
    stage.policies.gates[guard] = _strict(guard, _GAPS[task])
    steward, requester, approver, worker = (
        keys.create(
            platform,
            ADA,
            name=CANARIES["principal"],
            roles=frozenset({role}),
            key=keys.NewKey(hash="0" * 64, kind=keys.kind_for(frozenset({role}))),
        )[0]
        for role in (Role.STEWARD, Role.REQUESTER, Role.APPROVER, Role.WORKER)
    )

    # 1. A dataset, and a use of it that is not allowed.
    stage.clock.advance(timedelta(minutes=12))
    dataset, _ = datasets.register(platform, steward, _registration(task))
    stored, _ = files.upload(
        platform, steward, filename=CANARIES["file"], purpose="fine-tune", content=BytesIO(b"bytes")
    )
    datasets.add_version(platform, steward, dataset.id, stored.id)
    stage.clock.advance(timedelta(hours=2))
    ask = requests.Ask(
        training_file=dataset.id,
        base_model=PolicyName("tiny"),
        purpose=Purpose.RESEARCH,
        epsilon=Decimal(8),
        suffix=CANARIES["suffix"],
        metadata={CANARIES["metadata"]: CANARIES["metadata"]},
    )
    with suppress(Refused):
        requests.submit(platform, requester, replace(ask, purpose=Purpose.MARKETING))

    # 2. A request that its author may not approve, and somebody else does.
    stage.clock.advance(timedelta(minutes=3))
    request, _ = requests.submit(platform, requester, ask)
    with suppress(Refused):
        requests.approve(platform, requester, request.id, request.plan.digest())
    stage.clock.advance(timedelta(minutes=41))
    requests.approve(platform, approver, request.id, request.plan.digest())

    # 3. The job; the first attempt to train is lost.
    steps = pipeline(stage, request.plan, task=task)
    guards = {StepName.DEIDENTIFY: PolicyName("training")}
    stage.clock.advance(timedelta(seconds=2))
    for _ in range(4):
        with suppress(RuntimeError):
            done = jobs.advance(platform, worker, steps, guards, request.id)
    assert done.model is not None
    model = done.model

    # 4. A gate that does not pass, a milder one that does, and two people.
    stage.clock.advance(timedelta(hours=1))
    with suppress(Refused):
        models.propose(platform, requester, model, Alias.PRODUCTION)
    stage.policies.gates[guard] = FilePolicies(POLICIES).gate(guard)
    stage.clock.advance(timedelta(days=1))
    promotion, _, _ = models.propose(platform, requester, model, Alias.PRODUCTION)
    stage.clock.advance(timedelta(minutes=25))
    models.approve(platform, approver, promotion.id, promotion.verdict, proposals.unassessed(platform, promotion).count)
    return Told(
        stage=stage,
        lineage=lambda: reports.lineage(platform, OTTO, model),
        steward=steward,
        requester=requester,
        approver=approver,
        worker=worker,
    )


def tell_another(told: Told) -> ModelId:
    """A second model version on the same records, with less epsilon and nothing refused; never proposed."""
    platform, asked = told.stage.platform, told.lineage().report.request.event
    assert isinstance(asked, RequestSubmitted)
    ask = requests.Ask(
        training_file=asked.dataset, base_model=PolicyName("tiny"), purpose=Purpose.RESEARCH, epsilon=Decimal(1)
    )
    request, _ = requests.submit(platform, told.requester, ask)
    requests.approve(platform, told.approver, request.id, request.plan.digest())
    steps = pipeline(told.stage, request.plan, failures=0)
    for _ in range(3):
        done = jobs.advance(platform, told.worker, steps, {StepName.DEIDENTIFY: PolicyName("training")}, request.id)
    assert done.model is not None
    return done.model


def _identifier(prefix: str, milliseconds: int) -> str:
    """As `entry/identifiers.py` makes them, but the same every time."""
    return f"{prefix}-{milliseconds:012x}{digest(str(milliseconds)).removeprefix('sha256:')[:20]}"


def _registration(task: Task) -> datasets.Registration:
    classifies = task is Task.CLASSIFICATION
    return replace(
        registration(purposes=frozenset({Purpose.RESEARCH, Purpose.CARE_QUALITY})),
        name=CANARIES["dataset"],
        columns=Columns(
            text=CANARIES["text"],
            label=CANARIES["label"] if classifies else None,
            person=CANARIES["person"],
            protected=("sex", "age band"),
            completion=None if classifies else CANARIES["label"],
        ),
    )


def _records(blobs: Blobs, given: Digest, filename: str, columns: Columns) -> Ingested:
    assert filename
    assert columns.text
    records = blobs.put_bytes(blobs.read(given) + b" as records")
    labels = () if columns.label is None else (CANARIES["class"], "other")
    return Ingested(records=records, rows=2011, persons=1204, labels=labels)


def _strict(name: PolicyName, gap: str) -> Gate:
    """A gate with a rule that fails and one that nobody measured."""
    rules = (
        Rule(
            metric=gap,
            bound=Bound.AT_MOST,
            limit=Decimal("0.05"),
            because="No group may be served worse than the rest.",
            remedy="Add records of the group that falls short.",
        ),
        Rule(
            metric="robustness.typos",
            bound=Bound.AT_LEAST,
            limit=Decimal("0.9"),
            because="<script>alert(1)</script> & people mistype.",
            remedy="Measure it.",
        ),
    )
    return Gate(name=name, rules=rules)


def pipeline(
    stage: Stage, plan: Plan, *, failures: int = 1, task: Task = Task.CLASSIFICATION
) -> Mapping[StepName, DocumentedStep]:
    """The three steps, with the documents of a real run; the first `failures` attempts to train are lost."""
    updates, declared = plan.mechanism.updates, plan.fairness
    assert declared is not None
    found = {EntityType.NAME: 1630, EntityType.DATE: 1204, EntityType.MEDICAL_RECORD: 871, EntityType.PHONE: 402}
    found |= {EntityType.ADDRESS: 377, EntityType.EMAIL: 214, EntityType.AGE: 9}
    made = details(declared) if task is Task.CLASSIFICATION else completion_details(declared)
    return {
        StepName.DEIDENTIFY: DocumentedStep(
            stage=stage,
            minutes=1,
            measurements=(measured("deid.planted_recall", "0.97", 1050),),
            details=lambda _: deidentified(found),
            counts={"records": 2011, "persons": 1204, "emptied": 0, "entities": sum(found.values())}
            | {kind.value: number for kind, number in found.items()},
        ),
        StepName.TRAIN: DocumentedStep(
            stage=stage,
            minutes=3,
            measurements=(measured("privacy.epsilon", "8", 963), measured("privacy.delta", "0.0001", 963)),
            details=lambda attempt: trained(attempt.plan.mechanism),
            counts={"updates": updates},
            updates=updates,
            failures=failures,
        ),
        StepName.MEASURE: DocumentedStep(
            stage=stage,
            minutes=2,
            measurements=tuple(made.measurements()),
            details=lambda attempt: replace(made, adapter=attempt.outputs[StepName.TRAIN]),
            counts=made.counts(),
        ),
    }


def trained(executed: Mechanism) -> object:
    """What the training step writes, of what this report reads: `steps/train/driver.py`."""
    return {
        "conformance": Certificate(
            plan=digest("plan"),
            code=digest("code"),
            precision=Precision.FLOAT32,
            device="cpu",
            checks=tuple(passed(name, 0.0, 1.0) for name in CheckName if name is not CheckName.SECOND_WAY),
            not_checked=(CheckName.SECOND_WAY,),
        ),
        "executed": executed,
        "planned": executed,
        "measurements": (measured("privacy.epsilon", "8", 963), measured("privacy.epsilon_pld", "7.2141", 963)),
        "versions": {"opacus": "1.6.0", "ray": "2.60.0", "torch": "2.13.0"},
    }


def deidentified(found: Mapping[EntityType, int]) -> object:
    """What the de-identify step writes: `steps/deidentify/step.py`."""
    return {
        "profile": digest("profile"),
        "detector": digest("detector"),
        "report": digest("report"),
        "reviewed": False,
        "records": 2011,
        "emptied": 0,
        "entities": found,
        "operators": {**dict.fromkeys(EntityType, "replace"), EntityType.SEX: "keep"},
        "safe_harbor": [
            {
                "category": "names",
                "entities": ["name"],
                "detector": True,
                "transformed": 1630,
                "known_gap": "names without title, label or frequent given name; names in lower-case text",
            },
            {
                "category": "biometric-identifiers",
                "entities": [],
                "detector": False,
                "transformed": 0,
                "known_gap": "no detector",
            },
        ],
        "planted": {
            EntityType.NAME: _planted(139, "0.8742", "0.9266", "0.9628"),
            EntityType.DATE: _planted(150, "0.9757", "1", "1"),
            EntityType.MEDICAL_RECORD: _planted(148, "0.9527", "0.9866", "0.9984"),
            EntityType.PHONE: _planted(150, "0.9757", "1", "1"),
            EntityType.ADDRESS: _planted(141, "0.8892", "0.9400", "0.9723"),
            EntityType.EMAIL: _planted(150, "0.9757", "1", "1"),
            EntityType.SSN: _planted(147, "0.9427", "0.9800", "0.9959"),
        },
        "rescan": {"threshold": "0.2", "records_hit": 31, "kinds": {"name": 31}},
        "examples": [
            {"before": "Patient: Ada Example, MRN 00412-77.", "after": "Patient: [NAME], MRN [MEDICAL-RECORD]."}
        ],
    }


def _planted(hits: int, low: str, value: str, high: str) -> Mapping[str, object]:
    return {"found": hits, "n": 150, "low": low, "value": value, "high": high}
