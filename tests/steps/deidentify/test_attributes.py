"""What a released text tells of a person, and that a generalisation foretold is the one that the operators make."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify.attributes import KINDS, SOME_RARE_CONDITION, generalised, ladder, plain, readable
from tunewarden.steps.deidentify.operators import Transformer
from tunewarden.steps.deidentify.person import Person
from tunewarden.steps.deidentify.rare import find_rare
from tunewarden.steps.deidentify.spans import Span

SOMEBODY = Person(pseudonym="0" * 64, key=bytes(32))
PROFILE = Profile(
    name=PolicyName("p"),
    method=Method.NONE,
    languages=("en", "es"),
    threshold=Decimal("0.4"),
    engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.4")),
    operators={},
    default=Operator.REPLACE,
)
NUMBERS = st.one_of(
    st.integers(0, 125).map(str),
    st.sampled_from(
        ["forty-five", "ninety two", "treinta y uno", "veintidós", "cien", "unas", "45-49", "91-92", "90+"]
    ),
)
AGES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "aged ", "Aged ", "edad de "]),
    NUMBERS,
    st.sampled_from(
        ["", "-year-old", " years old", " yo", " AÑOS", " months", " mo", " meses", " day", " días", " wks"]
    ),
)
DATES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "3/14/", "14.3.", "14 March ", "MARCH 14, ", "14 de marzo de ", "summer ", "2020-", "May "]),
    st.sampled_from(["1952", "2021", "52", "'52", "05"]),
    st.sampled_from(["", "-04-30", " 10:45"]),
)
POSTCODES = st.one_of(st.from_regex(r"\d{5}(-\d{4})?", fullmatch=True), st.sampled_from(["SW1A 1AA", "28001", "03601"]))
PLACES = st.sampled_from(["Leeds", "SAN SEBASTIÁN", "New  York"])


def doing(kind: EntityType, operator: Operator) -> Profile:
    return replace(PROFILE, operators={kind: operator})


def told(kind: EntityType, operator: Operator, value: str) -> tuple[str, ...]:
    """What a reader sees of `value`, a kind's only find in a text, once that operator is done to it."""
    profile, text = doing(kind, operator), f"x {value} y"
    span = Span(start=2, end=2 + len(value), entity=kind, score=1.0)
    spans = [] if operator is Operator.KEEP else [span]
    cleaned = Transformer(profile).apply(text, spans, SOMEBODY)
    return readable(profile, text, [span], cleaned.text, cleaned.spans, cleaned.replaced)[KINDS.index(kind)]


def foretold(kind: EntityType, operator: Operator, value: str) -> tuple[str, ...]:
    made = generalised(kind, operator)(plain(kind, value))
    return () if made is None else (made,)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (EntityType.AGE, AGES),
        (EntityType.DATE, DATES),
        (EntityType.POSTCODE, POSTCODES),
        (EntityType.PLACE, PLACES),
    ],
)
@given(data=st.data())
def test_every_step_of_a_ladder_is_what_the_operator_makes_of_the_words(
    kind: EntityType, values: st.SearchStrategy[str], data: st.DataObject
) -> None:
    value = data.draw(values)
    for operator in ladder(doing(kind, Operator.KEEP), kind)[1:]:
        assert foretold(kind, operator, value) == told(kind, operator, value), operator


@given(AGES, st.sampled_from([Operator.TOP_CODE, Operator.BAND]), st.sampled_from([Operator.TOP_CODE, Operator.BAND]))
def test_a_second_generalisation_of_an_age_is_foretold_too(age: str, first: Operator, second: Operator) -> None:
    after_first = told(EntityType.AGE, first, age)
    once_more = [generalised(EntityType.AGE, second)(value) for value in after_first]
    if second is Operator.BAND:
        assert tuple(value for value in once_more if value) == told(EntityType.AGE, Operator.BAND, age)


@pytest.mark.parametrize(
    ("age", "alike"),
    [
        ("45-year-old", "45 yo"),
        ("forty-five", "aged 45"),
        ("6 months", "6 meses"),
        ("45-49 yo", "45-49 years old"),
        ("90+ years", "90+"),
    ],
)
def test_an_age_is_the_same_age_however_it_is_written(age: str, alike: str) -> None:
    assert plain(EntityType.AGE, age) == plain(EntityType.AGE, alike)


def test_ages_of_different_units_are_different() -> None:
    assert len({plain(EntityType.AGE, age) for age in ("6", "6 months", "6 weeks", "6 days", "6 hours")}) == 5


RARE_TEXT = "She has Gaucher disease, her sister Fabry disease. enfermedad de Gaucher."


def of_rare(operator: Operator, settled: Callable[[str], Sequence[Span]] = lambda _: ()) -> tuple[str, ...]:
    profile = doing(EntityType.RARE_CONDITION, operator)
    spans = settled(RARE_TEXT) if operator is Operator.KEEP else tuple(find_rare(RARE_TEXT))
    cleaned = Transformer(profile).apply(RARE_TEXT, spans, SOMEBODY)
    seen = readable(profile, RARE_TEXT, [], cleaned.text, cleaned.spans, cleaned.replaced)
    return seen[KINDS.index(EntityType.RARE_CONDITION)]


def test_every_rare_condition_of_a_text_counts_once_and_its_placeholder_still_tells_that_there_is_one() -> None:
    assert of_rare(Operator.KEEP) == ("fabry disease", "gaucher disease")
    assert of_rare(Operator.REPLACE) == (SOME_RARE_CONDITION,)
    assert of_rare(Operator.REDACT) == ()
    steps = ladder(doing(EntityType.RARE_CONDITION, Operator.KEEP), EntityType.RARE_CONDITION)
    assert steps == (Operator.KEEP, Operator.REPLACE, Operator.REDACT)
    assert foretold(EntityType.RARE_CONDITION, Operator.REPLACE, "x") == (SOME_RARE_CONDITION,)
    assert foretold(EntityType.RARE_CONDITION, Operator.REDACT, "x") == ()


def test_a_rare_condition_that_is_partly_hidden_counts_and_one_that_is_hidden_whole_does_not() -> None:
    def name_of_gaucher(text: str) -> list[Span]:
        places = (text.index("Gaucher"), text.rindex("Gaucher"))
        return [Span(start=at, end=at + 7, entity=EntityType.NAME, score=1.0) for at in places]

    def all_of_gaucher(text: str) -> list[Span]:
        at = text.index("Gaucher")
        return [
            Span(start=at, end=at + len("Gaucher disease"), entity=EntityType.NAME, score=1.0),
            Span(start=text.index("enfermedad"), end=len(text), entity=EntityType.NAME, score=1.0),
        ]

    assert of_rare(Operator.KEEP, name_of_gaucher) == ("fabry disease", "gaucher disease")
    assert of_rare(Operator.KEEP, all_of_gaucher) == ("fabry disease",)


@dataclass(frozen=True)
class Found:
    kinds: tuple[tuple[EntityType, str], ...]

    def readable(self, profile: Profile) -> dict[EntityType, tuple[str, ...]]:
        text, spans = "", []
        for kind, value in self.kinds:
            spans.append(Span(start=len(text), end=len(text) + len(value), entity=kind, score=1.0))
            text += value + " , "
        going = [span for span in spans if profile.operator(span.entity) is not Operator.KEEP]
        cleaned = Transformer(profile).apply(text, going, SOMEBODY)
        values = readable(profile, text, spans, cleaned.text, cleaned.spans, cleaned.replaced)
        return {kind: of_kind for kind, of_kind in zip(KINDS, values, strict=True) if of_kind}


BORN_AND_ADMITTED = Found(
    (
        (EntityType.DATE, "14 March 1952"),
        (EntityType.AGE, "69"),
        (EntityType.DATE, "3/2/2021"),
        (EntityType.AGE, "41"),
        (EntityType.PARTICULAR, "a win of 4,000,000 euros"),
        (EntityType.ORGANISATION, "Acme"),
    )
)


@pytest.mark.parametrize(
    ("operator", "dates"),
    [
        (Operator.KEEP, ("14 march 1952", "3/2/2021")),
        (Operator.YEAR, ("1952", "2021")),
        (Operator.SHIFT, ()),
        (Operator.SURROGATE, ()),
        (Operator.REPLACE, ()),
        (Operator.REDACT, ()),
    ],
)
def test_every_date_that_stays_readable_counts_as_far_as_it_does_and_a_moved_one_does_not(
    operator: Operator, dates: tuple[str, ...]
) -> None:
    assert BORN_AND_ADMITTED.readable(doing(EntityType.DATE, operator)).get(EntityType.DATE, ()) == dates


def test_kept_circumstances_and_organisations_count_and_of_ages_the_first() -> None:
    kept = dict.fromkeys((EntityType.AGE, EntityType.PARTICULAR, EntityType.ORGANISATION), Operator.KEEP)
    assert BORN_AND_ADMITTED.readable(replace(PROFILE, operators=kept)) == {
        EntityType.AGE: ("69",),
        EntityType.ORGANISATION: ("acme",),
        EntityType.PARTICULAR: ("a win of 4 000 000 euros",),
    }
    assert BORN_AND_ADMITTED.readable(PROFILE) == {}
