"""The rules about samples that people read and reports they sign: each broken in each way, and nobody else blamed."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.audit.house_log import CLEAN, GOOD, TRAINING, VERSION, Fact, Line, Log, digest, entry, find, key, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade, Report

REPORT, SAMPLE = digest("report"), digest("sample")


def finding(metric: str, value: str | None, *, bound: str, limit: str, outcome: str) -> Fact:
    measured = None if value is None else {"high": value, "low": value, "metric": metric, "n": 3, "value": value}
    return {"bound": bound, "limit": limit, "measured": measured, "metric": metric, "outcome": outcome}


def verdict(leaks: str | None, signed: str | None, *, about: str = CLEAN, request: str = "ftjob-1") -> Line:
    """What the training gate says of a leak rate (at most 0.05) and a signature."""
    found = [
        finding(
            "deid.review.adjusted_leak_rate",
            leaks,
            bound="at-most",
            limit="0.05",
            outcome="unknown" if leaks is None else "pass" if float(leaks) <= 0.05 else "fail",
        ),
        finding(
            "deid.attested",
            signed,
            bound="at-least",
            limit="1",
            outcome="unknown" if signed is None else "pass",
        ),
    ]
    outcomes = {one["outcome"] for one in found}
    outcome = "fail" if "fail" in outcomes else "unknown" if "unknown" in outcomes else "pass"
    fact = {"about": about, "findings": found, "gate": "training", "gate_digest": TRAINING, "outcome": outcome}
    return "worker", "GateJudged", {**fact, "request": request}


def opened(review: str = "review-1", **members: Any) -> Line:
    fact = {"about": CLEAN, "documents": 2, "failed_before": 0, "request": "ftjob-1", "review": review}
    return "worker", "ReviewOpened", {**fact, "sample": SAMPLE, "seeds": 1, **members}


def answered(item: int, marks: int, by: str = "prn-rea", review: str = "review-1") -> Line:
    return by, "ReviewAnswered", {"item": item, "marks": marks, "review": review}


def closed(review: str = "review-1", **members: Any) -> Line:
    fact = {"documents": 2, "evidence": digest("evidence"), "found": 1, "leaks": 0, "review": review, "seeds": 1}
    return "prn-ron", "ReviewClosed", {**fact, **members}


def attested(by: str = "prn-pia", **members: Any) -> Line:
    fact = {"about": CLEAN, "expires": None, "knowledge": "no-actual-knowledge", "method": "hipaa-safe-harbor"}
    return by, "ReportAttested", {**fact, "report": REPORT, **members}


def withdrawn(signatures: int = 1, by: str = "prn-pia", about: str = CLEAN) -> Line:
    return by, "SignatureWithdrawn", {"about": about, "because": "actual-knowledge", "signatures": signatures}


def agreement(value: str | None, about: str = CLEAN) -> Line:
    """A verdict of a gate that wants a data use agreement stated."""
    outcome = "unknown" if value is None else "pass"
    found = [finding("deid.data_use_agreement", value, bound="at-least", limit="1", outcome=outcome)]
    fact = {"about": about, "findings": found, "gate": "training", "gate_digest": TRAINING, "outcome": outcome}
    return "worker", "GateJudged", {**fact, "request": "ftjob-1"}


_AT = find("GateJudged")
REVIEWED: Log = [
    key("prn-rea", "reviewer"),
    key("prn-ron", "reviewer"),
    key("prn-pia", "privacy-officer"),
    *GOOD[:_AT],
    verdict(None, None),
    opened(),
    answered(0, 0),
    answered(2, 1, by="prn-ron"),
    answered(1, 0, by="prn-ron"),
    closed(),
    verdict("0.01", None),
    attested(),
    verdict("0.01", "1"),
    *GOOD[_AT + 1 :],
]
"""The good log, in which a sample of three was read by two and a report was signed before training began."""

NEEDED_BY_NOTHING = {"ActionRefused", "AdapterTaken", "StepFailed", "HoldReleased"}


def place(kind: str, which: int = 0) -> int:
    return [position for position, line in enumerate(REVIEWED) if line[1] == kind][which]


def without(kind: str, which: int = 0) -> Log:
    position = place(kind, which)
    return [*REVIEWED[:position], *REVIEWED[position + 1 :]]


def saying(kind: str, which: int = 0, *, by: str | None = None, **members: Any) -> Log:
    position = place(kind, which)
    actor, _, fact = REVIEWED[position]
    return [*REVIEWED[:position], (by or actor, kind, {**fact, **members}), *REVIEWED[position + 1 :]]


def after(kind: str, *lines: Line, which: int = 0) -> Log:
    position = place(kind, which) + 1
    return [*REVIEWED[:position], *lines, *REVIEWED[position:]]


def judged(log: Log) -> Report:
    return conduct(written(log))


def blamed(report: Report) -> dict[str, Grade]:
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def other_release(failed_before: int) -> Log:
    """Another request whose records are cleaned otherwise, after the first sample was read and had failed."""
    other, request = digest("cleaned otherwise"), {"request": "ftjob-2"}
    submitted, begun = (REVIEWED[place(kind)] for kind in ("RequestSubmitted", "StepStarted"))
    done = REVIEWED[place("StepFinished")]
    lines: Log = [
        (submitted[0], submitted[1], {**submitted[2], **request}),
        (begun[0], begun[1], {**begun[2], **request}),
        (done[0], done[1], {**done[2], **request, "output": other}),
        opened("review-2", about=other, failed_before=failed_before, **request),
    ]
    position = place("GateJudged", 1)
    return [*REVIEWED[:position], verdict("0.6", None), *lines]


def before_training_ends() -> Log:
    """The last updates are charged; then the signature goes, and the training ends all the same."""
    position = place("StepFinished", 1)
    return [*REVIEWED[:position], withdrawn(), *REVIEWED[position:]]


GOES_ON = "goes on although the signature about the records was withdrawn"
CLOSED = f"that entry {place('ReviewClosed')} closed"
BROKEN: dict[str, tuple[str, str, Log]] = {
    "read and never drawn": ("review", "a sample is read that was never drawn", without("ReviewOpened")),
    "drawn twice": ("review", "opened for the second time", after("ReviewOpened", opened())),
    "nothing drawn": ("review", "holds no record as it was released", saying("ReviewOpened", documents=0)),
    "drawn of something else": ("review", "a sample is of something else", saying("ReviewOpened", about=VERSION)),
    "drawn for nobody": ("review", "its request was never submitted", saying("ReviewOpened", request="ftjob-9")),
    "failed samples forgotten": ("review", "fewer samples of the same data", other_release(0)),
    "read by who asked": ("review", "by who asked for the training", saying("ReviewAnswered", by="prn-ann")),
    "an item too many": ("review", "an item is read that the sample does not have", saying("ReviewAnswered", item=3)),
    "read twice": ("review", "answered for the second time", after("ReviewAnswered", answered(0, 1))),
    "closed too early": ("review", "1 of its items were not read", without("ReviewAnswered")),
    "closed with another sample": ("review", "with another sample", saying("ReviewClosed", documents=3)),
    "more leaks than documents": ("review", "more than its sample holds", saying("ReviewClosed", leaks=3)),
    "more seeds than there are": ("review", "more than its sample holds", saying("ReviewClosed", found=2)),
    "more found than marked": ("review", "than items were marked", saying("ReviewAnswered", 1, marks=0)),
    "a leak that nobody marked": ("review", "than items were marked", saying("ReviewClosed", leaks=1)),
    "read after it was closed": (
        "review",
        f"that entry {place('ReviewClosed')} closed",
        after("ReviewClosed", answered(0, 1)),
    ),
    "closed twice": ("review", CLOSED, after("ReviewClosed", closed())),
    "relied on and never closed": ("signature", "not read to its end", without("ReviewClosed")),
    "relied on for other records": (
        "signature",
        "not read to its end",
        after("ReportAttested", verdict("0.01", None, about=digest("other"))),
    ),
    "signed by who asked": ("signature", "by who asked for the training", saying("ReportAttested", by="prn-ann")),
    "signed for nothing": ("signature", "de-identification never made", saying("ReportAttested", about=VERSION)),
    "relied on and never signed": ("signature", "a signature that nobody gave", without("ReportAttested")),
    "signed for something else": ("signature", "a signature that nobody gave", saying("ReportAttested", about=VERSION)),
    "a signature that had ended": (
        "signature",
        "or that has ended",
        saying("ReportAttested", expires="2026-11-20"),
    ),
    "a signature until nobody knows when": ("signature", "or that has ended", saying("ReportAttested", expires="soon")),
    "withdrawn and never signed": (
        "signature",
        "more signatures are withdrawn than were given",
        [*REVIEWED, withdrawn(about=VERSION)],
    ),
    "more withdrawn than signed": (
        "signature",
        "more signatures are withdrawn than were given",
        [*REVIEWED, withdrawn(2)],
    ),
    "fewer withdrawn than signed": (
        "signature",
        "fewer signatures are withdrawn than were given",
        [*REVIEWED, attested(), withdrawn(1)],
    ),
    "relied on after it was withdrawn": (
        "signature",
        "a signature that nobody gave",
        after("ReportAttested", withdrawn()),
    ),
    "an agreement that nobody stated": (
        "signature",
        "a data use agreement that nobody stated",
        after("ReportAttested", agreement("1")),
    ),
    "an agreement that was withdrawn": (
        "signature",
        "a data use agreement that nobody stated",
        after("ReportAttested", attested(knowledge="data-use-agreement"), withdrawn(2), attested(), agreement("1")),
    ),
    "trained on after it was withdrawn": ("withdrawn", GOES_ON, after("StepStarted", withdrawn(), which=1)),
    "finished after it was withdrawn": ("withdrawn", GOES_ON, before_training_ends()),
    "promoted after it was withdrawn": ("withdrawn", GOES_ON, after("PromotionProposed", withdrawn())),
    "taken after it was withdrawn": ("withdrawn", GOES_ON, after("AliasMoved", withdrawn())),
    "the worker withdraws": ("principals", "only a person may do", [*REVIEWED, withdrawn(by="worker")]),
    "a person draws": ("principals", "somebody else than a worker", saying("ReviewOpened", by="prn-rea")),
    "the worker reads": ("principals", "only a person may do", saying("ReviewAnswered", by="worker")),
    "the worker signs": ("principals", "only a person may do", saying("ReportAttested", by="worker")),
}


def test_a_log_in_which_people_read_and_signed_as_they_must_is_consistent() -> None:
    assert blamed(judged(REVIEWED)) == {}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found_and_named(what: str) -> None:
    name, words, log = BROKEN[what]
    report = judged(log)
    assert blamed(report).get(name) is Grade.BROKEN, blamed(report)
    assert any(words in line for check in report.checks if check.name == name for line in check.details)


def test_a_signature_counts_to_the_end_of_its_last_day() -> None:
    assert blamed(judged(saying("ReportAttested", expires="2026-11-21"))) == {}


def test_who_signs_again_after_a_withdrawal_lets_training_go_on() -> None:
    assert blamed(judged(after("ReportAttested", withdrawn(), verdict("0.01", None), attested()))) == {}
    assert blamed(judged([*REVIEWED, withdrawn()])) == {}, "what went before is not held against anybody"


def test_an_agreement_that_is_stated_is_relied_on() -> None:
    stated = attested(knowledge="data-use-agreement")
    assert blamed(judged(after("ReportAttested", stated, agreement("1")))) == {}


def test_failed_samples_that_are_counted_are_nobodys_fault() -> None:
    assert "review" not in blamed(judged(other_release(1)))
    assert "review" not in blamed(judged(other_release(2))), "one given up may be counted too"


def test_a_gate_that_never_missed_a_signature_needs_none() -> None:
    """The step says so itself where a profile claims nothing."""
    lines = [verdict("0.01", "1") if line[1] == "GateJudged" and line[0] == "worker" else line for line in REVIEWED]
    kept = [
        line for position, line in enumerate(lines) if line[1] != "ReportAttested" and position != place("GateJudged")
    ]
    assert blamed(judged(kept)) == {}


def test_two_requests_that_share_a_review_are_consistent_and_neither_requester_may_read() -> None:
    begun = REVIEWED[place("StepStarted")]
    submitted = REVIEWED[place("RequestSubmitted")]
    done = REVIEWED[place("StepFinished")]
    other = {"request": "ftjob-2"}
    lines: Log = [
        ("prn-dana", submitted[1], {**submitted[2], **other}),
        (begun[0], begun[1], {**begun[2], **other}),
        (done[0], done[1], {**done[2], **other}),
    ]
    log = after("ReviewOpened", *lines)
    assert "review" not in blamed(judged(log))
    read = [(("prn-dana", *line[1:]) if line[1] == "ReviewAnswered" else line) for line in log]
    assert blamed(judged(read))["review"] is Grade.BROKEN  # type: ignore[arg-type]


@pytest.mark.parametrize("position", range(len(REVIEWED)))
def test_whatever_was_never_written_is_missed_by_what_needs_it(position: int) -> None:
    kind = REVIEWED[position][1]
    grade = judged([*REVIEWED[:position], *REVIEWED[position + 1 :]]).verdict
    # The verdicts in between are needed by nothing: the last one says what they said.
    in_between = position in {place("GateJudged"), place("GateJudged", 1)}
    assert (grade is Grade.CONSISTENT) is (kind in NEEDED_BY_NOTHING or in_between), kind


@given(st.sets(st.integers(0, len(REVIEWED) - 1)))
def test_what_stands_in_entries_that_are_not_at_hand_is_held_against_nobody(gone: set[int]) -> None:
    kept = [(index, entry(index, line)) for index, line in enumerate(REVIEWED) if index not in gone]
    assert conduct(kept).verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}


@pytest.mark.parametrize("what", sorted(BROKEN.keys() - {"drawn for nobody"}))  # that is asked of a whole log only
def test_with_entries_missing_nothing_becomes_good(what: str) -> None:
    lines = [(index + 100, body) for index, body in written(BROKEN[what][2])]
    assert conduct(lines).verdict in {Grade.BROKEN, Grade.INCOMPLETE}
