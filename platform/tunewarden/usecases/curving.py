"""Declaring a learning curve: what it costs is said in the plan, before anybody approves it."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise

from tunewarden.domain.curve import LearningCurve, require_shares
from tunewarden.domain.errors import Refused
from tunewarden.domain.privacy import Accountant, Mechanism

_FEWEST = 4


def units_in(expected_units: int, share: Decimal) -> int:
    """How many persons (or records) are expected in an update of a part: its share of those of the model."""
    return int(expected_units * share)


def declared_curve(
    accountant: Accountant,
    shares: Sequence[Decimal],
    mechanism: Mechanism,
    delta: Decimal,
    expected_units: int,
    fewest: Callable[[Decimal], int],
) -> LearningCurve | None:
    """The curve of a plan whose model is trained by `mechanism`; None where no share is asked for.

    `fewest` says how many persons (or records) a part of that share has at least, as far as can be known beforehand.

    Raises `Malformed` for shares that are no points of a curve, and `Refused` where updates of a part would be too
    small to learn from, those of two parts equally large, or an update might expect more than a part turns out to have:
    the training step refuses that only after somebody has approved, and after the records were read.
    """
    if not shares:
        return None
    require_shares(shares)
    shares = tuple(share.normalize() for share in shares)
    units = [*(units_in(expected_units, share) for share in shares), expected_units]
    if units[0] < _FEWEST or any(smaller == larger for smaller, larger in pairwise(units)):
        raise Refused(
            "curve_part_too_small",
            f"With {expected_units} expected in an update, the smallest part of the learning curve would have "
            f"{units[0]}; at least {_FEWEST} are needed, and more in every larger part.",
            remedy="Ask for a larger batch size, for larger shares, or for no learning curve.",
            who="requester",
            param="governance.learning_curve",
        )
    for share in shares:
        _require_room(units_in(expected_units, share), fewest(share))
    everything = mechanism.times(mechanism.updates * (1 + len(shares)))
    return LearningCurve(shares=shares, epsilon=accountant([everything], delta))


def _require_room(expected: int, fewest: int) -> None:
    if expected > fewest:
        raise Refused(
            "curve_part_too_small",
            f"An update of a part of the learning curve would expect {expected}, and there may be no more than "
            f"{max(0, fewest)} in it.",
            remedy="Ask for a smaller batch size, for larger shares, or for no learning curve.",
            who="requester",
            param="governance.learning_curve",
        )
