"""A model that is right as often as a test says, for groups of the sizes that the house's figures are stated for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

import numpy as np
from tests.conftest import POLICIES

from tunewarden.domain.fairness import FairnessDeclaration, FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.gates import Evidence, Gate, Outcome, Verdict, judge
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure.decided import Decided
from tunewarden.steps.measure.group_rows import ClassRows, decide_classes

ABOUT = Digest("sha256:" + "a" * 64)
SIZES = {"a": 2000, "b": 800, "c": 300, "d": 100, "e": 40}
ACCURACY = GroupMetric.ACCURACY


def declaration(**tolerances: str) -> FairnessDeclaration:
    """Of the attribute `group` at the shipped sizes; accuracy at 0.10 unless the test says otherwise."""
    said = {"accuracy": "0.10"} | {name.replace("_", "-"): value for name, value in tolerances.items()}
    policy = FairnessPolicy(
        tolerances=tuple(Tolerance(metric=GroupMetric(name), at_most=Decimal(said[name])) for name in sorted(said))
    )
    return policy.declared({"group"}, frozenset(GroupMetric), {}, depth=2)


@dataclass(frozen=True)
class World:
    """Persons in groups, one row each."""

    groups: tuple[str, ...]
    sizes: Mapping[str, int]

    @classmethod
    def of(cls, sizes: Mapping[str, int]) -> "World":
        return cls(groups=tuple(np.repeat(list(sizes), list(sizes.values()))), sizes=sizes)

    def decided(
        self,
        rng: np.random.Generator,
        rate: float,
        *,
        gap: Mapping[str, float] | None = None,
        said: FairnessDeclaration,
    ) -> Decided:
        """Of a model that is right at `rate`, and in the groups of `gap` less often by so much."""
        rates = np.repeat([rate - (gap or {}).get(name, 0.0) for name in self.sizes], list(self.sizes.values()))
        labels = np.zeros(len(rates), dtype=np.int64)
        predicted = (rng.random(len(rates)) >= rates).astype(np.int64)
        rows = ClassRows(labels=labels, predicted=predicted, persons=np.arange(len(rates)))
        return decide_classes(rows, {"group": self.groups}, said)


@cache
def gate() -> Gate:
    """The shipped gate's rules on fairness."""
    shipped = FilePolicies(POLICIES).gate(PolicyName("promotion"))
    return replace(shipped, rules=tuple(rule for rule in shipped.rules if rule.metric.startswith("fairness.")))


def verdict(found: Decided, too_small: int = 0) -> Verdict:
    """What the shipped gate's rules on fairness make of it."""
    evidence = Evidence(about=ABOUT, produced_by=ABOUT, measurements=tuple(found.measurements(100, too_small)))
    return judge(gate(), ABOUT, [evidence])


def outcome(found: Decided, too_small: int = 0) -> Outcome:
    return verdict(found, too_small).outcome
