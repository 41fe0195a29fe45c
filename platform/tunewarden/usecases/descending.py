"""What a thing was made from and what was made from it, step by step: datasets, requests, model versions, promotions.

From the state, for finding one's way; what can be shown to others is the lineage report, which is folded from the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, DatasetId, ModelId, PromotionId, RequestId
from tunewarden.domain.registry import ModelVersion, Promotion
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.ports import Platform, Principal, Resource, View
from tunewarden.usecases.refusals import not_found, permit_to_see
from tunewarden.usecases.things import of_dataset, of_model, of_request

DEEPEST = 3
"""From a dataset to the promotions of what was trained on it."""


class Direction(StrEnum):
    """Towards what it was made from, towards what was made from it, or both."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"
    BOTH = "both"


class NodeKind(StrEnum):
    """What is told of."""

    DATASET = "dataset"
    REQUEST = "request"
    MODEL = "model"
    PROMOTION = "promotion"


_SEEN_BY: Mapping[NodeKind, Action] = MappingProxyType(
    {
        NodeKind.DATASET: Action.READ_DATASET,
        NodeKind.REQUEST: Action.READ_REQUEST,
        NodeKind.MODEL: Action.READ_MODEL,
        NodeKind.PROMOTION: Action.READ_MODEL,
    }
)

Thing = Dataset | TrainingRequest | ModelVersion | Promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A thing, so many steps from where one asked."""

    kind: NodeKind
    thing: Thing
    distance: int


@dataclass(frozen=True, slots=True)
class Edge:
    """The second was made from the first."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Things around one, nearest first. What is `withheld` may not be seen, and neither is what lies beyond it."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    withheld: int


def surroundings(
    platform: Platform, principal: Principal, identifier: str, direction: Direction, depth: int
) -> Surroundings:
    """Of a dataset, request, model version or promotion. Raises `NotFound`, and `Malformed` for a depth of below 1."""
    if not 1 <= depth <= DEEPEST:
        raise Malformed("depth_out_of_range", f"The depth is 1 to {DEEPEST}.", param="depth")
    with platform.view() as view:
        start = _found(view, identifier)
        if start is None:
            raise not_found("lineage")
        about = _resource(view, start)
    permit_to_see(platform, principal, _SEEN_BY[_kind(start)], about, noun="lineage")
    with platform.view() as view:
        ways = [way for way in (Direction.UPSTREAM, Direction.DOWNSTREAM) if direction in (way, Direction.BOTH)]
        nodes, edges, hidden = {identifier: Node(kind=_kind(start), thing=start, distance=0)}, set[Edge](), set[str]()
        for way in ways:
            _walk(platform, principal, view, start, way, depth, nodes, edges, hidden)
    return Surroundings(
        nodes=sorted(nodes.values(), key=lambda one: (one.distance, one.thing.id)),
        edges=sorted(edges, key=lambda one: (one.source, one.target)),
        withheld=len(hidden),
    )


def _walk(
    platform: Platform,
    principal: Principal,
    view: View,
    start: Thing,
    way: Direction,
    depth: int,
    nodes: dict[str, Node],
    edges: set[Edge],
    hidden: set[str],
) -> None:
    """In one direction: nothing that lies beside the way is told."""
    outermost = [start]
    for distance in range(1, depth + 1):
        further: list[Thing] = []
        for one, other in _pairs(view, outermost, way):
            kind = _kind(other)
            if not platform.access(principal, _SEEN_BY[kind], _resource(view, other)).allowed:
                hidden.add(other.id)
                continue
            ends = (other.id, one.id) if way is Direction.UPSTREAM else (one.id, other.id)
            edges.add(Edge(*ends))
            nodes[other.id] = Node(kind=kind, thing=other, distance=distance)
            further.append(other)
        outermost = further


def _pairs(view: View, outermost: Sequence[Thing], way: Direction) -> Iterator[tuple[Thing, Thing]]:
    """Each of these with what is next to it. Promotions are read once, however many model versions there are."""
    promoted: dict[ModelId, list[Promotion]] = {}
    if way is Direction.DOWNSTREAM and any(isinstance(one, ModelVersion) for one in outermost):
        for each in view.promotions.all():
            promoted.setdefault(each.model, []).append(each)
    for one in outermost:
        yield from ((one, other) for other in _next(view, one, way, promoted))


def _next(view: View, one: Thing, way: Direction, promoted: Mapping[ModelId, Sequence[Promotion]]) -> Iterator[Thing]:
    match one, way:
        case Dataset(), Direction.DOWNSTREAM:
            yield from (each for each in view.requests.all() if each.plan.dataset == one.id)
        case TrainingRequest(), Direction.UPSTREAM:
            yield view.datasets.get(one.plan.dataset)
        case TrainingRequest(), Direction.DOWNSTREAM:
            if one.model is not None:
                yield view.models.get(one.model)
        case ModelVersion(), Direction.UPSTREAM:
            yield view.requests.get(one.request)
        case ModelVersion(), Direction.DOWNSTREAM:
            yield from promoted.get(one.id, ())
        case Promotion(), Direction.UPSTREAM:
            yield view.models.get(one.model)
        case _:
            return


def _found(view: View, identifier: str) -> Thing | None:
    return (
        view.datasets.find(DatasetId(identifier))
        or view.requests.find(RequestId(identifier))
        or view.models.find(ModelId(identifier))
        or view.promotions.find(PromotionId(identifier))
    )


def _kind(one: Thing) -> NodeKind:
    match one:
        case Dataset():
            return NodeKind.DATASET
        case TrainingRequest():
            return NodeKind.REQUEST
        case ModelVersion():
            return NodeKind.MODEL
        case Promotion():
            return NodeKind.PROMOTION


def _resource(view: View, one: Thing) -> Resource:
    match one:
        case Dataset():
            return of_dataset(one)
        case TrainingRequest():
            return of_request(one)
        case ModelVersion():
            return of_model(one)
        case Promotion():
            return of_model(view.models.get(one.model))
