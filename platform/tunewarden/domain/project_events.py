"""Facts about projects: a part of the closed set of `events.py`, under the same law. None holds a project's name."""

from dataclasses import dataclass

from tunewarden.domain.names import ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCreated:
    """There is a project more, in which nothing is yet and nobody holds a role."""

    project: ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRenamed:
    """A project has another name on screens; what it is called stands in no entry."""

    project: ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectArchived:
    """Nothing new begins in a project from here on, for good."""

    project: ProjectId


ProjectEvent = ProjectCreated | ProjectRenamed | ProjectArchived
