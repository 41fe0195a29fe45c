"""The auditor computes again how much more protected terms do than neutral words, and compares the evidence."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.entry.report.documents import completion_details, scrutiny

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.gates import Evidence
from tunewarden.domain.names import Digest
from tunewarden.steps.measure.control import control
from tunewarden_audit import canonical
from tunewarden_audit.excess import Exceeded, _follows, require_excess

ABOUT = Digest("sha256:" + "a" * 64)


class Told:
    """The part of a document about protected terms, and the evidence that was drawn from it."""

    def __init__(self) -> None:
        self.details: Any = {"scrutiny": to_plain(scrutiny())}
        evidence = Evidence(about=ABOUT, produced_by=ABOUT, measurements=scrutiny().measurements())
        self.evidence: Any = to_plain(evidence)

    def check(self) -> None:
        documents = {hashlib.sha256(canonical.encode(one)).hexdigest(): one for one in (self.details, self.evidence)}
        details, evidence = (f"sha256:{digest}" for digest in documents)
        fact = {"request": "r", "step": "measure", "details": details, "evidence": evidence}
        require_excess({1: {"type": "StepFinished", "fact": fact}, 2: {"type": "KeyCreated"}}, documents)

    @property
    def sex(self) -> Any:
        return self.details["scrutiny"]["swaps"][0]

    def measurement(self, metric: str) -> Any:
        return next(one for one in self.evidence["measurements"] if one["metric"] == metric)


def test_what_the_platform_writes_holds() -> None:
    Told().check()


def test_of_completions_there_is_nothing_to_hold() -> None:
    told = Told()
    told.details = to_plain(completion_details())
    told.evidence["measurements"] = []
    told.check()


def kinder(told: Told) -> None:
    told.measurement("explanation.excess_flips_shown.sex").update(low="-0.1", value="-0.1", high="-0.1")


def recounted(told: Told) -> None:
    told.sex["control"]["neutral_only"] += 9


def narrowed(told: Told) -> None:
    told.sex["control"]["excess_flips"]["high"] = "0.0001"
    told.measurement("explanation.excess_flips.sex")["high"] = "0.0001"


def fewer_pairs(told: Told) -> None:
    told.sex["pairs"] += 1


def left_out(told: Told) -> None:
    told.evidence["measurements"].remove(told.measurement("explanation.excess_moved.age"))


def said_twice(told: Told) -> None:
    told.evidence["measurements"].append(dict(told.measurement("explanation.excess_moved.age")))


def made_up(told: Told) -> None:
    del told.details["scrutiny"]["membership"]


@pytest.mark.parametrize(
    "tamper",
    [kinder, recounted, narrowed, fewer_pairs, left_out, said_twice, made_up],
)
def test_evidence_that_does_not_follow_is_found(tamper: Callable[[Told], None]) -> None:
    told = Told()
    tamper(told)
    with pytest.raises(Exceeded):
        told.check()


def rate_made_up(told: Told) -> None:
    told.sex["flip_rate"]["value"] = told.measurement("explanation.flip_rate.sex")["value"] = "0.0028"


def rate_turned(told: Told) -> None:
    told.sex["flip_rate"]["high"] = told.measurement("explanation.flip_rate.sex")["high"] = "0"


def neutral_rate_made_up(told: Told) -> None:
    told.sex["control"]["flip_rate"]["value"] = "0.5"


def neutral_rate_turned(told: Told) -> None:
    told.sex["control"]["flip_rate"]["low"] = "0.9"


def alone(told: Told) -> None:
    """Of before there were neutral words, so that nothing but its own rate says how many flipped."""
    told.sex["control"] = None
    told.sex["flipped"] += 1


@pytest.mark.parametrize("tamper", [rate_made_up, rate_turned, neutral_rate_made_up, neutral_rate_turned, alone])
def test_how_often_answers_flipped_follows_from_the_counts(tamper: Callable[[Told], None]) -> None:
    told = Told()
    tamper(told)
    with pytest.raises(Exceeded, match="how often"):
        told.check()


def test_more_pairs_do_not_flip_than_there_are() -> None:
    told = Told()
    told.sex["control"]["neutral_only"] = told.sex["pairs"]
    with pytest.raises(Exceeded, match="different pairs"):
        told.check()


@pytest.mark.parametrize("count", ["384", "9" * 5000, True, -1, None, "x"], ids=lambda count: str(count)[:6])
@pytest.mark.parametrize("named", ["both", "protected_only", "neutral_only", "pairs", "flipped"])
def test_a_count_is_a_whole_number(named: str, count: Any) -> None:
    told = Told()
    (told.sex if named == "flipped" else told.sex["control"])[named] = count
    with pytest.raises(Exceeded, match="is no count"):
        told.check()


@pytest.mark.parametrize("pairs", [0, 2**53 - 1])
def test_any_number_of_pairs_is_read_or_refused(pairs: int) -> None:
    told = Told()
    told.sex["pairs"] = told.sex["control"]["pairs"] = pairs
    with pytest.raises(Exceeded):
        told.check()


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=300))
def test_the_interval_is_computed_as_the_platform_does(flips: list[tuple[bool, bool]]) -> None:
    first, second = (np.array([pair[side] for pair in flips]) for side in (0, 1))
    still = np.zeros(len(flips))
    told: Any = to_plain(control(first, second, moved=(still, still)))
    _follows({"pairs": len(flips), "flipped": int(first.sum())}, told)


@pytest.mark.parametrize(
    "figure",
    [
        "none",
        *({"low": low, "value": "0", "high": "0"} for low in ("x", [1], "sNaN", "9E+999999", "1E+9999999999999999999")),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_no_proof(figure: Any) -> None:
    told = Told()
    told.sex["control"]["excess_flips"] = figure
    with pytest.raises(Exceeded, match=r"^(what protected terms and attributions do cannot be read|how much more)"):
        told.check()
