"""Archiving a project: nothing new begins in it, for good.

What waits for approval there has ended; what was approved before goes on to its end. Reading goes on, and so do
erasures, holds and retention.
"""

from tunewarden.domain.names import Action, ProjectId
from tunewarden.domain.project_events import ProjectArchived
from tunewarden.domain.projects import Project
from tunewarden.domain.training import State
from tunewarden.usecases.gating import turned_down
from tunewarden.usecases.ports import Platform, Principal, Receipt
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.things import of_project

ARCHIVED = "project_archived"
"""Why a request ends: nothing is approved in its project any more."""


def archive(platform: Platform, principal: Principal, identifier: ProjectId) -> tuple[Project, Receipt]:
    """By an administrator. Requests that wait for approval give back what they held of the budget.

    Raises `Refused`, `NotFound`, and `IllegalTransition` where it is archived.
    """
    with (
        refusals_recorded(platform, principal, Action.MANAGE_PROJECT, "project", identifier),
        platform.work(principal.id) as work,
    ):
        project = work.projects.get(identifier)
        permit(platform, principal, Action.MANAGE_PROJECT, of_project(project))
        archived = project.archived(principal.id, platform.clock())
        work.projects.put(archived)
        work.record(ProjectArchived(project=identifier))
        for request in work.requests.all():
            if request.project == identifier and request.state is State.AWAITING_APPROVAL:
                work.requests.put(turned_down(platform, work, request, ARCHIVED))
        return archived, work.commit()
