"""What a page answers: itself, or why there is none."""

from collections.abc import Callable

from fastapi.responses import Response

from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.api.caller import Caller
from tunewarden.entry.api.errors import status_of
from tunewarden.entry.api.pages import html
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.report.reading_pages import render_no


def shown(visited: Caller, page: Callable[[], str]) -> Response:
    """A page with forms."""
    return done(visited, lambda: html(page(), has_forms=True, form_token=visited.form_token))


def done(visited: Caller, act: Callable[[], Response]) -> Response:
    """The answer, or a page that says why there is none."""
    try:
        return act()
    except TunewardenError as error:
        status = status_of(error)
        if status >= 500:
            logger.error("page_failed", code=error.code)
        return html(render_no(error), has_forms=True, form_token=visited.form_token, status=status)
