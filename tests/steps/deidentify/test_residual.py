"""Planted identifiers, exact intervals, and the second look."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, strategies as st
from presidio_analyzer import PatternRecognizer

from tunewarden.domain.deidentification import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.detector import Deidentifier
from tunewarden.steps.deidentify.planted import PLANTED, covered, planted, put
from tunewarden.steps.deidentify.residual import Rescan, Tally, clopper_pearson, planted_recall, proportion
from tunewarden.steps.deidentify.spans import Span

SEED, OTHER_SEED = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
TEXTS = ("45 yo F with burn of hand. Dressing applied.", "8 YOM PLAYING WITH FIREWORKS. DX BURN FACE", "no pain")


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
    assert clopper_pearson(Tally(hits=hits, n=n)) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(0, 300), st.integers(0, 300))
def test_an_interval_always_holds_its_value_after_rounding(hits: int, missed: int) -> None:
    measured = proportion("any", Tally(hits=hits, n=hits + missed), per=1000)
    assert 0 <= measured.low <= measured.value <= measured.high <= 1000


@given(st.sampled_from(PLANTED), st.sampled_from([*TEXTS, "", "\r\n", "one"]), st.integers())
def test_a_plant_stands_where_it_says_and_the_text_around_it_is_kept(entity: EntityType, text: str, seed: int) -> None:
    chance = Random(seed)
    plant = planted(entity, chance)
    changed, start, end = put(plant, text, chance)
    assert changed[start:end] in {plant.value, plant.value.upper()}
    without = changed[: start - len(plant.before)] + changed[end + len(plant.after) :]
    assert without.split() == text.split()


def test_a_plant_is_found_only_if_every_letter_and_digit_is_covered() -> None:
    text = "Dr. Ada Khybak."
    whole = Span(start=4, end=14, entity=EntityType.NAME, score=1.0)
    parts = tuple(Span(start=a, end=b, entity=EntityType.NAME, score=1.0) for a, b in ((4, 7), (8, 14)))
    short = Span(start=4, end=13, entity=EntityType.NAME, score=1.0)
    assert covered(text, 4, 14, (whole,))
    assert covered(text, 4, 14, parts)
    assert not covered(text, 4, 14, (short,))
    assert not covered(text, 4, 14, ())


def test_the_same_records_give_the_same_evidence_and_others_give_other_plants(default: Deidentifier) -> None:
    texts = ["8 YOM PLAYING WITH FIREWORKS. DX BURN FACE"] * 3  # in upper case some names are missed
    first = planted_recall(default, texts, len(texts), SEED, each=40)
    assert first[EntityType.NAME].hits < 40
    assert planted_recall(default, texts, len(texts), SEED, each=40) == first
    assert planted_recall(default, texts, len(texts), OTHER_SEED, each=40) != first
    assert {tally.n for tally in first.values()} == {40}
    assert set(first) == set(PLANTED)


def test_planted_recall_falls_to_nothing_where_nothing_is_recognised(default: Deidentifier) -> None:
    blind = Deidentifier(default.profile, [PatternRecognizer(supported_entity="name", deny_list=["nobody"])])
    assert {tally.hits for tally in planted_recall(blind, TEXTS, len(TEXTS), SEED, each=3).values()} == {0}


def test_the_second_look_counts_records_with_a_weak_hit_or_the_persons_own_id(default: Deidentifier) -> None:
    rescan = Rescan()
    rescan.look(default, "Burn of hand.", "P-000001")
    rescan.look(default, "Tag 48213 on wrist.", "P-000001")  # too weak for the profile, worth a second look
    rescan.look(default, "Known as P-000001 here.", "P-000001")
    measured = rescan.measurement()
    assert (rescan.records, rescan.records_hit) == (3, 2)
    assert measured.value == Decimal("666.666667")
    assert measured.n == 3
