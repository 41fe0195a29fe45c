"""What groups stand for: read strictly, and the shipped file is one that can be read."""

from pathlib import Path

import pytest
from tests.conftest import POLICIES

from tunewarden.domain.duties import conflicting
from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Role
from tunewarden.drivers.oidc_groups import read_groups


def test_the_shipped_groups_stand_for_every_role_of_a_person_one_each() -> None:
    groups = read_groups(POLICIES / "access" / "groups.toml")
    assert set().union(*groups.values()) == set(Role) - {Role.WORKER}
    assert not any(conflicting(roles) for roles in groups.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[groups",
        "groups = 7",
        '[groups]\na = "requester"',
        "[groups]\na = []",
        '[groups]\na = ["Requester"]',
        '[groups]\na = ["worker"]',
        '[groups]\na = [["requester"]]',
        '[groups]\na = ["requester"]\n[more]\n',
        '[groups]\na = ["requester"]\na = ["steward"]',
    ],
)
def test_a_file_with_a_fault_lets_nobody_in_and_its_names_are_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(text.replace("a =", "CANARY ="))
    with pytest.raises(Malformed) as refused:
        read_groups(path)
    assert "CANARY" not in str(refused.value)


def test_a_file_that_is_not_there_lets_nobody_in(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        read_groups(tmp_path / "groups.toml")
