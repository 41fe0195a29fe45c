"""Conditions: what is not known never grants; a deny waits only for facts that nobody stated yet."""

from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.access_predicates import OPPOSITES, PREDICATES, applies, failing, is_condition, outcome
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.names import PrincipalId

ME = PrincipalId("prn-me")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    author: PrincipalId | None = None
    purpose: Purpose | None = None
    purposes: frozenset[Purpose] | None = None
    gate_green: bool | None = None
    legal_hold: bool | None = None


THINGS = st.builds(
    Stated,
    author=st.sampled_from([None, ME, PrincipalId("prn-2"), PrincipalId("")]),
    purpose=st.sampled_from([None, Purpose.CARE, Purpose.RESEARCH]),
    purposes=st.sampled_from([None, frozenset(), frozenset({Purpose.CARE})]),
    gate_green=st.sampled_from([None, True, False]),
    legal_hold=st.sampled_from([None, True, False]),
)


@given(THINGS)
def test_of_two_opposites_never_both_hold(thing: Stated) -> None:
    for pair in OPPOSITES:
        assert [outcome(name, ME, thing) for name in pair] != [True, True]


@given(THINGS)
def test_where_a_purpose_is_half_stated_nothing_fits_and_the_deny_applies(thing: Stated) -> None:
    half = (thing.purpose is None) != (thing.purposes is None)
    told = {name: outcome(name, ME, thing) for name in ("purpose-fits", "purpose-differs")}
    if half:
        assert not applies("purpose-fits", "allow", told)
        assert applies("purpose-differs", "deny", told)
    elif thing.purpose is None:
        assert not applies("purpose-fits", "allow", told)
        assert not applies("purpose-differs", "deny", told)
    else:
        assert applies("purpose-fits", "allow", told) != applies("purpose-differs", "deny", told)


@pytest.mark.parametrize(
    ("name", "thing", "holds"),
    [
        ("always", Stated(), True),
        ("own", Stated(author=ME), True),
        ("own", Stated(author=PrincipalId("prn-2")), False),
        ("own", Stated(), False),
        ("other", Stated(author=PrincipalId("prn-2")), True),
        ("other", Stated(author=ME), False),
        ("other", Stated(), False),
        ("gate-green", Stated(gate_green=True), True),
        ("gate-green", Stated(gate_green=False), False),
        ("gate-green", Stated(), None),
        ("gate-red", Stated(gate_green=False), True),
        ("gate-red", Stated(gate_green=True), False),
        ("gate-red", Stated(), False),
        ("legal-hold", Stated(legal_hold=True), True),
        ("legal-hold", Stated(), False),
    ],
)
def test_what_each_condition_says(name: str, thing: Stated, holds: bool | None) -> None:
    assert outcome(name, ME, thing) is holds


def test_a_condition_that_raises_keeps_an_allow_from_applying_and_lets_a_deny() -> None:
    broken = object()  # has no author
    told = {name: outcome(name, ME, broken) for name in PREDICATES}  # type: ignore[arg-type]
    assert told == dict.fromkeys(PREDICATES) | {"always": True}
    assert failing("own+gate-green", "allow", told) == ["own", "gate-green"]
    assert applies("own+gate-green", "deny", told)


@pytest.mark.parametrize("fact", ["yes", 1, "false", [True]])
def test_a_fact_that_is_neither_true_nor_false_is_no_answer(fact: object) -> None:
    told = outcome("gate-green", ME, Stated(gate_green=fact))  # type: ignore[arg-type]
    assert told is None
    assert not applies("gate-green", "allow", {"gate-green": told})


def test_a_condition_is_known_names_each_once() -> None:
    assert all(is_condition(name) for name in PREDICATES)
    assert is_condition("own+gate-green+purpose-fits")
    for text in ("", "+", "own+", "own++other", "owned", "own + other", "always+own", "own+own", "OWN", "eval(own)"):
        assert not is_condition(text)
