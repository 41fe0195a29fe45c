"""Whether names of some are found less often: the worst group is measured against the rest."""

from collections.abc import Sequence

import numpy as np

from tunewarden.domain.canonical import encode, to_plain
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import Digest
from tunewarden.steps.deidentify.fairness import Cohort, compared, name_fairness
from tunewarden.steps.deidentify.spans import Span
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText
from tunewarden.steps.measure.intervals import critical, difference, share

SEED = Digest("sha256:" + "1" * 64)


def cohorts(each: int, names: int) -> list[Cohort]:
    """Sentences with a name, `names` different ones for every origin and gender."""
    made = []
    for origin in ("north", "south", "west"):
        for gender in ("women", "men"):
            for number in range(each):
                name = f"{origin}{gender}{number % names}"
                text = f"Seen with {name} today."
                span = GoldSpan(start=10, end=10 + len(name), entity=EntityType.NAME)
                made.append((origin, gender, GoldText(text=text, spans=(span,))))
    return made


def finds(*missed: str) -> "Reader":
    return Reader(missed)


class Reader:
    """Takes the whole of each text but those with one of these words in them."""

    def __init__(self, missed: Sequence[str]) -> None:
        self.missed = missed

    def __call__(self, texts: Sequence[str]) -> list[list[Span]]:
        whole = Span(start=0, end=10_000, entity=EntityType.NAME, score=1.0)
        return [[] if any(word in text for word in self.missed) else [whole] for text in texts]


def test_a_recogniser_that_finds_all_has_no_gap_and_an_interval() -> None:
    measured = compared(finds(), cohorts(40, 40)).measurement()
    assert measured.metric == "deid.name_recall_gap"
    assert measured.value == 0
    assert 0 < measured.high < 0.2
    assert measured.n == 240


def test_all_comparisons_hold_together() -> None:
    one, rest = np.ones(120, dtype=np.bool_), np.arange(120)
    together = difference(share(one, rest, critical(5)), share(one, rest, critical(5)))  # three origins, two genders
    (found,) = {group.shortfall for group in compared(finds(), cohorts(40, 40)).groups if group.attribute == "gender"}
    assert found == together.figure()


def test_the_group_that_is_missed_is_the_gap() -> None:
    found = compared(finds("south"), cohorts(40, 40))
    assert found.measurement().value == 1
    assert found.measurement().low > 0.9
    worst = found.table()[0]
    assert (worst["attribute"], worst["group"], worst["found"], worst["texts"]) == ("origin", "south", 0, 80)


def test_genders_are_compared_too() -> None:
    table = compared(finds("southwomen"), cohorts(40, 40)).table()
    assert [(row["attribute"], row["group"]) for row in table[:2]] == [("origin", "south"), ("gender", "women")]
    assert len(table) == 5


def test_a_name_that_is_read_many_times_counts_once() -> None:
    wide = compared(finds(), cohorts(40, 4)).measurement().high
    assert wide > 2 * compared(finds(), cohorts(40, 40)).measurement().high


def test_half_a_name_is_not_found() -> None:
    short = [[Span(start=10, end=13, entity=EntityType.NAME, score=1.0)]]
    found = compared(lambda texts: short * len(texts), cohorts(2, 2))
    assert {row["found"] for row in found.table()} == {0}


def test_the_cohorts_of_the_platform_are_read_in_every_language_and_repeat_themselves() -> None:
    seen: list[str] = []

    def reader(texts: Sequence[str]) -> list[list[Span]]:
        seen.extend(texts)
        return finds("a")(texts)

    first = name_fairness(reader, ("en", "es"), SEED, each=2)
    texts = list(seen)
    seen.clear()
    assert name_fairness(reader, ("en", "es"), SEED, each=2) == first
    assert seen == texts
    assert {group.attribute for group in first.groups} == {"origin", "gender"}
    assert len(texts) == 2 * 2 * 2 * (len(first.groups) - 2)
    assert encode(to_plain(first.table()))
