"""Things by kind and id, as the access policy sees them: whose they are. For questions about access, not for acting."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tunewarden.domain.names import (
    DatasetId,
    FileId,
    ModelId,
    PolicyId,
    PrincipalId,
    PromotionId,
    RequestId,
    ReviewId,
)
from tunewarden.usecases.ports import Resource, View


def thing(seen: View, kind: str, identifier: str) -> Resource:
    """What is there, with its author. Raises `NotFound` for what is not; an empty id is any of that kind, nobody's."""
    if not identifier or kind not in _AUTHORS:
        return Resource(kind=kind, id=identifier)
    return Resource(kind=kind, id=identifier, author=_AUTHORS[kind](seen, identifier))


def _of_request(seen: View, identifier: str) -> PrincipalId:
    return seen.requests.get(RequestId(identifier)).requested_by


_AUTHORS: Mapping[str, Callable[[View, str], PrincipalId]] = MappingProxyType(
    {
        "file": lambda seen, identifier: seen.files.get(FileId(identifier)).owner,
        "dataset": lambda seen, identifier: seen.datasets.get(DatasetId(identifier)).registered_by,
        "request": _of_request,
        "model": lambda seen, identifier: seen.models.get(ModelId(identifier)).requested_by,
        "promotion": lambda seen, identifier: seen.promotions.get(PromotionId(identifier)).proposed_by,
        "review": lambda seen, identifier: _of_request(seen, seen.reviews.get(ReviewId(identifier)).request),
        "policy": lambda seen, identifier: seen.policies.get(PolicyId(identifier)).proposed_by,
        "grant": lambda seen, identifier: seen.principals.get(PrincipalId(identifier)).id,
    }
)
"""Kind -> who asked for it or owns it. Logs, keys, holds and prunings are nobody's here."""
