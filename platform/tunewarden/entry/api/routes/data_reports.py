"""/v1/datasets/{dataset_id}/versions/{digest}/data: what may be told of the contents of a dataset version."""

from fastapi.responses import HTMLResponse

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.data_report import FEWEST_PERSONS
from tunewarden.domain.names import DatasetId, digest_name
from tunewarden.entry.api.caller import Called
from tunewarden.entry.api.pages import html
from tunewarden.entry.api.schemas import Json
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.report.described import render_described
from tunewarden.usecases import data_reports

router = Routes(tags=["datasets"])


@router.get("/v1/datasets/{dataset_id}/versions/{digest}/data", summary="What a dataset version holds, counted")
def described(called: Called, dataset_id: str, digest: str) -> Json:
    """Counts of rows and persons; where fewer than ten persons stand behind one, it is null. No text is in it."""
    found = data_reports.read(called.platform, called.principal, DatasetId(dataset_id), digest_name(digest))
    return {
        "object": "dataset.version.data",
        "dataset": dataset_id,
        "version": digest,
        "fewest_persons": FEWEST_PERSONS,
        "report": to_plain(found),
    }


@router.get(
    "/v1/datasets/{dataset_id}/versions/{digest}/data/report",
    summary="What a dataset version holds, counted, as a page",
    response_class=HTMLResponse,
)
def described_page(called: Called, dataset_id: str, digest: str) -> HTMLResponse:
    """The same for paper and screen, for the same readers."""
    version = digest_name(digest)
    found = data_reports.read(called.platform, called.principal, DatasetId(dataset_id), version)
    return html(render_described(found, dataset=DatasetId(dataset_id), version=version))
