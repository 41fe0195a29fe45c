"""Trainings on parts of the persons, for a learning curve (`domain/curve.py` says what they cost).

Who is in a part is decided by each person's own pseudonym, as it is who is held out: adding or removing somebody moves
nobody else, and a smaller part lies in every larger one. No seed: the pseudonym is a keyed hash already. A row of
several persons is in a part where all of them are.

A part is trained under a plan of its own, in which as many fewer units are expected in an update as it has fewer
persons. That plan's digest keeps the checkpoints apart. There are no canaries in it: the audit is of the model. What
was trained on a part stays in the scratch folder, is asked there by the measuring step, and is removed when the request
has ended (`entry/leftovers.py`). It is no adapter file, is never stored and cannot be registered.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from tunewarden.domain.canonical import Plain, decode
from tunewarden.domain.errors import Refused
from tunewarden.domain.names import RequestId
from tunewarden.domain.training import Plan
from tunewarden.steps.records import CleanRecord
from tunewarden.steps.train.base_model import file_digest
from tunewarden.steps.train.checkpoint import Belonging
from tunewarden.steps.train.places import WEIGHTS, place_of
from tunewarden.steps.train.rows import Rows, units_of
from tunewarden.usecases.curving import units_in

_WORDS = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A training on `share` of the persons, under the plan made from the approved one."""

    share: Decimal
    plan: Plan

    def place(self, scratch: Path, request: RequestId) -> Path:
        """The folder of its checkpoint and what lies beside it."""
        return place_of(scratch, request, self.share)

    def belonging(self, request: RequestId) -> Belonging:
        """What its checkpoint is made for."""
        return Belonging(request=request, plan=self.plan.digest())


def parts_of(plan: Plan) -> Sequence[Part]:
    """Those that `plan` declares, in the order in which they are trained: smallest first, after the model."""
    return [Part(share=share, plan=_plan_of(plan, share)) for share in plan.parts]


def takes_part(record: CleanRecord, share: Decimal) -> bool:
    """Whether everybody whom the record belongs to is in the part; the share is rounded down to 2**-64."""
    return all(in_part(person, share) for person in record.persons)


def in_part(person: str, share: Decimal) -> bool:
    """Whether the person is, by their pseudonym. Who is not has no row in it, of several persons either."""
    return _place_of(person) < int(share * _WORDS)


def require_units(part: Part, rows: Rows) -> None:
    """Raise `Refused` where a part has fewer units than an update of it expects. Nothing has been charged yet."""
    units = units_of(rows, part.plan.mechanism.unit)
    if units < part.plan.recipe.expected_units:
        raise Refused(
            "curve_part_too_small",
            f"{units} {part.plan.mechanism.unit}s are in a part of the learning curve, whose updates expect "
            f"{part.plan.recipe.expected_units}.",
            remedy="Ask for a smaller batch size, for larger shares, or for no learning curve.",
            who="requester",
            param="governance.learning_curve",
        )


def stated(part: Part, place: Path, certificate: str, rows: Rows, checked: int) -> Mapping[str, Plain]:
    """What the evidence of the training says of a part. `weights` is the digest of what the measuring step asks.

    How many persons are in it is rounded: they are chosen by their pseudonyms, and nobody else knows who they are.
    """
    return {
        "checked_updates": checked,
        "conformance": decode((place / certificate).read_bytes()),
        "expected_units": part.plan.recipe.expected_units,
        "persons": _roughly(rows.everybody),
        "plan": part.plan.digest(),
        "share": str(part.share),
        "weights": file_digest(place / WEIGHTS),
    }


def _roughly(count: int) -> int:
    """The count to two digits."""
    return round(count, -max(0, len(str(count)) - 2))


def _plan_of(plan: Plan, share: Decimal) -> Plan:
    units = units_in(plan.recipe.expected_units, share)
    recipe = replace(plan.recipe, expected_units=units, canaries=0)
    return replace(plan, recipe=recipe, curve=None, twins=False)


def _place_of(person: str) -> int:
    return int.from_bytes(hashlib.sha256(b"part\x00" + person.encode()).digest()[:8], "big")
