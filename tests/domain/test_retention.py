"""Which entries may lose their body: whole stories, never what is needed, never what is held."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, strategies as st
from tests.domain.test_events import MECHANISM, example

from tunewarden.domain.attestations import Withdrawal
from tunewarden.domain.datasets import LawfulBasis, Purpose, Sensitivity
from tunewarden.domain.emergency_events import EmergencyOpened, EmergencyReviewed, EmergencyUsed
from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.domain.events import (
    EVENT_TYPES,
    ActionRefused,
    AliasMoved,
    BudgetReserved,
    DatasetRegistered,
    DatasetRetired,
    DatasetVersionAdded,
    Event,
    FileUploaded,
    HoldPlaced,
    HoldReleased,
    KeyCreated,
    KeyRevoked,
    ModelRegistered,
    PromotionProposed,
    PruneFinished,
    PruneProposed,
    ReportAttested,
    RequestEnded,
    RequestSubmitted,
    ReviewAnswered,
    ReviewClosed,
    ReviewOpened,
    SignatureWithdrawn,
    StepFinished,
)
from tunewarden.domain.file_events import UploadBegun, UploadEnded
from tunewarden.domain.files import UploadState
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import (
    Action,
    Alias,
    DatasetId,
    Digest,
    FileId,
    HoldId,
    ModelId,
    PolicyName,
    PrincipalId,
    ProjectId,
    PromotionId,
    PruneId,
    RequestId,
    ReviewId,
    Role,
    UploadId,
)
from tunewarden.domain.retention import (
    Due,
    Retention,
    RetentionClass,
    covered,
    due,
    holds,
    mentioned,
    prunes,
    require_explained,
)
from tunewarden.domain.training import State

DAY = datetime(2020, 1, 1, 12, tzinfo=UTC)
LATER = date(2030, 1, 1)
SOME = Digest("sha256:" + "a" * 64)
ANN, BOB = PrincipalId("prn-ann"), PrincipalId("prn-bob")
DATASET, FILE = DatasetId("ds-1"), FileId("file-1")
PERMANENT = {"HoldPlaced", "HoldReleased", "PruneProposed", "PruneStarted", "PruneFinished"}
RETENTION = Retention(
    classes=MappingProxyType(
        {
            "short": RetentionClass(days=184, because="six months"),
            "long": RetentionClass(days=3653, because="ten years"),
            "permanent": RetentionClass(days=None, because="the log itself"),
        }
    ),
    events=MappingProxyType({name: "permanent" if name in PERMANENT else "short" for name in EVENT_TYPES}),
)


def log(*events: Event, actor: PrincipalId = ANN, at: datetime = DAY) -> list[Entry]:
    return [Entry(index=index, at=at, actor=actor, event=event) for index, event in enumerate(events)]


def dataset(dataset: DatasetId = DATASET) -> DatasetRegistered:
    return DatasetRegistered(
        dataset=dataset,
        purposes=(Purpose.RESEARCH,),
        lawful_basis=LawfulBasis.PUBLIC_TASK,
        sensitivity=Sensitivity.PERSONAL,
        retain_until=date(2021, 1, 1),
        columns=SOME,
        row_is_person=False,
        epsilon_limit=Decimal(8),
        delta=Decimal("0.0001"),
    )


def version() -> DatasetVersionAdded:
    return DatasetVersionAdded(dataset=DATASET, version=SOME, file=FILE, source=SOME, rows=3, persons=3)


def submitted(request: str, dataset: DatasetId = DATASET) -> RequestSubmitted:
    return RequestSubmitted(
        request=RequestId(request),
        plan=SOME,
        dataset=dataset,
        dataset_version=SOME,
        purpose=Purpose.RESEARCH,
        base_model=PolicyName("tiny"),
        base_digest=SOME,
        profile=SOME,
        training_gate=SOME,
    )


def ended(request: str) -> RequestEnded:
    return RequestEnded(request=RequestId(request), state=State.MEASURED, because="")


def model(name: str, request: str) -> Event:
    found = example(ModelRegistered)
    assert isinstance(found, ModelRegistered)
    return replace(found, model=ModelId(name), request=RequestId(request))


RETIRED = DatasetRetired(dataset=DATASET)
UPLOADED = FileUploaded(file=FILE, digest=SOME, size=3)
STORY = (UPLOADED, dataset(), version(), submitted("ftjob-1"), ended("ftjob-1"), model("mdl-1", "ftjob-1"), RETIRED)


def dropped(entries: list[Entry], as_of: date = LATER, size: int = 10**6) -> tuple[int, ...]:
    return due(entries, RETENTION, as_of, size).indices


def test_a_story_that_is_over_is_dropped_whole() -> None:
    assert dropped(log(*STORY)) == tuple(range(len(STORY)))


def test_nothing_is_dropped_before_its_class_has_ended() -> None:
    last = DAY.date() + timedelta(days=184)
    assert dropped(log(*STORY), last) == ()
    assert dropped(log(*STORY), last + timedelta(days=1)) == tuple(range(len(STORY)))


def test_one_entry_with_a_longer_class_keeps_its_whole_story() -> None:
    longer = replace(RETENTION, events={**RETENTION.events, "RequestEnded": "long"})
    assert due(log(*STORY), longer, date(2030, 1, 1), 100).indices == ()
    assert len(due(log(*STORY), longer, date(2030, 1, 2), 100).indices) == len(STORY)


def test_nothing_above_the_signed_head_is_dropped() -> None:
    assert dropped(log(*STORY), size=3) == (0, 1, 2)


def test_a_request_goes_while_its_dataset_is_in_use_but_a_dataset_stays_with_its_requests() -> None:
    in_use = log(UPLOADED, dataset(), version(), submitted("ftjob-1"), ended("ftjob-1"))
    assert dropped(in_use) == (3, 4)
    still_open = log(UPLOADED, dataset(), version(), submitted("ftjob-1"), RETIRED)
    assert dropped(still_open) == ()


def test_what_an_alias_names_stays_and_what_it_named_before_goes() -> None:
    story = (submitted("ftjob-1"), ended("ftjob-1"), model("mdl-1", "ftjob-1"))
    other = (submitted("ftjob-2"), ended("ftjob-2"), model("mdl-2", "ftjob-2"))
    first = AliasMoved(alias=Alias.PRODUCTION, model=ModelId("mdl-1"), previous=None)
    second = AliasMoved(alias=Alias.PRODUCTION, model=ModelId("mdl-2"), previous=ModelId("mdl-1"))
    assert dropped(log(*story, first)) == ()
    assert dropped(log(*story, first, *other, second)) == (0, 1, 2, 3)
    elsewhere = replace(second, previous=None, project=ProjectId("proj-1"))
    assert dropped(log(*story, first, *other, elsewhere)) == (), "the alias of another project is another one"


def test_a_principal_stays_while_their_key_works_and_while_what_they_did_is_kept() -> None:
    created = KeyCreated(principal=BOB, roles=(Role.REQUESTER,))
    assert dropped(log(created)) == ()
    assert dropped(log(created, KeyRevoked(principal=BOB))) == (0, 1)
    by_bob = [
        *log(created, KeyRevoked(principal=BOB)),
        Entry(index=2, at=DAY, actor=BOB, event=submitted("ftjob-1", DatasetId("ds-2"))),
    ]
    assert dropped(by_bob) == ()


def test_an_emergency_stays_until_its_review_and_while_what_was_done_because_of_it_is_kept() -> None:
    opened, reviewed, used = example(EmergencyOpened), example(EmergencyReviewed), example(EmergencyUsed)
    assert isinstance(used, EmergencyUsed)
    assert dropped(log(opened)) == ()
    assert dropped(log(opened, reviewed)) == (0, 1)
    about = model("mdl-1", "ftjob-1")
    read = replace(used, model=ModelId("mdl-1"))
    waits = log(dataset(), submitted("ftjob-1"), about, opened, read, reviewed)
    assert dropped(waits) == (), "the request is not over, so its model's story stays, and the emergency with it"


def test_who_gave_a_kept_principal_their_key_is_kept_too_and_so_on_to_the_first() -> None:
    people = [PrincipalId(f"prn-{number}") for number in range(5)]
    entries = [
        *(
            Entry(index=index, at=DAY, actor=people[index - 1], event=KeyCreated(principal=person, roles=()))
            for index, person in enumerate(people)
        ),
        *(
            Entry(index=index, at=DAY, actor=people[0], event=KeyRevoked(principal=person))
            for index, person in enumerate(people[:4], 5)
        ),
    ]
    assert dropped(entries) == (), "the last one's key still works"


def test_refusals_go_with_what_they_were_about_and_alone_where_no_id_was_known() -> None:
    def refused(resource: str) -> ActionRefused:
        return ActionRefused(action=Action.CREATE_KEY, resource=resource, code="access_denied", rule="no-rule-allows")

    assert dropped(log(refused("key"), refused("ftjob-1"), submitted("ftjob-1"))) == (0,)


PROMOTED = PromotionProposed(
    promotion=PromotionId("prom-1"),
    model=ModelId("mdl-1"),
    alias=Alias.STAGING,
    verdict=SOME,
    outcome=Outcome.PASS,
)


@pytest.mark.parametrize("resource", ["ftjob-1", "mdl-1", "prom-1", "ds-1", "file-1", "prn-ann", "log"])
def test_a_hold_on_anything_of_a_story_keeps_all_of_it_until_it_is_released(resource: str) -> None:
    placed = HoldPlaced(hold=HoldId("hold-1"), resource=resource, order=None)
    story = (*STORY, PROMOTED)
    assert dropped(log(*story, placed)) == ()
    assert dropped(log(*story, placed, HoldReleased(hold=HoldId("hold-1")))) == tuple(range(len(story)))


def test_a_hold_on_one_request_keeps_neither_the_other_requests_nor_anything_else() -> None:
    other = (submitted("ftjob-2"), ended("ftjob-2"))
    placed = HoldPlaced(hold=HoldId("hold-1"), resource="ftjob-1", order=SOME)
    entries = log(*STORY, *other, placed)
    assert dropped(entries) == (7, 8)
    assert [hold.resource for hold in holds(entries)] == ["ftjob-1"]


@pytest.mark.parametrize("resource", ["upload-1", "file-1", "ds-1"])
def test_a_hold_on_an_upload_keeps_the_file_it_became_and_what_rests_on_that(resource: str) -> None:
    ended_as = UploadEnded(upload=UploadId("upload-1"), state=UploadState.COMPLETED, keys=1, file=FILE)
    story = (UploadBegun(upload=UploadId("upload-1"), size=3), UPLOADED, ended_as, version())
    placed = HoldPlaced(hold=HoldId("hold-1"), resource=resource, order=None)
    things = ["upload-1", "file-1", "ds-1", "ds-2"]
    assert covered(holds(log(placed)), log(*story), things) == {"upload-1", "file-1", "ds-1"}


def test_holds_prunings_and_the_like_are_never_dropped() -> None:
    for name in PERMANENT:
        assert dropped(log(example(EVENT_TYPES[name]))) == ()


def test_a_later_hold_or_an_entry_about_the_same_thing_disturbs_and_another_one_does_not() -> None:
    story = (*STORY, KeyCreated(principal=BOB, roles=()), KeyRevoked(principal=BOB))
    found = due(log(*story), RETENTION, LATER, 100)
    other = submitted("ftjob-9", DatasetId("ds-9"))
    pruned = PruneFinished(prune=PruneId("prune-1"), entries=1, indices=SOME)
    for disturbing in (
        HoldPlaced(hold=HoldId("hold-1"), resource="ds-9", order=None),
        AliasMoved(alias=Alias.STAGING, model=ModelId("mdl-1"), previous=None),
        pruned,
    ):
        assert found.disturbed_by(*log(disturbing))
    assert found.disturbed_by(*log(other, actor=BOB)), "who acts once more is needed once more"
    assert not found.disturbed_by(*log(other))


def test_every_event_type_needs_a_class_and_no_class_is_shorter_than_six_months() -> None:
    with pytest.raises(Malformed, match="KeyCreated"):
        replace(RETENTION, events={name: word for name, word in RETENTION.events.items() if name != "KeyCreated"})
    with pytest.raises(Malformed, match="for-a-while"):
        replace(RETENTION, events={**RETENTION.events, "KeyCreated": "for-a-while"})
    with pytest.raises(Malformed, match="184"):
        RetentionClass(days=183, because="too short")


def test_bodies_that_are_gone_without_the_log_saying_so_are_noticed() -> None:
    both = Due(indices=(0, 1), about=frozenset()).digest()
    finished = PruneFinished(prune=PruneId("prune-1"), entries=2, indices=both)
    proposed = PruneProposed(
        prune=PruneId("prune-1"), as_of=LATER, size=9, policy=SOME, entries=2, indices=finished.indices
    )
    told = log(proposed, finished)
    assert prunes(told)[PruneId("prune-1")].finished == finished
    require_explained(told, {"prune-1": [0, 1]})
    for hidden in ({"": [4]}, {"prune-1": [0, 1, 4]}, {"prune-1": [0]}, {"prune-2": [0, 1]}):
        with pytest.raises(Corrupted, match="does not say why"):
            require_explained(told, hidden)


REQUESTS = [f"ftjob-{number}" for number in range(4)]
FACTS = st.one_of(
    st.sampled_from([dataset(DatasetId(f"ds-{n}")) for n in range(2)]),
    st.sampled_from([submitted(r, DatasetId(f"ds-{i % 2}")) for i, r in enumerate(REQUESTS)]),
    st.sampled_from([ended(request) for request in REQUESTS]),
    st.sampled_from([model(f"mdl-{i}", request) for i, request in enumerate(REQUESTS)]),
    st.sampled_from([AliasMoved(alias=Alias.STAGING, model=ModelId(f"mdl-{i}"), previous=None) for i in range(4)]),
    st.sampled_from([DatasetRetired(dataset=DatasetId(f"ds-{n}")) for n in range(2)]),
    st.sampled_from(
        [KeyCreated(principal=ANN, roles=()), KeyRevoked(principal=ANN), KeyCreated(principal=BOB, roles=())]
    ),
    st.sampled_from([KeyRevoked(principal=BOB)]),
    st.sampled_from([HoldPlaced(hold=HoldId(f"hold-{r}"), resource=r, order=None) for r in (*REQUESTS, "ds-0")]),
    st.sampled_from(
        [
            BudgetReserved(
                dataset=DatasetId("ds-0"),
                request=RequestId(request),
                mechanism=MECHANISM,
                epsilon=Decimal(1),
                delta=Decimal("0.1"),
            )
            for request in REQUESTS
        ]
    ),
)


@given(events=st.lists(st.tuples(FACTS, st.integers(0, 400), st.sampled_from([ANN, BOB])), max_size=30))
def test_no_kept_entry_of_a_request_misses_another_and_pruning_again_drops_nothing_more(
    events: list[tuple[Event, int, PrincipalId]],
) -> None:
    entries = [
        Entry(index=index, at=DAY + timedelta(days=day), actor=actor, event=event)
        for index, (event, day, actor) in enumerate(sorted(events, key=lambda one: one[1]))
    ]
    as_of = DAY.date() + timedelta(days=401)
    gone = set(dropped(entries, as_of))
    kept = [entry for entry in entries if entry.index not in gone]
    for request in REQUESTS:
        about = {entry.index in gone for entry in entries if request in mentioned(entry.event)}
        assert len(about) <= 1, "a story is kept or dropped whole"
    for held in holds(entries):
        assert all(held.resource not in mentioned(entries[index].event) for index in gone)
    named = {name for entry in kept for name in (entry.actor, getattr(entry.event, "dataset", "")) if name}
    for index in gone:
        if not getattr(entries[index].event, "request", None):  # another request on the same dataset may well be gone
            assert named.isdisjoint(mentioned(entries[index].event)), "nothing kept rests on what is gone"
    assert dropped(kept, as_of) == (), "what is left needs no second look"


def people_said(about: Digest) -> tuple[Event, ...]:
    opened, closed, attested = example(ReviewOpened), example(ReviewClosed), example(ReportAttested)
    assert isinstance(opened, ReviewOpened)
    assert isinstance(closed, ReviewClosed)
    assert isinstance(attested, ReportAttested)
    review = ReviewId("review-1")
    return (
        replace(opened, review=review, request=RequestId("ftjob-1"), about=about),
        ReviewAnswered(review=review, item=0, marks=0),
        replace(closed, review=review),
        replace(attested, about=about),
        SignatureWithdrawn(about=about, because=Withdrawal.KNOWLEDGE, signatures=1),
    )


def made(request: str, output: Digest) -> Event:
    done = example(StepFinished)
    assert isinstance(done, StepFinished)
    return replace(done, request=RequestId(request), output=output)


def test_what_people_said_is_kept_as_long_as_any_request_relies_on_it() -> None:
    clean = Digest("sha256:" + "c" * 64)
    told = (*STORY[:4], made("ftjob-1", clean), *people_said(clean), ended("ftjob-1"), RETIRED)
    assert dropped(log(*told)) == tuple(range(len(told))), "with its own request, where nothing else needs it"
    open_one = (submitted("ftjob-2"), made("ftjob-2", clean))
    kept = {position for position, event in enumerate((*told, *open_one)) if event in people_said(clean)}
    assert kept.isdisjoint(dropped(log(*told, *open_one)))
    other = (submitted("ftjob-2"), made("ftjob-2", SOME))
    assert kept <= set(dropped(log(*told, *other))), "a request with other records does not need it"
