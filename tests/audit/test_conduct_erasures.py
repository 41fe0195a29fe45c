"""The rules about persons who were erased: each broken in each way, and nobody else blamed."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.audit.house_log import (
    CLEAN,
    GOOD,
    VERSION,
    Line,
    Log,
    digest,
    entry,
    find,
    finished,
    key,
    started,
    written,
)

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade, Report

FRESH = digest("clean without the person")


def asked(erasure: str = "erasure-1", by: str = "prn-pia", dataset: str = "ds-1") -> Line:
    return by, "ErasureAsked", {"dataset": dataset, "erasure": erasure}


def erased(keys: int = 1, erasure: str = "erasure-1", by: str = "worker", dataset: str = "ds-1") -> Line:
    return by, "PersonErased", {"dataset": dataset, "erasure": erasure, "keys": keys}


def refused(erasure: str, action: str = "carry-out-erasure") -> Line:
    return "worker", "ActionRefused", {"action": action, "code": "legal_hold", "resource": erasure, "rule": ""}


def held(resource: str, hold: str = "hold-9") -> Line:
    return "prn-pia", "HoldPlaced", {"hold": hold, "order": None, "resource": resource}


def of_another(*lines: Line, request: str = "ftjob-2") -> Log:
    """The same lines about somebody else's request."""
    return [(actor, kind, {**fact, "request": request}) for actor, kind, fact in lines]


_PIA = key("prn-pia", "privacy-officer")
_ASKED_AGAIN = of_another(GOOD[find("RequestSubmitted")], GOOD[find("BudgetReserved")], GOOD[find("RequestApproved")])


def again(**counts: int) -> Log:
    """Another request on the same version, de-identified."""
    return [*_ASKED_AGAIN, *of_another(started(1, "deidentify", VERSION), finished(1, "deidentify", FRESH, **counts))]


_END = find("AdapterTaken")
ERASED: Log = [_PIA, *GOOD[:_END], asked(), erased(), asked("erasure-2"), refused("erasure-2"), *again(erased=1)]
"""The good log as far as the alias; then a person was erased, another erasure was refused, a release leaves one out."""


def judged(log: Log) -> Report:
    return conduct(written(log))


def blamed(report: Report, grade: Grade = Grade.BROKEN) -> dict[str, tuple[str, ...]]:
    return {check.name: check.details for check in report.checks if check.grade is grade}


def test_an_erasure_as_it_has_to_be_is_consistent_but_for_the_request_under_way() -> None:
    report = judged(ERASED)
    assert blamed(report) == {}
    assert set(blamed(report, Grade.INCOMPLETE)) <= {"settlement"}


def within(*lines: Line, before: str, which: int = 0) -> Log:
    """The good log with these lines before one of its entries."""
    at = find(before, which)
    return [_PIA, *GOOD[:at], *lines, *GOOD[at:]]


def before_the_end(*lines: Line) -> Log:
    return [_PIA, *GOOD[:_END], *lines]


BROKEN: dict[str, tuple[str, Log]] = {
    "nobody had asked": ("nobody had asked to erase", before_the_end(erased())),
    "from another dataset": ("another dataset than was asked", before_the_end(asked(), erased(dataset="ds-2"))),
    "twice": ("had an outcome before", before_the_end(asked(), erased(), erased(0))),
    "after it was refused": ("had an outcome before", before_the_end(asked(), refused("erasure-1"), erased())),
    "from no dataset": ("never registered", before_the_end(asked(dataset="ds-2"))),
    "under a hold on the dataset": ("under a legal hold", before_the_end(held("ds-1"), asked(), erased())),
    "under a hold on the log": ("under a legal hold", before_the_end(held("log"), asked(), erased(0))),
    "a release that was under way is taken": ("goes on", within(asked(), erased(), before="StepFinished")),
    "training begins": ("goes on", within(asked(), erased(), before="StepStarted", which=1)),
    "training is paid for": ("goes on", within(asked(), erased(), before="BudgetCharged")),
    "training ends": ("goes on", within(asked(), erased(), before="StepFinished", which=1)),
    "measuring ends": ("goes on", within(asked(), erased(), before="StepFinished", which=2)),
    "a model is registered": ("goes on", within(asked(), erased(), before="ModelRegistered")),
    "a release leaves nobody out": ("fewer records", before_the_end(asked(), erased(), *again(erased=0))),
    "a release does not say whom it leaves out": ("fewer records", before_the_end(asked(), erased(), *again())),
    "a release leaves one of two out": (
        "fewer records",
        before_the_end(asked(), erased(), asked("erasure-2"), erased(1, "erasure-2"), *again(erased=1)),
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_found_and_no_other_is_blamed(what: str) -> None:
    words, log = BROKEN[what]
    report = judged(log)
    assert set(blamed(report)) == {"erasure"}, blamed(report)
    assert any(words in line for line in blamed(report)["erasure"])


@pytest.mark.parametrize(
    "line", [asked(by="worker"), asked(by="operator"), asked(by="prn-nobody"), erased(by="prn-pia")], ids=str
)
def test_a_person_asks_and_a_worker_does_it(line: Line) -> None:
    assert "principals" in blamed(judged(before_the_end(asked(), line)))


def test_a_worker_destroys_a_versions_key_and_who_has_the_machine_rotates_master_keys() -> None:
    destroyed = ("VersionDestroyed", {"dataset": "ds-1", "version": VERSION})
    rotated = ("MasterKeyRotated", {"keys": 3, "purpose": "vault", "version": "vault-0123456789abcdef"})
    kept = [_PIA, *GOOD, ("worker", *destroyed), ("operator", *rotated)]
    assert blamed(judged(kept)) == blamed(judged([_PIA, *GOOD]))
    for line in (("prn-pia", *destroyed), ("prn-nobody", *rotated)):
        assert "principals" in blamed(judged([_PIA, *GOOD, line]))


def test_who_had_no_key_stops_nothing_and_is_owed_nothing() -> None:
    for place in ("StepFinished", "BudgetCharged", "ModelRegistered"):
        assert blamed(judged(within(asked(), erased(0), before=place))) == {}
    assert blamed(judged(before_the_end(asked(), erased(0), *again(erased=0)))) == {}


def test_a_person_of_another_dataset_stops_nothing() -> None:
    other = GOOD[find("DatasetRegistered")]
    registered = (other[0], other[1], {**other[2], "dataset": "ds-2"})
    log = within(registered, asked(dataset="ds-2"), erased(dataset="ds-2"), before="BudgetCharged")
    assert blamed(judged(log)) == {}


def test_a_release_that_begins_anew_may_be_taken() -> None:
    at = find("StepFinished")
    failed = ("worker", "StepFailed", {"attempt": 1, "code": "person_erased_meanwhile", "request": "ftjob-1"})
    failed = (failed[0], failed[1], {**failed[2], "step": "deidentify"})
    once_more = [started(2, "deidentify", VERSION), finished(2, "deidentify", CLEAN, erased=2)]
    report = judged([_PIA, *GOOD[:at], asked(), erased(), failed, *once_more, GOOD[find("GateJudged")]])
    assert blamed(report) == {}


def test_where_two_versions_were_begun_the_person_may_be_in_either() -> None:
    second = digest("second version")
    added = GOOD[find("DatasetVersionAdded")]
    asked_for = GOOD[find("RequestSubmitted")]
    log = before_the_end(
        (added[0], added[1], {**added[2], "version": second}),
        *of_another(
            (asked_for[0], asked_for[1], {**asked_for[2], "dataset_version": second}),
            GOOD[find("BudgetReserved")],
            GOOD[find("RequestApproved")],
            started(1, "deidentify", second),
            request="ftjob-3",
        ),
        asked(),
        erased(),
        *again(erased=0),
    )
    assert blamed(judged(log)) == {}


def test_an_erasure_that_waits_is_left_open_and_named() -> None:
    report = judged([_PIA, *GOOD, asked()])
    assert blamed(report, Grade.INCOMPLETE) == {
        "erasure": (
            f"entry {len(GOOD) + 1}: the erasure that it asks for has no outcome: it waits for a worker, or was "
            "never written",
        )
    }
    assert blamed(judged([_PIA, *GOOD, asked(), refused("erasure-1", "erase-person")]), Grade.INCOMPLETE)
    assert blamed(judged([_PIA, *GOOD, asked(), refused("erasure-1")]), Grade.INCOMPLETE) == {}


@given(st.sets(st.integers(0, len(ERASED) - 1)))
def test_what_stands_in_entries_that_are_not_at_hand_is_held_against_nobody(gone: set[int]) -> None:
    kept = [(index, entry(index, line)) for index, line in enumerate(ERASED) if index not in gone]
    assert conduct(kept).verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}


@pytest.mark.parametrize("members", [{"keys": -1}, {"keys": "1"}, {"erasure": 7}, {"dataset": None}])
def test_members_of_another_form_are_named(members: dict[str, Any]) -> None:
    actor, kind, fact = erased()
    assert "vocabulary" in blamed(judged(before_the_end(asked(), (actor, kind, {**fact, **members}))))


def destroyed(version: str = VERSION, dataset: str = "ds-1") -> Line:
    return "worker", "VersionDestroyed", {"dataset": dataset, "version": version}


_DRAWN = (
    "worker",
    "ReviewOpened",
    {
        "about": CLEAN,
        "documents": 1,
        "failed_before": 0,
        "request": "ftjob-1",
        "review": "r",
        "sample": "s",
        "seeds": 0,
    },
)
_READ_AFTERWARDS: dict[str, Log] = {
    "a step begins": within(destroyed(), before="StepStarted"),
    "a step ends": within(destroyed(), before="StepFinished"),
    "something is charged": within(destroyed(), before="BudgetCharged"),
    "records are drawn to be read": [_PIA, *GOOD, destroyed(), _DRAWN],
    "it is destroyed again": [_PIA, *GOOD, destroyed(), destroyed()],
    "it was never added": [_PIA, *GOOD, destroyed(digest("another"))],
    "its dataset was never registered": [_PIA, *GOOD, destroyed(dataset="ds-9")],
    "a hold is on its dataset": [_PIA, *GOOD, held("ds-1"), destroyed()],
    "a hold is on the whole log": [_PIA, *GOOD, held("log"), destroyed()],
}


@pytest.mark.parametrize("what", _READ_AFTERWARDS)
def test_what_was_destroyed_was_free_and_is_read_by_nobody(what: str) -> None:
    assert "destruction" in blamed(judged(_READ_AFTERWARDS[what]))


def test_another_version_goes_on_being_read() -> None:
    at = find("DatasetVersionAdded")
    actor, kind, fact = GOOD[at]
    added = (actor, kind, {**fact, "version": digest("older"), "file": "file-1"})
    log = [*GOOD[: at + 1], added, destroyed(digest("older")), *GOOD[at + 1 :]]
    assert "destruction" not in blamed(judged(log))
    assert "destruction" not in blamed(judged([_PIA, *GOOD, held("ds-2"), destroyed()]))
