"""The rules of the house, each broken in each way: the rule says so, and no other way of keeping them is blamed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.audit.house_log import (
    ADAPTER,
    CLEAN,
    GOOD,
    MECHANISM,
    NEEDED_BY_NOTHING,
    PROMOTION,
    TRAINING,
    VERSION,
    Log,
    after,
    charged,
    digest,
    entry,
    find,
    finished,
    key,
    revoked,
    saying,
    started,
    step,
    verdict,
    without,
    written,
)

from tunewarden_audit.canonical import encode
from tunewarden_audit.conduct import MOST_NAMED, conduct
from tunewarden_audit.recipe import Check, Grade, Report

SUBMITTED = GOOD[find("RequestSubmitted")][2]
RESERVED = GOOD[find("BudgetReserved")][2]
POOR = verdict("promotion", PROMOTION, ADAPTER, low="0.1")
FINDING = verdict("", "", "")["findings"][0]


def judged(log: Log, **options: Any) -> Report:
    return conduct(written(log), **options)


def blamed(report: Report) -> dict[str, Grade]:
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def of(report: Report, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def test_a_log_in_which_everybody_kept_the_rules_is_consistent() -> None:
    report = judged(GOOD, now=datetime(2026, 11, 22, tzinfo=UTC))
    assert blamed(report) == {}
    assert report.verdict is Grade.CONSISTENT
    assert all(not check.details for check in report.checks)
    assert [check.number for check in report.checks] == list(range(1, 32))


def other_request(**members: Any) -> Log:
    """Somebody else's request on the same dataset, as far as its training."""
    fact = {"request": "ftjob-2"}
    lines = [
        ("prn-ann", "RequestSubmitted", {**SUBMITTED, **fact}),
        ("prn-ann", "BudgetReserved", {**RESERVED, **fact, **members}),
        ("prn-bob", "RequestApproved", {"plan": SUBMITTED["plan"], **fact}),
        *(
            (actor, kind, {**told, **fact})
            for actor, kind, told in (
                started(1, "deidentify", VERSION),
                finished(1, "deidentify", CLEAN),
                ("worker", "GateJudged", verdict("training", TRAINING, CLEAN)),
                started(2, "train", CLEAN),
                charged(2, 40, 40),
                finished(2, "train", digest("another adapter"), updates=40),
            )
        ),
    ]
    return after("AliasMoved", *lines)


BROKEN: dict[str, tuple[str, Log]] = {
    # principals
    "a revoked principal acts": ("principals", after("BudgetReserved", revoked("prn-bob"))),
    "somebody without a key acts": ("principals", without("KeyCreated", 2)),
    "a person takes a step": ("principals", saying("StepFinished", by="prn-ann")),
    "the worker approves": ("principals", saying("RequestApproved", by="worker")),
    "the worker takes the weights": ("principals", saying("AdapterTaken", by="worker")),
    "a person rotates the log's key": (
        "principals",
        after("AliasMoved", ("prn-ann", "SigningKeyRotated", {"old_key": "a", "new_key": "b"})),
    ),
    # purpose
    "another purpose": ("purpose", saying("RequestSubmitted", purpose="marketing")),
    "a version that was never added": ("purpose", without("DatasetVersionAdded")),
    "a version of a file that was never uploaded": ("purpose", without("FileUploaded")),
    "a dataset that was never registered": ("purpose", without("DatasetRegistered")),
    "a dataset that was retired": (
        "purpose",
        after("BudgetReserved", ("prn-dana", "DatasetRetired", {"dataset": "ds-1"})),
    ),
    "a dataset that may not be kept any more": ("purpose", saying("DatasetRegistered", retain_until="2026-11-20")),
    "a dataset without a day": ("purpose", saying("DatasetRegistered", retain_until="soon")),
    # approval
    "no approval": ("approval", without("RequestApproved")),
    "approved by who asked": ("approval", saying("RequestApproved", by="prn-ann")),
    "another plan approved": ("approval", saying("RequestApproved", plan=digest("another plan"))),
    "approved twice": ("approval", after("RequestApproved", GOOD[find("RequestApproved")])),
    "a step of nobody's request": ("approval", without("RequestSubmitted")),
    "a step after the end": ("approval", after("RequestEnded", started(5, "measure", ADAPTER))),
    # verdicts
    "no findings": ("verdicts", saying("GateJudged", findings=[])),
    "a finding that says pass of what fails": (
        "verdicts",
        saying("GateJudged", findings=[{**verdict("", "", "", low="0.7")["findings"][0], "outcome": "pass"}]),
    ),
    "a verdict better than its findings": (
        "verdicts",
        saying("GateJudged", findings=verdict("", "", "", low="0.7")["findings"]),
    ),
    "a finding without a measurement that passes": (
        "verdicts",
        saying("GateJudged", findings=[{**FINDING, "measured": None}]),
    ),
    "a finding that cannot be read": ("verdicts", saying("GateJudged", findings=["pass"])),
    # gate
    "the gate was not asked": ("gate", without("GateJudged")),
    "the gate said no": ("gate", saying("GateJudged", **verdict("training", TRAINING, CLEAN, low="0.5"))),
    "another gate was asked": ("gate", saying("GateJudged", gate_digest=digest("lenient"))),
    "the gate judged something else": ("gate", saying("GateJudged", about=digest("other data"))),
    # outputs
    "trained on something else": ("outputs", saying("StepStarted", 1, given=digest("raw"))),
    "trained before it was de-identified": ("outputs", without("StepFinished")),
    "done without having begun": ("outputs", without("StepStarted", 3)),
    "done twice": ("outputs", after("StepFinished", finished(1, "deidentify", digest("other")))),
    "begun again after it was done": ("outputs", after("GateJudged", started(2, "deidentify", VERSION))),
    "attempts out of order": ("outputs", saying("StepStarted", 1, attempt=7)),
    "a step that the house does not have": ("outputs", saying("StepStarted", step="merge")),
    "a model that training did not make": ("outputs", saying("ModelRegistered", adapter=digest("other"))),
    "a model of another plan": ("outputs", saying("ModelRegistered", plan=digest("other"))),
    "a model that was not measured": ("outputs", without("StepFinished", 2)),
    "one adapter from two trainings": (
        "outputs",
        [
            (actor, kind, {**fact, "output": ADAPTER} if fact.get("output") == digest("another adapter") else fact)
            for actor, kind, fact in other_request()
        ],
    ),
    # budget
    "nothing promised": ("budget", without("BudgetReserved")),
    "promised twice": ("budget", after("BudgetReserved", GOOD[find("BudgetReserved")])),
    "charges that do not add up": ("budget", saying("BudgetCharged", 1, charged=30)),
    "charged nothing": ("budget", saying("BudgetCharged", updates=0)),
    "charged without training": ("budget", after("RequestApproved", charged(1, 20, 20))),
    "charged after the end": ("budget", after("RequestEnded", charged(3, 1, 37))),
    "a charge to another dataset": ("budget", saying("BudgetCharged", dataset="ds-2")),
    # limit
    "a promise that the noise does not keep": ("limit", saying("BudgetReserved", epsilon="1.5")),
    "a promise that holds for a record and not for a person": (
        "limit",
        saying("BudgetReserved", mechanism={**MECHANISM, "unit": "record", "contributions": 4}),
    ),
    "a delta beyond the dataset's": ("limit", saying("BudgetReserved", delta="0.01")),
    "a promise above the limit": ("limit", saying("DatasetRegistered", epsilon_limit="1.9")),
    "two promises above the limit": (
        "limit",
        [
            (actor, kind, {**fact, "epsilon_limit": "2.2"} if kind == "DatasetRegistered" else fact)
            for actor, kind, fact in other_request()
        ],
    ),
    "charges above the limit": (
        "limit",
        [
            (actor, kind, {**fact, "updates": 4000, "charged": 4020} if fact.get("charged") == 36 else fact)
            for actor, kind, fact in GOOD
        ],
    ),
    "less said to be spent than was": ("limit", saying("BudgetSettled", epsilon_spent="1.2")),
    "more said to be spent than allowed": ("limit", saying("BudgetSettled", epsilon_spent="9")),
    # settlement
    "ended without being settled": ("settlement", without("BudgetSettled")),
    "more given back than was left": ("settlement", saying("BudgetSettled", returned=40)),
    "less charged than charged": ("settlement", saying("BudgetSettled", charged=20)),
    "more run than charged": ("settlement", saying("StepFinished", 1, counts={"updates": 37})),
    "settled and never ended": ("settlement", without("RequestEnded")),
    "ended twice": ("settlement", after("RequestEnded", GOOD[find("RequestEnded")])),
    # promotion
    "promoted by the gate of another task": ("promotion", saying("RequestSubmitted", task="completion")),
    "promoted though no gate knows the task": ("promotion", saying("RequestSubmitted", task="")),
    "promoted without a verdict": ("promotion", without("GateJudged", 1)),
    "proposed with another verdict": ("promotion", saying("PromotionProposed", verdict=digest("other"))),
    "proposed as passing": ("promotion", saying("GateJudged", 1, **POOR)),
    "not judged once more": ("promotion", without("GateJudged", 2)),
    "judged worse by then": ("promotion", saying("GateJudged", 2, **POOR)),
    "another adapter judged": ("promotion", saying("GateJudged", 2, about=digest("other"))),
    "approved by who proposed": ("promotion", saying("PromotionApproved", by="prn-bob")),
    "approved for another verdict": ("promotion", saying("PromotionApproved", verdict=digest("other"))),
    "approved for another model": ("promotion", saying("PromotionApproved", model="mdl-2")),
    "approved without a proposal": ("promotion", without("PromotionProposed")),
    "moved without approval": ("promotion", without("PromotionApproved")),
    "other weights taken": ("promotion", saying("AdapterTaken", adapter=digest("other"))),
    "weights of an unknown model taken": ("promotion", saying("AdapterTaken", model="mdl-2")),
    "weights taken before any alias": ("promotion", after("ModelRegistered", GOOD[find("AdapterTaken")])),
    "approved and never moved": ("promotion", without("AliasMoved")),
    "moved twice for one approval": ("promotion", after("AliasMoved", GOOD[find("AliasMoved")])),
    "another alias moved": ("promotion", saying("AliasMoved", alias="staging")),
    "moved from where it was not": ("promotion", saying("AliasMoved", previous="mdl-0")),
    # pruning
    "pruned without a proposal": ("pruning", without("PruneProposed")),
    "pruned by who proposed": ("pruning", saying("PruneStarted", by="prn-dana")),
    "other bodies pruned": ("pruning", saying("PruneStarted", indices=digest("3"))),
    "other bodies gone": ("pruning", saying("PruneFinished", indices=digest("3"))),
    "pruned without a beginning": ("pruning", without("PruneStarted")),
    "a hold released that was not placed": ("pruning", without("HoldPlaced")),
    # vocabulary
    "a member is missing": ("vocabulary", [*GOOD, ("prn-ann", "KeyRevoked", {})]),
    "a member is of another form": ("vocabulary", [*GOOD, ("operator", "KeyRevoked", {"principal": 7})]),
    "a mechanism is of another form": ("vocabulary", saying("BudgetReserved", mechanism={**MECHANISM, "updates": ""})),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found(what: str) -> None:
    name, log = BROKEN[what]
    report = judged(log)
    assert blamed(report).get(name) is Grade.BROKEN, blamed(report)
    assert of(report, name).details[0].startswith(("entry ", "member "))
    assert report.verdict is Grade.BROKEN


SAID: list[tuple[str, str, Log]] = [
    ("outputs", "a step begins that the house does not have", BROKEN["a step that the house does not have"][1]),
    ("outputs", "a step begins that was done before", BROKEN["begun again after it was done"][1]),
    ("outputs", "two attempts made the output of one step", BROKEN["done twice"][1]),
    ("budget", "its request was never submitted", without("RequestSubmitted")),
    ("budget", "comes after its request was settled or had ended", BROKEN["charged after the end"][1]),
    ("budget", "updates are charged while no training is under way", BROKEN["charged without training"][1]),
    ("limit", "there is no limit to compare with", without("DatasetRegistered")),
    ("limit", "a charge leads above the dataset's limit", BROKEN["charges above the limit"][1]),
    ("limit", "a promise leads above the dataset's limit", BROKEN["two promises above the limit"][1]),
    ("promotion", "a promotion is approved that was never proposed", without("PromotionProposed")),
    (
        "promotion",
        "a promotion is approved for the second time",
        after("PromotionApproved", GOOD[find("PromotionApproved")]),
    ),
    ("promotion", "a promotion is approved that the gate had refused", saying("PromotionProposed", outcome="fail")),
    ("promotion", "weights were taken of a model that was never registered", saying("AdapterTaken", model="mdl-2")),
]
"""What is said where the same rule has more to say about the same log, so that its grade alone would not show it."""


@pytest.mark.parametrize(("name", "words", "log"), SAID, ids=[words for _, words, _ in SAID])
def test_each_fault_is_named_beside_others_of_the_same_rule(name: str, words: str, log: Log) -> None:
    assert any(words in line for line in of(judged(log), name).details)


@pytest.mark.parametrize("position", range(len(GOOD)))
def test_whatever_was_never_written_is_missed_by_what_needs_it(position: int) -> None:
    """Class 15 of the fault matrix. What nothing needs is not missed: that is what receipts and heartbeats are for."""
    kind = GOOD[position][1]
    grade = judged([*GOOD[:position], *GOOD[position + 1 :]]).verdict
    assert (grade is Grade.CONSISTENT) is (kind in NEEDED_BY_NOTHING), kind


@given(st.sets(st.integers(0, len(GOOD) - 1)))
def test_what_stands_in_entries_that_are_not_at_hand_is_held_against_nobody(gone: set[int]) -> None:
    """A bundle holds some entries of a log; pruning takes some away. Neither is anybody's fault."""
    kept = [(index, entry(index, line)) for index, line in enumerate(GOOD) if index not in gone]
    assert conduct(kept).verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}


ASKED_OF_A_WHOLE_LOG = {"a version of a file that was never uploaded", "moved from where it was not"}


@pytest.mark.parametrize("what", sorted(BROKEN.keys() - ASKED_OF_A_WHOLE_LOG))
def test_with_entries_missing_nothing_becomes_good(what: str) -> None:
    lines = [(index + 100, body) for index, body in written(BROKEN[what][1])]
    assert conduct(lines).verdict in {Grade.BROKEN, Grade.INCOMPLETE}


def test_a_type_that_these_rules_do_not_know_leaves_the_judgement_open() -> None:
    report = judged([*GOOD, ("operator", "ModelShipped", {"model": "mdl-1"})])
    assert blamed(report) == {"vocabulary": Grade.INCOMPLETE}


@pytest.mark.parametrize("change", [{"relation": "replace-one"}, {"contributions": 0}, {"contributions": 65}])
def test_a_mechanism_without_a_formula_leaves_the_judgement_open(change: dict[str, Any]) -> None:
    report = judged(saying("BudgetReserved", mechanism={**MECHANISM, **change}))
    assert blamed(report) == {"limit": Grade.INCOMPLETE}
    said = [line.partition(":")[0] for line in of(report, "limit").details]
    promised, charges = find("BudgetReserved"), [find("BudgetCharged"), find("BudgetCharged", 1)]
    assert said == [f"entry {index}" for index in (promised, *charges)]


def test_bytes_that_are_no_entry_are_named_and_the_others_judged() -> None:
    lines = written(GOOD)
    lines[3] = (3, b'{"v": 1}')
    lines[4] = (4, encode({"actor": "prn-dana", "at": "yesterday", "fact": {}, "type": "KeyRevoked", "v": 1}))
    lines[5] = (5, encode({"actor": "prn-dana", "at": "2026-02-31T00:00:00.000Z", "fact": {}, "type": "X", "v": 1}))
    assert of(conduct(lines), "vocabulary").details == (
        "entry 3: the bytes are JSON, but not in canonical form (RFC 8785)",
        "the time of entry 4 is not RFC 3339 in UTC with milliseconds",
        "the time of entry 5 is not RFC 3339 in UTC with milliseconds",
    )


def test_an_intent_without_outcome_is_named_and_no_fault_where_the_job_went_on() -> None:
    report = judged(without("StepFailed"))
    assert report.verdict is Grade.CONSISTENT
    [line] = of(report, "intents").details
    assert (
        line
        == f"entry {find('StepStarted', 1)}: the train that it begins has no outcome; what followed went on without it"
    )


@pytest.mark.parametrize(
    ("kept", "what"), [(find("StepStarted", 3) + 1, "measure"), (find("PruneStarted") + 1, "prune")]
)
def test_an_intent_that_nothing_follows_is_under_way_or_was_never_written(kept: int, what: str) -> None:
    report = judged(GOOD[:kept])
    assert blamed(report) == {"intents": Grade.INCOMPLETE}
    assert f"the {what} that it begins has no outcome: it is under way" in of(report, "intents").details[0]


@pytest.mark.parametrize(("seconds", "is_blamed"), [(-30, False), (-61, True), (3600, False)])
def test_a_clock_that_was_turned_back_is_found_beyond_the_difference_of_two_clocks(
    seconds: int, is_blamed: bool
) -> None:
    lines = written(GOOD)
    at = datetime(2026, 11, 21, 2, 0, len(GOOD) - 2, tzinfo=UTC) + timedelta(seconds=seconds)
    lines[-1] = (lines[-1][0], entry(0, GOOD[-1], at=at.strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    report = conduct(lines)
    assert (blamed(report) == {"time": Grade.BROKEN}) is is_blamed
    if is_blamed:
        assert of(report, "time").details == (
            f"entry {len(GOOD) - 1}: is dated 61 s before an entry ahead of it: a clock was turned back",
        )


def test_a_date_to_come_is_found_where_the_auditor_has_a_clock() -> None:
    now = datetime(2026, 11, 21, 1, 58, tzinfo=UTC)
    assert blamed(judged(GOOD)) == {}
    assert blamed(judged(GOOD, now=now)) == {"time": Grade.BROKEN}
    assert blamed(judged(GOOD, now=now, skew=timedelta(minutes=5))) == {}


def test_a_refusal_that_was_on_its_way_when_the_key_was_revoked_is_nobodys_fault() -> None:
    refused = GOOD[find("ActionRefused")]
    assert blamed(judged([*GOOD, revoked("prn-ann"), refused])) == {}


def test_two_requests_on_one_dataset_that_stay_within_its_limit_are_consistent() -> None:
    report = judged(other_request())
    assert set(blamed(report)) <= {"intents"}


def test_de_identification_may_give_two_requests_the_same_records() -> None:
    assert "outputs" not in blamed(judged(other_request()))


def test_many_findings_are_counted_and_the_first_ones_named() -> None:
    lines = [*GOOD, *[("prn-zed", "ActionRefused", GOOD[find("ActionRefused")][2])] * (MOST_NAMED + 5)]
    check = of(judged(lines), "principals")
    assert check.because.startswith(f"{MOST_NAMED + 5} findings against: ")
    assert len(check.details) == MOST_NAMED + 1
    assert check.details[-1] == "and 5 more"


def test_an_unknown_key_of_two_people_is_not_confused() -> None:
    assert blamed(judged([key("prn-new", "auditor"), *GOOD])) == {}


def test_a_step_of_another_request_does_not_finish_this_one() -> None:
    line = step("StepFinished", 4, "measure", output=digest("x"), counts={})
    other = (line[0], line[1], {**line[2], "request": "ftjob-9"})
    kept = [*GOOD[: find("StepStarted", 3) + 1], other]
    assert "intents" in blamed(judged(kept))
