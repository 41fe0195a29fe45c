"""Projects: an administrator makes, renames and archives them (`archiving.py`); in an archived one nothing begins."""

from collections.abc import Sequence
from dataclasses import replace

from tunewarden.domain.errors import NotFound, Refused
from tunewarden.domain.names import EVERYWHERE, Action, ProjectId, Role
from tunewarden.domain.project_events import ProjectCreated, ProjectRenamed
from tunewarden.domain.projects import Project, ProjectState
from tunewarden.usecases.ports import Platform, Principal, Receipt, UnitOfWork, View
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded, require_there
from tunewarden.usecases.things import new, of_project


def create(platform: Platform, principal: Principal, name: str) -> tuple[Project, Receipt]:
    """A project in which nothing is yet. Raises `Refused`, and `Malformed` for a name that is none."""
    with refusals_recorded(platform, principal, Action.MANAGE_PROJECT, "project"):
        permit(platform, principal, Action.MANAGE_PROJECT, new("project", principal))
        project = Project(
            id=ProjectId(platform.new_id("proj")), name=name, created_by=principal.id, created_at=platform.clock()
        )
        with platform.work(principal.id) as work:
            work.projects.put(project)
            work.record(ProjectCreated(project=project.id))
            return project, work.commit()


def rename(platform: Platform, principal: Principal, identifier: ProjectId, name: str) -> tuple[Project, Receipt]:
    """The same project under another name. Raises as `create` does, `NotFound`, `IllegalTransition` if archived."""
    with (
        refusals_recorded(platform, principal, Action.MANAGE_PROJECT, "project", identifier),
        platform.work(principal.id) as work,
    ):
        project = work.projects.get(identifier)
        permit(platform, principal, Action.MANAGE_PROJECT, of_project(project))
        renamed = project.renamed(name)
        work.projects.put(renamed)
        work.record(ProjectRenamed(project=identifier))
        return renamed, work.commit()


def get(platform: Platform, principal: Principal, identifier: ProjectId) -> Project:
    """Raises `NotFound`."""
    with platform.view() as view:
        project = view.projects.get(identifier)
    permit_to_see(platform, principal, Action.READ_PROJECT, of_project(project))
    return project


def listed(platform: Platform, principal: Principal) -> Sequence[Project]:
    """Every project that this principal may see, oldest first; archived ones too."""
    with platform.view() as view:
        found = view.projects.all()
    return [one for one in found if platform.access(principal, Action.READ_PROJECT, of_project(one)).allowed]


def acting_in(platform: Platform, principal: Principal, project: ProjectId) -> Principal:
    """The same principal, acting in one project and nowhere else. It only ever narrows.

    Raises `NotFound` for a project that is not there, in which they hold no role, or beside the one of their key.
    """
    with platform.view() as view:
        about = of_project(view.projects.get(project))
    with refusals_recorded(platform, principal, Action.READ_PROJECT, "project", project):
        require_there(platform, principal, Action.READ_PROJECT, about)
    return replace(principal, within=project)


def require_known(shelves: View | UnitOfWork, project: ProjectId) -> None:
    """Raise `NotFound` for what is neither a project nor `EVERYWHERE`."""
    if project != EVERYWHERE and shelves.projects.find(project) is None:
        raise NotFound("project_not_found", "There is no such project for you.", param="project")


def require_active(shelves: View | UnitOfWork, project: ProjectId) -> None:
    """Raise `Refused` where nothing new begins; to be asked inside the unit of work that begins it."""
    if project != EVERYWHERE and shelves.projects.get(project).state is ProjectState.ARCHIVED:
        raise Refused(
            "project_archived",
            "The project is archived: what is in it can be read, and nothing new begins there.",
            remedy="Do it in another project, with data that was registered there.",
            who=Role.ADMINISTRATOR,
        )
