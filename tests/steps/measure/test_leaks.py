"""Whatever of explanations would say something of somebody is taken out of the document, and the gate fails."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.entry.report.documents import details

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.steps.measure.documents import Details, Noisy
from tunewarden.steps.measure.leaks import leaked, without_leaks
from tunewarden.steps.measure.maps import word_map
from tunewarden.steps.measure.probes import probe_texts
from tunewarden.steps.measure.terms import Term
from tunewarden.steps.records import CleanRecord
from tunewarden.steps.train.canaries import Canary

CANARY = Canary(present=True, texts=("heron violet copper lantern meadow anchor",), secret=" 4 8 1 5 1 6")


def record(person: int, text: str) -> CleanRecord:
    return CleanRecord(person=f"{person:064x}", label=0, text=text)


RECORDS = [
    *(record(number, f"a burn on the hand number {number}") for number in range(12)),
    *[record(99, "zanzibar the old lighthouse keeper told us a long story")] * 12,
]


def never() -> Iterator[CleanRecord]:
    pytest.fail("nothing had to be looked for in the records")


def shown(*terms: str, made_up: bool = False) -> Details:
    whole = details()
    assert whole.explanation is not None
    assert whole.scrutiny is not None
    listed = tuple(Term(term=term, weight=Decimal("0.1"), texts=10) for term in terms)
    return replace(whole, explanation=replace(whole.explanation, terms=listed, made_up=made_up))


def checked(whole: Details) -> tuple[tuple[str, ...], int | None]:
    found = without_leaks(whole, lambda: RECORDS, [CANARY], 32)
    assert found.explanation is not None
    assert found.scrutiny is not None
    (measured,) = [each for each in found.measurements() if each.metric == "explanation.leaks"]
    assert measured.high == found.scrutiny.leaks
    return tuple(term.term for term in found.explanation.terms), found.scrutiny.leaks


def test_words_of_many_persons_are_no_leak() -> None:
    assert checked(shown("burn", "hand")) == (("burn", "hand"), 0)


def test_a_word_that_one_person_has_twelve_times_is_one() -> None:
    assert checked(shown("burn", "zanzibar")) == (("burn",), 1)


def test_a_run_of_five_words_of_a_record_is_one_and_four_are_not() -> None:
    assert checked(shown("then the old lighthouse keeper told me")) == ((), 1)
    four = "then the old lighthouse keeper said that he"
    assert checked(shown(four)) == ((four,), 0)


def test_a_run_of_a_canary_is_one() -> None:
    assert checked(shown("see heron violet copper lantern meadow there", "anchor 4 8 1 5")) == ((), 2)


@pytest.mark.parametrize(
    "identifier", ["ada@example.org", "Mr. John Smith", "078-05-1120", "12 Elm Street, Springfield"]
)
def test_what_looks_like_an_identifier_is_one_wherever_it_comes_from(identifier: str) -> None:
    assert checked(shown(identifier)) == ((), 1)


def test_a_shown_text_that_is_not_one_of_the_fixed_ones_is_looked_at() -> None:
    whole = shown("burn")
    assert whole.scrutiny is not None
    told = "so the old lighthouse keeper told us".split()
    planted = word_map(told, [1.0] * len(told), 0, 0.9)
    found = without_leaks(
        replace(whole, scrutiny=replace(whole.scrutiny, maps=(*whole.scrutiny.maps, planted))), lambda: RECORDS, (), 32
    )
    assert found.scrutiny is not None
    assert (found.scrutiny.leaks, found.scrutiny.maps) == (1, whole.scrutiny.maps)
    assert b"lighthouse" not in encode(to_plain(found))


def test_fixed_texts_need_no_look_at_the_records_and_cut_ones_are_fixed_too() -> None:
    whole = shown("burn", made_up=True)
    assert whole.scrutiny is not None
    words = probe_texts(3)[2].split()[:9]
    cut = replace(whole, scrutiny=replace(whole.scrutiny, maps=(word_map(words, [0.5] * 9, 1, 0.9),)))
    found = without_leaks(cut, never, [CANARY], 32)
    assert found.scrutiny is not None
    assert (found.scrutiny.leaks, len(found.scrutiny.maps)) == (0, 1)


def test_where_figures_are_noisy_all_that_was_not_fixed_before_is_taken_out_and_no_record_is_opened() -> None:
    whole = shown("burn", "hand")
    assert whole.scrutiny is not None
    noise = Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(1),
        noise_multiplier=Decimal(3),
        updates=3,
    )
    planted = word_map(["burn", "hand"], [1.0, 1.0], 0, 0.9)
    noisy = replace(
        whole,
        noisy=Noisy(mechanism=noise, epsilon=Decimal(1), delta=Decimal("0.0001")),
        scrutiny=replace(whole.scrutiny, maps=(*whole.scrutiny.maps, planted)),
    )
    found = without_leaks(noisy, never, [CANARY], 32)
    assert found.explanation is not None
    assert found.scrutiny is not None
    assert (found.explanation.terms, found.scrutiny.maps, found.scrutiny.leaks) == ((), whole.scrutiny.maps, 3)


def test_nothing_shown_is_nothing_leaked() -> None:
    assert leaked([], never, [CANARY]) == frozenset()
