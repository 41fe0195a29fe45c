"""The second look at the output, the search for known values, planted identifiers and exact intervals."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.deidentification import Engine, EngineKind, Method, Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.steps.deidentify.planted import PLANTED
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.deidentify.residual import (
    Rescan,
    Tally,
    exact,
    left_standing,
    planted_recall,
    proportion,
    recall_measurements,
    sought,
    stands_in,
)
from tunewarden.steps.deidentify.spans import Span

SEED, OTHER_SEED = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
TEXTS = ("45 yo F with burn of hand. Dressing applied.", "8 YOM PLAYING WITH FIREWORKS. DX BURN FACE", "no pain")
PROFILE = Profile(
    name=PolicyName("p"),
    method=Method.NONE,
    languages=("en",),
    threshold=Decimal("0.4"),
    engine=Engine(kind=EngineKind.PATTERNS, threshold=Decimal("0.4")),
    operators={EntityType.SEX: Operator.KEEP},
    default=Operator.REPLACE,
)


def span(start: int, end: int, entity: EntityType = EntityType.NAME) -> Span:
    return Span(start=start, end=end, entity=entity, score=0.5)


def at(text: str, *words: str) -> tuple[tuple[int, int], ...]:
    return tuple((text.index(word), text.index(word) + len(word)) for word in words)


def everything(texts: Sequence[str]) -> list[list[Span]]:
    return [[span(0, len(text))] for text in texts]


def nothing(texts: Sequence[str]) -> list[list[Span]]:
    return [[] for _ in texts]


def capitals(texts: Sequence[str]) -> list[list[Span]]:
    """A recogniser that takes whatever is no small letter."""
    return [[span(i, i + 1) for i, letter in enumerate(text) if not letter.islower()] for text in texts]


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 59, 0.0, 0.0606),  # Clopper and Pearson: 1 - 0.025 ** (1 / 59)
        (150, 150, 0.9757, 1.0),
        (8, 10, 0.4439, 0.9748),  # Brown, Cai and DasGupta 2001 and every textbook
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_the_exact_one_of_clopper_and_pearson(hits: int, n: int, low: float, high: float) -> None:
    assert exact_interval(hits, n) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_interval_always_holds_its_value_after_rounding(hits: int, missed: int) -> None:
    measured = proportion("any", Tally(hits=hits, n=hits + missed), per=1000)
    assert 0 <= measured.low <= measured.value <= measured.high <= 1000


def test_what_stands_in_place_of_an_identifier_is_no_hit() -> None:
    text = "Dr. Miriam Vale saw Ode."
    name = span(*at(text, "Miriam Vale")[0])
    assert left_standing(text, name, ())
    assert not left_standing(text, name, at(text, "Miriam Vale"))
    assert not left_standing(text, name, at(text, "Miriam", "Vale"))
    assert not left_standing(text, span(0, len("Dr. Miriam Vale")), at(text, "Miriam Vale"))
    assert left_standing(text, name, at(text, "Miriam"))  # "Vale" is four letters
    assert left_standing(text, span(*at(text, "Ode")[0]), at(text, "Miriam Vale"))
    assert not left_standing(text, span(*at(text, ".")[0]), ())


@pytest.mark.parametrize("words", ["Oh", "I'll", "Tetanus", "Mr", "I'm", "Gracias", "G", "?"])
def test_prose_that_a_doubtful_look_takes_for_a_name_is_no_hit(words: str) -> None:
    assert not left_standing(words, span(0, len(words)), ())


def test_a_short_name_beside_prose_is_a_hit() -> None:
    assert left_standing("Oh Ng", span(0, 5), ())


def test_a_hit_across_a_place_where_something_was_taken_out_counts_if_a_word_of_it_is_left() -> None:
    assert left_standing("Vale of tears", span(0, 13), ((5, 5),))
    assert not left_standing("of the ", span(0, 6), ((3, 3),))


@pytest.mark.parametrize(
    ("value", "text", "stands"),
    [
        ("Okonkwo", "Seen by Okonkwo again.", True),
        ("Okonkwo", "SEEN BY OKONKWO'S TEAM", True),
        ("Okonkwo", "i said okonkwo was here", True),
        ("Okonkwo", "He mentioned okonkwo twice", True),
        ("Okonkwo", "Okonkwolike", False),
        ("José Núñez", "JOSE NUNEZ came", True),
        ("555-01-2345", "number 555 01 2345", True),
        ("555-01-2345", "number 555012345", False),
        ("ada.vale@x.org", "mail ADA.VALE@X.ORG now", True),
        ("Ng", "Mr Ng is here", False),  # too short to be told from anything
        ("A-B", "A B", False),
        ("", "anything", False),
        ("Long", "Mr. Long waited as Long as he could", True),
        ("Long", "It takes as long as ever", False),
        ("Long", "it takes as long as ever", True),  # here small letters say nothing
        ("\uff2d\uff32\uff2e\uff19\uff19\uff11\uff12", "MRN9912 on file", True),
    ],
)
def test_a_known_value_is_found_where_it_stands_as_words(value: str, text: str, stands: bool) -> None:
    assert stands_in(text, (), [value]) is stands


def test_a_known_value_inside_what_we_put_there_is_no_leak_and_beside_it_is_one() -> None:
    text = "Maria Vale and Maria Vale"
    first = (0, len("Maria Vale"))
    assert stands_in(text, (first,), ["Maria Vale"])
    assert not stands_in("Maria Vale here", (first,), ["Maria Vale"])
    assert not stands_in("Maria [X] Vale", ((6, 9),), ["Maria Vale"])  # not in a row


@given(
    st.lists(st.sampled_from(["Okonkwo", "555-01-2345", "Maria Vale", "fell", "burn", ","]), max_size=12),
    st.sampled_from(["Okonkwo", "555-01-2345", "Maria Vale"]),
)
def test_a_text_leaks_a_value_exactly_if_the_value_is_one_of_its_parts(parts: list[str], value: str) -> None:
    text = " ".join(parts)
    assert stands_in(text, (), [value]) == (value in parts)
    places, position = [], 0
    for part in parts:
        places.append((position, position + len(part)))
        position += len(part) + 1
    assert not stands_in(text, places, [value])


def test_direct_identifiers_are_sought_and_attributes_are_not() -> None:
    assert all(sought(kind) for kind in (EntityType.NAME, EntityType.PLACE, EntityType.DATE, EntityType.NATIONAL_ID))
    assert not any(
        sought(kind)
        for kind in (EntityType.AGE, EntityType.SEX, EntityType.OCCUPATION, EntityType.DEMOGRAPHIC, EntityType.RELATIVE)
    )


def test_a_record_with_a_weak_find_or_a_known_value_is_counted_once() -> None:
    rescan = Rescan(profile=PROFILE)
    rescan.look("Burn of hand.", [], [], ["Okonkwo"])
    rescan.look("Tag 48213 of Vale.", [span(4, 9), span(13, 17)], [], [])
    rescan.look("[NAME] and Okonkwo here.", [span(0, 6)], [(0, 6)], ["Okonkwo", "Okonkwo"])
    rescan.look("Woman of 40", [span(0, 5, EntityType.SEX)], [], [])  # the profile keeps it
    rescan.look("A weaver", [span(2, 8, EntityType.OCCUPATION)], [], [])  # identifies nobody directly
    hits, values = rescan.measurements()
    assert (rescan.records, rescan.records_hit, rescan.records_leaking) == (5, 1, 1)
    assert rescan.kinds == {EntityType.NAME: 2, EntityType.OCCUPATION: 1}
    assert (hits.metric, hits.value, hits.n) == ("deid.rescan_hits_per_1000_records", Decimal(200), 5)
    assert values == exact("deid.value_leaks_per_1000_records", Decimal("200.000000"), 5)


def test_one_leak_in_a_billion_records_is_not_rounded_to_none() -> None:
    assert Rescan(profile=PROFILE, records=10**10, records_leaking=1).measurements()[1].low > 0


@given(st.lists(st.sampled_from(["Vale", "hand", "Okonkwo fell"]), max_size=9), st.integers(0, 9))
def test_looks_at_parts_add_up_to_a_look_at_all(texts: list[str], cut: int) -> None:
    def looked(some: Sequence[str]) -> Rescan:
        rescan = Rescan(profile=PROFILE)
        for text in some:
            rescan.look(text, [span(0, 4)] if text[0].isupper() else [], [], ["Okonkwo"])
        return rescan

    assert looked(texts[:cut]) + looked(texts[cut:]) == looked(texts)


def test_looks_by_two_profiles_are_not_added() -> None:
    with pytest.raises(ValueError, match="two profiles"):
        _ = Rescan(profile=PROFILE) + Rescan(profile=replace(PROFILE, default=Operator.KEEP, operators={}))


def test_planted_recall_is_whole_where_all_is_taken_and_nothing_where_nothing_is() -> None:
    found = planted_recall(everything, TEXTS, len(TEXTS), SEED, each=3)
    assert found == dict.fromkeys(PLANTED, Tally(hits=3, n=3))
    assert planted_recall(nothing, TEXTS, len(TEXTS), SEED, each=3) == dict.fromkeys(PLANTED, Tally(hits=0, n=3))


def test_the_same_records_give_the_same_evidence_and_others_give_other_plants() -> None:
    seen: list[list[str]] = []

    def remember(texts: Sequence[str]) -> list[list[Span]]:
        seen.append(list(texts))
        return capitals(texts)

    first = planted_recall(remember, TEXTS, len(TEXTS), SEED, each=4)
    assert planted_recall(remember, TEXTS, len(TEXTS), SEED, each=4) == first
    assert seen[0] == seen[1]
    planted_recall(remember, TEXTS, len(TEXTS), OTHER_SEED, each=4)
    assert seen[2] != seen[0]


def test_long_texts_are_planted_in_parts_of_them() -> None:
    longest = 0

    def measure(texts: Sequence[str]) -> list[list[Span]]:
        nonlocal longest
        longest = max(longest, *map(len, texts))
        return everything(texts)

    texts = ["burn of the hand " * 5000, "x" * 90_000]
    assert all(tally.hits == 5 for tally in planted_recall(measure, texts, 2, SEED, each=5).values())
    assert longest < 1500


def test_recall_is_measured_for_each_kind_and_for_all_together() -> None:
    tallies = {EntityType.NAME: Tally(hits=9, n=10), EntityType.DATE: Tally(hits=10, n=10)}
    measured = {each.metric: each for each in recall_measurements(tallies)}
    assert measured["deid.planted_recall.name"].value == Decimal("0.9")
    assert (measured["deid.planted_recall"].value, measured["deid.planted_recall"].n) == (Decimal("0.95"), 20)
