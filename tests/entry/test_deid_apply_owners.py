"""`tunewarden deid apply` where rows belong to several persons: all are in the cell, any of them takes it out."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.entry.test_deid_apply import own_profile, refused
from typer.testing import CliRunner

from tunewarden.domain.deidentification import parse_profile
from tunewarden.entry.cli import app
from tunewarden.entry.cli.deid_after import reveal_file

ROWS = [
    ("P-1", "seen for a burn"),
    ("P-2 | P-1", "Patient: Mr. Zoltan Khybak."),
    ("P-2", "khybak was seen again, with p-0002 beside him"),
    ("P-3", "khybak again"),
]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(own_profile())
    return path


def applied(folder: Path, profile: Path, rows: Sequence[tuple[str, str]] = ROWS, name: str = "out") -> list[list[str]]:
    file, out = folder / "in.csv", folder / f"{name}.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("who", "note"), *rows])
    given = (file, "--out", out, "--person", "who", "--separator", "|", "--profile", profile, "--plants", 0)
    result = CliRunner().invoke(app, ["deid", "apply", *map(str, given), "--vault", str(folder / "keys")])
    assert result.exception is None, result.exception
    with out.open(newline="") as stream:
        return list(csv.reader(stream))[1:]


def test_every_person_of_a_row_is_in_its_cell_by_pseudonym_and_known_in_their_other_rows(
    tmp_path: Path, profile: Path
) -> None:
    (one, _), (both, shared), (two, again), (three, other) = applied(tmp_path, profile)
    assert both == f"{two}|{one}"
    assert len({one, two, three}) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", name) for name in (one, two, three))
    assert "khybak" not in (shared + again).lower()
    assert other == "khybak again"


def test_a_row_goes_with_any_of_its_persons_who_was_forgotten(tmp_path: Path, profile: Path) -> None:
    before = applied(tmp_path, profile)
    result = CliRunner().invoke(app, ["deid", "forget", "--vault", str(tmp_path / "keys"), "--person", "P-1"])
    assert result.exception is None, result.exception
    after = applied(tmp_path, profile, name="again")
    assert [who for who, _ in after] == [before[2][0], before[3][0]]


def test_pseudonyms_of_a_shared_row_are_turned_back(tmp_path: Path, profile: Path) -> None:
    profile.write_text(own_profile().replace("[operators]", '[operators]\nphone = "pseudonym"', 1))
    assert parse_profile("own", profile.read_text())  # type: ignore[arg-type]
    rows = [("P-2|P-1", "call 617-555-0134"), ("P-3", "nothing here")]
    turned = applied(tmp_path, profile, rows)
    assert "0134" not in turned[0][1]
    opened, closed = reveal_file(tmp_path / "out.csv", tmp_path / "keys", tmp_path / "back.csv", "who")
    assert (opened, closed) == (1, 0)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("--separator", "|"), "separator_without_person"),
        (("--person", "who", "--separator", "x"), "separator_malformed"),
        (("--person", "who", "--separator", "||"), "separator_malformed"),
        (("--person", "who", "--separator", "-"), "person_empty"),
    ],
)
def test_a_separator_that_cannot_be_is_refused(tmp_path: Path, given: tuple[str, ...], code: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text("who,note\n-P1,burnt hand\n")
    keep = () if "--person" in given else ("--keep", "who")
    error = refused(file, "--out", tmp_path / "out.csv", *given, *keep, "--plants", 0)
    assert error.code == code
    assert "P1" not in str(error)
    assert error.param in {"--separator", "--person"}
