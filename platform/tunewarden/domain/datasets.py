"""Datasets: what data is, why it may be processed, and until when.

Terms of the GDPR are used in its meaning: purpose limitation Art. 5(1)(b), storage limitation Art. 5(1)(e), lawful
basis Art. 6(1), special categories Art. 9(1). Whether a stated basis really holds is a person's statement; it is
recorded, not checked.
"""

import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tunewarden.domain.canonical import LATER, digest_of
from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import EVERYWHERE, DatasetId, Digest, FileId, PolicyName, PrincipalId, ProjectId


class Purpose(StrEnum):
    """Why data is processed. A closed vocabulary: a purpose is compared and logged, never interpreted."""

    CARE = "care"
    CARE_QUALITY = "care-quality"
    PUBLIC_HEALTH = "public-health"
    RESEARCH = "research"
    STATISTICS = "statistics"
    CREDIT_ASSESSMENT = "credit-assessment"
    FRAUD_PREVENTION = "fraud-prevention"
    CUSTOMER_SERVICE = "customer-service"
    BENEFITS_ADMINISTRATION = "benefits-administration"
    MARKETING = "marketing"


class LawfulBasis(StrEnum):
    """GDPR Art. 6(1), points (a) to (f)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal-obligation"
    VITAL_INTERESTS = "vital-interests"
    PUBLIC_TASK = "public-task"
    LEGITIMATE_INTERESTS = "legitimate-interests"


class Sensitivity(StrEnum):
    """How much harm a disclosure does; `SPECIAL_CATEGORY` is GDPR Art. 9(1)."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SPECIAL_CATEGORY = "special-category"


class HeldOut(StrEnum):
    """Which exact figures about the persons that are held out of training may leave. A statement, not checked.

    `CONSENTED`: those persons agreed to it. `PUBLIC`: the records are public or made up, those trained on too.
    """

    PRIVATE = "private"
    CONSENTED = "consented"
    PUBLIC = "public"


_MOST_KNOWN = 32
_MOST_GROUPS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownColumn:
    """A column that holds an identifier of the person of its row, and of which kind."""

    entity: EntityType
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The groups of a protected column, as the steward names them and not as records show them.

    Whoever has another value is counted with all others who have. What is published about groups then tells nothing
    about who is there: not even that somebody has a rare value. Of a column that holds ages the values are the bands
    that the platform makes of them ("0-17", "18-39", "40-64", "65-120").
    """

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(set(self.values)) == len(self.values) <= _MOST_GROUPS or "" in self.values:
            raise Malformed(
                "groups_out_of_range",
                f"A protected column has 1 to {_MOST_GROUPS} named groups, all different.",
                param="columns.groups",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of an uploaded table plays which part. Column names are typed by people, so they are never logged.

    Attributes:
        text: the free text to learn from.
        label: the class that is learnt; None where completions are.
        person: identifies the data subject; None is the steward's statement that every row is another person.
        protected: attributes that fairness is measured over; kept apart from the text, never trained on.
        positive: when given, the label becomes two classes: this value against every other.
        known: the person's own identifiers (name, date of birth, telephone ...): searched for in that person's texts
            and never trained on.
        groups: those of protected columns that noisy figures may be stated for.
        separator: what stands between the persons where a row may belong to several: one character that no
            identifier holds. None: what stands in the column is one person, whatever it is.
        completion: the text that is learnt to follow `text`; None where classes are learnt.
    """

    text: str
    label: str | None
    person: str | None
    protected: tuple[str, ...] = ()
    positive: str | None = None
    known: tuple[KnownColumn, ...] = field(default=(), metadata=LATER)
    groups: tuple[Groups, ...] = field(default=(), metadata=LATER)
    separator: str | None = field(default=None, metadata=LATER)
    completion: str | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        used = [self.text, *self.protected, *(known.column for known in self.known)]
        used += [column for column in (self.label, self.completion, self.person) if column is not None]
        if len(set(used)) != len(used):
            raise Malformed(
                "columns_overlap",
                "One column was named for two parts.",
                remedy="Name a different column for each of text, label or completion, person, and every protected "
                "attribute and known identifier.",
                param="columns",
            )
        self._require_something_to_learn()
        self._require_separator()
        if len(self.protected) > 8:
            raise Malformed(
                "too_many_protected", f"{len(self.protected)} protected columns, at most 8.", param="columns"
            )
        if len(self.known) > _MOST_KNOWN:
            raise Malformed(
                "too_many_known",
                f"{len(self.known)} columns of known identifiers, at most {_MOST_KNOWN}.",
                param="columns",
            )
        grouped = [groups.column for groups in self.groups]
        if len(set(grouped)) != len(grouped) or not set(grouped) <= set(self.protected):
            raise Malformed(
                "groups_not_protected",
                "Groups were named for a column that is not a protected one, or twice for one.",
                remedy="Name the groups of each protected column once.",
                param="columns.groups",
            )

    def digest(self) -> Digest:
        """What the log holds in place of column names."""
        return digest_of(self)

    def _require_something_to_learn(self) -> None:
        if (self.label is None) == (self.completion is None):
            raise Malformed(
                "label_or_completion",
                "Either a label or a completion is learnt, and one of them has to be.",
                remedy="Name the column of the one, and none for the other.",
                param="columns.label",
            )
        if self.positive is not None and self.label is None:
            raise Malformed(
                "positive_without_label",
                "A positive label was named, but no column of labels.",
                remedy="Name no positive label where completions are learnt.",
                param="columns.positive",
            )

    def _require_separator(self) -> None:
        if self.separator is None:
            return
        if self.person is None:
            raise Malformed(
                "separator_without_person",
                "A separator stands between persons, but no column says who they are.",
                remedy="Name the column of the persons, or no separator.",
                param="columns.separator",
            )
        require_separator(self.separator, "columns.separator")


def require_separator(separator: str, param: str) -> None:
    """Raise `Malformed` unless it is one punctuation mark or symbol: neither letter nor digit, and to be seen."""
    if len(separator) != 1 or unicodedata.category(separator)[0] not in "PS":
        raise Malformed(
            "separator_malformed",
            "A separator is one punctuation mark or symbol, such as a semicolon or a bar.",
            remedy="Name one that no identifier of a person holds.",
            param=param,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one dataset may spend: `epsilon` at `delta`, for one person, over all trainings together."""

    epsilon: Decimal
    delta: Decimal

    def __post_init__(self) -> None:
        if not (self.epsilon.is_finite() and self.epsilon > 0):
            raise Malformed("epsilon_out_of_range", "Epsilon must be a positive number.", param="budget.epsilon")
        if not (self.delta.is_finite() and 0 < self.delta < 1):
            raise Malformed("delta_out_of_range", "Delta must lie between 0 and 1.", param="budget.delta")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """One immutable content of a dataset.

    Attributes:
        digest: of the canonical records (one JSON object a line).
        file, source: the upload it was read from, and the digest of that upload.
        rows, persons: counts.
        labels: the classes, sorted; the label of a record is an index into it. Not logged. Empty for completions.
        shared_rows: how many of the rows belong to several persons.
        sealed: of the blob in which the records lie, each under the keys of its persons (`usecases.custody`); None
            where they lie in plain lines, sealed as a whole.
        destroyed: whether its key was destroyed, so that nobody can read it any more.
        report: digest of its data report (`data_report.DataReport`); None where it came before there were any.
    """

    digest: Digest
    file: FileId
    source: Digest
    rows: int
    persons: int
    labels: tuple[str, ...]
    shared_rows: int = field(default=0, metadata=LATER)
    sealed: Digest | None = field(default=None, metadata=LATER)
    destroyed: bool = field(default=False, metadata=LATER)
    report: Digest | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A named collection with the conditions under which it may be used.

    `namespace` says which identifier the column of the person holds (a table of policies/budgets.toml): persons are the
    same across the datasets that name it, and so is their budget. None: they are nobody's in another dataset. Not
    checked: that the column holds it, in the same spelling everywhere. `project` is where it is for ever, with all that
    is trained on it; `EVERYWHERE` where in none.
    """

    id: DatasetId
    name: str
    registered_by: PrincipalId
    purposes: frozenset[Purpose]
    lawful_basis: LawfulBasis
    sensitivity: Sensitivity
    retain_until: date
    columns: Columns
    budget: Budget
    versions: tuple[DatasetVersion, ...] = ()
    retired: bool = False
    namespace: PolicyName | None = field(default=None, metadata=LATER)
    held_out: HeldOut = field(default=HeldOut.PRIVATE, metadata=LATER)
    project: ProjectId = field(default=EVERYWHERE, metadata=LATER)

    def __post_init__(self) -> None:
        if not self.purposes:
            raise Malformed("purpose_missing", "A dataset needs at least one purpose.", param="purposes")
        if self.namespace is not None and self.columns.person is None:
            raise Malformed(
                "namespace_without_persons",
                "Persons can be known across datasets only where a column says who they are.",
                remedy="Name the column of the person, or no namespace.",
                param="namespace",
            )

    def columns_digest(self) -> Digest:
        """What the log holds in place of column names."""
        return self.columns.digest()

    def latest(self) -> DatasetVersion:
        """The version added last; raises `NotFound` for a dataset without records."""
        if not self.versions:
            raise NotFound(
                "dataset_empty", "The dataset has no version yet.", remedy="Upload records first.", who="steward"
            )
        return self.versions[-1]

    def version(self, digest: Digest) -> DatasetVersion:
        """The version with this digest; raises `NotFound`."""
        for version in self.versions:
            if version.digest == digest:
                return version
        raise NotFound("version_not_found", "The dataset has no version with this digest.")

    def with_version(self, version: DatasetVersion) -> "Dataset":
        """This dataset with one version more; the same content again changes nothing."""
        kept = tuple(known for known in self.versions if known.digest != version.digest)
        return replace(self, versions=(*kept, version))

    def require_usable_for(self, purpose: Purpose, today: date) -> None:
        """Raise `Refused` unless the dataset may be used for `purpose` today (GDPR Art. 5(1)(b) and (e))."""
        if self.retired:
            raise Refused(
                "dataset_retired",
                "The dataset is retired.",
                remedy="Use a dataset that is in use, or register a new one.",
                who="steward",
            )
        if today > self.retain_until:
            raise Refused(
                "retention_ended",
                f"The dataset was to be kept until {self.retain_until.isoformat()}.",
                remedy="Its records are due for erasure; register newer ones.",
                who="steward",
            )
        if purpose not in self.purposes:
            allowed = ", ".join(sorted(self.purposes))
            raise Refused(
                "purpose_not_allowed",
                f"The purpose '{purpose}' is not one that this dataset may be used for ({allowed}).",
                remedy="Ask for an allowed purpose, or have the dataset's purposes reviewed.",
                who="steward",
                param="governance.purpose",
            )
