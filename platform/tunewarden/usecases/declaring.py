"""Declaring fairness: what a plan says is going to be compared between groups, from the policy of the house.

Only what can be found out of the dataset's records is promised. Where figures about held-out persons are noisy, each
release costs those persons privacy, so there is one table for each grouped column and nothing finer: no rates of
classes, no intersections, no comparison with the base by group (`usecases/measuring.py`).
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.datasets import Dataset, HeldOut
from tunewarden.domain.fairness import DEEPEST, GUARDS, FairnessDeclaration, GroupMetric
from tunewarden.domain.training import Task
from tunewarden.usecases.ports import Platform

_EXACT: Mapping[Task, frozenset[GroupMetric]] = MappingProxyType(
    {
        Task.CLASSIFICATION: frozenset(GroupMetric),
        Task.COMPLETION: frozenset({GroupMetric.ACCURACY}) | GUARDS,
    }
)
_NOISY = frozenset({GroupMetric.ACCURACY})


def measurable(task: Task, *, noisy: bool) -> frozenset[GroupMetric]:
    """What figures about held-out persons can compare between groups."""
    return _NOISY if noisy else _EXACT[task]


def declared_fairness(
    platform: Platform, dataset: Dataset, task: Task, asked: Mapping[GroupMetric, Decimal]
) -> FairnessDeclaration:
    """The declaration of a plan; the policy that it is made from is stored as a document. Raises `Refused`."""
    policy = platform.policies.fairness()
    platform.blobs.put_bytes(encode(to_plain(policy)))
    noisy = dataset.held_out is HeldOut.PRIVATE
    return policy.declared(
        frozenset(dataset.columns.protected),
        measurable(task, noisy=noisy),
        asked,
        depth=1 if noisy else DEEPEST,
    )
