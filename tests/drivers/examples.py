"""One example of each thing that is stored."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

from tunewarden.domain.attestations import Attestation, Knowledge
from tunewarden.domain.break_glass import EmergencyReason, opened
from tunewarden.domain.cohorts import Cohort
from tunewarden.domain.datasets import Budget, Columns, Dataset, DatasetVersion, LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.deidentification import Method
from tunewarden.domain.erasures import Erasure
from tunewarden.domain.files import Part, Upload
from tunewarden.domain.gates import Outcome, SamplingPlan
from tunewarden.domain.identities import KeyKind, PrincipalKind
from tunewarden.domain.names import (
    Alias,
    AnswerId,
    AttestationId,
    DatasetId,
    Digest,
    EmergencyId,
    ErasureId,
    FileId,
    ModelId,
    PartId,
    PolicyName,
    PrincipalId,
    ProjectId,
    PromotionId,
    RequestId,
    ReviewId,
    Role,
    UploadId,
)
from tunewarden.domain.privacy import Account, Ledger, Mechanism, PrivacyUnit, Relation, Spend
from tunewarden.domain.projects import Project
from tunewarden.domain.registry import AliasTarget, ModelVersion, Promotion, PromotionState
from tunewarden.domain.reviews import Answer, Mark, Review
from tunewarden.domain.training import BaseModel, Plan, Recipe, State, StepName, TrainingRequest
from tunewarden.usecases.ports import (
    KeyRecord,
    Principal,
    StoredFile,
    UnitOfWork,
)

NOW = datetime(2026, 11, 20, 21, 3, 34, 123000, tzinfo=UTC)


def digest(letter: str) -> Digest:
    return Digest("sha256:" + letter * 64)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A thing of one kind, its key, another version of it, and where a unit of work keeps such things."""

    store: str
    key: str
    first: object
    second: object

    def shelf(self, work: UnitOfWork):  # type: ignore[no-untyped-def]
        return getattr(work, self.store)


MECHANISM = Mechanism(
    unit=PrivacyUnit.PERSON,
    relation=Relation.ADD_OR_REMOVE_ONE,
    sampling_rate=Decimal("0.0625"),
    noise_multiplier=Decimal("0.75"),
    updates=128,
)
PLAN = Plan(
    base_model=BaseModel(name=PolicyName("minilm-l6"), digest=digest("5")),
    dataset=DatasetId("ds-1"),
    dataset_version=digest("1"),
    profile=digest("2"),
    training_gate=digest("3"),
    purpose=Purpose.CARE_QUALITY,
    recipe=Recipe(),
    mechanism=MECHANISM,
    epsilon=Decimal(8),
    delta=Decimal("0.0001"),
)


def make_dataset(**changes: object) -> Dataset:
    known = {
        "id": DatasetId("ds-1"),
        "name": "Fireworks 2026 \u2603",
        "registered_by": PrincipalId("prn-1"),
        "purposes": frozenset({Purpose.CARE_QUALITY, Purpose.RESEARCH}),
        "lawful_basis": LawfulBasis.PUBLIC_TASK,
        "sensitivity": Sensitivity.SPECIAL_CATEGORY,
        "retain_until": date(2030, 1, 31),
        "columns": Columns(text="Narrative", label="Diagnosis", person=None, protected=("Sex", "Age"), positive="51"),
        "budget": Budget(epsilon=Decimal(8), delta=Decimal("0.0001")),
    }
    return Dataset(**(known | changes))  # type: ignore[arg-type]


def make_request(**changes: object) -> TrainingRequest:
    known = {
        "id": RequestId("ftjob-1"),
        "plan": PLAN,
        "requested_by": PrincipalId("prn-1"),
        "requested_at": NOW,
        "metadata": MappingProxyType({"ticket": 'A "quoted" \u0000 word'}),
    }
    return TrainingRequest(**(known | changes))  # type: ignore[arg-type]


VERSION = DatasetVersion(
    digest=digest("1"), file=FileId("file-1"), source=digest("4"), rows=9, persons=7, labels=("other", "burn")
)
PROMOTION = Promotion(
    id=PromotionId("promo-1"),
    model=ModelId("mdl-1"),
    alias=Alias.PRODUCTION,
    proposed_by=PrincipalId("prn-1"),
    verdict=digest("8"),
    state=PromotionState.AWAITING_APPROVAL,
)
MODEL = ModelVersion(
    id=ModelId("mdl-1"),
    request=RequestId("ftjob-1"),
    plan=digest("6"),
    adapter=digest("7"),
    evidence=(digest("8"), digest("9")),
    requested_by=PrincipalId("prn-1"),
    registered_at=NOW,
)
FILE = {
    "id": FileId("file-1"),
    "owner": PrincipalId("prn-1"),
    "purpose": "fine-tune",
    "digest": digest("4"),
    "size": 12,
    "uploaded_at": NOW,
}
UPLOAD = Upload(
    id=UploadId("upload-1"),
    owner=PrincipalId("prn-1"),
    filename="a.csv",
    purpose="fine-tune",
    size=12,
    begun_at=NOW,
    lifetime_seconds=3600,
    project=ProjectId("proj-" + "0" * 32),
)
LEDGER = Ledger(dataset=DatasetId("ds-1"), limit=Decimal(8), delta=Decimal("0.0001"))
ACCOUNT = Account(request=RequestId("ftjob-1"), mechanism=MECHANISM, reserved=100, charged=28)
REVIEW = Review(
    id=ReviewId("review-1"),
    request=RequestId("ftjob-1"),
    data=digest("1"),
    about=digest("a"),
    plan=SamplingPlan(documents=2, seeds=1),
    sample=digest("2"),
    documents=2,
    seeds=1,
    opened_at=NOW,
)
ANSWER = Answer(
    id=AnswerId("review-1.2"), review=ReviewId("review-1"), item=2, by=PrincipalId("prn-3"), at=NOW, marks=()
)
ATTESTATION = Attestation(
    id=AttestationId("att-1"),
    about=digest("a"),
    report=digest("3"),
    method=Method.SAFE_HARBOR,
    knowledge=Knowledge.NONE,
    expires=None,
    by=PrincipalId("prn-4"),
    at=NOW,
)
ERASURE = Erasure(
    id=ErasureId("erasure-1"),
    dataset=DatasetId("ds-1"),
    asked_by=PrincipalId("prn-4"),
    asked_at=NOW,
    sealed="00ff",
)

COHORT = Cohort(
    request=RequestId("ftjob-1"),
    what=Spend.TRAINING,
    dataset=DatasetId("ds-1"),
    root=digest("1"),
    persons=9,
    left_out=0,
)

PROJECT = ProjectId("proj-" + "0" * 32)
MADE = Project(id=PROJECT, name='North, "clinic"\n<b>\u0000', created_by=PrincipalId("prn-1"), created_at=NOW)
TARGET = AliasTarget(alias=Alias.PRODUCTION, model=ModelId("mdl-1"), promotion=PromotionId("promo-1"))

EMERGENCY = opened(EmergencyId("bgl-1"), PrincipalId("prn-1"), "INC-1", EmergencyReason.DRILL, NOW, ())

EXAMPLES = [
    Example(
        store="principals",
        key="prn-1",
        first=Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.REQUESTER, Role.STEWARD}), name="Ann O'Neil"),
        second=Principal(
            id=PrincipalId("prn-1"), roles=frozenset({Role.AUDITOR}), kind=PrincipalKind.SERVICE, as_of=NOW
        ),
    ),
    Example(
        store="keys",
        key="ab" * 32,
        first=KeyRecord(hash="ab" * 32, principal=PrincipalId("prn-1")),
        second=KeyRecord(
            hash="ab" * 32,
            principal=PrincipalId("prn-1"),
            revoked=True,
            kind=KeyKind.PROJECT,
            scope=frozenset({Role.STEWARD}),
            request=RequestId("ftjob-1"),
            created=NOW,
            expires=NOW,
            project=PROJECT,
        ),
    ),
    Example(
        store="files",
        key="file-1",
        first=StoredFile(filename="a.csv", **FILE),  # type: ignore[arg-type]
        second=StoredFile(filename="b.csv", project=PROJECT, expires_at=NOW, deleted=True, **FILE),  # type: ignore[arg-type]
    ),
    Example(
        store="uploads",
        key="upload-1",
        first=UPLOAD,
        second=UPLOAD.with_part(Part(id=PartId("part-1"), digest=digest("1"), size=3, added_at=NOW), NOW),
    ),
    Example(
        store="datasets", key="ds-1", first=make_dataset(), second=make_dataset(versions=(VERSION,), project=PROJECT)
    ),
    Example(
        store="requests",
        key="ftjob-1",
        first=make_request(),
        second=make_request(
            state=State.DEIDENTIFIED,
            approved_by=PrincipalId("prn-2"),
            outputs={StepName.DEIDENTIFY: digest("a")},
            evidence={StepName.DEIDENTIFY: digest("b")},
            attempt=2,
            project=PROJECT,
        ),
    ),
    Example(
        store="ledgers",
        key="ds-1",
        first=LEDGER,
        second=Ledger(dataset=DatasetId("ds-1"), limit=Decimal(8), delta=Decimal("0.0001"), accounts=(ACCOUNT,)),
    ),
    Example(store="models", key="mdl-1", first=MODEL, second=replace(MODEL, project=PROJECT)),
    Example(
        store="promotions",
        key="promo-1",
        first=PROMOTION,
        second=PROMOTION.approve(PrincipalId("prn-2"), digest("8")),
    ),
    Example(
        store="aliases",
        key="production",
        first=TARGET,
        second=AliasTarget(alias=Alias.PRODUCTION, model=ModelId("mdl-2"), promotion=PromotionId("promo-2")),
    ),
    Example(
        store="aliases",
        key=f"production@{PROJECT}",
        first=replace(TARGET, project=PROJECT),
        second=replace(TARGET, project=PROJECT, model=ModelId("mdl-2")),
    ),
    Example(
        store="projects",
        key=PROJECT,
        first=MADE,
        second=MADE.renamed("South").archived(PrincipalId("prn-1"), NOW),
    ),
    Example(
        store="reviews",
        key="review-1",
        first=REVIEW,
        second=replace(REVIEW, answered=(1, 0, 2), outcome=Outcome.FAIL, evidence=digest("b")),
    ),
    Example(
        store="answers",
        key="review-1.2",
        first=ANSWER,
        second=replace(ANSWER, marks=(Mark(start=0, end=4), Mark(start=7, end=8))),
    ),
    Example(
        store="attestations",
        key="att-1",
        first=ATTESTATION,
        second=replace(ATTESTATION, expires=date(2027, 1, 31)),
    ),
    Example(store="erasures", key="erasure-1", first=ERASURE, second=ERASURE.done(1, NOW)),
    Example(store="emergencies", key="bgl-1", first=EMERGENCY, second=EMERGENCY.confirm(PrincipalId("prn-2"), NOW)),
    Example(store="cohorts", key="ftjob-1.training", first=COHORT, second=replace(COHORT, persons=5, left_out=4)),
]
"""One of every kind that a unit of work keeps."""
