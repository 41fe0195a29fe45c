"""/v1/datasets/{dataset_id}/erasures: persons who are to be left out of everything that is made from now on."""

from typing import Annotated

from pydantic import Field

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.erasures import Erasure
from tunewarden.domain.names import DatasetId
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.schemas import Json, Strict, page, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import erasures

router = Routes(prefix="/v1/datasets", tags=["erasures"])

_LIMITS = (
    "Later releases of the dataset leave the person out, requests that have read their records and made no model "
    "version yet end, and the data keys are destroyed: the person's raw rows cannot be read any more, in copies of the "
    "files neither. Not reached: clean versions that were released and weights that were trained before (POST "
    "/v1/lineage/person names them), the uploaded source where it has become no dataset version, other datasets, and "
    "copies and backups of the database, from which the keys can come back until the master keys are rotated."
)


class ErasureIn(Strict):
    """The person as written in the dataset's person column; `row-1`, `row-2` and so on where it has none."""

    person: Annotated[str, Field(min_length=1, max_length=100_000, repr=False)]


@router.post("/{dataset_id}/erasures", summary="Erase a person")
def ask(called: Called, dataset_id: str, body: ErasureIn) -> Json:
    """Asks for it; a worker carries it out before its next step. Keep the id beside the person's letter: nothing here
    can tell afterwards who was erased. The answer is the same whether the dataset holds the person or not.
    """
    erasure, receipt = erasures.ask(called.platform, called.principal, DatasetId(dataset_id), body.person)
    return {**_erasure(erasure), "limits": _LIMITS, "receipt": receipt_out(receipt)}


@router.get("/{dataset_id}/erasures", summary="Erasures of a dataset")
def listed(called: Called, dataset_id: str) -> Json:
    """What became of each, oldest first, for those who may read the log; never of whom."""
    found = erasures.listed(called.platform, called.principal, DatasetId(dataset_id))
    return {**page([_erasure(one) for one in found]), "limits": _LIMITS}


def _erasure(erasure: Erasure) -> Json:
    return {
        "id": erasure.id,
        "object": "erasure",
        "dataset": erasure.dataset,
        "state": erasure.state,
        "asked_by": erasure.asked_by,
        "asked_at": instant_text(erasure.asked_at),
        "ended_at": None if erasure.ended_at is None else instant_text(erasure.ended_at),
        "because": erasure.because,
        "keys_destroyed": erasure.keys,
        "raw_keys_destroyed": erasure.raw,
    }
