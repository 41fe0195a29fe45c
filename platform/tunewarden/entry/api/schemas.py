"""What travels over the API. Standard fields are those of the OpenAI contract; ours stand in `governance`."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.datasets import Columns, Dataset, HeldOut, LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.deidentification import Method
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import EVERYWHERE, ProjectId, Role
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.rejections import RejectionReason
from tunewarden.domain.reviews import MOST_MARKS
from tunewarden.domain.training import NoiseForm, Precision, Task
from tunewarden.entry.api.curve_schemas import CurveIn
from tunewarden.entry.api.fairness_schemas import FairnessIn
from tunewarden.entry.api.mitigation_schemas import MitigationIn
from tunewarden.entry.api.numbers import Decimals, Whole
from tunewarden.usecases.datasets import BudgetState
from tunewarden.usecases.ports import Receipt

Word = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
"""An id or a name. Without the zero character, which PostgreSQL's text cannot hold."""
Number = Decimals
LONGEST_TEXT = 2**31
DigestText = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Strict(BaseModel):
    """Unknown members are refused, so a misspelt safeguard is never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Lenient(BaseModel):
    """For bodies whose contract is somebody else's: members that we do not use are ignored."""

    model_config = ConfigDict(extra="ignore")


class ColumnsIn(Strict):
    text: Word
    label: Word | None = None
    person: Annotated[str, StringConstraints(max_length=128)] | None
    completion: Word | None = None
    separator: Annotated[str, StringConstraints(max_length=1)] | None = None
    protected: list[Word] = Field(default=[], max_length=8)
    positive: Word | None = None
    known: dict[EntityType, Annotated[list[Word], Field(min_length=1, max_length=8)]] = Field(default={}, max_length=32)
    groups: dict[Word, Annotated[list[Word], Field(min_length=1, max_length=32)]] = Field(default={}, max_length=8)


class BudgetIn(Strict):
    epsilon: Number
    delta: Number


class DatasetIn(Strict):
    name: Word
    purposes: list[Purpose] = Field(min_length=1, max_length=len(Purpose))
    lawful_basis: LawfulBasis
    sensitivity: Sensitivity
    retain_until: date
    columns: ColumnsIn
    budget: BudgetIn
    namespace: Word | None = None
    held_out: HeldOut = HeldOut.PRIVATE


class VersionIn(Strict):
    file_id: Word


class PurposesIn(Strict):
    purposes: list[Purpose] = Field(max_length=len(Purpose))


class PrivacyIn(Strict):
    """What a person may lose, as epsilon at `delta`; where `delta` is left out it is the dataset's."""

    epsilon: Number | None = None
    delta: Number | None = None
    unit: PrivacyUnit = PrivacyUnit.PERSON
    rows_per_person: Whole = 1
    precision: Precision = Precision.FLOAT32
    noise: NoiseForm = NoiseForm.GAUSSIAN
    canaries: Whole | Literal["auto"] = "auto"


class GovernancePartIn(BaseModel):
    """What is asked for beyond the OpenAI contract. `purpose` and `privacy.epsilon` have to be said somewhere.

    `dataset` is which one the training file has to lead to, or the training file itself; `protected_attributes` are
    columns that have to be among its protected ones, all of which are compared in any case.
    """

    dataset: Word | None = None
    purpose: Word | None = None
    privacy: PrivacyIn | None = None
    protected_attributes: list[Word] = Field(default=[], max_length=8)
    deidentification_profile: Word = "default"
    task: Task | None = None
    fairness: FairnessIn = FairnessIn()
    mitigation: MitigationIn | None = None
    twins: bool = False
    learning_curve: CurveIn = []


class GovernanceIn(GovernancePartIn, Strict):
    """The same, as a member of a job."""


class HyperparametersIn(Lenient):
    n_epochs: Whole | Literal["auto"] = "auto"
    batch_size: Whole | Literal["auto"] = "auto"
    learning_rate_multiplier: float | Literal["auto"] = "auto"


class ApprovalIn(Strict):
    plan: DigestText


class RejectionIn(Strict):
    """Why: a word, because the log holds it."""

    reason: RejectionReason | None = None


class MarkIn(Strict):
    start: Annotated[int, Field(ge=0, le=LONGEST_TEXT)]
    end: Annotated[int, Field(ge=1, le=LONGEST_TEXT)]


class AnswerIn(Strict):
    item: Annotated[int, Field(ge=0, le=LONGEST_TEXT)]
    marks: list[MarkIn] = Field(default=[], max_length=MOST_MARKS)
    nothing_found: bool = False


class AttestationIn(Strict):
    report: DigestText
    method: Method
    knowledge: Knowledge | None = None
    expires: date | None = None


class WithdrawalIn(Strict):
    because: Withdrawal


class KeyIn(Strict):
    """A new principal (`name`, `roles`, `service`) with its key, or a further key of one who is there (`principal`)."""

    name: Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    roles: list[Role] = Field(default=[], max_length=len(Role))
    service: bool = False
    principal: Word | None = Field(default=None, max_length=64)
    kind: KeyKind | None = None
    scope: list[Role] | None = Field(default=None, min_length=1, max_length=len(Role))
    request: Word | None = Field(default=None, max_length=64)
    project: Word | None = Field(default=None, max_length=64)
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class RotationIn(Strict):
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)
    overlap_minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)


Json = dict[str, Any]


def receipt_out(receipt: Receipt) -> Json:
    """What the caller keeps to prove that the log holds this."""
    return {"index": receipt.index, "leaf_hash": receipt.leaf_hash}


def place_out(project: ProjectId) -> str | None:
    """A project; null where in none."""
    return None if project == EVERYWHERE else project


def _known_out(columns: Columns) -> Json:
    kinds = {known.entity for known in columns.known}
    return {kind: [known.column for known in columns.known if known.entity is kind] for kind in sorted(kinds)}


def dataset_out(dataset: Dataset) -> Json:
    """Our `dataset` object."""
    return {
        "id": dataset.id,
        "object": "dataset",
        "name": dataset.name,
        "purposes": sorted(dataset.purposes),
        "lawful_basis": dataset.lawful_basis,
        "sensitivity": dataset.sensitivity,
        "retain_until": dataset.retain_until.isoformat(),
        "retired": dataset.retired,
        "project": place_out(dataset.project),
        "columns": {
            "text": dataset.columns.text,
            "label": dataset.columns.label,
            "completion": dataset.columns.completion,
            "person": dataset.columns.person,
            "separator": dataset.columns.separator,
            "protected": list(dataset.columns.protected),
            "positive": dataset.columns.positive,
            "known": _known_out(dataset.columns),
            "groups": {groups.column: list(groups.values) for groups in dataset.columns.groups},
        },
        "held_out": dataset.held_out,
        "budget": {"epsilon": str(dataset.budget.epsilon), "delta": str(dataset.budget.delta)},
        "namespace": dataset.namespace,
        "versions": [
            {
                "digest": v.digest,
                "file_id": v.file,
                "rows": v.rows,
                "shared_rows": v.shared_rows,
                "persons": v.persons,
                "classes": len(v.labels),
                "report": v.report,
            }
            for v in dataset.versions
        ],
    }


def budget_out(budget: BudgetState) -> Json:
    """Epsilon at `delta`, as decimal strings."""
    return {
        "object": "privacy_budget",
        "limit": str(budget.limit),
        "delta": str(budget.delta),
        "spent": str(budget.spent),
        "left": str(budget.left),
        "apart": budget.apart,
    }


def page(items: list[Json], *, has_more: bool = False) -> Json:
    """The OpenAI list object."""
    return {
        "object": "list",
        "data": items,
        "has_more": has_more,
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
    }
