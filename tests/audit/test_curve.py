"""The auditor finds a learning curve that is another one than the approved plan's."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.audit.house_log import MECHANISM
from tests.entry.report.documents import details
from tests.entry.report.test_report_curved import curve, figure

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.curve import LearningCurve as Declared
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Digest
from tunewarden.steps.measure.learning_curve import GONE, LearningCurve
from tunewarden_audit import canonical
from tunewarden_audit.curve import OtherCurve, require_curve

ABOUT = Digest("sha256:" + "a" * 64)
MEASURED = curve(figure("-0.0412", "0.0301", "0.1012"))
SHARES = ("0.25", "0.5")


class Told:
    """A plan, what is reserved for it, and what its training and measuring left."""

    def __init__(self, measured: LearningCurve | None = MEASURED) -> None:
        declared = Declared(shares=tuple(map(Decimal, SHARES)), epsilon=Decimal("5.14"))
        found = () if measured is None else measured.measurements()
        self.documents: dict[str, Any] = {
            "plan": {"mechanism": {**MECHANISM, "updates": 12}, "curve": to_plain(declared)},
            "trained": {"curve": [{"share": share, "persons": 240} for share in SHARES]},
            "measured": to_plain(replace(details(), curve=measured)),
            "evidence": to_plain(Evidence(about=ABOUT, produced_by=ABOUT, measurements=found)),
        }
        self.reserved: dict[str, Any] = {
            "request": "r",
            "mechanism": {**MECHANISM, "updates": 36},
            "curve": list(SHARES),
        }

    def require(self, *, without: tuple[str, ...] = ()) -> None:
        digests = {name: hashlib.sha256(canonical.encode(one)).hexdigest() for name, one in self.documents.items()}
        named = {name: f"sha256:{digest}" for name, digest in digests.items()}
        trained = {"request": "r", "step": "train", "details": named["trained"]}
        measured = {"request": "r", "step": "measure", "details": named["measured"], "evidence": named["evidence"]}
        entries = {
            1: {"type": "RequestSubmitted", "fact": {"request": "r", "plan": named["plan"]}},
            2: {"type": "BudgetReserved", "fact": self.reserved},
            3: {"type": "StepFinished", "fact": {"request": "r", "step": "deidentify", "details": named["plan"]}},
            4: {"type": "StepFinished", "fact": trained},
            5: {"type": "StepFinished", "fact": measured},
            6: {"type": "StepFinished"},
        }
        kept = {digests[name]: one for name, one in self.documents.items() if name not in without}
        require_curve({index: one for index, one in entries.items() if str(index) not in without}, kept)


def uncurved() -> Told:
    """As before there were curves."""
    told = Told(None)
    del told.documents["plan"]["curve"], told.documents["trained"]["curve"], told.reserved["curve"]
    told.reserved["mechanism"] = told.documents["plan"]["mechanism"]
    return told


@pytest.mark.parametrize(
    "made", [Told, uncurved, lambda: Told(LearningCurve(persons=0, points=(), unasked=GONE)), lambda: Told(curve(None))]
)
def test_what_the_platform_writes_holds(made: Callable[[], Told]) -> None:
    made().require()


@pytest.mark.parametrize(
    "without", [("plan",), ("trained", "measured"), ("evidence",), ("1",), ("2", "4", "5")], ids=str
)
def test_of_what_stays_outside_nothing_is_said(without: tuple[str, ...]) -> None:
    told = Told()
    if {"plan", "1"} & set(without):
        told.reserved["curve"] = []
    told.require(without=without)


def unplanned(told: Told) -> None:
    del told.documents["plan"]["curve"]


def unreserved(told: Told) -> None:
    del told.reserved["curve"]


def other_shares(told: Told) -> None:
    told.reserved["curve"] = ["0.5", "0.75"]


def cheaper(told: Told) -> None:
    told.reserved["mechanism"]["updates"] = 24


def louder(told: Told) -> None:
    told.documents["plan"]["mechanism"]["noise_multiplier"] = "0.1"


def untrained(told: Told) -> None:
    told.documents["trained"]["curve"].pop()


def more_trained(told: Told) -> None:
    told.documents["trained"]["curve"].append({"share": "0.75"})


def unmeasured(told: Told) -> None:
    del told.documents["measured"]["curve"]


def left_out(told: Told) -> None:
    told.documents["measured"]["curve"]["points"].pop(0)


def emptied(told: Told) -> None:
    """Without a word on why."""
    told.documents["measured"]["curve"]["points"] = []
    told.documents["evidence"]["measurements"] = []


def more_gained(told: Told) -> None:
    told.documents["evidence"]["measurements"][0]["low"] = "0.0001"


def hidden(told: Told) -> None:
    told.documents["evidence"]["measurements"] = []


def illegible(told: Told) -> None:
    told.documents["evidence"]["measurements"][0]["low"] = [7]


def no_mechanism(told: Told) -> None:
    told.reserved["mechanism"] = None


@pytest.mark.parametrize(
    "change",
    [
        *(unplanned, unreserved, other_shares, cheaper, louder, untrained, more_trained, unmeasured, left_out, emptied),
        *(more_gained, hidden, illegible, no_mechanism),
    ],
)
def test_every_other_curve_is_found(change: Callable[[Told], None]) -> None:
    told = Told()
    change(told)
    with pytest.raises(OtherCurve):
        told.require()


@pytest.mark.parametrize("change", [unplanned, unreserved, other_shares, cheaper, louder])
def test_the_log_and_the_plan_are_enough_where_all_else_stays_outside(change: Callable[[Told], None]) -> None:
    told = Told()
    change(told)
    with pytest.raises(OtherCurve):
        told.require(without=("trained", "measured", "evidence"))


def test_a_curve_that_no_plan_names_is_found_where_nothing_was_reserved_for_it() -> None:
    for members in (("trained",), ("measured", "evidence")):
        told, made = uncurved(), Told()
        told.documents |= {member: made.documents[member] for member in members}
        with pytest.raises(OtherCurve):
            told.require()
