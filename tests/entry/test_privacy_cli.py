"""`tunewarden privacy`: what noise costs, and what a plan means for one person, in words and as a picture."""

import itertools
import json
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.conftest import ANN, DANA, registration
from tests.domain.test_training import plan
from tests.entry.test_cli import prepared
from typer.testing import CliRunner

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.curve import LearningCurve
from tunewarden.domain.errors import Malformed, NotFound, TunewardenError
from tunewarden.domain.names import PolicyName
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Recipe
from tunewarden.drivers import accounting
from tunewarden.entry.cli import app
from tunewarden.entry.cli.privacy_words import belief_after, explained
from tunewarden.entry.report.privacy import most_often_right
from tunewarden.entry.report.tradeoff import Point, curve, most_right, promised
from tunewarden.entry.wiring import build
from tunewarden.usecases import datasets, files, requests

ASKED = ("privacy", "calibrate", "--epsilon", "3", "--delta", "0.00001")


def run(*arguments: str) -> str:
    """What the command prints; raises what it raises."""
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture
def here() -> list[Point]:
    return curve(lambda epsilons: accounting.deltas([plan().mechanism], epsilons))


def test_calibration_says_the_least_noise_and_both_epsilons() -> None:
    said = json.loads(run(*ASKED, "--persons", "1000", "--batch-size", "128", "--epochs", "6", "--json"))
    assert (said["sampling_rate"], said["updates"], said["unit"]) == ("0.1280", 47, "person")
    assert 0 < Decimal(said["epsilon_pld"]) < Decimal(said["epsilon"]) <= 3
    assert "epsilon_of_one_record" not in said


def test_rate_and_updates_may_be_said_instead() -> None:
    assert "noise multiplier" in run(*ASKED, "--rate", "0.1", "--updates", "50")


def test_where_records_are_the_unit_the_smaller_epsilon_stands_beside_and_says_whom_it_does_not_protect() -> None:
    asked = (*ASKED, "--rate", "0.05", "--updates", "50", "--records-per-person", "3")
    said = json.loads(run(*asked, "--json"))
    assert Decimal(said["epsilon_of_one_record"]) < Decimal(said["epsilon"]) <= 3
    assert "nothing to a person who has 3" in run(*asked)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--rate", "0.1"), "updates_unclear"),
        (("--updates", "10"), "rate_unclear"),
        (("--rate", "0.1", "--persons", "10", "--updates", "10"), "rate_unclear"),
        (("--persons", "10", "--batch-size", "11", "--updates", "10"), "sampling_rate_out_of_range"),
        (("--persons", "10", "--batch-size", "0", "--updates", "10"), "sampling_rate_out_of_range"),
        (("--persons", "100000", "--batch-size", "10", "--updates", "10"), "delta_too_large"),
        (("--rate", "2", "--updates", "10"), "sampling_rate_out_of_range"),
        (("--rate", "x", "--updates", "10"), "not_a_number"),
        (("--rate", "0.1", "--epochs", "0"), "epochs_out_of_range"),
        (("--rate", "0.1", "--updates", "0"), "updates_out_of_range"),
        (("--rate", "0.1", "--updates", "-1"), "updates_out_of_range"),
        (("--rate", "0.1", "--updates", "9", "--records-per-person", "0"), "contributions_out_of_range"),
        (("--rate", "0.1", "--updates", "9", "--records-per-person", "65"), "contributions_out_of_range"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(arguments: tuple[str, ...], code: str) -> None:
    with pytest.raises(Malformed) as refused:
        run(*ASKED, *arguments)
    assert refused.value.code == code


@pytest.mark.parametrize("epsilon", ["0", "-3", "NaN", "Infinity", "many"])
def test_an_epsilon_that_is_none_is_refused(epsilon: str) -> None:
    with pytest.raises(Malformed):
        run("privacy", "calibrate", "--epsilon", epsilon, "--delta", "0.00001", "--rate", "0.1", "--updates", "9")


def test_a_plan_is_explained_in_words_and_as_a_picture(tmp_path: Path) -> None:
    file, drawn = tmp_path / "plan.json", tmp_path / "plan.svg"
    file.write_bytes(encode(to_plain(plan())))
    said = run("privacy", "explain", str(file), "--svg", str(drawn))
    for words in ("WHAT IS PROMISED", "Epsilon 8 at delta 0.0001 for one person", "at most", "DOES NOT SAY"):
        assert words in said
    assert max(map(len, said.splitlines())) <= 88 or str(drawn) in said
    root = ElementTree.fromstring(drawn.read_text())  # noqa: S314 - it was written above
    assert root.attrib["aria-label"].startswith("An observer is right")
    assert "http" not in drawn.read_text().replace("http://www.w3.org/2000/svg", "")


def test_whoever_approves_a_learning_curve_is_told_what_it_adds(here: list[Point]) -> None:
    curved = replace(plan(), curve=LearningCurve(shares=(Decimal("0.25"), Decimal("0.5")), epsilon=Decimal("14.5")))
    said = " ".join(explained(curved, here, tighter=Decimal(13), record=None, budget=None).split())
    assert "Epsilon 14.5 at delta" in said
    assert "models are trained on 25 % and 50 % of the persons too" in said
    assert f"The model alone would cost epsilon {plan().epsilon}" in said
    assert "1.75 times as long" in said
    assert "learning curve" not in explained(plan(), here, tighter=Decimal(7), record=None, budget=None)


def test_a_file_that_is_no_plan_is_refused_without_repeating_it(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(b'{"note":"CANARY"}')
    with pytest.raises(TunewardenError) as refused:
        run("privacy", "explain", str(file))
    assert "CANARY" not in str(refused.value)


def test_the_mechanism_never_gives_away_more_than_its_promise(here: list[Point]) -> None:
    tight = accounting.epsilon_pld([plan().mechanism], Decimal("0.0001"))
    corners = promised(float(tight), 0.0001)
    for point in here:
        allowed = min(1.0, float(tight.exp()) * point.wrong + 0.0001)
        assert point.wrong - 1e-9 <= point.right <= allowed + 0.001  # its epsilons are a grid
    assert most_right(here) <= most_right(corners)


def test_the_curve_is_a_bound_that_rises_and_bends_down(here: list[Point]) -> None:
    assert here == sorted(here, key=lambda point: point.wrong)
    slopes = [(after.right - before.right) / (after.wrong - before.wrong) for before, after in itertools.pairwise(here)]
    assert all(slope >= -1e-9 for slope in slopes)
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(slopes))


def test_of_a_training_without_updates_nothing_can_be_learnt() -> None:
    never = curve(lambda epsilons: accounting.deltas([plan().mechanism.times(0)], epsilons))
    assert most_right(never) <= Decimal("0.50001")


def test_the_corner_of_a_promise_is_the_bound_that_reports_state() -> None:
    assert most_right(promised(3.0, 0.0001)) == pytest.approx(
        most_often_right(Decimal(3), Decimal("0.0001")), abs=Decimal("0.00002")
    )


def test_belief_grows_by_e_to_the_epsilon_in_odds() -> None:
    assert belief_after(Decimal("0.5"), Decimal(3).ln()) == pytest.approx(Decimal("0.75"))
    assert belief_after(Decimal("0.01"), Decimal(0)) == Decimal("0.01")


def test_the_record_stands_beside_the_person_and_is_not_called_a_promise(here: list[Point]) -> None:
    mechanism = replace(plan().mechanism, unit=PrivacyUnit.RECORD, contributions=3)
    records = replace(plan(), mechanism=mechanism, recipe=Recipe(rows_per_person=3))
    said = explained(records, here, tighter=Decimal(7), record=Decimal("1.5"), budget=None)
    assert "For a record alone epsilon would be 1.5" in " ".join(said.split())
    assert "that protects nobody who has several" in " ".join(said.split())


def test_a_request_of_this_platform_is_explained_with_what_is_left_of_its_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = prepared(tmp_path)
    platform = build(settings)
    dataset, _ = datasets.register(platform, DANA, registration(epsilon="10"))
    content = "note,burn,patient,sex\n" + "".join(
        f"Note {number},{'yes' if number % 2 else 'no'},P{number},f\n" for number in range(60)
    )
    stored, _ = files.upload(
        platform, DANA, filename="notes.csv", purpose="fine-tune", content=BytesIO(content.encode())
    )
    datasets.add_version(platform, DANA, dataset.id, stored.id)
    asked = requests.Ask(
        training_file=dataset.id, base_model=PolicyName("all-minilm-l6-v2"), purpose="research", epsilon=Decimal(4)
    )
    request, _ = requests.submit(platform, ANN, asked)
    monkeypatch.setenv("TUNEWARDEN_HOME", str(tmp_path))
    said = " ".join(run("privacy", "explain", request.id).split())
    assert "Epsilon 4 at delta 0.0001 for one person" in said
    assert "one person may lose epsilon 10 at delta 0.0001 over all trainings. Spent for ever: 0." in said
    with pytest.raises(NotFound):
        run("privacy", "explain", "ftjob-unheard")
