"""Quasi-identifiers: what is readable is counted, and k holds once it is enforced."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify.quasi import Census, enforce_k
from tunewarden.steps.deidentify.spans import Span

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Place:
    start: int
    end: int


def profile(**operators: Operator) -> Profile:
    return Profile(
        name=PolicyName("p"),
        method=Method.NONE,
        languages=("en",),
        threshold=Decimal("0.4"),
        engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.4")),
        operators={EntityType(kind): operator for kind, operator in operators.items()},
        default=Operator.REPLACE,
    )


KEEPS = profile(age=Operator.BAND, sex=Operator.KEEP, place=Operator.KEEP, occupation=Operator.KEEP)


def pseudonym(number: int) -> str:
    return f"{number:064x}"


def see(
    census: Census,
    person: int,
    words: Mapping[EntityType, str],
    *,
    label: int = 0,
    protected: Mapping[str, str] | None = None,
    released: Mapping[EntityType, str] | None = None,
) -> None:
    """A record in which `words` stand, of which those in `released` were put in place of what stood there."""
    instead = released or {}
    text, out = "", ""
    found, spans, replaced = [], [], []
    for kind, value in words.items():
        span = Span(start=len(text), end=len(text) + len(value), entity=kind, score=1.0)
        found.append(span)
        if kind in instead:
            spans.append(span)
            replaced.append(Place(len(out), len(out) + len(instead[kind])))
        text, out = f"{text}{value} ", f"{out}{instead.get(kind, value)} "
    census.see(pseudonym(person), label, protected or {}, text, found, out, spans, replaced)


def test_persons_who_are_alike_in_what_is_readable_are_a_class() -> None:
    census = Census(KEEPS)
    for person, place in enumerate(["Leeds", "leeds", "York", "Leeds", "York"]):
        see(census, person, {EntityType.PLACE: place, EntityType.SEX: "woman"}, label=person % 2)
    assert sorted(census.classes().sizes) == [2, 3]
    k, below, diversity = census.measurements(3)
    assert (k.metric, k.low, k.value, k.high, k.n) == ("deid.k_anonymity", 2, 2, 2, 5)
    assert (below.metric, below.value) == ("deid.persons_below_k_share", Decimal("0.4"))
    assert (diversity.metric, diversity.value) == ("deid.l_diversity", 1)  # the three of Leeds have 0, 1, 1; York 0, 0


def test_what_is_transformed_no_longer_counts_and_a_band_counts_as_a_band() -> None:
    census = Census(KEEPS)
    for person, age in enumerate(["45", "47", "49"]):
        words = {EntityType.AGE: age, EntityType.NAME: f"Vale{person}"}
        see(census, person, words, released={EntityType.AGE: "45-49", EntityType.NAME: "[NAME]"})
    assert census.classes().sizes == (3,)
    see(census, 3, {EntityType.AGE: "52"}, released={EntityType.AGE: "50-54"})
    assert sorted(census.classes().sizes) == [1, 3]


def test_a_surrogate_or_a_placeholder_says_nothing_of_the_person() -> None:
    census = Census(profile(place=Operator.SURROGATE, age=Operator.BAND))
    words = {EntityType.PLACE: "Leeds", EntityType.AGE: "forty"}
    see(census, 0, words, released={EntityType.PLACE: "Ford", EntityType.AGE: "[AGE]"})
    see(census, 1, {EntityType.PLACE: "York"}, released={EntityType.PLACE: "Hull"})
    assert census.classes().sizes == (2,)


def test_a_kept_word_that_another_find_covers_is_not_readable() -> None:
    census = Census(KEEPS)
    text = "Leeds General"
    find = Span(start=0, end=5, entity=EntityType.PLACE, score=0.4)
    cover = Span(start=0, end=13, entity=EntityType.ORGANISATION, score=0.9)
    census.see(pseudonym(0), 0, {}, text, [find, cover], "[ORGANISATION]", [cover], [Place(0, 14)])
    see(census, 1, {})
    assert census.classes().sizes == (2,)


def test_what_stands_first_counts_over_all_texts_of_a_person_and_words_for_a_sex_are_one() -> None:
    census = Census(KEEPS)
    see(census, 0, {EntityType.SEX: "F"})
    see(census, 0, {EntityType.SEX: "man", EntityType.PLACE: "Leeds"})
    see(census, 1, {EntityType.SEX: "mujer", EntityType.PLACE: "LEEDS"})
    assert census.classes().sizes == (2,)


def test_protected_columns_are_joined_with_the_texts() -> None:
    census = Census(KEEPS)
    for person, race in enumerate(["a", "a", "b"]):
        see(census, person, {EntityType.SEX: "woman"}, protected={"race": race, "sex": "f"})
    assert sorted(census.classes().sizes) == [1, 2]
    assert census.suppressions(2)[pseudonym(2)]["race"] is Operator.REPLACE


def test_a_person_with_records_of_two_labels_counts_for_both() -> None:
    census = Census(KEEPS)
    see(census, 0, {}, label=0)
    see(census, 0, {}, label=1)
    assert (census.classes().sizes, census.classes().labels) == ((1,), (2,))


def test_an_age_is_banded_before_it_is_taken_out() -> None:
    census = Census(profile(age=Operator.KEEP))
    for person, words in enumerate(["45", "47", "46", "91", "93", "6 month", "2"]):
        see(census, person, {EntityType.AGE: words})
    found = census.suppressions(2)
    assert [found[pseudonym(person)][EntityType.AGE] for person in range(7)] == [
        *[Operator.BAND] * 3,
        *[Operator.TOP_CODE] * 2,  # the two of them are alike with that
        *[Operator.BAND] * 2,
    ]
    coded = Census(profile(age=Operator.TOP_CODE))
    for person, words in enumerate(["45", "47", "62"]):
        see(coded, person, {EntityType.AGE: words}, released={EntityType.AGE: words})
    found = coded.suppressions(2)
    assert [what[EntityType.AGE] for what in found.values()] == [Operator.REPLACE] * 3  # 62 is alone in its band


def test_nothing_gives_way_where_k_holds() -> None:
    census = Census(KEEPS)
    for person in range(6):
        see(census, person, {EntityType.PLACE: "Leeds" if person < 3 else "York"})
    assert census.suppressions(3) == {}
    assert set(census.suppressions(4)) == {pseudonym(person) for person in range(6)}


def test_an_empty_census_has_no_class() -> None:
    census = Census(KEEPS)
    assert [each.value for each in census.measurements()] == [0, 0, 0]
    assert census.suppressions(5) == {}
    assert encode(to_plain(census.table()))


def test_the_table_counts_and_names_no_value() -> None:
    census = Census(KEEPS)
    for person in range(30):
        see(census, person, {EntityType.PLACE: f"Zzyzx{person // 12}"}, protected={"race": "Xenu"})
    table = to_plain(census.table())
    assert b"zzyzx" not in encode(table).lower()
    assert b"Xenu" not in encode(table)
    assert isinstance(table, dict)
    assert table["persons_in_classes_of"] == {"1": 0, "2-4": 0, "5-9": 6, "10-19": 24, "20 or more": 0}
    assert table["distinct_values"] == {
        **dict.fromkeys(("age", "sex", "postcode", "occupation", "demographic"), 0),
        "place": 3,
        "column race": 1,
    }


def half(value: str) -> str:
    return value[:1]


def away(_: str) -> None:
    return None


Steps = Sequence[Sequence[Callable[[str], str | None]]]
LADDERS: Steps = ([half, away], [away], [away])
rows = st.lists(
    st.tuples(
        st.sampled_from(["aa", "ab", "ba", "bb", None]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from(["1", "2", "3", "4"]),
    ),
    max_size=40,
)


def after(row: Row, levels: Sequence[int], ladders: Steps) -> Row:
    return tuple(
        None if value is None else value if not level else ladders[place][level - 1](value)
        for place, (value, level) in enumerate(zip(row, levels, strict=True))
    )


@given(rows, st.integers(1, 12))
def test_after_enforcement_every_class_has_k_persons(table: list[Row], k: int) -> None:
    levels = enforce_k(table, LADDERS, k)
    left = [after(row, climbed, LADDERS) for row, climbed in zip(table, levels, strict=True)]
    smallest = min(Counter(left).values(), default=k)
    assert smallest >= min(k, len(table))
    if len(table) < k:
        assert set(left) <= {(None, None, None)}


@given(rows, st.integers(1, 12))
def test_enforcement_touches_nobody_where_k_holds_already(table: list[Row], k: int) -> None:
    sizes = Counter(table)
    large = [row for row in table if sizes[row] >= k]
    assert all(not any(levels) for levels in enforce_k(large, LADDERS, k))


def test_the_attribute_that_tells_most_gives_way_first_and_the_rest_stays() -> None:
    table: list[Row] = [("aa", "x", str(person)) for person in range(6)]
    assert enforce_k(table, LADDERS, 3) == [(0, 0, 1)] * 6


def test_a_person_left_alone_takes_the_smallest_class_along() -> None:
    table: list[Row] = [("aa", "x", "1")] * 5 + [("bb", "y", "2")] * 3 + [("ab", None, "3")]
    levels = enforce_k(table, LADDERS, 3)
    assert levels[:5] == [(0, 0, 0)] * 5
    assert levels[5:8] == [(2, 1, 1)] * 3
    assert levels[8] == (2, 0, 1)


@pytest.mark.parametrize("k", [0, 1])
def test_a_k_of_one_asks_for_nothing(k: int) -> None:
    assert enforce_k([("aa", "x", "1")], LADDERS, k) == [(0, 0, 0)]
