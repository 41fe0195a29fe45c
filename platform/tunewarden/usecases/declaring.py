"""Declaring fairness: what a plan says is going to be compared between groups, from the policy of the house.

Only what can be found out of the dataset's records is promised. Where figures about held-out persons are noisy, each
release costs those persons privacy, so there is one table for each grouped column and nothing finer: no rates of
classes, no calibration, no intersections, no comparison with the base by group (`usecases/measuring.py`).
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from tunewarden.domain.allowed import TrainingPolicy
from tunewarden.domain.canonical import digest_bytes, encode
from tunewarden.domain.datasets import Dataset, HeldOut, LawfulBasis
from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.domain.fairness import DEEPEST, GUARDS, FairnessDeclaration, GroupMetric
from tunewarden.domain.privacy import PrivacyUnit
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
) -> tuple[FairnessDeclaration, tuple[bytes, ...]]:
    """The declaration of a plan, and the documents that it rests on: policy and questions. Raises `Refused`."""
    policy, questions = platform.policies.fairness(), platform.policies.questions()
    said = None if questions is None else digest_bytes(questions)
    if said != (policy.writing and policy.writing.questions):
        raise Unavailable("policy_changed_meanwhile", "The questions about fairness changed meanwhile; ask again.")
    noisy = dataset.held_out is HeldOut.PRIVATE
    declared = policy.declared(
        frozenset(dataset.columns.protected),
        measurable(task, noisy=noisy),
        asked,
        depth=1 if noisy else DEEPEST,
        writes=task is Task.COMPLETION,
    )
    return declared, (encode(policy), *(() if questions is None else (questions,)))


def require_twins_allowed(policy: TrainingPolicy, dataset: Dataset, task: Task, unit: PrivacyUnit) -> None:
    """Raise `Refused` unless models may be trained without noise, on held-out persons who agreed, to be compared.

    Such a model keeps no promise to the persons it is trained on. So it takes three words: the house's, in
    `policies/training.toml`; the steward's, that the data were collected on consent (GDPR Art. 6(1)(a)) and that exact
    figures about the held-out persons may leave; and, because the plan says so, the approver's. Not checked: that the
    consent covers it; the statement is the steward's. Twins are clipped by person, so of a plan that clips records they
    would show what another mechanism costs.
    """
    if not policy.twins:
        raise Refused(
            "twins_not_allowed",
            f"Models without noise are not trained here, not for comparison either. {policy.because}",
            remedy="Ask for no twins, or have policies/training.toml changed.",
            who="privacy-officer",
            param=_TWINS,
        )
    if dataset.lawful_basis is not LawfulBasis.CONSENT or dataset.held_out is HeldOut.PRIVATE:
        raise Refused(
            "twins_without_consent",
            "Twins are trained on persons who agreed only: the lawful basis is consent, and exact figures about those "
            "held out may leave.",
            remedy="Ask for no twins, or for a dataset that was registered so.",
            who="steward",
            param=_TWINS,
        )
    if task is not Task.CLASSIFICATION or not dataset.columns.protected:
        raise Refused(
            "twins_without_groups",
            "Twins are compared by group, in a task of classes; this dataset has no protected columns, or completions.",
            remedy="Ask for no twins.",
            param=_TWINS,
        )
    if unit is not PrivacyUnit.PERSON:
        raise Refused(
            "twins_of_records",
            "Twins are clipped and drawn by person; the privacy unit of this plan is a record.",
            remedy="Ask for no twins, or for the unit person.",
            param=_TWINS,
        )


_TWINS = "governance.twins"
