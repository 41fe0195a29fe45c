"""What is in one project is not there for whoever holds roles in another one, whatever they do and however they come.

Not timed: a refusal is written down, so it takes longer than a look that finds nothing.
"""

import pytest
from hypothesis import given, settings, strategies as st
from tests.conftest import ADA, ANN, BOB, DANA, OTTO, PIA, REA, WORKER, made_stage
from tests.usecases.apart import DEEDS, Apart, apart, told, unknown, within

from tunewarden.domain.access_analysis import role_sets
from tunewarden.domain.errors import NotFound
from tunewarden.domain.events import ActionRefused, KeyCreated
from tunewarden.domain.names import PrincipalId, Role
from tunewarden.usecases import datasets, deciding, files, grants, models, projects, proposals, requests, reviews
from tunewarden.usecases.grants import NOT_GRANTED
from tunewarden.usecases.ports import Principal

HELD = [roles for roles in role_sets() if roles]
GRANTED = [Role(role) for role in Role if role not in {*NOT_GRANTED, Role.BREAK_GLASS}]


@pytest.fixture(scope="module")
def world() -> Apart:
    """Made once: what nobody may do changes nothing."""
    return apart(made_stage())


@pytest.fixture(scope="module")
def granted(world: Apart) -> dict[Role, Principal]:
    """Somebody of each role that is granted, in the second project alone, who has no role of their own."""
    here, made = world, {}
    for role in GRANTED:
        one = Principal(id=PrincipalId(f"prn-granted-{role}"), roles=frozenset())
        with here.platform.work(PrincipalId("operator")) as work:
            work.principals.put(one)
            work.record(KeyCreated(principal=one.id, roles=()))
            work.commit()
        grants.grant(here.platform, ADA, one.id, role, here.there)
        made[role] = one
    return made


def asked(world: Apart, who: Principal, deed: str) -> None:
    here, stage = world, world.house.stage
    before = len(stage.entries())
    answer = told(DEEDS[deed], here.platform, who, here.names)
    written = [entry.event for entry in stage.entries()[before:]]
    assert answer == told(DEEDS[deed], here.platform, who, unknown(here.names)), "no answer tells whether it is there"
    assert answer[0] is NotFound
    assert written, "the log says that they tried"
    assert all(isinstance(one, ActionRefused) for one in written)


@settings(max_examples=120)
@given(roles=st.sampled_from(HELD), deed=st.sampled_from(sorted(DEEDS)))
def test_a_key_of_another_project_finds_nothing(world: Apart, roles: frozenset[Role], deed: str) -> None:
    asked(world, Principal(id=PrincipalId("prn-south"), roles=roles, within=world.there), deed)


@pytest.mark.parametrize(("number", "deed"), tuple(enumerate(DEEDS)))
def test_whoever_holds_roles_in_another_project_alone_finds_nothing(
    world: Apart, granted: dict[Role, Principal], number: int, deed: str
) -> None:
    """Each deed as somebody of one role, and as another one who names their project; the roles take turns."""
    first, second = (granted[GRANTED[(number + further) % len(GRANTED)]] for further in (0, 3))
    asked(world, first, deed)
    asked(world, projects.acting_in(world.platform, second, world.there), deed)


@pytest.mark.parametrize("deed", DEEDS)
def test_nor_does_whoever_holds_no_role_at_all(world: Apart, deed: str) -> None:
    asked(world, Principal(id=PrincipalId("prn-nobody"), roles=frozenset()), deed)


@pytest.mark.parametrize("deed", DEEDS)
def test_whoever_holds_a_role_there_is_told_another_thing_of_what_is_there(world: Apart, deed: str) -> None:
    """So that the tests before do not pass because nothing works at all. Nobody here may change anything by it."""
    here = world
    may = {"cancel it": BOB, "reject it": ANN, "retire it": OTTO, "set its purposes": OTTO, "suspend it": ANN}
    may |= {"erase a person": OTTO, "propose it": OTTO, "archive it": OTTO, "rename it": OTTO, "add a version": OTTO}
    may |= {"answer": BOB, "read on": BOB, "sign": BOB, "withdraw": BOB, "trace a person": BOB, "act in it": BOB}
    may |= {
        "ask by a dataset": BOB,
        "ask by a file": BOB,
        "plan by a dataset": BOB,
        "plan by a file": BOB,
        "take it": BOB,
        "advance it": BOB,
        "take its alias off": DANA,
        "retire a model": DANA,
    }
    who = within(may.get(deed, REA if deed == "put it back" else BOB), here.here)
    answers = [told(DEEDS[deed], here.platform, who, names) for names in (here.names, unknown(here.names))]
    if deed in _SEEN_BY_OTHERS:
        who = within(_SEEN_BY_OTHERS[deed], here.here)
        answers = [told(DEEDS[deed], here.platform, who, names) for names in (here.names, unknown(here.names))]
    if deed not in _TOLD_TO_NOBODY:
        assert answers[0] != answers[1]


_SEEN_BY_OTHERS = {
    "read a file": DANA,
    "take a file": DANA,
    "add a part": DANA,
    "complete an upload": DANA,
    "read a review": PIA,
    "read its leaks": PIA,
    "read what is signed": PIA,
    "read the report": PIA,
    "read its lineage": OTTO,
    "read its evidence": OTTO,
    "compare it": OTTO,
    "list erasures": OTTO,
    "read a project": OTTO,
    "ask why of a project": OTTO,
    "ask why of a review": REA,
    "ask by a dataset": ANN,
    "plan by a dataset": ANN,
    "add a version": DANA,
}
_TOLD_TO_NOBODY = {"trace a person", "erase a person", "delete a file", "cancel an upload"}
"""Whoever may not do these is told the same of what is not there."""


def test_lists_show_nothing_of_it(world: Apart, granted: dict[Role, Principal]) -> None:
    here = world
    everybody = [within(one, here.there) for one in (ANN, BOB, DANA, PIA, OTTO, REA, WORKER, ADA)]
    for who in (*everybody, *granted.values()):
        for listed in (files, datasets, requests, models, reviews):
            assert listed.listed(here.platform, who) == [], who.id
        assert models.aliases(here.platform, who) == []
        assert proposals.listed(here.platform, who) == []
        assert deciding.pending(here.platform, who) == []
        assert here.here not in {one.id for one in projects.listed(here.platform, who)}
    assert here.names["request"] in {one.id for one in requests.listed(here.platform, within(BOB, here.here))}
    assert here.names["request"] in {one.thing.id for one in deciding.pending(here.platform, within(BOB, here.here))}
    assert here.names["promotion"] in {one.id for one in proposals.listed(here.platform, within(BOB, here.here))}
    assert [one.id for one in files.listed(here.platform, within(DANA, here.here))][-1] == here.names["file"]
