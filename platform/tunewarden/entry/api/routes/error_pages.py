"""/errors: what each code of an error means, for everybody who met one."""

from fastapi.responses import HTMLResponse

from tunewarden.domain.errors import NotFound
from tunewarden.entry.api.pages import html
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.codes import codes
from tunewarden.entry.report.error_pages import render_error, render_errors

router = Routes(include_in_schema=False)


@router.get("/errors")
def listed() -> HTMLResponse:
    """All of them."""
    return html(render_errors())


@router.get("/errors/{code}")
def one(code: str) -> HTMLResponse:
    """Where the `type` of an answer leads."""
    found = codes().get(code)
    if found is None:
        raise NotFound("code_not_found", "There is no such code.")
    return html(render_error(found))
