"""What noisy figures about held-out persons may cost, fixed in the plan before anybody approves it."""

from collections.abc import Sequence
from decimal import Decimal

from tunewarden.domain.datasets import Dataset, Groups, HeldOut
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.usecases.ports import Calibrate

_SHARE = Decimal("0.2")


def releases(groups: Sequence[Groups], parts: int = 0) -> int:
    """How many tables are released (`steps/measure/tables.py`): over everybody, by class, by each grouped column.

    Where texts are completed there are as many: of tokens, of whole completions, of tokens by each grouped column. And
    one over everybody for each of the `parts` of a learning curve.
    """
    return 2 + len(groups) + parts


def metrics_mechanism(
    calibrate: Calibrate, dataset: Dataset, epsilon: Decimal, delta: Decimal, parts: int = 0
) -> Mechanism | None:
    """The mechanism of the figures about a model trained with `epsilon` at `delta`; None where exact ones may leave.

    Every held-out person is in every release (rate 1), once. Where the steward named a column of persons, nobody who is
    measured on is ever trained on in that dataset, so that a person pays for one of the two only, and the figures get
    as much as the training. Where every row counts as a person, somebody may be on both sides in two versions of the
    dataset and pays for both: then the figures get a fifth. Raises `Malformed` as `calibrate` does.
    """
    if dataset.held_out is not HeldOut.PRIVATE:
        return None
    template = Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(1),
        noise_multiplier=Decimal(1),
        updates=releases(dataset.columns.groups, parts),
    )
    apart = dataset.columns.person is not None
    return calibrate(template, epsilon if apart else epsilon * _SHARE, delta)
