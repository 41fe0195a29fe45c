"""A profile that keeps what the gate wants transformed is refused before anything is read under it."""

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.demands import demanded, require_transformed
from tunewarden.domain.errors import Refused
from tunewarden.domain.gates import Bound, Gate, Rule
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName

kinds = st.sampled_from(EntityType)


def profile(kept: set[EntityType]) -> Profile:
    return Profile(
        name=PolicyName("mine"),
        method=Method.NONE,
        languages=("en",),
        threshold=Decimal("0.4"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.4")),
        operators=dict.fromkeys(kept, Operator.KEEP),
        default=Operator.REPLACE,
    )


def gate(*rules: tuple[str, Bound, str]) -> Gate:
    return Gate(
        name=PolicyName("training"),
        rules=tuple(
            Rule(metric=metric, bound=bound, limit=Decimal(limit), because="why", remedy="how")
            for metric, bound, limit in rules
        ),
    )


@given(st.sets(kinds, min_size=1), st.sets(kinds))
def test_a_profile_is_refused_exactly_if_it_keeps_a_kind_that_the_gate_demands(
    wanted: set[EntityType], kept: set[EntityType]
) -> None:
    rules = [(f"deid.planted_recall.{kind}", Bound.AT_LEAST, "0.9") for kind in wanted]
    assert demanded(gate(*rules)) == wanted
    if wanted & kept:
        with pytest.raises(Refused) as refused:
            require_transformed(profile(kept), gate(*rules))
        assert (refused.value.code, refused.value.who) == ("profile_keeps_what_gate_demands", "administrator")
        assert str(refused.value.reason).endswith(f": {', '.join(sorted(wanted & kept))}.")
    else:
        require_transformed(profile(kept), gate(*rules))


@pytest.mark.parametrize(
    "rule",
    [
        ("deid.planted_recall.name", Bound.AT_LEAST, "0"),
        ("deid.planted_recall.name", Bound.AT_MOST, "0.9"),
        ("deid.planted_recall", Bound.AT_LEAST, "0.9"),
        ("utility.accuracy", Bound.AT_LEAST, "0.9"),
        ("deid.planted_recall.names", Bound.AT_LEAST, "0.9"),
    ],
)
def test_a_rule_that_a_kept_name_could_keep_demands_nothing(rule: tuple[str, Bound, str]) -> None:
    assert demanded(gate(rule)) == frozenset()
    require_transformed(profile({EntityType.NAME}), gate(rule))
