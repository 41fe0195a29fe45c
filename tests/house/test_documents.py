"""What the README promises is what the program has."""

import re
from pathlib import Path

from tunewarden.domain.datasets import Purpose
from tunewarden.entry.cli import app
from tunewarden.entry.settings import Settings

ROOT = Path(__file__).parents[2]


def test_every_setting_is_in_the_readme_and_nothing_else() -> None:
    named = set(re.findall(r"`TUNEWARDEN_([A-Z_]+)`", (ROOT / "README.md").read_text()))
    assert named == {name.upper() for name in Settings.model_fields}


def test_every_folder_of_the_map_exists() -> None:
    rows = re.findall(r"^\| `([a-z/]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert rows
    assert all((ROOT / row).is_dir() for row in rows)


def test_every_command_is_described() -> None:
    assert all(command.callback is not None and command.callback.__doc__ for command in app.registered_commands)


def test_every_link_of_a_page_leads_somewhere() -> None:
    for page in (*ROOT.glob("*.md"), *ROOT.glob("*/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_purpose_is_explained_where_stewards_look() -> None:
    text = (ROOT / "policies" / "README.md").read_text()
    assert [purpose for purpose in Purpose if f"`{purpose}`" not in text] == []
