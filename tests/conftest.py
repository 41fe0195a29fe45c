"""The cast: ann asks, bob approves, dana keeps the data, rea and ron read, pia signs, otto audits, eve has no rights.

The clock stands still.
Use cases run here on the in-memory drivers, with the real access policy and the real gates.
"""

import hashlib
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from absl import logging as absl_logging
from hypothesis import settings

from tunewarden.domain.allowed import BaseFit, TrainingPolicy
from tunewarden.domain.canonical import Plain, digest_bytes, encode
from tunewarden.domain.cohorts import PersonLimit
from tunewarden.domain.datasets import Budget, Columns, Dataset, LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import NotFound, Refused
from tunewarden.domain.fairness import FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.gates import Bound, Gate, Measurement, Rule
from tunewarden.domain.names import Alias, Digest, PolicyName, PrincipalId, Role
from tunewarden.domain.privacy import Mechanism, PrivacyUnit
from tunewarden.domain.quorum import Needed, Quorum
from tunewarden.domain.removals import AliasRules
from tunewarden.domain.training import BaseModel, NoiseForm, Precision, StepName, Task
from tunewarden.drivers.access import CasbinAccess
from tunewarden.drivers.envelopes import SealedEnvelopes
from tunewarden.drivers.memory import FixedClock, MemoryClaims, MemorySealedLog, MemoryState, memory_views, memory_work
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.drivers.memory_enrolments import MemoryEnrolments
from tunewarden.drivers.memory_release import MemoryRelease
from tunewarden.usecases import datasets, files
from tunewarden.usecases.binding import bound
from tunewarden.usecases.counting import put_in_force
from tunewarden.usecases.ports import (
    Attempt,
    Blobs,
    Ingested,
    Platform,
    Principal,
    StepResult,
    StoredFile,
)

pytest_plugins = ["tests.postgres_cluster"]

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
POLICIES = ROOT / "policies"
START_RAY = {
    "tests/journeys/test_all_declared.py",
    "tests/journeys/test_raw_rows_by_workers.py",
    "tests/journeys/test_the_completion.py",
    "tests/journeys/test_the_demo.py",
    "tests/journeys/test_the_main_path.py",
    "tests/steps/deidentify/test_release.py",
    "tests/steps/deidentify/test_scale.py",
    "tests/steps/train/test_driver.py",
}
"""Files whose tests do, two of them within a whole platform."""
TAKE_LONG = ("tests/journeys/", "tests/entry/api/test_routes.py", "tests/entry/report/", "tests/steps/")
"""Where the files are that take longest."""
_BY_FIXTURE = {"ray_started", "played", "demonstrated"}

settings.register_profile("unhurried", deadline=None)  # how long something takes says nothing about whether it is right
settings.load_profile("unhurried")
# The handler that comes with dp-accounting closes the stream it found, unless that is stderr still; it found pytest's.
# A server that is configured closes all handlers, and where stderr is redirected, every later test would be an error.
absl_logging.get_absl_handler().python_handler.setStream(sys.__stderr__)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

ANN = Principal(id=PrincipalId("prn-ann"), roles=frozenset({Role.REQUESTER}))
BOB = Principal(id=PrincipalId("prn-bob"), roles=frozenset({Role.APPROVER}))
DANA = Principal(id=PrincipalId("prn-dana"), roles=frozenset({Role.STEWARD}))
PIA = Principal(id=PrincipalId("prn-pia"), roles=frozenset({Role.PRIVACY_OFFICER}))
REA = Principal(id=PrincipalId("prn-rea"), roles=frozenset({Role.REVIEWER}))
RON = Principal(id=PrincipalId("prn-ron"), roles=frozenset({Role.REVIEWER}))
OTTO = Principal(id=PrincipalId("prn-otto"), roles=frozenset({Role.AUDITOR}))
ADA = Principal(id=PrincipalId("prn-ada"), roles=frozenset({Role.ADMINISTRATOR}))
EVE = Principal(id=PrincipalId("prn-eve"), roles=frozenset())
WORKER = Principal(id=PrincipalId("worker"), roles=frozenset({Role.WORKER}))


def linear_accountant(mechanisms: Sequence[Mechanism], delta: Decimal) -> Decimal:
    """Cheap and readable: an update costs its sampling rate over the noise. The real accountant has its own tests."""
    assert delta > 0
    return sum((m.sampling_rate * m.updates / m.noise_multiplier for m in mechanisms), Decimal(0))


def linear_calibration(template: Mechanism, epsilon: Decimal, delta: Decimal) -> Mechanism:
    """The noise at which `linear_accountant` gives exactly `epsilon`."""
    assert delta > 0
    return replace(template, noise_multiplier=template.sampling_rate * template.updates / epsilon)


def measured(metric: str, value: str, n: int = 100) -> Measurement:
    return Measurement(metric=metric, low=Decimal(value), value=Decimal(value), high=Decimal(value), n=n)


def pytest_configure() -> None:
    """Hear Ctrl-C: a shell that starts tests in the background has it ignored, by them and by all that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that starts Ray from a file that `START_RAY` does not name; what takes long comes first."""
    starting = {file_of(item.nodeid) for item in items if _BY_FIXTURE & {*getattr(item, "fixturenames", ())}}
    if unnamed := sorted(starting - START_RAY):
        raise pytest.UsageError(f"START_RAY in tests/conftest.py does not name {', '.join(unnamed)}")
    # Else one process would be left with a long file at the end, while the other has nothing to do.
    items.sort(key=lambda item: (file_of(item.nodeid) not in START_RAY, not item.nodeid.startswith(TAKE_LONG)))


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Where there are several processes, what starts Ray goes to one of them, and each other file to whichever is free.

    Two Rays that start at once are too slow for their own patience on two processors. And the tests of a file always
    run together, in the same order, so that a test which leans on another one of its file does so always or never.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "Ray" if file_of(nodeid) in START_RAY else file_of(nodeid)

    config.option.loadscopereorder = False  # else files with many tests would come before files that take long
    return ByFile(config, log)


@dataclass(slots=True)
class FewPolicies:
    """Two gates of one rule each, one profile, one base model, one person to approve; a test may be stricter."""

    gates: dict[str, Gate] = field(
        default_factory=lambda: {
            "training": _gate("training", "deid.planted_recall", "0.9"),
            "promotion": _gate("promotion", "utility.accuracy", "0.7"),
        }
    )

    allowed: TrainingPolicy = field(
        default_factory=lambda: TrainingPolicy(
            units={PrivacyUnit.PERSON},
            rows_per_person=4,
            precisions=set(Precision),
            noise=set(NoiseForm),
            because="A test says so.",
        )
    )
    profiles: dict[str, bytes] = field(default_factory=lambda: {"default": encode({"name": "default"})})

    limits: dict[str, PersonLimit] = field(default_factory=dict)
    fit: BaseFit = field(default_factory=lambda: BaseFit(tasks=set(Task)))
    needed: Mapping[Sensitivity, Needed] = field(
        default_factory=lambda: dict.fromkeys(Sensitivity, Needed(persons=1, roles=1))
    )
    judged: FairnessPolicy = field(
        default_factory=lambda: FairnessPolicy(
            tolerances=(Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal("0.1")),)
        )
    )

    asked: bytes | None = None
    """The house's own questions; a test that has some names their digest in `judged`."""

    aliases: dict[Alias, bool] = field(
        default_factory=lambda: {Alias.CANDIDATE: False, Alias.STAGING: False, Alias.PRODUCTION: True}
    )
    restart: Callable[[Quorum], None] = field(default=lambda _: None)
    """What a process does that starts with this rule; here whenever it is asked for, so that a test may change it."""

    def gate(self, name: PolicyName) -> Gate:
        if name not in self.gates:
            raise NotFound("gate_not_found", "There is no such gate.")
        return self.gates[name]

    def training(self) -> TrainingPolicy:
        return self.allowed

    def profile(self, name: PolicyName) -> bytes:
        if name not in self.profiles:
            raise NotFound("profile_not_found", "There is no such profile.")
        return self.profiles[name]

    def base_model(self, name: PolicyName) -> BaseModel:
        if name != "tiny":
            raise NotFound("base_model_not_allowed", "There is no such base model.")
        return BaseModel(name=name, digest=Digest("sha256:" + "b" * 64))

    def base_fit(self, _name: PolicyName) -> BaseFit:
        return self.fit

    def fairness(self) -> FairnessPolicy:
        return self.judged

    def questions(self) -> bytes | None:
        return self.asked

    def registry(self) -> AliasRules:
        return AliasRules(protected=self.aliases)

    def quorum(self) -> Quorum:
        rule = Quorum(needed=self.needed)
        self.restart(rule)
        return rule

    def person_limit(self, namespace: PolicyName) -> PersonLimit:
        if namespace not in self.limits:
            raise Refused("namespace_unknown", "There is no such namespace.")
        return self.limits[namespace]


def _gate(name: str, metric: str, limit: str) -> Gate:
    rule = Rule(
        metric=metric, bound=Bound.AT_LEAST, limit=Decimal(limit), because="A test says so.", remedy="Do better."
    )
    return Gate(name=PolicyName(name), rules=(rule,))


MEMBERS = tuple(hashlib.sha256(bytes([number])).digest() for number in range(80))
"""Budget pseudonyms of the persons that a training is on."""


@dataclass(slots=True)
class TellingStep:
    """A step that does what a test says: measures what it is told to, charges, or raises."""

    name: StepName
    blobs: Blobs
    measurements: tuple[Measurement, ...] = ()
    updates: int = 0
    members: tuple[bytes, ...] = MEMBERS
    left_out: frozenset[bytes] = frozenset()
    error: Exception | None = None
    during: Callable[[Attempt], None] = lambda _: None
    details: Mapping[str, Plain] = field(default_factory=dict)
    seen: list[Attempt] = field(default_factory=list)
    identity: Digest = field(default_factory=lambda: digest("telling step"))

    def __call__(self, attempt: Attempt) -> StepResult:
        self.seen.append(attempt)
        self.during(attempt)
        if self.updates:
            self.left_out = attempt.admit(iter(self.members))
        for _ in range(self.updates):
            attempt.charge(1)
        if self.error is not None:
            raise self.error
        output = self.blobs.put_bytes(encode({"made_by": self.name, "for": attempt.request}))
        return StepResult(
            output=output,
            measurements=self.measurements,
            details=self.blobs.put_bytes(encode({**self.details, "step": self.name})),
            counts={"records": 3},
            about=attempt.outputs[StepName.TRAIN] if self.name is StepName.MEASURE else None,
        )


def few_records(blobs: Blobs, digest: Digest, filename: str, columns: Columns) -> Ingested:
    """One hundred persons with a row each, whatever was uploaded; `drivers/tables.py` has its own tests."""
    assert filename
    assert columns.text
    records = blobs.put_bytes(blobs.read(digest) + b"-as-records")
    return Ingested(records=records, rows=100, persons=100, labels=("no", "yes"))


@dataclass(slots=True)
class Stage:
    """A platform in memory, and what tests look at behind it."""

    platform: Platform
    policies: FewPolicies
    clock: FixedClock
    blobs: MemoryBlobs
    steps: dict[StepName, TellingStep]

    def entries(self) -> list[Entry]:
        """The whole log."""
        with self.platform.view() as view:
            return list(view.entries())

    def dataset(self, *, epsilon: str = "10", delta: str = "0.0001") -> Dataset:
        """A dataset of one hundred persons for research; the first one's upload is `b"bytes"`, no two are alike."""
        registered, _ = datasets.register(self.platform, DANA, registration(epsilon=epsilon, delta=delta))
        return datasets.add_version(self.platform, DANA, registered.id, files_of(self).id)[0]


def files_of(stage: Stage) -> StoredFile:
    """An upload; no two are alike."""
    content = b"bytes" * len(datasets.listed(stage.platform, DANA))
    return files.upload(stage.platform, DANA, filename="notes.csv", purpose="fine-tune", content=BytesIO(content))[0]


def registration(
    *, epsilon: str = "10", delta: str = "0.0001", purposes: frozenset[Purpose] = frozenset({Purpose.RESEARCH})
) -> datasets.Registration:
    return datasets.Registration(
        name="Emergency notes of the north clinic",
        purposes=purposes,
        lawful_basis=LawfulBasis.PUBLIC_TASK,
        sensitivity=Sensitivity.SPECIAL_CATEGORY,
        retain_until=date(2027, 1, 1),
        columns=Columns(text="note", label="burn", person="patient", protected=("sex",)),
        budget=Budget(epsilon=Decimal(epsilon), delta=Decimal(delta)),
    )


@pytest.fixture
def stage() -> Stage:
    return made_stage()


def made_stage() -> Stage:
    """A platform in memory with nothing in it."""
    clock, blobs, policies = FixedClock(NOW), MemoryBlobs(), FewPolicies()
    numbers = iter(range(10**6))
    state = MemoryState()
    platform = Platform(
        work=memory_work(state, clock),
        view=memory_views(state),
        access=bound(CasbinAccess(POLICIES / "access" / "model.conf", POLICIES / "access" / "policy.csv")),
        blobs=blobs,
        clock=clock,
        claims=MemoryClaims(),
        policies=policies,
        ingest=few_records,
        accountant=linear_accountant,
        calibrate=linear_calibration,
        log=MemorySealedLog(state),
        envelopes=SealedEnvelopes(bytes(32)),
        new_id=lambda prefix: f"{prefix}-{next(numbers):032x}",
        release=MemoryRelease(),
        enrolments=MemoryEnrolments(state),
    )
    policies.restart = partial(put_in_force, platform.work, platform.view)
    steps = {name: TellingStep(name=name, blobs=blobs) for name in StepName}
    steps[StepName.DEIDENTIFY].measurements = (measured("deid.planted_recall", "0.95"),)
    steps[StepName.TRAIN].updates = 4
    steps[StepName.MEASURE].measurements = (measured("utility.accuracy", "0.8"),)
    return Stage(platform=platform, policies=policies, clock=clock, blobs=blobs, steps=steps)


def digest(text: str) -> Digest:
    return digest_bytes(text.encode())
