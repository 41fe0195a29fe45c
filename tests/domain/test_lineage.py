"""The fold: one reading of the log, everything of the story, nothing of another, and no trust in the state."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st
from tests.conftest import NOW
from tests.domain.test_events import example

from tunewarden.domain.attestations import Withdrawal
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.events import (
    ActionRefused,
    AliasMoved,
    DatasetRegistered,
    DatasetRetired,
    DatasetVersionAdded,
    Event,
    HoldPlaced,
    HoldReleased,
    KeyCreated,
    KeyRevoked,
    ModelRegistered,
    PromiseDisproved,
    PromotionProposed,
    ReportAttested,
    RequestApproved,
    RequestSubmitted,
    ReviewAnswered,
    ReviewClosed,
    ReviewOpened,
    SignatureWithdrawn,
    SigningKeyRotated,
    StepFinished,
)
from tunewarden.domain.lineage import LineageReport, Story, documents, fold
from tunewarden.domain.names import (
    Action,
    Alias,
    DatasetId,
    Digest,
    HoldId,
    ModelId,
    PrincipalId,
    PromotionId,
    RequestId,
    ReviewId,
    Role,
)
from tunewarden.domain.vote_events import QuorumInForce, VoteLapsed

REQUEST, DATASET, MODEL, PROMOTION = RequestId("ftjob-1"), DatasetId("ds-1"), ModelId("model-1"), PromotionId("prom-1")
VERSION = Digest("sha256:" + "1" * 64)
STORY = Story(model=MODEL, request=REQUEST, dataset=DATASET, version=VERSION)
ANN = PrincipalId("prn-ann")
TOLD: list[Event] = [
    KeyCreated(principal=ANN, roles=(Role.REQUESTER,)),
    replace(example(DatasetRegistered), dataset=DATASET),  # type: ignore[type-var]
    replace(example(DatasetVersionAdded), dataset=DATASET, version=VERSION),  # type: ignore[type-var]
    replace(example(RequestSubmitted), request=REQUEST, dataset=DATASET, dataset_version=VERSION),  # type: ignore[type-var]
    RequestApproved(request=REQUEST, plan=VERSION),
    ModelRegistered(model=MODEL, request=REQUEST, plan=VERSION, adapter=VERSION),
    replace(example(PromotionProposed), promotion=PROMOTION, model=MODEL),  # type: ignore[type-var]
    ActionRefused(action=Action.APPROVE_PROMOTION, resource=PROMOTION, code="own_promotion", rule=""),
]
OTHERS: list[Event] = [
    example(StepFinished),
    example(DatasetRetired),
    KeyCreated(principal=PrincipalId("prn-nobody"), roles=(Role.AUDITOR,)),
    AliasMoved(alias=Alias.STAGING, model=ModelId("model-9"), previous=None),
    ActionRefused(action=Action.READ_MODEL, resource="model-9", code="access_denied", rule=""),
    HoldPlaced(hold=HoldId("hold-9"), resource="ds-9", order=None),
    HoldReleased(hold=HoldId("hold-9")),
]


def log(events: Iterable[Event]) -> list[Entry]:
    return [
        Entry(index=index, at=NOW + timedelta(seconds=index), actor=ANN, event=event)
        for index, event in enumerate(events)
    ]


def events(report: LineageReport) -> list[Event]:
    return [entry.event for entry in report.entries()]


@given(st.permutations([True] * len(TOLD) + [False] * len(OTHERS)))
def test_a_story_is_the_same_however_other_stories_are_woven_into_it(order: list[bool]) -> None:
    own, foreign = iter(TOLD), iter(OTHERS)
    report = fold(log(next(own) if mine else next(foreign) for mine in order), STORY)
    assert events(report) == TOLD
    assert report.size == len(order)


def test_the_log_is_read_once_and_no_further_than_it_is_given() -> None:
    read = []

    def once() -> Iterator[Entry]:
        for entry in log([*TOLD, *OTHERS]):
            read.append(entry.index)
            yield entry

    fold(once(), STORY)
    assert read == list(range(len(TOLD) + len(OTHERS)))


def test_key_rotations_and_revoked_keys_of_those_who_act_are_told_and_those_of_others_are_not() -> None:
    rotated = SigningKeyRotated(old_key="a", new_key="b", old_signature="c", new_signature="d")
    revoked, other = KeyRevoked(principal=ANN), KeyRevoked(principal=PrincipalId("prn-nobody"))
    report = fold(log([*TOLD, other, rotated, revoked]), STORY)
    assert [entry.event for entry in report.keys] == [rotated]
    assert [entry.event for entry in report.principals] == [TOLD[0], revoked]
    assert other not in events(report)


@pytest.mark.parametrize("resource", [REQUEST, DATASET, MODEL, PROMOTION, "log"])
def test_a_hold_on_anything_in_the_story_is_told_with_its_release(resource: str) -> None:
    placed = HoldPlaced(hold=HoldId("hold-1"), resource=resource, order=None)
    released = HoldReleased(hold=HoldId("hold-1"))
    report = fold(log([*TOLD, placed, released]), STORY)
    assert [entry.event for entry in report.holds] == [placed, released]


def test_by_which_rule_votes_counted_and_which_lapsed_is_told() -> None:
    rule = example(QuorumInForce)
    lapsed = VoteLapsed(request=REQUEST, plan=VERSION, principal=ANN)
    other = replace(lapsed, request=RequestId("ftjob-2"))
    report = fold(log([rule, *TOLD, lapsed, other]), STORY)
    assert [entry.event for entry in report.quorums] == [rule]
    assert lapsed in [entry.event for entry in report.approvals]
    assert other not in events(report)
    assert rule in events(report)


def test_that_the_model_was_shown_to_leak_is_told_and_of_another_model_is_not() -> None:
    shown: Event = replace(example(PromiseDisproved), model=MODEL, request=REQUEST)  # type: ignore[type-var]
    of_another: Event = replace(example(PromiseDisproved), model=ModelId("model-9"))  # type: ignore[type-var]
    report = fold(log([*TOLD, of_another, shown]), STORY)
    assert [entry.event for entry in report.alarms] == [shown]
    assert of_another not in events(report)


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_story_with_a_hole_is_no_report(missing: int) -> None:
    with pytest.raises(Corrupted):
        fold(log([event for place, event in enumerate(TOLD) if place != missing]), STORY)


@pytest.mark.parametrize("twice", [1, 3, 5])
def test_a_story_that_begins_twice_is_no_report(twice: int) -> None:
    with pytest.raises(Corrupted, match="twice"):
        fold(log([*TOLD, TOLD[twice]]), STORY)


def test_records_that_were_added_again_are_told_as_they_first_came() -> None:
    assert fold(log([*TOLD, TOLD[2]]), STORY).version.index == 2


@pytest.mark.parametrize(
    "state",
    [
        replace(STORY, request=RequestId("ftjob-2")),
        replace(STORY, dataset=DatasetId("ds-2")),
        replace(STORY, version=Digest("sha256:" + "2" * 64)),
    ],
)
def test_a_state_that_says_another_story_than_the_log_is_no_report(state: Story) -> None:
    more = [
        replace(example(DatasetRegistered), dataset=DatasetId("ds-2")),  # type: ignore[type-var]
        replace(example(RequestSubmitted), request=RequestId("ftjob-2"), dataset=DATASET, dataset_version=VERSION),  # type: ignore[type-var]
        replace(example(DatasetVersionAdded), dataset=DatasetId("ds-2"), version=VERSION),  # type: ignore[type-var]
        replace(example(DatasetVersionAdded), dataset=DATASET, version=Digest("sha256:" + "2" * 64)),  # type: ignore[type-var]
    ]
    with pytest.raises(Corrupted):
        fold(log([*more, *TOLD]), state)


def test_a_model_that_the_entries_do_not_have_yet_is_not_found() -> None:
    with pytest.raises(NotFound):
        fold(log(TOLD[:5]), STORY)


CLEAN, OTHER_CLEAN = Digest("sha256:" + "c" * 64), Digest("sha256:" + "d" * 64)


def said(review: str, about: Digest, request: RequestId = REQUEST) -> list[Event]:
    """A review of released records, from its beginning to its end, and a signature."""
    identifier = ReviewId(review)
    return [
        replace(example(ReviewOpened), review=identifier, request=request, about=about),  # type: ignore[type-var]
        ReviewAnswered(review=identifier, item=0, marks=0),
        replace(example(ReviewClosed), review=identifier),  # type: ignore[type-var]
        replace(example(ReportAttested), about=about),  # type: ignore[type-var]
        SignatureWithdrawn(about=about, because=Withdrawal.KNOWLEDGE, signatures=1),
    ]


def cleaned(output: Digest) -> StepFinished:
    done = example(StepFinished)
    assert isinstance(done, StepFinished)
    return replace(done, request=REQUEST, output=output)


def test_what_people_said_of_the_clean_version_is_part_of_the_story_whoever_it_was_said_for() -> None:
    """Before or after the request came to it, and nothing of what they said of other records."""
    early, late = said("review-1", CLEAN, RequestId("ftjob-9")), said("review-2", CLEAN)
    strange = said("review-3", OTHER_CLEAN, REQUEST)
    report = fold(log([*TOLD[:3], *early, *strange, *TOLD[3:5], cleaned(CLEAN), *late, *TOLD[5:]]), STORY)
    assert [entry.event for entry in report.reviews] == [*early, *late]
    assert {example(ReviewClosed).evidence, example(ReportAttested).report} <= set(documents(report))  # type: ignore[attr-defined]


def test_a_refusal_to_read_a_sample_of_the_story_is_told() -> None:
    refused = ActionRefused(action=Action.REVIEW_SAMPLE, resource="review-2", code="access_denied", rule="")
    report = fold(log([*TOLD[:5], cleaned(CLEAN), *said("review-2", CLEAN), refused, *TOLD[5:]]), STORY)
    assert refused in [entry.event for entry in report.refusals]
