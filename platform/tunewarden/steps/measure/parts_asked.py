"""Asking the models of a learning curve, and making it of what they said; `learning_curve.py` says what it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Generic

import numpy as np

from tunewarden.domain.canonical import Plain
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.privacy import Mechanism
from tunewarden.steps.measure.generalisation import Told
from tunewarden.steps.measure.groups import LEAST_PERSONS
from tunewarden.steps.measure.intervals import bootstrap, critical, person_share
from tunewarden.steps.measure.learning_curve import GONE, LearningCurve, Point, gain
from tunewarden.steps.measure.noisy import gain_over_base, persons_in, share, share_figure
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.tables import RIGHT, WRONG
from tunewarden.steps.measure.task import A, Asked
from tunewarden.steps.train import checkpoint
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.parts import parts_of
from tunewarden.steps.train.places import WEIGHTS
from tunewarden.usecases.ports import Attempt

_WHOLE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPart(Generic[A]):
    """What a model says to the rows that was trained on `share` of the persons; and to `some` of the training side."""

    share: Decimal
    trained_on: int
    said: A
    some: A | None = None


def ask_parts(
    scratch: Path | None, attempt: Attempt, stated: Plain, asked: Asked[A], rows: Rows, some: Rows | None
) -> Sequence[AskedPart[A]] | None:
    """Ask the models of the curve, smallest part first; none where the plan declares none, None where they are gone.

    `some` are rows of the training side, whose records are public; None where they are not.

    `stated` is what the training said of them. Their weights are left in the model of `asked`. Raises `Corrupted` and
    `PlanMismatch` where a file is not what the training left.
    """
    found = []
    for part in parts_of(attempt.plan):
        said = _stated(stated, part.share)
        path = None if scratch is None else part.place(scratch, attempt.request) / WEIGHTS
        if path is None or not path.exists():
            return None
        if file_digest(path) != said.get("weights"):
            raise Corrupted("curve_weights_changed", "A model of the learning curve is not what its training left.")
        checkpoint.standing_at(path, part.belonging(attempt.request))
        checkpoint.restore(path, asked.model.trainable())
        trained_on = said.get("persons")
        assert isinstance(trained_on, int), "it stands beside the digest"
        told = None if some is None else asked.ask(some)
        found.append(AskedPart(share=part.share, trained_on=trained_on, said=asked.ask(rows), some=told))
    return found


def learning_curve(
    asked: Asked[A],
    rows: Rows,
    parts: Sequence[AskedPart[A]] | None,
    after: A,
    trained_on: int,
    noise: Mechanism | None,
) -> LearningCurve | None:
    """From what the models said to held-out rows; None where the plan declares no curve.

    `after` is what the measured model said, which was trained on so many persons. Where figures are noisy there may be
    no row, and the releases have been paid for.
    """
    if parts is None:
        return LearningCurve(persons=0, points=(), unasked=GONE)
    if not parts:
        return None
    if noise is not None:
        return _noisy(asked, rows, parts, after, trained_on, float(noise.noise_multiplier))
    whole = asked.told(rows, after)
    points = [_point(each.share, each.trained_on, asked.told(rows, each.said), whole) for each in parts]
    right = person_share(whole.right, whole.persons, critical()).figure()
    points.append(Point(share=_WHOLE, trained_on=trained_on, right=right))
    return LearningCurve(persons=len(np.unique(whole.persons)), points=tuple(points))


def _point(part: Decimal, trained_on: int, told: Told, whole: Told) -> Point:
    (right, losses), (whole_right, whole_losses) = told.by_person(), whole.by_person()
    gained, lost = gain(whole_right - right), losses - whole_losses
    stated = len(lost) >= LEAST_PERSONS and bool(np.isfinite(lost).all())
    return Point(
        share=part,
        trained_on=trained_on,
        right=person_share(told.right, told.persons, critical()).figure(),
        gain=None if gained is None else gained.figure(),
        loss_gain=bootstrap(lost).figure() if stated else None,
    )


def _noisy(
    asked: Asked[A], rows: Rows, parts: Sequence[AskedPart[A]], after: A, trained_on: int, sigma: float
) -> LearningCurve:
    """One released table for each part; of the measured model, what that of the largest part says."""
    points, z, tables = list[Point](), critical(), []
    for each in parts:
        table = asked.overall(rows, each.said, after).noisy(sigma)
        tables.append(table)
        whole = share(table.cells[:, RIGHT], table.cells[:, WRONG], sigma, z)
        part = share(table.cells[RIGHT], table.cells[WRONG], sigma, z)
        points.append(
            Point(
                share=each.share,
                trained_on=each.trained_on,
                right=share_figure(part),
                gain=gain_over_base(whole, part, table.cells, sigma),
            )
        )
    points.append(Point(share=_WHOLE, trained_on=trained_on, right=share_figure(whole)))
    return LearningCurve(persons=persons_in(tables), points=tuple(points))


def _stated(curve: Plain, share: Decimal) -> Mapping[str, Plain]:
    """What the training said of a part. Raises `Corrupted` where it said nothing that can be read."""
    for item in curve if isinstance(curve, list | tuple) else ():
        if isinstance(item, Mapping) and item.get("share") == str(share) and isinstance(item.get("persons"), int):
            return item
    raise Corrupted("curve_not_stated", "The training does not say what it left of a declared learning curve.")
