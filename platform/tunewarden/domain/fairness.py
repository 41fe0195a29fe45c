"""What "fair" is going to mean for a model: declared before anything is trained, and part of the plan that is approved.

Whoever looks at many groups, metrics and tolerances after the fact finds some by which a model looks fair. So the plan
says which are looked at, on whom, and how far behind a group may be; the measuring step compares just that, and its
evidence names the digest of the declaration. The house's policy (`policies/fairness.toml`) is where it comes from;
whoever asks may be stricter and never looser.

Each group is compared with everybody else (the rest). Not stated here: which group ought to be favoured. For a model of
classes the rates are of every class, so that being recognised less often and being accused more often both count.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from tunewarden.domain.canonical import LATER, digest_of, digest_of_frozen
from tunewarden.domain.errors import Malformed, Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.writing import Writing

DEEPEST = 2
_FEWEST = 10
"""Below that nothing is told of a group, so nothing can be compared."""


class GroupMetric(StrEnum):
    """What is compared between a group and the rest: a difference of shares, positive where the group is behind.

    A rate is of one class against all others.
    """

    ACCURACY = "accuracy"
    """Right less often. Of completions: fewer tokens predicted right."""
    TRUE_POSITIVE = "true-positive"
    """Of who has the class, recognised less often (equal opportunity: Hardt et al. 2016, arXiv 1610.02413)."""
    FALSE_POSITIVE = "false-positive"
    """Of who does not have the class, taken for it more often (with the former: equalised odds, same paper)."""
    SELECTED = "selected"
    """Given the class less often, whether or not they have it (demographic parity). True differences count as gaps."""
    CALIBRATION = "calibration"
    """How sure the model is of its answers, less how often they are right: by that it is surer of the group than it may
    be of the rest (calibration in the large; by group as in Pleiss et al. 2017, arXiv 1709.02012)."""
    LOSS = "loss-against-base"
    """Right less often than the untrained base on the same rows: what training took from the group. A guard: that
    nobody loses need not be shown, only that somebody loses must not be."""
    REGRESSION = "loss-against-promoted"
    """The same against the model version that was promoted last, where there is one whose answers can be had."""


GUARDS = frozenset({GroupMetric.LOSS, GroupMetric.REGRESSION})
"""Of which it is enough that nobody is shown to have lost."""


class Reference(StrEnum):
    """What a group is compared with."""

    REST = "rest"


class Split(StrEnum):
    """Whose records are measured on."""

    HELD_OUT_PERSONS = "held-out-persons"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """A group may be at most this far behind the rest: a difference of shares, 0 or more and below 1."""

    metric: GroupMetric
    at_most: Decimal

    def __post_init__(self) -> None:
        if not (self.at_most.is_finite() and 0 <= self.at_most < 1):
            raise Malformed("tolerance_out_of_range", "A tolerance is 0 or more and below 1.", param=_PARAM)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessPolicy:
    """What the house wants to see, whatever the dataset.

    Attributes:
        tolerances: what is judged, sorted by metric; accuracy always is.
        minimum: persons on whom a comparison has to rest on both sides before an open one is `undecided`; one on fewer
            persons that shows neither is `not assessable`. Of a rate these are persons with, or without, the class.
        least: persons on either side below which nothing is compared.
        alpha: the chance of any false alarm over all comparisons by the policy's metrics, in either direction, and
            again over those by the metrics that who asked added; and for each comparison the chance to be cleared
            although it is behind by the tolerance.
        depth: up to so many attributes at once make a group (2: women over 65).
        writing: of models that complete texts, what is judged of what they write; None where nothing is.
    """

    tolerances: tuple[Tolerance, ...]
    minimum: int = 200
    least: int = 30
    alpha: Decimal = Decimal("0.05")
    depth: int = DEEPEST
    writing: Writing | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        metrics = [tolerance.metric for tolerance in self.tolerances]
        if metrics != sorted(set(metrics)) or GroupMetric.ACCURACY not in metrics:
            raise Malformed("fairness_out_of_range", "Each metric has one tolerance, in order, and accuracy has one.")
        if not _FEWEST <= self.least <= self.minimum:
            raise Malformed("fairness_out_of_range", f"A group is {_FEWEST} persons or more; the minimum is no less.")
        if not (self.alpha.is_finite() and 0 < self.alpha < Decimal("0.5")) or not 1 <= self.depth <= DEEPEST:
            raise Malformed("fairness_out_of_range", f"Alpha is between 0 and 0.5, and depth is 1 to {DEEPEST}.")

    def digest(self) -> Digest:
        """What a declaration says it was made from."""
        return digest_of(self)

    def declared(
        self,
        attributes: Set[str],
        measurable: Set[GroupMetric],
        asked: Mapping[GroupMetric, Decimal],
        *,
        depth: int,
        writes: bool = False,
    ) -> "FairnessDeclaration":
        """The declaration for a dataset with these protected columns.

        `measurable` is what can be found out of its records, at most `depth` attributes at once; the rest of the policy
        is left out, and so the declaration never promises what nobody will see. `asked` is added, or replaces a larger
        tolerance; what is added is decided apart, so that it hides no gap that the policy would show. Raises `Refused`
        for a larger one and for a metric that cannot be measured. `writes`: whether the model is to complete texts.
        """
        said = {tolerance.metric: tolerance.at_most for tolerance in self.tolerances if tolerance.metric in measurable}
        for metric, at_most in asked.items():
            Tolerance(metric=metric, at_most=at_most)  # raises where it is none
            if metric not in measurable:
                raise Refused(
                    "fairness_not_measurable",
                    f"'{metric}' cannot be compared between groups of this dataset.",
                    remedy=f"Ask for: {', '.join(sorted(measurable))}.",
                    param=_PARAM,
                )
            if at_most > said.get(metric, at_most):
                raise Refused(
                    "fairness_looser",
                    f"The tolerance for '{metric}' may be {said[metric]} or less.",
                    remedy="Ask for a smaller tolerance or for none, or have policies/fairness.toml changed.",
                    who="administrator",
                    param=_PARAM,
                )
        added = tuple(sorted(asked.keys() - said.keys()))
        said.update(asked)
        return FairnessDeclaration(
            attributes=tuple(sorted(attributes)),
            tolerances=tuple(Tolerance(metric=metric, at_most=said[metric]) for metric in sorted(said)),
            minimum=self.minimum,
            least=self.least,
            alpha=self.alpha,
            depth=min(depth, self.depth),
            policy=self.digest(),
            added=added,
            writing=self.writing if writes else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessDeclaration:
    """What is going to be compared, as the plan says it; the members are those of `FairnessPolicy`, and:

    Attributes:
        attributes: the dataset's protected columns, sorted. Whoever lacks a value is in a group without a name.
        policy: digest of the policy that it was made from.
        added: metrics that the policy does not name, sorted: whoever asked for the training did.
    """

    attributes: tuple[str, ...]
    tolerances: tuple[Tolerance, ...]
    minimum: int
    least: int
    alpha: Decimal
    depth: int
    policy: Digest
    reference: Reference = field(default=Reference.REST)
    split: Split = field(default=Split.HELD_OUT_PERSONS)
    added: tuple[GroupMetric, ...] = field(default=(), metadata=LATER)
    writing: Writing | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        FairnessPolicy(
            tolerances=self.tolerances, minimum=self.minimum, least=self.least, alpha=self.alpha, depth=self.depth
        )
        if not set(self.added) <= {each.metric for each in self.tolerances} - {GroupMetric.ACCURACY}:
            raise Malformed("fairness_out_of_range", "What was added has a tolerance, and accuracy never is.")

    def digest(self) -> Digest:
        """What the evidence names."""
        return digest_of_frozen(self)

    def tolerance(self, metric: GroupMetric) -> Decimal | None:
        """How far a group may be behind by `metric`; None where it is not judged."""
        return next((each.at_most for each in self.tolerances if each.metric is metric), None)


_PARAM = "governance.fairness.tolerances"
