"""The statistics on real emergency-room narratives: 1,532 persons, sex and age band, and a quick model of words.

The model is a logistic regression on hashed words, and each row is answered by one that was fitted on the other two
thirds. It stands for any model: what is tested is what is said of it.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from zlib import crc32

import numpy as np
import pytest
from tests.conftest import POLICIES, SHARED
from tests.steps.measure.simulated import outcome

from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.domain.gates import Outcome
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure.comparing import Standing
from tunewarden.steps.measure.fairness import Fairness, measure_fairness

NARRATIVES = SHARED / "data" / "neiss-fireworks" / "df_injury_clean2.csv"
BURN = "Burns, thermal (from flames or hot surface)"
WIDTH, FOLDS = 512, 3
pytestmark = pytest.mark.skipif(not NARRATIVES.is_file(), reason="the real narratives are not beside this clone")


@dataclass(frozen=True)
class Answered:
    """What the quick model says: int64[rows], and its probability for that; `majority` always says the same."""

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    majority: np.ndarray
    attributes: dict[str, list[str]]

    def fairness(self, said: FairnessDeclaration, spoilt: np.ndarray | None = None) -> Fairness:
        """As measured; rows that are `spoilt` are answered wrongly."""
        predicted = self.predicted if spoilt is None else np.where(spoilt, 1 - self.labels, self.predicted)
        return measure_fairness(
            labels=self.labels,
            predicted=predicted,
            persons=np.arange(len(self.labels)),
            attributes=self.attributes,
            before={GroupMetric.LOSS: self.majority},
            confidence=self.confidence,
            declaration=said,
        )


def words(texts: Sequence[str]) -> np.ndarray:
    """float64[texts, WIDTH]: which hashed words a text has."""
    found = np.zeros((len(texts), WIDTH))
    for row, text in enumerate(texts):
        found[row, [crc32(word.encode()) % WIDTH for word in re.findall(r"[a-z]+", text.lower())]] = 1
    return found


def fitted(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    weights = np.zeros(WIDTH)
    for _ in range(40):
        chances = 1 / (1 + np.exp(-features @ weights))
        weights += 2 * (features.T @ (labels - chances) / len(labels) - 1e-3 * weights)
    return weights


@pytest.fixture(scope="module")
def answered() -> Answered:
    with NARRATIVES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([row["Diagnosis"] == BURN for row in rows], dtype=np.int64)
    features, fold = words([row["Narrative"] for row in rows]), np.arange(len(rows)) % FOLDS
    chances = np.zeros(len(rows))
    for number in range(FOLDS):
        weights = fitted(features[fold != number], labels[fold != number])
        chances[fold == number] = 1 / (1 + np.exp(-features[fold == number] @ weights))
    years = [float(row["Age_Fix"]) for row in rows]
    return Answered(
        labels=labels,
        predicted=(chances >= 0.5).astype(np.int64),
        confidence=np.maximum(chances, 1 - chances),
        majority=np.zeros(len(rows), dtype=np.int64),
        attributes={
            "sex": [row["Sex"] for row in rows],
            "age": [("0-17", "18-39", "40-64", "65+")[sum(age >= start for start in (18, 40, 65))] for age in years],
        },
    )


def declared(**asked: str) -> FairnessDeclaration:
    policy = FilePolicies(POLICIES).fairness()
    wanted = {GroupMetric(name.replace("_", "-")): Decimal(value) for name, value in asked.items()}
    return policy.declared({"sex", "age"}, frozenset(GroupMetric), wanted, depth=2)


def test_of_the_shipped_policy_every_outcome_is_said_and_no_group_is_left_out(answered: Answered) -> None:
    assert np.mean(answered.predicted == answered.labels) > 0.8
    found = answered.fairness(declared())
    assert found.decided is not None
    accuracy = {(each.attribute, each.group) for each in found.decided.comparisons if each.metric == "accuracy"}
    small = {(each.attribute, each.group) for each in found.not_assessable}
    assert accuracy | small >= {("sex", "Male"), ("sex", "Female"), *(("age", band) for band in ("0-17", "18-39"))}
    assert len({group for attribute, group in accuracy | small if attribute == "age"}) == 4
    assert found.decided.count(Standing.CONFIRMED) == 0
    assert any("\N{MULTIPLICATION SIGN}" in each.attribute for each in found.decided.comparisons)
    assert all(each.calibration is not None for each in found.assessed)


def test_a_model_that_is_wrong_about_women_fails_by_the_group_and_the_metric(answered: Answered) -> None:
    women = np.array(answered.attributes["sex"]) == "Female"
    spoilt = women & (np.random.default_rng(1).random(len(women)) < 0.3)
    found = answered.fairness(declared(), spoilt)
    assert found.decided is not None
    assert outcome(found.decided) is Outcome.FAIL
    confirmed = {
        (each.attribute, each.group, each.metric)
        for each in found.decided.comparisons
        if each.standing is Standing.CONFIRMED
    }
    assert ("sex", "Female", "accuracy") in confirmed
    assert not {each for each in confirmed if each[1] == "Male"}


def test_the_same_gap_in_the_smallest_band_is_not_passed_over(answered: Answered) -> None:
    old = np.array(answered.attributes["age"]) == "65+"
    found = answered.fairness(declared(), old)
    assert found.decided is not None
    assert ("age", "65+") in {(each.attribute, each.group) for each in found.not_assessable} or any(
        each.group == "65+" and each.standing is Standing.CONFIRMED for each in found.decided.comparisons
    )
