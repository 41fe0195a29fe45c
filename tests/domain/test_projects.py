"""A project has a name that is shown and never logged, and is archived for good."""

from datetime import UTC, datetime

import pytest

from tunewarden.domain.errors import IllegalTransition, Malformed, Refused
from tunewarden.domain.names import EVERYWHERE, Alias, PrincipalId, ProjectId
from tunewarden.domain.projects import LONGEST_NAME, Project, ProjectState, is_within, require_one_project
from tunewarden.domain.registry import alias_key

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ADA = PrincipalId("prn-ada")
NORTH, SOUTH = ProjectId("proj-1"), ProjectId("proj-2")


def project(name: str = "North clinic") -> Project:
    return Project(id=NORTH, name=name, created_by=ADA, created_at=NOW)


@pytest.mark.parametrize("name", ["x", "a\nb <b>", "=1+1", "\N{SNOWMAN}" * LONGEST_NAME])
def test_a_project_may_be_called_anything(name: str) -> None:
    assert project().renamed(name).name == name


@pytest.mark.parametrize("name", ["", "  \n", "x" * (LONGEST_NAME + 1)])
def test_but_not_nothing_nor_a_novel(name: str) -> None:
    with pytest.raises(Malformed):
        project(name)
    with pytest.raises(Malformed):
        project().renamed(name)


def test_an_archived_project_stays_as_it_is() -> None:
    archived = project().archived(ADA, NOW)
    assert (project().state, archived.state) == (ProjectState.ACTIVE, ProjectState.ARCHIVED)
    assert (archived.archived_by, archived.archived_at) == (ADA, NOW)
    with pytest.raises(IllegalTransition):
        archived.archived(ADA, NOW)
    with pytest.raises(IllegalTransition):
        archived.renamed("South clinic")


def test_what_is_used_together_is_in_one_project_or_all_in_none() -> None:
    require_one_project(NORTH, NORTH, NORTH, param="file_id")
    require_one_project(EVERYWHERE, EVERYWHERE, param="file_id")
    for project, other in ((NORTH, SOUTH), (NORTH, EVERYWHERE), (EVERYWHERE, NORTH)):
        with pytest.raises(Refused) as refused:
            require_one_project(project, project, other, param="file_id")
        assert (refused.value.code, refused.value.param) == ("projects_differ", "file_id")


def test_what_is_in_no_project_is_not_within_one() -> None:
    assert is_within(NORTH, None)
    assert is_within(EVERYWHERE, None)
    assert is_within(NORTH, NORTH)
    assert not is_within(SOUTH, NORTH)
    assert not is_within(EVERYWHERE, NORTH)


def test_each_project_has_aliases_of_its_own_and_those_of_before_keep_their_names() -> None:
    assert alias_key(Alias.PRODUCTION, EVERYWHERE) == "production"
    assert len({alias_key(Alias.PRODUCTION, where) for where in (EVERYWHERE, NORTH, SOUTH)}) == 3
