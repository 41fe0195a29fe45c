"""`access/quorum.toml`: what is shipped, and that a file with a fault is no rule."""

from pathlib import Path

import pytest

from tunewarden.domain.datasets import Sensitivity
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.quorum import Needed
from tunewarden.drivers.policies import FilePolicies

RULE = 'because = "A test says so."\n' + "".join(f"[{word}]\npersons = 2\nroles = 1\n" for word in Sensitivity)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "access").mkdir()
    (tmp_path / "access" / "quorum.toml").write_text(RULE)
    return tmp_path


def test_what_is_shipped_asks_two_persons_in_two_roles_for_special_categories_and_one_for_all_else(
    policies: Path,
) -> None:
    needed = {**FilePolicies(policies).quorum().needed}
    assert needed.pop(Sensitivity.SPECIAL_CATEGORY) == Needed(persons=2, roles=2)
    assert set(needed.values()) == {Needed(persons=1, roles=1)}


def test_a_rule_is_read_as_it_is_written(folder: Path) -> None:
    assert FilePolicies(folder).quorum().needed == dict.fromkeys(Sensitivity, Needed(persons=2, roles=1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[personal]\npersons = 2\nroles = 1\n", ""),
        ("[personal]", "[secret]"),
        ("[personal]\npersons = 2", "[personal]\npersons = 0"),
        ("[personal]\npersons = 2\nroles = 1", "[personal]\npersons = 2\nroles = 3"),
        ("[personal]\npersons = 2", "[personal]\npersons = true"),
        ("[personal]\npersons = 2", '[personal]\npersons = "2"'),
        ("[personal]\npersons = 2", "[personal]\npersons = 2\nunless = 1"),
        ("[personal]\npersons = 2", "[personal]"),
        ('because = "A test says so."\n', ""),
        ('"A test says so."', '" "'),
        ("[personal]", "[personal"),
    ],
)
def test_a_file_with_a_fault_is_no_rule(folder: Path, old: str, new: str) -> None:
    assert old in RULE
    (folder / "access" / "quorum.toml").write_text(RULE.replace(old, new))
    with pytest.raises(Malformed) as refused:
        FilePolicies(folder).quorum()
    assert refused.value.code == "policy_malformed"


def test_without_the_file_nobody_can_agree_to_anything(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        FilePolicies(tmp_path).quorum()
