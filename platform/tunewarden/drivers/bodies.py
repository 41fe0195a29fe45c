"""How state is written down: each thing is one canonical JSON body under its key, whatever keeps it.

What was read is remembered by its bytes, because most requests read what others have just read. Every reading asks the
database for the bytes, so nothing is ever older than them; a value is frozen, so that many may hold the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from tunewarden.domain.attestations import Attestation
from tunewarden.domain.break_glass import Emergency
from tunewarden.domain.canonical import decode, encode, from_plain
from tunewarden.domain.cohorts import Cohort, CohortId
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.erasures import Erasure
from tunewarden.domain.errors import Corrupted, NotFound, Refused, UnrecordedChange
from tunewarden.domain.files import Upload
from tunewarden.domain.names import (
    AnswerId,
    AttestationId,
    DatasetId,
    EmergencyId,
    ErasureId,
    FileId,
    ModelId,
    PrincipalId,
    ProjectId,
    PromotionId,
    RequestId,
    ReviewId,
    UploadId,
    WebhookId,
)
from tunewarden.domain.privacy import Ledger
from tunewarden.domain.projects import Project
from tunewarden.domain.registry import AliasKey, AliasTarget, ModelVersion, Promotion
from tunewarden.domain.reviews import Answer, Review
from tunewarden.domain.training import TrainingRequest
from tunewarden.domain.webhooks import Webhook
from tunewarden.usecases.ports import KeyRecord, Principal, StoredFile

_SMALL, _LARGE = 8 * 1024, 512 * 1024  # bytes of a body; a larger one is not remembered
_MOST_SMALL, _MOST_LARGE = 1_024, 16

K = TypeVar("K", bound=str)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, V]):
    """One kind of thing: the word for one of it, its class, and what its key is.

    Attributes:
        deletion: a member with which an earlier release said whether the thing is there still. Its processes may write
            it while this release takes their place: what is deleted is not there, and else it says nothing.
    """

    noun: str
    form: type[V]
    key: Callable[[V], K]
    deletion: str = ""

    def write(self, value: V) -> bytes:
        """The canonical bytes of `value`."""
        return encode(value)

    def read(self, key: str, body: bytes) -> V | None:
        """The inverse of `write`; raises `Corrupted` for a body of another form or one that lies under a wrong key.

        None where an earlier release deleted it.
        """
        if len(body) > _LARGE:
            return self._read(key, body)
        remembered = _small if len(body) <= _SMALL else _large
        value: V | None = remembered(self, key, body)
        return value

    def _read(self, key: str, body: bytes) -> V | None:
        plain = decode(body)
        if self.deletion and isinstance(plain, dict) and plain.pop(self.deletion, False) is True:
            return None
        value = from_plain(self.form, plain)
        if self.key(value) != key:
            raise Corrupted("row_swapped", f"A stored {self.noun} lies under the key of another one.")
        return value

    def missing(self) -> NotFound:
        """What `Store.get` raises."""
        return NotFound(f"{self.noun}_not_found", f"There is no such {self.noun} for you.")


def _remembered(kind: Kind[Any, Any], key: str, body: bytes) -> Any:
    return kind._read(key, body)  # what raises is not remembered


_small, _large = lru_cache(_MOST_SMALL)(_remembered), lru_cache(_MOST_LARGE)(_remembered)


PRINCIPALS: Kind[PrincipalId, Principal] = Kind("principal", Principal, lambda one: one.id)
KEYS: Kind[str, KeyRecord] = Kind("key", KeyRecord, lambda one: one.hash)
FILES: Kind[FileId, StoredFile] = Kind("file", StoredFile, lambda one: one.id)
UPLOADS: Kind[UploadId, Upload] = Kind("upload", Upload, lambda one: one.id)
DATASETS: Kind[DatasetId, Dataset] = Kind("dataset", Dataset, lambda one: one.id)
REQUESTS: Kind[RequestId, TrainingRequest] = Kind("request", TrainingRequest, lambda one: one.id)
LEDGERS: Kind[DatasetId, Ledger] = Kind("ledger", Ledger, lambda one: one.dataset)
MODELS: Kind[ModelId, ModelVersion] = Kind("model", ModelVersion, lambda one: one.id)
PROMOTIONS: Kind[PromotionId, Promotion] = Kind("promotion", Promotion, lambda one: one.id)
ALIASES: Kind[AliasKey, AliasTarget] = Kind("alias", AliasTarget, lambda one: one.key)
REVIEWS: Kind[ReviewId, Review] = Kind("review", Review, lambda one: one.id)
ANSWERS: Kind[AnswerId, Answer] = Kind("answer", Answer, lambda one: one.id)
ATTESTATIONS: Kind[AttestationId, Attestation] = Kind("attestation", Attestation, lambda one: one.id)
ERASURES: Kind[ErasureId, Erasure] = Kind("erasure", Erasure, lambda one: one.id)
COHORTS: Kind[CohortId, Cohort] = Kind("cohort", Cohort, lambda one: one.id)
PROJECTS: Kind[ProjectId, Project] = Kind("project", Project, lambda one: one.id)
EMERGENCIES: Kind[EmergencyId, Emergency] = Kind("emergency", Emergency, lambda one: one.id)
WEBHOOKS: Kind[WebhookId, Webhook] = Kind("webhook", Webhook, lambda one: one.id, deletion="deleted")

NOUNS = tuple(
    kind.noun
    for kind in (
        PRINCIPALS,
        KEYS,
        FILES,
        UPLOADS,
        DATASETS,
        REQUESTS,
        LEDGERS,
        MODELS,
        PROMOTIONS,
        ALIASES,
        REVIEWS,
        ANSWERS,
        ATTESTATIONS,
        ERASURES,
        COHORTS,
        PROJECTS,
        EMERGENCIES,
        WEBHOOKS,
    )
)


def pruned(index: int, leaf: str) -> NotFound:
    """What reading the body of an entry raises that lost it. `leaf` is its leaf hash, 64 hex digits."""
    return NotFound(
        "entry_pruned",
        f"Entry {index} lost its body when its retention ended; its leaf hash is {leaf}.",
        remedy="Read it in a copy of the log that was exported before.",
        who="auditor",
        param="index",
    )


def require_active(actor: Principal | None) -> None:
    """Raise `Refused` where who acts was revoked; the platform itself has no row and is always active."""
    if actor is not None and actor.revoked:
        raise Refused(
            "principal_revoked",
            "Your key was revoked while this was under way.",
            remedy="Ask for a new key.",
            who="administrator",
        )


def unrecorded() -> UnrecordedChange:
    """What `commit` raises when there is nothing for the log."""
    return UnrecordedChange("change_unrecorded", "A unit of work that records nothing in the log cannot commit.")


def closed() -> UnrecordedChange:
    """What every use of a unit of work raises outside its `with` block or after its commit."""
    return UnrecordedChange("unit_of_work_closed", "This unit of work is not open (any more); begin another one.")
