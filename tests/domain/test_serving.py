"""What an alias named when: the fold against a table that is kept beside it, move by move."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.entries import Entry
from tunewarden.domain.events import AliasMoved, Event, KeyRevoked
from tunewarden.domain.names import EVERYWHERE, Alias, Digest, ModelId, PrincipalId, ProjectId, Role
from tunewarden.domain.registry_events import AliasCleared
from tunewarden.domain.removals import RemovalReason
from tunewarden.domain.serving import stretches

START = datetime(2026, 11, 1, tzinfo=UTC)
PLACES = [(alias, project) for alias in (Alias.STAGING, Alias("blue")) for project in (EVERYWHERE, ProjectId("p"))]
Table = dict[tuple[Alias, ProjectId], ModelId]


def moved(place: tuple[Alias, ProjectId], model: ModelId, previous: ModelId | None = None) -> Event:
    return AliasMoved(alias=place[0], model=model, previous=previous, project=place[1])


def cleared(place: tuple[Alias, ProjectId], model: ModelId) -> Event:
    return AliasCleared(
        alias=place[0],
        model=model,
        project=place[1],
        role=Role.APPROVER,
        reason=RemovalReason.REPLACED,
        protected=False,
        registry=Digest("sha256:" + "a" * 64),
    )


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[Entry], list[Table]]:
    """Entries a minute or none apart, and the table as it was after each of them."""
    entries, tables, table, at = list[Entry](), list[Table](), Table(), START
    for index in range(draw(st.integers(0, 12))):
        place, model = draw(st.sampled_from(PLACES)), ModelId(f"m{draw(st.integers(1, 3))}")
        deed = draw(st.sampled_from(["move", "clear", "other"]))
        event: Event = KeyRevoked(principal=PrincipalId("prn-x"))
        if deed == "move":
            table, event = {**table, place: model}, moved(place, model, table.get(place))
        elif deed == "clear" and place in table:
            event = cleared(place, table[place])
            table = {other: named for other, named in table.items() if other != place}
        at += timedelta(minutes=draw(st.integers(0, 1)))
        entries.append(Entry(index=index, actor=PrincipalId("prn-a"), at=at, event=event))
        tables.append(table)
    return entries, tables


@given(logs())
def test_at_every_instant_the_fold_names_what_the_table_said_then(made: tuple[list[Entry], list[Table]]) -> None:
    entries, tables = made
    folded = stretches(entries)
    last_of = {entry.at: table for entry, table in zip(entries, tables, strict=True)}
    for at, table in last_of.items():
        for when in (at, at + timedelta(seconds=59)):
            found = {place: stretch.model for place, told in folded.items() for stretch in told if stretch.covers(when)}
            assert found == table
    now = {place: told[-1].model for place, told in folded.items() if told and told[-1].until is None}
    assert now == (tables[-1] if tables else {})


@given(logs())
def test_before_the_first_move_nothing_was_named_and_no_two_stretches_of_one_alias_overlap(
    made: tuple[list[Entry], list[Table]],
) -> None:
    for told in stretches(made[0]).values():
        assert not any(stretch.covers(START - timedelta(seconds=1)) for stretch in told)
        for one, after in pairwise(told):
            assert one.until is not None
            assert one.until.index <= after.since.index


@pytest.mark.parametrize("deed", [moved(PLACES[0], ModelId("m3"), ModelId("m2")), cleared(PLACES[0], ModelId("m2"))])
def test_where_a_move_between_lost_its_body_nobody_says_until_when_it_was_named(deed: Event) -> None:
    """The entry that moved it from m1 to m2 is not told any more."""
    first, last = (
        Entry(index=index, actor=PrincipalId("prn-a"), at=START + timedelta(hours=index), event=event)
        for index, event in ((0, moved(PLACES[0], ModelId("m1"))), (2, deed))
    )
    told = stretches([first, last])[PLACES[0]]
    assert (told[0].model, told[0].until, told[0].is_end_known) == (ModelId("m1"), last, False)
    assert not any(stretch.covers(START + timedelta(hours=1)) for stretch in told)
