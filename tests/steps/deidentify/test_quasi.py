"""Quasi-identifiers: what is readable is counted, and k holds once it is enforced."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import PolicyName
from tunewarden.steps.deidentify.attributes import KINDS
from tunewarden.steps.deidentify.quasi import SUPPRESSED, Census, Row, Step, distinct, enforce_k, given_up
from tunewarden.steps.deidentify.spans import Span


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


KEEPS = profile(
    age=Operator.BAND,
    sex=Operator.KEEP,
    place=Operator.KEEP,
    occupation=Operator.KEEP,
    **{"rare-condition": Operator.KEEP},
)


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


def test_all_texts_of_a_person_count_together_and_words_for_a_sex_are_one() -> None:
    census = Census(KEEPS)
    see(census, 0, {EntityType.SEX: "F"})
    see(census, 0, {EntityType.SEX: "woman", EntityType.PLACE: "Leeds"})
    see(census, 1, {EntityType.SEX: "mujer", EntityType.PLACE: "LEEDS"})
    assert census.classes().sizes == (2,)
    see(census, 1, {EntityType.PLACE: "York"})
    assert census.classes().sizes == (1, 1)


def test_a_rare_condition_makes_a_class_of_its_own_whatever_it_is_called() -> None:
    census = Census(KEEPS)
    for person, text in enumerate(["Burn.", "Burn.", "Known Gaucher's disease.", "Enfermedad de Gaucher.", "Has ALS."]):
        census.see(pseudonym(person), 0, {}, text, [], text, [], [])
    assert sorted(census.classes().sizes) == [1, 2, 2]
    table = to_plain(census.table())
    assert isinstance(table, dict)
    assert isinstance(counts := table["distinct_values"], dict)
    assert counts["rare-condition"] == 2
    assert b"gaucher" not in encode(table).lower()


def test_a_rare_condition_first_becomes_its_kind_and_goes_where_that_is_still_too_rare() -> None:
    census = Census(KEEPS)
    texts = ["Burn."] * 4 + ["Has ALS.", "Has Gaucher disease.", "Has Wilson's disease."]
    for person, text in enumerate(texts):
        census.see(pseudonym(person), 0, {}, text, [], text, [], [])
    three = census.suppressions(3)
    assert three == {pseudonym(person): {EntityType.RARE_CONDITION: Operator.REPLACE} for person in (4, 5, 6)}
    four = census.suppressions(4)
    assert four == {pseudonym(person): {EntityType.RARE_CONDITION: Operator.REDACT} for person in (4, 5, 6)}


def test_dates_that_are_kept_are_cut_to_the_year_before_they_are_taken_out() -> None:
    census = Census(profile(date=Operator.KEEP))
    for person, date in enumerate(["3/14/1952", "4/1/1952", "May 1952", "3/2/1960"]):
        see(census, person, {EntityType.DATE: date})
    assert [census.suppressions(3).get(pseudonym(person), {}).get(EntityType.DATE) for person in range(4)] == [
        *[Operator.REPLACE] * 4  # whoever is left alone takes the others along
    ]
    see(census, 4, {EntityType.DATE: "1/1/1960"})
    see(census, 5, {EntityType.DATE: "2/1/1960"})
    assert {what[EntityType.DATE] for what in census.suppressions(3).values()} == {Operator.YEAR}


def test_a_suppressed_column_tells_nothing() -> None:
    census = Census(KEEPS)
    see(census, 0, {}, protected={"race": SUPPRESSED})
    see(census, 1, {}, protected={"race": ""})
    assert census.classes().sizes == (2,)


def test_protected_columns_are_joined_with_the_texts() -> None:
    census = Census(KEEPS)
    for person, race in enumerate(["a", "a", "b"]):
        see(census, person, {EntityType.SEX: "woman"}, protected={"race": race, "sex": "f"})
    assert sorted(census.classes().sizes) == [1, 2]
    assert census.suppressions(2)[pseudonym(2)]["race"] is Operator.REPLACE


def test_l_of_a_person_alone_is_one_whatever_labels_their_records_have() -> None:
    census = Census(KEEPS)
    see(census, 0, {}, label=0)
    see(census, 0, {}, label=1)
    assert (census.classes().sizes, census.classes().labels) == ((1,), (1,))


@pytest.mark.parametrize(
    ("labels", "different"),
    [
        ([{0}, {0}, {0}], 1),
        ([{0}, {1}, {0}], 2),
        ([{0}, {1}, {2}, {2}], 3),
        ([{0}, {0, 1}], 1),  # 0 is everybody's: who is in this class has it
        ([{0, 1}, {1, 2}, {0, 2}], 3),
        ([{0, 1}, {2}], 2),
    ],
)
def test_distinct_l_counts_what_an_onlooker_has_to_choose_between(labels: Sequence[set[int]], different: int) -> None:
    assert distinct([frozenset(of_person) for of_person in labels]) == different


@given(st.lists(st.integers(0, 4), min_size=1))
def test_where_everybody_has_one_label_l_is_the_number_of_different_ones(labels: list[int]) -> None:
    """Machanavajjhala et al. 2007: a block is l-diverse in the distinct sense if it has l values or more."""
    assert distinct([frozenset({label}) for label in labels]) == len(set(labels))


def test_l_is_that_of_the_worst_class_and_a_large_k_does_not_make_it_large() -> None:
    census = Census(KEEPS)
    for person in range(10):
        see(census, person, {EntityType.PLACE: "Leeds"}, label=7)
    for person in range(10, 20):
        see(census, person, {EntityType.PLACE: "York"}, label=person)
    k, _, diversity = census.measurements(5)
    assert (k.value, diversity.value) == (10, 1)


def test_l_of_a_column_looks_at_persons_who_are_alike_in_all_else_and_have_the_same_label() -> None:
    census = Census(KEEPS)
    rows = [
        ("Leeds", "a", 0),
        ("Leeds", "b", 0),
        ("Leeds", "c", 1),
        ("Leeds", "d", 1),
        ("York", "a", 0),
        ("York", "b", 0),
    ]
    for person, (place, race, label) in enumerate(rows):
        see(census, person, {EntityType.PLACE: place}, protected={"race": race}, label=label)

    def of_race() -> object:
        table = census.table()["l_of_columns"]
        assert isinstance(table, Mapping)
        return table["race"]

    assert of_race() == 2
    see(census, 6, {EntityType.PLACE: "Leeds"}, protected={"race": "a"}, label=2)
    assert of_race() == 1
    hidden = Census(KEEPS)
    see(hidden, 0, {}, protected={"race": SUPPRESSED})
    assert hidden.table()["l_of_columns"] == {"race": 0}


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
        **dict.fromkeys((kind.value for kind in KINDS), 0),
        "place": 3,
        "column race": 1,
    }


def half(value: str) -> str:
    return value[:1]


def away(_: str) -> None:
    return None


Steps = Sequence[Sequence[Step]]
LADDERS: Steps = ([half, away], [away], [away])
cells = st.lists(st.sampled_from(["aa", "ab", "ba", "bb"]), unique=True, max_size=2).map(
    lambda cell: tuple(sorted(cell))
)
rows = st.lists(
    st.tuples(
        cells,
        st.sampled_from([("x",), ("y",), ()]),
        st.sampled_from([("1",), ("2",), ("3",), ("4",)]),
    ),
    max_size=40,
)


def row(*values: str | None) -> Row:
    return tuple(() if value is None else (value,) for value in values)


def after(row: Row, levels: Sequence[int], ladders: Steps) -> Row:
    def of_one(place: int, values: tuple[str, ...], level: int) -> tuple[str, ...]:
        made = {value if not level else ladders[place][level - 1](value) for value in values}
        return tuple(sorted(value for value in made if value is not None))

    return tuple(of_one(place, *both) for place, both in enumerate(zip(row, levels, strict=True)))


@given(rows, st.integers(1, 12))
def test_after_enforcement_every_class_has_k_persons(table: list[Row], k: int) -> None:
    levels = enforce_k(table, LADDERS, k)
    left = [after(row, climbed, LADDERS) for row, climbed in zip(table, levels, strict=True)]
    smallest = min(Counter(left).values(), default=k)
    assert smallest >= min(k, len(table))
    if len(table) < k:
        assert set(left) <= {((), (), ())}


@given(rows, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_the_persons_decides_nothing(table: list[Row], k: int, chance: Random) -> None:
    levels = enforce_k(table, LADDERS, k)
    order = list(range(len(table)))
    chance.shuffle(order)
    assert enforce_k([table[at] for at in order], LADDERS, k) == [levels[at] for at in order]


@given(rows, st.integers(1, 12))
def test_enforcement_touches_nobody_where_k_holds_already(table: list[Row], k: int) -> None:
    sizes = Counter(table)
    large = [row for row in table if sizes[row] >= k]
    assert all(not any(levels) for levels in enforce_k(large, LADDERS, k))


def test_the_attribute_that_tells_most_gives_way_first_and_the_rest_stays() -> None:
    table = [row("aa", "x", str(person)) for person in range(6)]
    assert enforce_k(table, LADDERS, 3) == [(0, 0, 1)] * 6


def test_a_person_left_alone_takes_the_smallest_class_along_and_of_two_the_first_in_order() -> None:
    table = [row("aa", "x", "1")] * 5 + [row("bb", "y", "2")] * 3 + [row("ab", None, "3")]
    levels = enforce_k(table, LADDERS, 3)
    assert levels[:5] == [(0, 0, 0)] * 5
    assert levels[5:8] == [(2, 1, 1)] * 3
    assert levels[8] == (2, 0, 1)
    groups = ([row("bb", "y", "2")] * 3, [row("aa", "x", "1")] * 3, [row("ab", None, "3")])
    for order in permutations(groups):
        table = [each for group in order for each in group]
        untouched = {row for row, levels in zip(table, enforce_k(table, LADDERS, 3), strict=True) if not any(levels)}
        assert untouched == {row("bb", "y", "2")}


@pytest.mark.parametrize("k", [0, 1])
def test_a_k_of_one_asks_for_nothing(k: int) -> None:
    assert enforce_k([row("aa", "x", "1")], LADDERS, k) == [(0, 0, 0)]


def test_a_second_look_only_ever_asks_for_more() -> None:
    census = Census(profile(age=Operator.KEEP))
    for person, age in enumerate(["45", "47", "46"]):
        see(census, person, {EntityType.AGE: age})
    already = {
        pseudonym(0): {EntityType.AGE: Operator.REPLACE},
        pseudonym(9): {EntityType.SEX: Operator.REPLACE},
        pseudonym(1): {EntityType.AGE: Operator.TOP_CODE},
    }
    assert census.suppressions(3, already) == {
        pseudonym(0): {EntityType.AGE: Operator.REPLACE},
        pseudonym(9): {EntityType.SEX: Operator.REPLACE},
        pseudonym(1): {EntityType.AGE: Operator.BAND},
        pseudonym(2): {EntityType.AGE: Operator.BAND},
    }
    assert census.suppressions(1, already) == already


def test_what_k_cost_is_the_share_of_readable_attributes_that_gave_way() -> None:
    census = Census(profile(age=Operator.KEEP, sex=Operator.KEEP))
    for person, age in enumerate(["45", "47", "46", "45"]):
        see(census, person, {EntityType.AGE: age, EntityType.SEX: "f"}, protected={"race": str(person // 2)})
    assert census.readable_attributes() == 12
    cost = given_up(census.suppressions(4), census.readable_attributes())
    assert cost.changed == {"age": {"band": 4}, "column race": {"replace": 4}}
    measured = cost.measurement()
    assert (measured.metric, measured.n) == ("deid.generalised_value_share", 12)
    assert measured.low == measured.value == measured.high == Decimal("0.666667")
    assert given_up({}, 0).share() == 0
