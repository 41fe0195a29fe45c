"""Things as the access policy sees them: whose they are, and in which project. The one place that says so.

Whatever a person can name by an id is here. What it hangs on is in one project with it (a review and an erasure with
their dataset, a promotion with its model), because data does not move between projects.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.files import Upload
from tunewarden.domain.names import (
    DatasetId,
    EmergencyId,
    FileId,
    ModelId,
    PolicyId,
    PrincipalId,
    ProjectId,
    PromotionId,
    RequestId,
    ReviewId,
    WebhookId,
)
from tunewarden.domain.projects import Project
from tunewarden.domain.registry import ModelVersion, Promotion
from tunewarden.domain.reviews import Review
from tunewarden.domain.training import TrainingRequest
from tunewarden.domain.webhooks import Webhook
from tunewarden.usecases.ports import Principal, Resource, StoredFile, UnitOfWork, View

Shelves = View | UnitOfWork


def new(kind: str, principal: Principal, project: ProjectId | None = None) -> Resource:
    """What this principal is about to make: theirs, in this project, else where what they make is."""
    return Resource(kind=kind, author=principal.id, project=principal.place if project is None else project)


def some(kind: str, principal: Principal) -> Resource:
    """No particular thing of a kind: anything of it that is there where this principal acts."""
    return Resource(kind=kind, project=principal.place)


def of_file(stored: StoredFile) -> Resource:
    """An upload."""
    return Resource(kind="file", id=stored.id, author=stored.owner, project=stored.project)


def of_upload(upload: Upload) -> Resource:
    """A file that is still coming: it is treated as the file that it will be."""
    return Resource(kind="file", id=upload.id, author=upload.owner, project=upload.project)


def of_dataset(dataset: Dataset) -> Resource:
    """A dataset, and all that is said of its records."""
    return Resource(kind="dataset", id=dataset.id, author=dataset.registered_by, project=dataset.project)


def of_request(request: TrainingRequest) -> Resource:
    """A training request."""
    return Resource(kind="request", id=request.id, author=request.requested_by, project=request.project)


def of_model(model: ModelVersion) -> Resource:
    """A model version."""
    return Resource(kind="model", id=model.id, author=model.requested_by, project=model.project)


def of_promotion(promotion: Promotion, model: ModelVersion) -> Resource:
    """The promotion of a model version, where that is."""
    return Resource(kind="promotion", id=promotion.id, author=promotion.proposed_by, project=model.project)


def of_review(review: Review, request: TrainingRequest, author: PrincipalId | None = None) -> Resource:
    """A review of what was made for a request; its author is who asked for that, where nobody else is said."""
    whose = request.requested_by if author is None else author
    return Resource(kind="review", id=review.id, author=whose, project=request.project)


def of_webhook(webhook: Webhook) -> Resource:
    """An endpoint that is told of events."""
    return Resource(kind="webhook", id=webhook.id, author=webhook.made_by, project=webhook.project)


def of_project(project: Project) -> Resource:
    """A project, which is in itself."""
    return Resource(kind="project", id=project.id, project=project.id)


def thing(seen: Shelves, kind: str, identifier: str) -> Resource:
    """What is there, by kind and id. Raises `NotFound` for what is not; an empty id is any of that kind, nobody's."""
    if not identifier or kind not in _FOUND:
        return Resource(kind=kind, id=identifier)
    return _FOUND[kind](seen, identifier)


def _promotion(seen: Shelves, identifier: str) -> Resource:
    promotion = seen.promotions.get(PromotionId(identifier))
    return of_promotion(promotion, seen.models.get(promotion.model))


def _review(seen: Shelves, identifier: str) -> Resource:
    review = seen.reviews.get(ReviewId(identifier))
    return of_review(review, seen.requests.get(review.request))


def _policy(seen: Shelves, identifier: str) -> Resource:
    proposed = seen.policies.get(PolicyId(identifier))
    return Resource(kind="policy", id=proposed.id, author=proposed.proposed_by)


def _emergency(seen: Shelves, identifier: str) -> Resource:
    found = seen.emergencies.get(EmergencyId(identifier))
    return Resource(kind="emergency", id=found.id, author=found.opened_by)


def _grant(seen: Shelves, identifier: str) -> Resource:
    member = seen.principals.get(PrincipalId(identifier))
    return Resource(kind="grant", id=member.id, author=member.id)


_FOUND: Mapping[str, Callable[[Shelves, str], Resource]] = MappingProxyType(
    {
        "file": lambda seen, identifier: of_file(seen.files.get(FileId(identifier))),
        "dataset": lambda seen, identifier: of_dataset(seen.datasets.get(DatasetId(identifier))),
        "request": lambda seen, identifier: of_request(seen.requests.get(RequestId(identifier))),
        "model": lambda seen, identifier: of_model(seen.models.get(ModelId(identifier))),
        "promotion": _promotion,
        "review": _review,
        "policy": _policy,
        "grant": _grant,
        "emergency": _emergency,
        "webhook": lambda seen, identifier: of_webhook(seen.webhooks.get(WebhookId(identifier))),
        "project": lambda seen, identifier: of_project(seen.projects.get(ProjectId(identifier))),
    }
)
"""Logs, keys, holds and prunings are nobody's here, and in no project."""
