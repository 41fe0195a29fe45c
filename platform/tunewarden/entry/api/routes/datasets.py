"""/v1/datasets"""

from tunewarden.domain.datasets import Budget, Columns, Groups, KnownColumn
from tunewarden.domain.names import DatasetId, FileId, policy_name
from tunewarden.entry.api.caller import Called, decimal
from tunewarden.entry.api.schemas import (
    DatasetIn,
    Json,
    PurposesIn,
    VersionIn,
    budget_out,
    dataset_out,
    page,
    receipt_out,
)
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import datasets

router = Routes(prefix="/v1/datasets", tags=["datasets"])


@router.post("", summary="Register a dataset")
def register(called: Called, body: DatasetIn) -> Json:
    """State why data may be processed, until when, and which column plays which part."""
    asked = datasets.Registration(
        name=body.name,
        purposes=frozenset(body.purposes),
        lawful_basis=body.lawful_basis,
        sensitivity=body.sensitivity,
        retain_until=body.retain_until,
        columns=Columns(
            text=body.columns.text,
            label=body.columns.label,
            completion=body.columns.completion,
            person=body.columns.person,
            separator=body.columns.separator,
            protected=tuple(body.columns.protected),
            positive=body.columns.positive,
            known=tuple(
                KnownColumn(entity=entity, column=column)
                for entity, names in body.columns.known.items()
                for column in names
            ),
            groups=tuple(Groups(column=column, values=tuple(values)) for column, values in body.columns.groups.items()),
        ),
        budget=Budget(
            epsilon=decimal(body.budget.epsilon, "budget.epsilon"), delta=decimal(body.budget.delta, "budget.delta")
        ),
        held_out=body.held_out,
        namespace=None if body.namespace is None else policy_name(body.namespace),
    )
    dataset, receipt = datasets.register(called.platform, called.principal, asked)
    return {**dataset_out(dataset), "receipt": receipt_out(receipt)}


@router.get("", summary="List datasets")
def listed(called: Called) -> Json:
    """Those that you may see, oldest first."""
    return page([dataset_out(one) for one in datasets.listed(called.platform, called.principal)])


@router.get("/{dataset_id}", summary="One dataset")
def get(called: Called, dataset_id: str) -> Json:
    """Its conditions and versions."""
    return dataset_out(datasets.get(called.platform, called.principal, DatasetId(dataset_id)))


@router.post("/{dataset_id}/versions", summary="Add records")
def add_version(called: Called, dataset_id: str, body: VersionIn) -> Json:
    """Read an uploaded CSV, JSONL or Parquet file as records of this dataset."""
    dataset, receipt = datasets.add_version(
        called.platform, called.principal, DatasetId(dataset_id), FileId(body.file_id)
    )
    return {**dataset_out(dataset), "receipt": receipt_out(receipt)}


@router.post("/{dataset_id}/retire", summary="Retire a dataset")
def retire(called: Called, dataset_id: str) -> Json:
    """No training may use it from now on."""
    dataset, receipt = datasets.retire(called.platform, called.principal, DatasetId(dataset_id))
    return {**dataset_out(dataset), "receipt": receipt_out(receipt)}


@router.post("/{dataset_id}/purposes", summary="Set what a dataset may be used for")
def set_purposes(called: Called, dataset_id: str, body: PurposesIn) -> Json:
    """In place of the purposes before; approved requests for one that goes have failed with it."""
    purposes = frozenset(body.purposes)
    dataset, receipt = datasets.set_purposes(called.platform, called.principal, DatasetId(dataset_id), purposes)
    return {**dataset_out(dataset), "receipt": receipt_out(receipt)}


@router.get("/{dataset_id}/budget", summary="What is left of the privacy budget")
def budget(called: Called, dataset_id: str) -> Json:
    """For one person, over all trainings on this dataset together."""
    return budget_out(datasets.budget(called.platform, called.principal, DatasetId(dataset_id)))
