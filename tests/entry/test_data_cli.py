"""`tunewarden data check`: counts on a terminal or as JSON, an exit status for scripts, and no text."""

import json
from pathlib import Path

from click.testing import Result
from tokenizers import Tokenizer, models, pre_tokenizers
from typer.testing import CliRunner

from tunewarden.domain.errors import TunewardenError
from tunewarden.entry.cli import app

CANARY = "Zebediah"
ROWS = "".join(f"{CANARY} burnt {place},{CANARY}-{place % 2},p{place}\n" for place in range(40))


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["data", "check", *map(str, arguments)])
    assert CANARY + " " not in result.output
    return result


def table(folder: Path, more: str = "", header: str = "text,label,who") -> Path:
    path = folder / "notes"
    path.write_text(f"{header}\n{ROWS}{more}")
    return path


def test_a_sound_file_is_described_and_ends_with_zero(tmp_path: Path) -> None:
    result = run(table(tmp_path), "--person", "who", "--json", tmp_path / "report.json")
    assert (result.exit_code, result.exception) == (0, None)
    assert "40 rows of 40 persons" in result.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["report"]["form"], report["report"]["persons"]) == ("text-and-label", 40)
    assert CANARY + " " not in (tmp_path / "report.json").read_text()


def test_blank_rows_end_with_one_and_are_named(tmp_path: Path) -> None:
    result = run(table(tmp_path, " ,a,p1\nb,,p2\n"))
    assert result.exit_code == 1
    assert "2 rows with a blank part: 41, 42" in result.output


def test_as_json_on_the_output_nothing_else_stands_there(tmp_path: Path) -> None:
    assert json.loads(run(table(tmp_path), "--json", "-").stdout)["blank_rows"] == 0


def test_tokens_are_counted_by_the_tokenizer_that_is_given(tmp_path: Path) -> None:
    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "tokenizer.json"))
    said = json.loads(run(table(tmp_path), "--tokenizer", tmp_path / "tokenizer.json", "--json", "-").stdout)
    assert said["report"]["token_lengths"] == [{"name": "2-3", "persons": 40, "rows": 40}]
    refused = run(table(tmp_path), "--tokenizer", table(tmp_path))
    assert isinstance(refused.exception, TunewardenError)
    assert refused.exception.code == "tokenizer_malformed"


def test_near_duplicates_are_counted_where_they_are_asked_for_and_a_few_only_as_few(tmp_path: Path) -> None:
    words = [" ".join(f"w{place}x{word}" for word in range(40)) for place in range(20)]
    path = tmp_path / "notes.csv"
    for copies, said in ((20, "20"), (3, "fewer than 10"), (0, "0")):
        again = [f"{text} more" for text in words[:copies]]
        path.write_text("text,label\n" + "".join(f"{text},a\n" for text in [*words, *again]))
        assert json.loads(run(path, "--near", "--json", "-").stdout)["near"] == said
    assert "nearly an earlier one (80 % of the runs of three words): 0" in run(path, "--near").output.replace("\n", " ")


def test_what_cannot_be_read_is_refused_with_a_code(tmp_path: Path) -> None:
    absent, unknown = run(tmp_path / "nothing"), run(table(tmp_path, header="a,b,c"))
    codes = [one.exception.code for one in (absent, unknown) if isinstance(one.exception, TunewardenError)]
    assert codes == ["file_not_found", "form_unknown"]
