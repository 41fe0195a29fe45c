"""Files, uploads, datasets, what is told of them, erasures, and reading by people."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.data_report import DataReport
from tunewarden.domain.datasets import HeldOut, LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.deidentification import Method
from tunewarden.domain.erasures import ErasureState
from tunewarden.domain.files import UploadState
from tunewarden.domain.gates import Outcome
from tunewarden.domain.identifiers import EntityType
from tunewarden.entry.api.answers.shapes import (
    Count,
    DecimalText,
    Instant,
    Page,
    Paged,
    Receipt,
    Receipted,
    Seconds,
    Sha256,
)

Day = Annotated[str, Field(json_schema_extra={"format": "date"})]


class File(TypedDict):
    """The `file` of the OpenAI contract. `digest` and `project` are ours."""

    id: str
    object: Literal["file"]
    bytes: Count
    created_at: Seconds
    expires_at: Seconds | None
    filename: str
    purpose: str
    status: Literal["processed"]
    status_details: None
    digest: Sha256
    project: str | None
    governance: NotRequired[Receipted]


class FileDeleted(TypedDict):
    """Nobody reads it again."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]
    governance: Receipted


class Upload(TypedDict):
    """The `upload` of the OpenAI contract."""

    id: str
    object: Literal["upload"]
    bytes: Count
    created_at: Seconds
    expires_at: Seconds
    filename: str
    purpose: str
    status: UploadState
    file: File | None
    project: str | None
    governance: Receipted


class Part(TypedDict):
    """The `upload.part` of the OpenAI contract."""

    id: str
    object: Literal["upload.part"]
    created_at: Seconds
    upload_id: str
    governance: Receipted


class Columns(TypedDict):
    """Which column of the records plays which part."""

    text: str
    label: str | None
    completion: str | None
    person: str | None
    separator: str | None
    protected: list[str]
    positive: str | None
    known: dict[EntityType, list[str]]
    groups: dict[str, list[str]]


class Budget(TypedDict):
    """What all trainings together may cost one person."""

    epsilon: DecimalText
    delta: DecimalText


class DatasetVersion(TypedDict):
    """Records that do not change."""

    digest: Sha256
    file_id: str
    rows: Count
    shared_rows: Count
    persons: Count
    classes: Count
    report: Sha256 | None


class Dataset(TypedDict):
    """A named collection of records, and the conditions under which it may be used."""

    id: str
    object: Literal["dataset"]
    name: str
    purposes: list[Purpose]
    lawful_basis: LawfulBasis
    sensitivity: Sensitivity
    retain_until: Day
    retired: bool
    project: str | None
    columns: Columns
    held_out: HeldOut
    budget: Budget
    namespace: str | None
    versions: list[DatasetVersion]
    receipt: NotRequired[Receipt]


class PrivacyBudget(TypedDict):
    """Epsilon of one person at `delta`, over all trainings on the dataset together.

    `apart` says whether nobody is both trained on and measured on: then of trainings and noisy figures those count that
    cost more, and otherwise all of them together.
    """

    object: Literal["privacy_budget"]
    limit: DecimalText
    delta: DecimalText
    spent: DecimalText
    left: DecimalText
    apart: bool


class VersionData(TypedDict):
    """Counts of what a dataset version holds; never a text."""

    object: Literal["dataset.version.data"]
    dataset: str
    version: Sha256
    fewest_persons: Count
    report: DataReport


class Erasure(TypedDict):
    """What became of a person's erasure; never whose it is."""

    id: str
    object: Literal["erasure"]
    dataset: str
    state: ErasureState
    asked_by: str
    asked_at: Instant
    ended_at: Instant | None
    because: str
    keys_destroyed: Count
    raw_keys_destroyed: Count


class ErasureAsked(Erasure):
    """With what it does not reach."""

    limits: str
    receipt: Receipt


class Erasures(Page[Erasure]):
    """With what none of them reaches."""

    limits: str


class Review(TypedDict):
    """A sample of de-identified texts that people read."""

    id: str
    object: Literal["review"]
    request: str
    clean_version: Sha256
    items: Count
    answered: Count
    open: bool
    opened_at: Instant


class ReviewAnswered(Review):
    """After an answer."""

    receipt: Receipt


class Item(TypedDict):
    """A text to read. It is personal data: nothing on the way may keep it."""

    number: Count
    text: str
    standing: list[str]


class ReviewNext(Review):
    """With the next text; null where none is left."""

    item: Item | None


class Marked(TypedDict):
    """A part of a text, by code points."""

    start: Count
    end: Count


class Leak(TypedDict):
    """A text in which something was marked."""

    item: Count
    record: Count
    seeded: bool
    text: str
    marks: list[Marked]


class ReviewLeaks(Review):
    """With all that was marked; `outcome` is null while it is open."""

    outcome: Outcome | None
    leaks: list[Leak]


class Attestation(TypedDict):
    """A signature under the report about a clean version."""

    id: str
    object: Literal["attestation"]
    clean_version: Sha256
    report: Sha256
    method: Method
    knowledge: Knowledge | None
    expires: Day | None
    by: str
    at: Instant
    withdrawn: Instant | None


class Attested(Attestation):
    """One that was just given."""

    receipt: Receipt


class CleanVersion(TypedDict):
    """What a clean version is claimed to be, and who signed that."""

    object: Literal["clean_version"]
    digest: Sha256
    method: Method | None
    report: Sha256
    requests_waiting: list[str]
    attestations: list[Attestation]


class CleanVersionReport(TypedDict):
    """The document whose digest is signed, as canonical JSON (RFC 8785)."""

    object: Literal["clean_version.report"]
    digest: Sha256
    report: dict[str, Any]


class Withdrawn(TypedDict):
    """Every signature about a clean version, taken back."""

    object: Literal["clean_version.withdrawal"]
    clean_version: Sha256
    because: Withdrawal
    attestations: list[Attestation]
    receipt: Receipt


_ONE, _CLEAN = "/v1/datasets/{dataset_id}", "/v1/clean-versions/{digest}"
_VERSION, _UPLOAD = _ONE + "/versions", "/v1/uploads/{upload_id}"
ANSWERS: Mapping[tuple[str, str], Any] = {
    ("POST", "/v1/files"): File,
    ("GET", "/v1/files"): Paged[File],
    ("GET", "/v1/files/{file_id}"): File,
    ("DELETE", "/v1/files/{file_id}"): FileDeleted,
    ("POST", "/v1/uploads"): Upload,
    ("POST", _UPLOAD + "/parts"): Part,
    ("POST", _UPLOAD + "/complete"): Upload,
    ("POST", _UPLOAD + "/cancel"): Upload,
    ("POST", "/v1/datasets"): Dataset,
    ("GET", "/v1/datasets"): Page[Dataset],
    ("GET", _ONE): Dataset,
    ("POST", _VERSION): Dataset,
    ("POST", _ONE + "/retire"): Dataset,
    ("POST", _ONE + "/purposes"): Dataset,
    ("GET", _ONE + "/budget"): PrivacyBudget,
    ("GET", _VERSION + "/{digest}/data"): VersionData,
    ("POST", _ONE + "/erasures"): ErasureAsked,
    ("GET", _ONE + "/erasures"): Erasures,
    ("GET", "/v1/reviews"): Page[Review],
    ("GET", "/v1/reviews/{review_id}/next"): ReviewNext,
    ("POST", "/v1/reviews/{review_id}/answers"): ReviewAnswered,
    ("GET", "/v1/reviews/{review_id}/leaks"): ReviewLeaks,
    ("GET", _CLEAN): CleanVersion,
    ("GET", _CLEAN + "/report"): CleanVersionReport,
    ("POST", _CLEAN + "/attestations"): Attested,
    ("POST", _CLEAN + "/withdrawals"): Withdrawn,
}
