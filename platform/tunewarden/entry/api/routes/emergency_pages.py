"""/emergencies: the same as the API's routes of this name, as a page for who has to confirm and to review."""

from typing import Annotated

from fastapi import Form
from fastapi.responses import RedirectResponse, Response

from tunewarden.domain.break_glass import EmergencyFinding
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import EmergencyId
from tunewarden.entry.api.caller import Sent, Visited
from tunewarden.entry.api.page_answers import done, shown
from tunewarden.entry.api.threads import Routes
from tunewarden.entry.report.emergency_pages import render_emergencies
from tunewarden.usecases import emergencies

router = Routes(include_in_schema=False)


@router.get("/emergencies")
def listed(visited: Visited) -> Response:
    """Open tasks first, then the newest."""

    def page() -> str:
        found = emergencies.listed(visited.platform, visited.principal)
        return render_emergencies(found, visited.principal.id, visited.platform.clock())

    return shown(visited, page)


@router.post("/emergencies/{emergency_id}/confirm")
def confirm(sent: Sent, emergency_id: str) -> Response:
    """There is one."""
    return done(sent, lambda: _back(emergencies.confirm(sent.platform, sent.principal, EmergencyId(emergency_id))))


@router.post("/emergencies/{emergency_id}/close")
def close(sent: Sent, emergency_id: str) -> Response:
    """It is over."""
    return done(sent, lambda: _back(emergencies.close(sent.platform, sent.principal, EmergencyId(emergency_id))))


@router.post("/emergencies/{emergency_id}/review")
def review(sent: Sent, emergency_id: str, finding: Annotated[str, Form(max_length=32)]) -> Response:
    """What it was."""
    return done(
        sent,
        lambda: _back(emergencies.review(sent.platform, sent.principal, EmergencyId(emergency_id), _finding(finding))),
    )


def _finding(text: str) -> EmergencyFinding:
    try:
        return EmergencyFinding(text)
    except ValueError:
        raise Malformed("word_unknown", f"This is one of: {', '.join(sorted(EmergencyFinding))}.") from None


def _back(_done: object) -> Response:
    return RedirectResponse("/emergencies", status_code=303)
