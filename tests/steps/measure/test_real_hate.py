"""The gate on real sentences about seven groups of people: HateCheck (Roettger et al. 2021, ACL; CC BY 4.0).

A quick model of words says which of 3,436 sentences are hateful, each half by what it learnt of the templates of the
other. The attribute is whom a sentence is about; the sentences that one template has about one group are one person's.
"""

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from zlib import crc32

import numpy as np
import pytest
from tests.conftest import POLICIES, SHARED
from tests.steps.measure.simulated import outcome

from tunewarden.domain.fairness import GroupMetric
from tunewarden.domain.gates import Outcome
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure.comparing import Comparison, Standing
from tunewarden.steps.measure.decided import Decided
from tunewarden.steps.measure.fairness import measure_fairness

SENTENCES = SHARED / "data" / "hatecheck" / "test_suite_cases.csv"
WIDTH = 1024
GROUPS = {"women", "gay people", "trans people", "disabled people", "black people", "Muslims", "immigrants"}
JUDGED = frozenset({GroupMetric.ACCURACY, GroupMetric.FALSE_POSITIVE})
pytestmark = pytest.mark.skipif(not SENTENCES.is_file(), reason="HateCheck is not beside this clone")


@dataclass(frozen=True)
class Sentences:
    """features float32[rows, WIDTH]; hateful, half, persons int64[rows]; about: a group of people a row."""

    features: np.ndarray
    hateful: np.ndarray
    half: np.ndarray
    about: np.ndarray
    persons: np.ndarray

    def answers(self, learnt: np.ndarray) -> np.ndarray:
        """Chances that each is hateful, of models that learnt from the labels `learnt`."""
        chances = np.zeros(len(self.about))
        for half in (0, 1):
            mine = self.half == half
            chances[mine] = fitted(self.features[~mine], learnt[~mine])(self.features[mine])
        return chances

    def decided(self, learnt: np.ndarray) -> Decided:
        """What the shipped policy, asked for false accusations too, says of those models."""
        chances = self.answers(learnt)
        found = measure_fairness(
            labels=self.hateful,
            predicted=(chances >= 0.5).astype(np.int64),
            persons=self.persons,
            attributes={"about": [str(group) for group in self.about]},
            before={},
            confidence=np.maximum(chances, 1 - chances),
            declaration=FilePolicies(POLICIES)
            .fairness()
            .declared({"about"}, JUDGED, {GroupMetric.FALSE_POSITIVE: Decimal("0.15")}, depth=1),
        )
        assert found.decided is not None
        return found.decided


def words(text: str) -> Sequence[str]:
    single = re.findall(r"[a-z']+", text.lower())
    return [*single, *map(" ".join, pairwise(single))]


def fitted(features: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A logistic regression in which both classes weigh the same."""
    weights, bias = np.zeros(WIDTH, dtype=np.float32), 0.0
    share = np.where(labels == 1, 0.5 / max(1, labels.sum()), 0.5 / max(1, (1 - labels).sum())).astype(np.float32)
    for _ in range(40):
        away = share * (labels - 1 / (1 + np.exp(-(features @ weights + bias)))).astype(np.float32)
        weights, bias = weights + 8 * (features.T @ away - 1e-3 * weights), bias + 8 * float(away.sum())
    return lambda others: np.asarray(1 / (1 + np.exp(-(others @ weights + bias))))


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    with SENTENCES.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["target_ident"]]
    features = np.zeros((len(rows), WIDTH), dtype=np.float32)
    for number, row in enumerate(rows):
        features[number, [crc32(word.encode()) % WIDTH for word in words(row["test_case"])]] = 1
    return Sentences(
        features=features,
        hateful=np.array([row["label_gold"] == "hateful" for row in rows], dtype=np.int64),
        half=np.array([int(row["templ_id"]) % 2 for row in rows]),
        about=np.array([row["target_ident"] for row in rows]),
        persons=np.unique([f"{row['templ_id']} {row['target_ident']}" for row in rows], return_inverse=True)[1],
    )


def accused(found: Decided) -> dict[str, Comparison]:
    """The comparison of each group by how often it is called hateful and is not."""
    return {each.group: each for each in found.comparisons if (each.metric, each.label) == ("false-positive", 1)}


def test_every_group_of_people_is_compared_and_a_fair_model_does_not_fail(sentences: Sentences) -> None:
    found = sentences.decided(sentences.hateful)
    assert accused(found).keys() == GROUPS
    assert outcome(found) is not Outcome.FAIL
    assert {each.standing for each in accused(found).values()} <= {
        Standing.CLEARED,
        Standing.UNDECIDED,
        Standing.NOT_ASSESSABLE,
    }


@pytest.mark.parametrize("group", ["trans people", "Muslims"])
def test_a_model_that_learnt_to_take_one_group_for_hateful_fails_naming_it(sentences: Sentences, group: str) -> None:
    spoilt = np.where(sentences.about == group, 1, sentences.hateful)
    found = sentences.decided(spoilt)
    assert outcome(found) is Outcome.FAIL
    confirmed = [each for each in found.comparisons if each.standing is Standing.CONFIRMED]
    assert {each.group for each in confirmed} == {group}
    assert accused(found)[group].standing is Standing.CONFIRMED
    assert accused(found)[group].behind.value > Decimal("0.15")
