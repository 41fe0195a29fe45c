"""Readers of the corpora: the offsets are those of the text as it is, and what is held out is never trained on."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.tagger.corpora import (
    CORPORA,
    COURT_CASES_HELD_OUT,
    Part,
    court_cases,
    disjoint,
    encyclopedia,
    spanish_cases,
    tweets,
)
from tunewarden.steps.deidentify.tagger.gold import GoldSpan, GoldText


def marked(gold: GoldText) -> list[tuple[str, EntityType | None]]:
    return [(gold.text[span.start : span.end], span.entity) for span in gold.spans]


def test_a_spanish_case_with_carriage_returns_keeps_its_offsets(tmp_path: Path) -> None:
    text = "Nombre: Ana\r\nCP: 28001 Madrid\r\n"
    lines = ["T1\tNOMBRE_SUJETO_ASISTENCIA 8 11\tAna", "T2\tTERRITORIO 17 22\t28001", "T3\tTERRITORIO 23 29\tMadrid"]
    folder = tmp_path / "meddocan-es" / "corpus" / "train" / "brat"
    folder.mkdir(parents=True)
    (folder / "1.txt").write_bytes(text.encode())
    (folder / "1.ann").write_text("\n".join([*lines, "#1\tAnnotatorNotes T1\tignored"]), encoding="utf-8")

    (gold,) = spanish_cases(tmp_path, Part.TRAIN)

    assert gold.text == text
    assert marked(gold) == [
        ("Ana", EntityType.NAME),
        ("28001", EntityType.POSTCODE),
        ("Madrid", EntityType.PLACE),
    ]


def test_words_of_a_corpus_become_a_text_and_a_class_that_is_neither_here_nor_there_stays_open(tmp_path: Path) -> None:
    content = "-DOCSTART- O\n\nIn O\n( O\nnew I-LOC\nYork I-LOC\n) O\n, O\n\nAnn I-PER\nplayed O\nChess I-MISC\n. O\n\n"
    folder = tmp_path / "ner-wikigold"
    folder.mkdir()
    (folder / "wikigold.conll.txt").write_text(content + content.replace("Ann", "Bob"), encoding="utf-8")

    (gold,) = encyclopedia(tmp_path, Part.TRAIN)

    assert gold.text == "In (new York), Bob played Chess."
    assert marked(gold) == [("new York", EntityType.PLACE), ("Bob", EntityType.NAME), ("Chess", None)]
    assert [marked(each)[1][0] for each in encyclopedia(tmp_path, Part.HELD_OUT)] == ["Ann"]


def test_tweets_are_separate_texts_and_a_handle_is_written_as_one(tmp_path: Path) -> None:
    (tmp_path / "ner-btc").mkdir()
    (tmp_path / "ner-wnut17").mkdir()
    (tmp_path / "ner-btc" / "a.conll").write_text("Hi\tO\n@\tB-PER\nann\tI-PER\n\nBye\tO\n", encoding="utf-8")
    train = "Acme\tB-corporation\n\t\nLost\tB-creative-work\n"
    (tmp_path / "ner-wnut17" / "wnut17train.conll").write_text(train, encoding="utf-8")

    found = list(tweets(tmp_path, Part.TRAIN))

    assert [gold.text for gold in found] == ["Hi @ann", "Bye", "Acme", "Lost"]
    assert [marked(gold) for gold in found] == [
        [("@ann", EntityType.NAME)],
        [],
        [("Acme", EntityType.ORGANISATION)],
        [("Lost", None)],
    ]


def test_of_the_court_cases_those_of_the_smallest_digests_are_held_out_whatever_their_order(tmp_path: Path) -> None:
    documents = [{"id": f"case-{number}", "text": f"case {number}", "entities": []} for number in range(40)]
    (tmp_path / "tab").mkdir()

    def held_out(given: list[dict[str, object]]) -> set[str]:
        lines = "\n".join(map(json.dumps, given))
        (tmp_path / "tab" / "tab_train_dev.jsonl").write_text(lines, encoding="utf-8")
        return {gold.text for gold in court_cases(tmp_path, Part.HELD_OUT)}

    once = held_out(documents)
    by_digest = sorted(range(40), key=lambda number: hashlib.sha256(f"case-{number}".encode()).digest())
    assert once == {f"case {number}" for number in by_digest[:COURT_CASES_HELD_OUT]}
    assert held_out(documents[::-1]) == once
    assert not once & {gold.text for gold in court_cases(tmp_path, Part.TRAIN)}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=12))
def test_spans_that_overlap_become_disjoint_and_cover_the_same(places: list[tuple[int, int]]) -> None:
    spans = [GoldSpan(start=start, end=start + length, entity=EntityType.NAME) for start, length in places]

    found = disjoint(iter(spans))

    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    assert covered(found) == covered(spans)


def covered(spans: Iterable[GoldSpan]) -> set[int]:
    return {place for span in spans for place in range(span.start, span.end)}


@pytest.fixture(scope="module")
def corpora() -> Path:
    """The public corpora. Skips where they are not at hand."""
    root = Path(__file__).parents[5] / "shared" / "data"
    if not (root / "tab").is_dir():
        pytest.skip("the public corpora are not here")
    return root


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_no_text_of_a_corpus_is_both_trained_on_and_held_out(name: str, corpora: Path) -> None:
    read: Callable[[Path, Part], Iterator[GoldText]] = CORPORA[name]
    trained = list(read(corpora, Part.TRAIN))
    held_out = {gold.text for gold in read(corpora, Part.HELD_OUT)}

    assert trained
    assert not held_out & {gold.text for gold in trained}
    for gold in trained:
        assert all(0 <= span.start < span.end <= len(gold.text) for span in gold.spans)
        assert all(one.end <= other.start for one, other in zip(gold.spans, gold.spans[1:], strict=False))


def test_the_held_out_parts_have_the_sizes_that_the_data_sheet_states(corpora: Path) -> None:
    sizes = {name: sum(1 for _ in read(corpora, Part.HELD_OUT)) for name, read in CORPORA.items()}

    assert sizes == {"court-cases": 30, "spanish-cases": 250, "encyclopedia": 29, "tweets": 0}
