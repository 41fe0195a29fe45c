"""Projects: what is in one is there for those who hold a role in it, and for nobody else.

A thing (a file, a dataset, what was trained on it) is in the project in which it was made, or in none, for ever. It
does not move to another one: who asked for the data, who may see it and what for were decided for the one it is in
(GDPR Art. 5(1)(b)), so elsewhere it would have to be uploaded and registered anew.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tunewarden.domain.errors import IllegalTransition, Malformed, Refused
from tunewarden.domain.names import PrincipalId, ProjectId, Role

LONGEST_NAME = 255


class ProjectState(StrEnum):
    """Whether something new may begin in it."""

    ACTIVE = "active"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A place for things. `name` is for screens only: 1 to `LONGEST_NAME` characters, whatever they are, never logged.

    Raises `Malformed` for another name.
    """

    id: ProjectId
    name: str
    created_by: PrincipalId
    created_at: datetime
    archived_by: PrincipalId | None = None
    archived_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME:
            raise Malformed(
                "project_name_malformed",
                f"The name of a project has 1 to {LONGEST_NAME} characters, one of them no space.",
                param="name",
            )

    @property
    def state(self) -> ProjectState:
        """Archived for good once it was."""
        return ProjectState.ACTIVE if self.archived_at is None else ProjectState.ARCHIVED

    def renamed(self, name: str) -> "Project":
        """With another name. Raises `Malformed`, and `IllegalTransition` for an archived one."""
        self._require_active()
        return replace(self, name=name)

    def archived(self, by: PrincipalId, at: datetime) -> "Project":
        """Nothing new begins in it any more. Raises `IllegalTransition` for one that is archived."""
        self._require_active()
        return replace(self, archived_by=by, archived_at=at)

    def _require_active(self) -> None:
        if self.state is not ProjectState.ACTIVE:
            raise IllegalTransition("project_archived_already", "The project is archived, and stays as it is.")


def require_one_project(project: ProjectId, *others: ProjectId, param: str) -> None:
    """Raise `Refused` where things that are to be used together are not in one project, or not all in none."""
    if any(other != project for other in others):
        raise Refused(
            "projects_differ",
            "What is named here is not all in one project, and data does not move between projects.",
            remedy="Upload and register it in the project in which it is to be used.",
            who=Role.STEWARD,
            param=param,
        )


def is_within(project: str, scope: ProjectId | None) -> bool:
    """Whether what is in `project` is there for who acts in `scope` alone; None is everywhere."""
    return scope is None or scope == project
