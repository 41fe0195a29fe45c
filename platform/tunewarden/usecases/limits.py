"""What one person may lose, and what is held against that."""

from tunewarden.domain.cohorts import CohortId, Held, PersonLimit
from tunewarden.domain.datasets import Dataset
from tunewarden.domain.privacy import Mechanism
from tunewarden.domain.training import TrainingRequest
from tunewarden.usecases.ports import Platform, UnitOfWork


def person_limit(platform: Platform, dataset: Dataset) -> PersonLimit:
    """The limit of today for a person of this dataset: its namespace's, or the dataset's own where it names none."""
    if dataset.namespace is None:
        return PersonLimit(namespace=None, epsilon=dataset.budget.epsilon, delta=dataset.budget.delta)
    return platform.policies.person_limit(dataset.namespace)


def limit_of(platform: Platform, work: UnitOfWork, request: TrainingRequest) -> PersonLimit:
    """The same, for the persons of a request."""
    return person_limit(platform, work.datasets.get(request.plan.dataset))


def held_by(work: UnitOfWork) -> Held:
    """Reads the ledgers; each account once."""
    known: dict[CohortId, Mechanism] = {}

    def held(cohort: CohortId) -> Mechanism:
        if cohort not in known:
            found = work.cohorts.get(cohort)
            known[cohort] = work.ledgers.get(found.dataset).account(found.request, found.what).committed()
        return known[cohort]

    return held
