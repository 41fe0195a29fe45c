"""Noisy figures: how wide their intervals get, by the number of held-out persons and the epsilon of the figures."""

import csv
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from tests.bench.conftest import Rows
from tests.conftest import SHARED

from tunewarden.domain.datasets import Groups
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.drivers import accounting
from tunewarden.steps.measure.figures import Answered, exact_figures, noisy_figures
from tunewarden.steps.measure.intervals import Figure

pytestmark = pytest.mark.bench
NARRATIVES = SHARED / "data" / "neiss-fireworks" / "df_injury_clean2.csv"
BURN = "Burns, thermal (from flames or hot surface)"
GROUPS = (
    Groups(column="Sex", values=("Male", "Female")),
    Groups(column="Age", values=("0-17", "18-39", "40-64", "65-120")),
)
DELTA = Decimal("0.00001")
ACCURACY, BASE_ACCURACY = 0.9, 0.5
DRAWS = 10
People = Sequence[tuple[int, str, str]]


def people() -> People:
    """(burn or not, sex, age band) of every record."""
    with NARRATIVES.open(newline="") as file:
        return [(int(row["Diagnosis"] == BURN), row["Sex"], band(float(row["Age"]))) for row in csv.DictReader(file)]


def band(years: float) -> str:
    return ("0-17", "18-39", "40-64", "65-120")[sum(years >= begin for begin in (18, 40, 65))]


def drawn(rng: np.random.Generator, among: People, persons: int) -> Answered:
    """So many of them, with replacement, each answered rightly nine times in ten, whoever they are."""
    some = [among[int(place)] for place in rng.integers(len(among), size=persons)]
    labels = np.array([burn for burn, _, _ in some], dtype=np.int64)
    return Answered(
        labels=labels,
        predicted=np.where(rng.random(persons) < ACCURACY, labels, 1 - labels),
        base_predicted=np.where(rng.random(persons) < BASE_ACCURACY, labels, 1 - labels),
        persons=np.arange(persons),
        attributes={"Sex": [sex for _, sex, _ in some], "Age": [age for _, _, age in some]},
    )


def calibrated(epsilon: str) -> Mechanism:
    template = Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(1),
        noise_multiplier=Decimal(1),
        updates=2 + len(GROUPS),
    )
    return accounting.calibrate(template, Decimal(epsilon), DELTA)


def width(figure: Figure | None) -> float:
    """1 where nothing could be said: then all that is known is that a share lies between 0 and 1."""
    return 1.0 if figure is None else float(figure.high - figure.low)


@pytest.mark.skipif(not NARRATIVES.is_file(), reason="the real narratives are not beside this clone")
@pytest.mark.parametrize("epsilon", ["0.5", "1", "2", "3", "8"])
@pytest.mark.parametrize("persons", [200, 1000, 5000])
def test_how_wide_noisy_intervals_are(rows: Rows, persons: int, epsilon: str) -> None:
    rng, among, planned = np.random.default_rng(persons), people(), calibrated(epsilon)
    accuracies, gains, gaps = [], [], []
    for _ in range(DRAWS):
        answered = drawn(rng, among, persons)
        utility, fairness, _ = noisy_figures(
            answered, classes=2, groups=GROUPS, protected=("Sex", "Age"), planned=planned
        )
        accuracies.append(width(utility.accuracy))
        gains.append(-1.0 if utility.gain_over_majority is None else float(utility.gain_over_majority.low))
        gaps.append(1.0 if fairness.accuracy_gap is None else float(fairness.accuracy_gap.high))
    exact, exactly_fair = exact_figures(answered, majority=int(np.bincount(answered.labels).argmax()))
    exact_gap = 1.0 if exactly_fair.accuracy_gap is None else float(exactly_fair.accuracy_gap.high)
    of = f"{persons:,} held out, epsilon {epsilon} (noise {planned.noise_multiplier:.3g})"
    beside = f"exact figures: {width(exact.accuracy):.3f}"
    rows.add(f"width of the accuracy, {of}", accuracies, unit="share", goal=0.2, bound="at_most", baseline=beside)
    rows.add(f"low end of the gain over the majority, {of}", gains, unit="share", goal=0.05, bound="at_least")
    beside = f"exact figures: {exact_gap:.3f}"
    rows.add(
        f"high end of the accuracy gap of a fair model, {of}",
        gaps,
        unit="share",
        goal=0.3,
        bound="at_most",
        baseline=beside,
    )
