"""`tunewarden demo` on real emergency-room narratives: the whole story, with the figures that it promises."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.conftest import SHARED

NARRATIVES = SHARED / "data" / "neiss-fireworks" / "df_injury_clean2.csv"

MAJORITY = 824 / 1532  # records whose diagnosis is not a thermal burn


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    if not NARRATIVES.is_file():
        pytest.skip("the real narratives are not beside this clone")
    home = tmp_path_factory.mktemp("demo")
    summary = home / "summary.json"
    command = [
        *(sys.executable, "-m", "tunewarden", "demo", "--data", str(NARRATIVES), "--text", "Narrative"),
        *("--label", "Diagnosis", "--positive", "Burns, thermal (from flames or hot surface)"),
        *("--protected", "Sex,Age", "--epsilon", "8", "--delta", "0.0001"),
        *("--home", str(home), "--summary", str(summary)),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished, summary


def test_the_model_beats_the_majority_by_thirty_points_at_epsilon_eight(
    told: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """Against the majority class of the whole file, which does not vary with who is held out.

    The accuracy on some 310 held-out persons is 0.91 with a standard deviation of 0.02: a false alarm in less than one
    of 1,000 runs. Against the majority among the held-out persons alone it would be one in 50.
    """
    summary = json.loads(told[1].read_text())
    assert summary["accuracy"]["value"] - MAJORITY >= 0.30
    assert summary["accuracy"]["value"] - summary["majority"] >= 0.20
    assert summary["accuracy"]["low"] <= summary["accuracy"]["value"] <= summary["accuracy"]["high"]
    assert summary["epsilon"] <= 8
    assert (summary["delta"], summary["unit"]) == (0.0001, "person")


def test_the_summary_says_what_happened(told: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    summary = json.loads(told[1].read_text())
    assert summary["verified"] is True
    assert summary["gates"] == {"training": "pass", "promotion": "pass"}
    codes = [refusal["code"] for refusal in summary["refusals"]]
    assert codes == ["purpose_not_allowed", "access_denied", "access_denied"]
    assert {"deidentify", "train", "measure"} <= summary["steps"].keys()
    assert {name.split()[0] for name in summary["fairness"]} == {"Sex", "Age"}
    with zipfile.ZipFile(summary["bundle"]) as bundle:
        assert Path(summary["report"]).read_bytes() == bundle.read("report.html")


def test_the_story_is_told_as_it_goes(told: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    told_lines = told[0].stdout
    for said in ("every row is another person", "epsilon", "refused (403 purpose_not_allowed)", "production names"):
        assert said in told_lines


def test_a_column_that_is_not_there_is_named_without_a_traceback(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("note,label\nburnt hand,yes\ncut,no\n")
    command = [sys.executable, "-m", "tunewarden", "demo", "--data", str(table), "--text", "narrative"]
    finished = subprocess.run([*command, "--home", str(tmp_path)], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "missing_column" in finished.stdout
    assert "Traceback" not in finished.stdout + finished.stderr
