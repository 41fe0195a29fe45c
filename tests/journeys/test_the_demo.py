"""`tunewarden demo` on real emergency-room narratives: the whole story, with the figures that it promises.

Where they are not beside this clone, it is told on the demo's own notes, and only the figures are skipped.
"""

import json
import subprocess
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.conftest import SHARED
from tests.journeys.conftest import Played, declared_metrics, lineage_of, measured_in

from tunewarden.entry.cli.demo import Story, tell

NARRATIVES = SHARED / "data" / "neiss-fireworks" / "df_injury_clean2.csv"
ON_NARRATIVES = [
    *("--data", str(NARRATIVES), "--text", "Narrative", "--label", "Diagnosis"),
    *("--positive", "Burns, thermal (from flames or hot surface)", "--protected", "Sex,Age"),
    *("--epsilon", "8", "--delta", "0.0001", "--held-out", "public"),
]

MAJORITY = 824 / 1532  # records whose diagnosis is not a thermal burn


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    home = tmp_path_factory.mktemp("demo")
    summary = home / "summary.json"
    records = ON_NARRATIVES if NARRATIVES.is_file() else []
    command = [sys.executable, "-m", "tunewarden", "demo", *records, "--home", str(home), "--summary", str(summary)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished, summary


@pytest.mark.skipif(not NARRATIVES.is_file(), reason="the real narratives are not beside this clone")
def test_the_model_beats_the_majority_by_thirty_points_at_epsilon_eight(
    demonstrated: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """Against the majority class of the whole file, which does not vary with who is held out.

    The accuracy on some 310 held-out persons is 0.91 with a standard deviation of 0.02: a false alarm in less than one
    of 1,000 runs. Against the majority among the held-out persons alone it would be one in 50.
    """
    summary = json.loads(demonstrated[1].read_text())
    assert summary["accuracy"]["value"] - MAJORITY >= 0.30
    assert summary["accuracy"]["value"] - summary["majority"] >= 0.20
    assert summary["accuracy"]["low"] <= summary["accuracy"]["value"] <= summary["accuracy"]["high"]
    assert summary["epsilon"] <= 8
    assert (summary["delta"], summary["unit"]) == (0.0001, "person")


def test_the_summary_says_what_happened(demonstrated: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    summary = json.loads(demonstrated[1].read_text())
    assert summary["verified"] is True
    assert summary["gates"] == {"training": "pass", "promotion": "pass"}
    codes = [refusal["code"] for refusal in summary["refusals"]]
    assert codes == ["purpose_not_allowed", "access_denied", "access_denied"]
    assert {"deidentify", "train", "measure"} <= summary["steps"].keys()
    assert {name.split()[0].lower() for name in summary["fairness"]} == {"sex", "age"}
    with zipfile.ZipFile(summary["bundle"]) as bundle:
        assert Path(summary["report"]).read_bytes() == bundle.read("report.html")


def test_every_metric_of_the_whole_evidence_is_declared(
    demonstrated: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    measured = measured_in(Path(json.loads(demonstrated[1].read_text())["bundle"]))
    assert measured <= declared_metrics()
    swapped = {metric for metric in measured if metric.startswith("explanation.flip_rate.")}
    assert len(swapped) == 4, "so many pairs were asked that something is stated of them"


def test_where_no_process_dies_exactly_the_updates_of_the_plan_are_charged(
    demonstrated: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    privacy = lineage_of(Path(json.loads(demonstrated[1].read_text())["bundle"]))["privacy"]
    assert privacy["updates_charged"] == privacy["mechanism"]["updates"]


def test_the_story_is_told_as_it_goes(demonstrated: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    for said in ("records of", "epsilon", "refused (403 purpose_not_allowed)", "production names"):
        assert said in demonstrated[0].stdout
    assert ("every row is another person" in demonstrated[0].stdout) == NARRATIVES.is_file()


def test_a_column_that_is_not_there_is_named_and_ends_the_story(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("note,label\nburnt hand,yes\ncut,no\n")
    story = Story(
        data=table,
        text="narrative",
        label="label",
        person=None,
        protected=(),
        positive=None,
        epsilon="8",
        delta="0.0001",
        epochs=1,
    )
    assert tell(story, tmp_path, None, start=lambda _home: nullcontext(played.stage)) == 1
    assert "missing_column" in capsys.readouterr().out
