"""`tunewarden data register|upload|list`: a dataset with its records, and large files in parts that go on."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.entry.client.conftest import Desk

from tunewarden.domain.errors import Unavailable
from tunewarden.entry.cli.client import uploading
from tunewarden.entry.cli.client.address import address
from tunewarden.entry.cli.client.api import Api
from tunewarden.entry.cli.client.credentials import Credentials
from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.exits import Exit

ABOUT = (
    *("--name", "Notes", "--purpose", "research", "--basis", "public-task", "--sensitivity", "special-category"),
    *("--retain-until", "2099-01-01", "--epsilon", "1000", "--delta", "0.0001"),
    *("--text", "note", "--label", "burn", "--person", "patient", "--protected", "sex"),
)


def table(desk: Desk) -> Path:
    path = desk.folder / "notes.csv"
    path.write_bytes(desk.props.records())
    return path


def test_a_dataset_is_registered_with_its_records_in_one_command(desk: Desk) -> None:
    made = desk.json("dana", "data", "register", table(desk), *ABOUT, "--groups", "sex=f,m")
    (version,) = made["versions"]
    assert (made["name"], made["purposes"], version["rows"]) == ("Notes", ["research"], 24)
    assert made["columns"]["groups"] == {"sex": ["f", "m"]}
    assert made["receipt"]["index"] > 0


def test_a_dataset_without_records_says_how_to_add_them_and_they_are_added(desk: Desk) -> None:
    told = desk.run("dana", "data", "register", *ABOUT)
    dataset = next(line.split()[1] for line in told.stdout.splitlines() if line.startswith("dataset"))
    assert f"tunewarden data upload FILE --dataset {dataset}" in told.stdout
    made = desk.json("dana", "data", "upload", table(desk), "--dataset", dataset)
    assert [version["rows"] for version in made["versions"]] == [24]


def test_what_cannot_be_its_records_makes_no_dataset(desk: Desk) -> None:
    empty = desk.folder / "empty.csv"
    empty.touch()
    before = desk.lines("dana", "data", "list")
    assert desk.refused("dana", "data", "register", empty, *ABOUT, code=2)["code"] == "file_empty"
    assert desk.refused("dana", "data", "register", desk.folder / "none", *ABOUT, code=3)["code"] == "file_not_found"
    assert desk.lines("dana", "data", "list") == before


def test_where_its_records_are_refused_the_dataset_is_named_and_is_not_made_twice(desk: Desk) -> None:
    wrong = desk.folder / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    before = {one["id"] for one in desk.lines("dana", "data", "list")}
    said = ("data", "register", wrong, *ABOUT, "--idempotency-key", "notes-1")
    error = desk.refused("dana", *said, code=2)
    (made,) = {one["id"] for one in desk.lines("dana", "data", "list")} - before
    assert f"tunewarden data upload FILE --dataset {made}" in error["remedy"]
    assert made in desk.refused("dana", *said, code=2)["remedy"]
    assert len(desk.lines("dana", "data", "list")) == len(before) + 1


def test_who_may_not_register_is_told_who_can(desk: Desk) -> None:
    assert desk.refused("ann", "data", "register", *ABOUT, code=1)["who_can"] == "steward"


def test_what_was_registered_is_listed(desk: Desk) -> None:
    made = desk.json("dana", "data", "register", *ABOUT, "--known", "name=first", "--known", "name=last")
    assert made["columns"]["known"] == {"name": ["first", "last"]}
    assert made["id"] in [one["id"] for one in desk.lines("dana", "data", "list")]
    assert made["id"] in desk.run("dana", "data", "list").stdout
    sent = desk.json("dana", "data", "upload", table(desk))
    assert (sent["object"], sent["filename"]) == ("file", "notes.csv")
    assert sent["id"] in [one["id"] for one in desk.lines("dana", "data", "list", "--files")]


def test_a_file_name_can_be_kept_to_oneself_and_moves_no_cursor(desk: Desk) -> None:
    hostile = desk.folder / "a\x1b[2Jb.csv"
    hostile.write_bytes(desk.props.records())
    assert "\x1b" not in desk.run("dana", "data", "upload", hostile).output
    assert "\x1b" not in desk.run("dana", "data", "list", "--files").output
    assert desk.json("dana", "data", "upload", table(desk), "--as", "x.csv")["filename"] == "x.csv"


@pytest.mark.parametrize("known", ["name", "=x", "name="])
def test_a_pair_without_both_halves_is_a_wrong_use(desk: Desk, known: str) -> None:
    assert desk.refused("dana", "data", "register", *ABOUT, "--known", known, code=2)["code"] == "option_malformed"


def test_what_is_no_file_is_not_sent(desk: Desk) -> None:
    assert desk.refused("dana", "data", "upload", desk.folder / "none", code=3)["code"] == "file_not_found"
    assert desk.refused("dana", "data", "upload", desk.folder, code=3)["code"] == "file_not_found"
    empty = desk.folder / "empty.csv"
    empty.touch()
    assert desk.refused("dana", "data", "upload", empty, code=2)["code"] == "file_empty"


class Line:
    """A line to the platform that breaks after so many parts."""

    def __init__(self, desk: Desk, who: str) -> None:
        made = Credentials(address=address(desk.server.address), key=desk.theatre.tokens[who])
        self.api = Api(credentials=made)
        self.parts = 0
        self.breaks_after: int | None = None
        self._post = self.api.post

    def post(self, path: str, *arguments: Any, **more: Any) -> Any:
        if path.endswith("/parts"):
            if self.breaks_after is not None and self.parts >= self.breaks_after:
                raise Unavailable("platform_not_reached", "The platform does not answer.")
            self.parts += 1
        return self._post(path, *arguments, **more)

    def send(self, file: Path, now: float = 0.0) -> Any:
        with self.api as api:
            line: Any = _Counted(api, self)
            return uploading.send(line, file, name="notes.csv", seen=self.seen, now=lambda: now, part=1000)

    def seen(self, there: int, of: int) -> None:
        assert 0 <= there <= of


class _Counted:
    def __init__(self, api: Api, line: Line) -> None:
        self.credentials, self.post = api.credentials, line.post


@pytest.fixture
def line(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(desk.folder))
    return Line(desk, "dana")


@pytest.fixture
def large(desk: Desk) -> Path:
    path = desk.folder / "large.csv"
    path.write_bytes(b"".join(desk.props.records() for _ in range(15)))
    assert 5000 < path.stat().st_size < 9500
    return path


def content(desk: Desk, file: str) -> bytes:
    headers = {"authorization": f"Bearer {desk.theatre.tokens['dana']}"}
    return desk.theatre.client.get(f"/v1/files/{file}/content", headers=headers).content


def test_a_large_file_comes_in_parts_and_is_the_same(desk: Desk, line: Line, large: Path) -> None:
    made = line.send(large)
    assert content(desk, made["id"]) == large.read_bytes()
    assert line.parts == -(-large.stat().st_size // 1000)
    assert list((desk.folder / "tunewarden" / "uploads").iterdir()) == []


def test_an_upload_that_broke_off_goes_on_from_the_last_part_that_came(desk: Desk, line: Line, large: Path) -> None:
    line.breaks_after = 3
    with pytest.raises(Unavailable):
        line.send(large)
    (memory,) = (desk.folder / "tunewarden" / "uploads").iterdir()
    assert memory.stat().st_mode & 0o077 == 0
    assert len(json.loads(memory.read_text())["parts"]) == 3
    line.breaks_after, line.parts = None, 0
    made = line.send(large)
    assert line.parts == -(-large.stat().st_size // 1000) - 3
    assert content(desk, made["id"]) == large.read_bytes()


@pytest.mark.parametrize("change", ["content", "time", "memory"])
def test_it_does_not_go_on_with_what_is_another_file_over_or_unreadable(
    desk: Desk, line: Line, large: Path, change: str
) -> None:
    line.breaks_after = 3
    with pytest.raises(Unavailable):
        line.send(large)
    (memory,) = (desk.folder / "tunewarden" / "uploads").iterdir()
    line.breaks_after, line.parts, now = None, 0, 0.0
    if change == "content":
        large.write_bytes(large.read_bytes()[::-1])
    elif change == "time":
        now = json.loads(memory.read_text())["expires_at"] - 30.0
    else:
        memory.write_text("[1]")
    made = line.send(large, now)
    assert line.parts == -(-large.stat().st_size // 1000)
    assert content(desk, made["id"]) == large.read_bytes()


def test_an_upload_that_is_over_there_begins_anew(desk: Desk, line: Line, large: Path) -> None:
    line.breaks_after = 3
    with pytest.raises(Unavailable):
        line.send(large)
    (memory,) = (desk.folder / "tunewarden" / "uploads").iterdir()
    upload = json.loads(memory.read_text())["upload"]
    desk.theatre.must("dana", "POST", f"/v1/uploads/{upload}/cancel")
    line.breaks_after = None
    assert content(desk, line.send(large)["id"]) == large.read_bytes()


def test_parts_that_were_damaged_on_the_way_are_sent_once_more(desk: Desk, line: Line, large: Path) -> None:
    line.breaks_after = 3
    with pytest.raises(Unavailable):
        line.send(large)
    (memory,) = (desk.folder / "tunewarden" / "uploads").iterdir()
    said = json.loads(memory.read_text())
    memory.write_text(json.dumps({**said, "parts": said["parts"][::-1]}))
    line.breaks_after = None
    assert content(desk, line.send(large)["id"]) == large.read_bytes()
    assert list(memory.parent.iterdir()) == []


def test_of_parts_that_are_no_use_nothing_is_remembered(
    desk: Desk, line: Line, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = line.post

    def damaged(path: str, *arguments: Any, **more: Any) -> Any:
        if path.endswith("/complete"):
            raise Declined("checksum_differs", "The parts have another MD5.", exit_code=Exit.USAGE)
        return whole(path, *arguments, **more)

    monkeypatch.setattr(line, "post", damaged)
    with pytest.raises(Declined):
        line.send(large)
    assert list((desk.folder / "tunewarden" / "uploads").iterdir()) == []


def test_where_nothing_can_be_remembered_a_large_file_comes_all_the_same(
    desk: Desk, line: Line, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/nowhere")
    assert content(desk, line.send(large)["id"]) == large.read_bytes()


def test_what_was_never_finished_is_forgotten_after_a_day(desk: Desk, line: Line, large: Path) -> None:
    line.breaks_after = 3
    with pytest.raises(Unavailable):
        line.send(large)
    (memory,) = (desk.folder / "tunewarden" / "uploads").iterdir()
    line.breaks_after = 2
    large.write_bytes(large.read_bytes() + b"\n")
    line.parts = 0
    with pytest.raises(Unavailable):
        line.send(large, memory.stat().st_mtime + 90_000.0)
    assert not memory.exists()
