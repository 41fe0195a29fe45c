"""Keys of a project, and acting in one: who does opens what is in it, makes things there, and nothing else."""

from io import BytesIO

import pytest
from tests.conftest import ADA, DANA, WORKER, Stage, registration
from tests.usecases.apart import registered, submitted, within
from tests.usecases.governed import govern
from tests.usecases.test_projects import UNKNOWN, granted, logged, project

from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.domain.events import ActionRefused, KeyCreated
from tunewarden.domain.identities import KeyKind
from tunewarden.domain.names import EVERYWHERE, ProjectId, Role
from tunewarden.drivers.identity import Bearer, identify, new_token, token_hash
from tunewarden.usecases import datasets, files, keys, projects
from tunewarden.usecases.keys import NewKey
from tunewarden.usecases.ports import Platform, Principal


@pytest.fixture
def platform(stage: Stage) -> Platform:
    stage.platform = govern(stage)
    return stage.platform


def key_of(platform: Platform, where: ProjectId | None, roles: frozenset[Role], **more: object) -> Principal:
    """As whom somebody acts who brings a new key of a project."""
    token = new_token()
    new = NewKey(hash=token_hash(token), project=where, **more)  # type: ignore[arg-type]
    keys.create(platform, ADA, name="", roles=roles, key=new)
    found = identify(platform.view, token, platform.clock())
    assert isinstance(found, Bearer)
    return found.principal


def test_a_key_of_a_project_opens_what_is_in_it_and_makes_things_there(stage: Stage, platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    steward = key_of(platform, north, DANA.roles)
    file, _ = files.upload(platform, steward, filename="a", purpose="fine-tune", content=BytesIO(b"x"))
    assert file.project == north
    for elsewhere in (registered(platform, south, b"south!"), stage.dataset()):
        with pytest.raises(NotFound):
            datasets.retire(platform, steward, elsewhere.id)
    assert datasets.listed(platform, steward) == []
    created = [event for event in logged(stage, KeyCreated) if event.principal == steward.id]
    assert created[0].project == north


def test_a_key_that_replaces_one_of_a_project_is_of_it_too(platform: Platform) -> None:
    north = project(platform)
    key_of(platform, north, DANA.roles)
    with platform.view() as view:
        old = view.keys.all()[-1]
    hashes = {kind: token_hash(new_token(kind)) for kind in KeyKind}
    made, _ = keys.rotate(platform, ADA, old.id, hashes, expires=None)
    assert (old.project, made.project) == (north, north)


@pytest.mark.parametrize("where", [UNKNOWN, EVERYWHERE, ProjectId("CANARY John")])
def test_no_key_is_of_a_project_that_is_not_there(platform: Platform, where: ProjectId) -> None:
    with pytest.raises(NotFound) as refused:
        key_of(platform, where, DANA.roles)
    assert refused.value.code == "project_not_found"
    assert "CANARY" not in str(refused.value)


def test_no_admin_key_is_of_a_project_nor_a_key_of_one_for_a_request_of_another(platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    with pytest.raises(Malformed) as refused:
        key_of(platform, north, ADA.roles, kind=KeyKind.ADMIN)
    assert refused.value.code == "admin_key_in_project"
    request = submitted(platform, south, registered(platform, south, b"south!"))
    with pytest.raises(Refused) as differs:
        key_of(platform, north, WORKER.roles, request=request.id)
    assert differs.value.code == "projects_differ"


def test_whoever_acts_in_a_project_sees_and_makes_things_there_alone(platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    for where, content in ((north, b"north"), (south, b"south!")):
        registered(platform, where, content)
    acting = projects.acting_in(platform, DANA, north)
    assert {one.project for one in datasets.listed(platform, acting)} == {north}
    assert {one.project for one in datasets.listed(platform, DANA)} == {north, south}
    assert datasets.register(platform, acting, registration())[0].project == north


def test_acting_in_a_project_only_ever_narrows(stage: Stage, platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    steward = granted(platform, north, Role.STEWARD)
    assert projects.acting_in(platform, steward, north).within == north
    for who, where in ((steward, south), (within(DANA, north), south), (DANA, UNKNOWN), (DANA, EVERYWHERE)):
        with pytest.raises(NotFound) as refused:
            projects.acting_in(platform, who, where)
        assert (refused.value.code, str(refused.value)) == ("project_not_found", "There is no such project for you.")
    tried = [event.resource for event in logged(stage, ActionRefused)]
    assert tried == [south, south], "of projects that are there, the log says that somebody tried"
