"""What a training showed about itself before anything was charged: which checks were made, and how close each one came.

A certificate holds nothing of the records: every figure in it comes from made-up texts and made-up weights.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from math import isfinite

from tunewarden.domain.errors import Refused
from tunewarden.domain.names import Digest
from tunewarden.domain.training import Precision

_DIGITS = Decimal("0.000000001")


class CheckName(StrEnum):
    """The checks. Each compares one figure with a limit that it must not exceed."""

    NEIGHBOURS = "neighbours"
    BRUTE_FORCE = "brute-force"
    SECOND_WAY = "second-way"
    NOT_FINITE = "not-finite"
    SAMPLING_RATE = "sampling-rate"
    SAMPLING_INDEPENDENCE = "sampling-independence"
    ROWS_PER_PERSON = "rows-per-person"
    NOISE_SCALE = "noise-scale"
    NOISE_FRESHNESS = "noise-freshness"
    NORMALISER = "normaliser"


MEANINGS = {
    CheckName.NEIGHBOURS: "one person can move the sum of an update further than the clip, over the clip",
    CheckName.BRUTE_FORCE: "the sum of clipped gradients is not that of one person after the other, distance over clip",
    CheckName.SECOND_WAY: "two independent ways to clip a person differ, distance over clip",
    CheckName.NOT_FINITE: "a person whose gradient is not finite does not contribute zero, distance over clip",
    CheckName.SAMPLING_RATE: "persons do not take part with the rate of the plan, or nobody is never drawn, in nats",
    CheckName.SAMPLING_INDEPENDENCE: "draws or the persons in one depend on one another, in nats",
    CheckName.ROWS_PER_PERSON: "a person takes part with rows beyond those that the plan allows, in rows",
    CheckName.NOISE_SCALE: "what is added is not normal noise of multiplier times clip, in nats",
    CheckName.NOISE_FRESHNESS: "noise is repeated between updates, tensors or parts of a tensor, in nats",
    CheckName.NORMALISER: "the sum is divided by something else than the constant of the plan, relative difference",
}
"""What it means that a check fails, and what its figure is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check that was made.

    Attributes:
        measured: rounded up to nine digits; at most `limit` in a check that is passed.
    """

    name: CheckName
    measured: Decimal
    limit: Decimal

    @property
    def passed(self) -> bool:
        """Whether what was measured is within the limit."""
        return self.measured <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """All checks of one training, every one of them passed.

    Attributes:
        plan: digest of the plan whose clip, rate, noise and constant were looked for.
        code: digest of the source files of training.
        precision, device: what the model computed in and on; "cpu" or "cuda".
        not_checked: checks that could not be made, because the second way of clipping does not cover the model.
    """

    form: str = "tunewarden-conformance-1"
    plan: Digest
    code: Digest
    precision: Precision
    device: str
    checks: tuple[Check, ...]
    not_checked: tuple[CheckName, ...] = ()


def passed(name: CheckName, measured: float, limit: float) -> Check:
    """The check. Raises `Refused`, with a code of its own for each check, unless `measured` is at most `limit`.

    A figure that is not a number fails.
    """
    if isfinite(measured):
        check = Check(name=name, measured=_decimal(measured, ROUND_CEILING), limit=_decimal(limit, ROUND_HALF_EVEN))
        if check.passed:
            return check
    found = f"{measured:.6g}"
    raise Refused(
        f"conformance_{name.value.replace('-', '_')}",
        f"Before the first update it was found that {MEANINGS[name]}: {found} where at most {limit:.6g} is allowed.",
        remedy="Do not train with this model, recipe or code until the cause is mended; nothing has been charged.",
        who="administrator",
    )


def worst(figures: Iterable[float]) -> float:
    """The largest figure; not a number where one of them is not."""
    found = 0.0
    for figure in figures:
        if not isfinite(figure):
            return figure
        found = max(found, figure)
    return found


def _decimal(figure: float, rounding: str) -> Decimal:
    return Decimal(figure).quantize(_DIGITS, rounding)
