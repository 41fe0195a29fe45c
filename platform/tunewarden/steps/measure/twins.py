"""What privacy costs whom: two small models that are alike but for clipping and noise, compared by group.

DP-SGD may cost the groups more that are small or hard to learn (Bagdasaryan and Shmatikov 2019, arXiv 1905.12101). To
see it one needs a twin without privacy, and such a model keeps no promise to the persons it is trained on, nor do
figures about it. So no person of the training side is in one: both twins are trained on one half of the held-out
persons and measured on the other, who are outside of the guarantee anyway, and it takes that they agreed, that the
policy allows it and that the approved plan says so (`usecases.declaring.require_twins_allowed`). Weights stay in this
process and are never stored; only shares over groups leave, of the half that was not trained on.

Both twins begin alike, see the same persons in the same updates, as many as the plan expects where there are so many,
and take the plan's steps. One is clipped, and gets noise that is as strong beside a sum over these persons as that of
the plan is beside one over those it expects.

Not covered: the price is that of models of this size on so few persons, by one training each, so another draw of the
noise gives another figure; the intervals are about who is measured on only. A group is compared with the mean as if
nobody were in two groups of an attribute.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np
import torch
from torch.optim import AdamW
from transformers import PreTrainedTokenizerBase

from tunewarden.domain.fairness import FairnessDeclaration
from tunewarden.domain.gates import Measurement
from tunewarden.domain.training import Plan
from tunewarden.steps.measure.answers import logits
from tunewarden.steps.measure.group_rows import declared_values
from tunewarden.steps.measure.groups import Candidate, assessable, candidates, count
from tunewarden.steps.measure.intervals import (
    Booleans,
    Figure,
    Floats,
    Integers,
    Interval,
    correlation,
    critical,
    difference,
    share,
)
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.weights import Weights, with_weights
from tunewarden.steps.swapping import swapped_text
from tunewarden.steps.train.compute import Compute
from tunewarden.steps.train.model import TextClassifier
from tunewarden.steps.train.noise import NoiseStream
from tunewarden.steps.train.rows import Rows as TrainingRows, class_weights
from tunewarden.steps.train.sampling import draw_persons, draw_rows
from tunewarden.steps.train.single_pass import SinglePassClipper
from tunewarden.steps.train.texts import tokenize

LIMIT = Decimal("0.05")
"""How much more a group may lose to privacy than all do on average: a share of rows."""
_WITHOUT_CLIP = 1e9
"""The clip of the twin that has none: no gradient is as long."""


class Burden(StrEnum):
    """Whether a group bears more than its part of the price."""

    MORE = "more-than-its-part"
    WITHIN = "within-the-limit"
    UNDECIDED = "undecided"


Drawn = Sequence[Integers]
"""The rows of each person who takes part in an update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one group.

    Attributes:
        price: how much less often its rows are answered rightly with clipping and noise; 95 %, of the group alone.
        excess: how much more that is than everybody's; intervals of all groups hold together (Bonferroni).
    """

    attribute: str
    group: str
    price: Figure
    excess: Figure
    burden: Burden


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """What came of it.

    Attributes:
        trained, measured: persons on either half.
        without, private: how often each twin is right on the half that is measured on.
        price: the difference, paired.
        limit: of the excess.
    """

    trained: int
    measured: int
    updates: int
    without: Figure
    private: Figure
    price: Figure
    costs: tuple[Cost, ...]
    limit: Decimal = LIMIT

    def measurements(self) -> Iterator[Measurement]:
        """The price, and the largest excess of a group where one could be compared."""
        yield self.price.measured("fairness.privacy_price", self.measured)
        if self.costs:
            ends = [(each.excess.low, each.excess.value, each.excess.high) for each in self.costs]
            low, value, high = (max(each) for each in zip(*ends, strict=True))
            yield Measurement(metric="fairness.privacy_excess", low=low, value=value, high=high, n=self.measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What both twins are when training begins: a model, and the weights that it has then."""

    model: TextClassifier
    tokenizer: PreTrainedTokenizerBase
    weights: Weights


def twins(beginning: Beginning, plan: Plan, rows: Rows) -> Twins | None:
    """Train and compare both, if the plan says so; None too where a half has fewer persons than a comparison takes.

    The model is afterwards what it was. Raises `Refused` for what cannot be clipped.
    """
    declaration, persons = plan.fairness, rows.person_array()
    other = np.asarray(persons % 2 == 1)  # pseudonyms are keyed hashes, so that these are any persons
    if not plan.twins or declaration is None:
        return None
    if min(count(persons, ~other), count(persons, other)) < declaration.least:
        return None
    learnt_from, asked = rows.only(~other), rows.only(other)
    private, without = _pair(beginning, plan, _to_train(learnt_from, beginning.tokenizer, plan), asked)
    labels = asked.label_array()
    return compare_twins(
        labels == private, labels == without, asked, declaration, trained=count(persons, ~other), plan=plan
    )


def compare_twins(
    private: Booleans, without: Booleans, rows: Rows, declaration: FairnessDeclaration, *, trained: int, plan: Plan
) -> Twins:
    """From whether each twin is right on each of `rows`: bool[rows] both."""
    persons, z = rows.person_array(), critical()
    attributes = declared_values(rows.attributes(), declaration, len(rows.labels))
    groups = [
        each for found in assessable(candidates(persons, attributes, declaration.least)).values() for each in found
    ]
    right = _Right(private=private, without=without, persons=persons)
    everybody = np.ones(len(persons), dtype=np.bool_)
    return Twins(
        trained=trained,
        measured=count(persons, everybody),
        updates=plan.mechanism.updates,
        without=share(without, persons, z).figure(),
        private=share(private, persons, z).figure(),
        price=right.price(everybody, z).figure(),
        costs=tuple(_cost(right, group, critical(max(1, len(groups)))) for group in groups),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Right:
    """Whether each row is answered rightly by either twin; bool[rows] and int64[rows]."""

    private: Booleans
    without: Booleans
    persons: Integers

    def price(self, among: Booleans, z: float) -> Interval:
        """How much less often the private one is right on some rows."""
        without, private, persons = self.without[among], self.private[among], self.persons[among]
        together = correlation(without, private, persons)
        return difference(share(without, persons, z), share(private, persons, z), together)


def _cost(right: _Right, group: Candidate, z: float) -> Cost:
    rest = ~group.members
    against_rest = difference(right.price(group.members, z), right.price(rest, z))
    # The group is part of everybody, so it is away from the mean by less than from the rest: by the rest's share.
    part = float(rest.mean())
    excess = Interval(
        low=part * against_rest.low, value=part * against_rest.value, high=part * against_rest.high
    ).figure()
    return Cost(
        attribute=group.attribute,
        group=group.group,
        price=right.price(group.members, critical()).figure(),
        excess=excess,
        burden=burden(excess),
    )


def burden(excess: Figure) -> Burden:
    """From what is stated, so that whoever reads it comes to the same."""
    if excess.low > 0 and excess.value > LIMIT:
        return Burden.MORE
    return Burden.WITHIN if excess.high <= LIMIT else Burden.UNDECIDED


def _to_train(rows: Rows, tokenizer: PreTrainedTokenizerBase, plan: Plan) -> TrainingRows:
    """As the training step would have them, those of one person beside each other; with copies where the plan has."""
    texts = list(zip(rows.persons, rows.labels, rows.texts, strict=True))
    for swap in () if plan.mitigation is None else plan.mitigation.swaps:
        texts += [
            (person, label, other)
            for person, label, text in zip(rows.persons, rows.labels, rows.texts, strict=True)
            if (other := swapped_text(text, swap)) is not None
        ]
    beside = sorted(texts, key=lambda row: row[0])
    each = np.unique([person for person, _, _ in beside], return_counts=True)[1]
    return TrainingRows(
        tokens=tokenize(tokenizer, [text for _, _, text in beside], plan.recipe),
        labels=np.array([label for _, label, _ in beside], dtype=np.int64),
        starts=np.concatenate(([0], np.cumsum(each, dtype=np.int64))),
        class_weights=class_weights(plan),
    )


def _pair(beginning: Beginning, plan: Plan, rows: TrainingRows, asked: Rows) -> tuple[Integers, Integers]:
    """The classes that the private twin, and the other one, give to `asked`: int64[rows] each."""
    expected = min(plan.recipe.expected_units, rows.persons)
    rate = min(Decimal(1), Decimal(expected) / rows.persons)
    updates = [
        [draw_rows(rows.of(person), plan.recipe.rows_per_person) for person in draw_persons(rate, rows.persons)]
        for _ in range(plan.mechanism.updates)
    ]
    clip = float(plan.recipe.clip)
    noise = float(plan.mechanism.noise_multiplier) * clip * expected / plan.recipe.expected_units
    private, without = (
        said_by_twin(beginning, plan, rows, updates, asked, Way(clip=norm, deviation=deviation, expected=expected))
        for norm, deviation in ((clip, noise), (_WITHOUT_CLIP, 0.0))
    )
    return private.argmax(axis=1), without.argmax(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How one twin is trained: the norm a person is clipped to, the noise on a sum, and what divides it."""

    clip: float
    deviation: float
    expected: int


def said_by_twin(
    beginning: Beginning, plan: Plan, rows: TrainingRows, updates: Sequence[Drawn], asked: Rows, way: Way
) -> Floats:
    """Logits, float64[asked rows, classes], of a model trained in one way and forgotten again."""
    model = beginning.model
    with with_weights(model, beginning.weights):
        _train(model, rows, updates, plan, way)
        return logits(model, beginning.tokenizer, asked.texts, plan.recipe)


def _train(model: TextClassifier, rows: TrainingRows, updates: Sequence[Drawn], plan: Plan, way: Way) -> None:
    """The steps of `steps/train/recipe.py`, without its charges, its certificate and its checkpoints."""
    weights, noise = model.trainable(), NoiseStream()
    optimizer = AdamW(weights.values(), lr=float(plan.recipe.learning_rate), weight_decay=0.0)
    clipper = SinglePassClipper(model, rows, way.clip, Compute(threads=torch.get_num_threads()))
    try:
        for persons in updates:
            total = clipper.clipped_sum(persons)
            for name, parameter in weights.items():
                drawn = way.deviation * torch.from_numpy(noise.normal(parameter.numel())).view_as(parameter)
                parameter.grad = ((total[name].cpu().double() + drawn) / way.expected).to(parameter)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    finally:
        clipper.close()
